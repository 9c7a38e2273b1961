"""Splitting by recording, each label by itself."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonada.audio.corpus.excerpts import Excerpt
from tonada.audio.corpus.splits import assign


def excerpt(track: str, label: str = "jazz", seconds: float = 30.0) -> Excerpt:
    return Excerpt(name=track, label=label, track=track, seconds=seconds)


def sides(excerpts: list[Excerpt], splits: list[str]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for one, split in zip(excerpts, splits, strict=True):
        found[one.track].add(split)
    return dict(found)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abc"), st.floats(0.1, 300)), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=5),
    st.integers(0, 3),
)
def test_no_track_and_no_joined_pair_is_on_two_sides(
    clips: list[tuple[int, str, float]], pairs: list[tuple[int, int]], seed: int
) -> None:
    excerpts = [excerpt(f"track {track}", label, seconds) for track, label, seconds in clips]
    joined = [(a, b) for a, b in pairs if max(a, b) < len(excerpts)]
    splits = assign(excerpts, joined, seed=seed, shares=(0.2, 0.2))
    assert all(len(found) == 1 for found in sides(excerpts, splits).values())
    assert all(splits[a] == splits[b] for a, b in joined)
    assert "train" in splits
    assert set(splits) <= {"train", "validation", "test"}


def test_every_label_has_its_shares() -> None:
    excerpts = [excerpt(f"{label} {track}", label) for label in "abc" for track in range(50)]
    splits = assign(excerpts, [], seed=0, shares=(0.2, 0.1))
    for label in "abc":
        mine = [split for one, split in zip(excerpts, splits, strict=True) if one.label == label]
        assert [mine.count(split) for split in ("train", "validation", "test")] == [35, 10, 5]


@pytest.mark.parametrize(
    ("tracks", "shares", "expected"),
    [
        (1, (0.1, 0.1), {"train"}),
        (2, (0.1, 0.1), {"train", "validation"}),
        (3, (0.1, 0.1), {"train", "validation", "test"}),
        (3, (0.4, 0.5), {"train", "validation", "test"}),
        (3, (0.0, 0.1), {"train", "test"}),
        (2, (0.0, 0.1), {"train", "test"}),
        (1, (0.3, 0.3), {"train"}),
        (1, (0.1, 0.8), {"train"}),
        (2, (0.05, 0.9), {"train", "validation"}),
        (9, (0.0, 0.0), {"train"}),
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_few_tracks_are_on_as_many_sides_as_they_can(
    tracks: int, shares: tuple[float, float], expected: set[str], seed: int
) -> None:
    excerpts = [excerpt(f"track {number}") for number in range(tracks)]
    assert set(assign(excerpts, [], seed=seed, shares=shares)) == expected


def test_a_track_much_longer_than_the_others_does_not_take_a_side_away() -> None:
    for seed in range(20):
        excerpts = [excerpt("long", seconds=1000.0), *(excerpt(f"short {number}", seconds=1.0) for number in range(4))]
        assert set(assign(excerpts, [], seed=seed, shares=(0.1, 0.1))) == {"train", "validation", "test"}


def test_seed_and_track_decide_not_the_order() -> None:
    excerpts = [excerpt(f"track {number}") for number in range(30)]
    splits = assign(excerpts, [], seed=0, shares=(0.2, 0.2))
    backwards = assign(excerpts[::-1], [], seed=0, shares=(0.2, 0.2))
    assert backwards[::-1] == splits
    assert assign(excerpts, [], seed=1, shares=(0.2, 0.2)) != splits
