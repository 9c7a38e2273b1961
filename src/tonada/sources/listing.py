"""Where music comes from: folders, single files and zips, each file with what a table (csv) says about it.

Listing reads no music: a zip's directory and its tables are looked at; its members are
read one by one, in memory, when their turn comes. So a name that points outside harms nobody; such a member is skipped
all the same.
"""

from __future__ import annotations

import os
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from tonada.errors import ConfigError, DataError
from tonada.files import translated_errors
from tonada.sources.members import Kind, SourceFile, opened_member
from tonada.sources.tables import LARGEST_TABLE_BYTES, Descriptions, parse_table, read_table

MOST_MEMBERS = 1_000_000
"""A zip with more members is refused before anything is read."""
MOST_BYTES = 64 * 2**30
"""So is a zip that says it holds more than this, unpacked."""


def check_shares(validation: float, test: float) -> None:
    """Check the shares of the works or tracks that are held out.

    Raises
    ------
    ConfigError
        One is below 0, or nothing is left to train on.
    """
    if not (validation >= 0 and test >= 0 and validation + test < 1):
        raise ConfigError(f"validation and test shares must leave something; got {validation} and {test}")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What the sources hold, in a fixed order.

    Attributes
    ----------
    files
        The files.
    others
        Those that a table given as a source does not list.
    skipped
        Rows (name, collection, reason) of what cannot be used.
    """

    files: tuple[SourceFile, ...]
    others: tuple[SourceFile, ...]
    skipped: tuple[Mapping[str, str], ...]


def list_sources(sources: Sequence[Path], kind: Kind) -> Listing:
    """Find the files of one kind in folders, zips and files.

    A csv that lists such files (by the kind's column) describes them wherever it lies above them, in a zip or in a
    folder. One that is given as a source selects the files that it lists among the other sources, or in its
    folder when there are none, and adds its columns.

    Parameters
    ----------
    sources
        Folders (searched to the bottom), zips, single files, csv tables.
    kind
        What to look for.

    Raises
    ------
    DataError
        A source does not exist, is no kind that is known, or is damaged.
    """
    files: list[SourceFile] = []
    skipped: list[Mapping[str, str]] = []
    selections: list[Path] = []
    for source in sources:
        suffix = source.suffix.casefold()
        if not source.exists():
            raise DataError(source, "there is no such file or folder")
        if source.is_dir():
            files.extend(_folder(source, kind, skipped))
        elif suffix == ".csv":
            selections.append(source)
        elif suffix == ".zip":
            files.extend(_zip(source, kind, skipped))
        elif suffix in kind.suffixes:
            files.append(SourceFile(name=source.name, collection=source.name, container=source))
        else:
            raise DataError(source, f"is no folder, zip, csv or {kind.what} ({', '.join(kind.suffixes)})")
    if selections and len(selections) == len(sources):
        for folder in dict.fromkeys(table.parent for table in selections):
            files.extend(_folder(folder, kind, skipped))
    files = list(_unique(files))
    kept = _select(files, selections, kind, skipped) if selections else files
    names = {file.name for file in kept}
    others = tuple(file for file in files if file.name not in names)
    return Listing(files=tuple(kept), others=others, skipped=tuple(skipped))


def holds(source: Path, kind: Kind) -> bool:
    """Tell whether a source holds files of a kind, or is one, or a table of such files.

    Parameters
    ----------
    source
        A folder, zip, file or csv table.
    kind
        What to look for.

    Raises
    ------
    DataError
        The source does not exist or is damaged.
    """
    if not source.exists():
        raise DataError(source, "there is no such file or folder")
    if source.is_dir():
        return any(kind.has(name) for _, _, names in os.walk(source) for name in names)
    if source.suffix.casefold() == ".csv":
        return kind.columns.are_in(read_table(source))
    if source.suffix.casefold() == ".zip":
        with _opened_zip(source) as archive:
            return any(kind.has(name) for name in archive.namelist())
    return kind.has(source.name)


def _folder(folder: Path, kind: Kind, skipped: list[Mapping[str, str]]) -> Iterator[SourceFile]:
    """List the files of a folder, sorted by path; links to other folders are not followed."""
    found: list[tuple[str, Path, str | None]] = []
    descriptions = Descriptions(kind.columns)
    name = folder.resolve().name
    for root, folders, names in os.walk(folder):
        folders.sort()
        for path in (Path(root, each) for each in sorted(names)):
            inside = path.relative_to(folder).as_posix()
            if kind.has(path.name):
                found.append((inside, path, None))
            elif path.suffix.casefold() == ".csv" and not path.name.startswith("._"):
                try:
                    descriptions.add(PurePosixPath(inside).parent, f"{name}/{inside}", read_table(path))
                except DataError as error:
                    skipped.append({"name": f"{name}/{inside}", "collection": name, "reason": error.reason})
    beside = Descriptions(kind.columns)
    table = folder.resolve().parent / kind.beside
    if kind.beside and table.is_file():
        try:
            beside.add(PurePosixPath(), table.name, read_table(table))
        except DataError as error:
            skipped.append({"name": table.name, "collection": name, "reason": error.reason})
    yield from _described(name, found, descriptions, skipped, beside)


def _zip(path: Path, kind: Kind, skipped: list[Mapping[str, str]]) -> Iterator[SourceFile]:
    """List the members of a zip, sorted by name, from its directory alone."""
    found: list[tuple[str, Path, str | None]] = []
    descriptions = Descriptions(kind.columns)
    with _opened_zip(path) as archive:
        for member in archive.infolist():
            name, plain = member.filename, PurePosixPath(member.filename)
            is_table = plain.suffix.casefold() == ".csv" and not plain.name.startswith("._")
            if member.is_dir() or not (is_table or kind.has(name)):
                continue
            reason = _fault(member, kind)
            if reason:
                skipped.append({"name": name, "collection": path.name, "reason": reason})
            elif not is_table:
                found.append((name, path, name))
            else:
                try:
                    with opened_member(archive, name) as stream:  # what it says of its size may be a lie
                        rows = parse_table(Path(name), stream.read(LARGEST_TABLE_BYTES + 1))
                    descriptions.add(PurePosixPath(name).parent, f"{path.name}/{name}", rows)
                except DataError as error:
                    skipped.append({"name": name, "collection": path.name, "reason": error.reason})
    yield from _described(path.name, found, descriptions, skipped)


@contextmanager
def _opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip, unless it is damaged or says that it holds too much."""
    try:
        with translated_errors(path), zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS:
                raise DataError(path, f"has {len(members)} members; more than {MOST_MEMBERS} are refused")
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise DataError(path, f"would unpack to more than {MOST_BYTES // 2**30} GiB")
            yield archive
    except zipfile.BadZipFile as error:
        raise DataError(path, f"is no sound zip ({error})") from error


def _fault(member: zipfile.ZipInfo, kind: Kind) -> str:
    """Say why a member is not read, or give an empty text."""
    name = member.filename
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        return "unsafe name in the zip: it points outside"
    if member.flag_bits & 1:
        return "encrypted"
    limit = LARGEST_TABLE_BYTES if name.casefold().endswith(".csv") else kind.largest_bytes
    return f"larger than {limit // 2**20} MiB" if member.file_size > limit else ""


def _described(
    collection: str,
    found: list[tuple[str, Path, str | None]],
    descriptions: Descriptions,
    skipped: list[Mapping[str, str]],
    beside: Descriptions | None = None,
) -> Iterator[SourceFile]:
    """Join files, sorted, with what the tables say; a file that a table names and that is absent is reported."""
    for inside, container, member in sorted(found, key=lambda entry: entry[0]):
        table, facts = descriptions.take(inside)
        name = inside if member else f"{collection}/{inside}"
        if beside and not table:
            table, facts = beside.take(name)
        yield SourceFile(name=name, collection=collection, container=container, member=member, facts=facts, table=table)
    for inside, table in descriptions.left():
        skipped.append({"name": inside, "collection": collection, "reason": f"named in {table}, but absent"})


def _select(
    files: list[SourceFile], tables: Sequence[Path], kind: Kind, skipped: list[Mapping[str, str]]
) -> list[SourceFile]:
    """Keep the files whose path ends with a name that a table lists, in their order, with its columns added."""
    column = kind.columns.file
    wanted: defaultdict[str, list[tuple[Path, dict[str, str]]]] = defaultdict(list)
    for table in tables:
        rows = read_table(table)
        if not kind.columns.are_in(rows):
            raise DataError(table, f"has no column '{column}', so it selects nothing")
        for row in rows:
            wanted[PurePosixPath(row[column]).name].append((table, row))
    kept: list[SourceFile] = []
    met: set[tuple[Path, str]] = set()
    for file in files:
        rows_of_file = [
            (table, row)
            for table, row in wanted.get(PurePosixPath(file.name).name, ())
            if f"/{file.name}".endswith(f"/{row[column]}")
        ]
        if rows_of_file:
            facts = dict(file.facts)
            for table, row in rows_of_file:
                facts.update(kind.columns.facts(row))
                met.add((table, row[column]))
            kept.append(replace(file, facts=facts, table=file.table or rows_of_file[0][0].name))
    for table, row in (entry for entries in wanted.values() for entry in entries):
        if (table, row[column]) not in met:
            reason = "listed, but in none of the sources"
            skipped.append({"name": row[column], "collection": table.name, "reason": reason})
    return kept


def _unique(files: list[SourceFile]) -> Iterator[SourceFile]:
    """Tell files of one name apart by a number; a file that two sources reach is one file."""
    met: set[tuple[Path, str | None]] = set()
    count: defaultdict[str, int] = defaultdict(int)
    for file in files:
        place = (file.container.resolve(), file.member)
        if place not in met:
            met.add(place)
            count[file.name] += 1
            yield file if count[file.name] == 1 else replace(file, name=f"{file.name} ({count[file.name]})")
