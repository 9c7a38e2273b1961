"""Latents on disk: ``NAME.npy``, float32 [L, Z] with time first, and ``NAME.npy.json`` that says what they are of.

The array is written as it comes and read as it is needed, so an hour of latents is never in memory. It is a plain NumPy
file: other programs may make one, and then there need be no json beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tonada.config import from_mapping, to_mapping
from tonada.errors import ConfigError, DataError
from tonada.files import atomic_path, translated_errors, write_text
from tonada.jsontext import to_json

SUFFIX = ".npy"
FORMAT = 1
_CHECKED_VALUES = 2**20  # values that are looked at at a time


@dataclass(frozen=True, kw_only=True)
class LatentsFacts:
    """What the json beside latents says; each field has its sentence below."""

    model: str
    """Name of the model's folder."""
    model_folder: str
    """The folder, as seen from the json; the name alone of a model that Tonada brings."""
    weights_sha256: str
    """Of the model's file of weights."""
    source: str
    """The sound file, as seen from the json."""
    source_sha256: str
    """Of the sound file."""
    sample_rate: int
    """Of the sound that was encoded, in Hz: the model's, whatever the file's was."""
    samples: int
    """Length of the sound that was encoded: one channel, at that rate."""
    hop: int
    """Samples per latent frame."""
    frames: int
    """Latent frames, L."""
    channels: int
    """Values per latent frame, Z."""
    values_per_second: float
    """Latent values per second of sound."""
    compression: float
    """Samples for each latent value; below 1 the latents hold more values than the sound."""
    format: int = FORMAT
    """Of this file."""


def facts_path(latents: Path) -> Path:
    """Give the json that belongs to a file of latents.

    Not ``NAME.json``, which beside ``NAME.wav`` may be the sidecar of a composition.
    """
    return latents.with_name(f"{latents.name}.json")


def write_facts(path: Path, facts: LatentsFacts) -> None:
    """Write the json beside latents.

    Raises
    ------
    DataError
        The folder cannot be written.
    ResourceError
        The disk is full.
    """
    write_text(path, to_json(to_mapping(facts)) + "\n")


def read_facts(path: Path) -> LatentsFacts | None:
    """Read the json beside latents; None where there is none.

    Raises
    ------
    DataError
        It cannot be read, or is none that belongs to latents.
    """
    if not path.is_file():
        return None
    with translated_errors(path):
        data = path.read_bytes()
    try:
        record = json.loads(data)
        if not isinstance(record, dict):
            raise TypeError("it holds no object")
        if record.get("format") != FORMAT:
            raise ValueError(f"format {record.get('format')}; this version reads format {FORMAT}")
        facts = from_mapping(LatentsFacts, record)
        if facts.samples < 1:
            raise ValueError(f"samples must be at least 1; got {facts.samples}")
    except (ValueError, TypeError, ConfigError) as error:
        raise DataError(path, f"does not describe latents ({error})") from error
    return facts


class LatentsWriter:
    """An open file of latents; `write_latents` gives one.

    Parameters
    ----------
    file
        Open for writing, at its beginning.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.frames = 0
        self.channels = 0
        self._header_bytes = self._write_header()

    def write(self, latents: NDArray[np.float32]) -> None:
        """Append latents, float32 [L, Z]; Z is the same every time."""
        self.channels = latents.shape[1]
        self.frames += len(latents)
        self._file.write(np.ascontiguousarray(latents, dtype="<f4").tobytes())

    def finish(self) -> None:
        """Write how many there are in the head of the file."""
        self._file.seek(0)
        if self._write_header() != self._header_bytes:
            raise RuntimeError("NumPy leaves no room in the head of a file for the first axis to grow")

    def _write_header(self) -> int:
        shape = (self.frames, self.channels)
        np.lib.format.write_array_header_1_0(self._file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        return self._file.tell()


@contextmanager
def write_latents(path: Path) -> Iterator[LatentsWriter]:
    """Give something that latents can be written to as they come; the file is there once the block has succeeded.

    Raises
    ------
    DataError
        The folder cannot be written.
    ResourceError
        The disk is full.
    """
    with atomic_path(path) as temporary, temporary.open("w+b") as file:
        writer = LatentsWriter(file)
        yield writer
        writer.finish()


def read_latents(path: Path) -> NDArray[np.floating[Any]]:
    """Open a file of latents: any floating type, [L, Z], finite.

    Returns
    -------
    ndarray
        Read-only and mapped from the file: what is not looked at is not in memory.

    Raises
    ------
    DataError
        The file cannot be read, or does not hold latents.
    """
    try:
        with translated_errors(path):
            # A file of several arrays would be unpacked as a whole, and pickles are programs: only plain arrays.
            array = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError, SyntaxError, TypeError) as error:
        if path.is_file() and path.stat().st_size == 0:
            raise DataError(path, "is empty") from error
        raise DataError(path, f"is no NumPy array that can be read ({_first_line(error)})") from error
    if array.dtype.kind != "f":
        raise DataError(path, f"latents are floating numbers (float32); this array holds {array.dtype}")
    if array.ndim != 2 or not array.size:
        raise DataError(path, f"latents have the shape [frames, channels]; this array has {list(array.shape)}")
    rows = max(1, _CHECKED_VALUES // array.shape[1])
    for start in range(0, len(array), rows):
        if not np.isfinite(array[start : start + rows]).all():
            raise DataError(path, "it has latents that are NaN or infinite")
    return array


def _first_line(error: BaseException) -> str:
    return str(error).split("\n")[0] or type(error).__name__
