"""Adapters on disk: what a model learned in addition, in a small file that says which model it belongs to.

::

    STYLE/
      config.toml           model, codec, init (the model it belongs to, and the hash of its weights), data, tuning …
      adapter.safetensors   the corrections of its layers, bf16
      card.md

A run folder of a fine-tuning with an adapter is such a folder, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tonada.checkpoint import load_tensors, save_tensors
from tonada.config import from_mapping, read_toml, write_toml
from tonada.errors import CheckpointError, ConfigError
from tonada.finetuning import TuningConfig
from tonada.hashing import file_sha256
from tonada.nn.lora import DOWN, UP, adapt, adapter_tensors, swap

FILE_NAME = "adapter.safetensors"


def is_adapter(folder: Path) -> bool:
    """Tell whether a folder holds an adapter."""
    return (folder / FILE_NAME).is_file() and (folder / "config.toml").is_file()


def weights_sha256(model: Path) -> str:
    """Give the hash of the weights in a model folder.

    Raises
    ------
    DataError
        They cannot be read.
    """
    return file_sha256(model / "model.safetensors")


def save_adapter(
    folder: Path, model: torch.nn.Module, tables: Mapping[str, Any], *, weights: Mapping[str, Any] | None = None
) -> None:
    """Write an adapter folder.

    Parameters
    ----------
    folder
        Where to; made when absent.
    model
        The network, adapted.
    tables
        At least ``model``, ``codec``, ``init`` and ``tuning``.
    weights
        In place of the model's own (its moving average, say).
    """
    own = {name: t for name, t in weights.items() if name.endswith((DOWN, UP))} if weights else adapter_tensors(model)
    write_toml(folder / "config.toml", tables)
    save_tensors(folder / FILE_NAME, {name: tensor.to(torch.bfloat16) for name, tensor in own.items()})


def attach(model: torch.nn.Module, folder: Path, base: Path) -> None:
    """Put an adapter on the model that it belongs to.

    Parameters
    ----------
    model
        The network with the weights of ``base``.
    folder
        Of the adapter.
    base
        The model's folder.

    Raises
    ------
    CheckpointError
        The adapter belongs to other weights, or its files are damaged.
    """
    try:
        config = read_toml(folder / "config.toml")
        init, tuning = (config.get(name) for name in ("init", "tuning"))
        if not isinstance(init, dict) or not isinstance(tuning, dict):
            raise ConfigError("there is no table [init] or [tuning]")
        if (wanted := init.get("weights_sha256")) != (found := weights_sha256(base)):
            raise ConfigError(
                f"the style was made for the model {init.get('model')} with weights {str(wanted)[:8]}…; those of "
                f"{base} are {found[:8]}…. Name its model with --model"
            )
        settings = from_mapping(TuningConfig, tuning)
        adapt(model, rank=settings.rank, alpha=settings.alpha, targets=settings.targets)
        tensors, _ = load_tensors(folder / FILE_NAME)
        swap(model, tensors)
    except ConfigError as error:
        raise CheckpointError(f"{folder}: {error}") from error
