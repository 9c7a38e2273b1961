"""Whether a score keeps one notated tempo, and which."""

from __future__ import annotations

import numpy as np

from tonada.symbolic.score import Score

GRID_PER_QUARTER = 24
"""Places of a quarter note where notated onsets fall: thirty-seconds and their triplets."""
COARSEST = 4 * GRID_PER_QUARTER
"""Ticks in a quarter note below which chance alone would put too many onsets on the grid."""
ON_GRID = 0.9
"""Share of the onsets that must be on the grid; of a performance it is a quarter at most."""


def steady_bpm(score: Score) -> float | None:
    """Give the tempo of a score that keeps one, in quarter notes per minute.

    A performance has no notated tempo: its file names some tempo, 120 mostly, but its onsets fall anywhere between
    the beats. So this asks for one tempo from the first to the last note, and for onsets on the grid of the beat.

    Parameters
    ----------
    score
        As read from a file; drums are left out.

    Returns
    -------
    float or None
        None where the tempo changes, onsets are off the beat's grid, ticks are too coarse to tell, or there are no
        notes.
    """
    tracks = [track.onset_ticks for track in score.tracks if not track.is_drum]
    onsets = np.concatenate(tracks) if tracks else np.empty(0, dtype=np.int64)
    if not len(onsets) or score.ticks_per_quarter < COARSEST:
        return None
    steps = np.searchsorted(score.tempo_map.start_ticks, [onsets.min(), onsets.max()], side="right") - 1
    heard = score.tempo_map.bpm[steps[0] : steps[1] + 1]
    if np.ptp(heard) > 0 or np.mean(onsets * GRID_PER_QUARTER % score.ticks_per_quarter == 0) < ON_GRID:
        return None
    return float(heard[0])
