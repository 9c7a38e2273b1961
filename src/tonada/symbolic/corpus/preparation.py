"""Preparing MIDI for training: select, read, tokenize, drop duplicates, split by work, report what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tonada import registry
from tonada.charts import holdings_page
from tonada.config import from_mapping, to_mapping
from tonada.data import SPLITS, Piece, require_free, write_dataset
from tonada.errors import DataError
from tonada.files import remove_stale_siblings, temporary_sibling, translated_errors, write_text
from tonada.parts import Parts
from tonada.sources import SourceFile
from tonada.symbolic.corpus.listing import check_settings, list_corpus
from tonada.symbolic.corpus.parts import readings_of
from tonada.symbolic.corpus.reading import Reading, read_all
from tonada.symbolic.corpus.selection import parse_selection
from tonada.symbolic.corpus.splits import SPELLINGS, Candidate, Settled, settle
from tonada.symbolic.corpus.works import work_of
from tonada.symbolic.tokenizers.base import Tokenizer
from tonada.workers import available_cores

MIN_NOTES = 16
"""Files with fewer notes are skipped, unless the caller says otherwise."""
UNREPEATED = frozenset({"audio_filename", "composer", "duration", "notes", "split", "title"})
"""Columns of the tables that the catalogue gives itself, or that name files which are not there."""

Row = Mapping[str, str | int | float]


@dataclass(frozen=True, kw_only=True)
class SplitTotals:
    """What a split holds."""

    pieces: int = 0
    notes: int = 0
    ids: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class PrepareReport:
    """What `prepare_corpus` did.

    Attributes
    ----------
    folder
        The data set.
    splits
        Split → totals.
    works
        Number of works.
    skipped
        Rows (name, collection, reason) of files that gave no piece.
    duplicates
        Rows (piece, other, share …) of pieces that share notes.
    leakage
        Rows (name, collection, other, reason) of pieces dropped because they share a work with a held-out piece.
    sha256
        Hash of the manifest.
    """

    folder: Path
    splits: Mapping[str, SplitTotals]
    works: int
    skipped: Sequence[Row] = field(default_factory=list)
    duplicates: Sequence[Row] = field(default_factory=list)
    leakage: Sequence[Row] = field(default_factory=list)
    sha256: str


def prepare_corpus(
    sources: Sequence[Path],
    folder: Path,
    *,
    tokenizer: str = "note",
    tokenizer_config: Mapping[str, Any] | None = None,
    where: Mapping[str, str] | Sequence[str] = (),
    composer: str | Sequence[str] | None = None,
    title: str | None = None,
    split: str | None = None,
    min_notes: int = MIN_NOTES,
    jobs: int | None = None,
    seed: int = 0,
    validation_share: float = 0.1,
    test_share: float = 0.1,
    overwrite: bool = False,
    parts: Parts | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PrepareReport:
    """Turn MIDI files into a data set; the same input gives the same bytes, whatever the number of processes.

    Parameters
    ----------
    sources
        Folders, zips (MAESTRO as distributed), MIDI files, and csv tables that select among them; see
        `tonada.sources.list_sources`.
    folder
        Where to.
    tokenizer, tokenizer_config
        Registry name and settings.
    where, composer, title, split
        Selection; see `tonada.symbolic.corpus.selection.select`. Several composers are alternatives.
    min_notes
        Files with fewer notes are skipped.
    jobs
        Number of processes; as many as there are cores when None.
    seed
        Decides, with the work, on the split of files that no table assigns.
    validation_share, test_share
        Shares of the works that no table assigns.
    overwrite
        Replace an existing data set.
    parts
        What reading the files gave, elsewhere; they are not read then.
    progress
        Called with the number of files read and of all files.

    Raises
    ------
    DataError
        A source cannot be used, the folder is in use, or nothing usable is left.
    UnknownNameError
        A column, or a value in it, that no file has; an unknown tokenizer.
    ConfigError
        A setting that cannot be.
    ResourceError
        The disk is full, or a process died.
    """
    check_settings(min_notes, jobs, (validation_share, test_share))
    tokenizer_class = registry.resolve("tokenizer", tokenizer)
    codec: Tokenizer = tokenizer_class(from_mapping(tokenizer_class.Config, tokenizer_config or {}))
    config = to_mapping(codec.config)
    wanted = parse_selection(where, composer=composer, title=title, split=split)
    require_free(folder, overwrite=overwrite)
    listing = list_corpus([Path(source) for source in sources], wanted)
    files = listing.files
    skipped: list[Row] = [*listing.skipped]
    with translated_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    remove_stale_siblings(folder, "tmp", "ids")
    spill = temporary_sibling(folder, "ids")
    try:
        pieces: list[Candidate] = []
        stored: list[_Stored] = []
        with translated_errors(folder), spill.open("wb") as stream:
            workers = available_cores() if jobs is None else jobs
            readings = (
                read_all(
                    files, tokenizer=tokenizer, config=config, min_notes=min_notes, jobs=workers, progress=progress
                )
                if parts is None
                else readings_of(parts, files, progress)
            )
            with closing(readings):
                for file, reading in zip(files, readings, strict=True):
                    if reading.ids is None:
                        skipped.append({"name": file.name, "collection": file.collection, "reason": reading.reason})
                        continue
                    start = stream.tell() // reading.ids.itemsize
                    stream.write(reading.ids.tobytes())
                    pieces.append(_candidate(file, place=len(pieces), reading=reading))
                    facts_read = (len(reading.ids), reading.notes, reading.seconds, reading.tempo_bpm)
                    stored.append(_Stored(file, start, *facts_read))
        elsewhere = [_candidate(file) for file in listing.elsewhere]
        settled = settle(pieces, elsewhere=elsewhere, seed=seed, shares=(validation_share, test_share))
        skipped.extend(settled.skipped)
        if not settled.kept:
            raise DataError(folder, f"nothing is left to prepare; {_reasons(skipped, settled.leakage)}")
        facts = {
            "selection": {column: list(values) for column, values in wanted.items()},
            "seed": seed,
            "shares": {"validation": validation_share, "test": test_share},
            "min_notes": min_notes,
            "collections": sorted({file.collection for file in files}),
        }
        return _write(folder, spill, settled, stored, skipped, codec=codec, facts=facts, overwrite=overwrite)
    finally:
        spill.unlink(missing_ok=True)


class _Stored(NamedTuple):
    """Where a piece's ids lie in the spill file, and what the catalogue says about it."""

    file: SourceFile
    start: int
    length: int
    notes: int
    seconds: float
    tempo_bpm: float | None


def _candidate(file: SourceFile, *, place: int = 0, reading: Reading | None = None) -> Candidate:
    facts = file.facts
    return Candidate(
        name=file.name,
        collection=file.collection,
        table=file.table,
        declared=SPELLINGS.get(facts.get("split", "").casefold(), ""),
        work=work_of(facts.get("composer", ""), facts.get("title", ""), facts.get("work_key", "")),
        digest=reading.digest if reading else "",
        notes_digest=reading.notes_digest if reading else "",
        fingerprint=reading.fingerprint if reading else np.empty(0, dtype=np.uint64),
        place=place,
    )


def _reasons(skipped: Sequence[Row], leakage: Sequence[Row]) -> str:
    """Say what became of the files, the commonest reasons first."""
    counts = Counter(str(row["reason"]) for row in (*skipped, *leakage))
    return "; ".join(f"{count} × {reason}" for reason, count in counts.most_common(3))


def _write(
    folder: Path,
    spill: Path,
    settled: Settled,
    stored: Sequence[_Stored],
    skipped: Sequence[Row],
    *,
    codec: Tokenizer,
    facts: Mapping[str, Any],
    overwrite: bool,
) -> PrepareReport:
    ids = np.memmap(spill, dtype=np.uint16, mode="r")
    totals = {split: SplitTotals() for split in SPLITS}

    def read(entry: _Stored) -> NDArray[np.uint16]:
        return ids[entry.start : entry.start + entry.length]

    codec = codec.learned(read(stored[piece.place]) for piece in settled.kept if piece.split == "train")

    def pieces() -> Iterator[Piece]:
        for piece in settled.kept:
            entry = stored[piece.place]
            array = codec.respell(read(entry))
            before = totals[piece.split]
            totals[piece.split] = SplitTotals(
                pieces=before.pieces + 1,
                notes=before.notes + entry.notes,
                ids=before.ids + len(array),
                seconds=before.seconds + entry.seconds,
            )
            metadata = {
                "composer": entry.file.facts.get("composer", ""),
                "title": entry.file.facts.get("title", ""),
                "work": piece.work.key,
                "notes": entry.notes,
                "seconds": round(entry.seconds, 3),
                "tempo_bpm": "" if entry.tempo_bpm is None else round(entry.tempo_bpm, 3),
                "collection": piece.collection,
                **{name: text for name, text in entry.file.facts.items() if name not in UNREPEATED},
                "digest": piece.digest,
            }
            yield Piece(name=piece.name, split=piece.split, array=array, metadata=metadata)

    works = len({piece.work.key for piece in settled.kept})
    tables = {"skipped": skipped, "duplicates": settled.duplicates, "leakage": settled.leakage}
    dataset = write_dataset(
        folder,
        codec=codec.name,
        codec_config=to_mapping(codec.config),
        pieces=pieces(),
        tables=tables,
        facts={"prepare": {**facts, "works": works, "skipped": len(skipped), "leakage": len(settled.leakage)}},
        overwrite=overwrite,
    )
    page = holdings_page(
        "What the data set holds", dataset.rows, by=("composer", "style"), piece="name", unit="pieces", splits=SPLITS
    )
    write_text(folder / "report.html", page)
    return PrepareReport(
        folder=folder,
        splits=totals,
        works=works,
        skipped=skipped,
        duplicates=settled.duplicates,
        leakage=settled.leakage,
        sha256=dataset.sha256,
    )
