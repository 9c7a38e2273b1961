"""``morph``: from one song to another through the latents, beside the plain cross-fade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.autoencoders import (
    DECODED_FORMATS,
    LoadedAutoencoder,
    Progress,
    find_song,
    finite,
    load_autoencoder,
    read_blocks,
    sibling,
    sibling_stem,
    write_sound,
)
from tonada.api.comparing import log_mel_distance_nats
from tonada.api.hashing import file_sha256
from tonada.api.inputs import check_output
from tonada.api.settings import SOUND_MODEL, check_formats
from tonada.api.sidecars import relative_path
from tonada.api.writing import all_or_none
from tonada.errors import ConfigError
from tonada.files import write_text
from tonada.jsontext import to_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]


FORMAT = 1
"""Of the json."""


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
    import numpy as np

    from tonada.audio.latents.editing import check_way

    check_formats(tuple(formats), DECODED_FORMATS)
    check_way(way)
    if not 2 <= steps <= 100:
        raise ConfigError(f"steps must lie in 2 to 100; got {steps}")
    folder = Path(output)
    check_output(folder)
    paths = (find_song(first), find_song(second))
    loaded = load_autoencoder(model, device=device)
    remarks: list[str] = []
    songs = [np.concatenate([*read_blocks(path, loaded.model.sample_rate, remarks)]) for path in paths]
    samples = (max if whole else min)(map(len, songs))
    pair = _Pair.of([_at_length(song, samples) for song in songs], loaded, paths[0])
    target = folder / f"{paths[0].stem}-{paths[1].stem}"
    made: list[MorphStep] = []
    with all_or_none() as files:
        for number in range(steps):
            if progress is not None:
                progress(number, steps, target.name)
            share = number / (steps - 1)
            places = [sibling_stem(target, f"{name}_{number + 1}") for name in (way, "crossfade")]
            made.append(_write_step(pair, share, way, places, formats, files, loaded))
        told = sibling(sibling_stem(target, way), "json")
        result = Morphing(
            first=paths[0],
            second=paths[1],
            way=way,
            seconds=samples / loaded.model.sample_rate,
            distance_nats=pair.distance_nats,
            steps=tuple(made),
            remarks=tuple(remarks),
            files=(*files, told),
        )
        _write_json(told, result, loaded)
    return result


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pair:
    """Two songs: their latents, [L, Z], what the model makes of them, [S], and how far that is from each other."""

    latents: tuple[Samples, Samples]
    decoded: tuple[Samples, Samples]
    distance_nats: float

    @classmethod
    def of(cls, songs: Sequence[Samples], loaded: LoadedAutoencoder, path: Path) -> _Pair:
        from tonada.audio.latents.streaming import decode_whole, encode_whole

        model = loaded.model
        first, second = finite((encode_whole(model, song) for song in songs), path)
        one, other = finite((decode_whole(model, latents, len(songs[0])) for latents in (first, second)), path)
        distance_nats = log_mel_distance_nats(one, other, model.sample_rate)
        return cls(latents=(first, second), decoded=(one, other), distance_nats=distance_nats)


def _at_length(song: Samples, samples: int) -> Samples:
    """Cut a song, or put silence behind it."""
    import numpy as np

    return np.concatenate([song[:samples], np.zeros(max(0, samples - len(song)), np.float32)])


def _write_step(
    pair: _Pair,
    share: float,
    way: str,
    places: Sequence[Path],
    formats: Sequence[str],
    files: list[Path],
    loaded: LoadedAutoencoder,
) -> MorphStep:
    """Write one step and the cross-fade beside it, at the two places, and tell how far they are from each other."""
    import numpy as np

    from tonada.audio.latents.editing import interpolate
    from tonada.audio.latents.streaming import decode_whole

    rate, (first, second) = loaded.model.sample_rate, pair.decoded
    between = decode_whole(loaded.model, interpolate(*pair.latents, share, way=way), len(first))
    (between,) = finite([between], places[0])
    crossfade = np.float32(1.0 - share) * first + np.float32(share) * second
    written: list[tuple[Path, ...]] = []
    for sound, place in zip((between, crossfade), places, strict=True):
        before = len(files)
        write_sound([sound], place, rate, formats, files)
        written.append(tuple(files[before:]))
    distance_nats = log_mel_distance_nats(crossfade, between, rate)
    return MorphStep(
        share=share,
        distance_nats=distance_nats,
        novelty=distance_nats / pair.distance_nats if pair.distance_nats else None,
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
