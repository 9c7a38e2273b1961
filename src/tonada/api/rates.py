"""``lr-find`` and ``--lr auto``: the learning rate that a model, its data and its optimizer suggest."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tonada import registry
from tonada.api.devices import find_device
from tonada.api.studies.base import Study
from tonada.api.studies.choice import study_of
from tonada.api.tables import read_request, run_tables
from tonada.api.tuning import begin
from tonada.config import from_mapping
from tonada.data import Dataset
from tonada.distributed import Ranks
from tonada.errors import ConfigError
from tonada.files import write_text
from tonada.finetuning import WHOLE, LayerPlan
from tonada.model import Model
from tonada.rate_finding import RateCurve, find_rate
from tonada.runs import build_model
from tonada.schedules import HIGHEST_RATE, LOWEST_RATE, RATES_TRIED
from tonada.seeding import key
from tonada.training import TrainerConfig

AUTOMATIC = "auto"


@dataclass(frozen=True, kw_only=True)
class FoundRate:
    """What a search for a learning rate found.

    Attributes
    ----------
    curve
        The losses at all rates, and what they suggest.
    file
        The picture of it; None where none was asked for.
    """

    curve: RateCurve
    file: Path | None


def lr_find(
    model: str | Path,
    *data: str | Path,
    output: str | Path | None = None,
    low: float = LOWEST_RATE,
    high: float = HIGHEST_RATE,
    steps: int = RATES_TRIED,
    settings: Sequence[str] = (),
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> FoundRate:
    """Look for the learning rate of a training or a fine-tuning; nothing is trained for good.

    Parameters
    ----------
    model
        Full name of a preset, which is trained from fresh weights; or, as for ``finetune``, the name of a model that
        Tonada brings, or a model or run folder, on which a fine-tuning begins.
    *data
        What ``prepare`` wrote; for a fine-tuning MIDI files, folders, zips and tables, too.
    output
        The picture, ``.svg``; none is written when None.
    low, high
        The first and the last rate.
    steps
        Number of rates between them, at equal ratios.
    settings
        Overrides, as for ``train`` or ``finetune``: ``key=value`` or ``table.key=value``.
    device
        "auto", "cpu", "cuda" or "mps".
    progress
        Called with the steps that are done, and of how many.

    Raises
    ------
    ConfigError
        A setting that cannot be, or the loss falls at no rate.
    DataError
        The data cannot be used, or the picture cannot be written.
    CheckpointError
        There is no such model.
    """
    found_on = find_device(device)
    search: dict[str, Any] = {"low": low, "high": high, "steps": steps, "progress": progress}
    if str(model) in registry.preset_names("model"):
        curve = _of_preset(str(model), data, settings, found_on, search)
    else:
        with tempfile.TemporaryDirectory() as folder:
            begun = begin(model, data, folder=Path(folder), settings=settings, ranks=Ranks(device=found_on))
            curve = search_rate(begun.network, begun.study, begun.tables, plan=begun.plan, **search)
    path = None if output is None else Path(output)
    if path is not None:
        write_text(path, curve.chart())
    return FoundRate(curve=curve, file=path)


def search_rate(
    network: Model, study: Study, tables: Mapping[str, Any], *, plan: LayerPlan = WHOLE, **search: Any
) -> RateCurve:
    """Search with what a training would begin with.

    Parameters
    ----------
    network
        On its device.
    study
        With the data.
    tables
        Of the run.
    plan
        Which weights learn.
    **search
        Of `tonada.rate_finding.find_rate`: ``low``, ``high``, ``steps``, ``progress``.
    """
    config = from_mapping(TrainerConfig, tables["trainer"])
    source = study.batches(network, config, from_mapping(study.Augmentation, tables["augmentation"]))
    return find_rate(network, source, config, plan=plan, **search)


def settle_rate(
    network: Model, study: Study, tables: Mapping[str, Any], *, ranks: Ranks, plan: LayerPlan = WHOLE
) -> None:
    """Put the rate of the valley into a run's tables; the first process searches for all.

    Parameters
    ----------
    network, study, plan
        As for ``search_rate``.
    tables
        Of the run; changed.
    ranks
        The processes that train together.
    """
    found = search_rate(network, study, tables, plan=plan).valley if ranks.is_first else 0.0
    tables["trainer"]["learning_rate"] = float(f"{ranks.gathered(found)[0]:.2g}")


def rate_settings(lr: float | str | None) -> list[str]:
    """Write a rate that was asked for as a setting; none for "auto", which is found out later.

    Raises
    ------
    ConfigError
        It is neither a number nor "auto".
    """
    if lr in (None, AUTOMATIC):
        return []
    try:
        return [f"trainer.learning_rate={float(lr)}"]
    except ValueError as error:
        raise ConfigError(f"lr must be a number or {AUTOMATIC}; got {lr}") from error


def _of_preset(
    preset: str, data: Sequence[str | Path], settings: Sequence[str], device: str, search: Mapping[str, Any]
) -> RateCurve:
    """Search for a training from fresh weights."""
    if len(data) != 1:
        raise ConfigError(f"{preset} is trained on one data set. Prepare files of music with: tonada prepare")
    request = read_request(preset, None)
    study = study_of(request.name)(Dataset(Path(data[0])))
    tables = run_tables(request, study, settings=settings, smoke=False)
    torch.manual_seed(key(tables["trainer"]["seed"], "weights") & (2**63 - 1))
    return search_rate(build_model(tables["model"]).to(device), study, tables, **search)
