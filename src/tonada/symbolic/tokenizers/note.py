"""Tonada's own tokenizer: four ids per note — onset shift, pitch, velocity, duration — in a fixed order.

Times are whole steps of 10 ms. Up to a second every step has an id of its own, which keeps ornaments; beyond, bins grow
with the time that they stand for, up to 30 s, which keeps rests. Onsets come from absolute steps, so nothing drifts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tonada.errors import ConfigError
from tonada.symbolic.notes import Ints, Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.base import REFERENCE_MS, Ids, Tokenizer
from tonada.symbolic.tokenizers.bins import TimeBins, steps_to_repeat, whole_steps
from tonada.symbolic.tokenizers.conditions import COMPOSERS, DENSITIES, KEYS, LENGTHS, STYLES, TEMPOS, Conditions
from tonada.symbolic.tokenizers.grammar import Rules, TableGrammar, write_rules
from tonada.symbolic.tokenizers.streams import GroupStream

_BOUNDS = (("tempos", "tempo_bounds_bpm"), ("densities", "density_bounds"), ("lengths", "length_bounds_s"))
"""Fields of the config that name parts of a scale, and those that say where the parts end."""


@dataclass(frozen=True, kw_only=True)
class NoteConfig:
    """Settings of the note tokenizer; all but the bounds shape the vocabulary, and with it what ids mean."""

    step_ms: int = 10
    """Grid of all times, in milliseconds."""
    exact_ms: int = 1000
    """Up to here every step of the grid has its own id, in milliseconds; a multiple of the step."""
    growth: float = 0.08
    """Beyond, the width of a time bin as a share of the time it stands for."""
    longest_ms: int = 30_000
    """The longest shift and duration, in milliseconds; what is longer is cut."""
    velocity_step: int = 4
    """Velocities per bin."""
    composers: tuple[str, ...] = COMPOSERS
    """Names for the condition "composer"."""
    styles: tuple[str, ...] = STYLES
    """Names for the condition "style"."""
    keys: tuple[str, ...] = KEYS
    """Names for the condition "key"."""
    tempos: tuple[str, ...] = TEMPOS
    """Names for the condition "tempo", from slow to fast."""
    densities: tuple[str, ...] = DENSITIES
    """Names for the condition "density", from few notes to many."""
    lengths: tuple[str, ...] = LENGTHS
    """Names for the condition "length", the time from here to the end of the piece, from short to long."""
    tempo_bounds_bpm: tuple[float, ...] = (60.0, 90.0, 120.0, 150.0)
    """Where one tempo name ends and the next begins, in quarter notes per minute; one fewer than the names."""
    density_bounds: tuple[float, ...] = (6.5, 8.5, 10.5, 13.0)
    """Where one density name ends and the next begins, in notes per second; the defaults part piano music in fifths."""
    length_bounds_s: tuple[float, ...] = (15.0, 30.0, 60.0, 120.0, 300.0)
    """Where one length name ends and the next begins, in seconds."""

    def __post_init__(self) -> None:
        """Check what the types do not say."""
        for name in ("step_ms", "exact_ms", "longest_ms", "velocity_step"):
            if getattr(self, name) < 1:
                raise ConfigError(f"NoteConfig.{name} must be at least 1; got {getattr(self, name)}")
        if self.exact_ms % self.step_ms or self.longest_ms < self.exact_ms:
            raise ConfigError(
                "NoteConfig.exact_ms must be a multiple of step_ms and at most longest_ms; "
                f"got exact_ms={self.exact_ms}, step_ms={self.step_ms}, longest_ms={self.longest_ms}"
            )
        if not 0 < self.growth < 1:
            raise ConfigError(f"NoteConfig.growth must lie between 0 and 1; got {self.growth}. Try 0.08")
        if self.velocity_step > 127:
            raise ConfigError(f"NoteConfig.velocity_step must be at most 127; got {self.velocity_step}")
        for names_field, bounds_field in _BOUNDS:
            bounds, wanted = getattr(self, bounds_field), max(0, len(getattr(self, names_field)) - 1)
            if len(bounds) != wanted or list(bounds) != sorted(bounds):
                raise ConfigError(f"NoteConfig.{bounds_field} must be {wanted} rising numbers; got {bounds}")


class NoteTokenizer(Tokenizer):
    """Four ids per note: onset shift from the note before, pitch, velocity, duration.

    Notes are sorted by (onset step, pitch); of several of a pitch on one step the last is kept. The first shift counts
    from the start of the piece. Below a second, shifts and durations are right to 10 ms, beyond to 4 %; velocities
    to 2. A duration that would reach past the next onset of its pitch is cut to the longest bin that fits.
    Ids: 0 padding, 1 begin, 2 end, the conditions, then onset, pitch, velocity and duration.

    Parameters
    ----------
    config
        Settings; the defaults when None.

    Raises
    ------
    ConfigError
        The vocabulary would not fit in 16 bits.
    """

    name = "note"
    Config = NoteConfig
    config: NoteConfig
    begin_id: int
    end_id: int

    def __init__(self, config: NoteConfig | None = None) -> None:
        super().__init__(config)
        config = self.config
        self.pad_id, self.begin_id, self.end_id = 0, 1, 2
        self.slots, self.ids_per_note = ("onset", "pitch", "velocity", "duration"), 4
        exact, longest = config.exact_ms // config.step_ms, -(-config.longest_ms // config.step_ms)
        self._onsets = TimeBins.build(first=0, exact_to=exact, growth=config.growth, longest=longest)
        self._durations = TimeBins.build(first=1, exact_to=exact, growth=config.growth, longest=longest)
        low = np.arange(1, 128, config.velocity_step)
        velocity_width = np.minimum(low + config.velocity_step, 128) - low
        self._velocities = low + (velocity_width - 1) // 2

        names = (config.composers, config.styles, config.keys, config.tempos, config.densities, config.lengths)
        bounds = {
            "tempo": config.tempo_bounds_bpm,
            "density": config.density_bounds,
            "length": config.length_bounds_s,
        }
        self.conditions = Conditions(names, first_id=3, bounds=bounds)
        first = 3 + len(self.conditions)
        sizes = (len(self._onsets), 128, len(low), len(self._durations))
        self._first = tuple(first + sum(sizes[:slot]) for slot in range(4))
        self.vocabulary_size = first + sum(sizes)
        if self.vocabulary_size > 1 << 16:
            raise ConfigError(
                f"NoteConfig makes {self.vocabulary_size} ids; there are 65536. Try a wider step_ms or growth"
            )
        self.slot_of = np.repeat(np.array([4, 0, 1, 2, 3], dtype=np.uint8), (first, *sizes))
        step = config.step_ms / REFERENCE_MS
        self.bin_width = np.concatenate(
            (np.ones(first), self._onsets.width * step, np.ones(128), velocity_width, self._durations.width * step)
        )
        # Decoding looks every id up in one column: steps, pitch, velocity or steps, whatever its slot means.
        self._value = np.concatenate(
            (
                np.zeros(first, dtype=np.int64),
                self._onsets.value,
                np.arange(128),
                self._velocities,
                self._durations.value,
            )
        )

    def encode(self, item: Score, conditions: Mapping[str, str] | None = None) -> Ids:
        """Fold the pedal and turn the whole piece into ids; see ``encode_notes``."""
        return self.encode_notes(fold_pedal(item), conditions=conditions)

    def encode_notes(
        self, notes: Notes, *, begin: bool = True, end: bool = True, conditions: Mapping[str, str] | None = None
    ) -> Ids:
        """Turn notes into ids.

        Parameters
        ----------
        notes
            Any notes; what begins before 0 s is moved there.
        begin, end
            Whether the piece is opened and closed.
        conditions
            Kind → name, put after the begin id; without effect when ``begin`` is False.

        Returns
        -------
        ndarray
            uint16 [begin + conditions + 4 N + end].

        Raises
        ------
        UnknownNameError
            A condition's kind or name is not in the config; the nearest are offered.
        """
        prefix = [self.begin_id, *self.conditions.ids(conditions or {})] if begin else []
        ids = np.empty(len(prefix) + 4 * len(notes) + end, dtype=np.uint16)
        ids[: len(prefix)] = prefix
        step = self._steps(notes.onset_s)
        place = step * 128 + notes.pitch
        order = np.argsort(place, kind="stable")
        place = place[order]
        order = order[np.append(place[1:] != place[:-1], True)] if len(place) else order
        group = self._group(notes, order, step, before=0)
        decoded = np.cumsum(self._value[group[:, 0]])
        longest = self._durations.find_below(steps_to_repeat(decoded, notes.pitch[order]))
        group[:, 3] = np.minimum(group[:, 3], self._first[3] + longest)
        ids[len(prefix) : len(prefix) + 4 * len(order)] = group.reshape(-1)
        length = len(prefix) + 4 * len(order)
        if end:
            ids[length] = self.end_id
        return ids[: length + end]

    def note_ids(self, notes: Notes, *, after_s: float | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the ids of each note as it is, in the order of the notes; see ``Tokenizer.note_ids``."""
        step, order = self._steps(notes.onset_s), np.arange(len(notes))
        return order, self._group(notes, order, step, before=int(self._steps(np.array([after_s or 0.0]))[0]))

    def slot_values(self, slot: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the ids of a slot, and what they stand for; see ``Tokenizer.slot_values``."""
        ids = np.flatnonzero(self.slot_of == slot)
        return ids, self._value[ids] * (self.config.step_ms if slot in (0, 3) else 1)

    def decode_notes(self, ids: ArrayLike) -> Notes:
        """Turn any ids into notes: those groups of four that are onset, pitch, velocity and duration in this order."""
        shift, pitch, velocity, duration = self._value[self._groups(ids)].T
        step_ms = self.config.step_ms
        return Notes(
            onset_s=np.minimum(np.cumsum(shift) * step_ms / 1000, self.farthest_s),
            duration_s=duration * step_ms / 1000,
            pitch=pitch,
            velocity=velocity,
        )

    def edit_notes(self, ids: ArrayLike, change: Callable[[Notes], Notes]) -> Ids:
        """Change the notes of a window of a piece; see ``Tokenizer.edit_notes``."""
        given = np.asarray(ids, dtype=np.uint16)
        first = self._first_note(given)
        body = self.encode_notes(change(self.decode_notes(given)), begin=False, end=False)
        return np.concatenate((given[:first], body, given[-1:][given[-1:] == self.end_id]))

    def transpose_conditions(self, ids: Ids, semitones: int) -> Ids:
        """Move a condition that names the key by ``semitones``; it is left out if the config has no such key."""
        first = self._first_note(ids)
        moved = [
            other
            for token in ids[:first].tolist()
            for other in (self.conditions.transposed(token, semitones) if token in self.conditions else [token])
        ]
        return np.concatenate((np.array(moved, dtype=np.uint16), ids[first:]))

    def set_conditions(self, ids: Ids, conditions: Mapping[str, str]) -> Ids:
        """Give the ids of a window with these conditions; see ``Tokenizer.set_conditions``."""
        first = self._first_note(ids)
        opening = ids[:first][ids[:first] == self.begin_id]
        told = np.array(self.conditions.ids(conditions), dtype=np.uint16)
        return np.concatenate((opening, told, ids[first:]))

    def prompt_ids(self, notes: Notes, conditions: Mapping[str, str] | None = None) -> Ids:
        """Turn notes, and conditions, into the ids that a continuation follows: opened, not closed."""
        return self.encode_notes(notes, end=False, conditions=conditions)

    def count_notes(self, ids: ArrayLike) -> int:
        """Count the notes that ``decode_notes`` would give."""
        return len(self._groups(ids))

    def window_starts(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Give 0 and the positions of onset ids, rising."""
        starts = np.flatnonzero(self.slot_of[np.asarray(ids)] == 0)
        return starts if len(starts) and starts[0] == 0 else np.concatenate((np.zeros(1, dtype=np.int64), starts))

    def grammar(self, batch: int) -> TableGrammar:
        """Give the rules; see ``tonada.symbolic.tokenizers.grammar.write_rules``."""
        masks, next_state, start = self._rules
        return TableGrammar(batch, masks=masks, next_state=next_state, start=start)

    def stream(self, *, start_s: float = 0.0) -> GroupStream:
        """Give a decoder for ids that come one by one: a note is finished by its duration."""
        return GroupStream(self.slot_of, self._value, self.config.step_ms, start_s, self.farthest_s)

    def _group(self, notes: Notes, order: Ints, step: Ints, *, before: int) -> Ints:
        """Write notes in an order; ``step`` [N] are their onsets, ``before`` that of the note before the first."""
        shift = np.maximum(np.diff(step[order], prepend=before), 0)
        columns = (
            self._onsets.find(shift),
            notes.pitch[order],
            (notes.velocity[order] - 1) // self.config.velocity_step,
            self._durations.find(self._steps(notes.duration_s[order])),
        )
        group: Ints = np.stack(columns, axis=1) + np.array(self._first)
        return group

    @cached_property
    def _rules(self) -> Rules:
        return write_rules(self.slot_of, pad_id=self.pad_id, begin_id=self.begin_id, end_id=self.end_id)

    def _steps(self, times_s: NDArray[np.float64]) -> NDArray[np.int64]:
        return whole_steps(times_s, self.config.step_ms, farthest_s=self.farthest_s)

    def _first_note(self, ids: NDArray[np.uint16]) -> int:
        """Find how many ids open the window: begin, conditions."""
        opening = (ids == self.begin_id) | self.conditions.among(ids)
        return len(ids) if opening.all() else int(np.argmin(opening))

    def _groups(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Find the whole notes; int64 [N, 4]."""
        known = self.known_ids(ids)
        slot = self.slot_of[known]
        known, slot = known[slot < 4], slot[slot < 4]
        count = max(0, len(known) - 3)
        whole = np.ones(count, dtype=np.bool_)
        for position in range(4):
            whole &= slot[position : position + count] == position
        groups: NDArray[np.int64] = known[np.flatnonzero(whole)[:, None] + np.arange(4)]
        return groups
