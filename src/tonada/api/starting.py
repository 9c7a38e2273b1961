"""Which weights a training starts from: fresh ones, or those of a model that there is already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tonada.api.hashing import file_sha256
from tonada.checkpoint import load_into, load_tensors
from tonada.errors import CheckpointError, ConfigError
from tonada.model import Model
from tonada.runs import find_model


def start_from(model: Model, init: str | Path | None, table: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Give a model the weights of another.

    Parameters
    ----------
    model
        The network; changed.
    init
        Name of a model that Tonada brings, or a model or run folder; None for what ``table`` says.
    table
        The table ``init`` of a config file: ``model`` and ``weights_sha256``; None where it has none.

    Returns
    -------
    dict
        The table that says what was done; None where the weights stay fresh.

    Raises
    ------
    CheckpointError
        There is no such model, its weights do not fit, or they are others than the table says.
    ConfigError
        The table names no model.
    """
    if init is None and table is None:
        return None
    if init is None and not isinstance((table or {}).get("model"), str):
        raise ConfigError("the table [init] has no text 'model': it is the model whose weights a run starts from")
    wanted = None if init is not None or table is None else table.get("weights_sha256")
    named = str(init if init is not None else (table or {})["model"])
    path = find_model(named) / "model.safetensors"
    tensors, _ = load_tensors(path)
    found = file_sha256(path)
    if wanted not in (None, found):
        raise CheckpointError(f"{path}: are other weights than those that the config's table [init] means")
    load_into(model, tensors, path, optional=model.training_only)
    return {"model": named, "weights_sha256": found}
