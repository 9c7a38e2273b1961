"""Distances between sets on sets whose distance is known: Gaussians, equal, disjoint and collapsed sets."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tonada.errors import ConfigError
from tonada.statistics.comparison import LEAST_GROUPS, MEASURES, compare_sets
from tonada.statistics.distances import diversity_ratio, frechet_distance, kernel_distance, neighbour_scores
from tonada.statistics.separability import separability

GOLDEN = json.loads((Path(__file__).parent / "golden" / "set_distances.json").read_text("utf-8"))


def gaussian(size: int, width: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(size, width))


def with_moments(vectors: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Give vectors with exactly this mean and covariance."""
    centred = vectors - vectors.mean(axis=0)
    own = np.linalg.cholesky(np.cov(centred, rowvar=False))
    return centred @ np.linalg.inv(own).T @ np.linalg.cholesky(covariance).T + mean


@pytest.mark.parametrize("name", GOLDEN)
def test_other_implementations_agree(name: str) -> None:
    case = GOLDEN[name]
    first, second = np.array(case["reference"]), np.array(case["other"])
    assert frechet_distance(first, second) == pytest.approx(case["frechet"], rel=1e-9)
    assert kernel_distance(first, second) == pytest.approx(case["kernel"], rel=1e-9)
    assert neighbour_scores(first, second) == pytest.approx(case["neighbours"], rel=1e-12)


def test_frechet_distance_of_known_gaussians() -> None:
    scale, other = np.array([1.0, 4.0, 9.0, 0.25]), np.array([4.0, 1.0, 9.0, 1.0])
    shift = np.array([1.0, 0.0, -2.0, 0.5])
    rotation = np.linalg.qr(gaussian(4, 4))[0]
    first = with_moments(gaussian(50, 4), np.zeros(4), np.diag(scale)) @ rotation
    second = with_moments(gaussian(70, 4, seed=2), shift, np.diag(other)) @ rotation
    expected = shift @ shift + np.square(np.sqrt(scale) - np.sqrt(other)).sum()
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_of_covariances_that_do_not_commute() -> None:
    # For 2×2 matrices the trace of the root of a product is √(tr AB + 2 √det AB).
    first, second = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0, -0.5], [-0.5, 4.0]])
    product = first @ second
    shared = math.sqrt(np.trace(product) + 2 * math.sqrt(np.linalg.det(product)))
    sets = with_moments(gaussian(30, 2), np.zeros(2), first), with_moments(gaussian(30, 2, 2), np.ones(2), second)
    assert frechet_distance(*sets) == pytest.approx(2.0 + 5.0 + 5.0 - 2.0 * shared, rel=1e-9)


@pytest.mark.parametrize("size", [3, 100])  # also fewer pieces than dimensions
def test_equal_sets_have_no_frechet_distance(size: int) -> None:
    assert frechet_distance(gaussian(size, 24), gaussian(size, 24)) == pytest.approx(0.0, abs=1e-6)


def test_kernel_distance_by_its_definition() -> None:
    first, second = gaussian(7, 3), gaussian(5, 3, 2) + 0.5

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x @ y) / 3 + 1) ** 3

    within = [
        np.mean([kernel(x, y) for i, x in enumerate(one) for j, y in enumerate(one) if i != j])
        for one in (first, second)
    ]
    across = np.mean([kernel(x, y) for x in first for y in second])
    assert kernel_distance(first, second) == pytest.approx(within[0] + within[1] - 2 * across, rel=1e-12)


def test_kernel_distance_is_unbiased() -> None:
    found = [kernel_distance(gaussian(12, 4, seed), gaussian(9, 4, 1000 + seed)) for seed in range(500)]
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(500)


def test_equal_sets_cover_each_other() -> None:
    vectors = gaussian(60, 8)
    scores = neighbour_scores(vectors, vectors)
    assert (scores["precision"], scores["recall"], scores["coverage"]) == (1.0, 1.0, 1.0)


def test_density_of_an_equal_distribution_is_about_one() -> None:
    scores = neighbour_scores(gaussian(1000, 4), gaussian(1000, 4, 2))
    assert scores["density"] == pytest.approx(1.0, abs=0.1)
    # The expectation of coverage is 1 − (N−1)…(N−k) / ((2N−1)…(2N−k)) for two sets of N (Naeem et al. 2020, lemma 2).
    expected = 1 - math.prod((1000 - i) / (2000 - i) for i in range(1, 6))
    assert scores["coverage"] == pytest.approx(expected, abs=0.02)


def test_sets_far_apart_have_no_scores() -> None:
    scores = neighbour_scores(gaussian(40, 4), gaussian(40, 4, 2) + 100.0)
    assert scores == {"precision": 0.0, "recall": 0.0, "density": 0.0, "coverage": 0.0}


def test_a_set_of_one_piece_repeated_is_precise_but_covers_little() -> None:
    real = gaussian(200, 4)
    scores = neighbour_scores(real, np.repeat(real[:1] * 0.01, 200, axis=0))
    assert scores["precision"] == 1.0
    assert scores["density"] > 1.0
    assert scores["recall"] == 0.0
    assert 0.0 < scores["coverage"] < 0.1


@pytest.mark.parametrize("factor", [0.0, 0.5, 3.0])
def test_diversity_is_the_ratio_of_the_spread(factor: float) -> None:
    assert diversity_ratio(gaussian(30, 5), factor * gaussian(30, 5) + 7.0) == pytest.approx(factor, abs=1e-12)


def test_diversity_has_no_value_beside_equal_real_pieces() -> None:
    assert math.isnan(diversity_ratio(np.zeros((4, 2)), gaussian(4, 2)))


def test_sets_that_can_be_told_apart_by_a_shift_or_by_their_spread() -> None:
    real = gaussian(200, 6)
    assert separability(real, gaussian(200, 6, 2) + 5.0) == 1.0
    assert separability(real, 0.1 * gaussian(200, 6, 2)) > 0.95
    assert separability(real, gaussian(300, 6, 2)) == pytest.approx(0.5, abs=0.08)
    # The area under the curve for two Gaussians a distance d apart is Φ(d / √2).
    assert separability(gaussian(2000, 2), gaussian(2000, 2, 2) + np.array([1.0, 0.0])) == pytest.approx(
        0.760, abs=0.02
    )


def test_separability_does_not_profit_from_copies_of_a_track() -> None:
    real, other = np.repeat(gaussian(20, 24), 10, axis=0), np.repeat(gaussian(20, 24, 2), 10, axis=0)
    tracks = [index // 10 for index in range(200)]
    assert separability(real, other) > 0.95
    assert separability(real, other, reference_groups=tracks, other_groups=tracks) < 0.8


def test_comparison_holds_every_measure_with_an_interval_around_it() -> None:
    real, other = gaussian(120, 6), 0.8 * gaussian(100, 6, 2) + 0.2
    table = compare_sets(real, other, draws=40)
    assert list(table) == list(MEASURES)
    assert table["frechet"].value == frechet_distance(real, other)
    assert table["kernel"].value == pytest.approx(kernel_distance(real, other), rel=1e-12)
    assert {name: table[name].value for name in neighbour_scores(real, other)} == neighbour_scores(real, other)
    assert table["diversity"].value == pytest.approx(diversity_ratio(real, other), rel=1e-12)
    assert table["separability"].value == separability(real, other)
    for name, estimate in table.items():
        assert MEASURES[name].low <= estimate.low <= estimate.value <= estimate.high <= MEASURES[name].high, name
        assert estimate.low < estimate.high, name
    assert compare_sets(real, other, draws=40) == table
    assert compare_sets(real, other, draws=40, seed=1) != table


def test_intervals_of_tracks_are_wider_than_those_of_their_segments() -> None:
    real, other = np.repeat(gaussian(30, 4), 5, axis=0), np.repeat(gaussian(30, 4, 2), 5, axis=0)
    real, other = real + 0.01 * gaussian(150, 4, 3), other + 0.01 * gaussian(150, 4, 4)
    tracks = [index // 5 for index in range(150)]
    alone = compare_sets(real, other)["frechet"]
    together = compare_sets(real, other, reference_groups=tracks, other_groups=tracks)["frechet"]
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_too_few_tracks_are_refused() -> None:
    few = gaussian(LEAST_GROUPS - 1, 3)
    with pytest.raises(ConfigError, match=f"at least {LEAST_GROUPS} pieces or tracks"):
        compare_sets(few, gaussian(50, 3))
    with pytest.raises(ConfigError, match="got 2"):
        compare_sets(gaussian(50, 3), gaussian(50, 3), other_groups=["a"] * 25 + ["b"] * 25)


def test_gaps_order_what_is_nearer() -> None:
    gaps = {name: measure.gap for name, measure in MEASURES.items()}
    assert gaps["frechet"](1.0) < gaps["frechet"](2.0)
    assert gaps["kernel"](-0.1) < gaps["kernel"](0.1)
    assert gaps["coverage"](0.9) < gaps["coverage"](0.1)
    assert gaps["density"](5.0) == gaps["density"](1.0) < gaps["density"](0.5)
    assert gaps["diversity"](2.0) == pytest.approx(gaps["diversity"](0.5))
    assert gaps["diversity"](1.1) < gaps["diversity"](2.0) < gaps["diversity"](0.0)
    assert gaps["separability"](0.4) == 0.0 < gaps["separability"](0.6)
