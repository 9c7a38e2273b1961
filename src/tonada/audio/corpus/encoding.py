"""From the segments on disk to the arrays of the data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.audio.clip import Clip
from tonada.audio.corpus.reading import POOL_FROM, Stretch, build_transform, one_thread
from tonada.workers import read_in_order


def spilled(folder: Path, stretch: Stretch) -> NDArray[Any]:
    """Read back what `tonada.audio.corpus.reading.SegmentReader` left on disk.

    Not memory-mapped: what is mapped counts as memory of the process, and here every page is wanted once.

    Parameters
    ----------
    folder
        Of the spill files.
    stretch
        Where it lies.
    """
    dtype = np.dtype(stretch.dtype)
    count = int(np.prod(stretch.shape, dtype=np.int64))
    return np.fromfile(folder / stretch.spill, dtype, count, offset=stretch.start).reshape(stretch.shape)


class SegmentEncoder:
    """Turns spilled samples into a transform's arrays.

    Parameters
    ----------
    transform, config
        Registry name and settings, the level among them.
    folder
        Of the spill files.
    """

    def __init__(self, transform: str, config: Mapping[str, Any], folder: Path) -> None:
        self.transform = build_transform(transform, config)
        self.folder = folder

    def read(self, stretch: Stretch) -> NDArray[Any]:
        """Encode one segment."""
        clip = Clip(samples=spilled(self.folder, stretch), sample_rate=self.transform.config.sample_rate)
        with one_thread():
            array: NDArray[Any] = self.transform.encode(clip)
        return array

    def close(self) -> None:
        """Nothing is open between reads."""


def encode_all(
    stretches: Sequence[Stretch], transform: str, config: Mapping[str, Any], folder: Path, *, jobs: int
) -> Iterator[NDArray[Any]]:
    """Encode spilled samples.

    Parameters
    ----------
    stretches
        Where the segments lie.
    transform, config, folder
        See `SegmentEncoder`.
    jobs
        Number of processes.

    Yields
    ------
    ndarray
        One per segment, in their order.
    """
    arrays = read_in_order(stretches, SegmentEncoder, (transform, config, folder), jobs=jobs, pool_from=POOL_FROM)
    with closing(arrays):
        yield from arrays
