"""Making the fingerprint of a prepared data set: piece by piece, the same bytes whatever the number of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.data import Dataset, Piece
from tonada.errors import ConfigError, DataError
from tonada.runs import build_codec
from tonada.symbolic.notes import Ints, Notes
from tonada.symbolic.originality.figures import STEP_S, Nibbles, find_figures
from tonada.symbolic.originality.fingerprint import (
    BUCKET_BITS,
    MARK_EVERY,
    WORKS_STEP,
    Fingerprint,
    Source,
    bucket_of,
    mark_counts,
    packed,
)
from tonada.symbolic.tokenizers.base import Tokenizer
from tonada.workers import check_jobs, read_in_order


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What is taken of one piece of N ≥ 1 notes: its columns, and the buckets of its figures, rising."""

    source: Source
    bits: Nibbles
    steps: Nibbles
    marks: NDArray[np.uint16]
    buckets: Ints


class PieceReader:
    """Turns pieces into what is taken of them.

    Parameters
    ----------
    codec
        The table of the tokenizer that made them.

    Raises
    ------
    ConfigError
        It is no tokenizer.
    """

    def __init__(self, codec: dict[str, Any]) -> None:
        built = build_codec(codec)
        if not isinstance(built, Tokenizer):
            raise ConfigError(f"a fingerprint is made of notes; {codec['name']} is a codec of another kind")
        self.tokenizer = built

    def read(self, task: Piece) -> Reading:
        """Read one piece."""
        told = {key: str(task.metadata.get(key) or "") for key in ("composer", "title", "work")}
        return read_piece(self.tokenizer.decode_notes(task.array), name=task.name, **told)

    def close(self) -> None:
        """Nothing is open."""


def read_piece(notes: Notes, *, composer: str, title: str, work: str, name: str) -> Reading:
    """Take of a piece what a fingerprint keeps.

    Parameters
    ----------
    notes
        At least one.
    composer, title, work, name
        What it is called.
    """
    found = find_figures(notes)
    bits = np.zeros(len(notes), dtype=np.uint8)
    bits[: len(found.bits)] = found.bits
    marked = np.minimum(np.arange(int(mark_counts(np.array([len(notes)]))[0])) * MARK_EVERY, len(notes) - 1)
    steps = np.rint((found.onset_s[marked] - found.onset_s[0]) / STEP_S).astype(np.int64)
    start_s = round(float(found.onset_s[0]), 3)
    return Reading(
        source=Source(composer=composer, title=title, work=work, name=name, notes=len(notes), start_s=start_s),
        bits=bits,
        steps=found.steps,
        marks=np.clip(np.diff(steps, prepend=0), 0, np.iinfo(np.uint16).max).astype(np.uint16),
        buckets=np.unique(bucket_of(found.hashes)),
    )


def build_fingerprint(
    dataset: Dataset,
    *,
    corpus: str,
    split: str = "train",
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Fingerprint:
    """Make the fingerprint of a split.

    Parameters
    ----------
    dataset
        A data set of notes, made with any tokenizer.
    corpus
        What it is, a word for people.
    split
        "train", "validation" or "test".
    jobs
        Number of processes.
    progress
        Called with the pieces done, and all of them.

    Raises
    ------
    ConfigError
        The data set is not one of notes, or ``jobs`` is below 1.
    UnknownNameError
        There is no such split.
    DataError
        The split has no pieces.
    """
    check_jobs(jobs)
    pieces = [piece for piece in dataset.pieces(split) if len(piece.array)]
    if not pieces:
        raise DataError(dataset.folder, f"has no pieces in its split '{split}'")
    codec = dict(dataset.manifest["codec"])
    readings = read_in_order(pieces, PieceReader, (codec,), jobs=jobs, progress=progress)
    return join_readings((one for one in readings if one.source.notes), corpus=corpus, data_sha256=dataset.sha256)


def join_readings(readings: Iterable[Reading], *, corpus: str, data_sha256: str) -> Fingerprint:
    """Put what was taken of pieces together.

    Parameters
    ----------
    readings
        One a piece, consumed one by one.
    corpus, data_sha256
        As `Fingerprint` has them.
    """
    sources: list[Source] = []
    columns: dict[str, list[NDArray[Any]]] = {"bits": [], "steps": [], "marks": []}
    by_work: dict[str, Ints] = {}
    for reading in readings:
        sources.append(reading.source)
        for name, parts in columns.items():
            parts.append(getattr(reading, name))
        work = reading.source.work or reading.source.name
        by_work[work] = np.union1d(by_work.get(work, reading.buckets), reading.buckets)
    spread = np.zeros(1 << BUCKET_BITS, dtype=np.int64)
    for buckets in by_work.values():
        spread[buckets] += 1
    level = np.minimum(np.rint(np.log2(np.maximum(spread, 1)) / WORKS_STEP), 15).astype(np.uint8)
    return Fingerprint(
        bits=packed(np.concatenate(columns["bits"])),
        steps=packed(np.concatenate(columns["steps"])),
        works=packed(level),
        marks=np.concatenate(columns["marks"]),
        sources=tuple(sources),
        corpus=corpus,
        data_sha256=data_sha256,
    )
