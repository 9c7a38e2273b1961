"""How far a figure might be off because other pieces could have been drawn: intervals by drawing again.

What comes from one source (the segments of a track, the continuations of a prompt) is drawn together, as a group: it
resembles itself, and a figure over ten segments of one track knows one track, not ten.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonada.errors import ConfigError
from tonada.seeding import rng

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVEL = 0.95
"""Share of the draws that lie inside an interval."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with its interval; the ends are NaN where there are too few groups for one.

    Attributes
    ----------
    value
        The figure itself, from everything there is.
    low, high
        The ends.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write ``1.23 (1.10–1.40)``, to three figures."""
        return f"{self.value:.3g}" + ("" if math.isnan(self.low) else f" ({self.low:.3g}–{self.high:.3g})")


def number_groups(groups: Sequence[Hashable] | None, size: int) -> Ints:
    """Give each of ``size`` items the number of its group, in the order in which groups come, from 0; int64 [size].

    Every item is its own group when there are none.

    Raises
    ------
    ConfigError
        There is not a group for each item.
    """
    if groups is None:
        return np.arange(size)
    if len(groups) != size:
        raise ConfigError(f"each of {size} items needs its group; got {len(groups)}")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.int64)


def bootstrap_mean(
    values: Sequence[float] | Floats, groups: Sequence[Hashable] | None = None, *, draws: int = 2000, seed: int = 0
) -> Estimate:
    """Give the mean of values with its bootstrap interval by percentiles (Efron and Tibshirani 1993, chapter 13).

    Groups are drawn with replacement, each with all of its values (the cluster bootstrap: Field and Welsh 2007,
    section 2).

    Parameters
    ----------
    values
        N ≥ 1 numbers.
    groups
        The group of each; every value its own when None. With fewer than two groups there is no interval.
    draws
        How many times.
    seed
        Of the draws.
    """
    data = np.asarray(values, dtype=np.float64)
    drawn = _drawn_means(data, groups, draws, rng(seed, "bootstrap"))
    if drawn is None:
        return Estimate(value=float(data.mean()), low=math.nan, high=math.nan)
    low, high = np.quantile(drawn, _ends())
    return Estimate(value=float(data.mean()), low=float(low), high=float(high))


def bootstrap_mean_of_strata(
    strata: Sequence[tuple[Floats, Sequence[Hashable]]], *, draws: int = 2000, seed: int = 0
) -> Estimate:
    """Give the mean of the means of several sets of values, each of which counts as much as any other.

    Every stratum is drawn anew by itself, groups whole (stratified bootstrap: Davison and Hinkley 1997, section 3.2).

    Parameters
    ----------
    strata
        For each set its values, float64 [N], and their groups; at least one. Where one has fewer than two groups there
        is no interval.
    draws
        How many times.
    seed
        Of the draws.
    """
    value = float(np.mean([values.mean() for values, _ in strata]))
    drawn = [
        _drawn_means(values, groups, draws, rng(seed, "bootstrap", place))
        for place, (values, groups) in enumerate(strata)
    ]
    kept = [means for means in drawn if means is not None]
    if len(kept) < len(strata):
        return Estimate(value=value, low=math.nan, high=math.nan)
    low, high = np.quantile(np.mean(kept, axis=0), _ends())
    return Estimate(value=value, low=float(low), high=float(high))


def _drawn_means(
    data: Floats, groups: Sequence[Hashable] | None, draws: int, generator: np.random.Generator
) -> Floats | None:
    """Give the mean of each draw of groups, float64 [draws]; None with fewer than two groups."""
    member = number_groups(groups, len(data))
    count = int(member.max()) + 1
    if count < 2:
        return None
    sizes, sums = np.bincount(member), np.bincount(member, weights=data)
    times = generator.multinomial(count, np.full(count, 1.0 / count), size=draws)
    means: Floats = (times @ sums) / (times @ sizes)
    return means


def binomial_interval(successes: int, trials: int) -> Estimate:
    """Give the share of successes with its exact interval (Clopper and Pearson 1934).

    Parameters
    ----------
    successes
        0 to ``trials``.
    trials
        Independent ones; the share of none is NaN, between 0 and 1.
    """
    if not trials:
        return Estimate(value=math.nan, low=0.0, high=1.0)
    tail = (1.0 - LEVEL) / 2.0
    # At the lower end so many successes or more, at the upper end so many or fewer, have just that probability.
    low = 0.0 if successes == 0 else _root(lambda p: 1.0 - _binomial_cumulative(successes - 1, trials, p) - tail)
    high = 1.0 if successes == trials else _root(lambda p: tail - _binomial_cumulative(successes, trials, p))
    return Estimate(value=successes / trials, low=low, high=high)


def sign_test(successes: int, trials: int) -> float:
    """Give how probable it is by chance to be at least as far from half of the trials, either way (the sign test)."""
    fewer = min(successes, trials - successes)
    return min(1.0, 2.0 * _binomial_cumulative(fewer, trials, 0.5))


def _binomial_cumulative(most: int, trials: int, p: float) -> float:
    """Give the probability of at most so many successes, each with probability 0 < p < 1."""
    logs = [
        math.lgamma(trials + 1)
        - math.lgamma(count + 1)
        - math.lgamma(trials - count + 1)
        + count * math.log(p)
        + (trials - count) * math.log1p(-p)
        for count in range(most + 1)
    ]
    return math.fsum(map(math.exp, logs))


def _root(rising: Callable[[float], float]) -> float:
    """Find where a rising function on (0, 1) crosses 0, by bisection to the last bit."""
    low, high = 0.0, 1.0
    while (middle := (low + high) / 2.0) not in (low, high):
        low, high = (middle, high) if rising(middle) < 0.0 else (low, middle)
    return middle


def bootstrap_mean_of_defined(values: Floats, groups: Sequence[Hashable], *, seed: int = 0) -> Estimate:
    """Give `bootstrap_mean` of the values that are no NaN, all NaN where there are none.

    Parameters
    ----------
    values
        float64 [N].
    groups
        The group of each.
    seed
        Of the draws.
    """
    defined = np.flatnonzero(~np.isnan(values))
    if not len(defined):
        return Estimate(value=math.nan, low=math.nan, high=math.nan)
    return bootstrap_mean(values[defined], [groups[index] for index in defined.tolist()], seed=seed)


def draw_halves(
    size: int, groups: Sequence[Hashable] | None = None, *, draws: int, seed: int, purpose: str
) -> list[Ints]:
    """Draw half of the groups, without replacement, again and again.

    Parameters
    ----------
    size
        How many items there are.
    groups
        The group of each; every item its own when None.
    draws
        How many times.
    seed, purpose
        What the draws are made from.

    Returns
    -------
    list
        For each draw the indices of the items of ⌈G/2⌉ of the G groups, int64, rising.
    """
    member = number_groups(groups, size)
    count = int(member.max()) + 1
    generator = rng(seed, "halves", purpose)
    halves = (generator.permutation(count)[: (count + 1) // 2] for _ in range(draws))
    return [np.flatnonzero(np.isin(member, half)) for half in halves]


def half_sample_interval(value: float, halves: Sequence[float] | Floats) -> Estimate:
    """Give the interval of a figure from the same figure of halves drawn by ``draw_halves``.

    The spread of a mean over halves without replacement is that of a mean over the whole with replacement, so the
    interval is the bootstrap's; but no item is drawn twice, which would be its own nearest neighbour at distance 0, and
    would let a repeated item count as a likeness. The halves' median is put onto the value, since figures of sets
    depend on their size (subsampling: Politis, Romano and Wolf 1999, section 2.2).

    Parameters
    ----------
    value
        The figure of the whole.
    halves
        The figures of the halves.
    """
    low, high = np.quantile(halves, _ends()) - np.median(halves) + value
    return Estimate(value=value, low=float(low), high=float(high))


def _ends() -> tuple[float, float]:
    return (1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0
