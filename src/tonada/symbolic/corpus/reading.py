"""From MIDI files to ids, in one process or several, with results in the order of the files."""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
import zipfile
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada import registry
from tonada.config import from_mapping
from tonada.errors import DataError, ResourceError
from tonada.symbolic.corpus.duplicates import Hashes, fingerprint
from tonada.symbolic.corpus.sources import MidiFile, read_file
from tonada.symbolic.midi import read_midi_bytes
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.tokenizers.base import Tokenizer

MAX_PIECE_S = 6 * 3600.0
"""A longer piece is a file with broken times."""
BATCH = 8
"""Files that a worker takes at a time."""
POOL_FROM = 4 * BATCH
"""With fewer files, starting processes takes longer than it saves."""


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

    def read(self, file: MidiFile) -> Reading:
        """Read one file; what is wrong with it becomes the reason."""
        try:
            data = read_file(file, self._open_zips)
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
            digest=hashlib.blake2b(data, digest_size=16).hexdigest(),
            notes_digest=_notes_digest(notes),
            fingerprint=fingerprint(notes),
        )

    def close(self) -> None:
        """Close the zips."""
        for archive in self._open_zips.values():
            archive.close()


def read_all(
    files: Sequence[MidiFile],
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
    if jobs <= 1 or len(files) < POOL_FROM:
        reader = Reader(tokenizer, config, min_notes)
        try:
            for done, file in enumerate(files, start=1):
                yield reader.read(file)
                if progress:
                    progress(done, len(files))
        finally:
            reader.close()
        return
    batches = [files[start : start + BATCH] for start in range(0, len(files), BATCH)]
    pool = ProcessPoolExecutor(
        min(jobs, len(batches)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(tokenizer, dict(config), min_notes),
    )
    waiting: deque[Future[list[Reading]]] = deque()
    done = 0
    try:
        for batch in batches:
            waiting.append(pool.submit(_read_batch, batch))
            if len(waiting) > 2 * jobs:
                for reading in waiting.popleft().result():
                    yield reading
                    done += 1
                if progress:
                    progress(done, len(files))
        while waiting:
            for reading in waiting.popleft().result():
                yield reading
                done += 1
            if progress:
                progress(done, len(files))
    except BrokenProcessPool as error:
        raise ResourceError("a reading process died, most likely for want of memory. Try --jobs 1") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_reader: Reader | None = None


def _start_worker(tokenizer: str, config: Mapping[str, Any], min_notes: int) -> None:
    global _reader
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the workers; theirs would be a second traceback
    _reader = Reader(tokenizer, config, min_notes)


def _read_batch(files: Sequence[MidiFile]) -> list[Reading]:
    if _reader is None:
        raise RuntimeError("the worker was not started by read_all")
    return [_reader.read(file) for file in files]


def _notes_digest(notes: Notes) -> str:
    """Hash the pitches in the order of onsets: the same for a file saved anew, at another tempo or resolution."""
    return hashlib.blake2b(notes.pitch.astype(np.uint8).tobytes(), digest_size=16).hexdigest()
