"""What a classifier sees of each note of a passage: numbers that neither shifts in time nor the passage's place tell.

Axes: N notes · F features. Most is relative to the notes before, so that a passage means the same wherever it stands.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.evaluation.simultaneity import CHORD_GAP_S, MICROSECONDS_PER_S, microseconds
from tonada.symbolic.notes import Notes

LOOK_BACK = 4
"""Notes before, whose intervals to a note are told: as a size, and as one of twelve classes."""

FEATURES = 7 + 13 * LOOK_BACK
"""F."""

_GAP_S, _DURATION_S, _SHORTEST_S, _LONGEST_S = 0.02, 0.3, 0.01, 20.0


def describe_notes(notes: Notes) -> NDArray[np.float32]:
    """Give the features of each note.

    Parameters
    ----------
    notes
        A passage of N notes.

    Returns
    -------
    ndarray
        float32 ``[N, F]``, about −4 to 4: the logarithm of the time since the note before, whether that is the same
        chord, the logarithm of the duration, velocity and what it differs by from the passage's mean, pitch, how many
        earlier notes still sound; then for each of the four notes before the interval in octaves and its class (one of
        twelve, all 0 where there is no such note).
    """
    count = len(notes)
    start, end = microseconds(notes)
    pitch, velocity = notes.pitch, notes.velocity
    gap = np.diff(start, prepend=start[:1]) / MICROSECONDS_PER_S
    still = end[None, :] > start[:, None]
    values = np.zeros((count, FEATURES), dtype=np.float32)
    values[:, 0] = np.log1p(gap / _GAP_S) / 4
    values[1:, 1] = gap[1:] <= CHORD_GAP_S
    values[:, 2] = np.log(np.clip(notes.duration_s, _SHORTEST_S, _LONGEST_S) / _DURATION_S) / 2
    values[:, 3] = (velocity - 64) / 32
    values[:, 4] = (velocity - velocity.mean()) / 16 if count else 0.0
    values[:, 5] = (pitch - 60) / 24
    values[:, 6] = np.tril(still, -1).sum(axis=1) / 4
    for back in range(1, min(LOOK_BACK, count - 1) + 1):
        interval = pitch[back:] - pitch[:-back]
        place = 7 + 13 * (back - 1)
        values[back:, place] = interval / 12
        values[np.arange(back, count), place + 1 + interval % 12] = 1.0
    return values
