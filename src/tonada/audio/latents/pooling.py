"""One vector of fixed length for a clip of any length: statistics over time, and what the ear hears first.

Axes: L frames · Z channels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tonada.audio.clip import Clip

Vector = NDArray[np.float64]

CEPSTRA = 20
"""Mel-frequency cepstral coefficients of the reference that is learned from nothing."""
LEAST_LOUDNESS_DB = -90.0
"""What silence counts as."""


def pool(frames: NDArray[np.floating]) -> Vector:
    """Pool frames over time: each channel's mean, standard deviation, and mean change from frame to frame.

    Parameters
    ----------
    frames
        [L, Z], L ≥ 1.

    Returns
    -------
    ndarray
        float64 [3 Z]: all means, then all deviations, then all changes (mean |Δ|, 0 for a single frame).
    """
    wide = frames.astype(np.float64)
    change = np.abs(np.diff(wide, axis=0)).mean(axis=0) if len(wide) > 1 else np.zeros(wide.shape[1])
    return np.concatenate((wide.mean(axis=0), wide.std(axis=0), change))


def cepstra(clip: Clip) -> Vector:
    """Give the first 20 mel-frequency cepstral coefficients (Davis and Mermelstein 1980) of each frame.

    Returns
    -------
    ndarray
        float64 [L, 20]: the orthonormal cosine transform of the log-mel spectrum of `tonada.audio.metrics.log_mel`.
    """
    import torch

    from tonada.audio.metrics import SAMPLE_RATE, log_mel
    from tonada.audio.spectral import cosines

    samples = clip.mono().resampled(SAMPLE_RATE).samples[0]
    spectrum = log_mel(torch.from_numpy(samples.astype(np.float64))).numpy()
    bands = len(spectrum)
    basis = cosines(range(CEPSTRA), bands).numpy() * math.sqrt(2 / bands)
    basis[0] /= math.sqrt(2)
    return np.asarray((basis @ spectrum).T)


def loudness_db(clip: Clip) -> float:
    """Give the root mean square level in dB of full scale, −90 dB at least."""
    mean_square = float(np.square(clip.samples, dtype=np.float64).mean()) if clip.samples.size else 0.0
    return max(LEAST_LOUDNESS_DB, 10 * math.log10(max(mean_square, 1e-30)))


def brightness_octaves(clip: Clip) -> float:
    """Give the spectral centroid, where the middle of the magnitudes lies, in octaves above 1 Hz; 0 for silence."""
    samples = clip.mono().samples[0]
    magnitudes = np.abs(np.fft.rfft(samples))
    frequencies_hz = np.fft.rfftfreq(len(samples), 1 / clip.sample_rate)
    total = float(magnitudes.sum())
    return math.log2(max(1.0, float(magnitudes @ frequencies_hz) / total)) if total > 1e-9 else 0.0
