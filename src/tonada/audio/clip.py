"""Sound in memory, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tonada.audio.reading import ClipReader, mix_down
from tonada.audio.resampling import resample
from tonada.audio.writing import ClipWriter

SILENCE_DB = -60.0
"""In dB of full scale: sound whose root mean square lies below counts as silence."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """A piece of sound.

    Parameters
    ----------
    samples
        float32 [C, S], finite; full scale is −1 to 1, and what lies outside is clipped when written.
    sample_rate
        In Hz.

    Raises
    ------
    ValueError
        Shape, type, a value or the sample rate is not as described.
    """

    samples: NDArray[np.float32]
    sample_rate: int

    def __post_init__(self) -> None:
        """Check shape, type and values."""
        if self.samples.ndim != 2 or not len(self.samples) or self.samples.dtype != np.float32:
            raise ValueError(f"samples must be float32 [C, S]; got {self.samples.dtype} {self.samples.shape}")
        if self.sample_rate < 1:
            raise ValueError(f"sample_rate must be at least 1; got {self.sample_rate}")
        # Least and greatest are NaN if any value is: no array of flags, which would be large.
        if self.samples.size and not np.isfinite([self.samples.min(), self.samples.max()]).all():
            raise ValueError("samples must be finite")

    @property
    def duration_s(self) -> float:
        """How long it is, in seconds."""
        return float(self.samples.shape[1] / self.sample_rate)

    def mono(self) -> Clip:
        """Give the mean of the channels as a clip of one channel."""
        return Clip(samples=mix_down(self.samples), sample_rate=self.sample_rate)

    def resampled(self, sample_rate: int) -> Clip:
        """Give the same sound at another sample rate, in Hz; see `tonada.audio.resampling`.

        Raises
        ------
        ConfigError
            The two rates are too far apart.
        """
        return Clip(samples=resample(self.samples, self.sample_rate, sample_rate), sample_rate=sample_rate)


def read_clip(path: Path, *, file: BinaryIO | None = None) -> Clip:
    """Read a sound file: any that libsndfile reads, wav, flac, ogg, opus, mp3, au and aiff among them.

    A file that ends before its time gives what there is; `ClipReader` tells.

    Parameters
    ----------
    path
        The file; its name in errors.
    file
        Where to read in its place: a binary file that can seek, such as ``io.BytesIO(archive.read(name))``.

    Raises
    ------
    DataError
        The file cannot be read, is no sound file that is understood, has no samples, or has some that are no sound.
    """
    with ClipReader(path, file=file) as reader:
        return Clip(samples=reader.read(), sample_rate=reader.sample_rate)


def read_mono(path: Path, sample_rate: int = 22_050, *, file: BinaryIO | None = None) -> Clip:
    """Read a sound file as one channel at a sample rate; no more memory is used than the result takes.

    Parameters
    ----------
    path
        The file; its name in errors.
    sample_rate
        That of the clip, in Hz: the sound is resampled.
    file
        Where to read in its place: a binary file that can seek.

    Raises
    ------
    DataError
        As `read_clip`; or the file's sample rate is too far from ``sample_rate``.
    """
    with ClipReader(path, file=file) as reader:
        return Clip(samples=reader.read_mono(sample_rate), sample_rate=sample_rate)


def write_clip(clip: Clip, path: Path) -> None:
    """Write a sound file, its format by the suffix; see `tonada.audio.writing.ClipWriter`.

    Raises
    ------
    ConfigError
        The suffix is none of ``FORMATS``, or the format does not know the sample rate or the number of channels.
    DataError
        The file cannot be written, or the clip has no samples.
    ResourceError
        The disk is full.
    """
    with ClipWriter(path, clip.sample_rate, channels=len(clip.samples)) as writer:
        writer.write(clip.samples)
