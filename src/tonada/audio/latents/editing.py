"""Latents changed on purpose: between two sounds, some dimensions replaced, or shaken a little.

All functions take and give float32 [L, Z], time first, and leave what they are given as it was. Randomness is a
function of the seed alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tonada.audio.spooling import blocks_of
from tonada.errors import ConfigError, UnknownNameError

Latents = NDArray[np.float32]

_PARALLEL = 1e-4
"""Sine of the angle below which two vectors have no plane of their own to turn in."""


def interpolate_linear(a: Latents, b: Latents, share: float) -> Latents:
    """Go straight from ``a`` to ``b``, frame by frame.

    Parameters
    ----------
    a, b
        float32 [L, Z].
    share
        0 gives ``a`` and 1 gives ``b``, exactly; between them ``(1 − share) · a + share · b``.
    """
    return ((1.0 - share) * a.astype(np.float64) + share * b.astype(np.float64)).astype(np.float32)


def interpolate_spherical(a: Latents, b: Latents, share: float) -> Latents:
    """Turn from ``a`` to ``b``, frame by frame, at a constant angular speed while the length changes evenly.

    Halfway between two vectors the straight line passes nearer to the origin than both, where few latents of a
    high-dimensional Gaussian lie; the arc does not (Shoemake 1985, "Animating rotation with quaternion curves",
    section 3.3; White 2016, "Sampling generative networks", section 2.1). Where a vector is zero, or the two are
    parallel or opposite so that there is no one arc, it goes straight.

    Parameters
    ----------
    a, b
        float32 [L, Z].
    share
        0 gives ``a`` and 1 gives ``b``, exactly.
    """
    if share in (0.0, 1.0):
        return (b if share else a).copy()
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    length_a, length_b = np.linalg.norm(wide_a, axis=1), np.linalg.norm(wide_b, axis=1)
    nonzero = (length_a > 0) & (length_b > 0)
    unit_a = np.divide(wide_a, length_a[:, None], out=np.zeros_like(wide_a), where=nonzero[:, None])
    unit_b = np.divide(wide_b, length_b[:, None], out=np.zeros_like(wide_b), where=nonzero[:, None])
    # Exact for all angles, where the arc cosine of the product loses half the digits near 0 and π.
    angle = 2 * np.arctan2(np.linalg.norm(unit_a - unit_b, axis=1), np.linalg.norm(unit_a + unit_b, axis=1))
    turns = nonzero & (np.sin(angle) > _PARALLEL)
    sine = np.where(turns, np.sin(angle), 1.0)
    length = (1.0 - share) * length_a + share * length_b
    of_a, of_b = length * np.sin((1.0 - share) * angle) / sine, length * np.sin(share * angle) / sine
    arc = of_a[:, None] * unit_a + of_b[:, None] * unit_b
    return np.where(turns[:, None], arc, (1.0 - share) * wide_a + share * wide_b).astype(np.float32)


WAYS = {"linear": interpolate_linear, "spherical": interpolate_spherical}
"""How to go from one song to another."""


def check_way(way: str) -> None:
    """Check that there is such a way.

    Raises
    ------
    UnknownNameError
        There is none; the nearest are offered.
    """
    if way not in WAYS:
        raise UnknownNameError("way", way, WAYS)


def interpolate(a: Latents, b: Latents, share: float, *, way: str = "linear") -> Latents:
    """Go a share of the way from ``a`` to ``b``, frame by frame.

    Parameters
    ----------
    a, b
        float32 [L, Z], of equal shape.
    share
        0 gives ``a``, 1 gives ``b``, exactly.
    way
        "linear" or "spherical".

    Raises
    ------
    UnknownNameError
        There is no such way.
    """
    check_way(way)
    return WAYS[way](a, b, share)


def choose_dimensions(dimensions: Sequence[int], channels: int) -> list[int]:
    """Give the dimensions that were asked for, in order and each once; all when none were.

    Raises
    ------
    ConfigError
        The latents have no such dimension.
    """
    for dimension in dimensions:
        if not 0 <= dimension < channels:
            raise ConfigError(f"dimensions: the latents have 0 to {channels - 1}; got {dimension}")
    return sorted(set(dimensions)) or list(range(channels))


def replace_dimensions(
    latents: Latents, dimensions: Sequence[int], extent: float, *, generator: np.random.Generator, add: bool = False
) -> Latents:
    """Replace some dimensions by values drawn evenly from ±extent, another in every frame; or add such values.

    Parameters
    ----------
    latents
        float32 [L, Z].
    dimensions
        Which of the Z.
    extent
        Greatest magnitude of the values.
    generator
        Gives the values; blocks of latents, one after the other, get those that the whole would.
    add
        Whether to add the values in place of replacing.
    """
    changed = latents.copy()
    drawn = generator.uniform(-extent, extent, latents.shape).astype(np.float32)
    # Values for every dimension are drawn, whichever are taken: a dimension's do not depend on the others asked for.
    for dimension in dimensions:
        changed[:, dimension] = drawn[:, dimension] + (latents[:, dimension] if add else 0)
    return changed


def spread(latents: Latents) -> NDArray[np.float64]:
    """Give the standard deviation of each dimension over the frames, float64 [Z]: block by block, so of any length."""
    mean = sum(block.sum(axis=0, dtype=np.float64) for block in blocks_of(latents)) / len(latents)
    squares = sum(np.square(block - mean).sum(axis=0) for block in blocks_of(latents))
    return np.sqrt(np.asarray(squares) / len(latents))


def shake(
    latents: Latents,
    dimensions: Sequence[int],
    strength: float,
    *,
    scale: NDArray[np.float64],
    generator: np.random.Generator,
) -> Latents:
    """Add Gaussian noise in units of each dimension's own spread: ``z + strength · scale · n``.

    Parameters
    ----------
    latents
        float32 [L, Z].
    dimensions
        Which of the Z; the others stay.
    strength
        Standard deviation of the noise, as a share of the dimension's.
    scale
        float64 [Z]: the dimensions' standard deviations, which `spread` gives.
    generator
        Gives the noise; blocks of latents, one after the other, get that which the whole would.
    """
    changed = latents.copy()
    noise = generator.standard_normal(latents.shape).astype(np.float32)
    chosen = list(dimensions)
    changed[:, chosen] += np.float32(strength) * scale[chosen].astype(np.float32) * noise[:, chosen]
    return changed


def safe_radius(strengths: Sequence[float], distances_nats: Sequence[float], threshold_nats: float) -> float | None:
    """Find how strong a change may be before it is heard as more than a threshold.

    Parameters
    ----------
    strengths
        That were tried, ascending.
    distances_nats
        What they led to.
    threshold_nats
        Distance to stay below.

    Returns
    -------
    float
        Where straight lines through the points, from (0, 0), first reach the threshold; None where they do not.
    """
    before = (0.0, 0.0)
    for strength, distance in zip(strengths, distances_nats, strict=True):
        if distance >= threshold_nats:
            share = (threshold_nats - before[1]) / (distance - before[1])
            return before[0] + share * (strength - before[0])
        before = (strength, distance)
    return None
