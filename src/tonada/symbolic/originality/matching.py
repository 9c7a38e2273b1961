"""Finding what notes share with a corpus: nine notes that agree, lengthened for as long as the figures agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.ngrams import Hashes
from tonada.symbolic.notes import Floats, Ints
from tonada.symbolic.originality.figures import FIGURE, Figures, Nibbles
from tonada.symbolic.originality.fingerprint import Fingerprint

LEAST = 9
"""Notes in the shortest passage that is looked for: five figures, which agree by mere chance once in 2²⁰ times."""
_LEAST_FIGURES = LEAST - FIGURE + 1
_STRIDE = 8
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Shared:
    """M passages that are in both; by place in the corpus.

    Attributes
    ----------
    start, notes
        Where each begins in the line, and how many notes it has; int64 [M].
    place
        Where it begins in the corpus; int64 [M].
    piece
        Number of the piece there; int64 [M].
    rarity
        Sum over the passage's figures, each counted once however often it comes, of its variety times
        log₂ (works / works with this figure); float64 [M].
    """

    start: Ints
    notes: Ints
    place: Ints
    piece: Ints
    rarity: Floats

    def __len__(self) -> int:
        """Give the number of passages."""
        return len(self.start)

    def __getitem__(self, index: NDArray[np.bool_] | Ints) -> Shared:
        """Give the passages of a mask or an index."""
        return Shared(
            start=self.start[index],
            notes=self.notes[index],
            place=self.place[index],
            piece=self.piece[index],
            rarity=self.rarity[index],
        )


def find_shared(lines: Sequence[Figures], corpus: Fingerprint) -> list[Shared]:
    """Find all passages of nine notes or more that lines share with a corpus.

    Parameters
    ----------
    lines
        A piece in several ways, or several pieces; the corpus is gone through once for all of them.
    corpus
        What to compare with.

    Returns
    -------
    list of Shared
        One a line.
    """
    bits = np.concatenate([np.empty(0, dtype=np.uint8), *(line.bits for line in lines)])
    first = np.cumsum([0, *(len(line.bits) for line in lines)])
    owner = np.repeat(np.arange(len(lines)), np.diff(first))
    start, place = _beginnings(bits, first[owner], first[owner + 1], corpus)
    piece = corpus.piece_at(place)
    room = np.minimum(corpus.starts[piece + 1] - FIGURE + 1 - place, first[owner[start] + 1] - start)
    figures = _agreement(bits, corpus, start, place, room)
    long_enough = figures >= _LEAST_FIGURES
    start, place, piece, figures = start[long_enough], place[long_enough], piece[long_enough], figures[long_enough]
    found = []
    for index, line in enumerate(lines):
        mine = owner[start] == index
        begin, count = start[mine] - first[index], figures[mine]
        rarity = _rarity(line.hashes, corpus.rarities(line.hashes) * line.variety, begin, count)
        notes = count + FIGURE - 1
        found.append(Shared(start=begin, notes=notes, place=place[mine], piece=piece[mine], rarity=rarity))
    return found


def _beginnings(bits: Nibbles, first: Ints, end: Ints, corpus: Fingerprint) -> tuple[Ints, Ints]:
    """Find where five figures agree and the one before does not: places in the lines, and in the corpus.

    ``first`` and ``end`` say where the line of each place begins and ends; int64, the length of ``bits``.
    """
    able = np.flatnonzero(np.arange(len(bits)) + _LEAST_FIGURES <= end)
    wide = bits.astype(np.int64)
    code = wide[able] | (wide[able + 1] << 4) | (wide[able + 2] << 8) | (wide[able + 3] << 12)
    order = able[np.argsort(code, kind="stable")]
    many = np.bincount(code, minlength=1 << 16)
    group = np.cumsum(many) - many
    asked = many > 0
    last = corpus.starts[-1] - 1
    starts: list[Ints] = [np.empty(0, dtype=np.int64)]
    places: list[Ints] = [np.empty(0, dtype=np.int64)]
    for begin in range(0, len(corpus.codes), _BLOCK):
        codes = corpus.codes[begin : begin + _BLOCK]
        hit = np.flatnonzero(asked[codes])
        value = codes[hit]
        times = many[value]
        within = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
        start = order[np.repeat(group[value], times) + within]
        place = np.repeat(hit + begin, times)
        longer = bits[start + 4] == corpus.bits_at(np.minimum(place + 4, last))
        start, place = start[longer], place[longer]
        # The bits before a piece's first place are of another piece: there a passage begins in any case.
        before = corpus.bits_at(np.maximum(place - 1, 0)) == bits[np.maximum(start - 1, 0)]
        goes_on = before & (start > first[start]) & ~np.isin(place, corpus.starts)
        starts.append(start[~goes_on])
        places.append(place[~goes_on])
    return np.concatenate(starts), np.concatenate(places)


def _agreement(bits: Nibbles, corpus: Fingerprint, start: Ints, place: Ints, room: Ints) -> Ints:
    """Count how many figures agree from each pair of places on, ``room`` [K] at most; int64 [K]."""
    agreed = np.zeros(len(start), dtype=np.int64)
    active = np.flatnonzero(room > 0)
    while len(active):
        ahead = agreed[active, None] + np.arange(_STRIDE)
        inside = ahead < room[active, None]
        ahead = np.where(inside, ahead, 0)
        same = inside & (bits[start[active, None] + ahead] == corpus.bits_at(place[active, None] + ahead))
        run = np.where(same.all(axis=1), _STRIDE, np.argmin(same, axis=1))
        agreed[active] += run
        active = active[run == _STRIDE]
    return agreed


def spread_out(start: Ints, count: Ints) -> tuple[Ints, Ints]:
    """List what lies in runs.

    Parameters
    ----------
    start, count
        Where each run begins, and how long it is; int64 [M].

    Returns
    -------
    owner, index : ndarray
        For each member of each run, the number of the run, and the index; int64.
    """
    owner = np.repeat(np.arange(len(start)), count)
    first = np.cumsum(count) - count
    return owner, np.arange(len(owner)) - first[owner] + start[owner]


def _rarity(hashes: Hashes, rarity: Floats, start: Ints, count: Ints) -> Floats:
    """Sum the rarities of each passage's different figures; float64 [M]."""
    # A figure counts where it comes for the first time in the passage: where it last came lies before the start.
    order = np.argsort(hashes, kind="stable")
    again = hashes[order[1:]] == hashes[order[:-1]]
    before = np.full(len(hashes), -1, dtype=np.int64)
    before[order[1:][again]] = order[:-1][again]
    owner, at = spread_out(start, count)
    once = np.where(before[at] < start[owner], rarity[at], 0.0)
    return np.bincount(owner, once, minlength=len(start)).astype(np.float64)
