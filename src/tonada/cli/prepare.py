"""``tonada prepare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tonada.cli.output import Json, clock, print_json, print_table, progress_bar, say


def prepare(
    *sources: Annotated[Path, Parameter(required=True)],
    output: Annotated[Path, Parameter(alias="-o")],
    tokenizer: str = "note",
    set: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    composer: tuple[str, ...] = (),
    title: str | None = None,
    where: tuple[str, ...] = (),
    split: str | None = None,
    min_notes: int = 16,
    validation_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    jobs: int | None = None,
    overwrite: bool = False,
    json: Json = False,
) -> None:
    """Turn MIDI files into a data set: parse, select, drop duplicates, split by work, report what was left out and why.

    Parameters
    ----------
    sources
        Folders, zips (MAESTRO as distributed), MIDI files, and csv tables that select among them.
    output
        Folder of the data set.
    tokenizer
        What the notes are turned into: note, performance or giga.
    set
        A setting of the tokenizer, KEY=VALUE; can be given several times.
    composer
        Only pieces of this composer, by surname or name; can be given several times.
    title
        Only pieces whose title has this in it.
    where
        Only pieces with this value in a column of the tables, COLUMN=VALUE; can be given several times.
    split
        Only pieces that a table assigns to this split.
    min_notes
        Skip files with fewer notes.
    validation_share
        Share of the works for validation, where no table assigns the splits.
    test_share
        Share of the works for the test, where no table assigns the splits.
    seed
        Decides, with the work, on its split.
    jobs
        Number of processes; as many as there are cores when not given.
    overwrite
        Replace an existing data set.
    json
        Print JSON.
    """
    from tonada.api.preparation import prepare as make

    with progress_bar("reading") as show:
        report = make(
            *sources,
            output=output,
            tokenizer=tokenizer,
            settings=set,
            composer=composer,
            title=title,
            where=where,
            split=split,
            min_notes=min_notes,
            validation_share=validation_share,
            test_share=test_share,
            seed=seed,
            jobs=jobs,
            overwrite=overwrite,
            progress=lambda done, total: show(done, total, f"{done} of {total} files"),
        )
    files = sorted(path for path in report.folder.iterdir() if path.is_file())
    if json:
        print_json({"report": report, "files": files})
        return
    print_table(
        [
            {"split": name, "pieces": one.pieces, "notes": one.notes, "ids": one.ids, "time": clock(one.seconds)}
            for name, one in report.splits.items()
        ]
    )
    print(f"{report.works} works; sha256 {report.sha256}")
    for path in files:
        print(path)
    left_out = {"skipped": report.skipped, "duplicates": report.duplicates, "leakage": report.leakage}
    told = [f"{len(rows)} in {name}.csv" for name, rows in left_out.items() if rows]
    if told:
        say(f"tonada: left out, or worth a look: {', '.join(told)}")
