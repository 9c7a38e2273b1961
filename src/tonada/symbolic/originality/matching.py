"""Finding what notes share with a corpus: nine notes that agree, lengthened for as long as the figures agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.ngrams import Hashes
from tonada.symbolic.notes import Floats, Ints
from tonada.symbolic.originality.figures import FIGURE, Figures, Nibbles
from tonada.symbolic.originality.fingerprint import Fingerprint

LEAST = 9
"""Notes in the shortest passage that is looked for: five figures, of which by mere chance one in 2²⁰ agree."""
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
        Sum over the passage's figures, each counted once however often it comes, of log₂ (works / works with this
        figure); float64 [M].
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


def find_shared(mine: Figures, corpus: Fingerprint) -> Shared:
    """Find all passages of nine notes or more that a piece shares with a corpus.

    Parameters
    ----------
    mine
        The piece.
    corpus
        What to compare with.
    """
    bits = mine.bits
    start, place = _beginnings(bits, corpus)
    piece = corpus.piece_at(place)
    room = np.minimum(corpus.starts[piece + 1] - FIGURE + 1 - place, len(bits) - start)
    figures = _agreement(bits, corpus, start, place, room)
    found = figures > LEAST - FIGURE
    start, place, piece, figures = start[found], place[found], piece[found], figures[found]
    rarity = _rarity(mine.hashes, corpus.rarities(mine.hashes), start, figures)
    return Shared(start=start, notes=figures + FIGURE - 1, place=place, piece=piece, rarity=rarity)


def _beginnings(bits: Nibbles, corpus: Fingerprint) -> tuple[Ints, Ints]:
    """Find where five figures agree and the one before does not: places in the line, and in the corpus."""
    count = max(0, len(bits) - 3)
    wide = bits.astype(np.int64)
    code = wide[:count] | (wide[1 : count + 1] << 4) | (wide[2 : count + 2] << 8) | (wide[3 : count + 3] << 12)
    order = np.argsort(code, kind="stable")
    many = np.bincount(code, minlength=1 << 16)
    first = np.cumsum(many) - many
    asked = many > 0
    starts: list[Ints] = [np.empty(0, dtype=np.int64)]
    places: list[Ints] = [np.empty(0, dtype=np.int64)]
    for begin in range(0, len(corpus.codes), _BLOCK):
        codes = corpus.codes[begin : begin + _BLOCK]
        hit = np.flatnonzero(asked[codes])
        value = codes[hit]
        times = many[value]
        within = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
        start = order[np.repeat(first[value], times) + within]
        place = np.repeat(hit + begin, times)
        longer = start + 4 < len(bits)
        longer[longer] = bits[start[longer] + 4] == corpus.bits_at(np.minimum(place[longer] + 4, corpus.starts[-1] - 1))
        start, place = start[longer], place[longer]
        # The bits before a piece's first place are of another piece: there a passage begins in any case.
        before = np.maximum(place - 1, 0)
        goes_on = (start > 0) & (corpus.bits_at(before) == bits[start - 1]) & ~np.isin(place, corpus.starts)
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
