"""The fingerprint of a clip: differences between band energies, by which a recording is known again.

Haitsma & Kalker, "A highly robust audio fingerprinting system" (ISMIR 2002, section 4): frames of 0.37 s, 31/32
of each overlapping the next; the energies of 33 bands, spaced by their logarithm between 300 and 2000 Hz; a bit is 1
where the difference of two neighbouring bands grows from one frame to the next. So a frame gives 32 bits, which neither
gain nor lossy coding nor a shift in time changes much; another pitch or speed does.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tonada.audio.clip import SILENCE_DB

RATE_HZ = 5512.5
"""Sounds are brought near this sample rate, by leaving out samples behind a low-pass filter."""
FRAME_SAMPLES = 2048
HOP_SAMPLES = 64
LOWEST_HZ, HIGHEST_HZ, BANDS = 300.0, 2000.0, 33

_TAPS = 48  # of the low-pass filter, per kept sample: flat to 2 kHz, 50 dB down where it would fold onto 2 kHz
_KEPT_AT_ONCE = 1 << 14
_FRAMES_AT_ONCE = 64  # what one turn needs fits into a processor's cache

Prints = NDArray[np.uint32]


def frame_s(sample_rate: int) -> float:
    """Give the distance of two frames, in seconds.

    Parameters
    ----------
    sample_rate
        Of the clips, in Hz.
    """
    return HOP_SAMPLES * _factor(sample_rate) / sample_rate


def fingerprint(samples: NDArray[np.float32], sample_rate: int) -> Prints:
    """Give the fingerprint of a clip.

    Parameters
    ----------
    samples
        float32 [S], full scale −1 to 1.
    sample_rate
        In Hz.

    Returns
    -------
    ndarray
        uint32 [L], one number of 32 bits for each pair of frames; 0 where there is silence. Empty for clips shorter
        than two frames, and at sample rates too low for the bands.
    """
    if sample_rate < 2 * HIGHEST_HZ:
        return np.empty(0, dtype=np.uint32)
    low = _decimated(samples, _factor(sample_rate))
    frames = 1 + (len(low) - FRAME_SAMPLES) // HOP_SAMPLES
    if frames < 2:
        return np.empty(0, dtype=np.uint32)
    window = np.hanning(FRAME_SAMPLES).astype(np.float32)
    edges = _edges(sample_rate / _factor(sample_rate))
    every = np.lib.stride_tricks.sliding_window_view(low, FRAME_SAMPLES)[::HOP_SAMPLES]
    energies = np.empty((frames, BANDS), dtype=np.float32)
    for start in range(0, frames, _FRAMES_AT_ONCE):
        spectrum = np.fft.rfft(every[start : start + _FRAMES_AT_ONCE] * window)[:, edges[0] : edges[-1]]
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        energies[start : start + _FRAMES_AT_ONCE] = np.add.reduceat(power, edges[:-1] - edges[0], axis=1)
    steps = np.diff(energies, axis=1)
    bits = np.diff(steps, axis=0) < 0  # E(n, m) − E(n, m + 1) grows where E(n, m + 1) − E(n, m) falls
    prints: Prints = bits @ (np.uint32(1) << np.arange(BANDS - 1, dtype=np.uint32))
    # A sine of amplitude A gives bins around it the energy 3/8 (A · FRAME / 2)² under this window (Parseval).
    # Frames softer than a sine at the level of silence say nothing.
    floor = 3 / 8 * (FRAME_SAMPLES / 2) ** 2 * 10 ** (SILENCE_DB / 10)
    prints[energies[1:].sum(axis=1) < floor] = 0
    return prints


def _factor(sample_rate: int) -> int:
    return max(1, round(sample_rate / RATE_HZ))


@lru_cache(maxsize=4)
def _edges(rate_hz: float) -> NDArray[np.int64]:
    """Give the first bin of every band, and the one after the last."""
    edges_hz = LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** (np.arange(BANDS + 1) / BANDS)
    return np.rint(edges_hz * FRAME_SAMPLES / rate_hz).astype(np.int64)


def _decimated(samples: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Keep one sample in ``factor`` behind a low-pass filter (sinc under a Hamming window)."""
    if factor == 1:
        return samples
    taps = _TAPS * factor // 4
    time = np.arange(taps) - (taps - 1) / 2
    weights = (np.sinc(time / factor) * np.hamming(taps) / factor).astype(np.float32)
    kept = np.zeros(len(samples) // factor, dtype=np.float32)
    for start in range(0, len(kept), _KEPT_AT_ONCE):
        block = kept[start : start + _KEPT_AT_ONCE]
        first = start * factor - taps // 2
        part = samples[max(0, first) : first + len(block) * factor + taps]
        before = max(0, -first)
        padded = np.zeros(len(block) * factor + taps, dtype=np.float32)
        padded[before : before + len(part)] = part
        for tap, weight in enumerate(weights):
            block += weight * padded[tap : tap + len(block) * factor : factor]
    return kept
