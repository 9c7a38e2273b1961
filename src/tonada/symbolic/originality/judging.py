"""How telling a shared passage is: the rarity of its figures, and whether it is played alike.

A passage's score is the rarity of its figures (`Shared.rarity`), up to five times as much where its notes follow each
other in the same rhythm at one tempo. So what all works have in common scores next to nothing however long it is, and
what is rare scores by its length.

The weights of timing are in proportion to logarithms of ratios of chances: how often onsets that were copied, 10 %
faster and on the grid of 10 ms again, are off by so many steps, by how often those of passages are that different works
have in common. They, their weight beside the rarity, and the variety of figures were chosen on validation works of
MAESTRO, on training works held against the other training works, and on copies put into validation pieces; none of
these copies is among those that ``benchmarks/originality.py`` draws unless told otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tonada.symbolic.notes import Floats, Notes
from tonada.symbolic.originality.figures import STEP_S, STEPS, Figures, find_all_figures
from tonada.symbolic.originality.fingerprint import Fingerprint
from tonada.symbolic.originality.matching import Shared, find_shared, spread_out

THRESHOLD = 106.0
"""From this score on a passage is taken for a quotation: the least whole number above the highest score of any work of
MAESTRO's validation split, none of which is in the training split."""
TEMPI = np.exp2(np.arange(-41, 42) / 70)
"""How many times as fast as the corpus music may be: two thirds to one and a half, in steps of 1 %."""
TIMING = np.array([8.0, -2.0, *[-12.0] * (STEPS // 2 - 1)])
"""What an onset adds that is off by 0, 1, 2 … steps from where the other's rhythm puts it."""
TIMING_SHARE = 4.0
"""Timing adds this times the rarity at most."""
CLOSELY = 100
"""At least so many passages are looked at closely, and all that could reach the threshold."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Music that a corpus has, too.

    Attributes
    ----------
    composer, title, work, name
        The piece of the corpus that has it, as `tonada.symbolic.originality.fingerprint.Source` names it.
    score
        How telling it is; see the module.
    notes
        How many notes agree.
    start_s, end_s
        Its first and its last onset, in seconds of what was examined.
    there_s
        Where it begins in the piece of the corpus, in seconds, to within some.
    tempo
        How many times as fast as there it is played; None where the rhythm is not the same.
    """

    composer: str
    title: str
    work: str
    name: str
    score: float
    notes: int
    start_s: float
    end_s: float
    there_s: float
    tempo: float | None

    @property
    def is_quotation(self) -> bool:
        """Whether its score reaches the threshold."""
        return self.score >= THRESHOLD


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What notes share with a corpus.

    Attributes
    ----------
    nearest
        The most telling passage of each of the nearest pieces, by falling score.
    longest
        The passage of most notes, which may be a commonplace; None where no nine notes in a row are shared.
    """

    nearest: tuple[Passage, ...]
    longest: Passage | None

    @property
    def score(self) -> float:
        """The highest score of a passage; 0.0 where nothing is shared."""
        return self.nearest[0].score if self.nearest else 0.0

    @property
    def flagged(self) -> bool:
        """Whether there is a quotation."""
        return self.score >= THRESHOLD


def examine(notes: Notes, corpus: Fingerprint, *, most: int = 5) -> Examination:
    """Find what notes share with a corpus, and how telling it is.

    Parameters
    ----------
    notes
        Any notes.
    corpus
        What to compare with.
    most
        How many of the nearest pieces to name.
    """
    nearest: dict[int, Passage] = {}
    longest: Passage | None = None
    lines = find_all_figures(notes)
    for mine, shared in zip(lines, find_shared(lines, corpus), strict=True):
        if not len(shared):
            continue
        could = _score(shared, TIMING[0] * (shared.notes - 1))
        closely = np.argsort(-could, kind="stable")[: max(CLOSELY, int((could >= THRESHOLD).sum()))]
        passages = _passages(mine, corpus, shared[closely], most)
        for piece, passage in passages.items():
            if piece not in nearest or passage.score > nearest[piece].score:
                nearest[piece] = passage
        lengths = np.lexsort((-shared.rarity, -shared.notes))[:1]
        (candidate,) = _passages(mine, corpus, shared[lengths], 1).values()
        if longest is None or candidate.notes > longest.notes:
            longest = candidate
    best = sorted(nearest.items(), key=lambda item: (-item[1].score, item[0]))[:most]
    return Examination(nearest=tuple(passage for _, passage in best), longest=longest)


def _passages(mine: Figures, corpus: Fingerprint, shared: Shared, most: int) -> dict[int, Passage]:
    """Give the most telling passage of each of the nearest pieces, by the number of the piece."""
    timing, tempo = _timing(mine, corpus, shared)
    score = _score(shared, timing)
    found: dict[int, Passage] = {}
    for index in np.argsort(-score, kind="stable").tolist():
        piece = int(shared.piece[index])
        if piece in found:
            continue
        source = corpus.sources[piece]
        start, count = int(shared.start[index]), int(shared.notes[index])
        onset_s = mine.onset_s[start : start + count]  # inside a chord the line is not in the order of onsets
        found[piece] = Passage(
            composer=source.composer,
            title=source.title,
            work=source.work,
            name=source.name,
            score=float(score[index]),
            notes=count,
            start_s=float(onset_s.min()),
            end_s=float(onset_s.max()),
            there_s=corpus.seconds_at(int(shared.place[index])),
            tempo=float(tempo[index]) if timing[index] > 0 else None,
        )
        if len(found) == most:
            break
    return found


def _score(shared: Shared, timing: Floats) -> Floats:
    """Give the score of each passage; float64 [M]."""
    return shared.rarity + np.clip(timing, 0.0, TIMING_SHARE * shared.rarity)


def _timing(mine: Figures, corpus: Fingerprint, shared: Shared) -> tuple[Floats, Floats]:
    """Give how well each passage's rhythm agrees at the tempo where it does best, and that tempo; float64 [M] each."""
    owner, at = spread_out(shared.start + 1, shared.notes - 1)
    there = corpus.steps_at(at - shared.start[owner] + shared.place[owner]).astype(np.int64)
    gap = (mine.onset_s[at] - mine.onset_s[at - 1]) / STEP_S
    best, tempo = np.full(len(shared), -np.inf), np.ones(len(shared))
    for candidate in TEMPI:
        off = (np.rint(gap * candidate).astype(np.int64) - there + STEPS // 2) % STEPS - STEPS // 2
        total = np.bincount(owner, TIMING[np.abs(off)], minlength=len(shared))
        better = total > best
        best, tempo = np.where(better, total, best), np.where(better, candidate, tempo)
    return best, tempo
