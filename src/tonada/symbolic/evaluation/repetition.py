"""How much a piece repeats itself, without knowing its bars: pitch-class profiles, literal repeats, groove.

Times are whole microseconds, int64, so that sums over thousands of notes are exact. What cannot be told is NaN.
"""

from __future__ import annotations

import math

import numpy as np

from tonada.symbolic.evaluation.simultaneity import MICROSECONDS_PER_S
from tonada.symbolic.notes import Floats, Ints

PROFILE_WINDOW_S = 1.0
LONGEST_PROFILE_S = 6 * 3600.0
GROOVE_WINDOW_S = 2.0
GROOVE_POSITIONS = 20
REPEATED_NOTES = 8


def profiles(start: Ints, end: Ints, pitch: Ints, *, first: int, last: int) -> Floats:
    """Give the pitch-class profile of every whole window of 1 s between two times, as a vector of length one.

    Entry c is the time for which notes of pitch class c sound within the window. Windows after the first six hours are
    left out: a stray note days later must not take the memory of millions of windows.

    Parameters
    ----------
    start, end, pitch
        What sounds; int64 [N] each.
    first, last
        Where the first window begins, and where the last must have ended.

    Returns
    -------
    NDArray
        float64 [windows, 12]; zeros where nothing sounds.
    """
    step = round(PROFILE_WINDOW_S * MICROSECONDS_PER_S)
    edges = first + step * np.arange(min(last - first, round(LONGEST_PROFILE_S * MICROSECONDS_PER_S)) // step + 1)
    times = np.zeros((len(edges) - 1, 12))
    for pitch_class in range(12):
        mine = pitch % 12 == pitch_class
        times[:, pitch_class] = np.diff(_time_since(edges, start[mine]) - _time_since(edges, end[mine]))
    norm = np.linalg.norm(times, axis=1, keepdims=True)
    unit: Floats = np.divide(times, norm, out=np.zeros_like(times), where=norm > 0.0)
    return unit


def _time_since(edges: Ints, moments: Ints) -> Ints:
    """Give Σ max(0, edge − moment) over the moments, for every edge."""
    moments = np.sort(moments)
    before = np.searchsorted(moments, edges)
    total: Ints = np.concatenate([[0], np.cumsum(moments)])[before]
    return before * edges - total


def repetition(windows: Floats, lag: int) -> float:
    """Give the mean cosine similarity of profiles [windows, 12] that are ``lag`` windows apart, where both sound."""
    earlier, later = windows[:-lag], windows[lag:]
    both = earlier.any(axis=1) & later.any(axis=1)
    return float((earlier * later).sum() / both.sum()) if both.any() else math.nan


def self_similarity(windows: Floats) -> float:
    """Give the mean cosine similarity over all pairs of different profiles [windows, 12] that sound."""
    count = int(windows.any(axis=1).sum())
    if count < 2:
        return math.nan
    # The sum over all pairs of unit vectors is the squared length of their sum, less each one with itself.
    return float((np.square(windows.sum(axis=0)).sum() - count) / (count * (count - 1)))


def repeated_share(pitch: Ints) -> float:
    """Give the share of the runs of 8 successive pitches, int64 [N] in order, that occurred before."""
    count = len(pitch) - REPEATED_NOTES + 1
    if count < 1:
        return math.nan
    runs = np.zeros(count, dtype=np.int64)
    for offset in range(REPEATED_NOTES):  # eight pitches of seven bits make 56 bits
        runs = (runs << 7) | pitch[offset : offset + count]
    return 1.0 - len(np.unique(runs)) / count


def groove_consistency(start: Ints) -> float:
    """Give 1 − the mean Hamming distance, per position, of the onset patterns of successive windows.

    Windows of 2 s with 20 positions, from the first onset (``start`` int64 [N], ascending) to the last.
    """
    if not len(start):
        return math.nan
    places = np.unique((start - start[0]) // round(GROOVE_WINDOW_S * MICROSECONDS_PER_S / GROOVE_POSITIONS))
    window = places // GROOVE_POSITIONS
    pairs = int(window[-1])
    if pairs < 1:
        return math.nan
    # Σ |A xor B| over neighbours = Σ |A| + |B| − 2 |A and B|; the first and the last window stand in one pair each.
    common = len(np.intersect1d(places, places - GROOVE_POSITIONS, assume_unique=True))
    alone = np.count_nonzero(window == 0) + np.count_nonzero(window == pairs)
    return 1.0 - float(2 * len(places) - alone - 2 * common) / (pairs * GROOVE_POSITIONS)
