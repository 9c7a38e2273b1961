from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor

from tonada.prefetching import Prefetched

LONG_S = 20.0
"""What is waited for at most, where it should come at once."""


class Numbers:
    """Gives numbers, and tells which it was asked for, and by whom."""

    def __init__(self, broken: int = -1) -> None:
        self.made: list[int] = []
        self.threads: set[int] = set()
        self.broken, self.changed = broken, threading.Condition()

    def batch(self, step: int) -> dict[str, Tensor]:
        with self.changed:
            self.made.append(step)
            self.threads.add(threading.get_ident())
            self.changed.notify_all()
        if step == self.broken:
            raise ValueError(f"batch {step} is broken")
        return {"x": torch.tensor(step)}

    def wait_for(self, *steps: int) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.made == list(steps), timeout=LONG_S)


def test_the_next_batches_are_made_before_they_are_asked_for() -> None:
    numbers = Numbers()
    with Prefetched(numbers, ahead=2) as batches:
        assert batches.batch(0)["x"] == 0
        assert numbers.wait_for(0, 1, 2)
        assert batches.batch(1)["x"] == 1
        assert numbers.wait_for(0, 1, 2, 3)  # each but once
    assert numbers.threads.isdisjoint({threading.get_ident()})
    assert len(numbers.threads) == 1


def test_numbers_go_on_at_the_distance_of_the_last_two() -> None:
    numbers = Numbers()
    with Prefetched(numbers) as batches:
        batches.batch(1)
        assert numbers.wait_for(1, 2)
        batches.batch(4)  # the third of three processes that share a batch asks like this
        assert numbers.wait_for(1, 2, 4, 7)
        assert batches.batch(7)["x"] == 7
        assert numbers.wait_for(1, 2, 4, 7, 10)


def test_any_number_may_be_asked_for_at_any_time() -> None:
    with Prefetched(Numbers(), ahead=3) as batches:
        assert [int(batches.batch(step)["x"]) for step in (5, 0, 0, 9, 10, 3)] == [5, 0, 0, 9, 10, 3]


def test_an_error_comes_with_its_batch_and_not_before() -> None:
    numbers = Numbers(broken=1)
    with Prefetched(numbers) as batches:
        assert batches.batch(0)["x"] == 0
        assert numbers.wait_for(0, 1)
        with pytest.raises(ValueError, match="batch 1 is broken"):
            batches.batch(1)
        assert batches.batch(2)["x"] == 2


def test_waiting_is_counted_and_the_thread_ends() -> None:
    before = threading.active_count()
    with Prefetched(Numbers()) as batches:
        batches.batch(0)
        assert batches.waited_s > 0.0
    assert threading.active_count() == before
