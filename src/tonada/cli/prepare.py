"""``tonada prepare``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tonada.cli.output import Json, clock, print_facts, print_json, print_table, progress_bar, say

if TYPE_CHECKING:
    from tonada.audio.corpus import AudioReport
    from tonada.symbolic.corpus import PrepareReport


def prepare(
    *sources: Path,
    output: Annotated[Path, Parameter(alias="-o")],
    tokenizer: str | None = None,
    transform: str | None = None,
    set: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    composer: tuple[str, ...] = (),
    title: str | None = None,
    where: tuple[str, ...] = (),
    style: tuple[str, ...] = (),
    split: str | None = None,
    min_notes: int | None = None,
    segment_seconds: float | None = None,
    min_seconds: float | None = None,
    gtzan_filter: Annotated[bool, Parameter(negative="")] = False,
    validation_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    jobs: int | None = None,
    shard: str | None = None,
    merge: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    overwrite: bool = False,
    json: Json = False,
) -> None:
    """Turn MIDI or sound files into a data set: drop duplicates, split by work or recording, report what was left out.

    Parameters
    ----------
    sources
        Folders, zips (MAESTRO, GTZAN as distributed), files, and csv tables that select among them. What they hold
        decides whether notes or sound is prepared. The folder of a sound file is its label, unless a manifest.csv
        (columns file, label, track) says more.
    output
        Folder of the data set.
    tokenizer
        What notes are turned into: note (unless another is given), performance or giga.
    transform
        What sound is turned into: waveform (unless another is given) or mel.
    set
        A setting of the tokenizer or transform, KEY=VALUE; can be given several times.
    composer
        MIDI: only pieces of this composer, by surname or name; can be given several times.
    title
        MIDI: only pieces whose title has this in it.
    where
        MIDI: only pieces with this value in a column of the tables, COLUMN=VALUE; can be given several times.
    style
        MIDI: only pieces of this style, as a table's column style says; can be given several times.
    split
        MIDI: only pieces that a table assigns to this split.
    min_notes
        MIDI: skip files with fewer notes; 16 unless given.
    segment_seconds
        Sound: length of the segments that clips are cut into; 5 unless given.
    min_seconds
        Sound: skip shorter files; 1 unless given.
    gtzan_filter
        Sound: leave out the known faults of the GTZAN collection.
    validation_share
        Share for validation: of the works, where no table assigns the splits; of sound, of each label's seconds.
    test_share
        Share for the test, likewise.
    seed
        Decides, with the work or recording, on its split.
    jobs
        Number of processes; as many as there are cores when not given.
    shard
        I/N: read every N-th file from the I-th on, and write part I of N to the output folder.
    merge
        Put these parts together: the data set that one machine would have made. They know sources and settings.
    overwrite
        Replace an existing data set, or part.
    json
        Print JSON.
    """
    from tonada.api.preparation import prepare as make
    from tonada.parts import PartReport

    with progress_bar("reading") as show:
        report = make(
            *sources,
            output=output,
            tokenizer=tokenizer,
            transform=transform,
            settings=set,
            composer=composer,
            title=title,
            where=where,
            style=style,
            split=split,
            min_notes=min_notes,
            segment_seconds=segment_seconds,
            min_seconds=min_seconds,
            gtzan_filter=gtzan_filter,
            validation_share=validation_share,
            test_share=test_share,
            seed=seed,
            jobs=jobs,
            shard=shard,
            merge=merge,
            overwrite=overwrite,
            progress=lambda done, total: show(done, total, f"{done} of {total} files"),
        )
    files = sorted(path for path in report.folder.iterdir() if path.is_file())
    if json:
        print_json({"report": report, "files": files})
        return
    if isinstance(report, PartReport):
        whole = f"{report.index} of {report.count}"
        print_facts({"part": whole, "files": report.files, "of which skipped": report.skipped})
    else:
        print_table(_totals(report))
        print(_summary(report))
    for path in files:
        print(path)
    names = ("skipped", "duplicates", "leakage", "warnings")
    told = [f"{len(rows)} in {name}.csv" for name in names if (rows := getattr(report, name, ()))]
    if told:
        say(f"tonada: left out, or worth a look: {', '.join(told)}")


def _totals(report: PrepareReport | AudioReport) -> Sequence[Mapping[str, Any]]:
    from tonada.symbolic.corpus import PrepareReport

    if isinstance(report, PrepareReport):
        return [
            {"split": name, "pieces": one.pieces, "notes": one.notes, "ids": one.ids, "time": clock(one.seconds)}
            for name, one in report.splits.items()
        ]
    columns = ("clips", "tracks", "segments")
    rows: list[dict[str, Any]] = [
        {name: row[name] for name in ("label", "split", *columns)} | {"time": clock(float(row["seconds"]))}
        for row in report.labels
    ]
    for split, one in report.splits.items():
        counts = {name: getattr(one, name) for name in columns}
        rows.append({"label": "all", "split": split, **counts, "time": clock(one.seconds)})
    return rows


def _summary(report: PrepareReport | AudioReport) -> str:
    from tonada.symbolic.corpus import PrepareReport

    if isinstance(report, PrepareReport):
        return f"{report.works} works; sha256 {report.sha256}"
    return f"{report.tracks} recordings; {report.dropped_s:.1f} s at the ends of clips dropped; sha256 {report.sha256}"
