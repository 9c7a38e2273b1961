"""Densities of samples by Gaussian kernels, and two ways to say how far two of them lie apart.

The bandwidth is Scott's (1992): standard deviation · n^(−1/5). Densities are kept as logarithms, so that far tails stay
numbers and a divergence does not become infinite by underflow.
"""

from __future__ import annotations

import math

import numpy as np

from tonada.symbolic.notes import Floats

_TAIL = 6.0
"""Bandwidths beyond the outermost samples that integrals go to: what lies outside is below 1e-8."""
_STEPS = 8
"""Points of the grid per bandwidth, as long as ``_POINTS`` allow."""
_POINTS = 8192
_CELLS = 1 << 22


def bandwidth(samples: Floats) -> float:
    """Give Scott's bandwidth of samples, float64 [N]; NaN for fewer than two, and for equal ones, which have none."""
    if len(samples) < 2 or samples.min() == samples.max():
        return math.nan
    return float(samples.std(ddof=1) * len(samples) ** -0.2)


def log_density(samples: Floats, points: Floats) -> Floats:
    """Give the logarithm of the kernel density of samples [N] at points [P].

    Parameters
    ----------
    samples
        float64 [N], not all equal.
    points
        float64 [P].

    Returns
    -------
    NDArray
        float64 [P], finite.
    """
    width = bandwidth(samples)
    norm = math.log(len(samples) * width * math.sqrt(2.0 * math.pi))
    values = np.empty(len(points))
    step = max(1, _CELLS // len(samples))
    for start in range(0, len(points), step):
        exponent = -0.5 * np.square((points[start : start + step, None] - samples) / width)
        largest = exponent.max(axis=1)
        values[start : start + step] = largest + np.log(np.exp(exponent - largest[:, None]).sum(axis=1)) - norm
    return values


def divergence_and_overlap(first: Floats, second: Floats) -> tuple[float, float]:
    """Compare two densities.

    Parameters
    ----------
    first, second
        Samples, float64 [N] and [M].

    Returns
    -------
    tuple
        The Kullback–Leibler divergence ∫ p ln(p / q) of the second from the first, in nats, ≥ 0; and the overlapping
        area ∫ min(p, q), in [0, 1], 1 for equal densities. Both NaN where either has no bandwidth.
    """
    widths = bandwidth(first), bandwidth(second)
    if any(map(math.isnan, widths)):
        return math.nan, math.nan
    both = np.concatenate([first, second])
    low, high = both.min() - _TAIL * max(widths), both.max() + _TAIL * max(widths)
    points = np.linspace(low, high, int(min(_POINTS, _STEPS * (high - low) / min(widths))) + 2)
    p, q = log_density(first, points), log_density(second, points)
    # What is integrated is smooth and vanishes at both ends: there the plain sum converges faster than any power.
    divergence = float((np.exp(p) * (p - q)).sum() * (points[1] - points[0]))
    # The lesser of the two has corners where they cross; between two crossings it is the one with the lesser mass.
    ratio = p - q
    before = np.flatnonzero(ratio[:-1] * ratio[1:] < 0.0)
    crossings = points[before] + (points[1] - points[0]) * ratio[before] / (ratio[before] - ratio[before + 1])
    masses = [np.diff(_cumulative(samples, crossings), prepend=0.0, append=1.0) for samples in (first, second)]
    return max(0.0, divergence), min(1.0, float(np.minimum(*masses).sum()))


def _cumulative(samples: Floats, points: Floats) -> Floats:
    """Integrate the kernel density of samples [N] up to points [P]; float64 [P]."""
    scale = bandwidth(samples) * math.sqrt(2.0)
    erf = [[math.erf(distance) for distance in (point - samples) / scale] for point in points]
    share: Floats = (1.0 + np.array(erf).reshape(len(points), len(samples)).mean(axis=1)) / 2.0
    return share
