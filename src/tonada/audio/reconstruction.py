"""How well an autoencoder reconstructs held-out sound: the figures that score a checkpoint while it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonada.audio.metrics import si_sdr_db, stft_distance
from tonada.audio.models.base import AudioAutoencoder

NEARLY_SILENT = 0.05
"""An output whose root mean square is below this share of the input's has collapsed."""
_BATCH = 8


@torch.no_grad()
def reconstruct(model: AudioAutoencoder, waveform: Tensor, precision: Literal["fp32", "bf16"]) -> Tensor:
    """Encode and decode.

    Parameters
    ----------
    model
        In evaluation mode.
    waveform
        float32 [B, S], on any device.
    precision
        Of the forward pass.

    Returns
    -------
    Tensor
        float32 [B, S], on the CPU.
    """
    device = next(model.parameters()).device
    with _computing_in(precision, device.type):
        return model(waveform.to(device)).float().cpu()  # type: ignore[no-any-return]


def _computing_in(precision: Literal["fp32", "bf16"], device: str) -> AbstractContextManager[Any]:
    if precision == "fp32":
        return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()
    return torch.autocast(device, dtype=torch.bfloat16)


def score_reconstruction(
    model: AudioAutoencoder, clips: Sequence[NDArray[np.float32]], precision: Literal["fp32", "bf16"]
) -> Mapping[str, float]:
    """Score a model on clips, lower is better.

    Parameters
    ----------
    model
        In evaluation mode.
    clips
        float32 [S] each, at least one; neighbours of equal length share a forward pass.
    precision
        Of the forward passes; the figures are computed in full precision.

    Returns
    -------
    mapping
        ``score``, the mean multi-resolution STFT distance; ``si_sdr_db``, the mean; ``rms_ratio``, root mean square of
        all outputs over that of all inputs.
    """
    distances, ratios_db, energy_in, energy_out = [], [], 0.0, 0.0
    for group in _grouped(clips):
        originals = torch.from_numpy(np.stack(group))
        for original, decoded in zip(group, reconstruct(model, originals, precision).numpy(), strict=True):
            distances.append(stft_distance(original, decoded))
            ratios_db.append(si_sdr_db(original, decoded))
            energy_in += float(np.square(original, dtype=np.float64).sum())
            energy_out += float(np.square(decoded, dtype=np.float64).sum())
    return {
        "score": float(np.mean(distances)),
        "si_sdr_db": float(np.mean(ratios_db)),
        "rms_ratio": (energy_out / max(energy_in, 1e-12)) ** 0.5,
    }


def _grouped(clips: Sequence[NDArray[np.float32]]) -> list[list[NDArray[np.float32]]]:
    """Split into runs of equal length that fit one forward pass."""
    groups: list[list[NDArray[np.float32]]] = []
    for clip in clips:
        if not groups or len(groups[-1]) == _BATCH or len(groups[-1][0]) != len(clip):
            groups.append([])
        groups[-1].append(clip)
    return groups
