"""``train``: from a prepared data set and a preset, or a config file, to a run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tonada.api.devices import find_device
from tonada.api.starting import start_from
from tonada.api.studies.base import Precision
from tonada.api.studies.choice import study_of
from tonada.api.tables import make_tables, read_request, run_tables
from tonada.config import from_mapping, read_toml
from tonada.data import Dataset
from tonada.errors import CheckpointError, ConfigError, DataError
from tonada.model import Model
from tonada.report import write_report
from tonada.runs import build_model, read_log
from tonada.seeding import key
from tonada.trainer import Trainer
from tonada.training import Progress, TrainerConfig, TrainingResult, precision_of


def train(
    model: str | None = None,
    *,
    data: str | Path,
    output: str | Path,
    config: str | Path | None = None,
    init: str | Path | None = None,
    settings: Sequence[str] = (),
    resume: bool = False,
    max_minutes: float | None = None,
    device: str = "auto",
    smoke: bool = False,
    stop: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> TrainingResult:
    """Train a model on a prepared data set, of notes or of sound.

    Parameters
    ----------
    model
        Full name of a preset, for example ``gpt/tiny``; None to take the model from ``config`` or the run to resume,
        which must have that model where it is named.
    data
        What ``prepare`` wrote.
    output
        The run folder; made when absent, else empty unless ``resume``.
    config
        A TOML file with tables ``model``, ``trainer``, ``augmentation``; the file that a run writes is one.
    init
        A model whose weights the run starts from: the name of one that Tonada brings, or a model or run folder. What it
        lacks for training (an opponent, say) starts fresh. Without one a ``config`` says it, in its table ``init``.
    settings
        Overrides, ``key=value`` or ``table.key=value``.
    resume
        Go on from the last checkpoint of ``output``, with the settings that it was started with.
    max_minutes
        Stop cleanly after this time.
    device
        "auto", "cpu", "cuda" or "mps".
    smoke
        Two steps, one validation: a check that everything fits together.
    stop
        Asked after every step; when it says True the run stops cleanly there, and can be resumed.
    progress
        Called after every step.

    Returns
    -------
    TrainingResult
        Why it ended, and the best validation score: of a language model in nats per note, of an autoencoder its
        multi-resolution STFT distance.

    Raises
    ------
    ConfigError
        A setting that cannot be, neither model nor config, or another model than that of the run to resume.
    DataError
        The data set or the run folder cannot be used.
    CheckpointError
        The run cannot be resumed, or the weights to start from do not fit.
    TrainingError
        The loss diverged.
    """
    if max_minutes is not None and not max_minutes > 0:
        raise ConfigError(f"max_minutes must be more than 0; got {max_minutes}")
    if resume and config is not None:
        raise ConfigError("--resume goes on with the run's own config.toml. Leave --config out; --set still works")
    if resume and init is not None:
        raise ConfigError("--resume goes on with the run's own weights. Leave --init out")
    dataset, run = Dataset(Path(data)), Path(output)
    dataset.verify()
    if resume:
        if not (run / "trainer.safetensors").is_file():
            raise CheckpointError(f"{run}: there is no run to resume")
        config = run / "config.toml"
        if read_toml(config).get("data", {}).get("sha256") != dataset.sha256:
            raise DataError(data, "is another data set than the one that the run was started with")
    elif run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise DataError(run, "exists; choose another folder with -o, or give --resume to go on with this run")
    # A run's own config.toml says all about it.
    request = read_request(None if resume else model, None if config is None else Path(config))
    study = study_of(request.name)(dataset)
    tables = run_tables(request, study, settings=settings, smoke=smoke)
    if resume and model is not None:
        named = make_tables(read_request(model, None), dictated=study.model_settings(), settings=settings)
        _require_same_model(run, tables["model"], model, named["model"])
    trainer_config = from_mapping(TrainerConfig, tables["trainer"])
    chosen = torch.device(find_device(device))
    precision: Precision = "bf16" if precision_of(trainer_config.precision, chosen.type) is torch.bfloat16 else "fp32"
    torch.manual_seed(key(trainer_config.seed, "weights") & (2**63 - 1))
    network = build_model(tables["model"])
    # A run that is resumed has its own weights; where it once began may be gone.
    origin = request.tables.get("init")
    if (started := origin if resume else start_from(network, init, origin)) is not None:
        tables["init"] = dict(started)
    network = network.to(chosen)
    observe = study.observer(run, trainer_config.seed)

    def report() -> tuple[str, ...]:
        remarks = tuple(study.remarks(network, read_log(run)))
        write_report(run, remarks=remarks)
        return remarks

    def observed(scored: Model, step: int) -> None:
        if observe is not None:
            observe(scored, step)
        report()

    def told(step: Progress) -> None:
        if progress is not None:
            progress(step)
        if stop is not None and stop():
            trainer.request_stop("interrupted")

    trainer = Trainer(
        network,
        study.batches(network, trainer_config, from_mapping(study.Augmentation, tables["augmentation"])),
        trainer_config,
        run,
        tables=tables,
        validate=study.scorer(precision),
        observe=observed,
        progress=told,
    )
    result = trainer.fit(resume=resume, max_seconds=None if max_minutes is None else 60 * max_minutes)
    return replace(result, remarks=report())


def _require_same_model(run: Path, ours: Mapping[str, Any], preset: str, theirs: Mapping[str, Any]) -> None:
    """Refuse to resume a run under the name of a preset that it does not have."""
    differing = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    if differing:
        told = "; ".join(f"{name} is {ours.get(name)} there, {theirs.get(name)} in {preset}" for name in differing)
        raise ConfigError(f"{run} has another model than {preset}: {told}. Leave the preset out to go on with the run")
