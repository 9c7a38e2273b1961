"""k-means in a few lines of NumPy, for what must run without scikit-learn.

Axes: N points · K dimensions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonada.seeding import rng

Array = NDArray[np.float64]

_ROUNDS = 50


def nearest_centres(points: Array, centres: Array) -> NDArray[np.int64]:
    """Give the index of the centre nearest to each point: [N, K], [C, K] → int64 [N]."""
    return np.asarray(_gaps(points, centres).argmin(axis=1), dtype=np.int64)


def spread_centres(points: Array, count: int, *, seed: int = 1) -> Array:
    """Find centres by k-means (Lloyd 1982), started by k-means++ (Arthur and Vassilvitskii 2007).

    Parameters
    ----------
    points
        float64 [N, K].
    count
        Centres; fewer where there are fewer points, or all points of one are taken by others.
    seed
        Of the start.

    Returns
    -------
    ndarray
        float64 [C, K]; every centre has at least one point.
    """
    generator = rng(seed, "centres")
    centres = points[[int(generator.integers(len(points)))]]
    gaps = np.full(len(points), np.inf)
    while len(centres) < min(count, len(points)):
        gaps = np.minimum(gaps, _gaps(points, centres[-1:])[:, 0])
        if not gaps.sum() > 0:  # all that is left are copies
            break
        centres = np.concatenate([centres, points[[int(generator.choice(len(points), p=gaps / gaps.sum()))]]])
    for _ in range(_ROUNDS):
        nearest = nearest_centres(points, centres)
        moved = np.stack([points[nearest == number].mean(axis=0) for number in np.unique(nearest)])
        if moved.shape == centres.shape and np.allclose(moved, centres):
            break
        centres = moved
    return centres


def _gaps(points: Array, centres: Array) -> Array:
    """Give the squared distances, float64 [N, C]: one centre at a time in memory."""
    return np.stack([np.square(points - centre).sum(axis=1) for centre in centres], axis=1)
