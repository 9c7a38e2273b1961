"""What every transform is: a codec between a Clip and an array with time first.

Axes: S samples · L rows of the array.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tonada.audio.clip import Clip
from tonada.codec import Codec


class Transform(Codec[Clip]):
    """A codec between sound and an array.

    ``encode`` takes a clip of any sample rate and number of channels: it is mixed down and resampled, and S samples at
    ``sample_rate`` become ⌈S / hop⌉ rows. ``decode`` gives a clip of one channel, L · hop samples for L rows; an empty
    clip for none.

    Attributes
    ----------
    hop
        Samples per row of the array.
    """

    hop: int

    @property
    def sample_rate(self) -> int:
        """Of the sound that the arrays stand for, in Hz."""
        return int(self.config.sample_rate)

    def encode(self, item: Clip) -> NDArray[Any]:
        """Mix down, resample, and turn the whole clip into rows."""
        return self.encode_samples(self._one_channel(item))

    def decode(self, array: ArrayLike) -> Clip:
        """Turn any rows of the right width into a clip of one channel.

        Parameters
        ----------
        array
            As ``encode`` gives it, or floating-point numbers of that width, infinite ones too, but not NaN; what is
            out of range is clipped.

        Raises
        ------
        ValueError
            The width is another, or the values are no such numbers.
        """
        return Clip(samples=self.decode_samples(np.asarray(array))[None], sample_rate=self.sample_rate)

    @abstractmethod
    def encode_samples(self, samples: NDArray[np.float32]) -> NDArray[Any]:
        """Turn float32 [S] at ``sample_rate`` into rows."""

    @abstractmethod
    def decode_samples(self, array: NDArray[Any]) -> NDArray[np.float32]:
        """Turn rows into float32 [S]."""

    @staticmethod
    def _clipped(array: NDArray[Any]) -> NDArray[np.float32]:
        """Clip floating-point numbers of any precision to −1 … 1."""
        if not np.issubdtype(array.dtype, np.floating):
            raise ValueError(f"values must be floating-point numbers; got {array.dtype}")
        clipped: NDArray[np.float32] = np.clip(array, -1.0, 1.0).astype(np.float32)
        return clipped

    def _one_channel(self, clip: Clip) -> NDArray[np.float32]:
        """Give the clip's samples at ``sample_rate`` and with one channel; float32 [S]."""
        samples: NDArray[np.float32] = clip.mono().resampled(self.sample_rate).samples[0]
        return samples
