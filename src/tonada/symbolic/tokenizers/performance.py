"""Performance events: notes that begin and end, time that passes, velocity that changes.

The vocabulary is that of Performance RNN (Oore et al. 2018, "This time with feeling", section 3.2) and the Music
Transformer (Huang et al. 2019, section 4.2), with 32 velocities and 100 time shifts of 10 ms to 1 s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers import ties
from tonada.symbolic.tokenizers.base import Ids, Tokenizer
from tonada.symbolic.tokenizers.bins import steps_to_repeat, whole_steps
from tonada.symbolic.tokenizers.events import (
    DEFAULT_VELOCITY,
    EDGE,
    LONGEST_SHIFT,
    NOTE_OFF,
    PAD,
    STEP_MS,
    TIME_SHIFT,
    VELOCITY,
    VELOCITY_STEP,
    EventStream,
    PerformanceGrammar,
)

_FAR_S = 1e6
"""Where a note of a window begins or ends that does so outside of it; beyond a tenth of it once all is stretched."""


@dataclass(frozen=True, kw_only=True)
class PerformanceConfig:
    """Settings of the performance tokenizer: there are none."""


class PerformanceTokenizer(Tokenizer):
    """Events on a grid of 10 ms; about 4 ids per note.

    Notes are numbered by (onset, pitch) as they were before quantisation; events are sorted by (step, number). Of
    several notes of a pitch on one step the last is kept; a note is at least one step long. Time shifts come from
    absolute steps, so nothing drifts; a velocity is written when its bin changes. Notes that share a step keep their
    order: where it is not that of their pitches, decoding lets them begin 20 µs apart.

    Ids: NOTE_ON 0–127, NOTE_OFF 128–255, TIME_SHIFT of k steps 255 + k, VELOCITY bin b 355 + b, 388 opens and closes a
    piece, 389 padding.

    Parameters
    ----------
    config
        Settings; the defaults when None.
    """

    name = "performance"
    Config = PerformanceConfig
    ticks_per_quarter = ties.TICKS_PER_QUARTER
    begin_id: int
    end_id: int

    def __init__(self, config: PerformanceConfig | None = None) -> None:
        super().__init__(config)
        self.vocabulary_size = PAD + 1
        self.pad_id, self.begin_id, self.end_id = PAD, EDGE, EDGE
        self.slots, self.ids_per_note = (), None
        self.slot_of = np.zeros(self.vocabulary_size, dtype=np.uint8)
        # A note's velocity is known to a bin, though written only when it changes: its NOTE_ON carries the width.
        self.bin_width = np.ones(self.vocabulary_size)
        self.bin_width[:NOTE_OFF] = VELOCITY_STEP

    def encode_notes(self, notes: Notes, *, begin: bool = True, end: bool = True) -> Ids:
        """Turn notes into ids.

        Parameters
        ----------
        notes
            Any notes; what begins before 0 s is moved there.
        begin, end
            Whether the piece is opened and closed.

        Returns
        -------
        ndarray
            uint16 [T].
        """
        outside = np.zeros(len(notes), dtype=np.bool_)
        return self._write(notes, is_early=outside, is_open=outside, begin=begin, end=end)

    def decode_notes(self, ids: ArrayLike) -> Notes:
        """Turn any ids into notes.

        A NOTE_OFF without its note is left out; a NOTE_ON ends the note of its pitch that sounds, which is left out if
        it began on that step; notes that sound at the end stop there; notes before the first VELOCITY get 61.
        """
        parsed = self._parse(ids)
        return Notes(
            onset_s=parsed.onset_s,
            duration_s=parsed.off * STEP_MS / 1000 - parsed.onset_s,
            pitch=parsed.pitch,
            velocity=parsed.velocity,
        )

    def edit_notes(self, ids: ArrayLike, change: Callable[[Notes], Notes]) -> Ids:
        """Change the notes of a window of a piece; see ``Tokenizer.edit_notes``.

        Notes that sound when the window begins or ends take part: they begin or end very far from it.
        """
        given = np.asarray(ids, dtype=np.uint16)
        parsed = self._parse(given)
        # Those that began before keep the order in which they end.
        count = len(parsed.early_pitch)
        onset_s = np.concatenate((np.arange(count) - _FAR_S, parsed.onset_s))
        off_s = np.concatenate((parsed.early_off, parsed.off)) * STEP_MS / 1000
        off_s[count:][parsed.is_open] = _FAR_S
        notes = Notes(
            onset_s=onset_s,
            duration_s=off_s - onset_s,
            pitch=np.concatenate((parsed.early_pitch, parsed.pitch)),
            velocity=np.concatenate((np.ones(count, dtype=np.int64), parsed.velocity + 1)),
        )
        edges = (given == EDGE).tolist()
        notes = change(notes)
        return self._write(
            notes,
            is_early=notes.onset_s < -_FAR_S / 10,
            is_open=notes.onset_s + notes.duration_s > _FAR_S / 10,
            begin=edges[:1] == [True],
            end=edges[1:][-1:] == [True],
        )

    def prompt_ids(self, notes: Notes) -> Ids:
        """Turn notes into the ids that a continuation follows: opened, not closed; every note has ended."""
        return self.encode_notes(notes, end=False)

    def count_notes(self, ids: ArrayLike) -> int:
        """Count the notes that ``decode_notes`` would give."""
        return len(self._parse(ids).pitch)

    def window_starts(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Give 0 and the positions of VELOCITYs, rising: there a note begins, and no velocity needs to be known."""
        given = np.asarray(ids)
        starts = (given > VELOCITY) & (given < EDGE)
        starts[:1] = True
        return np.flatnonzero(starts)

    def grammar(self, batch: int) -> PerformanceGrammar:
        """Give the rules; see ``PerformanceGrammar``."""
        return PerformanceGrammar(batch)

    def stream(self, *, start_s: float = 0.0) -> EventStream:
        """Give a decoder for ids that come one by one: a note is finished by its NOTE_OFF."""
        return EventStream(start_s, self._farthest_step)

    def _steps(self, times_s: NDArray[np.float64]) -> NDArray[np.int64]:
        return whole_steps(times_s, STEP_MS, farthest_s=self.farthest_s)

    @property
    def _farthest_step(self) -> int:
        return self.farthest_s * 1000 // STEP_MS

    def _write(
        self, notes: Notes, *, is_early: NDArray[np.bool_], is_open: NDArray[np.bool_], begin: bool, end: bool
    ) -> Ids:
        """Write events: of notes that are early no NOTE_ON, of those that are open no NOTE_OFF."""
        on = np.where(is_early, -1, self._steps(notes.onset_s))
        kept = _last_of_each(on * 128 + notes.pitch)
        on, pitch, count = on[kept], notes.pitch[kept], len(kept)
        off = np.maximum(self._steps((notes.onset_s + notes.duration_s)[kept]), on + 1)
        off = np.minimum(off, on + steps_to_repeat(on, pitch))
        velocity = (notes.velocity[kept] - 1) // VELOCITY_STEP + 1

        # Notes that end on a step are older than those that begin on it, so sorting by number puts them first.
        order = np.argsort(np.concatenate((on, off)) * count + np.tile(np.arange(count), 2), kind="stable")
        order = order[~np.concatenate((is_early[kept], is_open[kept]))[order]]
        step = np.concatenate((on, off))[order]
        event = np.concatenate((pitch, pitch + NOTE_OFF))[order]
        gap = np.diff(step, prepend=0)
        shifts = -(-gap // LONGEST_SHIFT)
        velocity_at = np.zeros(len(order), dtype=np.int64)
        velocity_at[event < NOTE_OFF] = np.where(
            np.diff(velocity[on >= 0], prepend=0) != 0, VELOCITY + velocity[on >= 0], 0
        )
        place = np.cumsum(shifts + (velocity_at > 0) + 1) - 1 + begin

        ids = np.full((place[-1] + 1 if len(place) else begin) + end, TIME_SHIFT + LONGEST_SHIFT, dtype=np.uint16)
        ids[place] = event
        louder = np.flatnonzero(velocity_at)
        ids[place[louder] - 1] = velocity_at[louder]
        later = np.flatnonzero(gap)
        last_shift = place[later] - 1 - (velocity_at[later] > 0)
        ids[last_shift] = TIME_SHIFT + gap[later] - LONGEST_SHIFT * (shifts[later] - 1)
        ids[:begin] = self.begin_id
        ids[len(ids) - end :] = self.end_id
        return ids

    def _parse(self, ids: ArrayLike) -> _Parsed:
        known = self.known_ids(ids)
        is_shift = (known > TIME_SHIFT) & (known <= VELOCITY)
        step = np.minimum(np.cumsum(np.where(is_shift, known - TIME_SHIFT, 0)), self._farthest_step)
        position = np.arange(len(known))
        velocity_at = np.maximum.accumulate(np.where((known > VELOCITY) & (known < EDGE), position, -1))
        velocity = np.where(velocity_at < 0, DEFAULT_VELOCITY, 1 + VELOCITY_STEP * (known[velocity_at] - VELOCITY - 1))

        ons = np.flatnonzero(known < NOTE_OFF)
        place = np.zeros(len(known), dtype=np.int64)
        place[ons] = ties.places(step[ons], np.diff(known[ons], prepend=0) <= 0)

        # Pitch by pitch, a NOTE_ON lasts until the next event.
        events = np.flatnonzero(known <= TIME_SHIFT)
        events = events[np.argsort((known[events] % NOTE_OFF).astype(np.uint8), kind="stable")]
        pitch, is_on = known[events] % NOTE_OFF, known[events] < NOTE_OFF
        is_first = np.diff(pitch, prepend=-1) != 0
        is_open = np.append(is_first[1:], True)[: len(events)]
        next_is_on = np.append(is_on[1:], False)[: len(events)] & ~is_open
        off = np.where(is_open, step[-1:], np.append(step[events[1:]], 0)[: len(events)])
        off = np.where(next_is_on, off, np.maximum(off, step[events] + 1))
        early = np.sort(events[is_first & ~is_on])
        whole = np.flatnonzero(is_on & (off > step[events]))
        whole = whole[np.argsort(events[whole])]
        on_at = events[whole]
        return _Parsed(
            onset_s=ties.seconds(step[on_at], place[on_at], step_ms=STEP_MS),
            off=off[whole],
            pitch=known[on_at],
            velocity=velocity[on_at],
            is_open=is_open[whole],
            early_off=step[early],
            early_pitch=known[early] - NOTE_OFF,
        )


@dataclass(frozen=True, kw_only=True)
class _Parsed:
    """The notes in the order of their NOTE_ONs [N], and the NOTE_OFFs of notes that have no beginning [K].

    Ends are in steps. ``is_open`` tells which notes have no end; they stop with the ids.
    """

    onset_s: NDArray[np.float64]
    off: NDArray[np.int64]
    pitch: NDArray[np.int64]
    velocity: NDArray[np.int64]
    is_open: NDArray[np.bool_]
    early_off: NDArray[np.int64]
    early_pitch: NDArray[np.int64]


def _last_of_each(key: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the positions, rising, at which a key [N] stands for the last time."""
    order = np.argsort(key, kind="stable")
    last = np.append(key[order[1:]] != key[order[:-1]], True)[: len(key)]
    return np.sort(order[last])
