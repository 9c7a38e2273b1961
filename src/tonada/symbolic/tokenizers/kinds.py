"""Kinds of ids in schemes that tell time apart from notes: which may follow which, and decoding them one by one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.tokenizers.base import NoteStream, Row
from tonada.symbolic.tokenizers.merges import Merges


class Kind(IntEnum):
    """What an id says; as states of the grammar: what was said last."""

    BAR = 0
    POSITION = 1
    SHIFT = 2
    PITCH = 3
    VELOCITY = 4
    DURATION = 5
    BEGIN = 6
    END = 7
    PAD = 8


START = len(Kind)
"""The state before the first id."""
Follows = Mapping[Kind, tuple[Kind, ...]]


def rules(follows: Follows, kind: NDArray[np.uint8], merges: Merges) -> tuple[NDArray[np.bool_], NDArray[np.int16]]:
    """Build the tables of a grammar in which the kind of an id decides on what may follow.

    A forbidden id leads to where its kind leads; if it would go on with a note that was not begun, to where a note may
    begin.

    Parameters
    ----------
    follows
        Which kinds may follow which; what may follow ``BEGIN`` may also open a piece.
    kind
        Of each id that is not learned; uint8.
    merges
        The learned ids: what they are made of must be allowed one after the other.

    Returns
    -------
    masks : ndarray
        What each state allows; bool [S, V].
    next_state : ndarray
        Where each id leads; int16 [S, V].
    """
    states, base = len(Kind) + 1, len(kind)
    allowed = np.zeros((states, len(Kind)), dtype=np.bool_)
    for state, kinds in follows.items():
        allowed[state, list(kinds)] = True
    allowed[START] = allowed[Kind.BEGIN]
    allowed[START, Kind.BEGIN] = True
    allowed[Kind.END, Kind.PAD] = allowed[Kind.PAD, Kind.PAD] = True
    may_open = np.zeros(len(Kind), dtype=np.bool_)
    may_open[[*follows[Kind.BEGIN], *follows[Kind.DURATION], Kind.BEGIN]] = True
    leads = np.where(allowed | may_open, np.arange(len(Kind)), Kind.DURATION)
    leads[:, Kind.PAD] = np.arange(states)

    masks = np.zeros((states, len(merges)), dtype=np.bool_)
    next_state = np.zeros(masks.shape, dtype=np.int16)
    masks[:, :base], next_state[:, :base] = allowed[:, kind], leads[:, kind]
    for token, (left, right) in enumerate(merges.made, start=base):
        between = next_state[:, left]
        masks[:, token] = masks[:, left] & masks[between, right]
        next_state[:, token] = next_state[between, right]
    return masks, next_state


class KindStream(NoteStream):
    """Follows ids; gives a note when its last id comes.

    Parameters
    ----------
    kind, value
        Of each id that is not learned: what it says, and how much; [V].
    merges
        What the learned ids stand for.
    group
        The kinds of ids that make a note, in order; with bar and position among them these are absolute.
    bar_steps
        Steps of a bar.
    rate
        Steps per second.
    start_s
        From where time counts, in seconds.
    farthest
        The last step at which a note may begin.
    """

    def __init__(
        self,
        kind: NDArray[np.uint8],
        value: NDArray[np.int64],
        merges: Merges,
        *,
        group: tuple[Kind, ...],
        bar_steps: int,
        rate: int,
        start_s: float,
        farthest: int,
    ) -> None:
        self._kind, self._value, self._merges, self._group = kind.tolist(), value.tolist(), merges, group
        self._bar_steps, self._rate, self._start_s = bar_steps, rate, start_s
        self._farthest = farthest
        self._bar, self._step = -1, 0
        self._open: list[int] = []
        self.time_s = start_s

    def push(self, token: int) -> list[Row]:
        """Take one id; a learned one may give several notes."""
        expansions = self._merges.expansions
        return [row for part in expansions[token] for row in self._push(part)] if token < len(expansions) else []

    def _push(self, token: int) -> list[Row]:
        kind, value = self._kind[token], self._value[token]
        if kind >= Kind.BEGIN:
            return []
        if kind < Kind.PITCH and len(self._group) == 3:
            self._open = []
            self._pass(kind, value)
            return []
        if kind != self._group[len(self._open)]:
            self._open = []
        if kind == self._group[len(self._open)]:
            self._open.append(value)
        if len(self._open) < len(self._group):
            return []
        *told, pitch, velocity, duration = self._open
        self._open = []
        if told:
            self._move_to(told[0] * self._bar_steps + told[1])
        return [(self.time_s, duration / self._rate, pitch, velocity)]

    def _pass(self, kind: int, value: int) -> None:
        if kind == Kind.SHIFT:
            self._move_to(self._step + value)
            return
        self._bar += kind == Kind.BAR
        self._move_to(max(self._bar, 0) * self._bar_steps + value)

    def _move_to(self, step: int) -> None:
        self._step = max(self._step, min(step, self._farthest))
        self.time_s = self._start_s + self._step / self._rate
