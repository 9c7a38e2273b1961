from __future__ import annotations

import json
import math

import pytest

from tonada.errors import ConfigError, UnknownNameError
from tonada.symbolic.evaluation.comparison import COMPARED, compare_continuations, metric_names
from tonada.symbolic.notes import Notes


def held(length_s: float, *, velocity: int = 64, count: int = 4) -> Notes:
    return Notes.from_rows([(index * 0.5, length_s, 60 + index, velocity) for index in range(count)])


REAL = [held(index / 10) for index in range(1, 22)]  # durations 0.1 … 2.1: quantiles 0.2, 1.1 and 2.0


def test_the_range_is_that_of_the_real_continuations() -> None:
    generated = [held(1.0) for _ in range(20)] + [held(5.0)]
    (row,) = compare_continuations(REAL, generated, metrics=["duration_mean_s"]).metrics
    assert row.metric == "duration_mean_s"
    assert (row.real_low, row.real_median, row.real_high) == pytest.approx((0.2, 1.1, 2.0))
    assert row.generated_median == 1.0
    assert row.median_inside
    assert row.share_inside == 20 / 21
    assert (row.real, row.generated) == (21, 21)


def test_real_music_is_inside_but_for_its_tails() -> None:
    (row,) = compare_continuations(REAL, REAL, metrics=["duration_mean_s"]).metrics
    assert row.share_inside == 19 / 21  # the shortest and the longest are outside
    assert row.median_inside


def test_quantiles_are_interpolated() -> None:
    real = [held(1.0, velocity=velocity) for velocity in (40, 60)]
    (row,) = compare_continuations(real, real, metrics=["velocity_mean"]).metrics
    assert (row.real_low, row.real_median, row.real_high) == pytest.approx((41.0, 50.0, 59.0))
    assert row.share_inside == 0.0
    assert row.median_inside


def test_rows_of_each_prompt() -> None:
    comparison = compare_continuations(
        REAL[:3], [held(0.2), held(9.0), held(0.3)], prompts=["a", "b", "c"], metrics=["duration_mean_s", "notes"]
    )
    assert [(row.prompt, row.metric, row.inside) for row in comparison.prompts] == [
        ("a", "duration_mean_s", True),
        ("a", "notes", True),
        ("b", "duration_mean_s", False),
        ("b", "notes", True),
        ("c", "duration_mean_s", False),  # 0.3 s is the longest of three, above their 95 % quantile
        ("c", "notes", True),
    ]
    assert comparison.prompts[2].real == pytest.approx(0.2)
    assert comparison.prompts[2].generated == pytest.approx(9.0)


def test_a_continuation_without_notes_is_outside() -> None:
    comparison = compare_continuations(REAL[:4], [held(0.2), Notes.empty(), held(0.2), held(0.3)])
    rows = {row.metric: row for row in comparison.metrics}
    assert list(rows) == list(COMPARED)
    for row in rows.values():
        assert (row.real, row.generated) == (4, 3)
        assert row.share_inside <= 0.75
    assert math.isnan(next(row.generated for row in comparison.prompts if row.prompt == "2"))
    assert not any(row.inside for row in comparison.prompts if row.prompt == "2")


def test_nothing_to_compare_with_is_not_a_number() -> None:
    comparison = compare_continuations([Notes.empty()], [Notes.empty()], metrics=["velocity_mean"])
    (row,) = comparison.metrics
    assert math.isnan(row.real_low)
    assert math.isnan(row.generated_median)
    assert not row.median_inside
    assert row.share_inside == 0.0
    read = json.loads(comparison.to_json())
    assert read["metrics"][0]["real_low"] is None
    assert read["prompts"][0]["generated"] is None


def test_the_table_has_a_row_for_each_metric() -> None:
    table = compare_continuations(REAL, REAL).table()
    assert [row["metric"] for row in table] == list(COMPARED)
    assert list(table[0]) == ["metric", "real 5 %", "real median", "real 95 %", "generated median", "share inside"]


@pytest.mark.parametrize(("real", "generated", "prompts"), [(0, 0, None), (2, 1, None), (2, 2, ["a"])])
def test_what_does_not_pair_up_is_an_error(real: int, generated: int, prompts: list[str] | None) -> None:
    with pytest.raises(ConfigError, match="for each prompt"):
        compare_continuations(REAL[:real], REAL[:generated], prompts=prompts)


def test_an_unknown_metric_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match="polyphony_mean"):
        compare_continuations(REAL, REAL, metrics=["polyphony"])


def test_harmony_is_compared_like_everything_else() -> None:
    triad = Notes.from_rows([(0.0, 1.0, pitch, 64) for pitch in (60, 64, 67)])
    (row,) = compare_continuations([triad] * 3, [triad, triad, held(1.0)], metrics=["three_note_share"]).metrics
    assert (row.real_median, row.share_inside) == (1.0, 2 / 3)


def test_every_metric_has_one_name() -> None:
    names = metric_names()
    assert len(set(names)) == len(names)
    assert {"note_density_per_s", "consonance_share"} <= set(names)
