"""Sound as it is: its samples, in 16 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.audio.transforms.base import Transform
from tonada.errors import ConfigError

FULL_SCALE = 32_768
"""What a sample of 1 becomes, as in sound files of 16 bits: those come back exactly."""


@dataclass(frozen=True, kw_only=True)
class WaveformConfig:
    """Settings of the waveform."""

    sample_rate: int = 22_050
    """Of the array, in Hz."""

    def __post_init__(self) -> None:
        """Check what the types do not say."""
        if self.sample_rate < 1:
            raise ConfigError(f"WaveformConfig.sample_rate must be at least 1; got {self.sample_rate}. Try 22050")


class WaveformTransform(Transform):
    """Samples of one channel, int16 [S].

    A decoded sample is within 2⁻¹⁶ of the one that was encoded, and what lies outside −1 … 1 − 2⁻¹⁵ is clipped to it.
    ``decode`` takes integers in units of 2⁻¹⁵, and floating-point numbers as they are.
    """

    name = "waveform"
    Config = WaveformConfig
    config: WaveformConfig
    hop = 1

    def encode_samples(self, samples: NDArray[np.float32]) -> NDArray[np.int16]:
        """Round float32 [S] to int16 [S]."""
        scaled = samples * np.float32(FULL_SCALE)
        np.clip(np.rint(scaled, out=scaled), -FULL_SCALE, FULL_SCALE - 1, out=scaled)
        return scaled.astype(np.int16)

    def decode_samples(self, array: NDArray[Any]) -> NDArray[np.float32]:
        """Turn [S], integers or floating-point numbers, into float32 [S] between −1 and 1.

        Raises
        ------
        ValueError
            It is not one row of numbers.
        """
        if array.ndim != 1:
            raise ValueError(f"a waveform must be [S]; got {list(array.shape)}")
        if not np.issubdtype(array.dtype, np.integer):
            return self._clipped(array)
        samples = array.astype(np.float32)
        samples /= FULL_SCALE
        return np.clip(samples, -1.0, 1 - 1 / FULL_SCALE, out=samples)
