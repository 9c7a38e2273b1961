"""Weights on disk: safetensors, written atomically, loaded only when every tensor fits. No pickle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from tonada.errors import CheckpointError
from tonada.files import atomic_path
from tonada.sharding import divided_as


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors and texts to one safetensors file, atomically.

    Parameters
    ----------
    path
        The file.
    tensors
        By name; copied to the CPU.
    metadata
        Texts by name.

    Raises
    ------
    DataError
        The folder cannot be written.
    ResourceError
        The disk is full.
    """
    with atomic_path(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode  # as any new file here; safetensors makes files that only their owner may read
        try:
            save_file(
                {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
                temporary,
                metadata={**(metadata or {})},
            )
        except SafetensorError as error:
            # safetensors reports the operating system's errors as its own; the number is in the text.
            code = next((int(word.strip("():.,")) for word in str(error).split() if word.strip("():.,").isdigit()), 5)
            raise OSError(code, str(error)) from error
        temporary.chmod(mode)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file.

    Returns
    -------
    tuple
        Tensors by name, and the file's texts by name.

    Raises
    ------
    CheckpointError
        The file is absent, unreadable or damaged.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file of weights")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: is damaged or no safetensors file ({error})") from error


def model_tensors(model: nn.Module) -> dict[str, Tensor]:
    """List a model's weights by name, those that share memory once."""
    seen: set[int] = set()
    tensors = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            tensors[name] = tensor.detach()
    return tensors


@torch.no_grad()
def load_into(model: nn.Module, tensors: Mapping[str, Tensor], path: Path, *, optional: Sequence[str] = ()) -> None:
    """Copy weights into a model, all of them or none.

    Parameters
    ----------
    model
        The network.
    tensors
        Exactly the names and shapes of ``model_tensors(model)``; any floating dtype.
    path
        Named in errors.
    optional
        Submodules whose weights may be absent on either side, each as a whole.

    Raises
    ------
    CheckpointError
        Tensors are missing, left over, or have another shape.
    """
    wanted = model_tensors(model)
    for part in optional:
        ours, theirs = ({name for name in names if name.startswith(f"{part}.")} for names in (wanted, tensors))
        if not ours or not theirs:
            wanted = {name: tensor for name, tensor in wanted.items() if name not in ours}
            tensors = {name: tensor for name, tensor in tensors.items() if name not in theirs}
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    wrong = [name for name in wanted if name in tensors and wanted[name].shape != tensors[name].shape]
    if missing:
        raise CheckpointError(f"{path}: lacks {len(missing)} of the model's tensors, for example '{missing[0]}'")
    if extra:
        raise CheckpointError(f"{path}: has {len(extra)} tensors that the model has not, for example '{extra[0]}'")
    if wrong:
        found, needed = tuple(tensors[wrong[0]].shape), tuple(wanted[wrong[0]].shape)
        raise CheckpointError(f"{path}: tensor '{wrong[0]}' has shape {found}; the model needs {needed}")
    for name, tensor in wanted.items():
        tensor.copy_(divided_as(tensors[name], tensor))
