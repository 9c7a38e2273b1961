"""``tonada generate``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tonada.api.inputs import Failure
from tonada.api.latent_settings import GenerateSettings
from tonada.api.settings import SOUND_MODEL
from tonada.cli.batches import Formats, batch_code, json_of, read_names, tell, tell_remarks
from tonada.cli.output import Json, print_json, progress_bar


@dataclass(frozen=True, kw_only=True)
class Options(GenerateSettings):
    """The settings, with the short names that they have on the command line."""

    variations: Annotated[int, Parameter(alias="-n")] = GenerateSettings.variations


def generate(
    *songs: str,
    model: str = SOUND_MODEL,
    output: Annotated[Path, Parameter(alias="-o")] = Path(),
    settings: Annotated[Options, Parameter(name="*")] = Options(),
    save_prior: Path | None = None,
    formats: Formats = ("wav",),
    device: str = "auto",
    json: Json = False,
) -> int:
    """Make new sound from random latents: MODEL_PRIOR_NUMBER.

    Parameters
    ----------
    songs
        Sound files, folders, patterns, or - to read names from stdin, to fit a prior to; else the model's own is taken.
    model
        Name of an autoencoder that Tonada brings, or path of a model or run folder.
    output
        Folder of the files.
    save_prior
        Where to write the prior that was fitted; prior.safetensors in the model's folder is found again.
    formats
        What to write, with commas between: wav, flac, ogg, opus, mp3, svg (a spectrogram), npy (the latents).
    device
        Where to compute: auto, cpu, cuda or mps.
    json
        Print JSON.
    """
    from tonada.api.generating import generate_each

    results = []
    with progress_bar("generating") as show:
        for result in generate_each(
            read_names(songs, "sound file"),
            model=model,
            output=output,
            settings=settings,
            save_prior=save_prior,
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
                else json_of(
                    result,
                    variation=result.variation,
                    prior=result.prior,
                    seconds=result.seconds,
                    remarks=result.remarks,
                )
                for result in results
            ]
        )
    return batch_code(results)
