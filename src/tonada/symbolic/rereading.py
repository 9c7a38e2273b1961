"""What a model reads of a piece so far: all of it where it fits, else its last part, and before it what it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tonada.errors import ConfigError
from tonada.symbolic.lanes import Lane
from tonada.symbolic.tokenizers.base import Tokenizer


class Rereading:
    """Chooses the window that a model reads.

    Parameters
    ----------
    tokenizer
        Of the ids.
    context
        Of the model, in ids.
    conditions
        Kind → name: what the model is told, before every window, as in training. With none of them, and no length,
        ids are read as they are.
    length_s
        How long the continuation shall be, in seconds; the model is then told how far each window's beginning is from
        its end.

    Raises
    ------
    UnknownNameError
        The tokenizer knows no such condition.
    ConfigError
        It has no names for lengths, or the context leaves too little room for notes.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        context: int,
        conditions: Mapping[str, str] | None = None,
        length_s: float | None = None,
    ) -> None:
        self._tokenizer, self._conditions, self._length_s = tokenizer, dict(conditions or {}), length_s
        tokenizer.conditions.ids(self._conditions)
        if length_s is not None and tokenizer.conditions.name_of("length", length_s) is None:
            raise ConfigError(f"the tokenizer '{tokenizer.name}' has no names for lengths, so the model knows of none")
        self._room = context - len(self._conditions) - (length_s is not None)
        if self._room < context // 2 + 1:
            raise ConfigError(f"a context of {context} ids has no room for so many conditions")

    def window(self, lane: Lane) -> list[int]:
        """Give the ids that the model reads of a lane."""
        start = window_start(self._tokenizer, lane.ids, self._room)
        window = lane.ids[start:]
        told = self._conditions
        if self._length_s is not None:
            rest_s = lane.start_s + self._length_s - self._begin_s(lane, start)
            told = {**told, "length": str(self._tokenizer.conditions.name_of("length", rest_s))}
        if not told:
            return window
        return list(self._tokenizer.set_conditions(np.array(window, dtype=np.uint16), told).tolist())

    def _begin_s(self, lane: Lane, start: int) -> float:
        """Find when a window begins, in seconds of the piece: with its first note, or with the piece."""
        onset_s = self._tokenizer.decode_notes(lane.ids).onset_s if start else np.zeros(0)
        if not len(onset_s):
            return 0.0
        first = self._tokenizer.count_notes(lane.ids[:start])
        return float(onset_s[min(first, len(onset_s) - 1)]) + lane.offset_s


def window_start(tokenizer: Tokenizer, ids: Sequence[int], context: int) -> int:
    """Give the position from which on ids are read when all do not fit.

    Parameters
    ----------
    tokenizer
        Of the ids.
    ids
        A piece so far.
    context
        How many fit.

    Returns
    -------
    int
        0 where all fit; else the first note's beginning in the last half of the context, or the beginning of that half
        where no note begins in it.
    """
    if len(ids) <= context:
        return 0
    half = len(ids) - max(1, context // 2)
    starts = tokenizer.window_starts(np.array(ids, dtype=np.uint16))
    later = starts[starts >= half]
    return int(later[0]) if len(later) else half
