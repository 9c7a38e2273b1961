"""What the commands for latents share: a loaded autoencoder, sound into it and out of it, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonada.api.devices import find_device
from tonada.api.hashing import file_sha256
from tonada.api.inputs import find_inputs
from tonada.api.settings import SOUND_FORMATS
from tonada.api.sidecars import made_with, model_reference
from tonada.errors import ConfigError, DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tonada.audio.clip import Clip
    from tonada.audio.models.base import AudioAutoencoder
    from tonada.audio.writing import ClipWriter

    Samples = NDArray[np.float32]

DECODED_FORMATS = (*SOUND_FORMATS, "svg")
"""What decoded sound can be written as; svg is its picture."""

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


def finite(parts: Iterable[Samples], path: Path) -> Iterator[Samples]:
    """Hand on what a model gives.

    Raises
    ------
    DataError
        It is NaN or infinite somewhere; the input, ``path``, is named.
    """
    import numpy as np

    for part in parts:
        if not np.isfinite(part).all():
            raise DataError(path, "the model makes NaN or infinite values of it; its weights are of no use")
        yield part


def begun(parts: Iterable[Samples]) -> Iterator[Samples]:
    """Compute the first part at once and hand on all: input of no use is seen before a file or folder is made."""
    rest = iter(parts)
    return chain([*islice(rest, 1)], rest)


@contextmanager
def open_sound(
    target: Path,
    sample_rate: int,
    formats: Sequence[str],
    files: list[Path],
    *,
    draw: Callable[[Clip, Path], None] | None = None,
) -> Iterator[Callable[[Samples], None]]:
    """Give what appends a block to several sound files; they are there once the block of code has succeeded.

    Parameters
    ----------
    target
        Folder and stem; each format adds its suffix.
    sample_rate
        In Hz.
    formats
        Of `DECODED_FORMATS`; others are passed over. Only a picture needs all of the sound in memory.
    files
        Each file is added to it once it is whole.
    draw
        Draws the picture; the spectrogram when None.

    Yields
    ------
    callable
        Takes float32 [S].

    Raises
    ------
    ConfigError
        A format does not know the sample rate.
    DataError
        The folder cannot be written.
    ResourceError
        The disk is full.
    """
    import numpy as np

    from tonada.audio.clip import Clip
    from tonada.render.sound_pictures import draw_spectrogram

    paths = [sibling(target, name) for name in SOUND_FORMATS if name in formats]
    kept: list[Samples] = []
    with ExitStack() as stack:
        # The last one is closed first: so they are listed in order.
        writers = [stack.enter_context(_listed_writer(path, sample_rate, files)) for path in reversed(paths)]

        def write(block: Samples) -> None:
            for writer in writers:
                writer.write(block[None])
            if "svg" in formats:
                kept.append(block)

        yield write
    if "svg" in formats:
        clip = Clip(samples=np.concatenate(kept)[None], sample_rate=sample_rate)
        (draw or partial(draw_spectrogram, title=target.name))(clip, sibling(target, "svg"))
        files.append(sibling(target, "svg"))


def write_sound(
    blocks: Iterable[Samples], target: Path, sample_rate: int, formats: Sequence[str], files: list[Path]
) -> None:
    """Write sound in several formats at once, block by block, as `open_sound` does.

    Parameters
    ----------
    blocks
        float32 [S] each.
    target, sample_rate, formats, files
        As for `open_sound`.
    """
    with open_sound(target, sample_rate, formats, files) as write:
        for block in blocks:
            write(block)


@contextmanager
def _listed_writer(path: Path, sample_rate: int, files: list[Path]) -> Iterator[ClipWriter]:
    from tonada.audio.writing import ClipWriter

    with ClipWriter(path, sample_rate) as writer:
        yield writer
    files.append(path)


def decoded_target(target: Path) -> Path:
    """Give the folder and stem of decoded sound: another than the song's own, which may lie there."""
    return sibling_stem(target, "decoded")


def sibling_stem(target: Path, word: str) -> Path:
    """Give a folder and stem with a word added to the stem."""
    return target.with_name(f"{target.name}_{word}")


def sibling(target: Path, suffix: str) -> Path:
    """Give a file: a folder and stem with a suffix added; dots in the stem stay."""
    return target.with_name(f"{target.name}.{suffix}")
