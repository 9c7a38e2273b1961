"""Writing files so that nothing half-written is ever seen: to a temporary name beside the target, then renamed."""

from __future__ import annotations

import errno
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tonada.errors import DataError, ResourceError


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors on ``path`` into ours.

    Raises
    ------
    ResourceError
        The disk, or the user's quota, is full.
    DataError
        The folder or file cannot be written or read.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(f"{path}: the disk is full. Free some space or write elsewhere with -o") from error
        raise DataError(path, (error.strerror or str(error)).lower()) from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name in the folder of ``path``; rename it to ``path`` if the block succeeds, else remove it.

    Parameters
    ----------
    path
        The file to write; its folder is made when absent, and an existing file stays until the new one is whole.

    Yields
    ------
    Path
        Where to write, with the suffix of ``path``.

    Raises
    ------
    DataError
        The folder cannot be made or written.
    ResourceError
        The disk is full.
    """
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        with translated_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.replace(path)
    finally:
        with suppress(OSError):  # the first error is the one to tell
            temporary.unlink(missing_ok=True)


def utf8(text: str) -> bytes:
    r"""Encode a text; bytes of a file's name that are no text become ``\udcff``, which JSON reads back as they were."""
    return text.encode("utf-8", "backslashreplace")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file atomically.

    Raises
    ------
    DataError
        The folder cannot be made or written.
    ResourceError
        The disk is full.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 text file atomically, with Unix line ends on every system; see `utf8`."""
    write_bytes(path, utf8(text))
