"""Learning-rate schedules at the points where their definition gives an exact value."""

from __future__ import annotations

import pytest

from tonada.schedules import ScheduleName, learning_rate_factor


def factor(schedule: ScheduleName, step: int, **settings: float) -> float:
    values = {"steps": 100, "warmup_steps": 9, "decay_share": 0.4, **settings}
    return learning_rate_factor(schedule, step, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("constant", 0, 0.1),
        ("constant", 9, 1.0),
        ("constant", 99, 1.0),
        ("cosine", 9, 1.0),
        ("cosine", 100, 0.1),
        ("one-cycle", 0, 1 / 25),
        ("one-cycle", 25, 1.0),
        ("one-cycle", 100, 1e-5),
        ("trapezoid", 4, 0.5),
        ("trapezoid", 60, 1.0),
        ("trapezoid", 80, 0.5),
        ("trapezoid", 99, 0.025),
    ],
)
def test_values(schedule: ScheduleName, step: int, expected: float) -> None:
    assert factor(schedule, step) == pytest.approx(expected)


def test_cosine_is_half_way_in_the_middle() -> None:
    assert factor("cosine", 50, warmup_steps=0) == pytest.approx(0.55)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle", "trapezoid"])
@pytest.mark.parametrize("steps", [1, 2, 3, 1000])
def test_every_factor_lies_between_nothing_and_the_peak(schedule: ScheduleName, steps: int) -> None:
    factors = [factor(schedule, step, steps=steps) for step in range(steps)]
    assert all(0 < value <= 1 for value in factors)
    peak = factors.index(max(factors))
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
