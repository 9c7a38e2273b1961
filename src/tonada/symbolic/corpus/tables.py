"""Tables that describe MIDI files: csv with a row per file, in MAESTRO's columns or others."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from tonada.errors import DataError
from tonada.files import translated_errors

LARGEST_TABLE_BYTES = 64 * 2**20
"""A larger csv is not read: rows for 200 000 pieces have room in it."""
FILE_COLUMN = "midi_filename"
"""The column that makes a csv a table: a path relative to the csv."""
RENAMED = {"canonical_composer": "composer", "canonical_title": "title"}
"""MAESTRO's columns under the names that the catalogue has."""

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


class Descriptions:
    """What the tables of one source say about its files; where two list a file the first counts."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[str, Row]] = {}

    def add(self, folder: PurePosixPath, table: str, rows: list[Row]) -> None:
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
        for row in rows if lists_files(rows) else ():
            self._rows.setdefault(str(folder / row[FILE_COLUMN]), (table, row))

    def take(self, path: str) -> tuple[str, Row]:
        """Give the table that lists a file and its facts, once; an empty name and no facts when none does."""
        table, row = self._rows.pop(path, ("", {}))
        return table, facts_of(row)

    def left(self) -> list[tuple[str, str]]:
        """List the files that nobody took, each with its table."""
        return [(path, table) for path, (table, _) in self._rows.items()]


def lists_files(rows: list[Row]) -> bool:
    """Tell whether rows have the column of files."""
    return bool(rows) and FILE_COLUMN in rows[0]


def facts_of(row: Mapping[str, str]) -> Row:
    """Give what a row says, empty cells left out, under the catalogue's names."""
    return {RENAMED.get(column, column): text for column, text in row.items() if column != FILE_COLUMN and text}
