"""From sound files to segments on disk, with what preparing has to know of each file."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from tonada import registry
from tonada.audio.clip import SILENCE_DB, Clip
from tonada.audio.corpus.fingerprints import Prints, fingerprint
from tonada.audio.corpus.kind import AUDIO
from tonada.audio.corpus.segments import cut
from tonada.audio.reading import ClipReader, mix_down
from tonada.audio.resampling import Resampler
from tonada.config import from_mapping
from tonada.errors import ConfigError, DataError
from tonada.files import translated_errors
from tonada.sources import SourceFile, copy_file
from tonada.workers import read_in_order

FULL_SCALE = 32_767 / 32_768
"""Samples from this size on count as clipped: the largest that 16 bits hold."""
POOL_FROM = 4
"""With fewer files or segments, starting processes takes longer than it saves."""
_IN_MEMORY_BYTES = 64 * 2**20  # members of zips that are larger are copied to the disk


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Where an array lies in a spill file.

    Attributes
    ----------
    spill
        Name of the file in the folder of the spill.
    start
        In bytes.
    dtype, shape
        Of the array.
    """

    spill: str
    start: int
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A segment of a clip that has been read.

    Attributes
    ----------
    start_s, seconds
        Where in its file it begins, and how much of it is sound and not padding.
    level
        What the transform scales by; 0 where it needs none.
    stretch
        Where its array or its samples lie.
    """

    start_s: float
    seconds: float
    level: float
    stretch: Stretch


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What reading one file gave: segments, or the reason why there are none.

    Attributes
    ----------
    reason
        Why the file is skipped; empty for a clip.
    segments
        In the order of time.
    silent_s
        Where the segments begin that are left out as silent.
    seconds, dropped_s
        Length of the clip, and how much at its end is in no segment.
    digest
        Hash of the samples, 32 hexadecimal digits.
    clipped
        Share of the file's samples at full scale.
    is_cut_off
        Whether the file ends before its time.
    prints
        The fingerprint; see `tonada.audio.corpus.fingerprints`.
    """

    reason: str = ""
    segments: tuple[Segment, ...] = ()
    silent_s: tuple[float, ...] = ()
    seconds: float = 0.0
    dropped_s: float = 0.0
    digest: str = ""
    clipped: float = 0.0
    is_cut_off: bool = False
    prints: Prints = field(default_factory=lambda: np.empty(0, dtype=np.uint32))


class _Sound(NamedTuple):
    """A file's sound, float32 [S] of one channel, and what was found on the way."""

    samples: NDArray[np.float32]
    clipped: float
    is_cut_off: bool


class SegmentReader:
    """Reads files into segments, which it leaves in a spill file of its process.

    Parameters
    ----------
    transform, config
        Registry name and settings. Where the transform still lacks its level, samples are spilled instead of arrays.
    segment_s, min_s
        Length of a segment, and of the shortest file, in seconds.
    folder
        Of the spill files.
    """

    def __init__(self, transform: str, config: Mapping[str, Any], segment_s: float, min_s: float, folder: Path) -> None:
        self.transform = build_transform(transform, config)
        self.sample_rate: int = self.transform.config.sample_rate
        self.segment = round(segment_s * self.sample_rate)
        self.min_s, self.folder = min_s, folder
        self._open_zips: dict[Path, zipfile.ZipFile] = {}
        self._spill: BinaryIO | None = None

    def read(self, file: SourceFile) -> Reading:
        """Read one file; what is wrong with it becomes the reason."""
        try:
            sound = self._sound(file)
        except DataError as error:
            return Reading(reason=error.reason)
        samples = sound.samples
        duration_s = len(samples) / self.sample_rate
        if duration_s < self.min_s:
            return Reading(reason=f"too short: {duration_s:.3g} s, less than {self.min_s:g} s")
        way = cut(len(samples), self.segment)
        segments: list[Segment] = []
        silent: list[float] = []
        energy = float(np.square(samples[len(samples) - way.dropped :], dtype=np.float64).sum())
        for start, stop in way.spans:
            part = samples[start:stop]
            mine = float(np.square(part, dtype=np.float64).sum())
            energy += mine
            if _is_silent(mine, len(part)):
                silent.append(start / self.sample_rate)
            else:
                segments.append(self._segment(part, start))
        if _is_silent(energy, len(samples)) or not segments:
            return Reading(reason=f"silent: its root mean square lies below {SILENCE_DB:g} dB of full scale")
        return Reading(
            segments=tuple(segments),
            silent_s=tuple(silent),
            seconds=duration_s,
            dropped_s=way.dropped / self.sample_rate,
            digest=hashlib.blake2b(samples.data, digest_size=16).hexdigest(),
            clipped=sound.clipped,
            is_cut_off=sound.is_cut_off,
            prints=fingerprint(samples, self.sample_rate),
        )

    def close(self) -> None:
        """Close the zips and the spill file."""
        for archive in self._open_zips.values():
            archive.close()
        if self._spill:
            self._spill.close()

    def _sound(self, file: SourceFile) -> _Sound:
        if file.member is None:
            return self._mixed(ClipReader(file.container))
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES, dir=str(self.folder)) as copy:
            copy_file(file, copy, self._open_zips, AUDIO.largest_bytes)  # the sound library seeks, a member cannot
            copy.seek(0)
            return self._mixed(ClipReader(Path(file.member), file=cast("BinaryIO", copy)))

    def _mixed(self, source: ClipReader) -> _Sound:
        """Read, mix and resample; what is at full scale is counted before."""
        with source:
            try:
                resampler = Resampler(source.sample_rate, self.sample_rate)
            except ConfigError as error:
                raise DataError(source.path, str(error)) from error
            samples = bytearray()  # grows in place: an hour of sound is not held twice
            clipped = 0
            for block in source.blocks():
                clipped += int(np.count_nonzero(np.abs(block) >= FULL_SCALE))
                samples += resampler.feed(mix_down(block)).tobytes()
            samples += resampler.flush().tobytes()
            share = clipped / (source.frames * source.channels)
            return _Sound(np.frombuffer(samples, dtype=np.float32), share, source.is_cut_off)

    def _segment(self, part: NDArray[np.float32], start: int) -> Segment:
        samples = np.zeros((1, self.segment), dtype=np.float32)
        samples[0, : len(part)] = part
        clip = Clip(samples=samples, sample_rate=self.sample_rate)
        with one_thread():
            if is_unscaled(self.transform):
                level, array = float(self.transform.level(clip)), samples
            else:
                level, array = 0.0, self.transform.encode(clip)
        return Segment(
            start_s=start / self.sample_rate,
            seconds=len(part) / self.sample_rate,
            level=level,
            stretch=self._keep(np.ascontiguousarray(array)),
        )

    def _keep(self, array: NDArray[Any]) -> Stretch:
        with translated_errors(self.folder):
            if self._spill is None:
                self._spill = (self.folder / f"{os.getpid()}.bin").open("wb")
            start = self._spill.tell()
            self._spill.write(array.data)
            self._spill.flush()
        return Stretch(spill=Path(self._spill.name).name, start=start, dtype=array.dtype.str, shape=array.shape)


def read_segments(
    files: Sequence[SourceFile],
    arguments: tuple[str, Mapping[str, Any], float, float, Path],
    *,
    jobs: int,
    progress: Callable[[int, int], None] | None = None,
) -> Generator[Reading]:
    """Read files, in their order.

    Parameters
    ----------
    files
        What to read.
    arguments
        Of `SegmentReader`.
    jobs
        Number of processes; 1 reads in this one.
    progress
        Called with the number of files read and of all files.

    Raises
    ------
    ResourceError
        A process died, most likely for want of memory.
    """
    return read_in_order(files, SegmentReader, arguments, jobs=jobs, pool_from=POOL_FROM, progress=progress)


def build_transform(name: str, config: Mapping[str, Any]) -> Any:
    """Build a transform.

    Parameters
    ----------
    name
        In the registry.
    config
        Its settings.
    """
    transform_class = registry.resolve("transform", name)
    return transform_class(from_mapping(transform_class.Config, config))


def is_unscaled(transform: Any) -> bool:
    """Tell whether a transform scales by the largest level of the training clips, and has not been given it."""
    return hasattr(transform, "level") and transform.config.top is None


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread: the bytes must not depend on the number of processes and their threads."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _is_silent(energy: float, samples: int) -> bool:
    return energy < samples * 10 ** (SILENCE_DB / 10)
