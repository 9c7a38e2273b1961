"""Where MIDI files come from: folders, single files and zips, each file with what a table (csv) says about it.

Nothing is extracted and no file is read here: a zip's directory and its tables are looked at, its members are read one by
one, in memory, when their turn comes.
"""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tonada.errors import DataError
from tonada.files import translated_errors

SUFFIXES = (".mid", ".midi", ".rmi", ".kar")
MAX_FILE_BYTES = 16 * 2**20
"""A MIDI file larger than this is skipped: the largest of MAESTRO has 0.6 MB."""
MAX_TABLE_BYTES = 64 * 2**20
MAX_MEMBERS = 1_000_000
"""A zip with more members is refused before anything is read."""
FILE_COLUMN = "midi_filename"
RENAMED = {"canonical_composer": "composer", "canonical_title": "title"}
"""MAESTRO's columns under the names that the catalogue has."""


@dataclass(frozen=True, kw_only=True)
class MidiFile:
    """One MIDI file that has not been read yet.

    Attributes
    ----------
    name
        Its path inside the source, unique among all sources.
    source
        The name of the folder or zip.
    container
        The zip that holds it, or the file itself.
    member
        Its name in the zip; None for a file on disk.
    facts
        What a table says about it, column → text.
    table
        The table's path; empty when no table lists the file.
    """

    name: str
    source: str
    container: Path
    member: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    table: str = ""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All MIDI files of the sources, in a fixed order, and what was left aside with the reason."""

    files: tuple[MidiFile, ...]
    skipped: tuple[Mapping[str, str], ...]


def list_sources(sources: Sequence[Path]) -> Listing:
    """Find the MIDI files of folders, zips and files.

    A csv that lists MIDI files (column ``midi_filename``, relative to the csv) describes them wherever it lies: in a zip, in
    a folder, or given as a source. One given beside other sources selects the files that it lists, and adds its columns.

    Parameters
    ----------
    sources
        Folders (searched to the bottom), zips, MIDI files, csv tables.

    Raises
    ------
    DataError
        A source does not exist, is no kind that is known, or is damaged.
    """
    files: list[MidiFile] = []
    skipped: list[Mapping[str, str]] = []
    selections: list[Path] = []
    for source in sources:
        suffix = source.suffix.casefold()
        if not source.exists():
            raise DataError(source, "there is no such file or folder")
        if source.is_dir():
            files.extend(_folder(source, skipped))
        elif suffix == ".csv":
            selections.append(source)
        elif suffix == ".zip":
            files.extend(_zip(source, skipped))
        elif suffix in SUFFIXES:
            files.append(MidiFile(name=source.name, source=source.name, container=source))
        else:
            raise DataError(source, f"is no folder, zip, csv or MIDI file ({', '.join(SUFFIXES)})")
    for table in selections:
        rows = _read_table(table)
        if not files:
            files = list(_folder(table.parent, skipped))
        files = _select(files, table, rows, skipped)
    return Listing(files=tuple(_unique(files)), skipped=tuple(skipped))


def read_file(file: MidiFile, open_zips: dict[Path, zipfile.ZipFile]) -> bytes:
    """Read one MIDI file.

    Parameters
    ----------
    file
        What `list_sources` found.
    open_zips
        Zips that are open already; a zip that is opened is added, so that its directory is read once.

    Raises
    ------
    DataError
        It cannot be read, is damaged or encrypted, or is larger than ``MAX_FILE_BYTES``.
    """
    where = Path(file.name)
    with translated_errors(where):
        if file.member is None:
            with file.container.open("rb") as stream:
                data = stream.read(MAX_FILE_BYTES + 1)
        else:
            if file.container not in open_zips:
                open_zips[file.container] = zipfile.ZipFile(file.container)
            data = _read_member(open_zips[file.container], file.member, where, MAX_FILE_BYTES)
    if len(data) > MAX_FILE_BYTES:
        raise DataError(where, f"is larger than {MAX_FILE_BYTES // 2**20} MiB")
    return data


def _read_member(archive: zipfile.ZipFile, member: str, where: Path, limit: int) -> bytes:
    """Read at most ``limit`` + 1 bytes of a member: what it says about its own size may be a lie."""
    try:
        with archive.open(member) as stream:
            return stream.read(limit + 1)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, KeyError, ValueError) as error:
        raise DataError(where, f"cannot be read from its zip ({error})") from error
    except zipfile.zlib.error as error:  # type: ignore[attr-defined]
        raise DataError(where, f"is damaged in its zip ({error})") from error


def _folder(folder: Path, skipped: list[Mapping[str, str]]) -> Iterator[MidiFile]:
    """List the MIDI files of a folder, sorted by path; links to other folders are not followed."""
    found: list[Path] = []
    tables: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            if path.suffix.casefold() in SUFFIXES and not name.startswith("._"):
                found.append(path)
            elif path.suffix.casefold() == ".csv":
                tables.append(path)
    facts: dict[str, tuple[str, dict[str, str]]] = {}
    for table in tables:
        rows = _read_table(table)
        base = PurePosixPath(table.parent.relative_to(folder).as_posix())
        if FILE_COLUMN in (rows[0] if rows else ()):
            _add_table(facts, base, f"{folder.name}/{table.name}", rows)
    yield from _described(
        folder.name,
        [(path.relative_to(folder).as_posix(), path, None) for path in sorted(found)],
        facts,
        skipped,
    )


def _zip(path: Path, skipped: list[Mapping[str, str]]) -> Iterator[MidiFile]:
    """List the MIDI members of a zip, sorted by name, from its directory alone."""
    try:
        with translated_errors(path), zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise DataError(path, f"has {len(members)} members; more than {MAX_MEMBERS} are refused")
            found: list[tuple[str, Path, str | None]] = []
            facts: dict[str, tuple[str, dict[str, str]]] = {}
            for member in sorted(members, key=lambda member: member.filename):
                name, suffix = member.filename, PurePosixPath(member.filename).suffix.casefold()
                if member.is_dir() or PurePosixPath(name).name.startswith("._"):
                    continue
                if suffix not in (*SUFFIXES, ".csv"):
                    continue
                reason = _fault(member)
                if reason:
                    skipped.append({"name": name, "source": path.name, "reason": reason})
                elif suffix == ".csv":
                    text = _read_member(archive, name, Path(name), MAX_TABLE_BYTES)
                    rows = _parse_table(Path(f"{path}/{name}"), text)
                    if FILE_COLUMN in (rows[0] if rows else ()):
                        _add_table(facts, PurePosixPath(name).parent, f"{path.name}/{name}", rows)
                else:
                    found.append((name, path, name))
    except zipfile.BadZipFile as error:
        raise DataError(path, f"is no sound zip ({error})") from error
    yield from _described(path.name, found, facts, skipped)


def _fault(member: zipfile.ZipInfo) -> str:
    """Say why a member is not read, or give an empty text."""
    name = member.filename
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        return "unsafe name in the zip: it points outside"
    if member.flag_bits & 1:
        return "encrypted"
    limit = MAX_TABLE_BYTES if name.casefold().endswith(".csv") else MAX_FILE_BYTES
    return f"larger than {limit // 2**20} MiB" if member.file_size > limit else ""


def _add_table(
    facts: dict[str, tuple[str, dict[str, str]]], base: PurePosixPath, table: str, rows: list[dict[str, str]]
) -> None:
    for row in rows:
        facts.setdefault(str(base / row[FILE_COLUMN]), (table, row))


def _described(
    source: str,
    found: list[tuple[str, Path, str | None]],
    facts: dict[str, tuple[str, dict[str, str]]],
    skipped: list[Mapping[str, str]],
) -> Iterator[MidiFile]:
    """Join files with what the tables say; a file that a table names and that is absent is reported."""
    for name, container, member in found:
        table, row = facts.pop(name, ("", {}))
        yield MidiFile(
            name=name if member else f"{source}/{name}",
            source=source,
            container=container,
            member=member,
            facts=_renamed(row),
            table=table,
        )
    for name, (table, _) in facts.items():
        skipped.append({"name": name, "source": source, "reason": f"named in {table}, but absent"})


def _select(
    files: list[MidiFile], table: Path, rows: list[dict[str, str]], skipped: list[Mapping[str, str]]
) -> list[MidiFile]:
    """Keep the files whose path ends with a name that the table lists, in the order of the files, with its columns added."""
    if FILE_COLUMN not in (rows[0] if rows else ()):
        raise DataError(table, f"has no column '{FILE_COLUMN}', so it selects nothing")
    wanted: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        wanted[PurePosixPath(row[FILE_COLUMN]).name].append(row)
    kept: list[MidiFile] = []
    met: set[str] = set()
    for file in files:
        for row in wanted.get(PurePosixPath(file.name).name, ()):
            if f"/{file.name}".endswith(f"/{row[FILE_COLUMN]}"):
                met.add(row[FILE_COLUMN])
                kept.append(
                    MidiFile(
                        name=file.name,
                        source=file.source,
                        container=file.container,
                        member=file.member,
                        facts={**file.facts, **_renamed(row)},
                        table=file.table or table.name,
                    )
                )
                break
    for row in rows:
        if row[FILE_COLUMN] not in met:
            skipped.append({"name": row[FILE_COLUMN], "source": table.name, "reason": "listed, but in none of the sources"})
    return kept


def _renamed(row: Mapping[str, str]) -> dict[str, str]:
    return {RENAMED.get(column, column): text for column, text in row.items() if column != FILE_COLUMN and text}


def _unique(files: list[MidiFile]) -> Iterator[MidiFile]:
    """Tell files of one name apart by a number; a file that two sources reach is one file."""
    met: set[tuple[Path, str | None]] = set()
    count: defaultdict[str, int] = defaultdict(int)
    for file in files:
        place = (file.container.resolve(), file.member)
        if place in met:
            continue
        met.add(place)
        count[file.name] += 1
        name = file.name if count[file.name] == 1 else f"{file.name} ({count[file.name]})"
        yield MidiFile(**{**file.__dict__, "name": name})


def _read_table(path: Path) -> list[dict[str, str]]:
    with translated_errors(path), path.open("rb") as stream:
        data = stream.read(MAX_TABLE_BYTES + 1)
    return _parse_table(path, data)


def _parse_table(path: Path, data: bytes) -> list[dict[str, str]]:
    """Parse a csv with a header, UTF-8 with or without mark."""
    if len(data) > MAX_TABLE_BYTES:
        raise DataError(path, f"is larger than {MAX_TABLE_BYTES // 2**20} MiB")
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        return [{column: text or "" for column, text in row.items() if column} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, f"is no table in UTF-8 ({error})") from error
