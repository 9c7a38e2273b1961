"""Files in the hands of a library written in C."""

from __future__ import annotations

import io
from typing import BinaryIO


class WatchedFile:
    """A binary file for libsndfile, which calls from C, where exceptions are lost: the first one is kept for later."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: Exception | None = None

    def check(self) -> None:
        """Raise what was kept."""
        if self._error is not None:
            raise self._error

    def read(self, size: int) -> bytes:
        """Read; nothing after an error."""
        try:
            return self._file.read(size) if self._error is None else b""
        except Exception as error:
            self._error = error
            return b""

    def write(self, data: bytes) -> int:
        """Write; pretend to after an error."""
        try:
            if self._error is None:
                self._file.write(data)
        except Exception as error:
            self._error = error
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Give the place."""
        return self._file.tell()
