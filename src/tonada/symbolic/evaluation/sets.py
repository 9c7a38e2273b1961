"""A set of passages against a reference set, metric by metric, every figure with its interval.

Passages of one piece are drawn together (``groups``): ten passages of one file know one file, not ten.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from tonada.errors import ConfigError
from tonada.statistics.intervals import (
    Estimate,
    bootstrap_mean_of_defined,
    draw_halves,
    half_sample_interval,
    number_groups,
)
from tonada.symbolic.evaluation.comparison import COMPARED, HIGH, LOW, describe_all, metric_names
from tonada.symbolic.evaluation.distances import SetRow, set_features, set_row
from tonada.symbolic.notes import Notes

SET_METRICS = (
    *COMPARED,
    "pitch_range_semitones",
    "inter_onset_mean_s",
    "repetition_1s",
    "repetition_4s",
    "self_similarity",
    "repeated_8_note_share",
)
"""The metrics whose distances within and between the sets are compared, beside the four histograms."""

LEAST_GROUPS = 4
"""Pieces of each set without which there is no interval of a divergence: half of them have to have a distance."""


@dataclass(frozen=True, kw_only=True)
class MetricEstimate:
    """One metric of a set of passages against the reference.

    Attributes
    ----------
    metric
        Its name in ``describe`` or ``describe_harmony``.
    real_low, real_median, real_high
        The 5 %, 50 % and 95 % quantiles of the reference.
    mean
        Of the passages that have a value.
    share_inside
        Share of the passages between ``real_low`` and ``real_high``; real music has about 0.9.
    shift
        How far the mean lies from the reference's, in its standard deviations, signed; NaN where it does not vary.
    """

    metric: str
    real_low: float
    real_median: float
    real_high: float
    mean: Estimate
    share_inside: Estimate
    shift: Estimate


@dataclass(frozen=True, kw_only=True)
class FeatureEstimate:
    """How far two sets lie apart in one feature: ``row`` has all figures, and these two their intervals."""

    row: SetRow
    divergence: Estimate
    overlap: Estimate


def estimate_metrics(
    real: Sequence[Notes],
    passages: Sequence[Notes],
    groups: Sequence[Hashable],
    *,
    metrics: Sequence[str] | None = None,
    seed: int = 0,
) -> tuple[MetricEstimate, ...]:
    """Say where each metric of some passages lies among those of the reference.

    Parameters
    ----------
    real
        Passages of the reference.
    passages
        Those that are looked at, about as long.
    groups
        The piece of each passage.
    metrics
        All that there are when None.
    seed
        Of the bootstrap.

    Raises
    ------
    ConfigError
        A set is empty.
    """
    require_both(real, passages)
    names = metric_names() if metrics is None else metrics
    theirs, ours = describe_all(real, names), describe_all(passages, names)
    rows = []
    for name in names:
        known = theirs[name][~np.isnan(theirs[name])]
        low, median, high = np.quantile(known, (LOW, 0.5, HIGH)) if len(known) else (math.nan,) * 3
        center, scale = (float(known.mean()), float(known.std())) if len(known) else (math.nan, 0.0)
        inside = ((low <= ours[name]) & (ours[name] <= high)).astype(np.float64)
        shift = (ours[name] - center) / scale if scale > 0.0 else np.full(len(passages), math.nan)
        rows.append(
            MetricEstimate(
                metric=name,
                real_low=float(low),
                real_median=float(median),
                real_high=float(high),
                mean=bootstrap_mean_of_defined(ours[name], groups, seed=seed),
                share_inside=bootstrap_mean_of_defined(inside, groups, seed=seed),
                shift=bootstrap_mean_of_defined(shift, groups, seed=seed),
            )
        )
    return tuple(rows)


def mean_distance(rows: Sequence[MetricEstimate]) -> float:
    """Give the mean over metrics of |shift|: how far a set's averages are from the reference's, in its spreads."""
    return float(np.nanmean([abs(row.shift.value) for row in rows]))


def estimate_divergences(
    real: Sequence[Notes],
    passages: Sequence[Notes],
    *,
    real_groups: Sequence[Hashable],
    groups: Sequence[Hashable],
    metrics: Sequence[str] = SET_METRICS,
    draws: int = 40,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[FeatureEstimate, ...]:
    """Compare distances within and between the sets, feature by feature, with intervals by half-samples of pieces.

    Yang & Lerch 2018, section 3; see ``compare_sets`` of ``distances`` for the figures themselves.

    Parameters
    ----------
    real, passages
        The two sets.
    real_groups, groups
        The piece of each passage; with fewer than four in a set there is no interval.
    metrics
        Names in ``describe`` or ``describe_harmony``; the four histograms are always compared.
    draws
        Half-samples of each set.
    seed
        Of the half-samples.
    progress
        Called with the features done, and all of them.

    Raises
    ------
    ConfigError
        A set is empty.
    """
    require_both(real, passages)
    theirs, ours = set_features(real, metrics), set_features(passages, metrics)
    few = min(int(number_groups(own, len(own)).max()) + 1 for own in (real_groups, groups)) < LEAST_GROUPS
    halves = (
        []
        if few
        else list(
            zip(
                draw_halves(len(real), real_groups, draws=draws, seed=seed, purpose="reference"),
                draw_halves(len(passages), groups, draws=draws, seed=seed, purpose="other"),
                strict=True,
            )
        )
    )
    found = []
    for done, name in enumerate(theirs, 1):
        row = set_row(name, theirs[name], ours[name])
        drawn = [set_row(name, theirs[name][rows], ours[name][columns]) for rows, columns in halves]
        found.append(
            FeatureEstimate(
                row=row,
                divergence=_bounded(row.divergence, [half.divergence for half in drawn], math.inf),
                overlap=_bounded(row.overlap, [half.overlap for half in drawn], 1.0),
            )
        )
        if progress is not None:
            progress(done, len(theirs))
    return tuple(found)


def passages_of(notes: Notes, seconds: float, most: int, *, fewest_notes: int = 20) -> list[Notes]:
    """Take passages of a piece, evenly spread, that do not overlap; each from its own first onset on.

    Parameters
    ----------
    notes
        The piece.
    seconds
        Of onsets in a passage; a piece that is shorter is one passage.
    most
        How many at most; one alone is from the middle.
    fewest_notes
        A passage with fewer is left out.
    """
    if not len(notes):
        return []
    notes = notes.shifted(-float(notes.onset_s[0]))
    room_s = float(notes.onset_s[-1]) - seconds
    if room_s <= 0:
        starts_s = [0.0]
    else:
        count = min(most, 1 + int(room_s // seconds))
        starts_s = [room_s / 2] if count == 1 else np.linspace(0.0, room_s, count).tolist()
    cut = [notes.between(start_s, start_s + seconds) for start_s in starts_s]
    return [part.shifted(-float(part.onset_s[0])) for part in cut if len(part) >= fewest_notes]


def require_both(real: Sequence[Notes], passages: Sequence[Notes]) -> None:
    """Check that there is something to compare.

    Raises
    ------
    ConfigError
        A set is empty.
    """
    if not real or not passages:
        raise ConfigError(f"two sets of pieces are needed; got {len(real)} real and {len(passages)} others")


def _bounded(value: float, halves: Sequence[float], most: float) -> Estimate:
    """Give a figure with its interval, within 0 to ``most``."""
    kept = [half for half in halves if not math.isnan(half)]
    if math.isnan(value) or not kept:
        return Estimate(value=value, low=math.nan, high=math.nan)
    found = half_sample_interval(value, kept)
    return Estimate(value=value, low=max(0.0, found.low), high=min(most, found.high))
