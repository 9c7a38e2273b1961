"""Sound in memory, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tonada.audio.ogg import with_fixed_serial
from tonada.errors import ConfigError, DataError
from tonada.files import atomic_path, translated_errors

FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
"""What can be written: suffix → libsndfile's names of the container and of the encoding."""

_BLOCK_FRAMES = 65_536  # libsndfile's Vorbis encoder overflows the stack when it is given minutes at once


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


def read_clip(path: Path) -> Clip:
    """Read a sound file: any that libsndfile reads, wav, flac, ogg and mp3 among them.

    Raises
    ------
    DataError
        The file cannot be read, or is not a sound file that is understood.
    """
    try:
        with translated_errors(path), path.open("rb") as file:
            samples, sample_rate = soundfile.read(file, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(path, f"not a sound file that can be read: {error.error_string}") from error
    if not np.isfinite(samples).all():
        raise DataError(path, "it has samples that are not numbers")
    return Clip(samples=np.ascontiguousarray(samples.T), sample_rate=sample_rate)


def write_clip(clip: Clip, path: Path) -> None:
    """Write a sound file, its format by the suffix: .wav and .flac hold 16 bits, .ogg (Vorbis) and .mp3 are lossy.

    The same clip gives the same bytes.

    Raises
    ------
    ConfigError
        The suffix is none of ``FORMATS``, or the format does not know the sample rate or the number of channels.
    DataError
        The file cannot be written.
    ResourceError
        The disk is full.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"{path}: cannot write sound as '{path.suffix}'. Try {', '.join(FORMATS)}")
    container, encoding = FORMATS[path.suffix.lower()]
    channels, frames = clip.samples.shape
    with atomic_path(path) as temporary:
        try:
            with (
                temporary.open("w+b") as raw,
                soundfile.SoundFile(raw, "w", clip.sample_rate, channels, encoding, format=container) as file,
            ):
                for start in range(0, frames, _BLOCK_FRAMES):
                    file.write(clip.samples[:, start : start + _BLOCK_FRAMES].T)
            if container == "OGG":
                temporary.write_bytes(with_fixed_serial(temporary.read_bytes()))
        except soundfile.LibsndfileError as error:
            reason = f"{container} cannot hold {channels} channels at {clip.sample_rate} Hz: {error.error_string}"
            raise ConfigError(f"{path}: {reason}. Try .wav") from error
