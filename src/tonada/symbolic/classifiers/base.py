"""What a classifier of notes promises: features of passages in, logits of classes out, and an embedding on the way.

Axes: B batch · N notes · F features · C classes · E width of the embedding. Passages of a batch are filled up to the
longest; ``mask`` is True where there is a note, and what is filled up changes nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from tonada.errors import ConfigError
from tonada.model import Batch, Losses, Model
from tonada.symbolic.describing import composer_name

COMPOSER = "composer"
"""The column of a catalogue whose names are compared however they are written."""
OTHER = "other"
"""The class of what belongs to none of the named ones."""


class NoteClassifier(Model):
    """A classifier of passages. Its config has ``classes``, ``column`` and ``embedding`` (E).

    Parameters
    ----------
    config
        Its settings.
    """

    adjustable: ClassVar[tuple[str, ...]] = ("dropout",)

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.head = nn.Linear(config.embedding, len(config.classes))

    @abstractmethod
    def embed(self, features: Tensor, mask: Tensor) -> Tensor:
        """Give the embedding of passages: float32 ``[B, N, F]`` and bool ``[B, N]`` → float32 ``[B, E]``."""

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Give the logits of the classes: ``[B, N, F]`` and ``[B, N]`` → ``[B, C]``."""
        result: Tensor = self.head(self.embed(features, mask))
        return result

    def losses(self, batch: Batch, step: int) -> Losses:
        """Yield the mean cross-entropy, in nats per passage.

        Parameters
        ----------
        batch
            ``features`` float32 ``[B, N, F]``, ``mask`` bool ``[B, N]``, ``labels`` int64 ``[B]``.
        step
            Unused.
        """
        logits = self(batch["features"], batch["mask"])
        yield "model", {"cross_entropy": F.cross_entropy(logits.float(), batch["labels"])}

    def label(self, row: Mapping[str, str]) -> int | None:
        """Give the number of a piece's class; see ``label_of``."""
        return label_of(row, self.config.column, self.config.classes)


def label_of(row: Mapping[str, str], column: str, classes: tuple[str, ...]) -> int | None:
    """Find the class of a piece.

    Parameters
    ----------
    row
        Of the catalogue.
    column
        What says the class. Under "composer" the names are compared however they are written.
    classes
        Names; "other" stands for what is none of the others.

    Returns
    -------
    int or None
        Its number; None for a piece that belongs to no class: nobody's, or by several composers of whom one has a
        class, and whose hand is heard is not said.
    """
    value = row.get(column, "")
    name = composer_name(value, classes) if column == COMPOSER else value if value in classes else None
    if name is None and column != COMPOSER and value and OTHER in classes:
        name = OTHER
    return None if name is None else classes.index(name)


def check_classifier(owner: str, classes: tuple[str, ...], dropout: float, **sizes: int) -> None:
    """Check the settings that classifiers share.

    Parameters
    ----------
    owner
        Name of the config.
    classes
        At least two, all different.
    dropout
        0 ≤ dropout < 1.
    **sizes
        At least 1 each.

    Raises
    ------
    ConfigError
        A value is out of range.
    """
    if len(set(classes)) < max(2, len(classes)):
        raise ConfigError(f"{owner}.classes must be at least two different names; got {', '.join(classes)}")
    if not 0.0 <= dropout < 1.0:
        raise ConfigError(f"{owner}.dropout must be at least 0 and less than 1; got {dropout}")
    for name, value in sizes.items():
        if value < 1:
            raise ConfigError(f"{owner}.{name} must be at least 1; got {value}")
