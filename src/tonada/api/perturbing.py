"""``perturb``: what becomes of a song when some of its latents are replaced, or all are shaken a little."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.autoencoders import Listen, LoadedAutoencoder, Progress, decoded, encoded, load_autoencoder, read_blocks
from tonada.api.inputs import Batch, Failure, check_output, find_inputs, unique_stems
from tonada.api.latent_settings import PerturbSettings
from tonada.api.perturbations import Perturbation, PerturbedClip, write_perturbation
from tonada.api.settings import SOUND_MODEL, check_formats
from tonada.api.sound_files import DECODED_FORMATS, sibling, sibling_stem, write_sound
from tonada.api.writing import all_or_none
from tonada.errors import ConfigError, DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]


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
    from tonada.audio.comparing import log_mel_distance_nats
    from tonada.audio.latents.editing import safe_radius, spread
    from tonada.audio.spooling import blocks_of, spooled

    rate = loaded.model.sample_rate
    remarks: list[str] = []
    listen(0.0)
    song = spooled(read_blocks(path, rate, remarks))
    latents = spooled(encoded(loaded, blocks_of(song), path))
    unchanged = spooled(decoded(loaded, latents, len(song), path))
    scale = spread(latents)
    clips: list[PerturbedClip] = []
    with all_or_none() as files:
        changes = _changes(settings, chosen, scale)
        for number, (strength_or_none, word, change) in enumerate(changes):
            listen(number / len(changes))
            changed = spooled(map(change, blocks_of(latents)))
            sound = spooled(decoded(loaded, changed, len(song), path))
            before = len(files)
            write_sound(blocks_of(sound), sibling_stem(target, word), rate, formats, files)
            distance = log_mel_distance_nats(unchanged, sound, rate)
            clips.append(PerturbedClip(strength=strength_or_none, distance_nats=distance, files=tuple(files[before:])))
        tried = [(clip.strength, clip.distance_nats) for clip in clips if clip.strength is not None]
        strengths, distances = [strength for strength, _ in tried], [distance for _, distance in tried]
        radius = safe_radius(strengths, distances, settings.threshold)
        reached = radius is not None
        if tried and not scale[list(chosen)].any():
            remarks.append(f"{path}: its latents do not vary, so noise in units of their spread changes nothing")
        elif tried and radius is None:
            radius = strengths[-1]
        told = sibling(sibling_stem(target, "perturb"), "json")
        result = Perturbation(
            source=path,
            clips=tuple(clips),
            reconstruction_nats=log_mel_distance_nats(song, unchanged, rate),
            threshold_nats=settings.threshold,
            threshold_reached=reached,
            safe_radius=radius,
            remarks=tuple(remarks),
            files=(*files, told),
        )
        write_perturbation(told, result, settings, loaded)
    return result


Change = Callable[["Samples"], "Samples"]


def _changes(
    settings: PerturbSettings, chosen: Sequence[int], scale: NDArray[np.float64]
) -> list[tuple[float | None, str, Change]]:
    """Give what is done to the latents, one block after the other: strength of the noise or None, word for the file."""
    from tonada.audio.latents.editing import replace_dimensions, shake
    from tonada.seeding import rng

    changes: list[tuple[float | None, str, Change]] = []
    if (extent := settings.range) is not None:
        generator = rng(settings.seed, "replace")
        replace = partial(replace_dimensions, dimensions=chosen, extent=extent, generator=generator, add=settings.add)
        changes.append((None, f"range{extent:g}", replace))
    for strength in sorted(settings.strength):
        generator = rng(settings.seed, "shake")  # the noise of all strengths is the same but for its size
        noise = partial(shake, dimensions=chosen, strength=strength, scale=scale, generator=generator)
        changes.append((strength, f"strength{strength:g}", noise))
    return changes
