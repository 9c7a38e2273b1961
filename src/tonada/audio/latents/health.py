"""Whether a latent does what it is for: channels that say something, and a decoder that listens.

Axes: L frames · Z latent channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ACTIVE_SPREAD = 0.1
"""Standard deviation from which on a channel of a variational model is active: its prior has one of 1."""
ACTIVE_SHARE = 0.01
"""Of the greatest standard deviation, from which on a channel of a model without a prior is active."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """Whether a latent does what it is for.

    Attributes
    ----------
    channels
        Z.
    spread
        Standard deviation of each channel over clips and time, descending.
    active
        Channels that vary: see `count_active`.
    effective
        Dimensions that as many equal, unrelated channels would have: (Σ λ)² / Σ λ² of the covariance.
    distance
        Mean distance from the original when a clip's own latents are decoded.
    distance_of_another
        When those of another clip are.
    distance_of_mean
        When all frames are the mean latent.
    """

    channels: int
    spread: tuple[float, ...]
    active: int
    effective: float
    distance: float
    distance_of_another: float
    distance_of_mean: float

    @property
    def used(self) -> bool:
        """Whether the decoder follows its latents: without them it does clearly worse."""
        return self.distance < 0.9 * min(self.distance_of_another, self.distance_of_mean)


def count_active(deviation: NDArray[np.floating], *, variational: bool) -> int:
    """Count the channels that move with the sound (after Burda et al. 2016, section 5).

    Parameters
    ----------
    deviation
        Standard deviation of each channel over clips and frames, floating [Z]; of a variational model that of its mean.
    variational
        A variational model's prior gives its latents a scale, so that a small deviation says something by itself. Those
        of another model have none: there a channel is compared with the greatest one.
    """
    least = ACTIVE_SPREAD if variational else ACTIVE_SHARE * float(deviation.max())
    return int((deviation > least).sum())


def measure_health(
    frames: Sequence[NDArray[np.float32]],
    distances: Mapping[str, Sequence[float]],
    *,
    variational: bool = False,
) -> Health:
    """Judge a latent.

    Parameters
    ----------
    frames
        float32 [L, Z] for each clip.
    distances
        "own", "another" and "mean": distances as `Health` tells them.
    variational
        Whether the latents have a prior, and so a scale.
    """
    count = sum(len(clip) for clip in frames)
    mean = sum(clip.sum(axis=0, dtype=np.float64) for clip in frames) / count
    product: Any = sum((clip - mean).T @ (clip - mean) for clip in frames) / count
    variance = np.diag(product)
    values = np.linalg.eigvalsh(product)
    deviation = np.sqrt(variance)
    return Health(
        channels=len(variance),
        spread=tuple(np.sort(deviation)[::-1].tolist()),
        active=count_active(deviation, variational=variational),
        effective=float(values.sum() ** 2 / (values**2).sum()) if values.any() else 0.0,
        distance=float(np.mean(distances["own"])),
        distance_of_another=float(np.mean(distances["another"])),
        distance_of_mean=float(np.mean(distances["mean"])),
    )
