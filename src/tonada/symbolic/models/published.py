"""Weights of published GIGA-Piano decoders, read into a ``GPT``: the base models of the piano-style thesis.

The layout is that of the public code's ``state_dict`` (GPT2RGAX.py of GIGA-Piano, 2022), in our words::

    tok_emb.weight [V, D]          pos_emb [1, C, D]           ln_f.*          head.weight [V, D], no bias
    blocks.i.ln1.*  ln2.*          blocks.i.mlp.0.* (up)       blocks.i.mlp.2.* (down)
    blocks.i.attn.in_proj_weight [3 D, D]  in_proj_bias        blocks.i.attn.out_proj.*
    blocks.i.attn.Er [C, E], the relative table: its last row is distance 0

Files of models that were trained on several GPUs have ``module.`` before every name. What the shapes tell (number of
blocks, widths, context) is taken from them; 16 blocks are the small published model, 24 the large one.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tonada.errors import CheckpointError, ConfigError
from tonada.files import translated_errors
from tonada.symbolic.models.gpt import GPT, GPTConfig

_PREFIX = "module."
_NAMED = 3
"""Tensors that an error names before it only counts."""
_OUTSIDE = {
    "embedding.weight": "tok_emb.weight",
    "positions.weight": "pos_emb",
    "norm.weight": "ln_f.weight",
    "norm.bias": "ln_f.bias",
    "head.weight": "head.weight",
}
_INSIDE = {
    "attention_norm.weight": "ln1.weight",
    "attention_norm.bias": "ln1.bias",
    "attention.relative": "attn.Er",
    "attention.qkv.weight": "attn.in_proj_weight",
    "attention.qkv.bias": "attn.in_proj_bias",
    "attention.out.weight": "attn.out_proj.weight",
    "attention.out.bias": "attn.out_proj.bias",
    "feedforward_norm.weight": "ln2.weight",
    "feedforward_norm.bias": "ln2.bias",
    "feedforward.up.weight": "mlp.0.weight",
    "feedforward.up.bias": "mlp.0.bias",
    "feedforward.down.weight": "mlp.2.weight",
    "feedforward.down.bias": "mlp.2.bias",
}
"""Our name → theirs, outside and inside of a block."""


def read_published(path: Path) -> GPT:
    """Read a published checkpoint; nothing in it is run.

    Parameters
    ----------
    path
        A ``.pth`` file: a ``state_dict`` as torch saves it.

    Returns
    -------
    GPT
        With its weights, float32, on the CPU.

    Raises
    ------
    DataError
        The file cannot be read.
    CheckpointError
        It holds anything but plain tensors, or tensors are missing, left over, or have another shape.
    """
    found = _tensors(path)
    try:
        config = _config_of(found, path)
        with torch.device("meta"):
            model = GPT(config)
    except ConfigError as error:
        raise CheckpointError(f"{path}: no decoder has tensors of such shapes ({error})") from error
    names = _names(config.blocks)
    shapes = {theirs: tuple(model.get_parameter(ours).shape) for ours, theirs in names.items()}
    shapes["pos_emb"] = (1, *shapes["pos_emb"])
    _require_fit(found, shapes, path)
    weights = {ours: found[theirs].float().reshape(shapes[theirs][-2:]) for ours, theirs in names.items()}
    model.load_state_dict(weights, assign=True)
    return model.eval()


def _tensors(path: Path) -> dict[str, Tensor]:
    """Read tensors by name, without the prefix, and nothing else."""
    with translated_errors(path), path.open("rb"):
        pass  # from here on an error of the operating system tells of damage: torch seeks where a file has no end
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of pickles that it then refuses
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, OSError) as error:
        reason = "it is damaged, or holds more than tensors, and code out of a file is never run"
        raise CheckpointError(f"{path}: is no file of plain tensors ({reason})") from error
    if not isinstance(loaded, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in loaded.items()
    ):
        raise CheckpointError(f"{path}: is no table of tensors by name, as a model's state_dict is")
    return {name.removeprefix(_PREFIX): tensor for name, tensor in loaded.items()}


def _config_of(found: Mapping[str, Tensor], path: Path) -> GPTConfig:
    """Tell the settings from the shapes."""
    telling = {"tok_emb.weight": 2, "pos_emb": 3, "blocks.0.attn.Er": 2, "blocks.0.mlp.0.weight": 2}
    for name, axes in telling.items():
        if name not in found:
            raise CheckpointError(f"{path}: lacks '{name}', so it is no GIGA-Piano decoder")
        if found[name].ndim != axes or not found[name].numel():
            raise CheckpointError(f"{path}: '{name}' has shape {tuple(found[name].shape)}; it needs {axes} axes")
    vocabulary, width = found["tok_emb.weight"].shape
    head_width = found["blocks.0.attn.Er"].shape[1]
    if width % head_width:
        raise CheckpointError(f"{path}: heads of width {head_width} ('blocks.0.attn.Er') do not divide width {width}")
    blocks = {int(match[1]) for name in found if (match := re.match(r"blocks\.(\d{1,4})\.", name))}
    return GPTConfig(
        vocabulary=vocabulary,
        context=found["pos_emb"].shape[1],
        width=width,
        blocks=max(blocks) + 1,
        heads=width // head_width,
        feedforward_ratio=found["blocks.0.mlp.0.weight"].shape[0] / width,
        positions="learned+relative",
        tied=False,
        bias=True,
        dropout=0.1,
    )


def _names(blocks: int) -> dict[str, str]:
    """Give our names → theirs, for so many blocks."""
    inside = {
        f"blocks.{block}.{ours}": f"blocks.{block}.{theirs}"
        for block in range(blocks)
        for ours, theirs in _INSIDE.items()
    }
    return _OUTSIDE | inside


def _require_fit(found: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Refuse tensors that are missing, left over or of another shape, all in one line."""
    wrong = [
        f"'{name}' has shape {tuple(found[name].shape)} and needs {shape}"
        for name, shape in shapes.items()
        if name in found and tuple(found[name].shape) != shape
    ]
    problems = [
        f"lacks {_told([repr(name) for name in shapes if name not in found])}",
        f"has {_told([repr(name) for name in found if name not in shapes])} too many",
        _told(wrong),
    ]
    counted = (shapes.keys() - found.keys(), found.keys() - shapes.keys(), wrong)
    if any(counted):
        text = "; ".join(problem for problem, some in zip(problems, counted, strict=True) if some)
        raise CheckpointError(f"{path}: {text}")


def _told(items: Sequence[str]) -> str:
    """List some, and count the rest."""
    more = len(items) - _NAMED
    return ", ".join(items[:_NAMED]) + (f" and {more} more" if more > 0 else "")
