"""Which ids survive the filters, with which probability they are drawn, and what limits repetition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tonada.errors import CheckpointError, ConfigError
from tonada.symbolic.sampling import RepeatGuard, SamplingConfig, Uniforms, distribution, draw, sample, without

# Probabilities of five ids; powers of two, so that sums are exact.
HALVES = np.array([[0.5, 0.25, 0.125, 0.0625, 0.0625]])
ALL = np.ones((1, 5), dtype=np.bool_)


def kept(probabilities: np.ndarray, allowed: np.ndarray = ALL, **settings: Any) -> list[int]:
    """Give the ids that have a probability left."""
    return np.flatnonzero(distribution(np.log(probabilities), allowed, SamplingConfig(**settings))[0]).tolist()


def test_without_filters_probabilities_are_the_softmax() -> None:
    np.testing.assert_allclose(distribution(np.log(HALVES), ALL, SamplingConfig()), HALVES, rtol=1e-15)


@pytest.mark.parametrize("temperature", [0.25, 0.5, 1.7])
def test_temperature_divides_logits(temperature: float) -> None:
    logits = np.array([[1.0, -2.0, 0.5, 3.0, 0.0]])
    weights = [math.exp(logit / temperature) for logit in logits[0]]
    expected = np.array([[weight / sum(weights) for weight in weights]])
    actual = distribution(logits, ALL, SamplingConfig(temperature=temperature))
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("top_k", "ids"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (5, [0, 1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])]
)
def test_top_k_keeps_the_likeliest(top_k: int, ids: list[int]) -> None:
    assert kept(HALVES, top_k=top_k) == ids


def test_top_k_keeps_what_is_as_likely_as_the_last() -> None:
    assert kept(HALVES, top_k=4) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("top_p", "ids"),
    [
        (0.01, [0]),
        (0.5, [0]),
        (0.51, [0, 1]),
        (0.75, [0, 1]),
        (0.8, [0, 1, 2]),
        (0.875, [0, 1, 2]),
        (0.9, [0, 1, 2, 3, 4]),
    ],
)
def test_top_p_keeps_the_fewest_that_reach_it(top_p: float, ids: list[int]) -> None:
    assert kept(HALVES, top_p=top_p) == ids


@pytest.mark.parametrize(
    ("min_p", "ids"), [(0.51, [0]), (0.5, [0, 1]), (0.25, [0, 1, 2]), (0.2, [0, 1, 2]), (0.01, [0, 1, 2, 3, 4])]
)
def test_min_p_keeps_shares_of_the_likeliest(min_p: float, ids: list[int]) -> None:
    assert kept(HALVES, min_p=min_p) == ids


def test_filters_apply_one_after_the_other() -> None:
    # Of the three that top-k leaves, 0.5 of 0.875 is less than 0.6, so two are needed; of all five, too.
    assert kept(HALVES, top_k=3, top_p=0.57) == [0]
    assert kept(HALVES, top_p=0.57) == [0, 1]
    assert kept(HALVES, top_k=3, top_p=0.9, min_p=0.3) == [0, 1]


def test_temperature_comes_before_the_filters() -> None:
    assert kept(HALVES, min_p=0.25, temperature=0.5) == [0, 1]
    assert kept(HALVES, min_p=0.25, temperature=2.0) == [0, 1, 2, 3, 4]


def test_filters_see_legal_ids_alone() -> None:
    allowed = np.array([[False, True, True, False, True]])
    assert kept(HALVES, allowed) == [1, 2, 4]
    assert kept(HALVES, allowed, top_k=1) == [1]
    assert kept(HALVES, allowed, top_p=0.5) == [1]
    assert kept(HALVES, allowed, top_p=0.6) == [1, 2]
    np.testing.assert_allclose(
        distribution(np.log(HALVES), allowed, SamplingConfig()), [[0, 4 / 7, 2 / 7, 0, 1 / 7]], rtol=1e-12
    )


def test_order_of_ids_does_not_matter_to_the_filters() -> None:
    shuffled = np.array([3, 0, 4, 2, 1])
    for settings in ({"top_k": 2}, {"top_p": 0.8}, {"min_p": 0.25}):
        assert {int(shuffled[i]) for i in kept(HALVES[:, shuffled], **settings)} == set(kept(HALVES, **settings))


def test_lanes_are_filtered_each_on_its_own() -> None:
    logits = np.random.default_rng(1).normal(size=(6, 40))
    allowed = np.random.default_rng(2).random((6, 40)) < 0.5
    sampling = SamplingConfig(temperature=0.8, top_k=12, top_p=0.9, min_p=0.02)
    together = distribution(logits, allowed, sampling)
    alone = [distribution(logits[i : i + 1], allowed[i : i + 1], sampling)[0] for i in range(6)]
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("settings", [{}, {"top_k": 3}, {"top_p": 0.8}, {"min_p": 0.25}, {"temperature": 2.0}])
def test_ids_are_drawn_as_often_as_they_should_be(settings: dict[str, Any]) -> None:
    sampling, draws = SamplingConfig(**settings), 20_000
    probabilities = distribution(np.log(HALVES), ALL, sampling)
    uniforms = np.random.default_rng(1).random(draws)
    ids = draw(np.repeat(probabilities, draws, axis=0), uniforms)
    counts, expected = np.bincount(ids, minlength=5), probabilities[0] * draws
    possible = expected > 0
    assert not counts[~possible].any()
    chi_square = ((counts - expected)[possible] ** 2 / expected[possible]).sum()
    assert chi_square < 18.47  # the 0.999 quantile at 4 degrees of freedom; fewer have a lower one


def test_ids_without_probability_are_never_drawn() -> None:
    probabilities = np.array([[0.0, 0.5, 0.0, 0.5, 0.0]])
    edges = [0.0, 0.5 - 2**-54, 0.5, 1 - 2**-53]
    assert [draw(probabilities, np.array([u]))[0] for u in edges] == [1, 1, 3, 3]
    tiny = np.array([[0.0, 1e-300, 0.0]])
    assert [draw(tiny, np.array([u]))[0] for u in (0.0, 0.3, 1 - 2**-53)] == [1, 1, 1]


def test_temperature_0_takes_the_likeliest_legal_id() -> None:
    logits = np.array([[1.0, 5.0, 3.0], [2.0, 0.0, 2.0]])
    allowed = np.array([[True, False, True], [True, True, True]])
    for uniform in (0.0, 0.99):
        chosen = sample(logits, allowed, SamplingConfig(temperature=0.0), np.full(2, uniform))
        assert chosen.tolist() == [2, 0]


def test_a_single_legal_id_needs_no_logits() -> None:
    allowed = np.array([[False, True], [True, False]])
    assert sample(np.full((2, 2), np.nan), allowed, SamplingConfig(), np.zeros(2)).tolist() == [1, 0]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_numbers_are_refused(temperature: float, bad: float) -> None:
    allowed = np.array([[False, True, True]])
    with pytest.raises(CheckpointError, match="logits are not numbers"):
        sample(np.full((1, 3), bad), allowed, SamplingConfig(temperature=temperature), np.zeros(1))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"temperature": -0.1}, "SamplingConfig.temperature must lie between 0 and 100; got -0.1. Try 1.0"),
        ({"temperature": math.nan}, "SamplingConfig.temperature must lie between 0 and 100; got nan. Try 1.0"),
        ({"top_k": -1}, "SamplingConfig.top_k must be at least 0, which keeps all ids; got -1"),
        ({"top_p": 0.0}, "SamplingConfig.top_p must be above 0 and at most 1; got 0.0. Try 0.95"),
        ({"top_p": 1.1}, "SamplingConfig.top_p must be above 0 and at most 1; got 1.1. Try 0.95"),
        ({"min_p": 1.0}, "SamplingConfig.min_p must be at least 0 and below 1; got 1.0. Try 0.05"),
        ({"repeat_notes": -1}, "SamplingConfig.repeat_notes must be at least 0, no limit; got -1"),
        ({"repeat_limit": 0}, "SamplingConfig.repeat_limit must be at least 1; got 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        SamplingConfig(**settings)
    assert str(error.value) == text


# --- random numbers ------------------------------------------------------------------------------------------------


def test_random_numbers_are_a_function_of_seed_lane_and_position() -> None:
    together, alone = Uniforms(5, [0, 1, 7]), Uniforms(5, [7])
    positions = [0, 1, 1023, 1024, 5000, 3]
    assert [together.at(position)[2] for position in positions] == [alone.at(position)[0] for position in positions]
    assert together.at(3).tolist() == Uniforms(5, [0, 1, 7]).at(3).tolist()
    assert len({together.at(position)[lane] for position in positions for lane in range(3)}) == 18
    assert together.at(3).tolist() != Uniforms(6, [0, 1, 7]).at(3).tolist()


def test_random_numbers_follow_the_lanes_that_stay() -> None:
    uniforms, all_lanes = Uniforms(5, [0, 1, 7]), Uniforms(5, [0, 1, 7])
    uniforms.at(3)
    uniforms.select([2, 0])
    for position in (4, 2000):
        assert uniforms.at(position).tolist() == all_lanes.at(position)[[2, 0]].tolist()


def test_random_numbers_are_even() -> None:
    uniforms = Uniforms(1, range(4))
    numbers = np.array([uniforms.at(position) for position in range(3000)])
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = np.histogram(numbers, bins=10, range=(0, 1))[0]
    assert ((counts - 1200) ** 2 / 1200).sum() < 27.9  # the 0.999 quantile at 9 degrees of freedom


# --- repetition ----------------------------------------------------------------------------------------------------


def test_a_run_that_occurred_as_often_as_it_may_is_banned() -> None:
    guard = RepeatGuard(3, 2, [1, 2, 3, 1, 2])
    assert guard.banned() == []  # "1 2 3" occurred once
    guard.push(3)
    assert guard.banned() == []
    for token in (9, 1, 2):
        guard.push(token)
    assert guard.banned() == [3]  # twice
    guard.push(4)
    assert guard.banned() == []


def test_overlapping_runs_count() -> None:
    guard = RepeatGuard(2, 3, [5, 5, 5, 5])
    assert guard.banned() == [5]
    assert RepeatGuard(2, 4, [5, 5, 5, 5]).banned() == []


def test_several_ids_may_be_banned() -> None:
    assert sorted(RepeatGuard(2, 1, [1, 2, 1, 3, 1]).banned()) == [2, 3]


def test_short_histories_ban_nothing() -> None:
    assert RepeatGuard(4, 1, []).banned() == []
    assert RepeatGuard(4, 1, [1, 1]).banned() == []


def test_bans_leave_something_legal() -> None:
    allowed = np.array([True, True, False])
    assert without(allowed, [0]).tolist() == [False, True, False]
    assert without(allowed, [0, 1]).tolist() == [True, True, False]
    assert allowed.tolist() == [True, True, False]
