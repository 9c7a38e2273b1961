"""The thesis' windows: exact counts, and its split, which holds back what is trained on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tonada.errors import ConfigError
from tonada.seeding import rng
from tonada.symbolic.chunks import ChunkBatches, Chunks, covered_share, split_by_work, split_chunks
from tonada.symbolic.tokenizers.base import Ids


def noise(seed: int, length: int) -> Ids:
    return rng(seed, "noise").integers(0, 128, length).astype(np.uint16)


def test_a_batch_is_the_ids_and_the_next_ones() -> None:
    chunks = Chunks(ids=np.arange(10, dtype=np.uint16), starts=np.array([0, 4, 6]), length=3)
    batch = chunks.batch(np.array([2, 0]))
    assert batch["inputs"].tolist() == [[6, 7, 8], [0, 1, 2]]
    assert batch["targets"].tolist() == [[7, 8, 9], [1, 2, 3]]


def test_windows_and_sizes_of_the_split_are_exact() -> None:
    train, held = split_chunks([noise(1, 600), noise(2, 528)])
    assert (len(train), len(held)) == (900, 100)  # 1128 ids − 128
    assert sorted([*train.starts, *held.starts]) == list(range(1000))
    assert len(np.intersect1d(train.starts, held.starts)) == 0
    assert held.batch(np.array([99]))["targets"].shape == (1, 128)
    again, _ = split_chunks([noise(1, 600), noise(2, 528)])
    other, _ = split_chunks([noise(1, 600), noise(2, 528)], seed=2)
    assert np.array_equal(again.starts, train.starts)
    assert not np.array_equal(other.starts, train.starts)


def test_works_are_held_back_whole() -> None:
    pieces = [np.full(200 + number, number, dtype=np.uint16) for number in range(20)]
    works = [f"work {number // 2}" for number in range(20)]
    train, held = split_by_work(pieces, works, length=16)
    ours, theirs = set(train.ids.tolist()), set(held.ids.tolist())
    assert not ours & theirs
    assert len(ours) + len(theirs) == 20
    assert {number // 2 for number in ours}.isdisjoint(number // 2 for number in theirs)
    assert 0.1 <= len(held.ids) / (len(train.ids) + len(held.ids)) < 0.3
    assert (len(train), len(held)) == (len(train.ids) - 16, len(held.ids) - 16)


def test_an_epoch_has_every_window_once() -> None:
    train, _ = split_chunks([noise(1, 78)], length=8)
    batches = ChunkBatches(train, batch=9, seed=1)
    first = torch.cat([batches.batch(step)["inputs"] for step in range(7)])
    assert len(train) == 63
    assert sorted(map(tuple, first.tolist())) == sorted(map(tuple, train.batch(np.arange(63))["inputs"].tolist()))
    crossing = ChunkBatches(train, batch=10, seed=1)
    assert torch.equal(crossing.batch(5)["inputs"][:3], first[50:53])
    assert torch.equal(crossing.batch(0)["inputs"], first[:10])  # after another epoch was asked for
    second = torch.cat([batches.batch(step)["inputs"] for step in range(7, 14)])
    assert not torch.equal(first, second)
    assert not torch.equal(
        first, torch.cat([ChunkBatches(train, batch=9, seed=2).batch(s)["inputs"] for s in range(7)])
    )


def test_the_share_that_is_covered_is_counted_by_hand() -> None:
    ids = np.arange(40, dtype=np.uint16)
    train = Chunks(ids=ids, starts=np.array([0, 5]), length=9)  # ids 0 … 14
    held = Chunks(ids=ids, starts=np.array([2, 5, 6, 20]), length=9)
    assert covered_share(train, held, run=5) == 0.5
    # Runs of 8 across 5 … 7 and up to 14 are in one of the two windows; 3 … 12 as a whole is in neither.
    assert covered_share(train, Chunks(ids=ids, starts=np.array([3]), length=9), run=6) == 1.0
    assert covered_share(train, Chunks(ids=ids, starts=np.array([3]), length=9), run=10) == 0.0


def test_noise_leaks_between_chunks_and_not_between_works() -> None:
    pieces = [noise(number, 700) for number in range(10)]
    assert covered_share(*split_chunks(pieces)) == 1.0
    assert covered_share(*split_by_work(pieces, [str(number) for number in range(10)])) == 0.0
    # Two performances of a work that are one and the same: held back together, they leak nothing.
    twice = [noise(number // 2, 700) for number in range(20)]
    assert covered_share(*split_by_work(twice, [str(number // 2) for number in range(20)])) == 0.0
    # Held back apart, all of them leaks but the windows across the seam of the two that are held back.
    assert covered_share(*split_by_work(twice, [str(number) for number in range(20)])) == 1144 / 1272


def test_too_little_to_split() -> None:
    with pytest.raises(ConfigError, match="129 ids give 1 windows of 128"):
        split_chunks([noise(1, 129)])
    with pytest.raises(ConfigError, match="1 works are too few"):
        split_by_work([noise(1, 900)], ["a"])
