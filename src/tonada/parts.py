"""Parts of a data set that several machines prepare: what reading some of the files gave, until all parts are there.

::

    PART/
      part.json        what was asked for; which part it is, of how many, and of which files
      readings.jsonl   a line a file: what reading it gave; of arrays, where they lie
      arrays.bin       those arrays, end to end
      …                what the reading itself left (segments of sound)

Reading is nearly all the work, and needs one file at a time; what needs all of them (copies, works, splits) is done
when the parts are put together. So the parts make the very bytes that one process would have made.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self, TypeVar

import numpy as np

from tonada.errors import ConfigError, DataError
from tonada.files import temporary_sibling, translated_errors

T = TypeVar("T")

FORMAT = 1
_HEADER, _READINGS, _ARRAYS = "part.json", "readings.jsonl", "arrays.bin"
_ARRAY = "array"  # marks, in a line, a field that is one: where it begins (in bytes), its dtype and its shape


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Which part, of how many.

    Attributes
    ----------
    index
        From 1.
    count
        Number of parts.
    """

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``3/16``.

        Raises
        ------
        ConfigError
            It is no such text.
        """
        index, slash, count = text.partition("/")
        if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
            raise ConfigError(
                f"--shard must be I/N, part I of N, from 1/N to N/N; got '{text}'. Write, for example, 3/16"
            )
        return cls(index=int(index), count=int(count))

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """Give every N-th item: sources that are sorted by size or year are shared evenly."""
        return items[self.index - 1 :: self.count]


@dataclass(frozen=True, kw_only=True)
class PartReport:
    """What reading a part did.

    Attributes
    ----------
    folder
        Of the part.
    index, count
        Which part, of how many.
    files
        How many files it has read.
    skipped
        How many of them gave nothing; why, the tables of the data set will say.
    """

    folder: Path
    index: int
    count: int
    files: int
    skipped: int


def names_digest(names: Iterable[str]) -> str:
    """Hash the names of all files, in their order: what the parts and the whole must agree on."""
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()


def require_free_for_part(folder: Path, *, overwrite: bool = False) -> None:
    """Check that a part may be written to a folder.

    Raises
    ------
    DataError
        It holds something else, or a part and ``overwrite`` is False.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not (folder / _HEADER).is_file():
            raise DataError(folder, "exists and is no part of a data set; choose another folder with -o")
        if not overwrite:
            raise DataError(folder, "holds a part of a data set already; give --overwrite to replace it")


def write_part(
    folder: Path,
    shard: Shard,
    *,
    kind: str,
    request: Mapping[str, Any],
    files: str,
    read: Callable[[Path], Iterable[Any]],
    overwrite: bool = False,
) -> PartReport:
    """Write a part: into a temporary folder beside ``folder``, renamed when it is whole.

    Parameters
    ----------
    folder
        Where to.
    shard
        Which part it is.
    kind
        "notes" or "sound".
    request
        What was asked for; the same for all parts.
    files
        `names_digest` of all files.
    read
        Given the temporary folder, where it may leave files, gives the readings: dataclasses of plain values, arrays,
        and nested dataclasses; one with a ``reason`` is counted as skipped.
    overwrite
        Replace an existing part.

    Raises
    ------
    DataError
        The folder is in use or cannot be written.
    ResourceError
        The disk is full.
    """
    require_free_for_part(folder, overwrite=overwrite)
    temporary = temporary_sibling(folder, "part")
    count = skipped = 0
    header = {"format": FORMAT, "kind": kind, "shard": dataclasses.asdict(shard), "files": files, "request": request}
    try:
        with translated_errors(folder):
            temporary.mkdir(parents=True)
            with (temporary / _ARRAYS).open("wb") as arrays, (temporary / _READINGS).open("w") as lines:
                for reading in read(temporary):
                    names = [field.name for field in dataclasses.fields(reading)]
                    fields = {name: _plain(getattr(reading, name), arrays) for name in names}
                    lines.write(json.dumps(fields) + "\n")
                    count, skipped = count + 1, skipped + bool(reading.reason)
            (temporary / _HEADER).write_text(json.dumps({**header, "readings": count}, indent=1, sort_keys=True) + "\n")
            if folder.exists():
                shutil.rmtree(folder)
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return PartReport(folder=folder, index=shard.index, count=shard.count, files=count, skipped=skipped)


def _plain(value: Any, arrays: IO[bytes]) -> Any:
    """Turn a field into what JSON holds; an array goes into the file of arrays."""
    if isinstance(value, np.ndarray):
        start = arrays.tell()
        arrays.write(np.ascontiguousarray(value).tobytes())
        return {_ARRAY: [start, value.dtype.str, list(value.shape)]}
    if isinstance(value, tuple):
        return [_plain(item, arrays) for item in value]
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


class Parts:
    """All parts of a data set.

    Parameters
    ----------
    folders
        What ``write_part`` wrote, in any order.

    Raises
    ------
    DataError
        A folder is no part, or one of another data set, or a part is missing or there twice.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        headers = {folder: _header(folder) for folder in folders}
        first, common = next(iter(headers.items()))
        by_index: dict[int, Path] = {}
        self.count: int = common["shard"]["count"]
        for folder, header in headers.items():
            index = header["shard"]["index"]
            for name, what in {"request": "other settings", "kind": "other settings", "files": "other files"}.items():
                if header[name] != common[name] or header["shard"]["count"] != self.count:
                    raise DataError(folder, f"is a part of another data set than {first}: it was made with {what}")
            if index in by_index:
                raise DataError(folder, f"is part {index} of {self.count}, and so is {by_index[index]}")
            by_index[index] = folder
        missing = [str(index) for index in range(1, self.count + 1) if index not in by_index]
        if missing:
            which = "part" if len(missing) == 1 else "parts"
            raise DataError(first, f"is a part of {self.count}, and {which} {', '.join(missing)} of them are not given")
        self.folders = [by_index[index] for index in range(1, self.count + 1)]
        self.kind: str = common["kind"]
        """"notes" or "sound"."""
        self.request: dict[str, Any] = common["request"]
        """What was asked for."""
        self._files: str = common["files"]

    def readings(
        self, names: Sequence[str], progress: Callable[[int, int], None] | None = None
    ) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Give what reading the files gave, in their order.

        Parameters
        ----------
        names
            Of all files.
        progress
            Called with the number of readings and of all files.

        Yields
        ------
        tuple
            The folder of its part, and the fields of the reading by name; nested dataclasses are mappings.

        Raises
        ------
        DataError
            The files are others than when the parts were made, or a part is damaged.
        """
        if names_digest(names) != self._files:
            raise DataError(self.folders[0], "was made when the sources held other files; make the parts again")
        with ExitStack() as stack:
            opened = []
            for folder in self.folders:
                with translated_errors(folder):
                    lines = stack.enter_context((folder / _READINGS).open())
                    opened.append((folder, lines, stack.enter_context((folder / _ARRAYS).open("rb"))))
            for place in range(len(names)):
                folder, lines, arrays = opened[place % self.count]
                try:
                    fields = {name: _restored(value, arrays) for name, value in json.loads(next(lines)).items()}
                except (StopIteration, ValueError) as error:
                    raise DataError(folder, "is damaged; make the part again") from error
                yield folder, fields
                if progress:
                    progress(place + 1, len(names))


def _restored(value: Any, arrays: IO[bytes]) -> Any:
    if isinstance(value, dict) and _ARRAY in value:
        start, dtype, shape = value[_ARRAY]
        arrays.seek(start)
        count = int(np.prod(shape, dtype=np.int64))
        data = arrays.read(count * np.dtype(dtype).itemsize)
        return np.frombuffer(data, dtype=dtype, count=count).reshape(shape)
    return tuple(_restored(item, arrays) for item in value) if isinstance(value, list) else value


def _header(folder: Path) -> dict[str, Any]:
    path = folder / _HEADER
    if not path.is_file():
        raise DataError(folder, "is no part of a data set. Make one with: tonada prepare --shard 1/4")
    try:
        with translated_errors(path):
            header: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if header["format"] != FORMAT:
            raise DataError(path, f"has format {header['format']}; this version reads format {FORMAT}")
        if (
            not {"kind", "shard", "files", "request"} <= header.keys()
            or not {"index", "count"} <= header["shard"].keys()
        ):
            raise KeyError
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(path, "is damaged; make the part again") from error
    return header
