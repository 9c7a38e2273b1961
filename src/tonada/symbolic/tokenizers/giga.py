"""The tokens of the piano-style thesis: 128 ids, four per note, kept to repeat its experiments.

They know neither velocity nor pedal, and a rest or note of more than 2 or 4 s is cut. For anything new take ``note``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score, Track
from tonada.symbolic.tokenizers import ties
from tonada.symbolic.tokenizers.base import REFERENCE_MS, Ids, NoteStream, Row, Tokenizer
from tonada.symbolic.tokenizers.grammar import TableGrammar

_SEPARATOR = 127
_LONGEST = 126
_ONSET_MS, _DURATION_MS = 16, 32
_SLOTS = ((_SEPARATOR, _SEPARATOR, 1), (0, _LONGEST, _ONSET_MS), (1, _LONGEST, _DURATION_MS), (1, _LONGEST, 1))
"""The first and the last id of each slot, and what one more stands for."""
_FIXED_VELOCITY = 90
_HAIR_MS = 1e-6
"""Added before rounding down, so that 32 ms are 32 ms whatever the rounding of seconds; ticks are far longer."""
_BLOCK_NOTES = 256


@dataclass(frozen=True, kw_only=True)
class GigaConfig:
    """Settings of the giga tokenizer."""

    exact: bool = False
    """Round the time between any two events of a track to whole milliseconds before summing, as the original did."""
    velocity: Literal["fixed", "simulated"] = "fixed"
    """Of decoded notes: 90, or as the original simulated: a single note its pitch + 10, a chord its top pitch + 30."""


class GigaTokenizer(Tokenizer):
    """Separator, onset shift in 16 ms, duration in 32 ms, pitch.

    Notes are sorted by onset, ties by pitch descending; the first shift is 0. Shifts are cut at 126 units, durations
    and pitches moved into 1 to 126. The pedal is ignored and overlapping notes of a pitch are kept. Notes that share an
    onset unit keep their order: where it is not that of their pitches, decoding lets them begin 20 µs apart. No id
    opens or closes a piece, and the separator also pads.

    Parameters
    ----------
    config
        Settings; the defaults when None.
    """

    name = "giga"
    Config = GigaConfig
    config: GigaConfig
    ticks_per_quarter = ties.TICKS_PER_QUARTER
    chords_fall = True

    def __init__(self, config: GigaConfig | None = None) -> None:
        super().__init__(config)
        self.vocabulary_size = _SEPARATOR + 1
        self.pad_id, self.begin_id, self.end_id = _SEPARATOR, None, None
        self.slots, self.ids_per_note = ("separator", "onset", "duration", "pitch"), 4
        self.slot_of = np.full(self.vocabulary_size, len(self.slots), dtype=np.uint8)
        self.slot_of[_SEPARATOR] = 0
        self.bin_width = np.ones(self.vocabulary_size)

    def encode(self, item: Score) -> Ids:
        """Turn the notes as written, pedal and drums left out, into ids; uint16 [4 N]."""
        if not self.config.exact:
            return self.encode_notes(item.notes())
        tracks = [track for track in item.tracks if not track.is_drum and len(track.pitch)]
        times = [_rounded_ms(item, track) for track in tracks] or [np.zeros((2, 0))]
        onset_ms, end_ms = np.concatenate(times, axis=1)
        pitch = np.concatenate([track.pitch for track in tracks] or [np.zeros(0, dtype=np.int64)])
        return _encode_ms(onset_ms, end_ms - onset_ms, pitch)

    def encode_notes(self, notes: Notes, *, begin: bool = True, end: bool = True) -> Ids:
        """Turn notes into ids; uint16 [4 N]. ``begin`` and ``end`` have no effect: the scheme has no such ids."""
        return _encode_ms(*self._times_ms(notes), notes.pitch)

    def note_ids(self, notes: Notes, *, after_s: float | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the ids of each note, ties by pitch descending; see ``Tokenizer.note_ids``."""
        onset_ms, duration_ms = self._times_ms(notes)
        start_ms = None if after_s is None else after_s * 1000
        ids = _encode_ms(onset_ms, duration_ms, notes.pitch, start_ms=start_ms)
        return _order(onset_ms, notes.pitch), ids.reshape(-1, 4).astype(np.int64)

    def slot_values(self, slot: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the ids of a slot, and what they stand for; see ``Tokenizer.slot_values``."""
        low, high, unit = _SLOTS[slot]
        ids = np.arange(low, high + 1)
        return ids, ids * unit

    def decode_notes(self, ids: ArrayLike) -> Notes:
        """Turn any ids into notes: what stands between separators, where that is exactly three ids."""
        shift, duration, pitch = self._groups(ids).T
        unit = np.minimum(np.cumsum(shift), self._farthest_unit)
        place = ties.places(unit, np.diff(pitch, prepend=0) >= 0)
        velocity = np.full(len(unit), _FIXED_VELOCITY)
        if self.config.velocity == "simulated" and len(unit):
            chord = np.cumsum(shift > 0) - (shift[0] > 0)
            top = np.maximum.reduceat(pitch, np.flatnonzero(np.append(True, np.diff(chord) > 0)))[chord]
            velocity = _simulated_velocity(top, np.bincount(chord)[chord])
        return Notes(
            onset_s=ties.seconds(unit, place, step_ms=_ONSET_MS),
            duration_s=duration * _DURATION_MS / 1000,
            pitch=pitch,
            velocity=velocity,
        )

    def edit_notes(self, ids: ArrayLike, change: Callable[[Notes], Notes]) -> Ids:
        """Change the notes of a window of a piece; see ``Tokenizer.edit_notes``."""
        notes = self.decode_notes(ids)
        notes = change(
            replace(
                notes,
                onset_s=notes.onset_s + _ONSET_MS / 2000,
                duration_s=notes.duration_s + _DURATION_MS / 2000,
            )
        )
        return _encode_ms(*self._times_ms(notes), notes.pitch, start_ms=0.0)

    def prompt_ids(self, notes: Notes) -> Ids:
        """Turn notes into the ids that a continuation follows: one more separator stands at the end."""
        return np.append(self.encode_notes(notes), np.uint16(_SEPARATOR))

    def count_notes(self, ids: ArrayLike) -> int:
        """Count the notes that ``decode_notes`` would give."""
        return len(self._groups(ids))

    def window_starts(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Give 0 and the positions of separators, rising."""
        starts = np.asarray(ids) == _SEPARATOR
        starts[:1] = True
        return np.flatnonzero(starts)

    def slots_of(self, ids: ArrayLike) -> NDArray[np.uint8]:
        """Give the slot in which each id stands, counted from its separator; uint8 [T], 4 where it is in none."""
        given = np.asarray(ids)
        position = np.arange(len(given))
        separator = np.maximum.accumulate(np.where(given == _SEPARATOR, position, -len(self.slots)))
        return np.minimum(position - separator, len(self.slots)).astype(np.uint8)

    def widths_of(self, ids: ArrayLike) -> NDArray[np.float64]:
        """Give the width of each id's bin: 1.6 for onsets, 3.2 for durations (of 10 ms), else 1; float64 [T]."""
        widths: NDArray[np.float64] = np.array([1, _ONSET_MS / REFERENCE_MS, _DURATION_MS / REFERENCE_MS, 1, 1])[
            self.slots_of(ids)
        ]
        return widths

    def training_blocks(self, ids: ArrayLike) -> Ids:
        """Cut a piece's ids into the thesis' blocks of 256 notes; the tail is dropped, and poor blocks are.

        A block is kept if it has more than 54 distinct triples, some chord, and between 4.1 and 410 s.

        Returns
        -------
        ndarray
            uint16 [K, 1024].
        """
        given = np.asarray(ids, dtype=np.uint16)
        blocks = given[: len(given) // (4 * _BLOCK_NOTES) * 4 * _BLOCK_NOTES].reshape(-1, _BLOCK_NOTES, 4)
        kept = [_is_rich(block[:, 1:].astype(np.int64)) for block in blocks]
        return blocks[np.array(kept, dtype=np.bool_)].reshape(-1, 4 * _BLOCK_NOTES)

    def grammar(self, batch: int) -> TableGrammar:
        """Give the rules: separator, onset, duration, pitch, over and over; there is no end."""
        masks = np.zeros((4, self.vocabulary_size), dtype=np.bool_)
        masks[0, _SEPARATOR] = True
        masks[1, : _LONGEST + 1] = True
        masks[2:, 1 : _LONGEST + 1] = True
        next_state = np.zeros(masks.shape, dtype=np.int8)
        next_state[1:3, :_SEPARATOR] = [[2], [3]]
        next_state[:, _SEPARATOR] = 1
        return TableGrammar(batch, masks=masks, next_state=next_state)

    def stream(self, *, start_s: float = 0.0) -> NoteStream:
        """Give a decoder for ids that come one by one: a note is finished by the separator after it.

        With simulated velocities, by that of the next note that is not of its chord.
        """
        return _Stream(start_s, self._farthest_unit, simulated=self.config.velocity == "simulated")

    @property
    def _farthest_unit(self) -> int:
        return self.farthest_s * 1000 // _ONSET_MS

    def _times_ms(self, notes: Notes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give onsets and durations in milliseconds, moved to where they can be decoded."""
        return np.clip(notes.onset_s, 0, self.farthest_s) * 1000, np.minimum(notes.duration_s, self.farthest_s) * 1000

    def _groups(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Find the whole notes as (shift, duration, pitch); int64 [N, 3]."""
        known = self.known_ids(ids)
        separators = np.concatenate(([-1], np.flatnonzero(known == _SEPARATOR), [len(known)]))
        whole = separators[:-1][np.diff(separators) == 4]
        groups: NDArray[np.int64] = known[whole[:, None] + np.arange(1, 4)]
        return groups


class _Stream(NoteStream):
    """Collects what stands between separators."""

    def __init__(self, start_s: float, farthest_unit: int, *, simulated: bool) -> None:
        self._start_s, self._farthest_unit, self._simulated = start_s, farthest_unit, simulated
        self._group: list[int] = []
        self._chord: list[Row] = []
        self._unit, self._pitch, self._place = 0, -1, ties.Place(step_ms=_ONSET_MS)
        self.time_s = start_s

    def push(self, token: int) -> list[Row]:
        """Take one id; a separator gives the note before it."""
        if token < _SEPARATOR:
            self._group.append(token)
            return []
        return self._close() if token == _SEPARATOR else []

    def flush(self) -> list[Row]:
        """End the last note, and its chord."""
        return self._close() + self._take_chord()

    def _close(self) -> list[Row]:
        group, self._group = self._group, []
        if len(group) != 3:
            return []
        shift, duration, pitch = group
        finished = self._take_chord() if shift or not self._simulated else []
        self._unit = min(self._unit + shift, self._farthest_unit)
        self.time_s = self._start_s + self._unit * _ONSET_MS / 1000
        onset_s = self._start_s + self._place.onset_s(self._unit, breaks=pitch >= self._pitch)
        self._pitch = pitch
        self._chord.append((onset_s, duration * _DURATION_MS / 1000, pitch, _FIXED_VELOCITY))
        return finished if self._simulated else self._take_chord()

    def _take_chord(self) -> list[Row]:
        chord, self._chord = self._chord, []
        if not self._simulated or not chord:
            return chord
        velocity = int(_simulated_velocity(np.array(max(row[2] for row in chord)), np.array(len(chord))))
        return [(onset_s, duration_s, pitch, velocity) for onset_s, duration_s, pitch, _ in chord]


def _encode_ms(
    onset_ms: NDArray[np.float64],
    duration_ms: NDArray[np.float64],
    pitch: NDArray[np.int64],
    *,
    start_ms: float | None = None,
) -> Ids:
    """Turn columns [N] into ids; the first shift counts from ``start_ms``, from the first onset when None."""
    order = _order(onset_ms, pitch)
    unit = np.floor((onset_ms[order] + _HAIR_MS) / _ONSET_MS).astype(np.int64)
    duration = np.floor((duration_ms[order] + _HAIR_MS) / _DURATION_MS).astype(np.int64)
    before = unit[:1] if start_ms is None else int((start_ms + _HAIR_MS) // _ONSET_MS)
    group = np.empty((len(order), 4), dtype=np.uint16)
    group[:, 0] = _SEPARATOR
    group[:, 1] = np.clip(np.diff(unit, prepend=before), 0, _LONGEST)
    group[:, 2] = np.clip(duration, 1, _LONGEST)
    group[:, 3] = np.clip(pitch[order], 1, _LONGEST)
    return group.reshape(-1)


def _order(onset_ms: NDArray[np.float64], pitch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort by onset, ties by pitch descending; int64 [N]."""
    return np.lexsort((-pitch, onset_ms))


def _rounded_ms(score: Score, track: Track) -> NDArray[np.float64]:
    """Give onsets and ends of a track's notes in whole milliseconds, each event's delta rounded; float64 [2, N].

    The sums are taken in the original's order, so that halves are rounded as there. It assumed 400 ms per quarter
    before the first tempo of a file; a score does not tell that from a tempo of 120 at its start, which files do give.
    """
    onset, end = track.onset_ticks, track.onset_ticks + track.duration_ticks
    events = np.unique(np.concatenate((onset, end, track.control_ticks, track.bend_ticks)))
    tempo = score.tempo_map
    points = np.unique(np.concatenate((tempo.start_ticks, events)))
    ms_per_tick = tempo.quarter_us / (1000.0 * tempo.ticks_per_quarter)
    step = np.searchsorted(tempo.start_ticks, points[:-1], side="right") - 1
    exact_ms = np.concatenate(([0.0], np.cumsum(np.diff(points) * ms_per_tick[step])))
    deltas = np.diff(exact_ms[np.searchsorted(points, events)], prepend=0.0)
    rounded_ms = np.cumsum(np.rint(deltas))
    return rounded_ms[np.searchsorted(events, np.stack((onset, end)))]


def _simulated_velocity(top: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.clip(top + np.where(size > 1, 30, 10), 1, 127)


def _is_rich(triples: NDArray[np.int64]) -> bool:
    """Tell whether a block's (shift, duration, pitch) [256, 3] is worth training on."""
    shift = triples[:, 0]
    distinct = len(np.unique(triples @ [1 << 14, 1 << 7, 1]))
    return bool(distinct > 54 and (shift == 0).any() and 256 < shift.sum() < 25_600)
