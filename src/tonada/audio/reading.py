"""Reading sound files block by block: hours of sound in the memory of a second.

What libsndfile keeps to itself is found out here: that a file ends before its time.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tonada.audio.ogg import ends_whole
from tonada.audio.resampling import Resampler
from tonada.audio.watched import WatchedFile
from tonada.errors import ConfigError, DataError
from tonada.files import translated_errors

if TYPE_CHECKING:
    from soundfile import LibsndfileError

BLOCK_VALUES = 131_072
"""How many samples are read at a time, of all channels together."""
MAX_LEVEL = float(1 << 32)
"""The largest sample that is taken for sound: floats that hold unscaled integers of 32 bits are below it."""

_UNKNOWN = 1 << 62  # the library's number of frames for a file that does not say it is just below 2⁶³
_MAX_EXPECTED = 1 << 28  # samples that a header may promise and get memory for, which is only lent until it is used
_SHORTENED = re.compile(r"^\s*(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
_MISLEADING = 7  # "file does not exist": the library's word for an mp3 file without a whole frame
_NO_SIZE = 0x7FFF_0000  # programs that write into a pipe know no size, and put in one of several numbers above this

Samples = NDArray[np.float32]


def mix_down(samples: NDArray[np.floating[Any]]) -> Samples:
    """Give the mean [1, S] of channels [C, S]."""
    total = np.array(samples[:1], np.float32)
    for channel in samples[1:]:
        total += channel
    return total / np.float32(len(samples)) if len(samples) > 1 else total


class ClipReader(AbstractContextManager["ClipReader"]):
    """A sound file that is open for reading, once, from its beginning.

    Parameters
    ----------
    path
        The file; its name in errors.
    file
        Where to read in its place: a binary file that can seek, such as ``io.BytesIO(archive.read(name))``.

    Attributes
    ----------
    sample_rate
        In Hz.
    channels
        How many.
    expected_frames
        How many samples a channel has by what the file says of itself, 0 if it does not; it may be wrong.
    frames
        How many were read so far.
    is_cut_off
        Whether the file ends before its time, or what follows is damaged; known once all was read.

    Raises
    ------
    DataError
        The file cannot be read, or is not a sound file that is understood.
    """

    def __init__(self, path: Path, *, file: BinaryIO | None = None) -> None:
        import soundfile  # here, for those who train on clips need not read files

        self.path, self.frames, self.is_cut_off = path, 0, False
        with ExitStack() as stack, translated_errors(path):
            self._source = WatchedFile(stack.enter_context(path.open("rb")) if file is None else file)
            is_empty = not self._source.seek(0, io.SEEK_END)
            self._source.seek(0)
            self._check_source()
            if is_empty:
                raise DataError(path, "the file is empty")
            try:
                self._sound = stack.enter_context(soundfile.SoundFile(self._source, "r"))
            except soundfile.LibsndfileError as error:
                self._check_source()
                raise self._not_understood(error) from error
            self.sample_rate: int = self._sound.samplerate
            self.channels: int = self._sound.channels
            self.expected_frames: int = self._sound.frames if self._sound.frames < _UNKNOWN else 0
            self._sound.seekable = lambda: False  # it would seek after every read, and damaged files do not survive it
            self._stack = stack.pop_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file, unless it was given open."""
        self._stack.close()

    def blocks(self) -> Iterator[Samples]:
        """Read on, block by block.

        Yields
        ------
        ndarray
            float32 [C, S], finite, of at most about ``BLOCK_VALUES`` values.

        Raises
        ------
        DataError
            The file cannot be read on, has no samples, or has some that are no sound.
        """
        from soundfile import LibsndfileError

        whole = True
        while whole:
            block = np.empty((-(-BLOCK_VALUES // self.channels), self.channels), np.float32)
            with translated_errors(self.path):
                try:
                    count = len(self._sound.read(out=block))
                except LibsndfileError:  # what came before the damage is there
                    count, whole = max(0, self._sound.tell() - self.frames), False
                self._check_source()
            self.frames += count
            if not count:
                break
            block = block[:count]
            if not max(-block.min(), block.max()) <= MAX_LEVEL:  # NaN is not
                raise DataError(self.path, "it has samples that are not numbers, infinite or beyond all measure")
            yield block.T
        if not self.frames:
            raise DataError(self.path, "it has no samples")
        self.is_cut_off = not whole or self.frames < self.expected_frames or self._lacks_its_end()

    def mono_blocks(self, sample_rate: int) -> Iterator[Samples]:
        """Read on, mixed down to one channel and resampled.

        Yields
        ------
        ndarray
            float32 [1, S], S as it comes.

        Raises
        ------
        DataError
            As `blocks`; or the file's sample rate is too far from ``sample_rate``.
        """
        try:
            resampler = Resampler(self.sample_rate, sample_rate)
        except ConfigError as error:
            raise DataError(self.path, str(error)) from error
        for block in self.blocks():
            yield resampler.feed(mix_down(block))
        yield resampler.flush()

    def read(self) -> Samples:
        """Read all that is left: float32 [C, S]; raises as `blocks`."""
        return _joined(self.blocks(), self.channels, self.expected_frames)

    def read_mono(self, sample_rate: int) -> Samples:
        """Read all that is left, mixed down and resampled: float32 [1, S]; raises as `mono_blocks`."""
        return _joined(self.mono_blocks(sample_rate), 1, -(-self.expected_frames * sample_rate // self.sample_rate))

    def _check_source(self) -> None:
        """Raise what went wrong while the library read."""
        try:
            self._source.check()
        except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:  # a place before the file, an archive
            raise DataError(self.path, f"it is damaged ({error})") from error

    def _not_understood(self, error: LibsndfileError) -> DataError:
        reason = "" if error.code == _MISLEADING else f" ({error.error_string.rstrip('.').lower()})"
        return DataError(self.path, f"not a sound file that can be read{reason}")

    def _lacks_its_end(self) -> bool:
        """Tell whether less is there than the header says, for formats in which the library takes what there is."""
        if self._sound.format == "OGG":
            return not ends_whole(self._source)
        sizes = _SHORTENED.findall(self._sound.extra_info)
        return any(int(said) < _NO_SIZE and int(there) < int(said) for said, there in sizes)


def iterate_blocks(
    path: Path, sample_rate: int, block_samples: int, *, file: BinaryIO | None = None
) -> Iterator[Samples]:
    """Read a sound file of any length as mono blocks of one length, in little memory.

    Parameters
    ----------
    path
        The file; its name in errors.
    sample_rate
        That of the blocks, in Hz: the sound is resampled.
    block_samples
        Length of every block but the last, which may be shorter.
    file
        Where to read in its place: a binary file that can seek.

    Yields
    ------
    ndarray
        float32 [S]. End to end they are what `tonada.audio.clip.read_mono` gives.

    Raises
    ------
    DataError
        The file cannot be read, is no sound file, has no samples, or has some that are no sound.
    """
    with ClipReader(path, file=file) as reader:
        kept = np.zeros(0, np.float32)
        for piece in reader.mono_blocks(sample_rate):
            kept = np.concatenate([kept, piece[0]])
            whole = len(kept) - len(kept) % block_samples
            for start in range(0, whole, block_samples):
                yield kept[start : start + block_samples].copy()
            kept = kept[whole:]
        if len(kept):
            yield kept


def _joined(blocks: Iterator[Samples], channels: int, expected: int) -> Samples:
    """Put blocks [C, S] end to end without holding them twice."""
    joined, end = np.empty((channels, min(expected, _MAX_EXPECTED // channels)), np.float32), 0
    for block in blocks:
        start, end = end, end + block.shape[1]
        if end > joined.shape[1]:
            longer = np.empty((channels, end + end // 2), np.float32)
            longer[:, :start] = joined[:, :start]
            joined = longer
        joined[:, start:end] = block
    return np.ascontiguousarray(joined[:, :end])
