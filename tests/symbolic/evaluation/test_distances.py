from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tonada.errors import ConfigError, UnknownNameError
from tonada.symbolic.evaluation.densities import bandwidth, divergence_and_overlap, log_density
from tonada.symbolic.evaluation.distances import HISTOGRAMS, SetRow, compare_sets
from tonada.symbolic.notes import Notes

GOLDEN = json.loads((Path(__file__).parent / "golden" / "densities.json").read_text("utf-8"))


def loud(*velocities: int) -> list[Notes]:
    return [Notes.from_rows([(0.0, 1.0, 60, velocity), (1.0, 1.0, 62, velocity)]) for velocity in velocities]


def row_of(rows: tuple[SetRow, ...], feature: str) -> SetRow:
    return next(row for row in rows if row.feature == feature)


@pytest.mark.parametrize("name", GOLDEN)
def test_densities_agree_with_scipy(name: str) -> None:
    case = GOLDEN[name]
    first, second = np.array(case["first"]), np.array(case["second"])
    assert log_density(first, np.array(case["points"])) == pytest.approx(case["log_density"], abs=1e-9)
    divergence, overlap = divergence_and_overlap(first, second)
    assert divergence == pytest.approx(case["divergence"], rel=1e-8)
    assert overlap == pytest.approx(case["overlap"], rel=1e-6)


def test_equal_samples_do_not_diverge_and_overlap_wholly() -> None:
    samples = np.random.default_rng(1).normal(size=50)
    assert divergence_and_overlap(samples, samples.copy()) == (0.0, 1.0)


def test_overlap_is_symmetric_and_divergence_is_not() -> None:
    draw = np.random.default_rng(2)
    first, second = draw.normal(size=50), 0.3 * draw.normal(size=70)
    there, back = divergence_and_overlap(first, second), divergence_and_overlap(second, first)
    assert there[1] == pytest.approx(back[1], abs=1e-12)
    assert there[0] != pytest.approx(back[0], rel=0.01)


def test_density_does_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, points = np.random.default_rng(3).normal(size=40), np.linspace(-3, 3, 55)
    whole = log_density(samples, points)
    monkeypatch.setattr("tonada.symbolic.evaluation.densities._CELLS", 130)
    assert log_density(samples, points) == pytest.approx(whole, abs=1e-13)


@pytest.mark.parametrize("samples", [[], [1.0], [2.0, 2.0, 2.0]])
def test_what_has_no_spread_has_no_density(samples: list[float]) -> None:
    assert math.isnan(bandwidth(np.array(samples)))
    assert all(math.isnan(value) for value in divergence_and_overlap(np.array(samples), np.array([0.0, 1.0])))


def test_distances_of_a_metric_by_hand() -> None:
    row = row_of(compare_sets(loud(40, 50, 70), loud(60, 60), metrics=["velocity_mean"]), "velocity_mean")
    assert row.real_mean == 20.0  # 10, 20 and 30
    assert row.real_std == pytest.approx(math.sqrt(200 / 3))
    assert row.generated_mean == 0.0
    assert row.inter_mean == pytest.approx(40 / 3)  # 20, 10 and 10, each twice
    assert (row.real, row.generated) == (3, 2)
    assert row.divergence > 0.0
    assert 0.0 < row.overlap < 1.0


def test_distances_of_a_histogram_are_euclidean() -> None:
    one, other = Notes.from_rows([(0.0, 1.0, 60, 64)]), Notes.from_rows([(0.0, 1.0, 62, 64)])
    row = row_of(compare_sets([one, other], [other], metrics=[]), "pitch_class_histogram")
    assert row.real_mean == pytest.approx(math.sqrt(2.0))
    assert row.inter_mean == pytest.approx(math.sqrt(2.0) / 2)
    assert math.isnan(row.generated_mean)
    assert math.isnan(row.divergence)  # a single real distance has no density


def test_a_set_is_as_far_from_itself_as_it_is_wide() -> None:
    draw = np.random.default_rng(4)
    first, second, quiet = (loud(*draw.normal(mean, 10.0, 60).astype(int)) for mean in (80.0, 80.0, 35.0))
    same = row_of(compare_sets(first, second, metrics=["velocity_mean"]), "velocity_mean")
    far = row_of(compare_sets(first, quiet, metrics=["velocity_mean"]), "velocity_mean")
    assert same.overlap > 0.9
    assert far.overlap < 0.3
    assert same.divergence < 0.05 < far.divergence


def test_every_feature_has_a_row_and_pieces_without_a_value_are_left_out() -> None:
    rows = compare_sets([*loud(40, 50, 60), Notes.empty()], loud(45, 55), metrics=["velocity_mean"])
    assert [row.feature for row in rows] == ["velocity_mean", *HISTOGRAMS]
    assert {(row.real, row.generated) for row in rows} == {(3, 2)}


def test_an_empty_set_is_an_error() -> None:
    with pytest.raises(ConfigError, match="got 1 real and 0 generated"):
        compare_sets(loud(40), [])


def test_an_unknown_metric_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match="velocity_mean"):
        compare_sets(loud(40), loud(50), metrics=["velocity"])
