"""``tonada morph``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tonada.api.settings import SOUND_MODEL
from tonada.cli.batches import Formats, tell, tell_remarks
from tonada.cli.output import Json, print_json, print_table, progress_bar


def morph(
    first: str,
    second: str,
    /,
    *,
    model: str = SOUND_MODEL,
    output: Annotated[Path, Parameter(alias="-o")] = Path(),
    steps: int = 5,
    way: str = "linear",
    whole: bool = False,
    formats: Formats = ("wav",),
    device: str = "auto",
    json: Json = False,
) -> int:
    """Go from one song to another through their latents, beside the plain cross-fade, and print how far they differ.

    Parameters
    ----------
    first
        Sound file of any rate, channels and length.
    second
        Another.
    model
        Name of an autoencoder that Tonada brings, or path of a model or run folder.
    output
        Folder of the files, which are named FIRST-SECOND_WAY_NUMBER and FIRST-SECOND_crossfade_NUMBER.
    steps
        Clips, both ends included.
    way
        linear, or spherical: turning from one vector to the other, which keeps their lengths.
    whole
        Go on to the end of the longer song, the shorter one followed by silence.
    formats
        What to write, with commas between: wav, flac, ogg, opus, mp3, svg (a spectrogram).
    device
        Where to compute: auto, cpu, cuda or mps.
    json
        Print JSON.
    """
    import tonada

    with progress_bar("morphing") as show:
        result = tonada.morph(
            first,
            second,
            model=model,
            output=output,
            steps=steps,
            way=way,
            whole=whole,
            formats=formats,
            device=device,
            progress=show,
        )
    tell(result, json=json)
    tell_remarks(result.remarks)
    if json:
        print_json(result)
    else:
        print_table(
            [
                {"share": step.share, "nats from the cross-fade": step.distance_nats, "novelty": step.novelty}
                for step in result.steps
            ]
        )
    return 0
