"""Recordings that recur: the search for clips whose fingerprints have a part in common.

The method is that of Haitsma & Kalker (see `tonada.audio.corpus.fingerprints`), section 5. Clips that have several
bit-identical frames at one distance in time are candidates; they share a recording as far as, over blocks of 3 s, fewer
than ``MOST_ERRORS`` of the bits differ. In different recordings half of the bits differ.

Measured on 40 clips of 15 s of five genres (chiptune, electronic, metal, orchestral, piano): every copy was found that
had been made 20 dB softer, clipped by 6 dB, cut to its first 5 s or last 10 s, coded as mp3 (libsndfile's constant bit
rate at compression level 0.8, which is 40 kbit/s for the one channel of 22.05 kHz), as the poorest Vorbis (level 0.99)
or as Opus, reduced to 8 bits or 8 kHz, or mixed with white noise 20 dB below it; so was an overlap of 5 s after that
mp3. Of copies as the poorest mp3 (level 0.99, 8 kbit/s) 28 % were found, of those played 1 % faster 43 %, 3 % faster
none. Among 288 clips of 159 tracks no two of different tracks were taken for one recording (41 000 pairs); within
tracks 50 pairs were, where a passage recurs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.audio.corpus.fingerprints import BANDS, Prints, frame_s

BLOCK_FRAMES = 256
"""Frames over which differing bits are counted: 3 s."""
MOST_ERRORS = 0.35
"""With a smaller share of differing bits two blocks are of one recording; the paper's threshold."""

_COMMON = 48  # a frame of more clips than this is a commonplace; more places than this are thinned to one a clip
_LEAST_HITS = 4  # frames in common at one distance that make a candidate
_OFFSETS = 3  # distances tried for a pair of clips
_BESIDE = 2  # and so many frames beside each
_FRAMES_IN_A_TURN = 1 << 19  # looked up at a time
_REACH = 1 << 21  # frames; the farthest distance in time


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """Two clips, as positions a < b, that have a part of a recording in common.

    Attributes
    ----------
    seconds
        How much of it.
    share
        The same as a share of the shorter clip, 0–1; silence left aside.
    offset_s
        Where in ``a`` the beginning of ``b`` lies.
    errors
        Share of differing bits in the common part.
    """

    a: int
    b: int
    seconds: float
    share: float
    offset_s: float
    errors: float


def find_repeats(prints: Sequence[Prints], sample_rate: int) -> list[Repeat]:
    """Find the pairs of clips that have at least a block of a recording in common.

    Parameters
    ----------
    prints
        What `fingerprint` gives, one per clip. Clips with the same samples should be given once, the others as empty:
        among dozens of copies everything is commonplace.
    sample_rate
        Of the clips, in Hz.

    Returns
    -------
    list of Repeat
        By a, then b; for each pair the distance that fits best.
    """
    best: dict[tuple[int, int], tuple[float, int, float, int]] = {}
    for a, b, offset in _candidates(prints):
        found = _compare(prints[a], prints[b], offset)
        if found is not None:
            best[a, b] = max(found, best.get((a, b), found))
    step_s = frame_s(sample_rate)
    heard = [int(np.count_nonzero(each)) for each in prints]
    return [
        Repeat(
            a=a,
            b=b,
            seconds=frames * step_s,
            share=frames / min(heard[a], heard[b]),
            offset_s=at * step_s,
            errors=errors,
        )
        for (a, b), (_, frames, errors, at) in sorted(best.items())
    ]


def _candidates(prints: Sequence[Prints]) -> list[tuple[int, int, int]]:
    """List (a, b, distance in frames) with several frames in common, the most promising distances of each pair."""
    turns = 1 + sum(len(each) for each in prints) // _FRAMES_IN_A_TURN
    keys: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    counts: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    for turn in range(turns):
        key, count = np.unique(_pairs(prints, turn, turns), return_counts=True)
        keys.append(key)
        counts.append(count.astype(np.int64))
    key, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    hits = np.bincount(inverse, np.concatenate(counts), minlength=len(key))
    key, hits = key[hits >= _LEAST_HITS], hits[hits >= _LEAST_HITS]
    pair, distance = key // (2 * _REACH), key % (2 * _REACH) - _REACH
    tried: dict[int, int] = {}
    chosen = []
    for place in np.lexsort((distance, -hits)):
        code = int(pair[place])
        tried[code] = tried.get(code, 0) + 1
        if tried[code] <= _OFFSETS:
            chosen.append((code // len(prints), code % len(prints), int(distance[place])))
    return chosen


def _pairs(prints: Sequence[Prints], turn: int, turns: int) -> NDArray[np.int64]:
    """List the pairs of equal frames in different clips as (a · clips + b, distance), in one number.

    Values are taken in turns, so that memory does not grow with the number of clips.
    """
    values, owners, times = [np.empty(0, dtype=np.uint32)], [], []
    for each in prints:
        mine = np.flatnonzero((each != 0) & (_mixed(each) % turns == turn))
        values.append(each[mine])
        owners.append(len(mine))
        times.append(mine)
    value = np.concatenate(values)
    order = np.argsort(value, kind="stable")
    value = value[order]
    owner = np.repeat(np.arange(len(prints)), owners)[order]
    time = np.concatenate([np.empty(0, dtype=np.int64), *times])[order]
    kept = _telling(value, owner)
    value, owner, time = value[kept], owner[kept], time[kept]
    starts = np.flatnonzero(np.append(True, value[1:] != value[:-1])[: len(value)])
    spread = np.diff(np.append(starts, len(value)))
    found: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    for size in range(2, _COMMON + 1):
        places = starts[spread == size][:, None] + np.arange(size)
        if len(places):
            first, second = np.triu_indices(size, 1)
            a, b = places[:, first].ravel(), places[:, second].ravel()
            differ = owner[a] != owner[b]  # owners rise, for the sort by value was stable
            a, b = a[differ], b[differ]
            distance = np.clip(time[a] - time[b], 1 - _REACH, _REACH - 1) + _REACH
            found.append((owner[a] * len(prints) + owner[b]) * (2 * _REACH) + distance)
    return np.concatenate(found)


def _telling(value: Prints, owner: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the places worth pairing, at most ``_COMMON`` of a value; values rise, and owners among equal values.

    A value of too many clips tells nothing. One of few clips that recurs often in them, as in a loop, is counted where
    it comes first in each: else a pair for every two places would outgrow memory.
    """
    changes = np.append(True, value[1:] != value[:-1])[: len(value)]
    is_first = changes | np.append(True, owner[1:] != owner[:-1])[: len(value)]
    group = np.cumsum(changes) - 1
    clips = np.bincount(group, is_first)[group]
    telling: NDArray[np.bool_] = (clips <= _COMMON) & (is_first | (np.bincount(group)[group] <= _COMMON))
    return telling


def _mixed(prints: Prints) -> Prints:
    """Spread values evenly: multiplicative hashing, of which the upper bits depend on all."""
    mixed: Prints = (prints * np.uint32(0x9E3779B1)) >> np.uint32(16)
    return mixed


def _compare(a: Prints, b: Prints, offset: int) -> tuple[float, int, float, int] | None:
    """Compare two clips at a distance and a few frames beside it.

    Returns
    -------
    tuple or None
        How well they fit (bits that agree beyond chance), common frames, the share of differing bits in them, and the
        distance; None when no block fits.
    """
    best: tuple[float, int, float, int] | None = None
    for at in range(offset - _BESIDE, offset + _BESIDE + 1):
        first, last = max(0, at), min(len(a), len(b) + at)
        if last - first < BLOCK_FRAMES:
            continue
        mine, theirs = a[first:last], b[first - at : last - at]
        heard = (mine != 0) & (theirs != 0)
        differing = np.where(heard, _bit_counts(mine ^ theirs), 0)
        sums, counted = _sums(differing), _sums(heard)
        same = (sums < MOST_ERRORS * (BANDS - 1) * counted) & (2 * counted >= BLOCK_FRAMES)
        if not same.any():
            continue
        covered = np.zeros(last - first + 1, dtype=np.int64)
        np.add.at(covered, np.flatnonzero(same), 1)
        np.add.at(covered, np.flatnonzero(same) + BLOCK_FRAMES, -1)
        common = (np.cumsum(covered[:-1]) > 0) & heard
        frames = int(common.sum())
        errors = float(differing[common].sum() / ((BANDS - 1) * frames))
        fit = frames * (0.5 - errors)
        if best is None or fit > best[0]:
            best = (fit, frames, errors, at)
    return best


def _sums(values: NDArray[Any]) -> NDArray[np.int64]:
    """Sum over every stretch of ``BLOCK_FRAMES``."""
    total = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    sums: NDArray[np.int64] = total[BLOCK_FRAMES:] - total[:-BLOCK_FRAMES]
    return sums


@lru_cache(maxsize=1)
def _counts_of_16() -> NDArray[np.uint8]:
    return np.array([number.bit_count() for number in range(1 << 16)], dtype=np.uint8)


def _bit_counts(values: Prints) -> NDArray[np.uint8]:
    table = _counts_of_16()
    counts: NDArray[np.uint8] = table[values & np.uint32(0xFFFF)] + table[values >> np.uint32(16)]
    return counts
