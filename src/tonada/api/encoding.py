"""``encode``: songs as latents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.autoencoders import (
    Listen,
    LoadedAutoencoder,
    Progress,
    begun,
    decoded,
    encoded,
    load_autoencoder,
    read_blocks,
)
from tonada.api.inputs import Batch, Failure, check_output, find_inputs, unique_stems
from tonada.api.settings import SOUND_MODEL, check_formats
from tonada.api.sidecars import model_reference, relative_path
from tonada.api.sound_files import DECODED_FORMATS, decoded_target, open_sound, sibling
from tonada.api.writing import all_or_none
from tonada.audio.comparing import compare_blocks
from tonada.errors import ConfigError, DataError
from tonada.hashing import file_sha256

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tonada.audio.clip import Clip

    Samples = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """A song that was encoded.

    Attributes
    ----------
    source
        The sound file.
    seconds
        Its length.
    frames, channels
        Of the latents, L and Z.
    values_per_second
        Latent values per second of sound.
    compression
        Samples for each latent value.
    metrics
        What decoding gives against the song, name → value; None where that was not asked for.
    remarks
        What should be known, a line each.
    files
        What was written.
    """

    source: Path
    seconds: float
    frames: int
    channels: int
    values_per_second: float
    compression: float
    metrics: dict[str, float] | None
    remarks: tuple[str, ...]
    files: tuple[Path, ...]


def encode(
    *songs: str | Path,
    model: str | Path = SOUND_MODEL,
    output: str | Path = ".",
    check: bool = False,
    formats: Sequence[str] = (),
    device: str = "auto",
    progress: Progress | None = None,
) -> Batch[Encoding]:
    """Turn songs into latents: a NumPy file each, float32 [L, Z] with time first, and a json that says what it is of.

    Parameters
    ----------
    *songs
        Sound files of any rate, channels and length, folders, patterns.
    model
        Name of an autoencoder that Tonada brings, or path of a model or run folder.
    output
        Folder of the files; each has the stem of its song.
    check
        Decode again, write what comes out, and measure how far it is from the song.
    formats
        What that is written as: "wav", as which it is where none is named, "flac", "ogg", "opus", "mp3", "svg" (a
        picture of both).
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
        Formats were named and no check was asked for, the model is no autoencoder, or the device is not there.
    CheckpointError
        There is no such model, or it cannot be loaded.
    ResourceError
        The disk is full.
    """
    return Batch.collect(
        encode_each(songs, model=model, output=output, check=check, formats=formats, device=device, progress=progress)
    )


def encode_each(
    songs: Sequence[str | Path],
    *,
    model: str | Path,
    output: str | Path = ".",
    check: bool = False,
    formats: Sequence[str] = (),
    device: str = "auto",
    progress: Progress | None = None,
) -> Iterator[Encoding | Failure]:
    """Encode song by song, as `encode` does, and give each result when it is there.

    Parameters
    ----------
    songs, model, output, check, formats, device, progress
        As for `encode`.

    Yields
    ------
    Encoding or Failure
        One for each song.
    """
    wanted = tuple(formats) or ("wav",)
    check_formats(wanted, DECODED_FORMATS)
    if formats and not check:
        raise ConfigError(f"{', '.join(formats)}: latents are written as npy; to hear them again, take --check")
    folder = Path(output)
    check_output(folder)
    paths = find_inputs(songs, "sound file")
    if not paths:
        raise DataError(folder, "there is nothing to encode: name a sound file")
    loaded = None
    for number, (path, stem) in enumerate(zip(paths, unique_stems(paths), strict=True)):
        if isinstance(path, Failure):
            yield path
            continue
        loaded = loaded or load_autoencoder(model, device=device)  # only once there is something to encode

        def listen(share: float, before: int = number, name: str = path.name) -> None:
            if progress is not None:
                progress(before + share, len(paths), name)

        try:
            yield _encode(path, loaded, folder / stem, wanted if check else (), listen)
        except DataError as error:
            yield Failure(name=str(path), error=error)


def _encode(path: Path, loaded: LoadedAutoencoder, target: Path, formats: Sequence[str], listen: Listen) -> Encoding:
    """Encode one song, and decode it again where there are formats to write that in."""
    from tonada.audio.latents.files import LatentsFacts, facts_path, write_facts, write_latents

    model = loaded.model
    remarks: list[str] = []
    samples = 0

    def counted(blocks: Iterable[Samples]) -> Iterator[Samples]:
        nonlocal samples
        for block in blocks:
            samples += len(block)
            yield block

    half = 0.5 if formats else 1.0
    latents_path = sibling(target, "npy")
    listen(0.0)
    blocks = read_blocks(path, model.sample_rate, remarks, lambda share: listen(half * share))
    parts = begun(encoded(loaded, counted(blocks), path))
    with all_or_none() as files:
        with write_latents(latents_path) as writer:
            for part in parts:
                writer.write(part)
        files.append(latents_path)
        compression = samples / (writer.frames * writer.channels)
        facts = LatentsFacts(
            model=loaded.name,
            model_folder=model_reference(loaded.folder, target.parent),
            weights_sha256=loaded.weights_sha256,
            source=relative_path(path, target.parent),
            source_sha256=file_sha256(path),
            sample_rate=model.sample_rate,
            samples=samples,
            hop=model.hop,
            frames=writer.frames,
            channels=writer.channels,
            values_per_second=model.values_per_second,
            compression=compression,
        )
        write_facts(facts_path(latents_path), facts)
        files.append(facts_path(latents_path))
        metrics = None
        if formats:
            metrics = _check(path, loaded, target, samples, formats, files, lambda share: listen(half + half * share))
    return Encoding(
        source=path,
        seconds=samples / model.sample_rate,
        frames=writer.frames,
        channels=writer.channels,
        values_per_second=model.values_per_second,
        compression=compression,
        metrics=metrics,
        remarks=tuple(remarks),
        files=tuple(files),
    )


def _check(
    path: Path,
    loaded: LoadedAutoencoder,
    target: Path,
    samples: int,
    formats: Sequence[str],
    files: list[Path],
    listen: Listen,
) -> dict[str, float]:
    """Decode what was just encoded, write it, and give its figures against the song."""
    from tonada.audio.clip import read_mono
    from tonada.audio.latents.files import read_latents
    from tonada.render.sound_pictures import draw_comparison

    model = loaded.model
    blocks = decoded(loaded, read_latents(sibling(target, "npy")), samples, path)

    def written(write: Callable[[Samples], None]) -> Iterator[Samples]:
        done = 0
        for block in blocks:
            write(block)
            yield block
            done += len(block)
            listen(done / samples)

    def draw(again: Clip, picture: Path) -> None:
        draw_comparison(read_mono(path, model.sample_rate), again, picture, title=target.name)

    with open_sound(decoded_target(target), model.sample_rate, formats, files, draw=draw) as write:
        return compare_blocks(read_blocks(path, model.sample_rate, []), written(write), model.sample_rate)
