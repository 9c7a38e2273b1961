"""Sound through an autoencoder and back, and the figures that score a checkpoint while it is trained.

The figures that are quoted are those of `tonada.audio.evaluation.reconstruction`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonada.audio.latents.health import count_active
from tonada.audio.metrics import si_sdr_db, stft_distance
from tonada.audio.models.base import AudioAutoencoder
from tonada.audio.models.posterior import Variational, kl_per_dimension

Precision = Literal["fp32", "bf16"]
NEARLY_SILENT = 0.05
"""An output whose root mean square is below this share of the input's has collapsed."""
_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class LatentUse:
    """How much of a variational latent is used.

    Attributes
    ----------
    active_dimensions
        Those whose mean moves with the sound: `tonada.audio.latents.health.count_active`.
    kl_nats
        The divergence from N(0, 1) of each dimension, in nats per frame, the greatest first.
    """

    active_dimensions: int
    kl_nats: tuple[float, ...]


@torch.no_grad()
def reconstruct(model: AudioAutoencoder, waveform: Tensor, precision: Precision) -> Tensor:
    """Encode, and decode the latents alone: what a model's ``forward`` may know beside them has no part in it.

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
        decoded = model.decode(model.encode(waveform.to(device)), waveform.shape[-1])
    return decoded.float().cpu()


def _computing_in(precision: Precision, device: str) -> AbstractContextManager[Any]:
    """Compute in this precision, whatever was chosen around (a validation runs inside the trainer's autocast)."""
    if precision == "bf16":
        return torch.autocast(device, dtype=torch.bfloat16)
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def score_reconstruction(
    model: AudioAutoencoder, clips: Sequence[NDArray[np.float32]], precision: Precision
) -> dict[str, float]:
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
    dict
        ``score``, the mean multi-resolution STFT distance; ``si_sdr_db``, the mean over the clips that are not silent,
        absent where all are; ``rms_ratio``, the root mean square of all outputs over that of all inputs; of a
        variational model ``active_dimensions`` of the latent, and ``kl_nats``, the divergence of a frame for each
        dimension, in the mean.
    """
    distances, ratios_db, energy_in, energy_out = [], [], 0.0, 0.0
    for original, decoded in decoded_pairs(model, clips, precision):
        distances.append(stft_distance(original, decoded))
        ratio_db = si_sdr_db(original, decoded)
        if not math.isnan(ratio_db):
            ratios_db.append(ratio_db)
        energy_in += float(np.square(original, dtype=np.float64).sum())
        energy_out += float(np.square(decoded, dtype=np.float64).sum())
    figures = {
        "score": float(np.mean(distances)),
        **({"si_sdr_db": float(np.mean(ratios_db))} if ratios_db else {}),
        "rms_ratio": float(np.sqrt(energy_out / energy_in)) if energy_in else 1.0,
    }
    latent = measure_latent(model, clips, precision)
    if latent is not None:
        figures |= {"active_dimensions": latent.active_dimensions, "kl_nats": float(np.mean(latent.kl_nats))}
    return figures


@torch.no_grad()
def measure_latent(
    model: AudioAutoencoder, clips: Iterable[NDArray[np.float32]], precision: Precision
) -> LatentUse | None:
    """Measure how much of a variational latent is used; None of a model that is not variational.

    Parameters
    ----------
    model
        In evaluation mode.
    clips
        float32 [S] each, at least one.
    precision
        Of the forward passes.
    """
    if not isinstance(model, Variational):
        return None
    device = next(model.parameters()).device
    means, log_variances = [], []
    for clip in clips:
        with _computing_in(precision, device.type):
            mean, log_variance = model.posterior(torch.from_numpy(clip)[None].to(device))
        means.append(mean.float().cpu())
        log_variances.append(log_variance.float().cpu())
    frames, spreads = torch.cat(means, dim=2), torch.cat(log_variances, dim=2)
    return LatentUse(
        active_dimensions=count_active(frames.std(dim=(0, 2), correction=0).numpy(), variational=True),
        kl_nats=tuple(sorted(kl_per_dimension(frames, spreads).tolist(), reverse=True)),
    )


def decoded_pairs(
    model: AudioAutoencoder, clips: Iterable[NDArray[np.float32]], precision: Precision
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Pair each clip with what comes back of it.

    Parameters
    ----------
    model
        In evaluation mode.
    clips
        float32 [S] each; neighbours of equal length share a forward pass.
    precision
        Of the forward passes.

    Yields
    ------
    tuple
        The clip and its reconstruction, float32 [S] both.
    """
    group: list[NDArray[np.float32]] = []

    def flushed() -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        if group:
            decoded = reconstruct(model, torch.from_numpy(np.stack(group)), precision).numpy()
            yield from zip(group, decoded, strict=True)
            group.clear()

    for clip in clips:
        if len(group) == _BATCH or (group and len(group[0]) != len(clip)):
            yield from flushed()
        group.append(clip)
    yield from flushed()
