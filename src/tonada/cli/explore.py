"""``tonada explore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tonada.cli.codes import SOME_FAILED
from tonada.cli.output import Json, print_json, print_table, progress_bar, say


def explore(
    *models: Annotated[str, Parameter(required=True)],
    data: Annotated[Path, Parameter(alias="-d")],
    output: Annotated[Path, Parameter(alias="-o")],
    outside: Annotated[tuple[str, ...], Parameter(n_tokens=1)] = (),
    split: str = "validation",
    limit: int = 300,
    tolerance: float = 0.1,
    seed: int = 1,
    device: str = "auto",
    json: Json = False,
) -> int:
    """Show what autoencoders of sound learned: one offline page with maps, clusters, players, songs from outside.

    Parameters
    ----------
    models
        Names of autoencoders that Tonada brings, or paths of model or run folders; three sizes show most.
    data
        Folder that prepare wrote from sound, as waveforms.
    output
        Folder for explore.html, explore.json and points.csv.
    outside
        A song that is in no data set: a file, a folder, a pattern. Give it once for each.
    split
        What to read, with commas between: train, validation, test, or all. A size is chosen with it: leave test for
        figures of the choice.
    limit
        Clips, at most, chosen evenly over tracks and labels.
    tolerance
        How much more than the best, as a share, the proposed smallest latent may lose.
    seed
        Of k-means and the intervals.
    device
        Where to compute: auto, cpu, cuda or mps.
    json
        Print JSON.
    """
    from tonada.api.exploring import explore as look

    with progress_bar("exploring") as show:
        found = look(
            *models,
            data=data,
            output=output,
            outside=outside,
            split=split,
            limit=limit,
            tolerance=tolerance,
            seed=seed,
            device=device,
            progress=show,
        )
    for failure in found.failures:
        say(f"tonada: {failure.error}")
    if json:
        failed = [{"name": failure.name, "error": str(failure.error)} for failure in found.failures]
        print_json({**found.findings.figures(), "failures": failed, "files": found.files})
    else:
        print_table(found.findings.table())
        print(found.findings.proposal.reason)
        for path in found.files:
            print(path)
    return SOME_FAILED if found.failures else 0
