"""Preparing sound for training: read, cut, drop what recurs, split by recording, report what was left out."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.audio.corpus.encoding import encode_all, spilled
from tonada.audio.corpus.excerpts import Excerpt, Row, Taken
from tonada.audio.corpus.kind import label_of, track_of
from tonada.audio.corpus.listing import check_settings, list_sounds, skipped_row
from tonada.audio.corpus.matching import find_repeats
from tonada.audio.corpus.parts import readings_of
from tonada.audio.corpus.reading import Reading, build_transform, is_unscaled, read_segments
from tonada.audio.corpus.repeats import first_of_each, judge
from tonada.audio.corpus.report import AudioReport, catalogue_row, label_rows, totals_of, warnings_of
from tonada.audio.corpus.splits import assign
from tonada.charts import holdings_page
from tonada.config import to_mapping
from tonada.data import SPLITS, Piece, require_free, write_dataset
from tonada.errors import DataError
from tonada.files import remove_stale_siblings, temporary_sibling, translated_errors, write_text
from tonada.parts import Parts
from tonada.sources import SourceFile
from tonada.workers import available_cores

SEGMENT_S = 5.0
"""Length of a segment, in seconds, unless the caller says otherwise."""
MIN_S = 1.0
"""Shorter files are skipped, unless the caller says otherwise."""


def prepare_audio(
    sources: Sequence[Path],
    folder: Path,
    *,
    transform: str = "waveform",
    transform_config: Mapping[str, Any] | None = None,
    segment_s: float = SEGMENT_S,
    min_s: float = MIN_S,
    gtzan_filter: bool = False,
    jobs: int | None = None,
    seed: int = 0,
    validation_share: float = 0.1,
    test_share: float = 0.1,
    overwrite: bool = False,
    parts: Parts | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AudioReport:
    """Turn sound files into a data set; the same input gives the same bytes, whatever the number of processes.

    Every file becomes one channel at the transform's sample rate, and is cut into segments of one length, each a piece
    of the data set; see `tonada.audio.corpus.segments.cut` for what is left at the end. Silent files and segments are
    left out, and so are clips that another one contains; see `tonada.audio.corpus.repeats`.

    Parameters
    ----------
    sources
        Folders, zips, sound files, and csv tables that select among them; see `tonada.sources.list_sources`.
    folder
        Where to.
    transform, transform_config
        Registry name and settings.
    segment_s
        Length of a segment, in seconds.
    min_s
        Files shorter than this are skipped, in seconds; longer ones that make no segment are padded.
    gtzan_filter
        Leave out the known faults of the GTZAN collection; see `tonada.audio.corpus.gtzan`.
    jobs
        Number of processes; as many as there are cores when None.
    seed
        Decides, with the recording, on its split.
    validation_share, test_share
        Shares of each label's seconds.
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
        An unknown transform.
    ConfigError
        A setting that cannot be.
    ResourceError
        The disk is full, or a process died.
    """
    check_settings(segment_s, min_s, jobs, (validation_share, test_share))
    config = to_mapping(build_transform(transform, transform_config or {}).config)
    require_free(folder, overwrite=overwrite)
    files, skipped = list_sounds(sources, gtzan_filter=gtzan_filter)
    with translated_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    remove_stale_siblings(folder, "tmp", "spill")
    spill = temporary_sibling(folder, "spill")
    workers = available_cores() if jobs is None else jobs
    try:
        with translated_errors(folder):
            spill.mkdir()
        readings = (
            read_segments(files, (transform, config, segment_s, min_s, spill), jobs=workers, progress=progress)
            if parts is None
            else readings_of(parts, files, progress)
        )
        taken: list[Taken] = []
        with closing(readings):
            for file, reading in zip(files, readings, strict=True):
                if reading.reason:
                    skipped.append(skipped_row(file, reading.reason))
                else:
                    taken.append(Taken(file, _excerpt(file, reading), reading))
        if not taken:
            raise DataError(folder, f"nothing is left to prepare; {_reasons(skipped)}")
        facts = {
            "seed": seed,
            "shares": {"validation": validation_share, "test": test_share},
            "segment_s": segment_s,
            "min_s": min_s,
            "gtzan_filter": gtzan_filter,
            "collections": sorted({file.collection for file in files}),
            "described_by": sorted({file.table for file in files if file.table}),
        }
        shares = (validation_share, test_share)
        settled = _settle(taken, skipped, sample_rate=config["sample_rate"], seed=seed, shares=shares)
        return _write(folder, spill, settled, transform, config, facts=facts, overwrite=overwrite, jobs=workers)
    finally:
        shutil.rmtree(spill, ignore_errors=True)


@dataclass(frozen=True, kw_only=True)
class _Settled:
    """What goes into the data set, each clip with its split, and the tables of what does not."""

    kept: list[tuple[Taken, str]]
    skipped: list[Row]
    duplicates: list[Row]


def _settle(
    taken: Sequence[Taken], skipped: list[Row], *, sample_rate: int, seed: int, shares: tuple[float, float]
) -> _Settled:
    """Drop what recurs, and give every clip that stays its split."""
    excerpts = [one.excerpt for one in taken]
    nothing = np.empty(0, dtype=np.uint32)
    prints = [
        one.reading.prints if first == place else nothing
        for place, (one, first) in enumerate(zip(taken, first_of_each(excerpts), strict=True))
    ]
    recurring = judge(excerpts, find_repeats(prints, sample_rate))
    places = [place for place in range(len(taken)) if place not in recurring.dropped]
    splits = assign(excerpts, recurring.joined, seed=seed, shares=shares, dropped=recurring.dropped)
    return _Settled(
        kept=[(taken[place], splits[place]) for place in places],
        skipped=[
            *skipped,
            *(
                {**skipped_row(taken[place].file, "the same sound as another"), "other": excerpts[other].name}
                for place, other in sorted(recurring.dropped.items())
            ),
            *(
                {**skipped_row(taken[place].file, "silent segment"), "start_s": round(start_s, 3)}
                for place in places
                for start_s in taken[place].reading.silent_s
            ),
        ],
        duplicates=recurring.rows,
    )


def _write(
    folder: Path,
    spill: Path,
    settled: _Settled,
    transform: str,
    config: dict[str, Any],
    *,
    facts: Mapping[str, Any],
    overwrite: bool,
    jobs: int,
) -> AudioReport:
    segments = [(one, split, segment) for one, split in settled.kept for segment in one.reading.segments]
    stretches = [segment.stretch for _, _, segment in segments]
    arrays: Iterator[NDArray[Any]] = (spilled(spill, stretch) for stretch in stretches)
    if is_unscaled(build_transform(transform, config)):
        training = [segment.level for _, split, segment in segments if split == "train"]
        config = {**config, "top": max(training)}
        arrays = encode_all(stretches, transform, config, spill, jobs=jobs)

    def pieces() -> Iterator[Piece]:
        for (one, split, segment), array in zip(segments, arrays, strict=True):
            row = catalogue_row(one, segment)
            yield Piece(name=f"{one.file.name}@{segment.start_s:g}", split=split, array=array, metadata=row)

    kept = [one for one, _ in settled.kept]
    tracks = len({one.excerpt.track for one in kept})
    dropped_s = round(sum(one.reading.dropped_s for one in kept), 3)
    labels, warnings = label_rows(settled.kept), [row for one in kept for row in warnings_of(one)]
    counts = {"clips": len(kept), "tracks": tracks, "dropped_s": dropped_s, "skipped": len(settled.skipped)}
    dataset = write_dataset(
        folder,
        codec=transform,
        codec_config=config,
        pieces=pieces(),
        tables={
            "skipped": settled.skipped,
            "duplicates": settled.duplicates,
            "warnings": warnings,
            "labels": labels,
        },
        facts={"prepare": {**facts, **counts}},
        overwrite=overwrite,
    )
    page = holdings_page(
        "What the data set holds", dataset.rows, by=("label",), piece="file", unit="clips", splits=SPLITS
    )
    write_text(folder / "report.html", page)
    return AudioReport(
        folder=folder,
        splits={split: totals_of(settled.kept, split) for split in SPLITS},
        tracks=tracks,
        dropped_s=dropped_s,
        labels=labels,
        skipped=settled.skipped,
        duplicates=settled.duplicates,
        warnings=warnings,
        sha256=dataset.sha256,
    )


def _excerpt(file: SourceFile, reading: Reading) -> Excerpt:
    return Excerpt(
        name=file.name,
        label=label_of(file),
        track=track_of(file),
        seconds=reading.seconds,
        digest=reading.digest,
    )


def _reasons(skipped: Sequence[Row]) -> str:
    """Say what became of the files, the commonest reasons first."""
    counts = Counter(str(row["reason"]) for row in skipped)
    return "; ".join(f"{count} × {reason}" for reason, count in counts.most_common(3))
