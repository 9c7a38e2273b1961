"""Writing sound files block by block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tonada.audio.formats import FORMATS
from tonada.audio.ogg import with_fixed_serial
from tonada.audio.resampling import Resampler
from tonada.audio.watched import WatchedFile
from tonada.errors import ConfigError, DataError
from tonada.files import atomic_path

_OGG_CHANNELS = 255  # the library crashes when there are more
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_BLOCK_FRAMES = 65_536  # libsndfile's Vorbis encoder overflows the stack when it is given minutes at once


class ClipWriter(AbstractContextManager["ClipWriter"]):
    """A sound file that is written block by block; it appears when all is written, and not at all after an error.

    The format goes by the suffix: .wav and .flac hold 16 bits; .ogg (Vorbis), .opus and .mp3 are lossy. Opus knows
    five sample rates; sound at any other is resampled to the next higher one. The same samples give the same bytes,
    whatever the blocks. Use it as a context manager.

    Parameters
    ----------
    path
        The file to write; its folder is made when absent.
    sample_rate
        In Hz.
    channels
        How many.

    Attributes
    ----------
    sample_rate
        That of the file, in Hz.

    Raises
    ------
    ConfigError
        The suffix is none of ``FORMATS``, or the format does not know the sample rate or the number of channels.
    DataError
        The file cannot be written, or no samples were given.
    ResourceError
        The disk is full.
    """

    def __init__(self, path: Path, sample_rate: int, *, channels: int = 1) -> None:
        if path.suffix.lower() not in FORMATS:
            raise ConfigError(f"{path}: cannot write sound as '{path.suffix}'. Try {', '.join(FORMATS)}")
        self.path, self.sample_rate, self.channels = path, sample_rate, channels
        self._container, self._encoding = FORMATS[path.suffix.lower()]
        if self._container == "OGG" and channels > _OGG_CHANNELS:
            raise self._unfit("at most 255")
        self._resampler: Resampler | None = None
        if self._encoding == "OPUS" and sample_rate not in _OPUS_RATES:
            self.sample_rate = min((rate for rate in _OPUS_RATES if rate > sample_rate), default=max(_OPUS_RATES))
            self._resampler = Resampler(sample_rate, self.sample_rate, channels=channels)
        self._pending, self._frames = np.zeros((channels, 0), np.float32), 0
        self._writing = self._session()

    def __enter__(self) -> Self:
        """Open the file."""
        self._writing.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write the rest and give the file its name, or remove it after an error."""
        self._writing.__exit__(kind, error, traceback)

    def write(self, samples: NDArray[np.float32]) -> None:
        """Append samples [C, S]; what lies outside −1 to 1 is clipped.

        Raises
        ------
        ValueError
            A value is not finite.
        """
        for start in range(0, samples.shape[1], _BLOCK_FRAMES):
            block = samples[:, start : start + _BLOCK_FRAMES]
            if not np.isfinite(block).all():
                raise ValueError("samples must be finite")
            self._put(block if self._resampler is None else self._resampler.feed(block))

    def _put(self, samples: NDArray[np.float32]) -> None:
        """Hand on whole blocks: encoders look ahead in what they are given, so its bounds would change their bytes."""
        self._frames += samples.shape[1]
        self._pending = np.concatenate([self._pending, samples], axis=1)
        while self._pending.shape[1] >= _BLOCK_FRAMES:
            self._flush()

    def _flush(self) -> None:
        """Write the first block of what is pending."""
        self._sound.write(self._pending[:, :_BLOCK_FRAMES].T)
        self._target.check()
        self._pending = self._pending[:, _BLOCK_FRAMES:]

    @contextmanager
    def _session(self) -> Iterator[None]:
        import soundfile  # here, for those who train on clips need not write files

        with atomic_path(self.path) as temporary:
            try:
                with temporary.open("w+b") as raw:
                    self._target = WatchedFile(raw)
                    with soundfile.SoundFile(
                        self._target,
                        "w",
                        self.sample_rate,
                        self.channels,
                        self._encoding,
                        format=self._container,
                    ) as self._sound:
                        yield
                        if self._resampler is not None:
                            self._put(self._resampler.flush())
                        self._flush()
                    self._target.check()
                if self._container == "OGG":
                    temporary.write_bytes(with_fixed_serial(temporary.read_bytes()))
            except soundfile.LibsndfileError as error:
                raise self._unfit(error.error_string) from error
            if not self._frames:
                raise DataError(self.path, "there are no samples to write")

    def _unfit(self, reason: str) -> ConfigError:
        what = f"{self.channels} channels at {self.sample_rate} Hz"
        return ConfigError(f"{self.path}: {self._container} cannot hold {what} ({reason}). Try .wav")
