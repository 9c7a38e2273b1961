"""Recordings that recur: a fingerprint of differences between band energies, and the search for clips that share it.

Haitsma & Kalker, "A highly robust audio fingerprinting system" (ISMIR 2002, sections 4 and 5): frames of 0.37 s, 31/32
of each overlapping the next; the energies of 33 bands, spaced by their logarithm between 300 and 2000 Hz; a bit is 1
where the difference of two neighbouring bands grows from one frame to the next. So a frame gives 32 bits, which neither
gain nor lossy coding nor a shift in time changes much; another pitch or speed does.

Clips that have several bit-identical frames at one distance in time are candidates; they share a recording as far as,
over blocks of 3 s, fewer than ``MOST_ERRORS`` of the bits differ. In different recordings half of the bits differ.

Measured on 40 clips of 15 s of five genres (chiptune, electronic, metal, orchestral, piano): every copy was found that
had been made 20 dB softer, clipped by 6 dB, cut to its first 5 s or last 10 s, coded as mp3 of 64 kbit/s, as the
poorest Vorbis or as Opus, reduced to 8 bits or 8 kHz, or mixed with white noise 20 dB below it; so was an overlap of
5 s after mp3. Of copies as mp3 of 8 kbit/s 28 % were found, of those played 1 % faster 43 %, 3 % faster none. Among 288
clips of 159 tracks no two of different tracks were taken for one recording (41 000 pairs); within tracks 50 pairs were,
where a passage recurs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 5512.5
"""Sounds are brought near this sample rate, by leaving out samples behind a low-pass filter."""
FRAME_SAMPLES = 2048
HOP_SAMPLES = 64
LOWEST_HZ, HIGHEST_HZ, BANDS = 300.0, 2000.0, 33
BLOCK_FRAMES = 256
"""Frames over which differing bits are counted: 3 s."""
MOST_ERRORS = 0.35
"""With a smaller share of differing bits two blocks are of one recording; the paper's threshold."""
SILENCE_DB = -60.0
"""Frames whose energy in the bands lies below that of a sine of this level, in dB of full scale, say nothing."""

_TAPS = 48  # of the low-pass filter, per kept sample: flat to 2 kHz, 50 dB down where it would fold onto 2 kHz
_FRAMES_AT_ONCE = 64  # what one turn needs fits into a processor's cache
_COMMON = 48  # a frame of more clips than this is a commonplace
_LEAST_HITS = 4  # frames in common at one distance that make a candidate
_OFFSETS = 3  # distances tried for a pair of clips
_BESIDE = 2  # and so many frames beside each
_BLOCKS = 16  # into which the look-up is divided, to bound its memory
_REACH = 1 << 21  # frames; the farthest distance in time

Prints = NDArray[np.uint32]


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


def frame_s(sample_rate: int) -> float:
    """Give the distance of two frames, in seconds.

    Parameters
    ----------
    sample_rate
        Of the clips, in Hz.
    """
    return HOP_SAMPLES * _factor(sample_rate) / sample_rate


def fingerprint(samples: NDArray[np.float32], sample_rate: int) -> Prints:
    """Give the fingerprint of a clip.

    Parameters
    ----------
    samples
        float32 [S], full scale −1 to 1.
    sample_rate
        In Hz.

    Returns
    -------
    ndarray
        uint32 [L], one number of 32 bits for each pair of frames; 0 where there is silence. Empty for clips shorter
        than two frames, and at sample rates too low for the bands.
    """
    if sample_rate < 2 * HIGHEST_HZ:
        return np.empty(0, dtype=np.uint32)
    low = _decimated(samples, _factor(sample_rate))
    frames = 1 + (len(low) - FRAME_SAMPLES) // HOP_SAMPLES
    if frames < 2:
        return np.empty(0, dtype=np.uint32)
    window = np.hanning(FRAME_SAMPLES).astype(np.float32)
    edges = _edges(sample_rate / _factor(sample_rate))
    every = np.lib.stride_tricks.sliding_window_view(low, FRAME_SAMPLES)[::HOP_SAMPLES]
    energies = np.empty((frames, BANDS), dtype=np.float32)
    for start in range(0, frames, _FRAMES_AT_ONCE):
        spectrum = np.fft.rfft(every[start : start + _FRAMES_AT_ONCE] * window)[:, edges[0] : edges[-1]]
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        energies[start : start + _FRAMES_AT_ONCE] = np.add.reduceat(power, edges[:-1] - edges[0], axis=1)
    steps = np.diff(energies, axis=1)
    bits = np.diff(steps, axis=0) < 0  # E(n, m) − E(n, m + 1) grows where E(n, m + 1) − E(n, m) falls
    prints: Prints = bits @ (np.uint32(1) << np.arange(BANDS - 1, dtype=np.uint32))
    # A sine of amplitude A gives bins around it the energy 3/8 (A · FRAME / 2)² under this window (Parseval).
    floor = 3 / 8 * (FRAME_SAMPLES / 2) ** 2 * 10 ** (SILENCE_DB / 10)
    prints[energies[1:].sum(axis=1) < floor] = 0
    return prints


def find_repeats(prints: Sequence[Prints], sample_rate: int) -> list[Repeat]:
    """Find the pairs of clips that have at least a block of a recording in common.

    Parameters
    ----------
    prints
        What `fingerprint` gives, one per clip.
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


def _factor(sample_rate: int) -> int:
    return max(1, round(sample_rate / RATE_HZ))


@lru_cache(maxsize=4)
def _edges(rate_hz: float) -> NDArray[np.int64]:
    """Give the first bin of every band, and the one after the last."""
    edges_hz = LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** (np.arange(BANDS + 1) / BANDS)
    return np.rint(edges_hz * FRAME_SAMPLES / rate_hz).astype(np.int64)


def _decimated(samples: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Keep one sample in ``factor`` behind a low-pass filter (sinc under a Hamming window)."""
    if factor == 1:
        return samples
    taps = _TAPS * factor // 4
    time = np.arange(taps) - (taps - 1) / 2
    weights = (np.sinc(time / factor) * np.hamming(taps) / factor).astype(np.float32)
    count = len(samples) // factor
    padded = np.concatenate([np.zeros(taps // 2, np.float32), samples, np.zeros(taps, np.float32)])
    kept = np.zeros(count, dtype=np.float32)
    for tap, weight in enumerate(weights):
        kept += weight * padded[tap : tap + count * factor : factor]
    return kept


def _candidates(prints: Sequence[Prints]) -> list[tuple[int, int, int]]:
    """List (a, b, distance in frames) with several frames in common, the most promising distances of each pair."""
    values, owners, times = [], [], []
    for owner, each in enumerate(prints):
        places = np.flatnonzero(each)  # not silence
        values.append(each[places])
        owners.append(np.full(len(places), owner, dtype=np.int64))
        times.append(places.astype(np.int64))
    value = np.concatenate([np.empty(0, dtype=np.uint32), *values])
    owner_of = np.concatenate([np.empty(0, dtype=np.int64), *owners])
    time = np.concatenate([np.empty(0, dtype=np.int64), *times])
    order = np.argsort(value, kind="stable")
    value, owner_of, time = value[order], owner_of[order], time[order]
    starts = np.flatnonzero(np.append(True, value[1:] != value[:-1])[: len(value)])
    spread = np.diff(np.append(starts, len(value)))
    keys: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    counts: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    for block in np.array_split(np.arange(len(starts)), _BLOCKS):
        key, count = np.unique(_pairs(owner_of, time, starts[block], spread[block], len(prints)), return_counts=True)
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


def _pairs(
    owner: NDArray[np.int64], time: NDArray[np.int64], starts: NDArray[np.int64], spread: NDArray[np.int64], clips: int
) -> NDArray[np.int64]:
    """List pairs of equal frames in different clips as (a · clips + b, distance), in one number."""
    found: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    for size in range(2, _COMMON + 1):
        mine = spread == size
        if mine.any():
            places = starts[mine][:, None] + np.arange(size)
            first, second = np.triu_indices(size, 1)
            a, b = places[:, first].ravel(), places[:, second].ravel()
            differ = owner[a] != owner[b]  # owners rise, for the sort by value was stable
            a, b = a[differ], b[differ]
            distance = np.clip(time[a] - time[b], 1 - _REACH, _REACH - 1) + _REACH
            found.append((owner[a] * clips + owner[b]) * (2 * _REACH) + distance)
    return np.concatenate(found)


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
