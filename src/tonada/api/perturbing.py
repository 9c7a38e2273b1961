"""``perturb``: what becomes of a song when some of its latents are replaced, or all are shaken a little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.autoencoders import (
    DECODED_FORMATS,
    Listen,
    LoadedAutoencoder,
    Progress,
    finite,
    load_autoencoder,
    read_blocks,
    sibling,
    sibling_stem,
    write_sound,
)
from tonada.api.comparing import log_mel_distance_nats
from tonada.api.hashing import file_sha256
from tonada.api.inputs import Batch, Failure, check_output, find_inputs, unique_stems
from tonada.api.latent_settings import PerturbSettings
from tonada.api.settings import SOUND_MODEL, check_formats
from tonada.api.sidecars import relative_path
from tonada.api.writing import all_or_none
from tonada.config import to_mapping
from tonada.errors import ConfigError, DataError
from tonada.files import write_text
from tonada.jsontext import to_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

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
    safe_radius
        The greatest strength whose distance stays below the threshold, on straight lines between those that were
        tried, from no change at strength 0; None where no strength was tried.
    remarks
        What should be known, a line each.
    files
        What was written; the last is the json with these figures.
    """

    source: Path
    clips: tuple[PerturbedClip, ...]
    reconstruction_nats: float
    threshold_nats: float
    safe_radius: float | None
    remarks: tuple[str, ...]
    files: tuple[Path, ...]


def perturb(
    *songs: str | Path,
    model: str | Path = SOUND_MODEL,
    output: str | Path = ".",
    dimensions: Sequence[int] = PerturbSettings.dimensions,
    range: float | None = PerturbSettings.range,
    add: bool = PerturbSettings.add,
    strength: Sequence[float] = PerturbSettings.strength,
    threshold: float = PerturbSettings.threshold,
    seed: int = PerturbSettings.seed,
    formats: Sequence[str] = ("wav",),
    device: str = "auto",
    progress: Progress | None = None,
) -> Batch[Perturbation]:
    """Change the latents of songs, write what they become, and tell how far that is from what they were.

    Parameters
    ----------
    *songs
        Sound files of any rate, channels and length, folders, patterns.
    model
        Name of an autoencoder that Tonada brings, or path of a model or run folder.
    output
        Folder of the files: STEM_range0.75, STEM_strength0.1 …, and STEM_perturb.json with the figures.
    dimensions, range, add, strength, threshold, seed
        As `PerturbSettings` says.
    formats
        "wav", "flac", "ogg", "opus", "mp3", "svg" (a spectrogram).
    device
        "auto", "cpu", "cuda" or "mps".
    progress
        Called as it goes on, with how many songs are done, of how many, and the name.

    Raises
    ------
    DataError
        The only input cannot be used, or the folder cannot be written.
    ExceptionGroup
        No input can be used; it holds their errors.
    UnknownNameError
        There is no such format.
    ConfigError
        A setting cannot be, the model is no autoencoder or has no such dimension, or the device is not there.
    CheckpointError
        There is no such model, or it cannot be loaded.
    ResourceError
        The disk is full.
    """
    settings = PerturbSettings(
        dimensions=tuple(dimensions),
        range=range,
        add=add,
        strength=tuple(strength),
        threshold=threshold,
        seed=seed,
    )
    return Batch.collect(
        perturb_each(
            songs, model=model, output=output, settings=settings, formats=formats, device=device, progress=progress
        )
    )


def perturb_each(
    songs: Sequence[str | Path],
    *,
    model: str | Path,
    output: str | Path = ".",
    settings: PerturbSettings,
    formats: Sequence[str] = ("wav",),
    device: str = "auto",
    progress: Progress | None = None,
) -> Iterator[Perturbation | Failure]:
    """Perturb song by song, as `perturb` does, and give each result when it is there.

    Parameters
    ----------
    songs, model, output, formats, device, progress
        As for `perturb`.
    settings
        What is done.

    Yields
    ------
    Perturbation or Failure
        One for each song.
    """
    from tonada.audio.latents.editing import choose_dimensions

    check_formats(tuple(formats), DECODED_FORMATS)
    if settings.range is None and not settings.strength:
        raise ConfigError("there is nothing to do: name a range or a strength")
    folder = Path(output)
    check_output(folder)
    paths = find_inputs(songs, "sound file")
    if not paths:
        raise DataError(folder, "there is nothing to perturb: name a sound file")
    loaded = None
    for number, (path, stem) in enumerate(zip(paths, unique_stems(paths), strict=True)):
        if isinstance(path, Failure):
            yield path
            continue
        loaded = loaded or load_autoencoder(model, device=device)  # only once there is something to perturb
        chosen = choose_dimensions(settings.dimensions, loaded.model.latent_channels)

        def listen(share: float, before: int = number, name: str = path.name) -> None:
            if progress is not None:
                progress(before + share, len(paths), name)

        try:
            yield _perturb(path, loaded, folder / stem, settings, chosen, formats, listen)
        except DataError as error:
            yield Failure(name=str(path), error=error)


def _perturb(
    path: Path,
    loaded: LoadedAutoencoder,
    target: Path,
    settings: PerturbSettings,
    chosen: Sequence[int],
    formats: Sequence[str],
    listen: Listen,
) -> Perturbation:
    import numpy as np

    from tonada.audio.latents.editing import replace_dimensions, safe_radius, shake
    from tonada.audio.latents.streaming import decode_whole, encode_whole

    model, rate = loaded.model, loaded.model.sample_rate
    remarks: list[str] = []
    listen(0.0)
    song = np.concatenate([*read_blocks(path, rate, remarks)])
    (latents,) = finite([encode_whole(model, song)], path)
    (decoded,) = finite([decode_whole(model, latents, len(song))], path)
    changes: list[tuple[float | None, str, Samples]] = []
    if settings.range is not None:
        changed = replace_dimensions(latents, chosen, settings.range, seed=settings.seed, add=settings.add)
        changes.append((None, f"range{settings.range:g}", changed))
    for strength in sorted(settings.strength):
        changed = shake(latents, chosen, strength, seed=settings.seed)
        changes.append((strength, f"strength{strength:g}", changed))
    clips: list[PerturbedClip] = []
    with all_or_none() as files:
        for number, (strength_or_none, word, changed) in enumerate(changes):
            listen(number / len(changes))
            (sound,) = finite([decode_whole(model, changed, len(song))], path)
            before = len(files)
            write_sound([sound], sibling_stem(target, word), rate, formats, files)
            distance = log_mel_distance_nats(decoded, sound, rate)
            clips.append(PerturbedClip(strength=strength_or_none, distance_nats=distance, files=tuple(files[before:])))
        tried = [clip for clip in clips if clip.strength is not None]
        told = sibling(sibling_stem(target, "perturb"), "json")
        result = Perturbation(
            source=path,
            clips=tuple(clips),
            reconstruction_nats=log_mel_distance_nats(song, decoded, rate),
            threshold_nats=settings.threshold,
            safe_radius=safe_radius(
                [clip.strength for clip in tried if clip.strength is not None],
                [clip.distance_nats for clip in tried],
                settings.threshold,
            ),
            remarks=tuple(remarks),
            files=(*files, told),
        )
        _write_json(told, result, settings, loaded)
    return result


def _write_json(path: Path, result: Perturbation, settings: PerturbSettings, loaded: LoadedAutoencoder) -> None:
    """Write the figures, and what making them again needs."""
    record = {
        "format": FORMAT,
        **loaded.facts(path.parent),
        "song": {"name": relative_path(result.source, path.parent), "sha256": file_sha256(result.source)},
        "settings": to_mapping(settings),
        "reconstruction_nats": result.reconstruction_nats,
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
