"""Intervals: what they must be for means, and that groups are drawn whole."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tonada.errors import ConfigError
from tonada.statistics.intervals import (
    Estimate,
    binomial_interval,
    bootstrap_mean,
    bootstrap_mean_of_strata,
    draw_halves,
    half_sample_interval,
    number_groups,
    sign_test,
)


def values(size: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(3.0, 2.0, size)


def test_interval_of_a_mean_is_that_of_the_theory() -> None:
    data = values(400)
    estimate = bootstrap_mean(data)
    standard_error = data.std() / math.sqrt(400)
    assert estimate.value == pytest.approx(data.mean(), rel=1e-12)
    assert estimate.low == pytest.approx(data.mean() - 1.96 * standard_error, abs=0.1 * standard_error)
    assert estimate.high == pytest.approx(data.mean() + 1.96 * standard_error, abs=0.1 * standard_error)


def test_about_95_of_100_intervals_hold_the_truth() -> None:
    held = sum(
        estimate.low <= 3.0 <= estimate.high
        for estimate in (bootstrap_mean(values(50, seed), draws=400, seed=seed) for seed in range(300))
    )
    assert 0.90 <= held / 300 <= 0.98


def test_ten_copies_of_a_track_know_no_more_than_one() -> None:
    data = values(40)
    alone = bootstrap_mean(data)
    copied = bootstrap_mean(np.repeat(data, 10), [f"track {index}" for index in range(40) for _ in range(10)])
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high), rel=1e-12)
    ignored = bootstrap_mean(np.repeat(data, 10))
    assert ignored.high - ignored.low < 0.5 * (alone.high - alone.low)


def test_groups_of_different_sizes_weigh_what_they_hold() -> None:
    # Drawn are {1,1}, {1,2}, {2,1} or {2,2}: means 0, 0.25 (three zeros and a one) or 1.
    estimate = bootstrap_mean([0.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"], draws=2000)
    assert estimate == Estimate(value=0.25, low=0.0, high=1.0)


@pytest.mark.parametrize(("data", "groups"), [([2.0], None), ([2.0, 4.0], ["a", "a"])])
def test_one_group_has_no_interval(data: list[float], groups: list[str] | None) -> None:
    estimate = bootstrap_mean(data, groups)
    assert estimate.value == np.mean(data)
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)


def test_draws_depend_on_the_seed_alone() -> None:
    assert bootstrap_mean(values(30), seed=4) == bootstrap_mean(values(30), seed=4)
    assert bootstrap_mean(values(30), seed=4) != bootstrap_mean(values(30), seed=5)


def test_halves_hold_whole_groups_once() -> None:
    groups = ["c", "a", "a", "b", "c", "d", "d", "d", "e"]
    halves = draw_halves(9, groups, draws=50, seed=1, purpose="test")
    assert len(halves) == 50
    for half in halves:
        assert list(half) == sorted(set(half))
        chosen = {groups[index] for index in half}
        assert len(chosen) == 3  # of five
        assert set(half) == {index for index, group in enumerate(groups) if group in chosen}
    assert len({tuple(half) for half in halves}) > 5


def test_interval_by_halves_is_the_bootstraps_for_a_mean() -> None:
    data = values(200)
    halves = [float(data[half].mean()) for half in draw_halves(200, draws=2000, seed=1, purpose="test")]
    ours, theirs = half_sample_interval(float(data.mean()), halves), bootstrap_mean(data)
    width = theirs.high - theirs.low
    assert ours.value == theirs.value
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.06 * width)


def test_groups_are_numbered_as_they_come() -> None:
    assert number_groups(["x", "a", "x", "b"], 4).tolist() == [0, 1, 0, 2]
    assert number_groups(None, 3).tolist() == [0, 1, 2]
    with pytest.raises(ConfigError, match="each of 3 items needs its group; got 2"):
        number_groups(["a", "b"], 3)


def test_estimates_are_written_with_their_interval() -> None:
    assert str(Estimate(value=1.2345, low=1.0, high=1.5)) == "1.23 (1–1.5)"
    assert str(Estimate(value=1.2345, low=math.nan, high=math.nan)) == "1.23"


def test_every_stratum_counts_the_same() -> None:
    one = bootstrap_mean_of_strata([(np.zeros(30), range(30)), (np.ones(10), range(10))])
    assert (one.value, one.low, one.high) == (0.5, 0.5, 0.5)
    data = values(400)
    alone = bootstrap_mean_of_strata([(data, range(400))])
    assert (alone.high - alone.low) == pytest.approx(2 * 1.96 * data.std() / 20, rel=0.1)
    both = bootstrap_mean_of_strata([(data, range(400)), (values(400, 2), range(400))])
    assert (both.high - both.low) == pytest.approx((alone.high - alone.low) / math.sqrt(2), rel=0.1)
    assert math.isnan(bootstrap_mean_of_strata([(data, range(400)), (data[:2], ["one"] * 2)]).low)


def test_exact_interval_of_a_share() -> None:
    none = binomial_interval(0, 10)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - 0.025**0.1, rel=1e-12)
    every = binomial_interval(10, 10)
    assert (every.low, every.high) == pytest.approx((0.025**0.1, 1.0), rel=1e-12)
    some = binomial_interval(8, 10)  # Newcombe 1998 and every table: 0.4439 to 0.9748
    assert (some.low, some.high) == pytest.approx((0.4439045, 0.9747893), abs=1e-6)
    assert math.isnan(binomial_interval(0, 0).value)


def test_sign_test() -> None:
    assert sign_test(0, 10) == pytest.approx(2 / 1024)
    assert sign_test(9, 10) == pytest.approx(2 * 11 / 1024)
    assert sign_test(5, 10) == 1.0
    assert sign_test(0, 0) == 1.0
