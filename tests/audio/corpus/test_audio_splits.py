"""Splitting by recording, each label by itself."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonada.audio.corpus.excerpts import Excerpt
from tonada.audio.corpus.matching import Repeat
from tonada.audio.corpus.repeats import judge
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


def connected(links: list[tuple[int, int]], clips: int) -> list[set[int]]:
    """Give, for every clip, all that chains of links lead to: the plainest way, by repetition."""
    parts = [{place} for place in range(clips)]
    for _ in range(clips):
        for a, b in links:
            both = parts[a] | parts[b]
            for place in both:
                parts[place] = both
    return parts


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from("ab"), st.sampled_from([5.0, 10.0, 30.0]), st.integers(0, 9)),
        min_size=2,
        max_size=14,
    ),
    st.lists(
        st.tuples(
            st.integers(0, 13), st.integers(0, 13), st.sampled_from([0.5, 0.95]), st.sampled_from([0.1, 0.3])
        ).filter(lambda repeat: repeat[0] < repeat[1]),
        max_size=8,
        unique_by=lambda repeat: repeat[:2],
    ),
    st.integers(0, 5),
)
def test_nothing_that_track_or_repeat_connects_is_on_two_sides(
    clips: list[tuple[int, str, float, int]], found: list[tuple[int, int, float, float]], seed: int
) -> None:
    """Chains run through clips that are dropped, too; what is connected is found here from the input alone."""
    excerpts = [
        Excerpt(name=f"{place}", label=label, track=f"track {track}", seconds=seconds, digest=f"{digest}")
        for place, (track, label, seconds, digest) in enumerate(clips)
    ]
    repeats = [
        Repeat(a=a, b=b, seconds=3.0, share=share, offset_s=0.0, errors=errors)
        for a, b, share, errors in found
        if b < len(clips)
    ]
    links = [(repeat.a, repeat.b) for repeat in repeats]
    for place, one in enumerate(excerpts):
        links += [
            (other, place)
            for other in range(place)
            if one.track == excerpts[other].track or one.digest == excerpts[other].digest
        ]
    result = judge(excerpts, repeats)
    assert set(result.dropped).isdisjoint(result.dropped.values())
    splits = assign(excerpts, result.joined, seed=seed, shares=(0.3, 0.3), dropped=result.dropped)
    for part in connected(links, len(clips)):
        assert len({splits[place] for place in part}) == 1
    assert "train" in {split for place, split in enumerate(splits) if place not in result.dropped}


def test_a_dropped_copy_holds_its_track_and_its_keepers_together() -> None:
    """A, A2 of one track, B, B2 of another; B has the samples of A."""
    clips = [("one", "same"), ("one", "A2"), ("two", "same"), ("two", "B2")]
    others = [excerpt(f"other {number}") for number in range(8)]
    excerpts = [
        *(Excerpt(name=digest, label="jazz", track=track, seconds=30.0, digest=digest) for track, digest in clips),
        *(Excerpt(name=one.name, label="jazz", track=one.track, seconds=30.0, digest=one.name) for one in others),
    ]
    result = judge(excerpts, [])
    assert result.dropped == {2: 0}
    for seed in range(20):
        splits = assign(excerpts, result.joined, seed=seed, shares=(0.3, 0.3), dropped=result.dropped)
        assert len(set(splits[:4])) == 1


def test_dropped_clips_count_neither_by_label_nor_by_seconds() -> None:
    kept = [excerpt(f"track {number}") for number in range(20)]
    copies = [excerpt("track 3", "other label", 3000.0)] * 5
    joined = [(place, len(copies) + 3) for place in range(len(copies))]
    splits = assign([*copies, *kept], joined, seed=0, shares=(0.2, 0.2), dropped=range(5))
    assert splits[5:] == assign(kept, [], seed=0, shares=(0.2, 0.2))


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
