"""Reading pieces with a classifier: what each is taken for, and where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tonada.symbolic.classifiers.base import NoteClassifier
from tonada.symbolic.classifiers.passages import collate, parts_of
from tonada.symbolic.notes import Floats, Notes

_BATCH = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What a classifier says of P pieces.

    Attributes
    ----------
    classes
        C names.
    log_probabilities
        float64 ``[P, C]``, nats; of a piece that is read in parts the mean over them, so that rows of long pieces need
        not sum to 1.
    embeddings
        float64 ``[P, E]``, of a piece in parts their mean.
    """

    classes: tuple[str, ...]
    log_probabilities: Floats
    embeddings: Floats

    @property
    def chosen(self) -> NDArray[np.int64]:
        """The most probable class of each piece, the first of equals; int64 ``[P]``."""
        chosen: NDArray[np.int64] = self.log_probabilities.argmax(axis=1).astype(np.int64)
        return chosen

    def log_odds(self, name: str) -> Floats:
        """Give ln p / q of a class for each piece, q being the probability of all others; float64 ``[P]``."""
        place = self.classes.index(name)
        others = np.delete(self.log_probabilities, place, axis=1)
        odds: Floats = self.log_probabilities[:, place] - np.logaddexp.reduce(others, axis=1)
        return odds


def read_pieces(model: NoteClassifier, pieces: Sequence[Notes]) -> Reading:
    """Read pieces of any length.

    Parameters
    ----------
    model
        In evaluation mode, where its weights are.
    pieces
        P of them, after the round trip of the tokenizer that the classifier learned from.
    """
    parts = [(number, part) for number, notes in enumerate(pieces) for part in parts_of(notes)]
    owner = np.array([number for number, _ in parts], dtype=np.int64)
    device = next(model.parameters()).device
    classes = model.config.classes
    logits, embeddings = np.zeros((len(parts), len(classes))), np.zeros((len(parts), model.config.embedding))
    order = sorted(range(len(parts)), key=lambda place: len(parts[place][1]))
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            batch = collate([parts[row][1] for row in rows])
            embedded = model.embed(batch["features"].to(device), batch["mask"].to(device))
            logits[rows] = model.head(embedded).float().log_softmax(dim=1).cpu().numpy()
            embeddings[rows] = embedded.float().cpu().numpy()
    return Reading(
        classes=classes,
        log_probabilities=_means(logits, owner, len(pieces)),
        embeddings=_means(embeddings, owner, len(pieces)),
    )


def _means(values: Floats, owner: NDArray[np.int64], count: int) -> Floats:
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, owner, values)
    means: Floats = sums / np.bincount(owner, minlength=count)[:, None]
    return means
