"""What a classifier of notes promises: features of passages in, logits of classes out, and an embedding on the way.

Axes: B batch · N notes · F features · C classes · E width of the embedding. Passages of a batch are filled up to the
longest; ``mask`` is True where there is a note, and what is filled up changes nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
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
    """A classifier of passages. Its config has ``classes``, ``finer``, ``column`` and ``embedding`` (E).

    ``finer`` names parts of the class "other" that are learned as classes of their own, though "other" is all that is
    said of them: what is told apart has more structure than "none of these".

    Parameters
    ----------
    config
        Its settings.
    """

    adjustable: ClassVar[tuple[str, ...]] = ("dropout",)

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.head = nn.Linear(config.embedding, len(config.classes) + len(config.finer))

    @abstractmethod
    def embed(self, features: Tensor, mask: Tensor) -> Tensor:
        """Give the embedding of passages: float32 ``[B, N, F]`` and bool ``[B, N]`` → float32 ``[B, E]``."""

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Give the logits of the classes: ``[B, N, F]`` and ``[B, N]`` → ``[B, C]``."""
        return self.classify(self.embed(features, mask))

    def classify(self, embedded: Tensor) -> Tensor:
        """Give the logits of the classes: ``[B, E]`` → ``[B, C]``; that of "other" sums up its parts."""
        config = self.config
        logits: Tensor = self.head(embedded).float()
        coarse, parts = logits.split([len(config.classes), len(config.finer)], dim=1)
        if not config.finer:
            return coarse
        place = config.classes.index(OTHER)
        whole = torch.cat((coarse[:, place : place + 1], parts), dim=1).logsumexp(dim=1, keepdim=True)
        return torch.cat((coarse[:, :place], whole, coarse[:, place + 1 :]), dim=1)

    def losses(self, batch: Batch, step: int) -> Losses:
        """Yield the mean cross-entropy, in nats per passage.

        Parameters
        ----------
        batch
            ``features`` float32 ``[B, N, F]``, ``mask`` bool ``[B, N]``, ``labels`` int64 ``[B]``: numbers of
            classes, and from C on of parts of "other".
        step
            Unused.
        """
        logits = self.head(self.embed(batch["features"], batch["mask"]))
        yield "model", {"cross_entropy": F.cross_entropy(logits.float(), batch["labels"])}

    def label(self, row: Mapping[str, str]) -> int | None:
        """Give the number of a piece's class; see ``label_of``."""
        return label_of(row, self.config.column, self.config.classes)

    def target(self, row: Mapping[str, str]) -> int | None:
        """Give what is learned of a piece: its class, or from C on the part of "other" that it is in."""
        config, label = self.config, self.label(row)
        if label is None or config.classes[label] != OTHER:
            return label
        finer = label_of(row, config.column, (*config.classes, *config.finer))
        return label if finer is None else finer


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


def check_classifier(
    owner: str, classes: tuple[str, ...], finer: tuple[str, ...], dropout: float, **sizes: int
) -> None:
    """Check the settings that classifiers share.

    Parameters
    ----------
    owner
        Name of the config.
    classes
        At least two, all different.
    finer
        Parts of "other", none of them a class; there has to be such a class.
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
    if finer and (OTHER not in classes or len({*classes, *finer}) < len(classes) + len(finer)):
        raise ConfigError(f"{owner}.finer names parts of the class 'other', different from all classes; got {finer}")
    if not 0.0 <= dropout < 1.0:
        raise ConfigError(f"{owner}.dropout must be at least 0 and less than 1; got {dropout}")
    for name, value in sizes.items():
        if value < 1:
            raise ConfigError(f"{owner}.{name} must be at least 1; got {value}")
