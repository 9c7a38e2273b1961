"""``decode``: latents as sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonada.api.autoencoders import Listen, LoadedAutoencoder, Progress, begun, decoded, load_autoencoder
from tonada.api.inputs import Batch, Failure, check_output, find_inputs, unique_stems
from tonada.api.settings import SOUND_MODEL, check_formats
from tonada.api.sound_files import DECODED_FORMATS, decoded_target, open_sound
from tonada.api.writing import all_or_none
from tonada.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """Latents that were decoded.

    Attributes
    ----------
    source
        The file of latents.
    seconds
        Length of the sound.
    remarks
        What should be known, a line each: latents of another model, a length that had to be guessed.
    files
        What was written.
    """

    source: Path
    seconds: float
    remarks: tuple[str, ...]
    files: tuple[Path, ...]


def decode(
    *latents: str | Path,
    model: str | Path = SOUND_MODEL,
    output: str | Path = ".",
    formats: Sequence[str] = ("wav",),
    device: str = "auto",
    progress: Progress | None = None,
) -> Batch[Decoding]:
    """Turn latents into sound; files are named STEM_decoded.

    Parameters
    ----------
    *latents
        NumPy files, floating [L, Z] with time first, as ``encode`` writes them; folders, patterns. The json beside one
        says how long its sound is; without it the sound is as long as that many frames are.
    model
        Name of an autoencoder that Tonada brings, or path of a model or run folder.
    output
        Folder of the files.
    formats
        "wav", "flac", "ogg", "opus", "mp3", "svg" (a spectrogram).
    device
        "auto", "cpu", "cuda" or "mps".
    progress
        Called as it goes on, with how many are done, of how many, and the name.

    Raises
    ------
    DataError
        The only input cannot be used, or the folder cannot be written.
    ExceptionGroup
        No input can be used; it holds their errors.
    UnknownNameError
        There is no such format.
    ConfigError
        The model is no autoencoder, or the device is not there.
    CheckpointError
        There is no such model, or it cannot be loaded.
    ResourceError
        The disk is full.
    """
    return Batch.collect(
        decode_each(latents, model=model, output=output, formats=formats, device=device, progress=progress)
    )


def decode_each(
    latents: Sequence[str | Path],
    *,
    model: str | Path,
    output: str | Path = ".",
    formats: Sequence[str] = ("wav",),
    device: str = "auto",
    progress: Progress | None = None,
) -> Iterator[Decoding | Failure]:
    """Decode file by file, as `decode` does, and give each result when it is there.

    Parameters
    ----------
    latents, model, output, formats, device, progress
        As for `decode`.

    Yields
    ------
    Decoding or Failure
        One for each file.
    """
    check_formats(tuple(formats), DECODED_FORMATS)
    folder = Path(output)
    check_output(folder)
    paths = find_inputs(latents, "file of latents")
    if not paths:
        raise DataError(folder, "there is nothing to decode: name a file of latents (.npy)")
    loaded = None
    for number, (path, stem) in enumerate(zip(paths, unique_stems(paths), strict=True)):
        if isinstance(path, Failure):
            yield path
            continue
        loaded = loaded or load_autoencoder(model, device=device)  # only once there is something to decode

        def listen(share: float, before: int = number, name: str = path.name) -> None:
            if progress is not None:
                progress(before + share, len(paths), name)

        try:
            yield _decode(path, loaded, decoded_target(folder / stem), formats, listen)
        except DataError as error:
            yield Failure(name=str(path), error=error)


def _decode(path: Path, loaded: LoadedAutoencoder, target: Path, formats: Sequence[str], listen: Listen) -> Decoding:
    from tonada.audio.latents.files import read_latents

    listen(0.0)
    model = loaded.model
    latents = read_latents(path)
    if latents.shape[1] != model.latent_channels:
        reason = f"has {latents.shape[1]} values in each frame; {loaded.name} takes {model.latent_channels}"
        raise DataError(path, f"{reason}. Name the model that it was encoded with")
    samples, remarks = _length(path, latents, loaded)
    blocks = begun(decoded(loaded, latents, samples, path))
    done = 0
    with all_or_none() as files, open_sound(target, model.sample_rate, formats, files) as write:
        for block in blocks:
            write(block)
            done += len(block)
            listen(done / samples)
    return Decoding(source=path, seconds=samples / model.sample_rate, remarks=remarks, files=tuple(files))


def _length(path: Path, latents: NDArray[np.floating[Any]], loaded: LoadedAutoencoder) -> tuple[int, tuple[str, ...]]:
    """Give the length of the sound in samples, and what should be known.

    Raises
    ------
    DataError
        The json beside the latents is of others, or no sound has so many frames.
    """
    from tonada.audio.latents.files import facts_path, read_facts
    from tonada.audio.latents.streaming import natural_samples

    model, frames = loaded.model, len(latents)
    facts = read_facts(facts_path(path))
    remarks: list[str] = []
    if facts is not None:
        if facts.weights_sha256 != loaded.weights_sha256:
            remarks.append(
                f"{path}: was encoded with {facts.model}, whose weights are others than those of {loaded.name}"
            )
        if model.frames(facts.samples) == frames:
            return facts.samples, tuple(remarks)
        if not remarks:
            reason = f"has {frames} frames; {facts_path(path).name} says it is of {facts.samples} samples, which have"
            raise DataError(path, f"{reason} {model.frames(facts.samples)}")
    try:
        return natural_samples(model, frames), tuple(remarks)
    except ValueError as error:
        raise DataError(path, f"{error}, encoded with {loaded.name}") from error
