"""The prepared data set: one folder for every kind of array, written once by ``prepare``, read memory-mapped.

::

    DATA/
      manifest.json      codec and its config, splits with shard files and their SHA-256, totals, hash of the whole
      catalogue.csv      one row a piece: id, split, shard, start, length, then its metadata
      skipped.csv …      the tables of ``prepare``
      report.html        what it holds, drawn from the catalogue
      train-00000.npy    arrays of the split's pieces, end to end (time first); validation-…, test-…

The same input gives the same bytes, whatever the number of processes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.errors import DataError, UnknownNameError
from tonada.files import temporary_sibling, translated_errors, utf8

SPLITS = ("train", "validation", "test")
FORMAT = 1
SHARD_BYTES = 128 * 2**20
"""From this size on a shard is written: preparing holds one for each split in memory, however many pieces there are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """One piece of a data set.

    Attributes
    ----------
    name
        Where it comes from, unique in the data set.
    split
        "train", "validation" or "test".
    array
        The codec's array, time first.
    metadata
        Columns of the catalogue (composer, title, work, notes, seconds …).
    """

    name: str
    split: str
    array: NDArray[Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)


def write_dataset(
    folder: Path,
    *,
    codec: str,
    codec_config: Mapping[str, Any],
    pieces: Iterable[Piece],
    tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    facts: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Dataset:
    """Write a data set: into a temporary folder beside ``folder``, renamed when it is whole.

    Parameters
    ----------
    folder
        Where to; it must not exist, be empty, or (with ``overwrite``) hold a data set.
    codec
        Registry name of the codec.
    codec_config
        Its settings, as a plain mapping.
    pieces
        In the order in which they are to stand; consumed lazily, a shard at a time in memory.
    tables
        File stem → rows, written as csv (skipped, duplicates …); may be filled while ``pieces`` is being consumed.
    facts
        Anything else that the manifest should state; may be filled while ``pieces`` is being consumed.
    overwrite
        Replace an existing data set.

    Raises
    ------
    DataError
        The folder is in use, cannot be written, or there are no pieces.
    ResourceError
        The disk is full.
    """
    require_free(folder, overwrite=overwrite)
    temporary = temporary_sibling(folder, "tmp")
    try:
        with translated_errors(folder):
            temporary.mkdir(parents=True)
            _write_into(temporary, codec, codec_config, pieces, tables or {}, facts or {}, folder)
            if folder.exists():
                shutil.rmtree(folder)
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Dataset(folder)


def require_free(folder: Path, *, overwrite: bool = False) -> None:
    """Check that a data set may be written to ``folder``; preparing asks before it reads for minutes.

    Raises
    ------
    DataError
        It holds something else, or a data set and ``overwrite`` is False; or it is the current folder, which cannot
        be replaced as a whole.
    """
    if folder.resolve() == Path.cwd():
        raise DataError(folder, "is the current folder; name a new one, for example -o DATA")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not all((folder / name).is_file() for name in ("manifest.json", "catalogue.csv")):
            raise DataError(folder, "exists and is no prepared data set; choose another folder with -o")
        if not overwrite:
            raise DataError(folder, "holds a prepared data set already; give --overwrite to replace it")


def _write_into(
    temporary: Path,
    codec: str,
    codec_config: Mapping[str, Any],
    pieces: Iterable[Piece],
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    facts: Mapping[str, Any],
    folder: Path,
) -> None:
    shards: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    waiting: dict[str, list[NDArray[Any]]] = {split: [] for split in SPLITS}
    rows: list[dict[str, Any]] = []

    def flush(split: str) -> None:
        if waiting[split]:
            array = np.concatenate(waiting[split])
            name = f"{split}-{len(shards[split]):05}.npy"
            np.save(temporary / name, array, allow_pickle=False)
            with (temporary / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            shards[split].append({"file": name, "items": len(array), "sha256": digest})
            waiting[split].clear()

    for piece in pieces:
        start = sum(len(array) for array in waiting[piece.split])
        place = {"id": len(rows), "split": piece.split, "shard": len(shards[piece.split]), "start": start}
        rows.append({**place, "length": len(piece.array), "name": piece.name, **piece.metadata})
        waiting[piece.split].append(piece.array)
        if sum(array.nbytes for array in waiting[piece.split]) >= SHARD_BYTES:
            flush(piece.split)
    for split in SPLITS:
        flush(split)
    if not rows:
        raise DataError(folder, "nothing was left to prepare: no usable piece in the sources")
    files = {"catalogue": rows, **tables}
    for stem, table in files.items():
        (temporary / f"{stem}.csv").write_bytes(_csv(table))
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "codec": {"name": codec, **codec_config},
        "splits": {
            split: {
                "pieces": sum(row["split"] == split for row in rows),
                "items": sum(row["length"] for row in rows if row["split"] == split),
                "shards": shards[split],
            }
            for split in SPLITS
        },
        "tables": {stem: hashlib.sha256(_csv(table)).hexdigest() for stem, table in files.items()},
        **facts,
    }
    manifest["sha256"] = hashlib.sha256(_json(manifest)).hexdigest()
    (temporary / "manifest.json").write_bytes(_json(manifest))


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return utf8(text.getvalue())


def _json(mapping: Mapping[str, Any]) -> bytes:
    return utf8(json.dumps(mapping, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


class Dataset:
    """A prepared data set, memory-mapped.

    Parameters
    ----------
    folder
        What ``prepare`` wrote.

    Raises
    ------
    DataError
        The folder is no data set, or a shard is missing or has another length than the manifest says.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "manifest.json"
        if not path.is_file():
            raise DataError(folder, "is no prepared data set (it has no manifest.json). Make one with: tonada prepare")
        with translated_errors(path):
            text, catalogue = path.read_text("utf-8"), (folder / "catalogue.csv").read_text("utf-8")
        try:
            self.manifest: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(path, f"is not JSON ({error})") from error
        found = self.manifest.get("format") if isinstance(self.manifest, dict) else None
        if found != FORMAT:
            raise DataError(path, f"has format {found}; this version reads format {FORMAT}")
        if not {"codec", "splits", "tables", "sha256"} <= self.manifest.keys():
            raise DataError(path, "is damaged; prepare the data again")
        self.rows: list[dict[str, str]] = list(csv.DictReader(io.StringIO(catalogue, newline="")))
        self._shards: dict[tuple[str, int], NDArray[Any]] = {}
        for split, entry in self.manifest["splits"].items():
            for index, shard in enumerate(entry["shards"]):
                self._shards[split, index] = self._open(folder / shard["file"], shard["items"])

    @staticmethod
    def _open(path: Path, items: int) -> NDArray[Any]:
        try:
            with translated_errors(path):
                array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            raise DataError(path, "is damaged; prepare the data again") from error
        if len(array) != items:
            raise DataError(path, f"holds {len(array)} items where the manifest says {items}; prepare the data again")
        return array

    def verify(self) -> None:
        """Check shards and catalogue against the hashes of the manifest; it reads all of them once.

        Raises
        ------
        DataError
            A file is not the one that ``prepare`` wrote.
        """
        expected = {"catalogue.csv": self.manifest["tables"]["catalogue"]}
        for split in self.manifest["splits"].values():
            expected |= {shard["file"]: shard["sha256"] for shard in split["shards"]}
        for name, digest in expected.items():
            path = self.folder / name
            with translated_errors(path), path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    raise DataError(path, "was changed since it was prepared; prepare the data again")

    @property
    def sha256(self) -> str:
        """Hash of the manifest, which holds the hashes of all shards and tables."""
        return str(self.manifest["sha256"])

    @property
    def codec_name(self) -> str:
        """Registry name of the codec that made the arrays."""
        return str(self.manifest["codec"]["name"])

    @property
    def codec_config(self) -> dict[str, Any]:
        """Settings of the codec that made the arrays."""
        return {key: value for key, value in self.manifest["codec"].items() if key != "name"}

    def pieces(self, split: str) -> list[Piece]:
        """List the pieces of a split, arrays memory-mapped, in the order of the catalogue.

        Parameters
        ----------
        split
            "train", "validation" or "test".

        Raises
        ------
        UnknownNameError
            There is no such split.
        """
        if split not in SPLITS:
            raise UnknownNameError("split", split, SPLITS)
        pieces = []
        for row in self.rows:
            if row["split"] == split:
                start, length = int(row["start"]), int(row["length"])
                array = self._shards[split, int(row["shard"])][start : start + length]
                pieces.append(Piece(name=row["name"], split=split, array=array, metadata=row))
        return pieces
