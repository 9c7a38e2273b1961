"""From MIDI files to ids, in one process or several, with results in the order of the files."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada import registry
from tonada.config import from_mapping
from tonada.errors import DataError
from tonada.sources import SourceFile, read_file
from tonada.symbolic.corpus.duplicates import fingerprint
from tonada.symbolic.corpus.kind import MIDI
from tonada.symbolic.midi import read_midi_bytes
from tonada.symbolic.ngrams import Hashes
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.pulse import steady_bpm
from tonada.symbolic.tokenizers.base import Tokenizer
from tonada.workers import read_in_order

MAX_PIECE_S = 6 * 3600.0
"""A longer piece is a file with broken times."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What reading one file gave: a piece, or the reason why it is none.

    Attributes
    ----------
    reason
        Why the file is skipped; empty for a piece.
    ids
        uint16 [T].
    notes, seconds
        Number of folded notes, and the end of the last one.
    tempo_bpm
        Quarter notes per minute of a score that keeps its tempo; see `tonada.symbolic.pulse`.
    digest
        Hash of the file's bytes, 32 hexadecimal digits.
    notes_digest
        Hash of the folded notes' pitches in the order of their onsets. No two performances agree in it.
    fingerprint
        Sampled hashes of the piece's n-grams; see `tonada.symbolic.corpus.duplicates`.
    """

    reason: str = ""
    ids: NDArray[np.uint16] | None = None
    notes: int = 0
    seconds: float = 0.0
    tempo_bpm: float | None = None
    digest: str = ""
    notes_digest: str = ""
    fingerprint: Hashes = field(default_factory=lambda: np.empty(0, dtype=np.uint64))


class Reader:
    """Reads files into ids with one tokenizer.

    Parameters
    ----------
    tokenizer
        Registry name.
    config
        Its settings.
    min_notes
        A file with fewer notes is skipped.
    """

    def __init__(self, tokenizer: str, config: Mapping[str, Any], min_notes: int) -> None:
        tokenizer_class = registry.resolve("tokenizer", tokenizer)
        self.tokenizer: Tokenizer = tokenizer_class(from_mapping(tokenizer_class.Config, config))
        self.min_notes = min_notes
        self._open_zips: dict[Path, zipfile.ZipFile] = {}

    def read(self, file: SourceFile) -> Reading:
        """Read one file; what is wrong with it becomes the reason."""
        try:
            data = read_file(file, self._open_zips, MIDI.largest_bytes)
            score = read_midi_bytes(data, path=Path(file.name))
        except DataError as error:
            return Reading(reason=error.reason)
        silent = score.why_silent
        if silent is not None:
            return Reading(reason=silent)
        notes = fold_pedal(score)
        if len(notes) < self.min_notes:
            return Reading(reason=f"fewer than {self.min_notes} notes ({len(notes)})")
        if notes.end_s > MAX_PIECE_S:
            return Reading(
                reason=f"lasts {notes.end_s / 3600:.0f} h; more than {MAX_PIECE_S / 3600:.0f} h are broken times"
            )
        return Reading(
            ids=self.tokenizer.encode(score),
            notes=len(notes),
            seconds=notes.end_s,
            tempo_bpm=steady_bpm(score),
            digest=hashlib.blake2b(data, digest_size=16).hexdigest(),
            notes_digest=_notes_digest(notes),
            fingerprint=fingerprint(notes),
        )

    def close(self) -> None:
        """Close the zips."""
        for archive in self._open_zips.values():
            archive.close()


def read_all(
    files: Sequence[SourceFile],
    *,
    tokenizer: str,
    config: Mapping[str, Any],
    min_notes: int,
    jobs: int,
    progress: Callable[[int, int], None] | None = None,
) -> Generator[Reading]:
    """Read files, in their order, with at most a few batches per process waiting.

    Parameters
    ----------
    files
        What to read.
    tokenizer, config, min_notes
        See `Reader`.
    jobs
        Number of processes; 1 reads in this one.
    progress
        Called with the number of files read and of all files.

    Yields
    ------
    Reading
        One per file.

    Raises
    ------
    ResourceError
        A process died, most likely for want of memory.
    """
    yield from read_in_order(files, Reader, (tokenizer, dict(config), min_notes), jobs=jobs, progress=progress)


def _notes_digest(notes: Notes) -> str:
    """Hash the pitches in the order of onsets: the same for a file saved anew, at another tempo or resolution."""
    return hashlib.blake2b(notes.pitch.astype(np.uint8).tobytes(), digest_size=16).hexdigest()
