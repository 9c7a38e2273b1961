"""Maps of vectors: principal components, and a plane in which near neighbours stay near.

Axes: N vectors · D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonada.errors import MissingDependencyError

Array = NDArray[np.float64]

NEIGHBOURS = 10
"""Of a vector, at most, in the neighbour graph and in the score of a map; a tenth of all vectors where they are few."""
_ROUNDS = 200


def require_statistics() -> None:
    """Check that scikit-learn is there.

    Raises
    ------
    MissingDependencyError
        It is not; the text has the command that brings it.
    """
    try:
        import sklearn  # noqa: F401 - asks only whether it is there
    except ImportError as error:
        raise MissingDependencyError("scikit-learn", "app") from error


@dataclass(frozen=True, kw_only=True, eq=False)
class Principal:
    """Principal components.

    Attributes
    ----------
    mean
        float64 [D].
    axes
        float64 [K, D], orthonormal, the one of greatest variance first; the sign is such that the largest entry of each
        is positive.
    coordinates
        float64 [N, at least K].
    shares
        float64 [R], the share of the variance along every component that N vectors can have, greatest first; zeros
        when all vectors are equal.
    """

    mean: Array
    axes: Array
    coordinates: Array
    shares: Array

    def project(self, vectors: Array) -> Array:
        """Place other vectors, [M, D], in the same coordinates: [M, K]."""
        return np.asarray((vectors - self.mean) @ self.axes.T)

    def dimensions(self, share: float) -> int:
        """Count the components that hold so much of the variance together."""
        return int(np.searchsorted(np.cumsum(self.shares), share - 1e-9)) + 1 if self.shares.any() else 0


def principal_components(vectors: NDArray[np.floating], *, keep: int, axes: int | None = None) -> Principal:
    """Find the principal components (Pearson 1901; Hotelling 1933) through the smaller of the two product matrices.

    Parameters
    ----------
    vectors
        Floating [N, D]; D may be hundreds of thousands.
    keep
        How many to give coordinates for; fewer where N and D allow no more.
    axes
        K, how many of these to give axes for, which take much memory where D is great; all when None.
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors - mean.astype(vectors.dtype)
    wide = centred.shape[0] < centred.shape[1]
    values, bases = np.linalg.eigh((centred @ centred.T if wide else centred.T @ centred).astype(np.float64))
    values, bases = np.maximum(values[::-1], 0.0), bases[:, ::-1]
    rank = max(min(len(vectors) - 1, vectors.shape[1]), 1)
    keep = min(keep, rank)
    directions = bases[:, : min(keep if axes is None else axes, keep)]
    if wide:
        directions = (centred.T @ directions.astype(centred.dtype)).astype(np.float64)
        directions /= np.maximum(np.linalg.norm(directions, axis=0), 1e-12)
        coordinates = bases[:, :keep] * np.sqrt(values[:keep])
    else:
        coordinates = (centred @ bases[:, :keep]).astype(np.float64)
    largest = np.abs(directions).argmax(axis=0)
    signs = np.where(directions[largest, np.arange(directions.shape[1])] < 0, -1.0, 1.0)
    coordinates[:, : len(signs)] *= signs
    total = float(values.sum())
    shares = values[:rank] / total if total > 0 else np.zeros(rank)
    return Principal(mean=mean, axes=(directions * signs).T, coordinates=coordinates, shares=shares)


def _few(count: int) -> int:
    return min(NEIGHBOURS, max(3, count // 10), count - 1)


def neighbour_map(vectors: Array) -> Array:
    """Lay out the graph of nearest neighbours in a plane: edges pull, all pairs push.

    Each vector is joined to its nearest ones. From the first two principal components the layout follows the forces of
    the LinLog energy (Noack 2009, "Modularity clustering is force-directed layout", Physical Review E 79, section II),
    in which groups with few edges between them come apart, with a weak pull to the middle and steps that shrink. The
    same vectors give the same map.

    Returns
    -------
    ndarray
        float64 [N, 2], centred, root mean square distance from the centre 1.

    Raises
    ------
    MissingDependencyError
        scikit-learn is absent.
    """
    require_statistics()
    from sklearn.neighbors import kneighbors_graph

    count = len(vectors)
    if count < 3:
        return np.stack((np.arange(count) * 2.0 - (count - 1), np.zeros(count)), axis=1)
    asked = kneighbors_graph(vectors, _few(count))
    first, second = (asked + asked.T).nonzero()
    degree = np.bincount(first, minlength=count).astype(np.float64)
    start = principal_components(vectors, keep=2).coordinates
    place = np.zeros((count, 2))
    place[:, : start.shape[1]] = start
    # Equal vectors must come apart: a spiral, tiny beside any real distance.
    turn = np.arange(count) * 2.399963
    place = _normalised(place) + 1e-3 * np.stack((np.cos(turn), np.sin(turn)), axis=1)
    weights = np.outer(degree, degree) / degree.mean() ** 2 / count
    for number in range(_ROUNDS):
        force = np.zeros_like(place)
        offset = place[second] - place[first]
        length = np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-9)
        pull = offset / np.maximum(length, 0.02) / degree.mean()
        np.add.at(force, first, pull)
        force += _push(place, weights)
        force -= 0.05 * place
        step = 0.1 * (1 - number / _ROUNDS)
        place += force * (step / np.maximum(1.0, np.linalg.norm(force, axis=1, keepdims=True)))
    return _normalised(place)


def _push(place: Array, weights: Array) -> Array:
    """Sum what drives each point away from all others, by the reciprocal of the distance: [N, 2], weights [N, N]."""
    across, up = (place[:, axis, None] - place[None, :, axis] for axis in (0, 1))
    strength = weights / np.maximum(across**2 + up**2, 1e-4)
    return np.stack([(offset * strength).sum(axis=1) for offset in (across, up)], axis=1)


def _normalised(place: Array) -> Array:
    centred = place - place.mean(axis=0)
    return np.asarray(centred / (np.sqrt((centred**2).sum(axis=1).mean()) or 1.0))


def trustworthiness(vectors: Array, plane: Array) -> float:
    """Score a map: 1 when all neighbours in the plane are neighbours indeed, about 0.5 for a random one.

    Venna and Kaski 2001, "Neighborhood preservation in nonlinear projection methods". NaN with less than eight vectors.

    Parameters
    ----------
    vectors
        float64 [N, D].
    plane
        float64 [N, 2].

    Raises
    ------
    MissingDependencyError
        scikit-learn is absent.
    """
    require_statistics()
    from sklearn.manifold import trustworthiness as score

    if len(vectors) < 8:
        return float("nan")
    return float(score(vectors, plane, n_neighbors=_few(len(vectors))))
