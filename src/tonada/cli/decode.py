"""``tonada decode``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tonada.api.inputs import Failure
from tonada.api.settings import SOUND_MODEL
from tonada.cli.batches import Formats, batch_code, json_of, read_names, tell, tell_remarks
from tonada.cli.output import Json, print_json, progress_bar


def decode(
    *latents: Annotated[str, Parameter(required=True)],
    model: str = SOUND_MODEL,
    output: Annotated[Path, Parameter(alias="-o")] = Path(),
    formats: Formats = ("wav",),
    device: str = "auto",
    json: Json = False,
) -> int:
    """Turn latents into sound: STEM_decoded.

    Parameters
    ----------
    latents
        Files of latents (.npy), folders, patterns, or - to read names from stdin.
    model
        Name of the autoencoder that they were encoded with, or path of a model or run folder.
    output
        Folder of the files.
    formats
        What to write, with commas between: wav, flac, ogg, opus, mp3, svg (a spectrogram).
    device
        Where to compute: auto, cpu, cuda or mps.
    json
        Print JSON.
    """
    from tonada.api.decoding import decode_each

    results = []
    with progress_bar("decoding") as show:
        for result in decode_each(
            read_names(latents, "file of latents"),
            model=model,
            output=output,
            formats=formats,
            device=device,
            progress=show,
        ):
            results.append(tell(result, json=json))
            if not isinstance(result, Failure):
                tell_remarks(result.remarks)
    if json:
        print_json(
            [
                json_of(result)
                if isinstance(result, Failure)
                else json_of(result, source=result.source, seconds=result.seconds, remarks=result.remarks)
                for result in results
            ]
        )
    return batch_code(results)
