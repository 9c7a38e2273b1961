"""Interpolation, replacement and noise, with exact answers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tonada.audio.latents.editing import choose_dimensions, interpolate, replace_dimensions, safe_radius, shake, spread
from tonada.errors import ConfigError, UnknownNameError
from tonada.seeding import rng


def rows(*values: list[float]) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def random_latents(seed: int, frames: int = 50, channels: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((frames, channels)).astype(np.float32)


@pytest.mark.parametrize("way", ["linear", "spherical"])
def test_the_ends_are_exact(way: str) -> None:
    a, b = random_latents(1), random_latents(2) * 1e3
    np.testing.assert_array_equal(interpolate(a, b, 0.0, way=way), a)
    np.testing.assert_array_equal(interpolate(a, b, 1.0, way=way), b)
    assert interpolate(a, b, 0.3, way=way).dtype == np.float32


def test_linear() -> None:
    np.testing.assert_array_equal(interpolate(rows([0, 4]), rows([4, 0]), 0.25), rows([1, 3]))


def test_spherical_turns_evenly_and_its_length_changes_evenly() -> None:
    a, b = rows([1, 0], [2, 0], [0, 1]), rows([0, 1], [0, 4], [0, 3])
    half = np.sqrt(0.5)
    # A quarter turn between unit vectors; the same between lengths 2 and 4; and along one direction.
    np.testing.assert_allclose(
        interpolate(a, b, 0.5, way="spherical"), rows([half, half], [3 * half, 3 * half], [0, 2]), rtol=1e-6
    )
    third = interpolate(a[:1], b[:1], 1 / 3, way="spherical")
    np.testing.assert_allclose(third, rows([np.cos(np.pi / 6), np.sin(np.pi / 6)]), rtol=1e-6)


def test_spherical_keeps_the_length_of_equally_long_vectors() -> None:
    a, b = random_latents(3), random_latents(4)
    b *= np.linalg.norm(a, axis=1, keepdims=True) / np.linalg.norm(b, axis=1, keepdims=True)
    for share in (0.1, 0.5, 0.9):
        between = interpolate(a, b, share, way="spherical")
        np.testing.assert_allclose(np.linalg.norm(between, axis=1), np.linalg.norm(a, axis=1), rtol=1e-5)
        assert (np.linalg.norm(interpolate(a, b, share), axis=1) < np.linalg.norm(a, axis=1)).all()


def test_spherical_goes_straight_where_there_is_no_arc() -> None:
    a = rows([0, 0], [1, 2], [1, 2], [1, 2], [1, 2], [0, 0])
    b = rows([3, 1], [0, 0], [2, 4], [-1, -2], [1.00001, 2], [0, 0])
    between = interpolate(a, b, 0.25, way="spherical")
    np.testing.assert_allclose(between, interpolate(a, b, 0.25), atol=1e-5)
    assert np.isfinite(between).all()


def test_each_frame_has_its_own_arc() -> None:
    a, b = random_latents(5), random_latents(6)
    whole = interpolate(a, b, 0.4, way="spherical")
    for frame in (0, 17, 49):
        alone = interpolate(a[frame : frame + 1], b[frame : frame + 1], 0.4, way="spherical")
        np.testing.assert_allclose(whole[frame : frame + 1], alone, rtol=1e-6)


def test_unknown_way() -> None:
    with pytest.raises(UnknownNameError, match="spherical"):
        interpolate(rows([1]), rows([2]), 0.5, way="sperical")


def test_dimensions() -> None:
    assert choose_dimensions((), 3) == [0, 1, 2]
    assert choose_dimensions((2, 0, 2), 3) == [0, 2]
    for wrong in (3, -1):
        with pytest.raises(ConfigError, match=f"0 to 2; got {wrong}"):
            choose_dimensions((wrong,), 3)


def test_replaced_dimensions_lie_in_the_range_and_the_others_stay() -> None:
    latents = random_latents(7, frames=4000) * 10
    changed = replace_dimensions(latents, [0, 3], 0.75, generator=rng(1, "any"))
    np.testing.assert_array_equal(changed[:, [1, 2, 4, 5]], latents[:, [1, 2, 4, 5]])
    drawn = changed[:, [0, 3]]
    assert 0.74 < np.abs(drawn).max() <= 0.75
    assert abs(drawn.std() - 0.75 / np.sqrt(3)) < 0.01  # of a uniform distribution
    added = replace_dimensions(latents, [0, 3], 0.75, generator=rng(1, "any"), add=True)
    np.testing.assert_allclose(added[:, [0, 3]] - latents[:, [0, 3]], drawn, atol=1e-5)


def test_the_seed_decides_and_other_dimensions_do_not() -> None:
    latents = random_latents(8)
    once = replace_dimensions(latents, [2], 1.0, generator=rng(1, "any"))
    np.testing.assert_array_equal(once, replace_dimensions(latents, [2], 1.0, generator=rng(1, "any")))
    assert (once != replace_dimensions(latents, [2], 1.0, generator=rng(2, "any"))).any()
    np.testing.assert_array_equal(once[:, 2], replace_dimensions(latents, [0, 2], 1.0, generator=rng(1, "any"))[:, 2])


def test_noise_is_in_units_of_each_dimensions_spread() -> None:
    latents = random_latents(9, frames=20_000, channels=3) * np.array([1, 10, 100], dtype=np.float32)
    scale = spread(latents)
    np.testing.assert_allclose(scale, latents.std(axis=0, dtype=np.float64), rtol=1e-12)
    moved = shake(latents, [1, 2], 0.5, scale=scale, generator=rng(1, "any")) - latents
    np.testing.assert_array_equal(moved[:, 0], 0)
    np.testing.assert_allclose(moved.std(axis=0)[1:], [5, 50], rtol=0.03)
    twice = shake(latents, [1, 2], 1.0, scale=scale, generator=rng(1, "any")) - latents
    np.testing.assert_allclose(twice, 2 * moved, atol=1e-3)
    np.testing.assert_array_equal(shake(latents, [1, 2], 0.0, scale=scale, generator=rng(1, "any")), latents)
    given = shake(latents, [0], 1.0, scale=np.array([7.0, 0, 0]), generator=rng(1, "any")) - latents
    assert given[:, 0].std() == pytest.approx(7, rel=0.03)


def test_blocks_are_changed_as_the_whole_is() -> None:
    latents = random_latents(11, frames=301)
    scale, parts = spread(latents), np.split(latents, [1, 100])
    for edit in (
        lambda block, generator: shake(block, [0, 4], 0.7, scale=scale, generator=generator),
        lambda block, generator: replace_dimensions(block, [0, 4], 0.7, generator=generator),
    ):
        going_on = rng(1, "any")
        joined = np.concatenate([edit(part, going_on) for part in parts])
        np.testing.assert_array_equal(joined, edit(latents, rng(1, "any")))


def test_the_safe_radius() -> None:
    assert safe_radius([1, 2, 4], [0.1, 0.3, 0.5], 0.4) == pytest.approx(3)
    assert safe_radius([1, 2], [0.5, 0.1], 0.25) == pytest.approx(0.5)  # what comes back later does not count
    assert safe_radius([1, 2], [0.1, 0.2], 0.4) is None  # not reached
    assert safe_radius([], [], 0.4) is None
