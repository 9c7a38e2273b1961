"""Principal components against scikit-learn's, and maps whose neighbours are neighbours."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA

from tonada.audio.latents.projections import neighbour_map, principal_components, require_statistics, trustworthiness
from tonada.errors import MissingDependencyError


@pytest.mark.parametrize("shape", [(40, 6), (12, 300), (30, 30)], ids=["tall", "wide", "square"])
def test_components_are_those_of_scikit_learn(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    vectors = random.normal(size=shape) * np.linspace(3, 0.1, shape[1]) + 5
    rank = min(shape[0] - 1, shape[1])
    theirs = PCA(svd_solver="full").fit(vectors)
    ours = principal_components(vectors, keep=3)
    np.testing.assert_allclose(ours.shares, theirs.explained_variance_ratio_[:rank], atol=1e-12)
    signs = np.sign((ours.axes * theirs.components_[:3]).sum(axis=1))
    np.testing.assert_allclose(ours.axes, signs[:, None] * theirs.components_[:3], atol=1e-8)
    np.testing.assert_allclose(ours.coordinates, theirs.transform(vectors)[:, :3] * signs, atol=1e-8)
    np.testing.assert_allclose(ours.project(vectors), ours.coordinates, atol=1e-8)
    assert (ours.axes[np.arange(3), np.abs(ours.axes).argmax(axis=1)] > 0).all()


def test_coordinates_hold_all_distances_without_all_axes() -> None:
    vectors = np.random.default_rng(1).normal(size=(9, 200))
    found = principal_components(vectors, keep=9, axes=2)
    assert found.axes.shape == (2, 200)
    apart = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    np.testing.assert_allclose(np.linalg.norm(found.coordinates[:, None] - found.coordinates, axis=2), apart, atol=1e-9)


def test_dimensions_for_a_share_of_the_variance() -> None:
    corners = np.array([[a, b, c] for a in (-2, 2) for b in (-1, 1) for c in (-1, 1)], dtype=float)
    found = principal_components(corners, keep=3)  # variances 4, 1, 1
    assert [found.dimensions(share) for share in (0.5, 4 / 6, 0.7, 5 / 6, 0.99)] == [1, 1, 2, 2, 3]


def test_equal_vectors_have_no_components() -> None:
    found = principal_components(np.ones((5, 3)), keep=2)
    assert not found.shares.any()
    assert found.dimensions(0.95) == 0
    np.testing.assert_allclose(found.coordinates, 0, atol=1e-12)


def test_the_neighbour_map_keeps_groups_together() -> None:
    random = np.random.default_rng(1)
    group = np.arange(90) % 3
    vectors = (random.normal(size=(3, 20)) * 3)[group] + random.normal(size=(90, 20))
    plane = neighbour_map(vectors)
    centres = np.stack([plane[group == one].mean(axis=0) for one in range(3)])
    nearest = np.linalg.norm(plane[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == group).all()
    np.testing.assert_allclose(plane.mean(axis=0), 0, atol=1e-12)
    assert np.sqrt((plane**2).sum(axis=1).mean()) == pytest.approx(1)
    np.testing.assert_array_equal(plane, neighbour_map(vectors))


def test_the_neighbour_map_keeps_neighbours_that_components_lose() -> None:
    random = np.random.default_rng(1)
    vectors = random.normal(size=(8, 10))[np.arange(120) % 8] * 2 + 0.3 * random.normal(size=(120, 10))
    components = principal_components(vectors, keep=2).coordinates
    found, flat = trustworthiness(vectors, neighbour_map(vectors)), trustworthiness(vectors, components)
    shuffled = trustworthiness(vectors, random.permutation(components))
    assert shuffled < 0.6 < flat < 0.97 < found


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_maps_of_few_and_of_equal_vectors(count: int) -> None:
    plane = neighbour_map(np.ones((count, 4)))
    assert plane.shape == (count, 2)
    assert np.isfinite(plane).all()
    assert len(np.unique(plane.round(6), axis=0)) == count


def test_too_few_vectors_have_no_score() -> None:
    assert np.isnan(trustworthiness(np.eye(5), np.eye(5)[:, :2]))


def test_without_scikit_learn_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tonada\[app\]'"):
        require_statistics()
