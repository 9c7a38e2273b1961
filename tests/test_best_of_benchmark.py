"""How the benchmark of the critic counts: the share of the other candidates that are further off."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "best_of.py"


def test_nearer_than_a_random_other() -> None:
    nearer = runpy.run_path(str(BENCHMARK), run_name="best_of")["nearer"]
    distances = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [3.0, 1.0, 2.0], [2.0, 2.0, 2.0]])
    assert nearer(distances, np.array([0, 1, 0, 2])).tolist() == [1.0, 0.5, 0.0, 0.5]
    random = np.random.default_rng(1)
    by_chance = nearer(random.random((4000, 8)), random.integers(0, 8, 4000))
    assert by_chance.mean() == pytest.approx(0.5, abs=0.02)
