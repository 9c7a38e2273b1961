"""Clusters: the right number of them, agreement as scikit-learn measures it, intervals over tracks, chance."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics

from tonada.audio.latents.agreement import MEASURES, agreement, chance_agreement, estimate_agreement
from tonada.audio.latents.clusters import centroid_distance, kneedle, scan_clusters
from tonada.audio.latents.probe import probe_labels

Groups = NDArray[np.int64]


def balls(groups: int, *, count: int = 60, spread: float = 0.3, seed: int = 1) -> tuple[NDArray[np.float64], Groups]:
    """Give vectors around far corners, and the corner of each."""
    random = np.random.default_rng(seed)
    group = np.arange(count) % groups
    return 4 * np.eye(groups, 6)[group] + spread * random.normal(size=(count, 6)), group


# --- the knee ----------------------------------------------------------------------------------------------------


def test_the_knee_of_the_paper() -> None:
    # Satopää et al. 2011, figure 2: y = −1 / (x + 0.1) + 5 has its knee at x ≈ 0.22; here it is turned upside down.
    x = np.linspace(0.0, 1.0, 101)
    assert kneedle(x.tolist(), (1 / (x + 0.1)).tolist()) == pytest.approx(0.23, abs=0.011)


def test_a_bend_is_found_where_it_is() -> None:
    assert kneedle([2, 3, 4, 5, 6, 7], [100, 50, 10, 8, 6, 4]) == 4
    assert kneedle([2, 3, 4, 5, 6, 7], [100, 10, 8, 6, 4, 2]) == 3


def test_a_straight_line_has_no_knee() -> None:
    assert kneedle([1, 2, 3, 4, 5], [10, 8, 6, 4, 2]) is None
    assert kneedle([1, 2, 3, 4, 5], [10, 7.9, 5.9, 3.95, 2]) is None  # a bend too faint at the usual sensitivity
    assert kneedle([1, 2, 3, 4, 5], [10, 7.9, 5.9, 3.95, 2], sensitivity=0) is not None


def test_a_rising_bend_and_too_few_points_have_no_knee() -> None:
    assert kneedle([1, 2, 3, 4, 5], [10, 9.8, 9.5, 8, 1]) is None
    assert kneedle([1, 2], [3, 1]) is None
    assert kneedle([1, 2, 3], [1, 1, 1]) is None


# --- k-means -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [3, 4, 5])
def test_the_elbow_is_at_the_number_of_groups(groups: int) -> None:
    vectors, group = balls(groups)
    scan, assigned = scan_clusters(vectors)
    assert scan.numbers == tuple(range(2, 13))
    assert (scan.elbow, scan.clearest) == (groups, groups)
    assert list(scan.inertia) == sorted(scan.inertia, reverse=True)
    assert agreement(assigned[groups], group)["adjusted_rand"] == pytest.approx(1)
    assert centroid_distance(vectors, assigned[groups]) == pytest.approx(4 * np.sqrt(2), rel=0.05)


def test_there_are_fewer_clusters_than_different_vectors() -> None:
    assert scan_clusters(np.repeat(np.eye(4), 3, axis=0))[0].numbers == (2, 3)
    scan, assigned = scan_clusters(np.ones((9, 2)))
    assert (scan.numbers, scan.elbow, assigned) == ((), None, {})


def test_one_centre_has_no_distance() -> None:
    assert centroid_distance(np.eye(3), np.zeros(3, dtype=np.int64)) == 0


# --- agreement ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_agreement_is_that_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(5, 200))
    labels, clusters = random.integers(0, 4, count), random.integers(0, int(random.integers(1, 9)), count)
    labels[: count // 2] = clusters[: count // 2] % 4  # not unrelated
    theirs = (
        *metrics.homogeneity_completeness_v_measure(labels, clusters),
        metrics.adjusted_rand_score(labels, clusters),
        metrics.adjusted_mutual_info_score(labels, clusters),
    )
    assert list(agreement(clusters, labels).values()) == pytest.approx(theirs, abs=1e-9)


def test_agreement_of_the_extremes() -> None:
    labels = np.arange(12) % 3
    assert list(agreement((labels + 1) % 3, labels).values()) == pytest.approx([1] * 5)
    one_cluster = agreement(np.zeros(12, dtype=np.int64), labels)
    assert (one_cluster["homogeneity"], one_cluster["completeness"], one_cluster["adjusted_rand"]) == (0, 1, 0)


def test_intervals_are_wider_when_clips_share_tracks() -> None:
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(20) % 2, 10)
    track = np.repeat(np.arange(20), 10)
    clusters = np.where(np.repeat(random.random(20), 10) < 0.8, labels, 1 - labels)  # right or wrong by the track
    by_track = estimate_agreement(clusters, labels, track)["v_measure"]
    by_clip = estimate_agreement(clusters, labels, np.arange(200))["v_measure"]
    assert by_track.value == by_clip.value
    assert by_track.low <= by_track.value <= by_track.high
    assert by_track.high - by_track.low > 2 * (by_clip.high - by_clip.low)


def test_chance_is_the_level_of_labels_without_meaning() -> None:
    random = np.random.default_rng(1)
    labels, tracks = np.repeat(np.arange(40) % 4, 3), np.repeat(np.arange(40), 3)
    clusters = random.integers(0, 12, 120)
    chance = chance_agreement(clusters, labels, tracks)
    assert set(chance) == set(MEASURES)
    assert chance["homogeneity"].value > 0.1  # many clusters look homogeneous by themselves
    assert abs(chance["adjusted_rand"].value) < 0.02
    found = agreement(clusters, labels)["homogeneity"]
    assert chance["homogeneity"].low - 0.02 < found < chance["homogeneity"].high + 0.02


# --- the probe ---------------------------------------------------------------------------------------------------


def test_the_probe_reads_what_is_there() -> None:
    vectors, labels = balls(3)
    found = probe_labels(vectors, labels, np.arange(60) // 6 * 3 + labels)
    assert found is not None
    assert (found.accuracy.value, found.folds, found.labels) == (1.0, 5, (0, 1, 2))
    assert found.confusion == ((20, 0, 0), (0, 20, 0), (0, 0, 20))
    assert found.majority == pytest.approx(1 / 3)


def test_the_probe_is_asked_about_tracks_that_it_does_not_know() -> None:
    # Every track has a place of its own, which says nothing of the label: known tracks would be told by heart.
    random = np.random.default_rng(1)
    tracks = np.repeat(np.arange(20), 5)
    vectors = (5 * random.normal(size=(20, 30)))[tracks] + 0.1 * random.normal(size=(100, 30))
    labels = random.permutation(np.arange(20) % 2)[tracks]
    by_track, by_clip = (probe_labels(vectors, labels, groups) for groups in (tracks, np.arange(100)))
    assert by_clip is not None
    assert by_track is not None
    assert by_clip.accuracy.value > 0.95
    assert by_track.accuracy.value < 0.75


def test_labels_of_one_track_are_not_asked() -> None:
    vectors, labels = balls(3)
    tracks = np.where(labels == 2, 0, np.arange(60))
    found = probe_labels(vectors, labels, tracks)
    assert found is not None
    assert found.labels == (0, 1)
    assert probe_labels(vectors, labels, labels) is None
