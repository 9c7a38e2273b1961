"""Performance events: notes that begin and end, time that passes, velocity that changes.

The vocabulary is that of Performance RNN (Oore et al. 2018, "This time with feeling", section 3.2) and the Music
Transformer (Huang et al. 2019, section 4.2), with 32 velocities and 100 time shifts of 10 ms to 1 s.
"""

from __future__ import annotations

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
        on = self._steps(notes.onset_s)
        kept = _last_of_each(on * 128 + notes.pitch)
        on, pitch = on[kept], notes.pitch[kept]
        count = len(on)
        off = np.maximum(self._steps((notes.onset_s + notes.duration_s)[kept]), on + 1)
        off = np.minimum(off, on + steps_to_repeat(on, pitch))
        velocity = (notes.velocity[kept] - 1) // VELOCITY_STEP + 1

        # Notes that end on a step are older than those that begin on it, so sorting by number puts them first.
        order = np.argsort(np.concatenate((on, off)) * count + np.tile(np.arange(count), 2), kind="stable")
        step = np.concatenate((on, off))[order]
        event = np.concatenate((pitch, pitch + NOTE_OFF))[order]
        gap = np.diff(step, prepend=0)
        shifts = -(-gap // LONGEST_SHIFT)
        velocity_at = np.zeros(2 * count, dtype=np.int64)
        velocity_at[event < NOTE_OFF] = np.where(np.diff(velocity, prepend=0) != 0, VELOCITY + velocity, 0)
        place = np.cumsum(shifts + (velocity_at > 0) + 1) - 1 + begin

        ids = np.full((place[-1] + 1 if count else begin) + end, TIME_SHIFT + LONGEST_SHIFT, dtype=np.uint16)
        ids[place] = event
        louder = np.flatnonzero(velocity_at)
        ids[place[louder] - 1] = velocity_at[louder]
        later = np.flatnonzero(gap)
        last_shift = place[later] - 1 - (velocity_at[later] > 0)
        ids[last_shift] = TIME_SHIFT + gap[later] - LONGEST_SHIFT * (shifts[later] - 1)
        if begin:
            ids[0] = self.begin_id
        if end:
            ids[-1] = self.end_id
        return ids

    def decode_notes(self, ids: ArrayLike) -> Notes:
        """Turn any ids into notes.

        A NOTE_OFF without its note is left out; a NOTE_ON ends the note of its pitch that sounds, which is left out if
        it began on that step; notes that sound at the end stop there; notes before the first VELOCITY get 61.
        """
        step, on_at, end, velocity = self._parse(ids)
        on = step[on_at]
        pitch = self.known_ids(ids)[on_at]
        place = ties.places(on, np.diff(pitch, prepend=0) <= 0)
        whole = end > on
        onset_s = ties.seconds(on, place, step_ms=STEP_MS)[whole]
        return Notes(
            onset_s=onset_s,
            duration_s=end[whole] * STEP_MS / 1000 - onset_s,
            pitch=pitch[whole],
            velocity=velocity[whole],
        )

    def prompt_ids(self, notes: Notes) -> Ids:
        """Turn notes into the ids that a continuation follows: opened, not closed; every note has ended."""
        return self.encode_notes(notes, end=False)

    def count_notes(self, ids: ArrayLike) -> int:
        """Count the notes that ``decode_notes`` would give."""
        step, on_at, end, _ = self._parse(ids)
        return int(np.count_nonzero(end > step[on_at]))

    def window_starts(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Give 0 and the positions where notes begin: their NOTE_ON, or the VELOCITY before it."""
        given = np.asarray(ids)
        is_velocity = (given > VELOCITY) & (given < EDGE)
        starts = is_velocity | (given < NOTE_OFF)
        starts[1:] &= ~is_velocity[:-1]
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

    def _parse(
        self, ids: ArrayLike
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Follow the events.

        Returns
        -------
        tuple
            The step of each known id, and for each NOTE_ON its position among them, the step where its note ends (its
            own step when it is struck again there) and its velocity; all int64.
        """
        known = self.known_ids(ids)
        is_shift = (known > TIME_SHIFT) & (known <= VELOCITY)
        step = np.minimum(np.cumsum(np.where(is_shift, known - TIME_SHIFT, 0)), self._farthest_step)
        position = np.arange(len(known))
        velocity_at = np.maximum.accumulate(np.where((known > VELOCITY) & (known < EDGE), position, -1))
        velocity = 1 + VELOCITY_STEP * (known[velocity_at] - VELOCITY - 1)

        events = np.flatnonzero(known < TIME_SHIFT + 1)
        events = events[np.argsort((known[events] % NOTE_OFF).astype(np.uint8), kind="stable")]
        is_on = known[events] < NOTE_OFF
        end = np.full(len(events), step[-1] if len(step) else 0)
        struck_again = np.zeros(len(events), dtype=np.bool_)
        followed = np.flatnonzero(known[events[1:]] % NOTE_OFF == known[events[:-1]] % NOTE_OFF)
        end[followed] = step[events[followed + 1]]
        struck_again[followed] = is_on[followed + 1]
        end = np.where(struck_again, end, np.maximum(end, step[events] + 1))
        on_at, end = events[is_on], end[is_on]
        order = np.argsort(on_at)
        on_at, end = on_at[order], end[order]
        return step, on_at, end, np.where(velocity_at[on_at] < 0, DEFAULT_VELOCITY, velocity[on_at])


def _last_of_each(key: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the positions, rising, at which a key [N] stands for the last time."""
    order = np.argsort(key, kind="stable")
    last = np.append(key[order[1:]] != key[order[:-1]], True)[: len(key)]
    return np.sort(order[last])
