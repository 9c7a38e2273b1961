"""What a set of vectors says about clips: its map, its clusters, what they follow, what can be read from it.

The same analysis serves latents pooled over time, latents flattened as the study did, and the reference that is learned
from nothing, so their figures can be compared.

Axes: N clips · D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonada.audio.latents.agreement import chance_agreement, estimate_agreement
from tonada.audio.latents.clusters import Scan, centroid_distance, scan_clusters
from tonada.audio.latents.probe import Probe, probe_labels
from tonada.audio.latents.projections import neighbour_map, principal_components, trustworthiness
from tonada.statistics.intervals import Estimate

Array = NDArray[np.float64]
Groups = NDArray[np.int64]

SHARES = (0.80, 0.90, 0.95, 0.99)
"""Of the variance, for which the components are counted."""
CLUSTERED_SHARE = 0.95
"""Of the variance, that is kept before vectors are clustered."""


@dataclass(frozen=True, kw_only=True)
class Clustering:
    """One division into clusters.

    Attributes
    ----------
    number
        Of clusters.
    silhouette
        Mean, −1 to 1.
    distance
        Mean Euclidean distance between the centres, in units of the clustered vectors.
    agreement
        With the labels: measure → value and interval; empty where there is one label.
    chance
        The same for labels dealt anew to the tracks.
    """

    number: int
    silhouette: float
    distance: float
    agreement: Mapping[str, Estimate]
    chance: Mapping[str, Estimate]


@dataclass(frozen=True, kw_only=True, eq=False)
class Placing:
    """Places vectors among those that were analysed.

    Attributes
    ----------
    mean, deviation
        float64 [D], for standardising.
    axes
        float64 [K, D], principal components.
    coordinates
        float64 [N, K], of the vectors that were analysed.
    """

    mean: Array
    deviation: Array
    axes: Array
    coordinates: Array

    def place(self, vectors: Array) -> Array:
        """Give the coordinates of other vectors: [M, D] → [M, K]."""
        return np.asarray((vectors - self.mean) / self.deviation @ self.axes.T)

    def nearest(self, coordinates: Array, count: int) -> Groups:
        """Give the rows of the analysed vectors nearest to one place, float64 [K], the nearest first."""
        return np.argsort(((self.coordinates - coordinates) ** 2).sum(axis=1), kind="stable")[:count]


@dataclass(frozen=True, kw_only=True, eq=False)
class Space:
    """What the analysis of a set of vectors found.

    Attributes
    ----------
    dimensions
        D.
    placing
        Where other vectors of the same kind belong.
    plane
        float64 [N, 2], the first two principal components.
    variance
        Shares of the variance along these two.
    components
        Share of the variance → components that hold it.
    clustered
        Components that were clustered.
    neighbours
        float64 [N, 2], the neighbour view; None where it was not asked for.
    trust
        Trustworthiness of ``plane`` and of ``neighbours``.
    scan
        k-means for several numbers.
    clusters
        int64 [N] at the elbow, or, where there is none, at the number nearest to that of the labels.
    division, at_labels
        The division that ``clusters`` shows, and the one into as many clusters as there are labels; None where there
        are too few clips.
    probe
        What can be read linearly; None where labels have too few tracks.
    follows
        Name of a property of the clips → share of its variance that the plane explains linearly, 0 to 1.
    """

    dimensions: int
    placing: Placing
    plane: Array
    variance: tuple[float, float]
    components: Mapping[str, int]
    clustered: int
    neighbours: Array | None
    trust: Mapping[str, float]
    scan: Scan
    clusters: Groups
    division: Clustering | None
    at_labels: Clustering | None
    probe: Probe | None
    follows: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Clips:
    """What is known of the clips whose vectors are analysed.

    Attributes
    ----------
    labels, tracks
        int64 [N].
    properties
        Name → float64 [N]: what the latents may follow (loudness, brightness).
    """

    labels: Groups
    tracks: Groups
    properties: Mapping[str, Array]


def standardise(vectors: Array) -> tuple[Array, Array, Array]:
    """Shift and scale every dimension to mean 0 and standard deviation 1; constant ones become 0.

    Returns
    -------
    tuple
        float64 [N, D], and the means and deviations [D]; a deviation that is only rounding stands as 1.
    """
    mean, deviation = vectors.mean(axis=0), vectors.std(axis=0)
    deviation = np.where(deviation > 1e-9 * np.maximum(np.abs(mean), 1e-9), deviation, 1.0)
    return (vectors - mean) / deviation, mean, deviation


def analyse_pooled(vectors: Array, clips: Clips, *, seed: int = 1) -> Space:
    """Analyse pooled vectors: standardised, clustered in the components that hold 95 % of the variance.

    Parameters
    ----------
    vectors
        float64 [N, D].
    clips
        The N clips.
    seed
        Of k-means and the intervals.

    Raises
    ------
    MissingDependencyError
        scikit-learn is absent.
    """
    standard, mean, deviation = standardise(vectors)
    principal = principal_components(standard, keep=standard.shape[1])
    kept = max(principal.dimensions(CLUSTERED_SHARE), 1)
    near = principal.coordinates[:, :kept]
    return _analyse(
        Placing(mean=mean, deviation=deviation, axes=principal.axes[:kept], coordinates=near),
        principal.shares,
        whole=standard,
        neighbours=neighbour_map(near),
        probe=probe_labels(standard, clips.labels, clips.tracks, seed=seed),
        clips=clips,
        seed=seed,
    )


def analyse_flattened(vectors: NDArray[np.floating], clips: Clips, *, seed: int = 1) -> Space:
    """Analyse flattened latents as the study did: as they are, k-means in the plane of the first two components.

    Parameters
    ----------
    vectors
        Floating [N, Z · L]; may be very wide.
    clips
        The N clips.
    seed
        Of k-means and the intervals.

    Raises
    ------
    MissingDependencyError
        scikit-learn is absent.
    """
    # Everything below needs distances alone, and those the components of N vectors hold whole: no wide array is left.
    principal = principal_components(vectors, keep=len(vectors), axes=2)
    return _analyse(
        Placing(
            mean=principal.mean,
            deviation=np.ones_like(principal.mean),
            axes=principal.axes,
            coordinates=principal.coordinates[:, :2],
        ),
        principal.shares,
        whole=principal.coordinates,
        neighbours=None,
        probe=None,
        clips=clips,
        seed=seed,
    )


def _analyse(
    placing: Placing,
    shares: Array,
    *,
    whole: Array,
    neighbours: Array | None,
    probe: Probe | None,
    clips: Clips,
    seed: int,
) -> Space:
    clustered = placing.coordinates
    plane = np.zeros((len(clustered), 2))
    plane[:, : min(2, clustered.shape[1])] = clustered[:, :2]
    scan, assigned = scan_clusters(clustered, seed=seed)
    labels = len(np.unique(clips.labels))
    number = scan.elbow or min(assigned, key=lambda one: abs(one - labels), default=0)
    views = {"components": plane} | ({} if neighbours is None else {"neighbours": neighbours})

    def divide(count: int) -> Clustering | None:
        if count not in assigned:
            return None
        told = labels > 1
        groups = (assigned[count], clips.labels, clips.tracks)
        return Clustering(
            number=count,
            silhouette=scan.silhouette[scan.numbers.index(count)],
            distance=centroid_distance(clustered, assigned[count]),
            agreement=estimate_agreement(*groups, seed=seed) if told else {},
            chance=chance_agreement(*groups, seed=seed) if told else {},
        )

    cumulative = np.cumsum(shares)
    return Space(
        dimensions=len(placing.mean),
        placing=placing,
        plane=plane,
        variance=(float(shares[0]) if len(shares) else 0.0, float(shares[1]) if len(shares) > 1 else 0.0),
        components={
            f"{share:.0%}": int(np.searchsorted(cumulative, share - 1e-9)) + 1 if shares.any() else 0
            for share in SHARES
        },
        clustered=clustered.shape[1],
        neighbours=neighbours,
        trust={name: trustworthiness(whole, view) for name, view in views.items()},
        scan=scan,
        clusters=assigned.get(number, np.zeros(len(clustered), dtype=np.int64)),
        division=divide(number),
        at_labels=divide(labels),
        probe=probe,
        follows=_follows(plane, clips),
    )


def _follows(plane: Array, clips: Clips) -> dict[str, float]:
    """Explain each property, and the labels, by the two coordinates: the share of variance, R²."""
    known = {name: values[:, None] for name, values in clips.properties.items()}
    if len(np.unique(clips.labels)) > 1:
        known["label"] = (clips.labels[:, None] == np.unique(clips.labels)).astype(np.float64)
    design = np.column_stack((np.ones(len(plane)), plane))
    found = {}
    for name, values in known.items():
        centred = values - values.mean(axis=0)
        total = float((centred**2).sum())
        if total > 1e-12 and len(plane) > 3:
            rest = centred - design @ np.linalg.lstsq(design, centred, rcond=None)[0]
            found[name] = max(0.0, 1 - float((rest**2).sum()) / total)
    return found
