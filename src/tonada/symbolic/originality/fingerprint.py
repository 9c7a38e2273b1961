"""The fingerprint of a corpus: hashes of all its pieces in one file, read in a fraction of a second.

What is in the file, for P pieces of N notes together, their lines end to end:

============  ===================  ====================================================================================
``bits``      uint8 [⌈N / 2⌉]      four bits of the figure that begins at each place, two places a byte, the first lower
``steps``     uint8 [⌈N / 2⌉]      steps from onset to onset, likewise; see `tonada.symbolic.originality.figures`
``works``     uint8 [2¹⁹]          in how many works the figures of a bucket occur, two buckets a byte; see `WORKS_STEP`
``marks``     uint16 [M]           steps from every 64th place of a piece to the next
``about``     JSON                 composer, title, work, file, notes and first onset of each piece; hash of the file
============  ===================  ====================================================================================
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tonada.errors import DataError
from tonada.files import translated_errors, write_bytes
from tonada.symbolic.ngrams import Hashes
from tonada.symbolic.notes import Floats, Ints
from tonada.symbolic.originality.figures import CHORD_S, FIGURE, STEP_S, STEPS, Nibbles

FORMAT = 1
BUCKET_BITS = 20
"""A figure's bucket is the first so many bits of its hash."""
WORKS_STEP = 0.6
"""That w works have a figure is kept as round(log₂ w / step): four bits reach up to 512 works."""
MARK_EVERY = 64
"""Places from one mark of time to the next."""
_COLUMNS = ("bits", "steps", "works", "marks")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A piece of the corpus.

    Attributes
    ----------
    composer, title, work, name
        As in the catalogue of the data set.
    notes
        How many it has.
    start_s
        Its first onset, in seconds.
    """

    composer: str
    title: str
    work: str
    name: str
    notes: int
    start_s: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Fingerprint:
    """A corpus to compare with; see the module for what the columns are.

    Attributes
    ----------
    bits, steps, works, marks
        The columns.
    sources
        The pieces, in the order of their places.
    corpus
        What it was made from, a word for people.
    data_sha256
        Hash of the data set.
    """

    bits: Nibbles
    steps: Nibbles
    works: Nibbles
    marks: NDArray[np.uint16]
    sources: tuple[Source, ...]
    corpus: str
    data_sha256: str

    @classmethod
    def load(cls, path: Path | None = None) -> Fingerprint:
        """Read a fingerprint; the one that Tonada brings where no path is given.

        Raises
        ------
        DataError
            The file is not there, is damaged, or is of another format.
        """
        path = path or shipped_path()
        with translated_errors(path):
            data = path.read_bytes()
        try:
            columns = load(data)
            told = json.loads(columns.pop("about").tobytes())
            if told["made_with"] != _made_with():
                raise DataError(path, "is a fingerprint of another format; make it again")
            if told["sha256"] != _digest(columns, told):
                raise DataError(path, "is damaged: its content is not what was written")
            return cls(
                **columns,
                sources=tuple(Source(**entry) for entry in told["pieces"]),
                corpus=told["corpus"],
                data_sha256=told["data_sha256"],
            )
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(path, "is no fingerprint of a corpus, or is damaged") from error

    def save(self, path: Path) -> None:
        """Write it; the same fingerprint gives the same bytes.

        Raises
        ------
        DataError
            The folder cannot be written.
        ResourceError
            The disk is full.
        """
        columns: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _COLUMNS}
        told: dict[str, Any] = {
            "made_with": _made_with(),
            "corpus": self.corpus,
            "data_sha256": self.data_sha256,
            "pieces": [asdict(source) for source in self.sources],
        }
        told["sha256"] = _digest(columns, told)
        write_bytes(path, save({**columns, "about": np.frombuffer(_json(told), dtype=np.uint8)}))

    @cached_property
    def starts(self) -> Ints:
        """First place of each piece, and where the last ends; int64 [P + 1]."""
        return np.concatenate(([0], np.cumsum([source.notes for source in self.sources], dtype=np.int64)))

    @cached_property
    def codes(self) -> NDArray[np.uint16]:
        """The bits of four figures in a row, which are eight notes, for each place; uint16 [N]."""
        low, high = self.bits.astype(np.uint16), np.append(self.bits[1:], np.uint8(0)).astype(np.uint16)
        codes = np.empty(2 * len(low), dtype=np.uint16)
        codes[0::2] = low | (high << 8)
        codes[1::2] = (low >> 4) | (high << 4) | (np.append(low[2:], np.zeros(2, np.uint16))[: len(low)] << 12)
        return codes[: self.starts[-1]]

    @cached_property
    def work_count(self) -> int:
        """How many different works the pieces are."""
        return len({source.work or source.name for source in self.sources})

    @cached_property
    def _mark_s(self) -> tuple[Ints, Floats]:
        """Number of each piece's first mark [P + 1], and the seconds of all marks [M] from the first onset."""
        first = np.concatenate(([0], np.cumsum(mark_counts(np.diff(self.starts)))))
        total = np.cumsum(self.marks, dtype=np.int64)
        before = np.concatenate(([0], total))[first[:-1]]
        return first, (total - np.repeat(before, np.diff(first))) * STEP_S

    def bits_at(self, places: Ints) -> Nibbles:
        """Give the bits of the figures at places of the corpus; uint8, the shape of ``places``."""
        return unpacked(self.bits, places)

    def steps_at(self, places: Ints) -> Nibbles:
        """Give the steps before the notes at places of the corpus; uint8, the shape of ``places``."""
        return unpacked(self.steps, places)

    def rarities(self, hashes: Hashes) -> Floats:
        """Give log₂ of all works by those that have a figure, 0 if all of them have it; float64, the shape given."""
        level = unpacked(self.works, bucket_of(hashes))
        rarity: Floats = np.maximum(np.log2(self.work_count) - WORKS_STEP * level, 0.0)
        return rarity

    def piece_at(self, places: Ints) -> Ints:
        """Give the number of the piece at each place; int64."""
        return np.searchsorted(self.starts, places, side="right") - 1

    def seconds_at(self, place: int) -> float:
        """Give when the note at a place begins, in seconds of its piece: as if notes were even between two marks."""
        piece = int(self.piece_at(np.array([place]))[0])
        first, seconds = self._mark_s
        mine = seconds[first[piece] : first[piece + 1]]
        marked = np.minimum(np.arange(len(mine)) * MARK_EVERY, self.sources[piece].notes - 1)
        return self.sources[piece].start_s + float(np.interp(place - self.starts[piece], marked, mine))


def shipped_path() -> Path:
    """Give where the fingerprint lies that Tonada brings; an installation may be without it."""
    from tonada.runs import pretrained_folder  # brings torch along, which comparing does not need

    return pretrained_folder() / "originality" / "fingerprint.safetensors"


def bucket_of(hashes: Hashes) -> Ints:
    """Give the bucket of each figure; int64."""
    return (hashes >> np.uint64(64 - BUCKET_BITS)).astype(np.int64)


def mark_counts(notes: Ints) -> Ints:
    """Give how many marks pieces of so many notes have, at places 0, 64, 128 … and at the last; int64."""
    return np.maximum(notes - 2, 0) // MARK_EVERY + 2


def packed(values: Nibbles) -> Nibbles:
    """Write numbers from 0 to 15 two a byte."""
    even = np.append(values, np.zeros(len(values) % 2, dtype=np.uint8))
    both: Nibbles = even[0::2] | (even[1::2] << np.uint8(4))
    return both


def unpacked(column: Nibbles, index: Ints) -> Nibbles:
    """Give the numbers at an index of what `packed` wrote."""
    one: Nibbles = (column[index >> 1] >> ((index & 1) << 2).astype(np.uint8)) & np.uint8(15)
    return one


def _made_with() -> dict[str, float]:
    """Give what shapes the columns: a fingerprint of other numbers cannot be compared with."""
    return {
        "format": FORMAT,
        "chord_s": CHORD_S,
        "figure": FIGURE,
        "step_s": STEP_S,
        "steps": STEPS,
        "bucket_bits": BUCKET_BITS,
        "works_step": WORKS_STEP,
        "mark_every": MARK_EVERY,
    }


def _digest(columns: Mapping[str, NDArray[Any]], told: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for name in _COLUMNS:
        digest.update(columns[name].tobytes())
    digest.update(_json({key: value for key, value in told.items() if key != "sha256"}))
    return digest.hexdigest()


def _json(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
