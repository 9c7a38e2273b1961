"""Groups among vectors: k-means, the elbow, and how far the groups are apart.

Axes: N vectors · D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonada.audio.latents.projections import require_statistics

Array = NDArray[np.float64]
Groups = NDArray[np.int64]

FEWEST, MOST = 2, 12
"""Numbers of clusters that are tried."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """k-means for several numbers of clusters.

    Attributes
    ----------
    numbers
        How many clusters were asked for, ascending.
    inertia
        Sum of the squared distances from the nearest centre, for each.
    silhouette
        The mean silhouette (Rousseeuw 1987), −1 to 1, for each.
    elbow
        The number beyond which more clusters gain little; None when the curve has no knee.
    """

    numbers: tuple[int, ...]
    inertia: tuple[float, ...]
    silhouette: tuple[float, ...]
    elbow: int | None

    @property
    def clearest(self) -> int:
        """The number with the greatest silhouette."""
        return self.numbers[int(np.argmax(self.silhouette))]


def kneedle(x: Sequence[float], y: Sequence[float], *, sensitivity: float = 1.0) -> float | None:
    """Find the knee of a convex, falling curve.

    Satopää, Albrecht, Irwin and Raghavan 2011, "Finding a 'kneedle' in a haystack", sections III and IV. The curve is
    scaled to the unit square and its distance below the diagonal taken; a local maximum of that is a knee once the
    distance falls below it by ``sensitivity`` times the mean spacing of ``x``. Points as few as here are not smoothed.
    Of several knees the first is given, as their offline algorithm does.

    Parameters
    ----------
    x
        Ascending, at least three.
    y
        One for each.
    sensitivity
        S of the paper: 1 offline; 0 accepts the faintest knee.

    Returns
    -------
    float or None
        One of ``x``, or None: there is no knee.
    """
    across, down = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(across) < 3 or not np.ptp(across) or not np.ptp(down):
        return None
    across, down = (across - across[0]) / np.ptp(across), (down - down.min()) / np.ptp(down)
    below = (1 - down) - across
    spacing = float(np.diff(across).mean())
    for peak in range(1, len(below) - 1):
        if not (below[peak] > 0 and below[peak - 1] < below[peak] >= below[peak + 1]):
            continue
        threshold = below[peak] - sensitivity * spacing
        for later in range(peak + 1, len(below)):
            if below[later] > below[peak]:
                break
            if below[later] < threshold:
                return float(x[peak])
    return None


def scan_clusters(vectors: Array, *, seed: int = 1) -> tuple[Scan, dict[int, Groups]]:
    """Find clusters by k-means (Lloyd 1982, ten starts by k-means++) for 2 to 12 of them.

    Parameters
    ----------
    vectors
        float64 [N, D].
    seed
        Of the starts.

    Returns
    -------
    tuple
        The curves, and for each number the cluster of every vector, int64 [N]. Numbers that leave no two different
        vectors together are left out: with less than three different ones nothing is left.

    Raises
    ------
    MissingDependencyError
        scikit-learn is absent.
    """
    require_statistics()
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    most = min(MOST, len(np.unique(vectors, axis=0)) - 1)
    assigned: dict[int, Groups] = {}
    inertia, silhouette = [], []
    for number in range(FEWEST, most + 1):
        found = KMeans(number, n_init=10, random_state=seed).fit(vectors)
        assigned[number] = found.labels_.astype(np.int64)
        inertia.append(float(found.inertia_))
        silhouette.append(float(silhouette_score(vectors, found.labels_)))
    knee = kneedle(list(assigned), inertia)
    scan = Scan(
        numbers=tuple(assigned),
        inertia=tuple(inertia),
        silhouette=tuple(silhouette),
        elbow=None if knee is None else int(knee),
    )
    return scan, assigned


def centroid_distance(vectors: Array, clusters: Groups) -> float:
    """Give the mean Euclidean distance between the centres of clusters, over all pairs."""
    centres = np.stack([vectors[clusters == cluster].mean(axis=0) for cluster in np.unique(clusters)])
    distances = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    pairs = len(centres) * (len(centres) - 1)
    return float(distances.sum() / pairs) if pairs else 0.0
