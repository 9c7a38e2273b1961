"""Notes that share a step of the grid keep their order: where it is not that of their pitches, they decode 20 µs apart.

Notes are sorted by (onset, pitch), so an order that a scheme wrote down by onsets finer than its grid would be lost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TICKS_PER_QUARTER = 25_000
"""Of the scores of such schemes: at 120 bpm a tick is 20 µs."""
TICKS_PER_MS = TICKS_PER_QUARTER // 500
LAST_PLACE = 200
"""The last place in a step, 4 ms after it: all that share a place are closer than half of any scheme's step."""


def places(step: NDArray[np.int64], breaks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count, for each note [N] in order, the breaks in its step up to it.

    Parameters
    ----------
    step
        Never falling; int64 [N].
    breaks
        Whether a note's pitch is not in order after the note before; bool [N], without meaning where a step begins.

    Returns
    -------
    ndarray
        int64 [N], 0 … ``LAST_PLACE``.
    """
    same = np.zeros(len(step), dtype=np.bool_)
    same[1:] = step[1:] == step[:-1]
    count = np.cumsum(same & breaks)
    place: NDArray[np.int64] = np.minimum(count - np.maximum.accumulate(np.where(same, 0, count)), LAST_PLACE)
    return place


def seconds(step: NDArray[np.int64], place: NDArray[np.int64], *, step_ms: int) -> NDArray[np.float64]:
    """Give the time of places in steps.

    Parameters
    ----------
    step
        int64 [N].
    place
        As ``places`` gives it; int64 [N].
    step_ms
        Length of a step, in milliseconds.

    Returns
    -------
    ndarray
        float64 [N], in seconds.
    """
    return (step * (step_ms * TICKS_PER_MS) + place) / (1000 * TICKS_PER_MS)


class Place:
    """The same, note by note."""

    def __init__(self, *, step_ms: int) -> None:
        self._step_ms = step_ms
        self._step, self._place = -1, 0

    def onset_s(self, step: int, *, breaks: bool) -> float:
        """Take the next note; give its onset in seconds."""
        self._place = min(self._place + breaks, LAST_PLACE) if step == self._step else 0
        self._step = step
        return (step * (self._step_ms * TICKS_PER_MS) + self._place) / (1000 * TICKS_PER_MS)
