"""What a straight line can read from vectors: the genre, learned on some tracks and asked of others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonada.audio.latents.projections import require_statistics
from tonada.statistics.intervals import Estimate, bootstrap_mean

FOLDS = 5
"""Parts that the tracks are split into, at most; each is asked once."""
_STRENGTH = 0.1  # of the data against the penalty: weak features of few tracks are easily learned by heart


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How well a linear classifier tells labels of tracks that it has not seen.

    Attributes
    ----------
    accuracy
        Share of right answers.
    majority
        Share of the most frequent label: what always giving that one would reach.
    labels
        Those that were asked; labels of a single track are left out.
    confusion
        Rows: the true label, columns: the answer; numbers of clips.
    folds
        Parts that the tracks were split into.
    """

    accuracy: Estimate
    majority: float
    labels: tuple[int, ...]
    confusion: tuple[tuple[int, ...], ...]
    folds: int


def probe_labels(
    vectors: NDArray[np.float64], labels: NDArray[np.int64], tracks: NDArray[np.int64], *, seed: int = 1
) -> Probe | None:
    """Train multinomial logistic regression on some tracks and ask it about the others, in turn.

    Vectors are standardised by the training tracks, and the penalty is fixed: nothing is tuned on the answers (Alain
    and Bengio 2016, "Understanding intermediate layers using linear classifier probes").

    Parameters
    ----------
    vectors
        float64 [N, D].
    labels, tracks
        int64 [N]; no track has two labels.
    seed
        Of the split and the interval.

    Returns
    -------
    Probe or None
        None when fewer than two labels have two tracks.

    Raises
    ------
    MissingDependencyError
        scikit-learn is absent.
    """
    require_statistics()
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import confusion_matrix
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    per_label = {int(label): len(np.unique(tracks[labels == label])) for label in np.unique(labels)}
    asked = tuple(label for label, count in per_label.items() if count > 1)
    if len(asked) < 2:
        return None
    rows = np.isin(labels, asked)
    vectors, labels, tracks = vectors[rows], labels[rows], tracks[rows]
    folds = min(FOLDS, *(per_label[label] for label in asked))
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=5000))
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    answers = cross_val_predict(classifier, vectors, labels, groups=tracks, cv=split)
    _, counts = np.unique(labels, return_counts=True)
    return Probe(
        accuracy=bootstrap_mean((answers == labels).astype(np.float64), tracks.tolist(), seed=seed),
        majority=float(counts.max() / counts.sum()),
        labels=asked,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion_matrix(labels, answers, labels=asked)),
        folds=folds,
    )
