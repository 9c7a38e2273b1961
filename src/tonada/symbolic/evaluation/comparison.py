"""Generated continuations against the real ones of the same prompts: whether they lie where real music lies.

Both are given as notes from the end of the prompt on, equally long (in notes or in seconds, as long as all are cut in
the same way), and both after the tokenizer's round trip, lest its rounding be taken for the model's doing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tonada.errors import ConfigError, UnknownNameError
from tonada.jsontext import to_json
from tonada.symbolic.evaluation.harmony import describe_harmony
from tonada.symbolic.evaluation.metrics import describe
from tonada.symbolic.notes import Floats, Notes

COMPARED = (
    "note_density_per_s",
    "polyphony_mean",
    "pitch_class_entropy_bits",
    "scale_consistency",
    "duration_mean_s",
    "duration_median_s",
    "duration_std_s",
    "velocity_mean",
    "velocity_std",
)
"""The metrics that are compared unless others are named."""

LOW, HIGH = 0.05, 0.95
"""The range of real music that is asked for: its 5 % and 95 % quantiles."""


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One metric over all prompts.

    Attributes
    ----------
    metric
        Its name in ``describe`` or ``describe_harmony``.
    real_low, real_median, real_high
        The 5 %, 50 % and 95 % quantiles of the real continuations that have a value, linearly interpolated.
    generated_median
        Of the generated ones that have a value.
    median_inside
        Whether that lies between ``real_low`` and ``real_high``.
    share_inside
        Share of all generated continuations that lie there; one without a value does not. Real music has about 0.9.
    real, generated
        How many have a value.
    """

    metric: str
    real_low: float
    real_median: float
    real_high: float
    generated_median: float
    median_inside: bool
    share_inside: float
    real: int
    generated: int


@dataclass(frozen=True, kw_only=True)
class PromptRow:
    """One metric of one prompt's two continuations; ``inside`` the range of all real ones."""

    prompt: str
    metric: str
    real: float
    generated: float
    inside: bool


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What ``compare_continuations`` found: a row per metric, and per prompt and metric."""

    metrics: tuple[MetricRow, ...]
    prompts: tuple[PromptRow, ...]

    def table(self) -> list[dict[str, str | float]]:
        """Give a row for each metric: the real range and median, the generated median, the share inside."""
        return [
            {
                "metric": row.metric,
                "real 5 %": row.real_low,
                "real median": row.real_median,
                "real 95 %": row.real_high,
                "generated median": row.generated_median,
                "share inside": row.share_inside,
            }
            for row in self.metrics
        ]

    def to_json(self) -> str:
        """Give everything as JSON; what cannot be told is null."""
        return to_json(self)


def compare_continuations(
    real: Sequence[Notes],
    generated: Sequence[Notes],
    *,
    prompts: Sequence[str] | None = None,
    metrics: Sequence[str] = COMPARED,
) -> Comparison:
    """Compare the continuations of prompts with the real ones.

    Parameters
    ----------
    real, generated
        The two continuations of each prompt, in the same order; of several seeds per prompt, the real one is repeated.
    prompts
        Names for the rows; "1", "2" … when None.
    metrics
        Names in ``describe`` or ``describe_harmony``.

    Raises
    ------
    ConfigError
        There are no prompts, or not as many of one kind as of the other.
    UnknownNameError
        A metric is none of theirs; the nearest are offered.
    """
    labels = [str(index + 1) for index in range(len(real))] if prompts is None else list(prompts)
    if not real or len(real) != len(generated) or len(labels) != len(real):
        raise ConfigError(
            "a comparison needs a real and a generated continuation, and a name, for each prompt; "
            f"got {len(real)}, {len(generated)} and {len(labels)}"
        )
    real_values, generated_values = describe_all(real, metrics), describe_all(generated, metrics)
    rows: list[MetricRow] = []
    inside: dict[str, list[bool]] = {}
    for metric in metrics:
        theirs, ours = _told(real_values[metric]), _told(generated_values[metric])
        low, median, high = np.quantile(theirs, (LOW, 0.5, HIGH)) if len(theirs) else (math.nan,) * 3
        generated_median = float(np.median(ours)) if len(ours) else math.nan
        inside[metric] = [bool(low <= value <= high) for value in generated_values[metric]]
        row = MetricRow(
            metric=metric,
            real_low=float(low),
            real_median=float(median),
            real_high=float(high),
            generated_median=generated_median,
            median_inside=bool(low <= generated_median <= high),
            share_inside=sum(inside[metric]) / len(generated),
            real=len(theirs),
            generated=len(ours),
        )
        rows.append(row)
    return Comparison(
        metrics=tuple(rows),
        prompts=tuple(
            PromptRow(
                prompt=label,
                metric=metric,
                real=float(real_values[metric][index]),
                generated=float(generated_values[metric][index]),
                inside=inside[metric][index],
            )
            for index, label in enumerate(labels)
            for metric in metrics
        ),
    )


def metric_names() -> tuple[str, ...]:
    """Name every metric that can be compared: those of ``describe``, then those of ``describe_harmony``."""
    return (*describe(Notes.empty()), *describe_harmony(Notes.empty()))


def describe_all(pieces: Sequence[Notes], metrics: Sequence[str]) -> dict[str, Floats]:
    """Compute metrics of many pieces.

    Parameters
    ----------
    pieces
        P of them.
    metrics
        Names in ``describe`` or ``describe_harmony``.

    Returns
    -------
    dict
        Metric → float64 [P], in the order of the names.

    Raises
    ------
    UnknownNameError
        A metric is none of theirs; the nearest are offered.
    """
    known = metric_names()
    for metric in metrics:
        if metric not in known:
            raise UnknownNameError("metric", metric, known)
    described = [describe(notes) | describe_harmony(notes) for notes in pieces]
    return {metric: np.array([values[metric] for values in described], dtype=np.float64) for metric in metrics}


def _told(values: Floats) -> Floats:
    return values[~np.isnan(values)]
