"""``tonada perturb``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tonada.api.inputs import Failure
from tonada.api.latent_settings import PerturbSettings
from tonada.api.settings import SOUND_MODEL
from tonada.cli.batches import Formats, Numbers, WholeNumbers, batch_code, json_of, read_names, tell, tell_remarks
from tonada.cli.output import Json, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from tonada.api.perturbations import Perturbation


@dataclass(frozen=True, kw_only=True)
class Options(PerturbSettings):
    """The settings, as they are written on the command line."""

    dimensions: WholeNumbers = PerturbSettings.dimensions
    strength: Numbers = PerturbSettings.strength


def perturb(
    *songs: Annotated[str, Parameter(required=True)],
    model: str = SOUND_MODEL,
    output: Annotated[Path, Parameter(alias="-o")] = Path(),
    settings: Annotated[Options, Parameter(name="*")] = Options(),
    formats: Formats = ("wav",),
    device: str = "auto",
    json: Json = False,
) -> int:
    """Change the latents of songs, write what they become, and print how far that is from what they were.

    Parameters
    ----------
    songs
        Sound files of any rate, channels and length, folders, patterns, or - to read names from stdin.
    model
        Name of an autoencoder that Tonada brings, or path of a model or run folder.
    output
        Folder of the files: STEM_range0.75, STEM_strength0.1 …, and STEM_perturb.json with the figures.
    formats
        What to write, with commas between: wav, flac, ogg, opus, mp3, svg (a spectrogram).
    device
        Where to compute: auto, cpu, cuda or mps.
    json
        Print JSON.
    """
    from tonada.api.perturbing import perturb_each

    results = []
    with progress_bar("perturbing") as show:
        for result in perturb_each(
            read_names(songs, "sound file"),
            model=model,
            output=output,
            settings=settings,
            formats=formats,
            device=device,
            progress=show,
        ):
            results.append(tell(result, json=json))
            if not isinstance(result, Failure):
                tell_remarks(result.remarks)
    if json:
        print_json([json_of(result) if isinstance(result, Failure) else result for result in results])
    else:
        print_table(
            [
                {
                    "song": result.source.name,
                    **{
                        "range" if clip.strength is None else f"strength {clip.strength:g}": clip.distance_nats
                        for clip in result.clips
                    },
                    "decoded": result.reconstruction_nats,
                    "safe radius": _radius(result),
                }
                for result in results
                if not isinstance(result, Failure)
            ]
        )
    return batch_code(results)


def _radius(result: Perturbation) -> str | float | None:
    """Give the safe radius, or that it is greater than all that was tried."""
    if result.safe_radius is None or result.threshold_reached:
        return result.safe_radius
    return f"≥ {result.safe_radius:g}"
