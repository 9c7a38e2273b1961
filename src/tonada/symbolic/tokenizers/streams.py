"""Decoders for ids that come one by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.tokenizers.base import NoteStream, Row


class GroupStream(NoteStream):
    """Collects the ids of a note, in the order of its slots; whatever breaks the order is left out.

    Parameters
    ----------
    slot_of
        The slot of each id, 4 for those in none; uint8 [V].
    value
        What each id stands for: steps, pitch, velocity or steps; int64 [V].
    step_ms
        The grid, in milliseconds.
    start_s
        From where time counts, in seconds.
    farthest_s
        Later onsets are moved there, in seconds from the start.
    """

    def __init__(
        self, slot_of: NDArray[np.uint8], value: NDArray[np.int64], step_ms: int, start_s: float, farthest_s: float
    ) -> None:
        self._slot_of, self._value, self._step_ms, self._start_s = slot_of.tolist(), value.tolist(), step_ms, start_s
        self._farthest_s = farthest_s
        self._step, self._open = 0, list[int]()
        self.time_s = start_s

    def push(self, token: int) -> list[Row]:
        """Take one id; a duration in its place gives a note."""
        slot = self._slot_of[token] if token < len(self._slot_of) else 4
        if slot == 4:
            return []
        if slot == 0:
            self._open = []
        elif slot != len(self._open):
            self._open = []
            return []
        self._open.append(self._value[token])
        if slot < 3:
            return []
        shift, pitch, velocity, duration = self._open
        self._open = []
        self._step += shift
        self.time_s = self._start_s + min(self._step * self._step_ms / 1000, self._farthest_s)
        return [(self.time_s, duration * self._step_ms / 1000, pitch, velocity)]
