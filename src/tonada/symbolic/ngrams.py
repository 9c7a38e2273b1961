"""Notes as one line of pitches, and the hashes of its n-grams: what is the same music in another key or tempo.

Onsets that follow each other closely are one chord, chords come in time order, pitches rise inside each, so that a
rolled chord or a hasty left hand changes little. An n-gram is so many successive intervals of that line:
transposition, tempo, loudness and pedal do not matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.notes import Ints, Notes

Hashes = NDArray[np.uint64]


def line_order(notes: Notes, together: NDArray[np.bool_]) -> Ints:
    """Give the order of the notes in their line; int64 [N], positions.

    Parameters
    ----------
    notes
        Any notes.
    together
        Whether each note but the first belongs to one chord with the note before it; bool [N − 1].
    """
    if not len(notes):
        return np.empty(0, dtype=np.int64)
    chord = np.concatenate(([0], np.cumsum(~together)))
    return np.lexsort((notes.pitch, chord))


def interval_hashes(pitches: Ints, intervals: int) -> Hashes:
    """Give the hash of the n-gram that begins at each note.

    Parameters
    ----------
    pitches
        A line of pitches; int64 [N], 0–127.
    intervals
        How many successive intervals an n-gram has, 1–8.

    Returns
    -------
    ndarray
        uint64 [max(0, N − intervals)].
    """
    count = max(0, len(pitches) - intervals)
    steps = (np.diff(pitches) + 128).astype(np.uint64)
    code = np.zeros(count, dtype=np.uint64)
    for position in range(intervals):
        code = (code << np.uint64(8)) | steps[position : position + count]
    return mixed(code)


def mixed(code: Hashes) -> Hashes:
    """Spread codes evenly over 64 bits (the finalizer of MurmurHash3, one to one)."""
    code = (code ^ (code >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    code = (code ^ (code >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return code ^ (code >> np.uint64(33))
