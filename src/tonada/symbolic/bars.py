"""Bars: where they begin, from the meters of a score."""

from __future__ import annotations

import math
from bisect import bisect_right
from fractions import Fraction

from tonada.symbolic.score import Score


class BarLines:
    """Where the bars of a score begin, in ticks; they go on for ever after the last meter.

    It is 4/4 before the first meter. A meter that comes within a bar ends that bar and begins one. An upbeat is a bar
    like any other, as MIDI files have no word for it.

    Parameters
    ----------
    score
        Its meters and ticks per quarter count, nothing else.
    """

    def __init__(self, score: Score) -> None:
        quarter = score.ticks_per_quarter
        lengths = {0: Fraction(4 * quarter)}
        for tick, numerator, denominator in zip(
            score.meters.ticks.tolist(),
            score.meters.numerator.tolist(),
            score.meters.denominator.tolist(),
            strict=True,
        ):
            lengths[tick] = Fraction(4 * quarter * numerator, denominator)
        self._starts = sorted(lengths)
        self._lengths = [lengths[tick] for tick in self._starts]
        self._bars = [0]
        for index, start in enumerate(self._starts[1:]):
            self._bars.append(self._bars[-1] + math.ceil((start - self._starts[index]) / self._lengths[index]))

    def tick(self, bar: int) -> int:
        """Give the tick at which a bar begins; the first is bar 0."""
        index = bisect_right(self._bars, bar) - 1
        return self._starts[index] + math.ceil((bar - self._bars[index]) * self._lengths[index])

    def bar(self, tick: int) -> int:
        """Give the bar that a tick ≥ 0 lies in."""
        index = bisect_right(self._starts, tick) - 1
        return self._bars[index] + math.floor((tick - self._starts[index]) / self._lengths[index])

    def first_from(self, tick: int) -> int:
        """Give the first bar that does not begin before a tick."""
        bar = self.bar(tick)
        return bar if self.tick(bar) >= tick else bar + 1
