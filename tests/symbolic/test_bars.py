"""Where bars begin."""

from __future__ import annotations

import numpy as np
import pytest

from tonada.symbolic.bars import BarLines
from tonada.symbolic.score import Score
from tonada.symbolic.signatures import Meters
from tonada.symbolic.tempo import TempoMap


def lines(*meters: tuple[int, int, int], quarter: int = 480) -> BarLines:
    ticks, numerator, denominator = np.array(meters, dtype=np.int64).reshape(-1, 3).T
    return BarLines(
        Score(
            tracks=(),
            tempo_map=TempoMap.from_events([], [], ticks_per_quarter=quarter),
            meters=Meters(ticks=ticks, numerator=numerator, denominator=denominator),
        )
    )


def test_without_a_meter_it_is_four_four() -> None:
    bars = lines()
    assert [bars.tick(bar) for bar in range(4)] == [0, 1920, 3840, 5760]
    assert [bars.bar(tick) for tick in (0, 1919, 1920, 1921)] == [0, 0, 1, 1]


def test_a_later_meter_begins_a_bar() -> None:
    bars = lines((0, 3, 4), (1440 * 2, 6, 8), (1440 * 3 + 100, 2, 4))
    # Two bars of 3/4; one of 6/8; one of 6/8 that the last meter ends after 100 ticks; 2/4 from there.
    assert [bars.tick(bar) for bar in range(7)] == [0, 1440, 2880, 4320, 4420, 5380, 6340]
    assert [bars.bar(tick) for tick in (4319, 4320, 4419, 4420, 5379, 5380)] == [2, 3, 3, 4, 4, 5]


def test_of_two_meters_at_one_tick_the_last_counts() -> None:
    assert lines((0, 3, 4), (0, 2, 4)).tick(1) == 960


def test_bars_that_are_no_whole_number_of_ticks() -> None:
    bars = lines((0, 5, 8), quarter=1)  # two and a half ticks
    assert [bars.tick(bar) for bar in range(5)] == [0, 3, 5, 8, 10]
    assert [bars.bar(tick) for tick in range(10)] == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]


@pytest.mark.parametrize(("tick", "bar"), [(0, 0), (1, 1), (1919, 1), (1920, 1), (1921, 2)])
def test_first_bar_that_does_not_begin_before(tick: int, bar: int) -> None:
    assert lines().first_from(tick) == bar


def test_bar_and_tick_are_inverse() -> None:
    bars = lines((0, 7, 8), (5000, 3, 4), (5100, 5, 16), (99_999, 4, 4))
    assert [bars.bar(bars.tick(bar)) for bar in range(400)] == list(range(400))
    starts = np.array([bars.tick(bar) for bar in range(400)])
    assert (np.diff(starts) > 0).all()
