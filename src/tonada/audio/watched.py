"""Files in the hands of a library written in C, which calls back to read and write them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO, TypeVar

Result = TypeVar("Result")


class WatchedFile:
    """A binary file that does not raise where exceptions are lost: the first one is kept, and nothing is done after it.

    Parameters
    ----------
    file
        The file; it stays open.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: Exception | None = None

    def check(self) -> None:
        """Raise what was kept."""
        if self._error is not None:
            raise self._error

    def read(self, size: int) -> bytes:
        """Read at most ``size`` bytes."""
        return self._try(lambda: self._file.read(size), b"")

    def write(self, data: bytes) -> int:
        """Write, or pretend to."""
        return self._try(lambda: self._file.write(data), len(data))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; what is pending is written before."""
        return self._try(lambda: self._file.seek(offset, whence), 0)

    def tell(self) -> int:
        """Give the place."""
        return self._try(self._file.tell, 0)

    def _try(self, action: Callable[[], Result], otherwise: Result) -> Result:
        if self._error is None:
            try:
                return action()
            except Exception as error:  # whatever it is, it is raised by `check`
                self._error = error
        return otherwise
