"""``tonada replay``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tonada.cli.output import Json, clock, print_json, progress_bar
from tonada.errors import TonadaError


def replay(
    sidecar: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    input: Path | None = None,
    model: str | None = None,
    style: str | None = None,
    device: str | None = None,
    json: Json = False,
) -> None:
    """Make a composition again from its sidecar, and say whether it is identical or what differs.

    Parameters
    ----------
    sidecar
        The json file beside a composition.
    output
        Folder for the new files; when not given they are only compared.
    input
        The MIDI file that was continued, if it has moved.
    model
        The model, if it has moved.
    style
        The style, if it has moved.
    device
        Where to compute, if not where it was.
    json
        Print JSON.
    """
    from tonada.api.replaying import replay as make_again

    with progress_bar("replaying") as show:
        result = make_again(
            sidecar,
            output=output,
            input=input,
            model=model,
            style=style,
            device=device,
            progress=lambda at: show(at.share, 1.0, f"{at.notes} notes, {clock(at.seconds)}"),
        )
    if json:
        print_json(result)
    else:
        print("identical" if result.identical else "not identical")
        for difference in result.differences:
            print(difference)
        for path in result.files:
            print(path)
    if not result.identical:
        raise TonadaError(f"{sidecar}: the music that came out is not the same. What differs is listed on stdout")
