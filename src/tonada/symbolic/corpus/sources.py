"""Where MIDI files come from: folders, single files and zips, each file with what a table (csv) says about it.

Nothing is extracted, and listing reads no MIDI file: a zip's directory and its tables are looked at; its members are
read one by one, in memory, when their turn comes. So a name that points outside harms nobody; such a member is skipped
all the same.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from tonada.errors import DataError
from tonada.files import translated_errors
from tonada.symbolic.corpus.tables import (
    FILE_COLUMN,
    LARGEST_TABLE_BYTES,
    Descriptions,
    facts_of,
    lists_files,
    parse_table,
    read_table,
)
from tonada.symbolic.midi import LARGEST_FILE_BYTES

SUFFIXES = (".mid", ".midi", ".rmi", ".kar")
MOST_MEMBERS = 1_000_000
"""A zip with more members is refused before anything is read."""
MOST_BYTES = 64 * 2**30
"""So is a zip that says it holds more than this, unpacked."""


@dataclass(frozen=True, kw_only=True)
class MidiFile:
    """One MIDI file that has not been read yet.

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


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What the sources hold, in a fixed order.

    Attributes
    ----------
    files
        The MIDI files.
    others
        Those that a table given as a source does not list.
    skipped
        Rows (name, collection, reason) of what cannot be used.
    """

    files: tuple[MidiFile, ...]
    others: tuple[MidiFile, ...]
    skipped: tuple[Mapping[str, str], ...]


def list_sources(sources: Sequence[Path]) -> Listing:
    """Find the MIDI files of folders, zips and files.

    A csv that lists MIDI files (column ``midi_filename``, relative to the csv) describes them wherever it lies, in a
    zip or in a folder. One that is given as a source selects the files that it lists among the other sources, or in its
    folder when there are none, and adds its columns.

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
            files.append(MidiFile(name=source.name, collection=source.name, container=source))
        else:
            raise DataError(source, f"is no folder, zip, csv or MIDI file ({', '.join(SUFFIXES)})")
    if selections and len(selections) == len(sources):
        for folder in dict.fromkeys(table.parent for table in selections):
            files.extend(_folder(folder, skipped))
    files = list(_unique(files))
    kept = _select(files, selections, skipped) if selections else files
    names = {file.name for file in kept}
    others = tuple(file for file in files if file.name not in names)
    return Listing(files=tuple(kept), others=others, skipped=tuple(skipped))


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
        It cannot be read, is damaged, or is larger than `tonada.symbolic.midi.LARGEST_FILE_BYTES`.
    """
    where = Path(file.name)
    with translated_errors(where):
        if file.member is None:
            with file.container.open("rb") as stream:
                data = stream.read(LARGEST_FILE_BYTES + 1)
        else:
            if file.container not in open_zips:
                open_zips[file.container] = zipfile.ZipFile(file.container)
            data = _read_member(open_zips[file.container], file.member, LARGEST_FILE_BYTES)
    if len(data) > LARGEST_FILE_BYTES:
        raise DataError(where, f"larger than {LARGEST_FILE_BYTES // 2**20} MiB")
    return data


def _read_member(archive: zipfile.ZipFile, member: str, limit: int) -> bytes:
    """Read at most ``limit`` + 1 bytes of a member: what it says about its own size may be a lie."""
    try:
        with archive.open(member) as stream:
            return stream.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, KeyError, ValueError) as error:
        raise DataError(member, f"cannot be read from its zip ({error})") from error


def _folder(folder: Path, skipped: list[Mapping[str, str]]) -> Iterator[MidiFile]:
    """List the MIDI files of a folder, sorted by path; links to other folders are not followed."""
    found: list[tuple[str, Path, str | None]] = []
    descriptions = Descriptions()
    name = folder.resolve().name
    for root, folders, names in os.walk(folder):
        folders.sort()
        for path in (Path(root, each) for each in sorted(names) if not each.startswith("._")):
            inside = path.relative_to(folder).as_posix()
            if path.suffix.casefold() in SUFFIXES:
                found.append((inside, path, None))
            elif path.suffix.casefold() == ".csv":
                try:
                    descriptions.add(PurePosixPath(inside).parent, f"{name}/{inside}", read_table(path))
                except DataError as error:
                    skipped.append({"name": f"{name}/{inside}", "collection": name, "reason": error.reason})
    yield from _described(name, found, descriptions, skipped)


def _zip(path: Path, skipped: list[Mapping[str, str]]) -> Iterator[MidiFile]:
    """List the MIDI members of a zip, sorted by name, from its directory alone."""
    found: list[tuple[str, Path, str | None]] = []
    descriptions = Descriptions()
    try:
        with translated_errors(path), zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS:
                raise DataError(path, f"has {len(members)} members; more than {MOST_MEMBERS} are refused")
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise DataError(path, f"would unpack to more than {MOST_BYTES // 2**30} GiB")
            for member in members:
                name, suffix = member.filename, PurePosixPath(member.filename).suffix.casefold()
                if member.is_dir() or PurePosixPath(name).name.startswith("._") or suffix not in (*SUFFIXES, ".csv"):
                    continue
                reason = _fault(member)
                if reason:
                    skipped.append({"name": name, "collection": path.name, "reason": reason})
                elif suffix in SUFFIXES:
                    found.append((name, path, name))
                else:
                    try:
                        rows = parse_table(Path(name), _read_member(archive, name, LARGEST_TABLE_BYTES))
                        descriptions.add(PurePosixPath(name).parent, f"{path.name}/{name}", rows)
                    except DataError as error:
                        skipped.append({"name": name, "collection": path.name, "reason": error.reason})
    except zipfile.BadZipFile as error:
        raise DataError(path, f"is no sound zip ({error})") from error
    yield from _described(path.name, found, descriptions, skipped)


def _fault(member: zipfile.ZipInfo) -> str:
    """Say why a member is not read, or give an empty text."""
    name = member.filename
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        return "unsafe name in the zip: it points outside"
    if member.flag_bits & 1:
        return "encrypted"
    limit = LARGEST_TABLE_BYTES if name.casefold().endswith(".csv") else LARGEST_FILE_BYTES
    return f"larger than {limit // 2**20} MiB" if member.file_size > limit else ""


def _described(
    collection: str,
    found: list[tuple[str, Path, str | None]],
    descriptions: Descriptions,
    skipped: list[Mapping[str, str]],
) -> Iterator[MidiFile]:
    """Join files, sorted, with what the tables say; a file that a table names and that is absent is reported."""
    for inside, container, member in sorted(found, key=lambda entry: entry[0]):
        table, facts = descriptions.take(inside)
        name = inside if member else f"{collection}/{inside}"
        yield MidiFile(name=name, collection=collection, container=container, member=member, facts=facts, table=table)
    for inside, table in descriptions.left():
        skipped.append({"name": inside, "collection": collection, "reason": f"named in {table}, but absent"})


def _select(files: list[MidiFile], tables: Sequence[Path], skipped: list[Mapping[str, str]]) -> list[MidiFile]:
    """Keep the files whose path ends with a name that a table lists, in their order, with its columns added."""
    wanted: defaultdict[str, list[tuple[Path, dict[str, str]]]] = defaultdict(list)
    for table in tables:
        rows = read_table(table)
        if not lists_files(rows):
            raise DataError(table, f"has no column '{FILE_COLUMN}', so it selects nothing")
        for row in rows:
            wanted[PurePosixPath(row[FILE_COLUMN]).name].append((table, row))
    kept: list[MidiFile] = []
    met: set[tuple[Path, str]] = set()
    for file in files:
        rows_of_file = [
            (table, row)
            for table, row in wanted.get(PurePosixPath(file.name).name, ())
            if f"/{file.name}".endswith(f"/{row[FILE_COLUMN]}")
        ]
        if rows_of_file:
            facts = dict(file.facts)
            for table, row in rows_of_file:
                facts.update(facts_of(row))
                met.add((table, row[FILE_COLUMN]))
            kept.append(replace(file, facts=facts, table=file.table or rows_of_file[0][0].name))
    for table, row in (entry for entries in wanted.values() for entry in entries):
        if (table, row[FILE_COLUMN]) not in met:
            reason = "listed, but in none of the sources"
            skipped.append({"name": row[FILE_COLUMN], "collection": table.name, "reason": reason})
    return kept


def _unique(files: list[MidiFile]) -> Iterator[MidiFile]:
    """Tell files of one name apart by a number; a file that two sources reach is one file."""
    met: set[tuple[Path, str | None]] = set()
    count: defaultdict[str, int] = defaultdict(int)
    for file in files:
        place = (file.container.resolve(), file.member)
        if place not in met:
            met.add(place)
            count[file.name] += 1
            yield file if count[file.name] == 1 else replace(file, name=f"{file.name} ({count[file.name]})")
