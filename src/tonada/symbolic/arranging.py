"""What is kept of a piece while the rest of it is made anew: its rhythm, its melody, its chords."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from tonada.errors import ConfigError
from tonada.symbolic.constraints import FREE, SlotConstraint
from tonada.symbolic.notes import Floats, Ints, Notes
from tonada.symbolic.tokenizers.base import Tokenizer

TOGETHER_S = 0.035
"""Notes that begin so shortly after the first of them are one chord: hands are that far apart (Goebl 2001, 30 ms)."""
LOWEST, HIGHEST = 21, 108
"""The keys of a piano, which a made pitch leaves only where the piece does."""
VOICES = 3
"""Notes of each chord under a melody, the melody's among them, when not asked otherwise."""
_FIXED_VELOCITY = 90
NOTHING = "there are no notes to keep anything of"


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrangement:
    """What is kept of N notes, in the order in which a tokenizer writes them.

    Attributes
    ----------
    constraint
        For the model.
    onset_s, duration_s
        Kept times, exact, in seconds of the piece; float64 [N], NaN where made.
    pitch, velocity
        Kept pitches and velocities, exact; int64 [N], ``FREE`` where made.
    longest_s
        What a made duration is cut to; float64 [N].
    after_s
        Onset of the last note before them.
    """

    constraint: SlotConstraint
    onset_s: Floats
    duration_s: Floats
    pitch: Ints
    velocity: Ints
    longest_s: Floats
    after_s: float

    def __len__(self) -> int:
        """Give N."""
        return len(self.constraint)

    def notes(self, prompt_ids: ArrayLike, ids: ArrayLike) -> Notes:
        """Put what was made to what was kept.

        Parameters
        ----------
        prompt_ids
            What was continued.
        ids
            What was made; of fewer than N notes where it was interrupted.

        Returns
        -------
        music
            The whole notes: what is kept as it was, made durations cut where their pitch comes again.
        """
        constraint, names = self.constraint, self.constraint.tokenizer.slots
        begun = constraint.begun(prompt_ids)
        row = np.concatenate((np.asarray(prompt_ids)[len(np.asarray(prompt_ids)) - begun :], np.asarray(ids)))
        count = min(len(row) // len(names), len(self))
        table = row[: count * len(names)].reshape(count, len(names)).astype(np.int64)
        made: dict[str, Ints] = {}
        for slot, name in enumerate(names):
            known, values = constraint.slot_values[slot]
            made[name] = values[np.searchsorted(known, table[:, slot])]
        onset_s = np.empty(count)
        now_s = self.after_s
        for index, (kept_s, shift_ms) in enumerate(zip(self.onset_s[:count], made["onset"], strict=True)):
            now_s = now_s + shift_ms / 1000 if np.isnan(kept_s) else float(kept_s)
            onset_s[index] = now_s
        pitch = np.where(self.pitch[:count] == FREE, made["pitch"], self.pitch[:count])
        gap_s = _to_repeat(onset_s, pitch)
        free_s = np.minimum(np.minimum(made["duration"] / 1000, self.longest_s[:count]), gap_s)
        velocity = made.get("velocity", np.full(count, _FIXED_VELOCITY))
        return Notes(
            onset_s=onset_s,
            duration_s=np.where(np.isnan(self.duration_s[:count]), free_s, self.duration_s[:count]),
            pitch=pitch,
            velocity=np.where(self.velocity[:count] == FREE, velocity, self.velocity[:count]),
        )


def keep_rhythm(notes: Notes, tokenizer: Tokenizer, *, after_s: float | None = None) -> Arrangement:
    """Keep when notes begin and how long they sound; pitches and velocities are made.

    Parameters
    ----------
    notes
        N notes, the pedal folded in.
    tokenizer
        Of the model.
    after_s
        Onset of the last note before them, None for the beginning of a piece.

    Raises
    ------
    ConfigError
        The tokenizer has no slots.
    """
    arrangement = _arrange(notes, tokenizer, ("onset", "duration"), after_s)
    pitch, constraint = tokenizer.slots.index("pitch"), arrangement.constraint
    constraint.low[:, pitch] = min(LOWEST, int(notes.pitch.min()))
    constraint.high[:, pitch] = max(HIGHEST, int(notes.pitch.max()))
    return arrangement


def keep_melody(
    notes: Notes, tokenizer: Tokenizer, *, voices: int = VOICES, after_s: float | None = None
) -> Arrangement:
    """Keep the top line, and let further notes begin with each of its own, below it.

    The top line is the highest note of each chord (the skyline of Uitdenbogerd and Zobel, 1998). What is added ends
    when the next note of the melody begins, at the latest.

    Parameters
    ----------
    notes
        Notes, the pedal folded in.
    tokenizer
        Of the model.
    voices
        Notes that are to begin together, that of the melody included; at least 2.
    after_s
        Onset of the last note before them, None for the beginning of a piece.

    Raises
    ------
    ConfigError
        There are fewer than 2 voices, no room under a note of the melody, or the tokenizer has no slots.
    """
    if voices < 2:
        raise ConfigError(f"voices must be at least 2, the melody and one more; got {voices}")
    if not len(notes):
        raise ConfigError(NOTHING)
    melody = notes[np.array([chord[-1] for chord in chords(notes)], dtype=np.int64)]
    names = tokenizer.slots
    _, pitches = tokenizer.slot_values(names.index("pitch") if names else 0)  # which refuses where there are none
    lowest = _room_below(melody, voices, beyond=int(pitches.min()))
    gap_s = np.append(np.diff(melody.onset_s), melody.duration_s[-1:])
    # The pitches of added notes hold the places below the melody only for as long as these are put in order.
    below = np.arange(voices - 1, -1, -1)
    every = Notes(
        onset_s=np.repeat(melody.onset_s, voices),
        duration_s=np.repeat(melody.duration_s, voices),
        pitch=(melody.pitch[:, None] - below).reshape(-1),
        velocity=np.repeat(melody.velocity, voices),
    )
    added = np.tile(below > 0, len(melody))
    kept = np.ones((len(every), len(names)), dtype=np.bool_)
    for name in {"pitch", "velocity", "duration"} & set(names):
        kept[added, names.index(name)] = False
    arrangement = _arrange(every, tokenizer, kept, after_s, longest_s=np.repeat(gap_s, voices))
    constraint = arrangement.constraint
    order, _ = tokenizer.note_ids(every, after_s=after_s)
    pitch, duration = names.index("pitch"), names.index("duration")
    constraint.high[:, pitch] = np.repeat(melody.pitch - 1, voices)[order]
    constraint.low[:, pitch] = lowest
    constraint.high[:, duration] = np.repeat(gap_s * 1000, voices)[order]
    return arrangement


def keep_chords(
    notes: Notes, tokenizer: Tokenizer, *, onsets_s: ArrayLike | None = None, after_s: float | None = None
) -> Arrangement:
    """Keep which pitches sound together and in which order; when, how long and how loud is made.

    Parameters
    ----------
    notes
        Notes, the pedal folded in.
    tokenizer
        Of the model.
    onsets_s
        When the chords are to begin, in seconds of the piece, rising; as many as there are chords. Made when None.
    after_s
        Onset of the last note before them, None for the beginning of a piece.

    Raises
    ------
    ConfigError
        The onsets are not as many as the chords, or do not rise; or the tokenizer has no slots.
    """
    if not len(notes):
        raise ConfigError(NOTHING)
    groups = [chord[np.unique(notes.pitch[chord], return_index=True)[1]] for chord in chords(notes)]
    times = np.array([notes.onset_s[chord[0]] for chord in groups]) if onsets_s is None else np.asarray(onsets_s)
    if len(times) != len(groups) or np.any(np.diff(times) <= 0):
        raise ConfigError(f"the onsets must be {len(groups)} rising times, one for each chord")
    sizes = [len(chord) for chord in groups]
    picked = np.concatenate(groups)
    together = Notes(
        onset_s=np.repeat(times, sizes),
        duration_s=notes.duration_s[picked],
        pitch=notes.pitch[picked],
        velocity=notes.velocity[picked],
    )
    arrangement = _arrange(together, tokenizer, ("onset", "pitch"), after_s)
    if onsets_s is not None:
        return arrangement
    constraint, onset = arrangement.constraint, tokenizer.slots.index("onset")
    first = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    constraint.given[first, onset] = FREE
    constraint.low[first if after_s is not None else first[1:], onset] = 1  # or two chords would be one
    ids, values = tokenizer.slot_values(onset)
    later = np.setdiff1d(np.arange(len(together)), first)
    constraint.given[later, onset] = ids[values == 0]
    nowhere = np.full(len(together), np.nan)
    return replace(arrangement, onset_s=nowhere, constraint=replace(constraint, onset_s=nowhere, end_s=nowhere))


def chords(notes: Notes) -> list[Ints]:
    """Part notes into chords: positions of those that begin together, each chord from low to high."""
    starts, begin_s = [], -np.inf
    for index, onset_s in enumerate(notes.onset_s.tolist()):
        if onset_s > begin_s + TOGETHER_S:
            starts.append(index)
            begin_s = onset_s
    parts = np.split(np.arange(len(notes)), starts[1:])
    return [part[np.argsort(notes.pitch[part], kind="stable")] for part in parts if len(part)]


def _arrange(
    notes: Notes,
    tokenizer: Tokenizer,
    kept: tuple[str, ...] | np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    after_s: float | None,
    *,
    longest_s: Floats | None = None,
) -> Arrangement:
    """Keep these slots of notes; a slot that holds nothing of its own (a separator) is always given."""
    if not len(notes):
        raise ConfigError(NOTHING)
    names = tokenizer.slots
    order, _ = tokenizer.note_ids(notes, after_s=after_s)
    mask = np.array([name in kept for name in names]) if isinstance(kept, tuple) else kept
    mask = np.broadcast_to(mask | np.array([name == "separator" for name in names]), (len(notes), len(names)))
    given = {name: mask[order, names.index(name)] for name in names}
    velocity_given = given.get("velocity", np.zeros(len(notes), dtype=np.bool_))
    return Arrangement(
        constraint=SlotConstraint.keeping(notes, tokenizer, mask, after_s=after_s),
        onset_s=np.where(given["onset"], notes.onset_s[order], np.nan),
        duration_s=np.where(given["duration"], notes.duration_s[order], np.nan),
        pitch=np.where(given["pitch"], notes.pitch[order], FREE),
        velocity=np.where(velocity_given, notes.velocity[order], FREE),
        longest_s=np.full(len(notes), np.inf) if longest_s is None else longest_s[order],
        after_s=after_s or 0.0,
    )


def _room_below(melody: Notes, voices: int, *, beyond: int) -> int:
    """Find how far down added notes may go: to the lowest key, or ``beyond`` where a melody leaves too little room."""
    for lowest in (LOWEST, beyond):
        room = [_free_below(melody, index, lowest) for index in range(len(melody))]
        if min(room) >= voices - 1:
            return lowest
    index = int(np.argmin(room))
    raise ConfigError(
        f"there is no room for {voices} voices at {melody.onset_s[index]:.1f} s, where the melody is at "
        f"pitch {melody.pitch[index]}. Ask for fewer"
    )


def _free_below(melody: Notes, index: int, lowest: int) -> int:
    """Count the pitches below a note of the melody that are not held by earlier ones."""
    before, pitch = melody[:index], int(melody.pitch[index])
    held = before.pitch[before.onset_s + before.duration_s > melody.onset_s[index]]
    return pitch - lowest - len(np.unique(held[(held >= lowest) & (held < pitch)]))


def _to_repeat(onset_s: Floats, pitch: Ints) -> Floats:
    """Give the seconds to the next onset of each note's pitch; infinity where there is none."""
    gap_s = np.full(len(pitch), np.inf)
    for value in np.unique(pitch):
        same = np.flatnonzero(pitch == value)
        gap_s[same[:-1]] = np.diff(onset_s[same])
    return gap_s


KEEPERS: dict[str, Callable[..., Arrangement]] = {
    "rhythm": keep_rhythm,
    "melody": keep_melody,
    "chords": keep_chords,
}
"""What can be kept, by name."""
