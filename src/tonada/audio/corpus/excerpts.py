"""A clip that has been read, and how splitting and the search for repeats see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tonada.audio.corpus.reading import Reading
from tonada.sources import SourceFile

Row = Mapping[str, str | int | float]


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """What is known of a clip.

    Attributes
    ----------
    name
        Of its file, unique.
    label, track
        See `tonada.audio.corpus.kind`.
    seconds
        Its length.
    digest
        Hash of its samples.
    """

    name: str
    label: str
    track: str
    seconds: float
    digest: str = ""


class Taken(NamedTuple):
    """A file that gave a clip."""

    file: SourceFile
    excerpt: Excerpt
    reading: Reading

    @property
    def seconds(self) -> float:
        """How much of it lies in segments."""
        return sum(segment.seconds for segment in self.reading.segments)
