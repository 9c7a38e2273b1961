"""Every measure of one set of vectors against another, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tonada.errors import ConfigError
from tonada.statistics.distances import (
    NEIGHBOURS,
    discrepancy,
    distances,
    frechet_distance,
    kernel,
    scores_from_distances,
    spread_ratio,
)
from tonada.statistics.intervals import Estimate, Floats, Ints, draw_halves, half_sample_interval, number_groups
from tonada.statistics.separability import FOLDS, separability

LEAST_GROUPS = 2 * max(FOLDS, NEIGHBOURS + 1)
"""Of each set: so that half of them can be measured."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """How to read a measure.

    Attributes
    ----------
    low, high
        The values that it can have.
    gap
        Takes a value to how far it is from the best one, ≥ 0 but for the kernel distance, less is better.
    """

    low: float
    high: float
    gap: Callable[[float], float]


def ratio_gap(value: float) -> float:
    """Give how far a ratio is from 1, up or down: |ln value|."""
    return abs(math.log(value)) if value > 0.0 else math.inf


MEASURES: Mapping[str, Measure] = {
    "frechet": Measure(low=0.0, high=math.inf, gap=lambda value: value),
    "kernel": Measure(low=-math.inf, high=math.inf, gap=lambda value: value),
    "precision": Measure(low=0.0, high=1.0, gap=lambda value: 1.0 - value),
    "recall": Measure(low=0.0, high=1.0, gap=lambda value: 1.0 - value),
    "density": Measure(low=0.0, high=math.inf, gap=lambda value: max(0.0, 1.0 - value)),
    "coverage": Measure(low=0.0, high=1.0, gap=lambda value: 1.0 - value),
    "diversity": Measure(low=0.0, high=math.inf, gap=ratio_gap),
    "separability": Measure(low=0.0, high=1.0, gap=lambda value: max(0.0, value - 0.5)),
}
"""The measures of ``compare_sets`` in the order in which they are shown."""


def compare_sets(
    reference: Floats,
    other: Floats,
    *,
    reference_groups: Sequence[Hashable] | None = None,
    other_groups: Sequence[Hashable] | None = None,
    draws: int = 100,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Compute every measure of a set against the real reference, with its 95 % interval by half-samples of groups.

    Parameters
    ----------
    reference, other
        float64 [N, D] and [M, D].
    reference_groups, other_groups
        Groups of pieces that are drawn together; every piece its own when None.
    draws
        Half-samples of each set.
    seed
        Of the half-samples and of the folds of ``separability``.

    Returns
    -------
    dict
        Measure → value and interval, in the order of ``MEASURES``.

    Raises
    ------
    ConfigError
        A set has too few groups for halves of it to be measured (fewer than ``LEAST_GROUPS``), or groups are missing.
    """
    for vectors, groups in ((reference, reference_groups), (other, other_groups)):
        count = int(number_groups(groups, len(vectors)).max(initial=-1)) + 1
        if count < LEAST_GROUPS:
            raise ConfigError(
                f"at least {LEAST_GROUPS} pieces or tracks of each set are needed to compare two; got {count}"
            )
    between = (distances(reference, reference), distances(reference, other), distances(other, other))
    kernels = (kernel(reference, reference), kernel(reference, other), kernel(other, other))

    def measure(rows: Ints, columns: Ints) -> dict[str, float]:
        first, across, second = _part(between, rows, columns)
        return {
            "frechet": frechet_distance(reference[rows], other[columns]),
            "kernel": discrepancy(*_part(kernels, rows, columns)),
            **scores_from_distances(first, across, second),
            "diversity": spread_ratio(first, second),
            "separability": separability(
                reference[rows],
                other[columns],
                reference_groups=None if reference_groups is None else [reference_groups[row] for row in rows],
                other_groups=None if other_groups is None else [other_groups[column] for column in columns],
                seed=seed,
            ),
        }

    whole = measure(np.arange(len(reference)), np.arange(len(other)))
    halves = [
        measure(rows, columns)
        for rows, columns in zip(
            draw_halves(len(reference), reference_groups, draws=draws, seed=seed, purpose="reference"),
            draw_halves(len(other), other_groups, draws=draws, seed=seed, purpose="other"),
            strict=True,
        )
    ]
    return {
        name: _bounded(half_sample_interval(whole[name], [half[name] for half in halves]), MEASURES[name])
        for name in whole
    }


def _part(matrices: tuple[Floats, Floats, Floats], rows: Ints, columns: Ints) -> tuple[Floats, Floats, Floats]:
    """Give what belongs to some of the reference and some of the other set."""
    first, across, second = matrices
    return first[np.ix_(rows, rows)], across[np.ix_(rows, columns)], second[np.ix_(columns, columns)]


def _bounded(estimate: Estimate, measure: Measure) -> Estimate:
    low, high = max(estimate.low, measure.low), min(estimate.high, measure.high)
    return Estimate(value=estimate.value, low=low, high=high)
