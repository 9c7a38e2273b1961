"""Tables that describe the files of a source: csv with a header and a row per file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tonada.errors import DataError
from tonada.files import translated_errors

LARGEST_TABLE_BYTES = 64 * 2**20
"""A larger csv is not read: rows for 200 000 pieces have room in it."""

Row = dict[str, str]


def read_table(path: Path) -> list[Row]:
    """Read a csv with a header.

    Raises
    ------
    DataError
        It cannot be read, is too large, or is no csv in UTF-8.
    """
    with translated_errors(path), path.open("rb") as stream:
        data = stream.read(LARGEST_TABLE_BYTES + 1)
    return parse_table(path, data)


def parse_table(path: Path, data: bytes) -> list[Row]:
    """Parse a csv with a header, UTF-8 with or without its mark.

    Parameters
    ----------
    path
        Where the bytes come from, for the error text.
    data
        The whole file.

    Raises
    ------
    DataError
        It is too large, or no csv in UTF-8.
    """
    if len(data) > LARGEST_TABLE_BYTES:
        raise DataError(path, f"is larger than {LARGEST_TABLE_BYTES // 2**20} MiB")
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        return [{column: text or "" for column, text in row.items() if column} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, f"is no table in UTF-8 ({error})") from error


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns make a csv a table of files.

    Attributes
    ----------
    file
        Holds the path of a file: relative to the csv, or the end of such a path.
    renamed
        Column → the name that the catalogue has for it.
    """

    file: str
    renamed: Mapping[str, str] = field(default_factory=dict)

    def are_in(self, rows: Sequence[Row]) -> bool:
        """Tell whether rows have the column of files."""
        return bool(rows) and self.file in rows[0]

    def facts(self, row: Row) -> Row:
        """Give what a row says beside the file, empty cells left out, under the catalogue's names."""
        return {self.renamed.get(column, column): text for column, text in row.items() if column != self.file and text}


class Descriptions:
    """What the tables of one source say about its files; where two list a file the first counts.

    Parameters
    ----------
    columns
        Which columns to look for.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self._rows: dict[str, dict[str, tuple[str, Row]]] = {}

    def add(self, folder: PurePosixPath, table: str, rows: Sequence[Row]) -> None:
        """Take in a table; one without the column of files says nothing.

        Parameters
        ----------
        folder
            Where the table lies inside the source.
        table
            Its name.
        rows
            What it holds.
        """
        listed = self._rows.setdefault(str(folder), {})
        for row in rows if self.columns.are_in(rows) else ():
            listed.setdefault(str(PurePosixPath(row[self.columns.file])), (table, row))

    def take(self, path: str) -> tuple[str, Row]:
        """Give the table that lists a file and its facts, once; an empty name and no facts when none does.

        The nearest table above the file counts, and in it the row with the most of the file's path.
        """
        inside = PurePosixPath(path)
        found: tuple[str, Row] | None = None
        for folder in inside.parents:
            listed = self._rows.get(str(folder), {})
            below = inside.relative_to(folder).parts
            for start in range(len(below) if listed else 0):
                entry = listed.pop("/".join(below[start:]), None)
                found = found or entry
        return (found[0], self.columns.facts(found[1])) if found else ("", {})

    def left(self) -> list[tuple[str, str]]:
        """List the files that nobody took, as paths inside the source, each with its table."""
        return [
            (str(PurePosixPath(folder, path)), table)
            for folder, listed in self._rows.items()
            for path, (table, _) in listed.items()
        ]
