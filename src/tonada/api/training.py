"""``train``: from a prepared data set and a preset, or a config file, to a run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from tonada.api.devices import find_device
from tonada.api.fitting import fit
from tonada.api.rates import AUTOMATIC, rate_settings, settle_rate
from tonada.api.starting import start_from
from tonada.api.studies.choice import study_of
from tonada.api.tables import make_tables, read_request, run_tables
from tonada.config import read_toml
from tonada.data import Dataset
from tonada.errors import CheckpointError, ConfigError, DataError
from tonada.joining import joined, was_restarted
from tonada.runs import build_model
from tonada.seeding import key
from tonada.training import Progress, TrainingResult


def train(
    model: str | None = None,
    *,
    data: str | Path,
    output: str | Path,
    config: str | Path | None = None,
    init: str | Path | None = None,
    lr: float | str | None = None,
    settings: Sequence[str] = (),
    resume: bool = False,
    max_minutes: float | None = None,
    device: str = "auto",
    smoke: bool = False,
    stop: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> TrainingResult:
    """Train a model on a prepared data set, of notes or of sound.

    Called by every process that ``torchrun`` starts, it trains one model with all of them; see `tonada.joining`. A run
    that ``torchrun`` starts again after a failure goes on from its last checkpoint.

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
    lr
        Peak learning rate, or "auto" to look for it first: that of the valley, see `tonada.rate_finding`.
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
        multi-resolution STFT distance. Of several processes, the first alone has remarks.

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
    ResourceError
        Another process of the training died.
    PeerError
        Another process of the training failed, and says why.
    """
    if max_minutes is not None and not max_minutes > 0:
        raise ConfigError(f"max_minutes must be more than 0; got {max_minutes}")
    if resume and config is not None:
        raise ConfigError("--resume goes on with the run's own config.toml. Leave --config out; --set still works")
    if resume and init is not None:
        raise ConfigError("--resume goes on with the run's own weights. Leave --init out")
    if resume and lr is not None:
        raise ConfigError("--resume goes on with the run's own learning rate. Leave --lr out; --set still works")
    settings = [*rate_settings(lr), *settings]
    with joined(find_device(device)) as ranks:
        dataset, run = Dataset(Path(data)), Path(output)
        dataset.verify()
        ranks.require_same("data set", dataset.sha256)
        if resume:
            config = run / "config.toml"
            _require_run(run, dataset)
        # A run's own config.toml says all about it.
        request = read_request(None if resume else model, None if config is None else Path(config))
        study = study_of(request.name)(dataset)
        tables = run_tables(request, study, settings=settings, smoke=smoke)
        if resume and model is not None:
            named = make_tables(read_request(model, None), dictated=study.model_settings(), settings=settings)
            _require_same_model(run, tables["model"], model, named["model"])
        torch.manual_seed(key(tables["trainer"]["seed"], "weights") & (2**63 - 1))
        network = build_model(tables["model"])
        # A run that is resumed has its own weights; where it once began may be gone.
        origin = request.tables.get("init")
        if (started := origin if resume else start_from(network, init, origin, tables=tables)) is not None:
            tables["init"] = dict(started)
        if lr == AUTOMATIC and was_restarted() and (run / "config.toml").is_file():  # it was found before
            tables["trainer"]["learning_rate"] = read_toml(run / "config.toml")["trainer"]["learning_rate"]
        # The first process looks before any of them writes.
        goes_on = ranks.gathered(resume or (ranks.is_first and _goes_on(run, tables)))[0]
        network = network.to(ranks.device)
        if lr == AUTOMATIC and not goes_on:
            settle_rate(network, study, tables, ranks=ranks)
        return fit(
            network,
            study,
            tables,
            run,
            ranks=ranks,
            resume=goes_on,
            max_minutes=max_minutes,
            stop=stop,
            progress=progress,
        )


def _require_run(run: Path, dataset: Dataset) -> None:
    """Make sure that there is a run to resume, and that it was started with this data set."""
    if not (run / "trainer.safetensors").is_file():
        raise CheckpointError(f"{run}: there is no run to resume")
    if read_toml(run / "config.toml").get("data", {}).get("sha256") != dataset.sha256:
        raise DataError(dataset.folder, "is another data set than the one that the run was started with")


def _goes_on(run: Path, tables: Mapping[str, Any]) -> bool:
    """Tell whether a run goes on from its last checkpoint though nobody asked: ``torchrun`` started it again.

    The same command with the same settings would come to the same weights from the beginning; with other settings, or
    without ``torchrun``, what is in the folder is another run, and is refused.
    """
    if not run.exists() or (run.is_dir() and not any(run.iterdir())):
        return False
    if was_restarted() and (run / "config.toml").is_file() and read_toml(run / "config.toml") == tables:
        return (run / "trainer.safetensors").is_file()
    raise DataError(run, "exists; choose another folder with -o, or give --resume to go on with this run")


def _require_same_model(run: Path, ours: Mapping[str, Any], preset: str, theirs: Mapping[str, Any]) -> None:
    """Refuse to resume a run under the name of a preset that it does not have."""
    differing = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    if differing:
        told = "; ".join(f"{name} is {ours.get(name)} there, {theirs.get(name)} in {preset}" for name in differing)
        raise ConfigError(f"{run} has another model than {preset}: {told}. Leave the preset out to go on with the run")
