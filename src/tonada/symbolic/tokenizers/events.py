"""The events of the performance tokenizer: their ids, their order in a piece, and decoding them one by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tonada.symbolic.tokenizers.base import NoteStream, Row
from tonada.symbolic.tokenizers.grammar import Grammar
from tonada.symbolic.tokenizers.ties import Place

NOTE_OFF = 128
"""The first of them; before come the NOTE_ONs."""
TIME_SHIFT, VELOCITY = 255, 355
"""One before the first of them: they count from 1."""
EDGE, PAD = 388, 389
"""Opens and closes a piece; fills."""
LONGEST_SHIFT = 100
"""In steps."""
STEP_MS = 10
VELOCITY_STEP = 4
"""Velocities per bin."""
DEFAULT_VELOCITY = 61
"""Of notes before the first VELOCITY: the bin of 64."""


class PerformanceGrammar(Grammar):
    """The order of events in a piece.

    On a step, notes end before notes begin. NOTE_OFF ends a note that sounds, NOTE_ON begins one that does not; a
    VELOCITY differs from the one before and is followed by a NOTE_ON; a TIME_SHIFT follows another only if that was the
    longest; a piece is closed after a NOTE_OFF, when nothing sounds.

    Parameters
    ----------
    batch
        B, the number of lanes.
    """

    _START, _OFFS, _ONS, _LOUDER, _SHIFTED, _FAR, _OVER = range(7)

    def __init__(self, batch: int) -> None:
        super().__init__(batch)
        self._state = np.full(batch, self._START)
        self._sounding = np.zeros((batch, 128), dtype=np.bool_)
        self._velocity = np.zeros(batch, dtype=np.int64)

    def allowed(self) -> NDArray[np.bool_]:
        """Build the rows; bool [B, 390]."""
        state, sounding = self._state[:, None], self._sounding
        running = state != self._OVER
        mask = np.zeros((self.batch, PAD + 1), dtype=np.bool_)
        mask[:, :NOTE_OFF] = ~sounding & running & (self._velocity > 0)[:, None]
        mask[:, NOTE_OFF : TIME_SHIFT + 1] = sounding & running & (state != self._ONS) & (state != self._LOUDER)
        mask[:, TIME_SHIFT + 1 : VELOCITY + 1] = running & (state != self._SHIFTED) & (state != self._LOUDER)
        mask[:, VELOCITY + 1 : EDGE] = running & (state != self._LOUDER) & ~sounding.all(axis=1, keepdims=True)
        known = np.flatnonzero(self._velocity)
        mask[known, self._velocity[known]] = False
        mask[:, EDGE] = (self._state == self._START) | ((self._state == self._OFFS) & ~sounding.any(axis=1))
        mask[:, PAD] = self._state == self._OVER
        return mask

    def advance(self, ids: NDArray[np.integer]) -> None:
        """Take one id per lane."""
        token = np.asarray(ids).astype(np.int64)
        is_on, is_off, is_edge = token < NOTE_OFF, (token >= NOTE_OFF) & (token <= TIME_SHIFT), token == EDGE
        is_shift, is_velocity = (
            (token > TIME_SHIFT) & (token <= VELOCITY),
            (token > VELOCITY) & ~is_edge & (token != PAD),
        )
        lanes = np.flatnonzero(is_on | is_off)
        self._sounding[lanes, token[lanes] % NOTE_OFF] = is_on[lanes]
        closed = is_edge & (self._state != self._START)
        self._sounding[closed] = False
        self._velocity = np.where(is_velocity, token, self._velocity)
        self._state = np.select(
            (is_on, is_off, token == TIME_SHIFT + LONGEST_SHIFT, is_shift, is_velocity, closed, is_edge),
            (self._ONS, self._OFFS, self._FAR, self._SHIFTED, self._LOUDER, self._OVER, self._OFFS),
            default=self._state,
        )

    def select(self, lanes: ArrayLike) -> None:
        """Keep the states of these lanes."""
        chosen = np.asarray(lanes, dtype=np.int64)
        self._state, self._sounding, self._velocity = (
            self._state[chosen],
            self._sounding[chosen],
            self._velocity[chosen],
        )
        self.batch = len(chosen)


class EventStream(NoteStream):
    """Follows events; gives a note when it ends."""

    def __init__(self, start_s: float, farthest_step: int) -> None:
        self._start_s, self._farthest_step = start_s, farthest_step
        self._step, self._velocity = 0, DEFAULT_VELOCITY
        self._open: dict[int, tuple[int, float, int]] = {}
        self._place, self._pitch = Place(step_ms=STEP_MS), -1
        self.time_s = start_s

    def push(self, token: int) -> list[Row]:
        """Take one id; a NOTE_OFF, or the next NOTE_ON of its pitch, gives a note."""
        if token < NOTE_OFF:
            finished = self._end(token, struck_again=True)
            onset_s = self._place.onset_s(self._step, breaks=token <= self._pitch)
            self._open[token] = (self._step, onset_s, self._velocity)
            self._pitch = token
            return finished
        if token <= TIME_SHIFT:
            return self._end(token - NOTE_OFF)
        if token <= VELOCITY:
            self._step = min(self._step + token - TIME_SHIFT, self._farthest_step)
            self.time_s = self._start_s + self._step * STEP_MS / 1000
        elif token < EDGE:
            self._velocity = 1 + VELOCITY_STEP * (token - VELOCITY - 1)
        return []

    def flush(self) -> list[Row]:
        """End the notes that sound, here, each at least a step long."""
        return [row for pitch in list(self._open) for row in self._end(pitch)]

    def _end(self, pitch: int, *, struck_again: bool = False) -> list[Row]:
        if pitch not in self._open:
            return []
        step, onset_s, velocity = self._open.pop(pitch)
        if struck_again and step == self._step:
            return []
        end_s = max(self._step, step + 1) * STEP_MS / 1000
        return [(self._start_s + onset_s, end_s - onset_s, pitch, velocity)]
