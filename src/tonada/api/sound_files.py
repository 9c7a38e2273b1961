"""Sound that the commands for latents write: block by block, in several formats at once, and its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.settings import SOUND_FORMATS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tonada.audio.clip import Clip
    from tonada.audio.writing import ClipWriter

    Samples = NDArray[np.float32]

DECODED_FORMATS = (*SOUND_FORMATS, "svg")
"""What decoded sound can be written as; svg is its picture."""


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
