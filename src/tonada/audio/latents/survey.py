"""What one model makes of many clips: their latents in every form that is analysed, and how well they come back.

Axes: N clips · L frames · Z latent channels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tonada.audio.clip import Clip
from tonada.audio.latents.health import Health, measure_health
from tonada.audio.latents.pooling import pool
from tonada.audio.latents.streaming import decode_whole, encode_whole
from tonada.audio.metrics import METRICS, compare, stft_distance
from tonada.audio.models.posterior import Variational
from tonada.errors import CheckpointError

if TYPE_CHECKING:
    from tonada.audio.models.base import AudioAutoencoder

CHECKED = 12
"""Clips, at most, whose latents are exchanged to see whether the decoder follows them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """A model's latents of N clips, and what it decodes from them.

    Attributes
    ----------
    pooled
        float64 [N, 3 Z].
    flattened
        float32 [M, L · Z], of the clips of the most frequent length.
    flat_rows
        int64 [M], which clips these are.
    scores
        Metric → one value for each clip.
    decoded
        Clips that were asked for, by number.
    health
        Of the latent; None where there is one clip.
    """

    pooled: NDArray[np.float64]
    flattened: NDArray[np.float32]
    flat_rows: NDArray[np.int64]
    scores: Mapping[str, NDArray[np.float64]]
    decoded: Mapping[int, Clip]
    health: Health | None


def survey(
    model: AudioAutoencoder,
    clips: Sequence[Clip],
    *,
    keep: Collection[int] = (),
    done: Callable[[int], None] | None = None,
) -> Survey:
    """Encode and decode clips, one after the other.

    The latents of all are in memory at the end: 4 bytes for each value.

    Parameters
    ----------
    model
        In evaluation mode.
    clips
        At least one; they are mixed to one channel and taken to the model's sample rate.
    keep
        Numbers of the clips whose decoded sound is kept.
    done
        Called after each clip with the number of clips done.

    Raises
    ------
    CheckpointError
        The model gives something that is no number.
    """
    latents: list[NDArray[np.float32]] = []
    samples: list[int] = []
    decoded: dict[int, Clip] = {}
    scores: dict[str, list[float]] = {name: [] for name in METRICS}
    for number, clip in enumerate(clips):
        wave = clip.mono().resampled(model.sample_rate)
        latents.append(_finite(encode_whole(model, wave.samples[0])))
        samples.append(wave.samples.shape[1])
        back = Clip(samples=_decode(model, latents[-1], samples[-1])[None], sample_rate=model.sample_rate)
        for name, value in compare(wave, back).items():
            if name in scores:
                scores[name].append(value)
        if number in keep:
            decoded[number] = back
        if done is not None:
            done(number + 1)
    pooled = np.stack([pool(one) for one in latents])
    usual = Counter(samples).most_common(1)[0][0]
    rows = np.flatnonzero(np.array(samples) == usual)
    health = _health(model, clips, latents, rows, usual) if len(rows) > 1 else None
    return Survey(
        pooled=pooled,
        flattened=np.stack([latents[row].ravel() for row in rows]),
        flat_rows=rows,
        scores={name: np.array(values) for name, values in scores.items()},
        decoded=decoded,
        health=health,
    )


def _health(
    model: AudioAutoencoder,
    clips: Sequence[Clip],
    latents: Sequence[NDArray[np.float32]],
    rows: NDArray[np.int64],
    samples: int,
) -> Health:
    """Decode some clips from their own latents, from another clip's, and from the mean of all."""
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, CHECKED).astype(int))]
    mean = np.mean([latent.mean(axis=0) for latent in latents], axis=0, dtype=np.float64).astype(np.float32)
    distances: dict[str, list[float]] = {"own": [], "another": [], "mean": []}
    for place, row in enumerate(chosen):
        original = clips[row].mono().resampled(model.sample_rate).samples[0]
        taken = {
            "own": latents[row],
            "another": latents[chosen[place - 1]],
            "mean": np.broadcast_to(mean, latents[row].shape),
        }
        for name, values in taken.items():
            distances[name].append(stft_distance(original, _decode(model, values, samples)))
    return measure_health(latents, distances, variational=isinstance(model, Variational))


def _decode(model: AudioAutoencoder, latents: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    return _finite(decode_whole(model, latents, samples))


def _finite(values: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(values).all():
        raise CheckpointError("the model makes values that are NaN or infinite; its weights are of no use")
    return values
