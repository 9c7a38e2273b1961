"""What a piece is compared by: its line of pitches as figures, and when their notes begin.

A *figure* is five successive notes of the line (`tonada.symbolic.ngrams`), known by its four intervals. Every figure
leaves four bits of its hash in a fingerprint: enough to see how far a passage agrees, too few to tell which figure it
was. Every note leaves how many steps of 10 ms it begins after the one before it in the line, modulo 16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.ngrams import Hashes, interval_hashes, line_order
from tonada.symbolic.notes import Floats, Ints, Notes

CHORD_S = 0.045
"""Onsets that follow each other within this time belong to one chord, in seconds: the gap that performances have
least is 50 ms, and on a grid of 10 ms none lies on the boundary."""
FIGURE = 5
"""Notes in a figure."""
STEP_S = 0.01
"""Grid of the onsets, in seconds."""
STEPS = 16
"""Steps between onsets are known modulo this."""

Nibbles = NDArray[np.uint8]
"""Numbers from 0 to 15."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Figures:
    """A piece as a fingerprint sees it.

    Attributes
    ----------
    order
        Which note stands at each place of the line; int64 [N].
    onset_s
        When the note at each place begins, in seconds; float64 [N].
    hashes
        Of the figure that begins at each place; uint64 [max(0, N − 4)].
    variety
        How much of a figure it is, 0–1: 1 − 2^(1 − k) if its notes are k different ones, octaves apart or not. Scales
        in octaves, trills and tremolos over a chord have figures of all kinds in the order of a line, of few notes.
    """

    order: Ints
    onset_s: Floats
    hashes: Hashes
    variety: Floats

    def __len__(self) -> int:
        """Give the number of notes."""
        return len(self.order)

    @property
    def bits(self) -> Nibbles:
        """What a fingerprint keeps of each figure; uint8 [max(0, N − 4)]."""
        return (self.hashes & np.uint64(15)).astype(np.uint8)

    @property
    def steps(self) -> Nibbles:
        """What a fingerprint keeps of each note's onset; uint8 [N]; that of the first means nothing."""
        grid = np.rint(self.onset_s / STEP_S).astype(np.int64)
        return (np.diff(grid, prepend=grid[:1]) % STEPS).astype(np.uint8)


def find_figures(notes: Notes, together: NDArray[np.bool_] | None = None) -> Figures:
    """Write notes as figures.

    Parameters
    ----------
    notes
        Any notes; only onsets and pitches count.
    together
        Whether each note but the first belongs to one chord with the note before it; bool [N − 1]. As `CHORD_S` says
        when None.
    """
    if together is None:
        together = np.diff(notes.onset_s) <= CHORD_S
    order = line_order(notes, together)
    pitch = notes.pitch[order]
    hashes = interval_hashes(pitch, FIGURE - 1)
    within = np.sort(pitch[np.arange(len(hashes))[:, None] + np.arange(FIGURE)] % 12, axis=1)
    different = 1 + np.count_nonzero(np.diff(within, axis=1), axis=1)
    return Figures(order=order, onset_s=notes.onset_s[order], hashes=hashes, variety=1.0 - 2.0 ** (1 - different))


def find_all_figures(notes: Notes) -> list[Figures]:
    """Write notes as figures in every way in which their chords may have been parted at another tempo.

    A gap near `CHORD_S` may have been a step or two wider or narrower. So all gaps of 40 ms, or of 50 ms too, are
    taken to part chords, or none; and of those of one width every other one, in both ways.

    Parameters
    ----------
    notes
        Any notes; only onsets and pitches count.
    """
    gap_s = np.diff(notes.onset_s)
    lines = []
    for low_s in (CHORD_S - STEP_S, CHORD_S):
        surely, unsure = gap_s <= low_s, (gap_s > low_s) & (gap_s <= low_s + STEP_S)
        odd = np.cumsum(unsure) % 2 == 1
        lines += [surely, surely | (unsure & odd), surely | (unsure & ~odd)]
    lines.append(gap_s <= CHORD_S + STEP_S)
    return [find_figures(notes, together) for together in lines]
