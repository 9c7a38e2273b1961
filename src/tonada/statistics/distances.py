"""How far two sets of vectors lie apart: whether what was generated is as likely, and as varied, as what is real.

The vectors are embeddings of pieces, [N, D] float64, of the real reference and of another set. No figure says much
alone: each depends on the embedding and on the number of pieces, so it stands beside the same figure for real pieces
against real ones, and for what is certainly bad.
"""

from __future__ import annotations

import math

import numpy as np

from tonada.statistics.intervals import Floats

NEIGHBOURS = 5
"""Of precision, recall, density and coverage; the fifth-nearest bounds a piece's neighbourhood (Naeem et al. 2020)."""


def frechet_distance(reference: Floats, other: Floats) -> float:
    """Compute the Fréchet distance of the two Gaussians: |m − n|² + Tr(A + B − 2 (A B)^½).

    With means m and n, covariances A and B (Heusel et al. 2017; for sound Kilgour et al. 2019). The trace of the root
    is the sum of the roots of the eigenvalues of A^½ B A^½, which is symmetric, so that no root of a product has to be
    taken. It grows when there are fewer pieces.

    Parameters
    ----------
    reference, other
        float64 [N, D] and [M, D], at least two pieces each.

    Returns
    -------
    float
        At least 0.
    """
    first, second = (np.cov(vectors, rowvar=False).reshape(vectors.shape[1], -1) for vectors in (reference, other))
    values, directions = np.linalg.eigh(first)
    root = directions * np.sqrt(np.maximum(values, 0.0)) @ directions.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0.0)).sum()
    means = np.square(reference.mean(axis=0) - other.mean(axis=0)).sum()
    return max(0.0, float(means + np.trace(first) + np.trace(second) - 2.0 * shared))


def kernel_distance(reference: Floats, other: Floats) -> float:
    """Compute the kernel distance: the unbiased squared maximum mean discrepancy with the kernel (x·y / D + 1)³.

    Bińkowski et al. 2018, "Demystifying MMD GANs", section 4. Its expectation does not depend on the number of pieces;
    for equal distributions it is 0, so that it is as often below.

    Parameters
    ----------
    reference, other
        float64 [N, D] and [M, D], at least two pieces each.
    """
    return discrepancy(kernel(reference, reference), kernel(reference, other), kernel(other, other))


def kernel(first: Floats, second: Floats) -> Floats:
    """Give the kernel of vectors [N, D] and [M, D], float64 [N, M]."""
    values: Floats = (first @ second.T / first.shape[1] + 1.0) ** 3
    return values


def discrepancy(first: Floats, across: Floats, second: Floats) -> float:
    """Compute the unbiased squared mean discrepancy from the kernels of two sets.

    Parameters
    ----------
    first, across, second
        Of the reference with itself [N, N], with the other set [N, M], and of that with itself [M, M].
    """
    within = [(values.sum() - np.trace(values)) / (len(values) * (len(values) - 1)) for values in (first, second)]
    return float(within[0] + within[1] - 2.0 * across.mean())


def distances(first: Floats, second: Floats) -> Floats:
    """Give the Euclidean distances between vectors [N, D] and [M, D], float64 [N, M]; one row at a time in memory."""
    return np.array([np.sqrt(np.square(second - row).sum(axis=1)) for row in first]).reshape(len(first), len(second))


def neighbour_scores(reference: Floats, other: Floats, k: int = NEIGHBOURS) -> dict[str, float]:
    """Compute precision, recall, density and coverage.

    A piece's neighbourhood reaches to its k-th nearest neighbour in its own set. *Precision*: share of the other set
    that lies in the neighbourhood of any real piece; *recall*: share of the real pieces in the neighbourhood of any of
    the other set (Kynkäänniemi et al. 2019, section 2). *Density*: in how many real neighbourhoods a piece of the other
    set lies, over k; *coverage*: share of the real pieces with one of the other set in their neighbourhood (Naeem et
    al. 2020, equations 5 and 6).

    Parameters
    ----------
    reference, other
        float64 [N, D] and [M, D], more than k pieces each.
    k
        Which neighbour.

    Returns
    -------
    dict
        ``precision``, ``recall`` and ``coverage`` in [0, 1]; ``density`` ≥ 0, with an expectation of 1 for equal
        distributions.
    """
    return scores_from_distances(
        distances(reference, reference), distances(reference, other), distances(other, other), k
    )


def scores_from_distances(first: Floats, across: Floats, second: Floats, k: int = NEIGHBOURS) -> dict[str, float]:
    """Compute what ``neighbour_scores`` does from distances.

    Parameters
    ----------
    first, across, second
        Of the reference with itself [N, N], with the other set [N, M], and of that with itself [M, M].
    k
        Which neighbour.
    """
    # The nearest is the piece itself, at distance 0, so that the k-th neighbour has index k.
    radius, other_radius = (np.partition(values, k, axis=1)[:, k] for values in (first, second))
    inside = across <= radius[:, None]
    return {
        "precision": float(inside.any(axis=0).mean()),
        "recall": float((across <= other_radius).any(axis=1).mean()),
        "density": float(inside.sum(axis=0).mean() / k),
        "coverage": float(inside.any(axis=1).mean()),
    }


def diversity_ratio(reference: Floats, other: Floats) -> float:
    """Give the mean distance of two pieces of the other set, over that of two real ones; NaN if all real are equal."""
    return spread_ratio(distances(reference, reference), distances(other, other))


def spread_ratio(first: Floats, second: Floats) -> float:
    """Compute what ``diversity_ratio`` does from the distances within the reference [N, N] and the other set [M, M]."""
    real, generated = (values.sum() / (len(values) * (len(values) - 1)) for values in (first, second))
    return float(generated / real) if real > 0.0 else math.nan
