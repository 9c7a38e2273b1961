"""How near music is to real music, in one number: the objective metrics in the deviations of real music."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from tonada.statistics.intervals import Estimate, draw_halves, half_sample_interval
from tonada.symbolic.evaluation.comparison import describe_all
from tonada.symbolic.evaluation.sets import SET_METRICS, require_both
from tonada.symbolic.notes import Floats, Notes


def estimate_distance(
    real: Sequence[Notes],
    passages: Sequence[Notes],
    groups: Sequence[Hashable],
    *,
    metrics: Sequence[str] = SET_METRICS,
    draws: int = 400,
    seed: int = 0,
) -> Estimate:
    """Give how far a set's averages are from the reference's: the mean over metrics of |difference| / its deviation.

    The interval is by half-samples of pieces; it does not know that the reference is a sample, too.

    Parameters
    ----------
    real, passages
        The reference, and the set that is looked at.
    groups
        The piece of each passage.
    metrics
        Names in ``describe`` or ``describe_harmony``; those that do not vary in the reference are left out.
    draws
        Half-samples.
    seed
        Of the half-samples.

    Raises
    ------
    ConfigError
        A set is empty.
    """
    require_both(real, passages)
    shifts = _shifts(real, passages, metrics)

    def distance(rows: Floats) -> float:
        known = rows[:, ~np.isnan(rows).all(axis=0)]
        return float(np.abs(np.nanmean(known, axis=0)).mean())

    halves = draw_halves(len(passages), groups, draws=draws, seed=seed, purpose="other")
    found = half_sample_interval(distance(shifts), [distance(shifts[half]) for half in halves])
    return Estimate(value=found.value, low=max(0.0, found.low), high=found.high)


def distances_to_real(real: Sequence[Notes], made: Sequence[Notes], *, metrics: Sequence[str] = SET_METRICS) -> Floats:
    """Give how far each passage is from the real one beside it: mean over metrics of |difference| / its deviation.

    Parameters
    ----------
    real, made
        P passages each, in the same order; deviations are those of the real ones.
    metrics
        Names in ``describe`` or ``describe_harmony``; those that do not vary in the reference are left out.

    Returns
    -------
    ndarray
        float64 [P]; NaN where both passages lack all values.

    Raises
    ------
    ConfigError
        A set is empty.
    """
    require_both(real, made)
    gaps = np.abs(_shifts(real, made, metrics) - _shifts(real, real, metrics))
    counted = (~np.isnan(gaps)).sum(axis=1)
    distances: Floats = np.where(counted > 0, np.nansum(gaps, axis=1) / np.maximum(counted, 1), math.nan)
    return distances


def _shifts(real: Sequence[Notes], passages: Sequence[Notes], metrics: Sequence[str]) -> Floats:
    """Give the metrics of passages in standard deviations from the mean of the reference, float64 [P, metrics]."""
    theirs, ours = describe_all(real, metrics), describe_all(passages, metrics)
    columns = []
    for name in metrics:
        known = theirs[name][~np.isnan(theirs[name])]
        scale = float(known.std()) if len(known) else 0.0
        if scale > 0.0:
            columns.append((ours[name] - known.mean()) / scale)
    return np.array(columns).reshape(len(columns), len(passages)).T
