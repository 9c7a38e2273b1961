"""Cutting clips into segments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonada.audio.corpus.segments import cut


@pytest.mark.parametrize(
    ("length", "spans", "dropped"),
    [
        (30, [(0, 10), (10, 20), (20, 30)], 0),
        (34, [(0, 10), (10, 20), (20, 30)], 4),
        (35, [(0, 10), (10, 20), (20, 30), (30, 35)], 0),
        (10, [(0, 10)], 0),
        (11, [(0, 10)], 1),
        (9, [(0, 9)], 0),
        (1, [(0, 1)], 0),
    ],
)
def test_what_is_left_is_kept_from_half_a_segment_on_or_when_there_is_nothing_else(
    length: int, spans: list[tuple[int, int]], dropped: int
) -> None:
    way = cut(length, 10)
    assert list(way.spans) == spans
    assert way.dropped == dropped


@given(st.integers(1, 10_000), st.integers(1, 500))
def test_segments_and_the_dropped_end_are_the_whole_clip(length: int, segment: int) -> None:
    way = cut(length, segment)
    ends = [0, *(stop for _, stop in way.spans)]
    assert [start for start, _ in way.spans] == ends[:-1]
    assert ends[-1] + way.dropped == length
    assert all(stop - start == segment for start, stop in way.spans[:-1])
    assert 2 * way.dropped < segment
