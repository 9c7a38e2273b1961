"""``tonada render``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tonada.cli.batches import Formats, batch_code, json_of, read_names, tell
from tonada.cli.output import Json, print_json, progress_bar


def render(
    *midi: Annotated[str, Parameter(required=True)],
    output: Annotated[Path, Parameter(alias="-o")] = Path(),
    formats: Formats = ("wav",),
    soundfont: Path | None = None,
    json: Json = False,
) -> int:
    """Turn MIDI files into sound and piano rolls.

    Parameters
    ----------
    midi
        Files, folders, patterns, built-in examples (fur-elise), or - to read names from stdin.
    output
        Folder of the files; each has the stem of its MIDI file.
    formats
        What to write, with commas between: wav, flac, ogg, opus, mp3, png, svg.
    soundfont
        Sound font (.sf2 or .sf3); the piano that Tonada brings when none is given.
    json
        Print JSON.
    """
    from tonada.api.rendering import render_each

    with progress_bar("rendering") as show:
        results = [
            tell(result, json=json)
            for result in render_each(
                read_names(midi), output=output, formats=formats, soundfont=soundfont, progress=show
            )
        ]
    if json:
        print_json([json_of(result, source=getattr(result, "source", None)) for result in results])
    return batch_code(results)
