"""Fitted priors on disk, and priors by their names.

A prior lies as ``prior.safetensors`` beside the weights whose latents it was fitted to, and knows them by their hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.audio.latents.priors import FittedPrior, NormalPrior, Prior, UniformPrior
from tonada.audio.latents.processes import Process
from tonada.errors import CheckpointError, UnknownNameError

FILE_NAME = "prior.safetensors"
"""Beside ``model.safetensors`` in a model folder."""
KINDS = ("uniform", "normal", "fitted")
"""Priors by their names."""
FORMAT = "1"
"""Of the file."""

_ARRAYS = ("centre", "axes", "places", "cluster", "middles", "kernels", "bandwidths", "low", "high")


def save_prior(prior: FittedPrior, path: Path, *, weights_sha256: str) -> None:
    """Write a prior as safetensors.

    Parameters
    ----------
    prior
        What `fit_prior` gave.
    path
        The file; `FILE_NAME` in the model's folder is where it is found again.
    weights_sha256
        Of the file of weights whose latents it was fitted to: to others it says nothing.

    Raises
    ------
    DataError
        The folder cannot be written.
    ResourceError
        The disk is full.
    """
    import torch

    from tonada.checkpoint import save_tensors

    arrays: dict[str, NDArray[Any]] = {name: getattr(prior, name) for name in _ARRAYS}
    for number, process in enumerate(prior.processes):
        arrays |= {f"processes.{number}.{name}": array for name, array in process.arrays().items()}
    # In single precision: half the size, and what was estimated from a few hundred clips is not known better.
    tensors = {
        name: torch.from_numpy(array.astype(np.int64 if array.dtype.kind == "i" else np.float32))
        for name, array in arrays.items()
    }
    metadata = {"format": FORMAT, "weights_sha256": weights_sha256}
    save_tensors(path, tensors, metadata)


def load_prior(path: Path, *, weights_sha256: str) -> FittedPrior:
    """Read a prior.

    Parameters
    ----------
    path
        The file.
    weights_sha256
        Of the model's file of weights that latents are drawn for.

    Raises
    ------
    CheckpointError
        The file is absent or damaged, is no prior, or was fitted to the latents of other weights.
    """
    from tonada.checkpoint import load_tensors

    tensors, metadata = load_tensors(path)
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path}: is no prior that this version reads")
    if metadata.get("weights_sha256") != weights_sha256:
        raise CheckpointError(f"{path}: was fitted to the latents of other weights; fit it again")
    arrays = {
        name: tensor.double().numpy() if tensor.is_floating_point() else tensor.long().numpy()
        for name, tensor in tensors.items()
    }
    try:
        return _prior_of(arrays)
    except (KeyError, ValueError) as error:  # a tensor is missing, or does not fit the others
        raise CheckpointError(f"{path}: is no prior ({error})") from error


def _prior_of(arrays: Mapping[str, NDArray[Any]]) -> FittedPrior:
    owned: dict[int, dict[str, NDArray[Any]]] = {}
    for name, array in arrays.items():
        if name.startswith("processes."):
            number, _, part = name.removeprefix("processes.").partition(".")
            owned.setdefault(int(number), {})[part] = array
    processes = tuple(Process.of_arrays(owned[number]) for number in range(int(arrays["cluster"].max()) + 1))
    return FittedPrior(**{name: arrays[name] for name in _ARRAYS}, processes=processes)


def make_prior(kind: str, channels: int, *, path: Path, weights_sha256: str) -> Prior:
    """Give a prior by its name.

    Parameters
    ----------
    kind
        "uniform", "normal" or "fitted".
    channels
        Of the model, Z.
    path
        Where the fitted one lies.
    weights_sha256
        Of the model.

    Raises
    ------
    UnknownNameError
        There is no such kind.
    CheckpointError
        The fitted one is not there, or belongs to another model.
    """
    if kind not in KINDS:
        raise UnknownNameError("prior", kind, KINDS)
    if kind == "uniform":
        return UniformPrior(channels)
    if kind == "normal":
        return NormalPrior(channels)
    if not path.is_file():
        raise CheckpointError(
            f"{path}: this model has no fitted prior. Name songs to fit one to, or take --prior normal"
        )
    prior = load_prior(path, weights_sha256=weights_sha256)
    if prior.channels != channels:
        raise CheckpointError(f"{path}: is a prior of {prior.channels} channels; the model has {channels}")
    return prior
