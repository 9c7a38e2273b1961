"""Whether a classifier can tell two sets of vectors apart: the two-sample test by classification."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from tonada.seeding import rng
from tonada.statistics.intervals import Floats, Ints, number_groups

Bools = NDArray[np.bool_]

FOLDS = 5
_RIDGE = 0.01  # of the variance of a value


def separability(
    reference: Floats,
    other: Floats,
    *,
    reference_groups: Sequence[Hashable] | None = None,
    other_groups: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> float:
    """Tell how well a simple classifier tells the sets apart on pieces that it has not seen (Lopez-Paz and Oquab 2017).

    Ridge regression on the vectors and their squares, so that it sees a shift as well as a lack of variety; five folds
    by group; the area under its receiver operating characteristic, averaged over the folds.

    Parameters
    ----------
    reference, other
        float64 [N, D] and [M, D], at least five groups each.
    reference_groups, other_groups
        Groups that must not be on both sides of a fold; every piece its own when None.
    seed
        Of the folds.

    Returns
    -------
    float
        In [0, 1]: 0.5 for sets that cannot be told apart, 1 for those that always can.
    """
    vectors = np.concatenate([reference, other])
    vectors = np.concatenate([vectors, np.square(vectors)], axis=1)
    is_other = np.repeat([False, True], [len(reference), len(other)])
    sets = ((reference, reference_groups, "reference"), (other, other_groups, "other"))
    fold = np.concatenate([_folds(len(items), groups, seed, purpose) for items, groups, purpose in sets])
    return float(np.mean([_held_out_area(vectors, is_other, fold == number) for number in range(FOLDS)]))


def _folds(size: int, groups: Sequence[Hashable] | None, seed: int, purpose: str) -> Ints:
    """Give each item a fold, groups whole and the folds about equally many groups; int64 [size]."""
    member = number_groups(groups, size)
    order = rng(seed, "folds", purpose).permutation(int(member.max()) + 1)
    return order[member] % FOLDS


def _held_out_area(vectors: Floats, is_other: Bools, held_out: Bools) -> float:
    """Fit a ridge regression on what is not held out; give the area under the curve of what is."""
    known, target = vectors[~held_out], is_other[~held_out]
    mean, scale = known.mean(axis=0), known.std(axis=0)
    known = (known - mean) / np.where(scale > 0.0, scale, 1.0)
    # Both sets weigh the same, however large they are.
    weight = np.where(target, 0.5 / target.sum(), 0.5 / (~target).sum())[:, None]
    known = known - (weight * known).sum(axis=0)
    covariance = known.T @ (weight * known) + _RIDGE * np.eye(known.shape[1])
    direction = np.linalg.solve(covariance, known[target].mean(axis=0) - known[~target].mean(axis=0))
    scores = (vectors[held_out] - mean) / np.where(scale > 0.0, scale, 1.0) @ direction
    theirs, ours = scores[~is_other[held_out]], scores[is_other[held_out]]
    order = np.sort(theirs)
    below = (np.searchsorted(order, ours, "left") + np.searchsorted(order, ours, "right")) / 2.0
    return float(below.mean() / len(theirs))
