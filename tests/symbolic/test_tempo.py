from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonada.symbolic.tempo import TempoMap

events = st.lists(st.tuples(st.integers(0, 100_000), st.integers(1, 2**24 - 1)), max_size=8)
audible_events = st.lists(st.tuples(st.integers(0, 100_000), st.integers(20_000, 2**24 - 1)), max_size=8)
resolutions = st.integers(1, 32_767)


def tempo_map(found: list[tuple[int, int]], ticks_per_quarter: int = 480) -> TempoMap:
    return TempoMap.from_events([at for at, _ in found], [us for _, us in found], ticks_per_quarter=ticks_per_quarter)


def slow_seconds(found: list[tuple[int, int]], ticks_per_quarter: int, ticks: int) -> float:
    """Walk from event to event in exact fractions."""
    now, at, quarter_us = Fraction(0), 0, 500_000
    for event_at, event_us in sorted(found, key=lambda event: event[0]):
        if event_at > ticks:
            break
        now += Fraction((event_at - at) * quarter_us, ticks_per_quarter * 1_000_000)
        at, quarter_us = event_at, event_us
    return float(now + Fraction((ticks - at) * quarter_us, ticks_per_quarter * 1_000_000))


@given(events, resolutions, st.lists(st.integers(0, 200_000), max_size=8))
def test_seconds_as_in_a_loop_of_fractions(found: list[tuple[int, int]], resolution: int, ticks: list[int]) -> None:
    seconds = tempo_map(found, resolution).seconds(ticks)
    assert seconds.tolist() == [slow_seconds(found, resolution, at) for at in ticks]


@given(audible_events, resolutions, st.lists(st.integers(0, 2**31), max_size=8))
def test_ticks_are_the_inverse_of_seconds(found: list[tuple[int, int]], resolution: int, ticks: list[int]) -> None:
    mapped = tempo_map(found, resolution)
    assert mapped.ticks(mapped.seconds(ticks)).tolist() == ticks


@given(audible_events, st.lists(st.floats(0, 10_000), max_size=8))
def test_ticks_are_the_nearest(found: list[tuple[int, int]], seconds: list[float]) -> None:
    mapped = tempo_map(found)
    ticks = mapped.ticks(seconds)
    error = np.abs(mapped.seconds(ticks) - seconds)
    for other in (ticks - 1, ticks + 1):
        assert np.all(error <= np.abs(mapped.seconds(other) - seconds) + 1e-9)


def test_120_bpm_before_the_first_tempo() -> None:
    mapped = tempo_map([(960, 250_000)])
    assert mapped.start_ticks.tolist() == [0, 960]
    assert mapped.seconds([0, 480, 960, 1440]).tolist() == [0.0, 0.5, 1.0, 1.25]
    assert mapped.ticks([0.0, 0.5, 1.0, 1.25]).tolist() == [0, 480, 960, 1440]
    assert mapped.bpm.tolist() == [120.0, 240.0]


def test_any_shape_goes() -> None:
    mapped = tempo_map([])
    assert mapped.seconds(960).shape == ()
    assert float(mapped.seconds(960)) == 1.0
    assert int(mapped.ticks(1.0)) == 960
    assert mapped.seconds([[0, 480], [960, 1440]]).tolist() == [[0.0, 0.5], [1.0, 1.5]]
    assert mapped.ticks(np.zeros((2, 0))).shape == (2, 0)
    assert mapped.seconds([]).dtype == np.float64
    assert mapped.ticks([]).dtype == np.int64


def test_nothing_drifts_over_days() -> None:
    mapped = TempoMap.from_events(np.arange(100_000) * 10, np.full(100_000, 333_333), ticks_per_quarter=96)
    assert float(mapped.seconds(100_000_000)) == float(Fraction(100_000_000 * 333_333, 96_000_000))


def test_the_first_tempi() -> None:
    mapped = tempo_map([(960, 250_000), (1920, 100_000)])
    assert mapped.head(2).start_ticks.tolist() == [0, 960]
    assert mapped.head(0).quarter_us.tolist() == [500_000]


@pytest.mark.parametrize(
    ("ticks", "quarter_us", "ticks_per_quarter", "reason"),
    [
        ([0, 0], [1, 1], 480, "rise strictly"),
        ([1], [1], 480, "begin at 0"),
        ([], [], 480, "begin at 0"),
        ([0], [0], 480, "quarter_us must lie in 1"),
        ([0], [2**24], 480, "quarter_us must lie"),
        ([0], [500_000.5], 480, "whole numbers"),
        ([0], [1, 2], 480, "equally long"),
        ([0], [1], 0, "ticks_per_quarter must lie in 1 to 32767; got 0"),
        ([0], [1], 32_768, "ticks_per_quarter"),
    ],
)
def test_what_cannot_be_is_refused(ticks: list, quarter_us: list, ticks_per_quarter: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TempoMap(start_ticks=ticks, quarter_us=quarter_us, ticks_per_quarter=ticks_per_quarter)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_times_beyond_counting_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="a time in ticks must lie"):
        tempo_map([]).ticks([0.0, seconds])
