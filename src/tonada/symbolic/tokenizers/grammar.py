"""Which ids may come next: a state per lane, so that what is sampled is always a whole number of notes.

Axes: B lanes (pieces that are generated side by side), V vocabulary, T positions, S states of a table.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Grammar(ABC):
    """The rules of a tokenizer, followed on B lanes at once.

    Ids that the rules forbid do not raise: a grammar then goes on from the state that fits best.

    Parameters
    ----------
    batch
        B, the number of lanes, at least 1.
    """

    def __init__(self, batch: int) -> None:
        self.batch = batch

    @abstractmethod
    def allowed(self) -> NDArray[np.bool_]:
        """Tell which ids may come next on each lane; bool [B, V], never all False in a row."""

    @abstractmethod
    def advance(self, ids: NDArray[np.integer]) -> None:
        """Take one id per lane; integers [B] below the vocabulary's size."""

    @abstractmethod
    def select(self, lanes: ArrayLike) -> None:
        """Keep the lanes at these positions, in this order; a position may be named more than once."""

    def prime(self, ids: ArrayLike) -> None:
        """Take a prompt: integers [T], the same for all lanes, or [B, T]."""
        for column in np.broadcast_to(np.asarray(ids), (self.batch, np.shape(ids)[-1])).T:
            self.advance(column)


class TableGrammar(Grammar):
    """Rules that are a table of S states.

    Parameters
    ----------
    batch
        B, the number of lanes.
    masks
        What each state allows; bool [S, V].
    next_state
        Where each id leads; integers [S, V] below S, for forbidden ids too.
    start
        The state before the first id.
    """

    def __init__(
        self, batch: int, *, masks: NDArray[np.bool_], next_state: NDArray[np.integer], start: int = 0
    ) -> None:
        super().__init__(batch)
        self._masks, self._next_state = masks, next_state
        self._state = np.full(batch, start, dtype=np.int64)

    def allowed(self) -> NDArray[np.bool_]:
        """Look the states' rows up; bool [B, V]."""
        return self._masks[self._state]

    def advance(self, ids: NDArray[np.integer]) -> None:
        """Follow one id per lane."""
        self._state = self._next_state[self._state, ids].astype(np.int64)

    def select(self, lanes: ArrayLike) -> None:
        """Keep the states of these lanes."""
        self._state = self._state[np.asarray(lanes, dtype=np.int64)]
        self.batch = len(self._state)


class Rules(NamedTuple):
    """The tables of a ``TableGrammar``, and the state that it starts in."""

    masks: NDArray[np.bool_]
    next_state: NDArray[np.int16]
    start: int


def write_rules(slot_of: NDArray[np.uint8], *, pad_id: int, begin_id: int, end_id: int) -> Rules:
    """Write the rules of notes that are whole groups of slots: begin, then groups, the end where a note could begin.

    Conditions are understood wherever they stand, and never allowed: they are said, not made up.

    Parameters
    ----------
    slot_of
        The slot of each id, the number of slots for those in none; uint8 [V].
    pad_id, begin_id, end_id
        Ids in no slot; any other such id is a condition.
    """
    slots = int(slot_of.max())
    over, start = slots, slots + 1  # states after those that wait for a slot
    masks = np.zeros((start + 1, len(slot_of)), dtype=np.bool_)
    for slot in range(slots):
        masks[slot] = slot_of == slot
    masks[start] = masks[0]
    masks[start, begin_id] = True
    masks[0, end_id] = True
    masks[over, pad_id] = True

    # What begins, says or does not fit is no part of a note, so the next note is waited for.
    next_state = np.zeros(masks.shape, dtype=np.int16)
    next_state[:, slot_of == 0] = 1 % slots
    for slot in range(1, slots):
        next_state[slot, slot_of == slot] = (slot + 1) % slots
    next_state[:, pad_id] = np.arange(len(masks))
    next_state[:, end_id] = over
    return Rules(masks, next_state, start)
