"""Slots of notes that are given: what is made has to fit, and every other slot is the model's.

A note is a group of slots (onset shift, pitch, velocity, duration, say). A constraint says, for N notes and each of
their slots, which id stands there, or within which bounds the model may choose. A model writes from left to right: a
given slot is put where it stands, and what is chosen before it knows nothing of it. Axes: N notes · S slots ·
V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tonada.errors import ConfigError
from tonada.symbolic.notes import Floats, Ints, Notes
from tonada.symbolic.tokenizers.base import Tokenizer

FREE = -1
"""Stands in the place of an id that the model chooses."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class SlotConstraint:
    """What is given of the N notes that follow a prompt, in the tokenizer's order.

    Pitches that the model chooses never double: notes of a chord go on upwards (or downwards, where the tokenizer
    writes chords so), room is left for those of the chord that are still to come, and a pitch that sounds is not
    struck again.

    Parameters
    ----------
    tokenizer
        Of the ids; one whose notes are fixed groups of slots.
    given
        The ids; int64 [N, S], ``FREE`` where the model chooses.
    low, high
        Bounds of what it may choose, in the units of ``Tokenizer.slot_values``; float64 [N, S], infinite where there
        is none.
    onset_s, end_s
        When notes begin and end, in any seconds, for telling what still sounds; float64 [N], NaN where that is as the
        ids say.

    Raises
    ------
    ConfigError
        The tokenizer has no slots, or an id does not belong in its slot.
    """

    tokenizer: Tokenizer
    given: Ints
    low: Floats
    high: Floats
    onset_s: Floats
    end_s: Floats

    def __post_init__(self) -> None:
        """Check the ids."""
        shape = (len(self.given), len(self.tokenizer.slots))
        for slot, name in enumerate(self.tokenizer.slots):
            ids, _ = self.tokenizer.slot_values(slot)
            strange = ~np.isin(self.given[:, slot], [FREE, *ids]) if self.given.shape == shape else np.ones(1)
            if strange.any():
                raise ConfigError(f"what is given for the slot '{name}' must be {shape[0]} of its ids, or {FREE}")

    @classmethod
    def keeping(
        cls, notes: Notes, tokenizer: Tokenizer, kept: ArrayLike, *, after_s: float | None = None
    ) -> SlotConstraint:
        """Give the slots of notes that are to be kept.

        Parameters
        ----------
        notes
            N notes.
        tokenizer
            Of the ids.
        kept
            Which slots of which of the notes; bool [N, S], or [S] for the same slots of all.
        after_s
            Onset of the last note before them, None for the beginning of a piece.

        Raises
        ------
        ConfigError
            The tokenizer has no slots.
        """
        order, ids = tokenizer.note_ids(notes, after_s=after_s)
        mask = np.broadcast_to(np.asarray(kept, dtype=np.bool_), ids.shape)[order]
        names = tokenizer.slots
        timed, ended = mask[:, names.index("onset")], mask[:, names.index("duration")]
        onset_s, duration_s = notes.onset_s[order], notes.duration_s[order]
        return cls(
            tokenizer=tokenizer,
            given=np.where(mask, ids, FREE),
            low=np.full(ids.shape, -np.inf),
            high=np.full(ids.shape, np.inf),
            onset_s=np.where(timed, onset_s, np.nan),
            end_s=np.where(timed & ended, onset_s + duration_s, np.nan),
        )

    def __len__(self) -> int:
        """Give N."""
        return len(self.given)

    def begun(self, prompt_ids: ArrayLike) -> int:
        """Count the slots of the first note that a prompt's last ids are already (the separator, in giga)."""
        slots = len(self.tokenizer.slots)
        last = int(self.tokenizer.slots_of(np.asarray(prompt_ids, dtype=np.uint16))[-1])
        return (last + 1) % slots if last < slots else 0

    def count_ids(self, prompt_ids: ArrayLike) -> int:
        """Count the ids that are to follow a prompt for all N notes."""
        return self.given.size - self.begun(prompt_ids)

    @cached_property
    def slot_values(self) -> tuple[tuple[Ints, Ints], ...]:
        """The ids of each slot, rising, and what they stand for."""
        return tuple(self.tokenizer.slot_values(slot) for slot in range(len(self.tokenizer.slots)))

    @cached_property
    def to_come(self) -> Ints:
        """How many notes right after each are of its chord and have a pitch to be chosen; int64 [N]."""
        names = self.tokenizer.slots
        ids, values = self.slot_values[names.index("onset")]
        joined = self.given[:, names.index("onset")] == ids[values == 0]
        wanted = joined & (self.given[:, names.index("pitch")] == FREE)
        counts = np.zeros(len(self) + 1, dtype=np.int64)
        for index in range(len(self) - 1, 0, -1):
            counts[index - 1] = counts[index] + 1 if wanted[index] else 0
        return counts[:-1]


class Follower:
    """Where one lane is in a constraint.

    Parameters
    ----------
    constraint
        What is given.
    prompt_ids
        What the lane continues.
    prompt
        The notes that still sound may not be struck again; None where there are none.
    """

    def __init__(self, constraint: SlotConstraint, prompt_ids: ArrayLike, prompt: Notes | None = None) -> None:
        self._constraint, names = constraint, constraint.tokenizer.slots
        self._slots, self._falls = len(names), constraint.tokenizer.chords_fall
        self._onset, self._pitch, self._duration = (names.index(name) for name in ("onset", "pitch", "duration"))
        self._place = constraint.begun(prompt_ids)
        self._values = [0] * self._slots
        self._now_s, self._chord_pitch = 0.0, None if prompt is None or not len(prompt) else int(prompt.pitch[-1])
        self._sounding: dict[int, float] = {}
        if prompt is not None and len(prompt):
            self._now_s = float(prompt.onset_s[-1])
            for pitch, end_s in zip(prompt.pitch.tolist(), (prompt.onset_s + prompt.duration_s).tolist(), strict=True):
                self._sounding[pitch] = max(end_s, self._sounding.get(pitch, end_s))

    def permit(self, allowed: Bools) -> Bools:
        """Give what is left of the ids that a grammar allows, bool ``[V]``; all of them after the last note."""
        note, slot = divmod(self._place, self._slots)
        if note >= len(self._constraint):
            return allowed
        fitting = np.zeros_like(allowed)
        token = int(self._constraint.given[note, slot])
        fitting[self._choice(note, slot) if token == FREE else token] = True
        return fitting

    def push(self, token: int) -> None:
        """Take the lane's next id."""
        note, slot = divmod(self._place, self._slots)
        self._place += 1
        if note >= len(self._constraint):
            return
        ids, values = self._constraint.slot_values[slot]
        self._values[slot] = int(values[np.searchsorted(ids, token)])
        if slot == self._onset:
            known_s = float(self._constraint.onset_s[note])
            self._now_s = self._now_s + self._values[slot] / 1000 if np.isnan(known_s) else known_s
            if self._values[slot]:
                self._chord_pitch = None
        elif slot == self._pitch:
            self._chord_pitch = self._values[slot]
        if slot == self._slots - 1:
            end_s = float(self._constraint.end_s[note])
            if np.isnan(end_s):
                end_s = self._now_s + self._values[self._duration] / 1000
            self._sounding[self._values[self._pitch]] = end_s

    def _choice(self, note: int, slot: int) -> Ints:
        """Find the ids of a slot that may be chosen, at least one."""
        ids, values = self._constraint.slot_values[slot]
        low, high = self._constraint.low[note, slot], self._constraint.high[note, slot]
        within = (values >= low) & (values <= high)
        if not within.any():
            within[np.abs(values - (low if np.isfinite(low) else high)).argmin()] = True
        found: Ints = ids[within]
        if slot != self._pitch:
            return found
        sounding = [pitch for pitch, end_s in self._sounding.items() if end_s > self._now_s + 1e-9]
        silent = within & ~np.isin(values, sounding)
        beyond = silent
        if self._chord_pitch is not None:
            beyond = silent & (values < self._chord_pitch if self._falls else values > self._chord_pitch)
        for choice in (beyond, silent, within):  # what leaves nothing is given up: a constraint may ask too much
            if choice.any():
                found = ids[choice]
                spare = max(1, len(found) - int(self._constraint.to_come[note]))
                break
        return found[-spare:] if self._falls else found[:spare]
