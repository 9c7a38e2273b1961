"""Writing files so that nothing half-written is ever seen: to a temporary name beside the target, then renamed."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tonada.errors import DataError, ResourceError

STALE_S = 3600.0
"""What was left unchanged for so long, in seconds, belongs to a process that was killed."""


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


def temporary_sibling(path: Path, ending: str) -> Path:
    """Give a hidden name beside ``path``, ``.NAME.xxxxxxxx.ENDING``, that no other process has."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.{ending}")


def remove_stale_siblings(path: Path, *endings: str) -> None:
    """Remove what processes that were killed left beside ``path`` under the names of `temporary_sibling`.

    Files and folders that changed within the last hour stay: another process may be at work on them.

    Parameters
    ----------
    path
        The target that they were made for; siblings of other targets stay.
    *endings
        As they were given to `temporary_sibling`.
    """
    name = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.(?:{'|'.join(map(re.escape, endings))})")
    siblings: list[Path] = []
    with suppress(OSError):  # here as below: what cannot be seen or removed must not be in anybody's way
        siblings = [one for one in path.parent.iterdir() if name.fullmatch(one.name)]
    for sibling in siblings:
        with suppress(OSError):
            is_folder = sibling.is_dir() and not sibling.is_symlink()
            parts = [sibling, *sibling.iterdir()] if is_folder else [sibling]
            if time.time() - max(part.lstat().st_mtime for part in parts) > STALE_S:
                if is_folder:
                    shutil.rmtree(sibling)
                else:
                    sibling.unlink()


@contextmanager
def taken(folder: Path) -> Iterator[None]:
    """Keep a folder to this process: another one that takes it meanwhile is refused. It is made when absent.

    The folder itself is locked (``flock``), so nothing is left behind, and a process that dies frees it. Where folders
    cannot be locked (Windows, some network disks) nothing is refused.

    Raises
    ------
    DataError
        Another process has it, or it cannot be made.
    """
    with translated_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    handle = None
    with suppress(ImportError, OSError):
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise DataError(folder, "another process is at work in it. Wait until it ends, or stop it") from error
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


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
