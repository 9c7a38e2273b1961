"""Which weights a training starts from: fresh ones, or those of a model that there is already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tonada import registry
from tonada.checkpoint import load_into, load_tensors
from tonada.config import from_mapping, read_toml, to_mapping
from tonada.errors import CheckpointError, ConfigError
from tonada.hashing import file_sha256
from tonada.model import Model
from tonada.runs import build_codec, find_model, model_table


def start_from(
    model: Model, init: str | Path | None, table: Mapping[str, Any] | None, *, tables: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Give a model the weights of another of its kind, which learned from the same codec.

    Parameters
    ----------
    model
        The network; changed.
    init
        Name of a model that Tonada brings, or a model or run folder; None for what ``table`` says.
    table
        The table ``init`` of a config file: ``model`` and ``weights_sha256``; None where it has none.
    tables
        Of the run: ``model`` and ``codec`` are compared with those of the other.

    Returns
    -------
    dict
        The table that says what was done; None where the weights stay fresh.

    Raises
    ------
    CheckpointError
        There is no such model, its weights do not fit, or they are others than the table says.
    ConfigError
        The table names no model, or the other has another architecture, settings or codec.
    """
    if init is None and table is None:
        return None
    if init is None and not isinstance((table or {}).get("model"), str):
        raise ConfigError("the table [init] has no text 'model': it is the model whose weights a run starts from")
    wanted = None if init is not None or table is None else table.get("weights_sha256")
    named = str(init if init is not None else (table or {})["model"])
    path = find_model(named) / "model.safetensors"
    _require_same_kind(named, read_toml(path.with_name("config.toml")), tables, model.adjustable)
    tensors, _ = load_tensors(path)
    found = file_sha256(path)
    if wanted not in (None, found):
        raise CheckpointError(f"{path}: are other weights than those that the config's table [init] means")
    load_into(model, tensors, path, optional=model.training_only)
    return {"model": named, "weights_sha256": found}


def _require_same_kind(
    named: str, theirs: Mapping[str, Any], ours: Mapping[str, Any], adjustable: Sequence[str]
) -> None:
    """Refuse weights that would mean something else here: of other settings, or learned from other ids or samples."""
    parts = {"model": _model_settings(theirs["model"]), "codec": _codec_settings(theirs["codec"])}
    for part, other in parts.items():
        differing = [
            f"{name} is {other.get(name)} there, {ours[part].get(name)} here"
            for name in {**ours[part], **other}
            if name not in adjustable and ours[part].get(name) != other.get(name)
        ]
        if differing:
            raise ConfigError(f"no run can start from {named}: its {part} is another: {'; '.join(differing)}")


def _model_settings(table: Mapping[str, Any]) -> dict[str, Any]:
    """Give all settings of a model, also those that its file leaves out."""
    name = str(table["name"])
    own = {key: value for key, value in table.items() if key != "name"}
    return model_table(name, from_mapping(registry.resolve("model", name).Config, own))


def _codec_settings(table: Mapping[str, Any]) -> dict[str, Any]:
    """Give all settings of a codec, also those that its file leaves out."""
    return {"name": table["name"], **to_mapping(build_codec(table).config)}
