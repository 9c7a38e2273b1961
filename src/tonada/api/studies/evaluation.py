"""What ``evaluate`` gives, whatever the model learned from."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypedDict

Rows = Sequence[Mapping[str, str | float | None]]


class Subject(TypedDict):
    """What was evaluated, and on what; the attributes of an ``Evaluation``."""

    model: Path
    weights_sha256: str
    data: Path
    data_sha256: str
    split: str
    limit: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report(ABC):
    """Something that ``evaluate`` found: figures with their tables.

    Attributes
    ----------
    files
        What was written.
    """

    files: tuple[Path, ...] = ()

    title: ClassVar[str]
    """What the figures are, in a word or two."""
    explanation: ClassVar[str]
    """How the tables are to be read."""

    @abstractmethod
    def headline(self) -> str:
        """Say in one line what was evaluated."""

    @abstractmethod
    def tables(self) -> dict[str, Rows]:
        """Give the figures: heading → rows; the heading may be empty."""

    @abstractmethod
    def facts(self) -> dict[str, str | float]:
        """Name what the figures hold for, beside their subject."""

    def subject(self) -> dict[str, Any]:
        """Name what was evaluated, and on what."""
        return {}

    def charts(self) -> Sequence[str]:
        """Give the pictures of a page, as SVG; none unless a report has some."""
        return ()

    def document(self) -> dict[str, Any]:
        """Give everything but the list of files."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "files"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation(Report):
    """What ``evaluate`` found of a model.

    Attributes
    ----------
    model, weights_sha256
        Folder of the model, and the hash of its file of weights.
    data, data_sha256
        The data set, and the hash of its manifest.
    split
        Of the data set.
    limit
        Only so many pieces were read; None for all.
    files
        What was written.
    """

    model: Path
    weights_sha256: str
    data: Path
    data_sha256: str
    split: str
    limit: int | None

    def subject(self) -> dict[str, Any]:
        """Name model, data and split."""
        return {name: getattr(self, name) for name in Subject.__annotations__}
