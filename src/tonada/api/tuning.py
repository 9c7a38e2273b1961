"""How a fine-tuning begins: a trained model, music that its tokenizer reads, what is held out of it, all settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tonada.adapters import is_adapter, weights_sha256
from tonada.api.studies.notes import NotesStudy
from tonada.api.tables import Request, make_tables
from tonada.checkpoint import load_into, model_tensors
from tonada.config import from_mapping, to_mapping
from tonada.data import Dataset
from tonada.distributed import Ranks
from tonada.errors import ConfigError
from tonada.finetuning import WHOLE, GroupPlan, LayerPlan, TuningConfig
from tonada.nn.lora import adapt
from tonada.runs import LoadedModel, build_codec, build_model, find_model, load_model, model_table
from tonada.seeding import key
from tonada.symbolic.corpus import prepare_corpus
from tonada.symbolic.corpus.holding import HoldingOut
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.tokenizers.base import Tokenizer

DATA = "data"
"""Folder, in that of the run, of what was prepared for it."""
RATES = {"lora": 2e-3, "groups": 1e-3, "whole": 3e-4}
"""Peak learning rates of AdamW where none is asked for."""
EPOCHS, FEWEST, MOST = 8, 120, 2000
"""Times that the music is gone through, within the fewest and the most steps."""
VALIDATIONS, PATIENCE = 10, 3
"""Of a run; and so many without improvement end it."""
FEW_PIECES = 100
"""Fewer pieces than this are transposed, whatever the model was trained with."""
SEMITONES = 5
"""So far at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tuning:
    """A fine-tuning before its first step.

    Attributes
    ----------
    network
        On its device; what is not trained is frozen.
    dataset, study
        The music, and what is to be known about it.
    tables
        Of the run.
    tuning
        What is trained.
    plan
        Which weights learn when.
    """

    network: LanguageModel
    dataset: HoldingOut
    study: NotesStudy
    tables: dict[str, dict[str, Any]]
    tuning: TuningConfig
    plan: LayerPlan


def begin(
    model: str | Path,
    data: Sequence[str | Path],
    *,
    folder: Path,
    ranks: Ranks,
    given: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Sequence[str] = (),
    smoke: bool = False,
) -> Tuning:
    """Load the model, open or prepare the music, and settle all settings.

    Parameters
    ----------
    model
        Name of a model that Tonada brings, or a model or run folder.
    data
        A data set, or files of music.
    folder
        Files of music are prepared into its folder ``data``.
    ranks
        The processes that train together.
    given
        Tables of a config file.
    settings
        Overrides.
    smoke
        Two steps, one validation.

    Raises
    ------
    CheckpointError
        There is no such model.
    ConfigError
        The model makes no notes, was made for other ids, or a setting cannot be.
    DataError
        The music cannot be used.
    """
    base = find_model(model)
    if is_adapter(base):
        raise ConfigError(f"{base} is a style itself: fine-tune the model that it belongs to")
    loaded = load_model(base)
    network, tokenizer = loaded.model, loaded.codec
    if not isinstance(network, LanguageModel) or not isinstance(tokenizer, Tokenizer):
        raise ConfigError(f"{base} makes no notes: only models of notes can be fine-tuned")
    dataset = _open(data, folder, tokenizer, ranks)
    ranks.require_same("data set", dataset.sha256)
    study = NotesStudy(dataset)
    tables = _settle(loaded, given or {}, study, settings=settings, smoke=smoke)
    network = _again(network, tables["model"])  # with another dropout, say
    tuning = from_mapping(TuningConfig, tables["tuning"])
    plan = WHOLE
    if tuning.train == "groups":
        plan = GroupPlan(network, tuning)
    elif tuning.train == "lora":
        if tables["trainer"]["sharding"] != "none":
            raise ConfigError("sharding divides whole weights, and an adapter is small: leave it out")
        torch.manual_seed(key(tables["trainer"]["seed"], "adapter") & (2**63 - 1))
        adapt(network, rank=tuning.rank, alpha=tuning.alpha, targets=tuning.targets)
    head = {
        "model": tables.pop("model"),
        "codec": {"name": dataset.codec_name, **dataset.codec_config},
        "data": {"folder": str(dataset.folder), "sha256": dataset.sha256},
        "init": {"model": str(model), "weights_sha256": weights_sha256(base)},
    }
    return Tuning(
        network=network.to(ranks.device),
        dataset=dataset,
        study=study,
        tables={**head, **tables},
        tuning=tuning,
        plan=plan,
    )


def _open(data: Sequence[str | Path], folder: Path, tokenizer: Tokenizer, ranks: Ranks) -> HoldingOut:
    """Open the data set, or make it from files of music; the first process alone makes it."""
    source = Path(data[0])
    if len(data) > 1 or not (source / "manifest.json").is_file():
        source = folder / DATA
        if ranks.is_first:
            prepare_corpus(
                [Path(each) for each in data],
                source,
                tokenizer=tokenizer.name,
                tokenizer_config=to_mapping(tokenizer.config),
                test_share=0.0,
                overwrite=True,
            )
        ranks.gathered(None)
    plain = Dataset(source)
    plain.verify()
    theirs = build_codec({"name": plain.codec_name, **plain.codec_config})
    if type(theirs) is not type(tokenizer) or theirs.config != tokenizer.config:
        raise ConfigError(
            f"{source} was prepared with another tokenizer than the model's, or other settings of it. Give the MIDI "
            "files themselves"
        )
    return HoldingOut(source, tokenizer)


def _settle(
    loaded: LoadedModel,
    given: Mapping[str, Mapping[str, Any]],
    study: NotesStudy,
    *,
    settings: Sequence[str],
    smoke: bool,
) -> dict[str, dict[str, Any]]:
    """Make the tables ``model``, ``trainer``, ``augmentation`` and ``tuning``: usual < config file < settings."""
    pieces = study.dataset.pieces("train")
    augmentation = {**loaded.config.get("augmentation", {})}
    if len(pieces) < FEW_PIECES:
        augmentation["semitones"] = max(SEMITONES, int(augmentation.get("semitones", 0)))
    theirs = model_table(str(loaded.config["model"]["name"]), loaded.model.config)
    own = {table: content for table, content in given.items() if table in ("trainer", "augmentation", "tuning")}
    own["model"] = {**theirs, **given.get("model", {})}
    request = Request(name=theirs["name"], preset=None, tables=own)

    def made(trainer: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        usual = {"augmentation": augmentation, "trainer": trainer}
        more = {"tuning": TuningConfig}
        return make_tables(request, dictated={}, settings=settings, smoke=smoke, usual=usual, more=more)

    asked = made({})
    windows = sum(math.ceil(len(piece.array) / asked["model"]["context"]) for piece in pieces)
    steps = min(MOST, max(FEWEST, math.ceil(EPOCHS * windows / asked["trainer"]["batch"])))
    tables = made(
        {
            "steps": steps,
            "learning_rate": RATES[asked["tuning"]["train"]],
            "validate_every": math.ceil(steps / VALIDATIONS),
            "patience": PATIENCE,
        }
    )
    for name, value in tables["model"].items():
        if value != theirs[name] and name not in loaded.model.adjustable:
            raise ConfigError(f"{name} is {theirs[name]} in the model, and its weights mean nothing with {value}")
    return tables


def _again(network: LanguageModel, table: Mapping[str, Any]) -> LanguageModel:
    """Build a model again with other settings and the same weights."""
    other = build_model(table)
    assert isinstance(other, LanguageModel)  # of the same name
    load_into(other, model_tensors(network), Path())
    return other
