"""A limiter that looks ahead: peaks are turned down, before and after them the level glides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CEILING = 10.0 ** (-1 / 20)
"""No sample of a limited sound is beyond it: 1 dB below full scale, which lossy encoders need."""

ATTACK_DB_PER_S = 2000.0
"""How fast the level goes down before a peak: 10 dB in 5 ms."""

RELEASE_DB_PER_S = 60.0
"""How fast it comes back: what follows a loud chord is not lost."""

_TARGET = CEILING * (1 - 1e-6)  # a peak that is turned down is rounded, and must not end above the ceiling
_HOP = 32  # samples between the points of the gain curve
_BLOCK_HOPS = 1 << 15


def limit(samples: NDArray[np.float32], sample_rate: int) -> None:
    """Turn a sound down, in place, where it would be beyond ``CEILING``; elsewhere it stays as it is.

    The gain is a chain of straight lines over points 32 samples apart. For each stretch between points the reduction
    that its peak needs is found, in decibels; each point gets the greatest need of any stretch, less what the slopes
    of attack and release grant for the distance. As both ends of a stretch have at least its own need, so has all
    between them. All channels share the gain, so that the picture does not move.

    Parameters
    ----------
    samples
        float32 [C, S], finite; written to.
    sample_rate
        In Hz.
    """
    frames = samples.shape[1]
    peaks = np.zeros(-(-frames // _HOP))
    for start, stop in _blocks(frames):
        part = np.abs(samples[:, start:stop]).max(axis=0)
        padded = np.concatenate((part, np.zeros(-len(part) % _HOP, dtype=np.float32)))
        peaks[start // _HOP : -(-stop // _HOP)] = padded.reshape(-1, _HOP).max(axis=1)
    need_db = 20 * np.log10(np.where(peaks > CEILING, peaks / _TARGET, 1.0))
    if not need_db.any():
        return
    points_db = np.maximum(np.append(need_db, 0.0), np.append(0.0, need_db))
    hops = np.arange(len(points_db)) * _HOP / sample_rate
    after = np.maximum.accumulate(points_db + hops * RELEASE_DB_PER_S) - hops * RELEASE_DB_PER_S
    before = np.maximum.accumulate((points_db - hops * ATTACK_DB_PER_S)[::-1])[::-1] + hops * ATTACK_DB_PER_S
    gain = 10.0 ** (-np.maximum(after, before) / 20)
    for start, stop in _blocks(frames):
        first, last = start // _HOP, -(-stop // _HOP)
        samples[:, start:stop] *= np.interp(
            np.arange(start, stop), np.arange(first, last + 1) * _HOP, gain[first : last + 1]
        ).astype(np.float32)


def _blocks(frames: int) -> list[tuple[int, int]]:
    size = _BLOCK_HOPS * _HOP
    return [(start, min(start + size, frames)) for start in range(0, frames, size)]
