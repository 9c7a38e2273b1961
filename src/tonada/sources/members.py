"""Files of one kind, on disk or in a zip, and reading them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from tonada.errors import DataError
from tonada.files import translated_errors
from tonada.sources.tables import Columns

_BLOCK_BYTES = 2**20


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What to look for in the sources.

    Attributes
    ----------
    what
        What such a file is called, "MIDI file".
    suffixes
        In lower case.
    largest_bytes
        A larger file is not read.
    columns
        Which columns make a csv a table of such files.
    beside
        Name of a table that may lie beside a folder and describe its files; empty when none may.
    """

    what: str
    suffixes: tuple[str, ...]
    largest_bytes: int
    columns: Columns
    beside: str = ""

    def has(self, name: str) -> bool:
        """Tell whether a file of this name is one; what a Mac leaves beside its files (``._name``) is not."""
        path = PurePosixPath(name)
        return path.suffix.casefold() in self.suffixes and not path.name.startswith("._")


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file that has not been read yet.

    Attributes
    ----------
    name
        Its path inside the source, unique among all sources.
    collection
        The name of the folder or zip that it comes from.
    container
        The zip that holds it, or the file itself.
    member
        Its name in the zip; None for a file on disk.
    facts
        What a table says about it, column → text.
    table
        The table that lists it; empty when none does.
    """

    name: str
    collection: str
    container: Path
    member: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    table: str = ""


def read_file(file: SourceFile, open_zips: dict[Path, zipfile.ZipFile], largest_bytes: int) -> bytes:
    """Read one file whole.

    Parameters
    ----------
    file
        What `tonada.sources.list_sources` found.
    open_zips
        Zips that are open already; a zip that is opened is added, so that its directory is read once.
    largest_bytes
        See `Kind`.

    Raises
    ------
    DataError
        It cannot be read, is damaged, or is larger.
    """
    with _opened(file, open_zips) as stream:
        data = stream.read(largest_bytes + 1)
    if len(data) > largest_bytes:
        raise DataError(file.name, f"larger than {largest_bytes // 2**20} MiB")
    return data


def copy_file(file: SourceFile, target: IO[bytes], open_zips: dict[Path, zipfile.ZipFile], largest_bytes: int) -> None:
    """Copy one file, piece by piece: for those who must be able to seek in what may be too large for the memory.

    Parameters
    ----------
    file
        What `tonada.sources.list_sources` found.
    target
        Where to write.
    open_zips, largest_bytes
        See `read_file`.

    Raises
    ------
    DataError
        It cannot be read, is damaged, or is larger.
    """
    left = largest_bytes
    with _opened(file, open_zips) as stream:
        while block := stream.read(_BLOCK_BYTES):
            left -= len(block)
            if left < 0:
                raise DataError(file.name, f"larger than {largest_bytes // 2**20} MiB")
            target.write(block)


@contextmanager
def _opened(file: SourceFile, open_zips: dict[Path, zipfile.ZipFile]) -> Iterator[IO[bytes]]:
    with translated_errors(Path(file.name)):
        if file.member is None:
            with file.container.open("rb") as stream:
                yield stream
        else:
            if file.container not in open_zips:
                open_zips[file.container] = zipfile.ZipFile(file.container)
            with opened_member(open_zips[file.container], file.member) as stream:
                yield stream


@contextmanager
def opened_member(archive: zipfile.ZipFile, member: str) -> Iterator[IO[bytes]]:
    """Open a member of a zip; what is wrong with it, then or while it is read, becomes a `DataError`."""
    try:
        with archive.open(member) as stream:
            yield stream
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, KeyError, ValueError) as error:
        raise DataError(member, f"cannot be read from its zip ({error})") from error
