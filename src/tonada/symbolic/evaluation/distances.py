"""Two sets of pieces: whether they differ as much from each other as real music differs within itself.

After Yang & Lerch 2018 ("On the evaluation of generative models in music", section 3): distances between any two pieces
of a set (intra-set) and between the sets (inter-set), feature by feature, and how far the densities of both lie apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tonada.errors import ConfigError
from tonada.symbolic.evaluation.comparison import COMPARED, describe_all
from tonada.symbolic.evaluation.densities import divergence_and_overlap
from tonada.symbolic.evaluation.metrics import (
    duration_histogram,
    inter_onset_histogram,
    pitch_class_histogram,
    pitch_class_transitions,
)
from tonada.symbolic.notes import Floats, Notes

HISTOGRAMS = {
    "inter_onset_histogram": inter_onset_histogram,
    "duration_histogram": duration_histogram,
    "pitch_class_histogram": pitch_class_histogram,
    "pitch_class_transitions": pitch_class_transitions,
}
"""What is compared beside metrics."""


@dataclass(frozen=True, kw_only=True)
class SetRow:
    """One feature of two sets of pieces.

    Attributes
    ----------
    feature
        A metric, compared by absolute difference, or a histogram, by Euclidean distance.
    real_mean, real_std
        Of the distances between any two real pieces (intra-set).
    generated_mean, generated_std
        Of those between any two generated pieces: much below the real ones, the model repeats itself.
    inter_mean, inter_std
        Of those between a real and a generated piece (inter-set).
    divergence
        Kullback–Leibler divergence of the inter-set density from the real intra-set density, in nats; 0 is best.
    overlap
        Overlapping area of the two; 1 is best.
    real, generated
        How many pieces have a value.
    """

    feature: str
    real_mean: float
    real_std: float
    generated_mean: float
    generated_std: float
    inter_mean: float
    inter_std: float
    divergence: float
    overlap: float
    real: int
    generated: int


def compare_sets(
    real: Sequence[Notes], generated: Sequence[Notes], *, metrics: Sequence[str] = COMPARED
) -> tuple[SetRow, ...]:
    """Compare two sets of pieces by the distances within and between them.

    Every pair counts once. Densities are by Gaussian kernels with Scott's bandwidth. Pieces without a value are left
    out; a feature with fewer than two distances, or equal ones, has no divergence and no overlap (NaN).

    Parameters
    ----------
    real, generated
        Pieces, in any order and number.
    metrics
        Names in ``describe``; the four histograms are always compared.

    Raises
    ------
    ConfigError
        A set is empty.
    UnknownNameError
        A metric is not one of ``describe``; the nearest are offered.
    """
    if not real or not generated:
        raise ConfigError(f"two sets of pieces are needed; got {len(real)} real and {len(generated)} generated")
    ours, theirs = set_features(real, metrics), set_features(generated, metrics)
    return tuple(set_row(name, ours[name], theirs[name]) for name in ours)


def set_features(pieces: Sequence[Notes], metrics: Sequence[str] = COMPARED) -> dict[str, Floats]:
    """Give what pieces are compared by.

    Parameters
    ----------
    pieces
        P of them.
    metrics
        Names in ``describe`` or ``describe_harmony``.

    Returns
    -------
    dict
        Metric → float64 [P, 1], then histogram → float64 [P, bins]; NaN for a piece without a value.

    Raises
    ------
    UnknownNameError
        A metric is none of theirs; the nearest are offered.
    """
    found = {name: values.reshape(-1, 1) for name, values in describe_all(pieces, metrics).items()}
    return found | {
        name: np.array([histogram(notes).reshape(-1) for notes in pieces]) for name, histogram in HISTOGRAMS.items()
    }


def set_row(feature: str, real: Floats, generated: Floats) -> SetRow:
    """Compare one feature of two sets.

    Parameters
    ----------
    feature
        Its name.
    real, generated
        Its values, float64 [N, D] and [M, D]; pieces with a NaN are left out.
    """
    real, generated = (values[~np.isnan(values).any(axis=1)] for values in (real, generated))
    intra_real, intra_generated = (
        _distances(values, values)[np.triu_indices(len(values), 1)] for values in (real, generated)
    )
    inter = _distances(real, generated).reshape(-1)
    divergence, overlap = divergence_and_overlap(intra_real, inter)
    return SetRow(
        feature=feature,
        real_mean=_mean(intra_real),
        real_std=_std(intra_real),
        generated_mean=_mean(intra_generated),
        generated_std=_std(intra_generated),
        inter_mean=_mean(inter),
        inter_std=_std(inter),
        divergence=divergence,
        overlap=overlap,
        real=len(real),
        generated=len(generated),
    )


def _distances(first: Floats, second: Floats) -> Floats:
    """Give the Euclidean distances between rows [N, D] and [M, D], float64 [N, M]; one row of them at a time."""
    rows = [np.sqrt(np.square(second - row).sum(axis=1)) for row in first]
    return np.array(rows).reshape(len(first), len(second))


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


def _std(values: Floats) -> float:
    return float(values.std()) if len(values) else math.nan
