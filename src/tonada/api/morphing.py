"""``morph``: from one song to another through the latents, beside the plain cross-fade."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.autoencoders import (
    LoadedAutoencoder,
    Progress,
    decoded,
    encoded,
    find_song,
    load_autoencoder,
    read_blocks,
)
from tonada.api.inputs import check_output
from tonada.api.settings import SOUND_MODEL, check_formats
from tonada.api.sidecars import relative_path
from tonada.api.sound_files import DECODED_FORMATS, sibling, sibling_stem, write_sound
from tonada.api.writing import all_or_none
from tonada.errors import ConfigError
from tonada.files import write_text
from tonada.hashing import file_sha256
from tonada.jsontext import to_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tonada.audio.latents.between import Pair

    Samples = NDArray[np.float32]


FORMAT = 1
"""Of the json."""
_SILENCE_SAMPLES = 2**18


@dataclass(frozen=True, kw_only=True)
class MorphStep:
    """One place on the way.

    Attributes
    ----------
    share
        0 at the first song, 1 at the second.
    distance_nats
        Mean difference of log-mel spectra, from the cross-fade of the same share.
    novelty
        That distance, as a share of the distance between the two songs; None where the songs are the same.
    morph, crossfade
        The files.
    """

    share: float
    distance_nats: float
    novelty: float | None
    morph: tuple[Path, ...]
    crossfade: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Morphing:
    """What lies between two songs.

    Attributes
    ----------
    first, second
        The songs.
    way
        "linear" or "spherical".
    seconds
        Length of every clip.
    distance_nats
        Mean difference of the log-mel spectra of the two songs, as the model gives them back.
    steps
        From the first to the second.
    remarks
        What should be known, a line each.
    files
        What was written; the last is the json with these figures.
    """

    first: Path
    second: Path
    way: str
    seconds: float
    distance_nats: float
    steps: tuple[MorphStep, ...]
    remarks: tuple[str, ...]
    files: tuple[Path, ...]


def morph(
    first: str | Path,
    second: str | Path,
    *,
    model: str | Path = SOUND_MODEL,
    output: str | Path = ".",
    steps: int = 5,
    way: str = "linear",
    whole: bool = False,
    formats: Sequence[str] = ("wav",),
    device: str = "auto",
    progress: Progress | None = None,
) -> Morphing:
    """Go from one song to another through their latents, frame by frame, and tell how far that is from a cross-fade.

    The cross-fade is of the two songs as the model gives them back, so that what it loses counts on neither side; at
    both ends the two are then the same.

    Parameters
    ----------
    first, second
        Sound files of any rate, channels and length.
    model
        Name of an autoencoder that Tonada brings, or path of a model or run folder.
    output
        Folder of the files, which are named FIRST-SECOND_WAY_NUMBER, and FIRST-SECOND_crossfade_NUMBER.
    steps
        Clips, both ends included; at least 2.
    way
        "linear", or "spherical": turning from one vector to the other, which keeps their lengths.
    whole
        Go on to the end of the longer song, the shorter one followed by silence; else both end with the shorter one.
    formats
        "wav", "flac", "ogg", "opus", "mp3", "svg" (a spectrogram).
    device
        "auto", "cpu", "cuda" or "mps".
    progress
        Called as it goes on, with how many clips are done, of how many, and a name.

    Raises
    ------
    DataError
        A song cannot be used, or the folder cannot be written.
    UnknownNameError
        There is no such way or format.
    ConfigError
        Too few steps, the model is no autoencoder, or the device is not there.
    CheckpointError
        There is no such model, or it cannot be loaded.
    ResourceError
        The disk is full.
    """
    from tonada.audio.latents.between import Pair
    from tonada.audio.latents.editing import check_way
    from tonada.audio.spooling import spooled

    check_formats(tuple(formats), DECODED_FORMATS)
    check_way(way)
    if not 2 <= steps <= 100:
        raise ConfigError(f"steps must lie in 2 to 100; got {steps}")
    folder = Path(output)
    check_output(folder)
    paths = (find_song(first), find_song(second))
    loaded = load_autoencoder(model, device=device)
    remarks: list[str] = []
    rate = loaded.model.sample_rate
    songs = [spooled(read_blocks(path, rate, remarks)) for path in paths]
    samples = (max if whole else min)(map(len, songs))
    one, other = (
        spooled(encoded(loaded, _at_length(song, samples), path)) for song, path in zip(songs, paths, strict=True)
    )
    pair = Pair(
        latents=(one, other),
        decode=lambda latents: decoded(loaded, latents, samples, paths[0]),
        sample_rate=rate,
    )
    distance_nats = pair.distance_nats
    target = folder / f"{paths[0].stem}-{paths[1].stem}"
    made: list[MorphStep] = []
    with all_or_none() as files:
        for number in range(steps):
            if progress is not None:
                progress(number, steps, target.name)
            share = number / (steps - 1)
            places = [sibling_stem(target, f"{name}_{number + 1}") for name in (way, "crossfade")]
            made.append(_write_step(pair, share, way, places, formats, files))
        told = sibling(sibling_stem(target, way), "json")
        result = Morphing(
            first=paths[0],
            second=paths[1],
            way=way,
            seconds=samples / rate,
            distance_nats=distance_nats,
            steps=tuple(made),
            remarks=tuple(remarks),
            files=(*files, told),
        )
        _write_json(told, result, loaded)
    return result


def _at_length(song: Samples, samples: int) -> Iterator[Samples]:
    """Cut a song, or put silence behind it: block by block."""
    import numpy as np

    from tonada.audio.spooling import blocks_of

    yield from blocks_of(song[:samples])
    for start in range(len(song), samples, _SILENCE_SAMPLES):
        yield np.zeros(min(_SILENCE_SAMPLES, samples - start), np.float32)


def _write_step(
    pair: Pair, share: float, way: str, places: Sequence[Path], formats: Sequence[str], files: list[Path]
) -> MorphStep:
    """Write one step and the cross-fade beside it, at the two places, and tell how far they are from each other."""
    from tonada.audio.comparing import log_mel_distance_nats
    from tonada.audio.spooling import blocks_of

    between, crossfade = pair.morph(share, way), pair.crossfade(share)
    written: list[tuple[Path, ...]] = []
    for sound, place in zip((between, crossfade), places, strict=True):
        before = len(files)
        write_sound(blocks_of(sound), place, pair.sample_rate, formats, files)
        written.append(tuple(files[before:]))
    distance_nats = log_mel_distance_nats(crossfade, between, pair.sample_rate)
    return MorphStep(
        share=share,
        distance_nats=distance_nats,
        novelty=pair.novelty(distance_nats),
        morph=written[0],
        crossfade=written[1],
    )


def _write_json(path: Path, result: Morphing, loaded: LoadedAutoencoder) -> None:
    """Write the figures, and what making them again needs."""
    songs = [
        {"name": relative_path(song, path.parent), "sha256": file_sha256(song)}
        for song in (result.first, result.second)
    ]
    steps = [
        {
            "share": step.share,
            "distance_nats": step.distance_nats,
            "novelty": step.novelty,
            "morph": [file.name for file in step.morph],
            "crossfade": [file.name for file in step.crossfade],
        }
        for step in result.steps
    ]
    record = {
        "format": FORMAT,
        **loaded.facts(path.parent),
        "songs": songs,
        "way": result.way,
        "seconds": result.seconds,
        "distance_nats": result.distance_nats,
        "steps": steps,
    }
    write_text(path, to_json(record) + "\n")
