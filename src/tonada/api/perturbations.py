"""What ``perturb`` found out about a song, and the json that says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tonada.api.autoencoders import LoadedAutoencoder
from tonada.api.latent_settings import PerturbSettings
from tonada.api.sidecars import relative_path
from tonada.config import to_mapping
from tonada.files import write_text
from tonada.hashing import file_sha256
from tonada.jsontext import to_json

FORMAT = 1
"""Of the json."""


@dataclass(frozen=True, kw_only=True)
class PerturbedClip:
    """A song after its latents were changed.

    Attributes
    ----------
    strength
        Of the noise; None where values were drawn from a range.
    distance_nats
        Mean difference of log-mel spectra from the song as the model gives it back.
    files
        What was written.
    """

    strength: float | None
    distance_nats: float
    files: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """What became of a song.

    Attributes
    ----------
    source
        The sound file.
    clips
        One for the range, if there is one, and one for each strength, in ascending order.
    reconstruction_nats
        Distance of the song as the model gives it back from the song itself, for comparison.
    threshold_nats
        As it was asked.
    threshold_reached
        Whether a strength that was tried led as far as the threshold.
    safe_radius
        The greatest strength whose distance stays below the threshold, on straight lines between those that were
        tried, from no change at strength 0. Where the threshold was not reached, the greatest that was tried: the
        radius is at least that. None where no strength was tried, or the latents do not vary.
    remarks
        What should be known, a line each.
    files
        What was written; the last is the json with these figures.
    """

    source: Path
    clips: tuple[PerturbedClip, ...]
    reconstruction_nats: float
    threshold_nats: float
    threshold_reached: bool
    safe_radius: float | None
    remarks: tuple[str, ...]
    files: tuple[Path, ...]


def write_perturbation(path: Path, result: Perturbation, settings: PerturbSettings, loaded: LoadedAutoencoder) -> None:
    """Write the figures, and what making them again needs.

    Parameters
    ----------
    path
        The json.
    result
        What it is about.
    settings
        What was asked.
    loaded
        The model.

    Raises
    ------
    DataError
        The folder cannot be written.
    ResourceError
        The disk is full.
    """
    record = {
        "format": FORMAT,
        **loaded.facts(path.parent),
        "song": {"name": relative_path(result.source, path.parent), "sha256": file_sha256(result.source)},
        "settings": to_mapping(settings),
        "reconstruction_nats": result.reconstruction_nats,
        "threshold_reached": result.threshold_reached,
        "safe_radius": result.safe_radius,
        "clips": [
            {
                "strength": clip.strength,
                "distance_nats": clip.distance_nats,
                "files": [file.name for file in clip.files],
            }
            for clip in result.clips
        ],
    }
    write_text(path, to_json(record) + "\n")
