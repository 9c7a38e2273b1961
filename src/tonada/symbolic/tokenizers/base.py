"""What every tokenizer is: a codec between a Score and ids, with what training, sampling and evaluation ask of it.

Axes: T positions, N notes, V vocabulary, B lanes. Ids are uint16. ``decode`` accepts any ids: special ids are skipped
wherever they stand, ids at or above V too, and what is no whole note is left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tonada.codec import Codec
from tonada.errors import ConfigError
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.conditions import CONDITIONS, Conditions
from tonada.symbolic.tokenizers.grammar import Grammar

Ids = NDArray[np.uint16]
Row = tuple[float, float, int, int]
"""A note as (onset_s, duration_s, pitch, velocity)."""

REFERENCE_MS = 10
"""The unit in which the widths of time bins are compared, in milliseconds; that of velocities is 1."""


class NoteStream(ABC):
    """Decodes ids one by one, for playing while they are sampled; gives the notes that ``decode_notes`` gives.

    Attributes
    ----------
    time_s
        Where the ids have come to, in seconds: no note that follows begins earlier.
    """

    time_s: float

    @abstractmethod
    def push(self, token: int) -> list[Row]:
        """Take one id; give the notes that it finished."""

    def flush(self) -> list[Row]:
        """End the piece; give the notes that were still open."""
        return []


class Tokenizer(Codec[Score]):
    """A codec between a Score and uint16 ids [T].

    Attributes
    ----------
    vocabulary_size
        V; ids are 0 … V − 1.
    pad_id
        Fills what is shorter than its row.
    begin_id, end_id
        Open and close a piece; None where the scheme has none.
    slots
        What the ids of a note are, in order; empty where a note is no fixed group of ids.
    ids_per_note
        How many ids a note takes, or None where that varies.
    slot_of
        Index into ``slots`` of each id, ``len(slots)`` for the others; uint8 [V]. Where slots share ids, as in giga,
        the slot is a matter of position and this says ``len(slots)``: ask ``slots_of``.
    bin_width
        How many reference units (10 ms, or 1 of velocity) each id's bin is wide; float64 [V], 1.0 where nothing is
        quantised. Where slots share ids it says 1.0: ask ``widths_of``.
    conditions
        What a piece may be said to be, and the ids for it; without names where the scheme has none.
    """

    name: ClassVar[str]
    ticks_per_quarter: ClassVar[int] = 500
    """Of decoded scores; at 120 bpm a tick is then a millisecond, and decoded times are whole ticks."""
    chords_fall: ClassVar[bool] = False
    """Whether notes that begin together stand from the highest to the lowest, not the other way round."""

    vocabulary_size: int
    pad_id: int
    begin_id: int | None
    end_id: int | None
    slots: tuple[str, ...]
    ids_per_note: int | None
    slot_of: NDArray[np.uint8]
    bin_width: NDArray[np.float64]
    conditions: Conditions = Conditions([()] * len(CONDITIONS))

    def encode(self, item: Score) -> Ids:
        """Fold the pedal and turn the whole piece into ids.

        Parameters
        ----------
        item
            Any score; drums are left out.

        Returns
        -------
        ndarray
            uint16 [T], with the begin and end ids that the scheme has.
        """
        return self.encode_notes(fold_pedal(item))

    def decode(self, array: ArrayLike) -> Score:
        """Turn any ids into a piano score at 120 bpm, on which every decoded time is a whole tick."""
        return Score.from_notes(self.decode_notes(array), ticks_per_quarter=self.ticks_per_quarter)

    @abstractmethod
    def encode_notes(self, notes: Notes, *, begin: bool = True, end: bool = True) -> Ids:
        """Turn notes into ids, with or without the ids that open and close a piece.

        Parameters
        ----------
        notes
            Any notes; of several of one pitch on the same step of the grid the last is kept.
        begin, end
            Whether the piece is opened and closed; without effect where the scheme has no such ids.
        """

    @abstractmethod
    def decode_notes(self, ids: ArrayLike) -> Notes:
        """Turn any ids into notes."""

    @abstractmethod
    def edit_notes(self, ids: ArrayLike, change: Callable[[Notes], Notes]) -> Ids:
        """Change the notes of a window of a piece.

        Parameters
        ----------
        ids
            A window that starts at one of ``window_starts`` and ends anywhere: a note that it cuts is left out.
        change
            Gives notes for notes; what it gets are the notes' times counted from the end of what came before the
            window, in the middle of their bins.

        Returns
        -------
        ndarray
            uint16 [T], opened, conditioned and closed as ``ids`` are; the same ids if nothing is changed or cut.
        """

    def transpose_conditions(self, ids: Ids, semitones: int) -> Ids:
        """Give the ids of a window with the conditions that hold once its notes are ``semitones`` higher."""
        return ids

    def set_conditions(self, ids: Ids, conditions: Mapping[str, str]) -> Ids:
        """Give the ids of a window with these conditions, in place of those that it has.

        Parameters
        ----------
        ids
            A window of a piece; conditions stand before its notes, and after the begin id if it has one.
        conditions
            Kind → name.

        Raises
        ------
        UnknownNameError
            A kind or a name is unknown, as all are in schemes without conditions.
        """
        self.conditions.ids(conditions)
        return ids

    def learned(self, pieces: Iterable[Ids]) -> Tokenizer:
        """Learn from the training pieces, in ids of this tokenizer, what the settings ask for; most learn nothing."""
        return self

    def respell(self, ids: Ids) -> Ids:
        """Give the ids of a piece that this tokenizer wrote before it had learned as it writes them now."""
        return ids

    @abstractmethod
    def prompt_ids(self, notes: Notes) -> Ids:
        """Turn notes into the ids that a continuation follows: opened, not closed."""

    def slot_values(self, slot: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the ids that may stand in a slot, rising, and what each stands for.

        Returns
        -------
        ids
            int64 [K].
        values
            int64 [K]: milliseconds of an onset's shift and of a duration, else the number itself.

        Raises
        ------
        ConfigError
            A note is no fixed group of ids.
        """
        raise self._no_slots()

    def note_ids(self, notes: Notes, *, after_s: float | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the ids of each note as it is: unlike ``encode_notes``, none is left out or shortened.

        Parameters
        ----------
        notes
            N notes.
        after_s
            Onset of the note before the first; the beginning of a piece when None.

        Returns
        -------
        order
            Which note stands where; int64 [N].
        ids
            int64 [N, slots], in this order.

        Raises
        ------
        ConfigError
            A note is no fixed group of ids.
        """
        raise self._no_slots()

    def _no_slots(self) -> ConfigError:
        return ConfigError(f"the tokenizer '{self.name}' has no fixed ids for a note, so none of them can be given")

    @abstractmethod
    def count_notes(self, ids: ArrayLike) -> int:
        """Count the notes that ``decode_notes`` would give."""

    @abstractmethod
    def window_starts(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Give the positions in a piece's ids where a training window may start: 0 and where notes begin, rising."""

    @abstractmethod
    def grammar(self, batch: int) -> Grammar:
        """Give the rules of the scheme, at the state before the first id, for ``batch`` lanes."""

    @abstractmethod
    def stream(self, *, start_s: float = 0.0) -> NoteStream:
        """Give a decoder for ids that come one by one; time counts from ``start_s``."""

    def slots_of(self, ids: ArrayLike) -> NDArray[np.uint8]:
        """Give the slot in which each id stands; uint8 [T], ``len(slots)`` where an id is in none."""
        slots: NDArray[np.uint8] = self.slot_of[np.asarray(ids)]
        return slots

    def widths_of(self, ids: ArrayLike) -> NDArray[np.float64]:
        """Give the width of each id's bin, in reference units; float64 [T].

        Evaluation adds its logarithm to the id's loss: otherwise coarse bins would always win.
        """
        widths: NDArray[np.float64] = self.bin_width[np.asarray(ids)]
        return widths

    @property
    def farthest_s(self) -> int:
        """The latest onset that is decoded, in seconds: what comes later is moved there, since ticks have 32 bits."""
        return (1 << 31) // (2 * self.ticks_per_quarter) - 100

    def known_ids(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Give the ids that are in the vocabulary, as int64."""
        given = np.asarray(ids).astype(np.int64).reshape(-1)
        return given[given < self.vocabulary_size]


def slot_starts(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Give the first id of each slot, where ids in no slot come first and then slot after slot; elsewhere nothing."""
    order = np.where(tokenizer.slot_of < len(tokenizer.slots), tokenizer.slot_of.astype(np.int64), -1)
    if tokenizer.ids_per_note is None or (np.diff(order) < 0).any():
        return ()
    starts = np.searchsorted(order, np.arange(len(tokenizer.slots)))
    return tuple(starts.tolist()) if (np.diff(starts, append=len(order)) > 0).all() else ()
