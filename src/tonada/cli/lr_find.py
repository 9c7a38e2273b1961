"""``tonada lr-find``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tonada.cli.output import Json, print_facts, print_json, progress_bar
from tonada.schedules import HIGHEST_RATE, LOWEST_RATE, RATES_TRIED


def lr_find(
    model: str,
    /,
    *data: str,
    output: Annotated[Path, Parameter(alias="-o")] = Path("lr-find.svg"),
    low: float = LOWEST_RATE,
    high: float = HIGHEST_RATE,
    steps: int = RATES_TRIED,
    set: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    device: str = "auto",
    json: Json = False,
) -> None:
    """Look for a learning rate: train for a moment at rising rates, and see where the loss falls.

    Parameters
    ----------
    model
        Full name of a preset, to train it; or a model that Tonada brings, or a model or run folder, to fine-tune it.
    data
        Folder that prepare wrote; to fine-tune, MIDI files, folders, zips and tables, too.
    output
        The picture of the losses, .svg.
    low
        The first rate.
    high
        The last rate.
    steps
        Number of rates.
    set
        A setting of train or finetune, KEY=VALUE or TABLE.KEY=VALUE; can be given several times.
    device
        Where to compute: auto, cpu, cuda or mps.
    json
        Print JSON.
    """
    from tonada.api.rates import lr_find as search

    with progress_bar("trying rates") as show:
        found = search(
            model,
            *data,
            output=output,
            low=low,
            high=high,
            steps=steps,
            settings=set,
            device=device,
            progress=lambda done, total: show(done, total, ""),
        )
    if json:
        print_json(found)
        return
    print_facts({"valley": f"{found.curve.valley:.3g}", "steepest": f"{found.curve.steepest:.3g}"})
    print(found.file)
