"""The smallest latent that still sounds right: definition lost against values per second, and a rule that chooses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tonada.audio.latents.clusters import kneedle
from tonada.errors import ConfigError

TOLERANCE = 0.1
"""How far, as a share of the best one's distance, the distance of the proposed size may lie above it."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """A model's latent size, and how far from the original what it decodes is.

    Attributes
    ----------
    name
        Of the model.
    values_per_second
        Latent values that a second of sound becomes.
    distance
        Mean over clips, greater is worse.
    """

    name: str
    values_per_second: float
    distance: float


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Which size is proposed, and why.

    Attributes
    ----------
    name
        Of the model.
    reason
        In words.
    knee
        Name of the model at the knee of the curve, by the kneedle rule; None where there is none, or too few sizes.
    beaten
        Models that are no better than a smaller one: their size buys nothing.
    """

    name: str
    reason: str
    knee: str | None
    beaten: tuple[str, ...]


def propose_size(sizes: Sequence[Size], *, tolerance: float = TOLERANCE, measure: str = "STFT distance") -> Proposal:
    """Propose the smallest size whose distance is within a tolerance of the best.

    Parameters
    ----------
    sizes
        At least one, in any order.
    tolerance
        Share of the best distance that may be lost.
    measure
        What the distance is called in the reason.

    Raises
    ------
    ConfigError
        There is no size, or the tolerance is negative.
    """
    if not sizes or tolerance < 0:
        raise ConfigError(
            f"sizes to choose from and a tolerance of at least 0 are needed; got {len(sizes)}, {tolerance}"
        )
    ordered = sorted(sizes, key=lambda size: (size.values_per_second, size.distance))
    best = min(ordered, key=lambda size: size.distance)
    limit = best.distance * (1 + tolerance)
    chosen = next(size for size in ordered if size.distance <= limit)
    beaten: list[str] = []
    front: list[Size] = []
    for size in ordered:
        if front and size.distance >= front[-1].distance:
            beaten.append(size.name)
        else:
            front.append(size)
    knee = kneedle(
        [math.log(size.values_per_second) for size in front], [size.distance for size in front], sensitivity=0
    )
    at_knee = [size.name for size in front if knee is not None and math.log(size.values_per_second) == knee]
    return Proposal(
        name=chosen.name,
        reason=_reason(ordered, chosen, best, tolerance, measure),
        knee=at_knee[0] if at_knee else None,
        beaten=tuple(beaten),
    )


def _reason(ordered: Sequence[Size], chosen: Size, best: Size, tolerance: float, measure: str) -> str:
    if len(ordered) == 1:
        return f"{chosen.name} is the only model that was given, so there is no smaller one to prefer it to."

    def told(size: Size) -> str:
        return f"{size.name} ({size.values_per_second:,.0f} values per second, {measure} {size.distance:.3f})"

    def above(size: Size) -> str:
        return f"{100 * (size.distance / best.distance - 1):.0f} %" if best.distance else "infinitely"

    rule = f"The rule: the smallest latent whose {measure} is at most {100 * tolerance:g} % above the best one's."
    if chosen is best:
        text = f"{told(chosen)} has the least {measure} of all models"
    else:
        text = f"{told(chosen)} lies {above(chosen)} above the best, {told(best)}"
    smaller = ordered[: ordered.index(chosen)]
    if smaller:
        text += f"; the next smaller one, {told(smaller[-1])}, lies {above(smaller[-1])} above it, which is too much"
    else:
        text += "; no model that was given is smaller"
    return f"{rule} {text}."
