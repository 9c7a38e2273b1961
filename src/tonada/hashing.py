"""SHA-256 of files and arrays: what sidecars and model lists tell things apart by."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tonada.files import translated_errors


def file_sha256(path: Path) -> str:
    """Give the hash of a file's bytes, as ``sha256sum`` prints it.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    with translated_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ids_sha256(ids: NDArray[np.integer]) -> str:
    """Give the hash of ids, the same on every machine: little-endian uint16."""
    return hashlib.sha256(np.ascontiguousarray(ids, dtype="<u2").tobytes()).hexdigest()
