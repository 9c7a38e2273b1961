"""``tonada encode``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tonada.api.inputs import Failure
from tonada.api.settings import SOUND_MODEL
from tonada.cli.batches import Formats, batch_code, json_of, read_names, tell, tell_remarks
from tonada.cli.output import Json, print_json, print_table, progress_bar


def encode(
    *songs: Annotated[str, Parameter(required=True)],
    model: str = SOUND_MODEL,
    output: Annotated[Path, Parameter(alias="-o")] = Path(),
    check: bool = False,
    formats: Formats = (),
    device: str = "auto",
    json: Json = False,
) -> int:
    """Turn songs into latents: STEM.npy, frames by channels, and a json that says what it is of.

    Parameters
    ----------
    songs
        Sound files of any rate, channels and length, folders, patterns, or - to read names from stdin.
    model
        Name of an autoencoder that Tonada brings, or path of a model or run folder.
    output
        Folder of the files; each has the stem of its song.
    check
        Decode again to STEM_decoded, and print how far that is from the song.
    formats
        What --check writes, with commas between: wav (if you name none), flac, ogg, opus, mp3, svg (a picture of both).
    device
        Where to compute: auto, cpu, cuda or mps.
    json
        Print JSON.
    """
    from tonada.api.encoding import encode_each

    results = []
    with progress_bar("encoding") as show:
        for result in encode_each(
            read_names(songs, "sound file"),
            model=model,
            output=output,
            check=check,
            formats=formats,
            device=device,
            progress=show,
        ):
            results.append(tell(result, json=json))
            if not isinstance(result, Failure):
                tell_remarks(result.remarks)
    made = [result for result in results if not isinstance(result, Failure)]
    if json:
        print_json(
            [
                json_of(result)
                if isinstance(result, Failure)
                else json_of(
                    result,
                    source=result.source,
                    seconds=result.seconds,
                    frames=result.frames,
                    channels=result.channels,
                    values_per_second=result.values_per_second,
                    compression=result.compression,
                    metrics=result.metrics,
                    remarks=result.remarks,
                )
                for result in results
            ]
        )
    elif check:
        print_table([{"song": result.source.name, **(result.metrics or {})} for result in made])
    return batch_code(results)
