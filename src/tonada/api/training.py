"""``train``: from a prepared data set and a preset, or a config file, to a run folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from tonada import registry
from tonada.api.devices import find_device
from tonada.api.samples import observer
from tonada.config import apply_settings, from_mapping, read_toml, to_mapping
from tonada.data import Dataset, Piece
from tonada.errors import CheckpointError, ConfigError, DataError, UnknownNameError
from tonada.model import Model
from tonada.report import write_report
from tonada.runs import build_codec, build_model, model_table
from tonada.seeding import key
from tonada.symbolic.augment import Augmentation
from tonada.symbolic.evaluation.heldout import estimate_held_out
from tonada.symbolic.tokenizers.base import Tokenizer
from tonada.symbolic.windows import WindowBatches
from tonada.trainer import Trainer
from tonada.training import Progress, TrainerConfig, TrainingResult, precision_of

VALIDATION_WINDOWS = 128
"""Windows of held-out pieces, about, that score a checkpoint while training; the full protocol is ``evaluate``."""


def train(
    model: str | None = None,
    *,
    data: str | Path,
    output: str | Path,
    config: str | Path | None = None,
    settings: Sequence[str] = (),
    resume: bool = False,
    max_minutes: float | None = None,
    device: str = "auto",
    smoke: bool = False,
    stop: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> TrainingResult:
    """Train a model on a prepared data set.

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
        Why it ended, and the best validation score in nats per note.

    Raises
    ------
    ConfigError
        A setting that cannot be, neither model nor config, or another model than that of the run to resume.
    DataError
        The data set or the run folder cannot be used.
    CheckpointError
        The run cannot be resumed.
    TrainingError
        The loss diverged.
    """
    if max_minutes is not None and not max_minutes > 0:
        raise ConfigError(f"max_minutes must be more than 0; got {max_minutes}")
    if resume and config is not None:
        raise ConfigError("--resume goes on with the run's own config.toml. Leave --config out; --set still works")
    dataset, run = Dataset(Path(data)), Path(output)
    dataset.verify()
    if resume:
        if not (run / "trainer.safetensors").is_file():
            raise CheckpointError(f"{run}: there is no run to resume")
        config = run / "config.toml"
    elif run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise DataError(run, "exists; choose another folder with -o, or give --resume to go on with this run")
    started_from = None if resume else model  # a run's own config.toml says all about it
    tables = _tables(started_from, dataset, None if config is None else Path(config), settings, smoke)
    if resume and read_toml(run / "config.toml").get("data", {}).get("sha256") != dataset.sha256:
        raise DataError(data, "is another data set than the one that the run was started with")
    if resume and model is not None:
        _require_same_model(run, tables["model"], model, _tables(model, dataset, None, settings, smoke)["model"])
    tokenizer = build_codec(tables["codec"])
    if not isinstance(tokenizer, Tokenizer):
        raise ConfigError(f"{tables['model']['name']} trains on ids; {data} holds {tables['codec']['name']}")
    trainer_config = from_mapping(TrainerConfig, tables["trainer"])
    chosen = torch.device(find_device(device))
    precision: Literal["fp32", "bf16"] = (
        "bf16" if precision_of(trainer_config.precision, chosen.type) is torch.bfloat16 else "fp32"
    )
    torch.manual_seed(key(trainer_config.seed, "weights") & (2**63 - 1))
    network = build_model(tables["model"]).to(chosen)
    source = WindowBatches(
        [piece.array for piece in dataset.pieces("train")],
        tokenizer,
        context=network.config.context,
        batch=trainer_config.batch,
        seed=trainer_config.seed,
        augmentation=from_mapping(Augmentation, tables["augmentation"]),
    )
    held_out = dataset.pieces("validation")

    def told(step: Progress) -> None:
        if progress is not None:
            progress(step)
        if stop is not None and stop():
            trainer.request_stop("interrupted")

    trainer = Trainer(
        network,
        source,
        trainer_config,
        run,
        tables=tables,
        validate=_validation(held_out, tokenizer, precision),
        observe=observer(run, tokenizer, held_out, trainer_config.seed) if held_out else None,
        progress=told,
    )
    result = trainer.fit(resume=resume, max_seconds=None if max_minutes is None else 60 * max_minutes)
    write_report(run)
    return result


def _require_same_model(run: Path, ours: Mapping[str, Any], preset: str, theirs: Mapping[str, Any]) -> None:
    """Refuse to resume a run under the name of a preset that it does not have."""
    differing = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    if differing:
        told = "; ".join(f"{name} is {ours.get(name)} there, {theirs.get(name)} in {preset}" for name in differing)
        raise ConfigError(f"{run} has another model than {preset}: {told}. Leave the preset out to go on with the run")


def _tables(
    model: str | None, dataset: Dataset, config: Path | None, settings: Sequence[str], smoke: bool
) -> dict[str, dict[str, Any]]:
    """Bring together preset and its recipe < config file < settings, and check all of it."""
    given = read_toml(config) if config else {}
    known = ("model", "codec", "data", "trainer", "augmentation")
    for table, content in given.items():
        if table not in known:
            raise UnknownNameError(f"table in {config}", table, known)
        if not isinstance(content, Mapping):
            raise ConfigError(f"{config}: '{table}' must be a table; write [{table}] on a line of its own")
    codec = {"name": dataset.codec_name, **dataset.codec_config}
    vocabulary = getattr(build_codec(codec), "vocabulary_size", None)
    recipe: dict[str, Any] = {}
    if model is not None:
        name, model_config = registry.preset("model", model)
        recipe = registry.recipe(model)
        model_config = dataclasses.replace(model_config, vocabulary=vocabulary)
    elif "model" in given:
        name, model_config = str(given["model"].get("name", "")), None
    else:
        raise ConfigError("name a model preset, for example gpt/tiny, or give --config FILE with a table [model]")
    overrides = {key: value for key, value in given.get("model", {}).items() if key != "name"}
    config_class = registry.resolve("model", name).Config
    model_config = from_mapping(config_class, {"vocabulary": vocabulary, **overrides}, base=model_config)
    configs: dict[str, Any] = {
        "model": model_config,
        "trainer": from_mapping(TrainerConfig, {**recipe, **given.get("trainer", {})}),
        "augmentation": from_mapping(Augmentation, given.get("augmentation", {})),
    }
    for setting in settings:
        table, bare = _table_of(setting, configs)
        configs[table] = apply_settings(configs[table], [bare])
    if smoke:
        configs["trainer"] = dataclasses.replace(configs["trainer"], steps=2, validate_every=2)
    return {
        "model": model_table(name, configs["model"]),
        "codec": codec,
        "data": {"folder": str(dataset.folder), "sha256": dataset.sha256},
        "trainer": to_mapping(configs["trainer"]),
        "augmentation": to_mapping(configs["augmentation"]),
    }


def _table_of(setting: str, configs: Mapping[str, Any]) -> tuple[str, str]:
    """Find the table that a setting belongs to: named before a dot, or the one that has the key."""
    name = setting.partition("=")[0].strip()
    table, dot, _ = name.partition(".")
    if dot:
        if table not in configs:
            raise UnknownNameError("table", table, configs)
        return table, setting.strip().removeprefix(f"{table}.")
    fields = {field.name: table for table, config in configs.items() for field in dataclasses.fields(config)}
    if name not in fields:
        raise UnknownNameError("setting", name, fields)
    return fields[name], setting


def _validation(
    held_out: Sequence[Piece], tokenizer: Tokenizer, precision: Literal["fp32", "bf16"]
) -> Callable[[Model], Mapping[str, float]] | None:
    """Score on a fixed draw of windows from the held-out pieces, the same every time: nats per note."""
    if not held_out:
        return None
    pieces = [piece.array for piece in held_out]
    each = max(1, VALIDATION_WINDOWS // len(pieces))

    def score(model: Model) -> dict[str, float]:
        estimate = estimate_held_out(model, tokenizer, pieces, windows_per_piece=each, precision=precision)
        return {"score": estimate.estimated_nats_per_note, "nats_per_id": estimate.estimated_nats_per_id}

    return score
