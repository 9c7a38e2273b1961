"""Sets of passages: exact shifts and distances, intervals that hold what they should, passages that are cut as said."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tonada.errors import ConfigError, UnknownNameError
from tonada.symbolic.evaluation.nearness import distances_to_real, estimate_distance
from tonada.symbolic.evaluation.sets import (
    estimate_divergences,
    estimate_metrics,
    mean_distance,
    passages_of,
)
from tonada.symbolic.notes import Notes


def loud(*velocities: int) -> list[Notes]:
    return [Notes.from_rows([(0.0, 1.0, 60, velocity), (1.0, 1.0, 62, velocity)]) for velocity in velocities]


REAL = loud(40, 60, 80, 100)  # mean 70, deviation √500


def test_metrics_in_deviations_of_real_music() -> None:
    (row,) = estimate_metrics(REAL, loud(70, 90), ["a", "b"], metrics=["velocity_mean"])
    assert (row.real_low, row.real_median, row.real_high) == pytest.approx((43.0, 70.0, 97.0))
    assert row.mean.value == 80.0
    assert (row.mean.low, row.mean.high) == (70.0, 90.0)
    assert row.share_inside.value == 1.0
    assert row.shift.value == pytest.approx(10 / math.sqrt(500))
    assert mean_distance([row]) == pytest.approx(10 / math.sqrt(500))
    (constant,) = estimate_metrics(REAL, loud(70), ["a"], metrics=["pitch_mean"])
    assert math.isnan(constant.shift.value)
    assert constant.share_inside.value == 1.0


def test_distance_of_a_set() -> None:
    metrics = ("velocity_mean", "pitch_mean")  # the second does not vary, so it says nothing
    same = estimate_distance(REAL, REAL, range(4), metrics=metrics)
    assert same.value == pytest.approx(0.0, abs=1e-12)
    off = estimate_distance(REAL, loud(90, 90), ["a", "b"], metrics=metrics)
    assert (off.value, off.low, off.high) == pytest.approx((20 / math.sqrt(500),) * 3)


def test_distance_to_what_really_follows() -> None:
    made = loud(40, 70, 80, 120)
    found = distances_to_real(REAL, made, metrics=("velocity_mean", "pitch_mean"))
    assert found == pytest.approx(np.array([0, 10, 0, 20]) / math.sqrt(500))
    assert not distances_to_real(REAL, REAL).any()
    higher = [replace(notes, pitch=notes.pitch + 12) for notes in REAL]
    assert np.array_equal(distances_to_real(REAL, higher, metrics=("velocity_mean", "pitch_mean")), np.zeros(4))


def test_equal_sets_overlap_as_much_as_real_music_does_with_itself() -> None:
    many = loud(*range(20, 100, 2))
    groups = range(len(many))
    (same, *_) = estimate_divergences(
        many, many, real_groups=groups, groups=groups, metrics=["velocity_mean"], draws=20
    )
    assert same.row.feature == "velocity_mean"
    assert same.divergence.value < 0.01
    assert same.overlap.value > 0.95
    assert 0.0 <= same.divergence.low <= same.divergence.value <= same.divergence.high
    assert same.overlap.low <= same.overlap.value <= same.overlap.high <= 1.0


def test_separable_sets_do_not_overlap() -> None:
    quiet, strong = loud(*range(1, 21)), loud(*range(107, 127))
    groups = range(20)
    (far, *_) = estimate_divergences(
        quiet, strong, real_groups=groups, groups=groups, metrics=["velocity_mean"], draws=20
    )
    assert far.overlap.value < 1e-4
    assert far.overlap.high < 1e-3
    assert far.divergence.low > 10.0
    few = estimate_divergences(quiet, strong[:3], real_groups=groups, groups=range(3), metrics=["velocity_mean"])
    assert math.isnan(few[0].overlap.low)
    assert few[0].overlap.value < 1e-4


def test_passages() -> None:
    notes = Notes.from_rows([(5.0 + 0.5 * step, 0.4, 60, 64) for step in range(201)])  # onsets over 100 s
    (middle,) = passages_of(notes, 30.0, 1)
    assert (len(middle), middle.onset_s[0]) == (60, 0.0)
    assert [len(part) for part in passages_of(notes, 30.0, 9)] == [60, 60, 60]
    assert [len(part) for part in passages_of(notes, 300.0, 9)] == [201]
    assert passages_of(notes[:19], 30.0, 1) == []
    assert len(passages_of(notes[:19], 30.0, 1, fewest_notes=19)) == 1
    assert passages_of(Notes.empty(), 30.0, 1) == []


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match="got 4 real and 0 others"):
        estimate_metrics(REAL, [], [])
    with pytest.raises(ConfigError, match="got 0 real and 4 others"):
        estimate_divergences([], REAL, real_groups=[], groups=range(4))
    with pytest.raises(UnknownNameError, match="velocity_mean"):
        distances_to_real(REAL, REAL, metrics=["velocity_men"])
