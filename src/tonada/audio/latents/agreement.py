"""How far a division into clusters is the division into genres, with intervals and the level of chance.

Several clips come from one track and are alike, so whatever is random here is drawn track by track. The measures are
computed from tables of counts, so that many resamplings cost little; the tests hold them against scikit-learn's.

Axes: N clips · K clusters · C labels · R draws.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonada.seeding import rng
from tonada.statistics.intervals import LEVEL, Estimate, draw_halves, half_sample_interval

Groups = NDArray[np.int64]

DRAWS = 200
"""Halves behind an interval, and permutations behind the level of chance."""
MEASURES = ("homogeneity", "completeness", "v_measure", "adjusted_rand", "adjusted_mutual_information")


def agreement(clusters: Groups, labels: Groups) -> dict[str, float]:
    """Measure how far clusters are the labels: 1 for the same division.

    Homogeneity (a cluster holds one label), completeness (a label is in one cluster) and V-measure (Rosenberg and
    Hirschberg 2007), which unrelated divisions of many parts raise above 0; the adjusted Rand index (Hubert and Arabie
    1985) and adjusted mutual information (Vinh, Epps and Bailey 2010, with the arithmetic mean), which are 0 for
    unrelated ones.

    Parameters
    ----------
    clusters, labels
        int64 [N].

    Returns
    -------
    dict
        Measure → value.
    """
    table = np.zeros((clusters.max() + 1, labels.max() + 1), dtype=np.int64)
    np.add.at(table, (clusters, labels), 1)
    count, by_cluster, by_label = int(table.sum()), table.sum(axis=1), table.sum(axis=0)
    entropy_of_clusters, entropy_of_labels = _entropy(by_cluster), _entropy(by_label)
    shared = max(0.0, entropy_of_clusters + entropy_of_labels - _entropy(table.ravel()))
    homogeneity = shared / entropy_of_labels if entropy_of_labels > 0 else 1.0
    completeness = shared / entropy_of_clusters if entropy_of_clusters > 0 else 1.0
    together = homogeneity + completeness
    pairs, of_clusters, of_labels = (float((part * (part - 1)).sum() / 2) for part in (table, by_cluster, by_label))
    expected_pairs = of_clusters * of_labels / max(count * (count - 1) / 2, 1)
    expected = _expected_shared(by_cluster, by_label)
    return {
        "homogeneity": homogeneity,
        "completeness": completeness,
        "v_measure": 2 * homogeneity * completeness / together if together > 0 else 0.0,
        "adjusted_rand": _adjusted(pairs, expected_pairs, (of_clusters + of_labels) / 2),
        "adjusted_mutual_information": _adjusted(shared, expected, (entropy_of_clusters + entropy_of_labels) / 2),
    }


def _adjusted(value: float, expected: float, most: float) -> float:
    """Put a figure on the scale from chance, 0, to the greatest possible, 1; where there is no room between, 1."""
    return (value - expected) / (most - expected) if abs(most - expected) > 1e-12 else 1.0


def _entropy(counts: Groups) -> float:
    """Give the entropy of a distribution from its counts, in nats."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _expected_shared(by_cluster: Groups, by_label: Groups) -> float:
    """Give the mutual information, in nats, that divisions of these sizes share by chance (Vinh et al., section 4)."""
    a, b = (counts[counts > 0] for counts in (by_cluster, by_label))
    count = int(a.sum())
    factorials = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, count + 1)))))  # their logarithms
    a, b = a[:, None, None], b[None, :, None]
    both = np.arange(1, int(min(a.max(), b.max())) + 1)[None, None, :]
    possible = (both <= a) & (both <= b) & (both >= a + b - count)
    rest = [np.where(possible, value, 0) for value in (a - both, b - both, count - a - b + both)]
    chances = factorials[a] + factorials[b] + factorials[count - a] + factorials[count - b] - factorials[count]
    chances = chances - factorials[both] - sum(factorials[value] for value in rest)
    shared = both / count * np.log(both * count / (a * b))
    return float((np.exp(chances[possible]) * shared[possible]).sum())


def estimate_agreement(clusters: Groups, labels: Groups, tracks: Groups, *, seed: int = 1) -> dict[str, Estimate]:
    """Measure agreement with intervals: the clusters stay, and half of the tracks are drawn again and again.

    Parameters
    ----------
    clusters, labels, tracks
        int64 [N].
    seed
        Of the draws.
    """
    halves = draw_halves(len(tracks), tracks.tolist(), draws=DRAWS, seed=seed, purpose="agreement")
    drawn = [agreement(clusters[rows], labels[rows]) for rows in halves]
    found = {}
    for measure, value in agreement(clusters, labels).items():
        estimate = half_sample_interval(value, [one[measure] for one in drawn])
        least = -1.0 if measure.startswith("adjusted") else 0.0
        low, high = max(least, estimate.low), min(1.0, estimate.high)
        found[measure] = Estimate(value=value, low=low, high=high)
    return found


def chance_agreement(clusters: Groups, labels: Groups, tracks: Groups, *, seed: int = 1) -> dict[str, Estimate]:
    """Measure what is left when the labels mean nothing: they are dealt anew to the tracks.

    Parameters
    ----------
    clusters, labels, tracks
        int64 [N]; all clips of a track have its label.
    seed
        Of the draws.

    Returns
    -------
    dict
        Measure → mean over the draws, and the interval that holds 95 % of them.
    """
    _, first, index = np.unique(tracks, return_index=True, return_inverse=True)
    random = rng(seed, "labels")
    drawn = [agreement(clusters, random.permutation(labels[first])[index]) for _ in range(DRAWS)]
    found = {}
    for measure in MEASURES:
        values = [one[measure] for one in drawn]
        low, high = np.quantile(values, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        found[measure] = Estimate(value=float(np.mean(values)), low=float(low), high=float(high))
    return found
