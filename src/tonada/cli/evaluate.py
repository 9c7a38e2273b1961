"""``tonada evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tonada.api.evaluation import PAIRS
from tonada.cli.output import Json, print_json, print_table, progress_bar


def evaluate(
    *names: str,
    ref: Path | None = None,
    split: str = "validation",
    limit: int | None = None,
    seconds: float | None = None,
    judge: str | None = None,
    originality: bool = False,
    listen: bool = False,
    pairs: int = PAIRS,
    seed: int = 1,
    device: str = "auto",
    precision: str = "fp32",
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    json: Json = False,
) -> None:
    """Measure how well a model predicts notes, or reconstructs sound, that it never saw; or how real MIDI files are.

    Parameters
    ----------
    names
        Name of a model that Tonada brings, or path of a model or run folder; or MIDI files, folders, patterns.
    ref
        Folder that prepare wrote, for a model with its tokenizer or transform; for files also a folder of MIDI files.
    split
        What to read: train, validation or test.
    limit
        Read only the first so many pieces, of files so many passages: a glance, not a figure to quote.
    seconds
        Of files: length of the passages that are compared; with --listen of each sound; 30 when not given.
    judge
        Of files: the classifier that knows the styles; the one that Tonada brings when not given.
    originality
        Look in MIDI files for quotations of the training music, in any key and at any tempo.
    listen
        Make a page for blind listening of two folders, or of a model beside what really follows; or read csv files of
        answers.
    pairs
        With --listen: how many pairs, at most.
    seed
        With --listen: of the order, and of what a model makes.
    device
        Where to compute: auto, cpu, cuda or mps.
    precision
        Of the forward passes: fp32, or bf16, which is faster where the hardware has it.
    output
        Folder for evaluation.json and evaluation.html, which are not written when not given; with --listen of the page.
    json
        Print JSON.
    """
    from tonada.api.evaluation import evaluate as measure

    with progress_bar("evaluating") as show:
        found = measure(
            *names,
            ref=ref,
            split=split,
            limit=limit,
            seconds=seconds,
            judge=judge,
            originality=originality,
            listen=listen,
            pairs=pairs,
            seed=seed,
            device=device,
            precision=precision,
            output=output,
            progress=lambda done, total: show(done, total, f"{done} of {total}"),
        )
    if json:
        print_json(found)
        return
    print(found.headline())
    for heading, rows in found.tables().items():
        if heading:
            print(f"\n{heading}")
        print_table(rows)
    for path in found.files:
        print(path)
