"""Learning to say what a passage of notes is: passages with their classes, and a confusion matrix of held-out works."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tonada.api.studies.base import Observer, Precision, Scorer, Study
from tonada.api.studies.evaluation import Evaluation, Rows, Subject
from tonada.api.studies.notes import tokenizer_of
from tonada.data import Dataset, Piece
from tonada.errors import ConfigError
from tonada.model import Model
from tonada.statistics.intervals import Estimate, bootstrap_mean, bootstrap_mean_of_strata
from tonada.symbolic.classifiers.base import NoteClassifier
from tonada.symbolic.classifiers.passages import PassageAugmentation, PassageBatches, spread_passages
from tonada.symbolic.classifiers.reading import Reading, read_pieces
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.base import Tokenizer
from tonada.training import TrainerConfig

PASSAGE_NOTES = 200
"""Notes of a passage that is measured on: some twenty seconds."""
LENGTHS = (60, 120, PASSAGE_NOTES, 300)
"""Of which the figures are given."""
PER_PIECE, PER_PIECE_WHILE_TRAINING = 8, 4
"""Passages of a piece at most, evenly spread."""


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """How the passages of one class were taken.

    Attributes
    ----------
    name
        Of the class.
    works, passages
        How many.
    recall
        Share that was taken for what it is, with its interval by bootstrap over works.
    taken_for
        Class → how many were taken for it.
    """

    name: str
    works: int
    passages: int
    recall: Estimate
    taken_for: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class LabelFigures:
    """How passages of one length were taken.

    Attributes
    ----------
    notes
        Of each passage.
    classes
        A row for each class.
    balanced_accuracy
        The mean of the recalls; every class is drawn anew for its interval, works whole.
    cross_entropy
        Mean over classes of the mean loss, in nats per passage.
    """

    notes: int
    classes: tuple[ClassFigures, ...]
    balanced_accuracy: Estimate
    cross_entropy: float


@dataclass(frozen=True, kw_only=True)
class LabelEvaluation(Evaluation):
    """What a classifier takes held-out passages for.

    Attributes
    ----------
    figures
        One entry for each length of passages.
    """

    figures: tuple[LabelFigures, ...]

    title = "Confusion matrix"
    explanation = (
        "Each row is a class of held-out passages; under the name of a class stands the share of them that was taken "
        "for it. Intervals (95 %) are by bootstrap over works: passages of a work, and its performances, are drawn "
        "together. By chance a class would be recognised once in as many times as there are classes."
    )

    @property
    def main(self) -> LabelFigures:
        """Those of the usual length."""
        return next(figures for figures in self.figures if figures.notes == PASSAGE_NOTES)

    def headline(self) -> str:
        """Give the balanced accuracy."""
        main = self.main
        return (
            f"balanced accuracy {main.balanced_accuracy} over {sum(row.passages for row in main.classes)} passages of "
            f"{main.notes} notes, {sum(row.works for row in main.classes)} works of {self.split}"
        )

    def tables(self) -> dict[str, Rows]:
        """Give the confusion matrix, and the recalls of passages of other lengths."""
        matrix: Rows = [
            {
                "class": row.name,
                "works": row.works,
                "passages": row.passages,
                **{name: count / row.passages if row.passages else None for name, count in row.taken_for.items()},
                "recall": str(row.recall),
            }
            for row in self.main.classes
        ]
        lengths: Rows = [
            {
                "notes": figures.notes,
                "balanced accuracy": str(figures.balanced_accuracy),
                **{row.name: row.recall.value for row in figures.classes},
                "cross-entropy": figures.cross_entropy,
            }
            for figures in self.figures
        ]
        return {"": matrix, "By the length of the passage": lengths}

    def facts(self) -> dict[str, str | float]:
        """Name the length of the passages."""
        return {"notes of a passage": PASSAGE_NOTES, "passages of a piece, at most": PER_PIECE}


class LabelStudy(Study):
    """Classifiers of passages of notes."""

    prepare_option = "--tokenizer"
    models = NoteClassifier
    Augmentation = PassageAugmentation

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self._tokenizer = tokenizer_of(dataset)

    @property
    def codec(self) -> Tokenizer:
        """The tokenizer."""
        return self._tokenizer

    def model_settings(self) -> dict[str, Any]:
        """Give nothing: a classifier reads notes, whatever ids they were kept in."""
        return {}

    def batches(self, model: Model, config: TrainerConfig, augmentation: Any) -> PassageBatches:
        """Give passages of the training pieces, each class as often as any other."""
        assert isinstance(model, NoteClassifier)  # as ``models`` says
        pieces = self.dataset.pieces("train")
        return PassageBatches(
            [piece.array for piece in pieces],
            [model.label(piece.metadata) for piece in pieces],
            model.config.classes,
            self.codec,
            batch=config.batch,
            seed=config.seed,
            augmentation=augmentation,
        )

    def scorer(self, precision: Precision) -> Scorer | None:
        """Score on evenly spread passages of the held-out pieces: class-balanced cross-entropy."""
        pieces = self.dataset.pieces("validation")
        if not pieces:
            return None
        cut: list[tuple[Piece, list[Notes]]] = []

        def score(model: Model) -> Mapping[str, float]:
            assert isinstance(model, NoteClassifier)  # as ``models`` says
            if not cut:
                cut.extend(self._cut(model, pieces, PASSAGE_NOTES, PER_PIECE_WHILE_TRAINING))
            found = _figures(model, cut, PASSAGE_NOTES)
            return {"score": found.cross_entropy, "balanced_accuracy": found.balanced_accuracy.value}

        return score

    def observer(self, run: Path, seed: int) -> Observer | None:
        """Give nothing: a classifier makes no music."""
        return None

    def evaluate(
        self,
        model: Model,
        pieces: Sequence[Piece],
        *,
        subject: Subject,
        precision: Precision,
        progress: Callable[[int, int], None] | None,
    ) -> LabelEvaluation:
        """Take passages of several lengths for what the classifier takes them, beside what they are."""
        assert isinstance(model, NoteClassifier)  # as ``models`` says
        figures = []
        for done, length in enumerate(LENGTHS):
            figures.append(_figures(model, self._cut(model, pieces, length, PER_PIECE), length))
            if progress is not None:
                progress(done + 1, len(LENGTHS))
        return LabelEvaluation(**subject, figures=tuple(figures))

    def _cut(
        self, model: NoteClassifier, pieces: Sequence[Piece], length: int, most: int
    ) -> list[tuple[Piece, list[Notes]]]:
        """Cut the pieces that have a class into passages."""
        cut = [
            (piece, spread_passages(self.codec.decode_notes(piece.array), length, most))
            for piece in pieces
            if model.label(piece.metadata) is not None
        ]
        if not cut:
            raise ConfigError(
                f"no piece of {self.dataset.folder} says in its column '{model.config.column}' that it is one of "
                f"{', '.join(model.config.classes)}"
            )
        return cut


def _figures(model: NoteClassifier, cut: Sequence[tuple[Piece, Sequence[Notes]]], length: int) -> LabelFigures:
    """Read passages and count what they are taken for."""
    reading = read_pieces(model, [passage for _, passages in cut for passage in passages])
    labels = np.array([model.label(piece.metadata) for piece, passages in cut for _ in passages], dtype=np.int64)
    works = [piece.metadata.get("work") or piece.name for piece, passages in cut for _ in passages]
    return count_taken(reading, labels, works, length)


def count_taken(
    reading: Reading, labels: np.ndarray[Any, np.dtype[np.int64]], works: Sequence[str], length: int
) -> LabelFigures:
    """Count what passages were taken for.

    Parameters
    ----------
    reading
        Of P passages.
    labels
        What each is; int64 ``[P]``.
    works
        Whose works they are from.
    length
        Notes of each.
    """
    loss = -reading.log_probabilities[np.arange(len(labels)), labels]
    right = (reading.chosen == labels).astype(np.float64)
    rows, strata, losses = [], [], []
    for number, name in enumerate(reading.classes):
        mine = np.flatnonzero(labels == number)
        own = [works[place] for place in mine.tolist()]
        nothing = Estimate(value=float("nan"), low=float("nan"), high=float("nan"))
        counts = np.bincount(reading.chosen[mine], minlength=len(reading.classes))
        rows.append(
            ClassFigures(
                name=name,
                works=len(set(own)),
                passages=len(mine),
                recall=bootstrap_mean(right[mine], own) if len(mine) else nothing,
                taken_for=dict(zip(reading.classes, counts.tolist(), strict=True)),
            )
        )
        if len(mine):
            strata.append((right[mine], own))
            losses.append(float(loss[mine].mean()))
    return LabelFigures(
        notes=length,
        classes=tuple(rows),
        balanced_accuracy=bootstrap_mean_of_strata(strata),
        cross_entropy=float(np.mean(losses)),
    )
