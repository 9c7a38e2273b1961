"""Which notes begin, and which sound, at the same time.

* A note sounds in [onset, onset + duration). Times are rounded to microseconds first, so that a note which ends where
  the next begins does not overlap it by a rounding error.
* An *onset group* is what a listener hears as one attack: notes whose onset is at most ``CHORD_GAP_S`` after the
  previous note's. Played chords are spread over some 30 ms (Goebl 2001); 35 ms is no multiple of an 8, 10 or 16 ms
  grid, so that no rounding error decides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.notes import Ints, Notes

CHORD_GAP_S = 0.035
MICROSECONDS_PER_S = 1_000_000


def microseconds(notes: Notes) -> tuple[Ints, Ints]:
    """Round onsets and ends to whole microseconds, int64 [N] each."""
    start = np.rint(notes.onset_s * MICROSECONDS_PER_S).astype(np.int64)
    return start, np.rint((notes.onset_s + notes.duration_s) * MICROSECONDS_PER_S).astype(np.int64)


def onset_groups(start: Ints, pitch: Ints) -> tuple[Ints, Ints]:
    """Give the onset group of every note, int64 [N] from 0, and the pitches in order of (group, pitch)."""
    later = np.diff(start, prepend=start[:1]) > round(CHORD_GAP_S * MICROSECONDS_PER_S)
    group = np.cumsum(later).astype(np.int64)
    return group, pitch[np.lexsort((pitch, group))]


def first_of_each(group: Ints) -> NDArray[np.intp]:
    """Give the position of the first note of every onset group."""
    return np.flatnonzero(np.diff(group, prepend=-1))


def sounding(start: Ints, end: Ints, pitch: Ints) -> tuple[Ints, Ints, Ints]:
    """Cut the notes so that no two of one pitch overlap: starts, ends and pitches of what sounds, none of it empty.

    The union of a pitch's intervals: each note adds what lies after the latest end of the earlier ones.

    Parameters
    ----------
    start, end
        In microseconds; int64 [N].
    pitch
        MIDI note numbers; int64 [N].
    """
    order = np.lexsort((start, pitch))
    start, end, pitch = start[order], end[order], pitch[order]
    ends, rank = np.unique(end, return_inverse=True)
    base = pitch * len(ends)  # a higher pitch outranks every end of a lower one: one running maximum serves all pitches
    latest = ends[np.maximum.accumulate(base + rank) - base]
    trimmed = np.where(pitch[1:] == pitch[:-1], np.maximum(start[1:], latest[:-1]), start[1:])
    start = np.concatenate([start[:1], trimmed])
    kept = end > start
    return start[kept], end[kept], pitch[kept]


def times_of_counts(start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Give how long how many sound: the numbers of pitches at once, int64 [K], and their times in microseconds [K].

    Stretches of time in order, from ``sounding``; those without any length are left out, silences count 0.
    """
    times = np.concatenate([start, end])
    order = np.argsort(times)
    count = np.cumsum(np.repeat([1, -1], len(start))[order])[:-1]
    length = np.diff(times[order])
    return count[length > 0], length[length > 0]
