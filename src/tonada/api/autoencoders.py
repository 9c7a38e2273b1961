"""What the commands for latents share: a loaded autoencoder, sound into it and out of it, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonada.api.devices import find_device
from tonada.api.inputs import find_inputs
from tonada.api.sidecars import made_with, model_reference
from tonada.errors import ConfigError, DataError
from tonada.hashing import file_sha256

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tonada.audio.models.base import AudioAutoencoder

    Samples = NDArray[np.float32]

Progress = Callable[[float, float, str], None]
"""Told how much is done, of how much, and the name of what is being worked on."""
Listen = Callable[[float], None]
"""Told the share of one thing that is done."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedAutoencoder:
    """An autoencoder that is ready to be used.

    Attributes
    ----------
    name
        Of its folder.
    folder
        Where it lies.
    model
        In evaluation mode, on the device.
    device
        "cpu", "cuda" or "mps".
    weights_sha256
        Of the file of weights: what latents and priors are known to belong to.
    """

    name: str
    folder: Path
    model: AudioAutoencoder
    device: str
    weights_sha256: str

    def facts(self, beside: Path) -> dict[str, Any]:
        """Give what a json in the folder ``beside`` says about the model and about what it ran on."""
        where = {"name": self.name, "folder": model_reference(self.folder, beside)}
        return {
            "model": {**where, "weights_sha256": self.weights_sha256},
            "made_with": made_with(self.device),
        }


def load_autoencoder(name: str | Path, *, device: str = "auto") -> LoadedAutoencoder:
    """Load an autoencoder by the name of a model that Tonada brings, or the path of a model or run folder.

    Raises
    ------
    ConfigError
        It is a model of another kind, or the device is not there.
    CheckpointError
        There is no such model, or it cannot be loaded.
    """
    from tonada.audio.models.base import AudioAutoencoder
    from tonada.runs import find_model, load_model

    place = find_device(device)
    loaded = load_model(find_model(name), device=place)
    if not isinstance(loaded.model, AudioAutoencoder):
        raise ConfigError(f"{name} has no latents of sound: it is no autoencoder. Name one with --model")
    return LoadedAutoencoder(
        name=loaded.folder.resolve().name,
        folder=loaded.folder,
        model=loaded.model,
        device=place,
        weights_sha256=file_sha256(loaded.folder / "model.safetensors"),
    )


def find_song(name: str | Path) -> Path:
    """Find the one sound file that a name stands for.

    Raises
    ------
    DataError
        It stands for none, or for several.
    """
    found = find_inputs([name], "sound file")
    if len(found) != 1:
        raise DataError(name, f"stands for {len(found)} sound files; name one")
    (song,) = found
    if not isinstance(song, Path):
        raise song.error
    return song


def read_blocks(path: Path, sample_rate: int, remarks: list[str], listen: Listen | None = None) -> Iterator[Samples]:
    """Read a sound file as one channel at a sample rate, block by block.

    Parameters
    ----------
    path
        The file.
    sample_rate
        In Hz.
    remarks
        A line is added when the file ends before its time; what there is of it has been given.
    listen
        Told the share that was read, after each block.

    Yields
    ------
    ndarray
        float32 [S].

    Raises
    ------
    DataError
        The file cannot be read, is no sound file, has no samples, or has some that are no sound.
    """
    from tonada.audio.reading import ClipReader

    with ClipReader(path) as reader:
        for piece in reader.mono_blocks(sample_rate):
            yield piece[0]
            if listen is not None:
                listen(min(1.0, reader.frames / max(reader.expected_frames, 1)))
        if reader.is_cut_off:
            remarks.append(f"{path}: ends before its time; what there is of it was used")


def encoded(loaded: LoadedAutoencoder, blocks: Iterable[Samples], path: Path) -> Iterator[Samples]:
    """Encode sound that comes block by block.

    Parameters
    ----------
    loaded
        The autoencoder.
    blocks
        float32 [S] each, at the model's sample rate.
    path
        Where it is from.

    Yields
    ------
    ndarray
        float32 [L, Z].

    Raises
    ------
    DataError
        The model makes NaN or infinite values of it.
    """
    from tonada.audio.latents.streaming import encode_blocks

    return _finite(encode_blocks(loaded.model, blocks), path, _USELESS_WEIGHTS)


def decoded(
    loaded: LoadedAutoencoder, latents: NDArray[np.floating[Any]], samples: int, path: Path
) -> Iterator[Samples]:
    """Decode latents to sound, block by block.

    Parameters
    ----------
    loaded
        The autoencoder.
    latents
        Floating [L, Z], finite.
    samples
        Length of the sound.
    path
        Where they are from.

    Yields
    ------
    ndarray
        float32 [S].

    Raises
    ------
    DataError
        The model makes NaN or infinite values of them: through its weights, or they are too great.
    """
    from tonada.audio.latents.streaming import decode_blocks

    usable = all(bool(tensor.isfinite().all()) for tensor in loaded.model.state_dict().values())
    reason = "these latents are beyond what it can decode" if usable else _USELESS_WEIGHTS
    return _finite(decode_blocks(loaded.model, latents, samples), path, reason)


_USELESS_WEIGHTS = "its weights are of no use"


def _finite(parts: Iterable[Samples], path: Path, reason: str) -> Iterator[Samples]:
    import numpy as np

    for part in parts:
        if not np.isfinite(part).all():
            raise DataError(path, f"the model makes NaN or infinite values of it; {reason}")
        yield part


def begun(parts: Iterable[Samples]) -> Iterator[Samples]:
    """Compute the first part at once and hand on all: input of no use is seen before a file or folder is made."""
    rest = iter(parts)
    return chain([*islice(rest, 1)], rest)
