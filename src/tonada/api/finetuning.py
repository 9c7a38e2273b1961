"""``finetune``: from a trained model and some music to a style: an adapter, or a model with other weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonada.adapters import save_adapter
from tonada.api.devices import find_device
from tonada.api.fitting import fit
from tonada.api.rates import AUTOMATIC, rate_settings, settle_rate
from tonada.api.style_cards import style_card
from tonada.api.tables import KNOWN_TABLES
from tonada.api.tuning import DATA, begin
from tonada.config import read_toml
from tonada.errors import CheckpointError, ConfigError, DataError, UnknownNameError
from tonada.files import write_text
from tonada.joining import joined
from tonada.runs import read_log, save_model
from tonada.training import Progress, TrainingResult

TABLES = ("tuning", "style")
"""Of the config file of a fine-tuning, beside those of any training."""


@dataclass(frozen=True, kw_only=True)
class FinetuningResult:
    """What came of a fine-tuning.

    Attributes
    ----------
    style
        Its name.
    folder
        The run folder, which is that of the style, too.
    training
        How it ended.
    before, after
        Loss on what was held out, in nats per note: of the model as it was, and of what was kept; NaN where another
        process knows.
    held_out
        What was held out.
    trained, parameters
        Weights that were trained, and all of them, those of an adapter among them.
    left_out
        Files of the music that gave no piece; ``skipped.csv`` in the data set says why.
    """

    style: str
    folder: Path
    training: TrainingResult
    before: float
    after: float
    held_out: str
    trained: int
    parameters: int
    left_out: int


def finetune(
    model: str | Path | None = None,
    *data: str | Path,
    output: str | Path,
    style: str | None = None,
    train: str | None = None,
    lr: float | str | None = None,
    config: str | Path | None = None,
    settings: Sequence[str] = (),
    resume: bool = False,
    max_minutes: float | None = None,
    device: str = "auto",
    smoke: bool = False,
    stop: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> FinetuningResult:
    """Train a trained model of notes on other music: a style, as a small adapter to the model or as a model of its own.

    Parameters
    ----------
    model
        Name of a model that Tonada brings, or a model or run folder; not needed with ``resume``.
    *data
        A data set that ``prepare`` wrote with the model's tokenizer; or MIDI files, folders, zips and tables, which are
        prepared into the folder ``data`` of the run. Not needed with ``resume``.
    output
        The run folder; made when absent.
    style
        Name of the style; that of the run folder when None.
    train
        What is trained: "lora" (an adapter), "groups" of layers, or "whole".
    lr
        Peak learning rate, or "auto" to look for it first.
    config
        A TOML file with tables ``tuning``, ``trainer``, ``augmentation``; the file that a run writes is one.
    settings
        Overrides, ``key=value`` or ``table.key=value``.
    resume
        Go on from the last checkpoint of ``output``, with the settings that it was started with.
    max_minutes
        Stop cleanly after this time.
    device
        "auto", "cpu", "cuda" or "mps".
    smoke
        Two steps, one validation.
    stop
        Asked after every step; when it says True the run stops cleanly there, and can be resumed.
    progress
        Called after every step.

    Returns
    -------
    FinetuningResult
        With the losses before and after.

    Raises
    ------
    ConfigError
        A setting that cannot be, or the model makes no notes.
    DataError
        The music or the run folder cannot be used.
    CheckpointError
        There is no such model, or the run cannot be resumed.
    TrainingError
        The loss diverged.
    """
    run = Path(output)
    if max_minutes is not None and not max_minutes > 0:
        raise ConfigError(f"max_minutes must be more than 0; got {max_minutes}")
    if resume:
        if model is not None or data or any(each is not None for each in (style, train, lr, config)):
            raise ConfigError("--resume goes on with the run's own model, data and settings; only --set still works")
        given = _given_by_run(run)
        model, data, style = given["init"]["model"], (given["data"]["folder"],), given["style"]["name"]
    else:
        given = {} if config is None else _given_by_file(Path(config))
    if model is None or not data:
        raise ConfigError("name a model and what to train it on: tonada finetune MODEL DATA -o OUT")
    asked = [*rate_settings(lr), *([] if train is None else [f"tuning.train={train}"]), *settings]
    with joined(find_device(device)) as ranks:
        if not resume and ranks.is_first:
            _require_free(run)
        ranks.gathered(None)  # before any of them writes
        begun = begin(model, data, folder=run, ranks=ranks, given=given, settings=asked, smoke=smoke)
        tables = begun.tables
        if resume and tables["init"]["weights_sha256"] != given["init"]["weights_sha256"]:
            raise CheckpointError(f"{model}: has other weights than those that the run began with")
        tables["style"] = {"name": style or run.resolve().name, "held_out": begun.dataset.held_out}
        if lr == AUTOMATIC:
            settle_rate(begun.network, begun.study, tables, ranks=ranks, plan=begun.plan)
        training = fit(
            begun.network,
            begun.study,
            tables,
            run,
            ranks=ranks,
            resume=resume,
            max_minutes=max_minutes,
            stop=stop,
            progress=progress,
            plan=begun.plan,
            keep=save_adapter if begun.tuning.train == "lora" else save_model,
            trained=True,
        )
        result = FinetuningResult(
            style=tables["style"]["name"],
            folder=run,
            training=training,
            before=_first_score(run) if ranks.is_first else math.nan,
            after=training.best,
            held_out=begun.dataset.held_out,
            trained=sum(parameter.numel() for parameter in begun.network.parameters() if parameter.requires_grad),
            parameters=sum(parameter.numel() for parameter in begun.network.parameters()),
            left_out=int(begun.dataset.manifest.get("prepare", {}).get("skipped", 0)),
        )
        if ranks.is_first:
            write_text(run / "card.md", style_card(result, tables, begun.dataset))
        return result


def _given_by_run(run: Path) -> dict[str, dict[str, Any]]:
    """Read the tables of a run that is to be resumed."""
    if not (run / "trainer.safetensors").is_file():
        raise CheckpointError(f"{run}: there is no run to resume")
    given = read_toml(run / "config.toml")
    if not {"tuning", "init", "data", "style"} <= given.keys():
        raise CheckpointError(f"{run}: is no run of a fine-tuning. Go on with: tonada train --resume")
    return given


def _given_by_file(path: Path) -> dict[str, dict[str, Any]]:
    """Read the tables of a config file that say how to train; the others say on what, which is asked for here."""
    given = read_toml(path)
    for table in given:
        if table not in (*KNOWN_TABLES, *TABLES):
            raise UnknownNameError(f"table in {path}", table, (*KNOWN_TABLES, *TABLES))
    return {table: given[table] for table in ("tuning", "trainer", "augmentation") if table in given}


def _require_free(run: Path) -> None:
    """Refuse a folder with anything but what an interrupted call prepared in it."""
    if run.exists() and (not run.is_dir() or any(DATA not in item.name.split(".")[:2] for item in run.iterdir())):
        raise DataError(run, "exists; choose another folder with -o, or give --resume to go on with this run")


def _first_score(run: Path) -> float:
    """Give the score of the model as it was."""
    record = next(iter(read_log(run)), {})
    return float(record.get("validation", {}).get("score", math.nan))
