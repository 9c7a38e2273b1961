"""Sound as the logarithms of its magnitudes in mel bands, and back.

Axes: S samples · F mel bands, from low to high · L frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tonada.audio.clip import Clip
from tonada.audio.inversion import ITERATIONS, griffin_lim, invert_mel
from tonada.audio.spectral import mel_filter_bank, stft
from tonada.audio.transforms.base import Transform
from tonada.errors import ConfigError

BLOCK_FRAMES = 1024
"""Frames that are computed at a time: memory does not grow with the clip."""

_SILENCE_NATS = -30.0  # the level of a clip without any sound


@dataclass(frozen=True, kw_only=True)
class MelConfig:
    """Settings of the mel bands: one definition, for both directions."""

    sample_rate: int = 22_050
    """Of the sound, in Hz."""
    n_fft: int = 2048
    """Length of a window, in samples; even."""
    hop: int = 512
    """Samples from one frame to the next; at most a quarter of the window."""
    bands: int = 128
    """Mel bands, F."""
    low_hz: float = 20.0
    """Where the lowest band begins, in Hz."""
    high_hz: float = 11_025.0
    """Where the highest band ends, in Hz; at most half the sample rate."""
    range_nats: float = 10.0
    """How far below ``top`` magnitudes are kept apart; what is weaker is raised to there. In nats: 10 are 87 dB."""
    top: float | None = None
    """Natural logarithm of the magnitude that becomes 1: the largest of the training clips, once it is recorded;
    when None, the largest that a sine of full scale has."""
    iterations: int = ITERATIONS
    """Of the search for phases, when decoding."""

    def __post_init__(self) -> None:
        """Check what the types do not say."""
        for name in ("sample_rate", "hop", "bands", "iterations"):
            if getattr(self, name) < 1:
                raise ConfigError(f"MelConfig.{name} must be at least 1; got {getattr(self, name)}")
        if self.n_fft % 2 or self.n_fft < 4 * self.hop:
            raise ConfigError(
                f"MelConfig.n_fft must be even and at least 4 · hop; got n_fft={self.n_fft}, hop={self.hop}. "
                f"Try n_fft={4 * self.hop}"
            )
        if not 0 <= self.low_hz < self.high_hz <= self.sample_rate / 2:
            raise ConfigError(
                "MelConfig.low_hz and high_hz must rise and lie between 0 and half the sample rate; "
                f"got low_hz={self.low_hz}, high_hz={self.high_hz}, sample_rate={self.sample_rate}. "
                f"Try high_hz={self.sample_rate / 2}"
            )
        if not 0 < self.range_nats < math.inf:
            raise ConfigError(f"MelConfig.range_nats must be positive; got {self.range_nats}. Try 10")
        if self.top is not None and not abs(self.top) < 40:
            raise ConfigError(f"MelConfig.top must lie between -40 and 40; got {self.top}. Leave it out")


class MelTransform(Transform):
    """Logarithms of mel magnitudes (not powers), scaled to −1 … 1; float32 [L, F].

    1 is ``top``, −1 is ``range_nats`` below it, and what lies outside is clipped. Magnitudes lose what lies between the
    bands, and phases are lost: a clip comes back with other samples, but much the same spectrum. Decoding undoes the
    scaling, finds magnitudes (``inversion.invert_mel``), then phases (``inversion.griffin_lim``); the same array
    always gives the same clip.

    Parameters
    ----------
    config
        Settings; the defaults when None.
    """

    name = "mel"
    Config = MelConfig
    config: MelConfig

    def __init__(self, config: MelConfig | None = None) -> None:
        super().__init__(config)
        self.hop = self.config.hop

    @cached_property
    def top(self) -> float:
        """Natural logarithm of the mel magnitude that becomes 1: the recorded one, or that of a sine of full scale."""
        if self.config.top is not None:
            return self.config.top
        sine = torch.tensor([0.5, 1.0, 0.5]).mul_(self.config.n_fft / 4)  # a Hann window's main lobe, around a bin
        bands = torch.nn.functional.conv1d(self._filters[:, None], sine[None, None], padding=1)
        return math.log(float(bands.max()))

    def level(self, clip: Clip) -> float:
        """Give the natural logarithm of a clip's largest mel magnitude; that of all training clips is ``top``."""
        largest = max((float(mel.max()) for mel in self._magnitudes(self._one_channel(clip))), default=0.0)
        return math.log(max(largest, math.exp(_SILENCE_NATS)))

    def encode_samples(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn float32 [S] into float32 [⌈S / hop⌉, F] between −1 and 1: frame l is centred at sample l · hop."""
        rows = np.empty((-(-len(samples) // self.hop), self.config.bands), dtype=np.float32)
        start = 0
        for mel in self._magnitudes(samples):
            nats = mel.clamp(min=math.exp(_SILENCE_NATS)).log_()
            rows[start : start + mel.shape[-1]] = self._scaled(nats).T.numpy()
            start += mel.shape[-1]
        return rows

    def decode_samples(self, array: NDArray[Any]) -> NDArray[np.float32]:
        """Turn [L, F] into float32 [L · hop].

        A long clip is made in blocks; each begins with the last samples of the one before.

        Raises
        ------
        ValueError
            There are not ``bands`` columns of floating-point numbers.
        """
        if array.ndim != 2 or array.shape[1] != self.config.bands:
            raise ValueError(f"mel bands must be [L, {self.config.bands}]; got {list(array.shape)}")
        n_fft, hop, frames = self.config.n_fft, self.hop, len(array)
        window = -(-n_fft // hop)  # in frames
        samples = np.zeros(frames * hop, dtype=np.float32)
        start, decided = 0, 0  # frames: where the block begins, and up to where samples are decided
        while decided < frames:
            end = min(frames, start + BLOCK_FRAMES)
            rows = torch.from_numpy(self._clipped(array[start:end]))
            magnitude = invert_mel(self._unscaled(rows).T[None], self._filters)
            known = torch.from_numpy(samples[None, start * hop : decided * hop])
            block = griffin_lim(
                magnitude, n_fft, hop, (end - start) * hop, iterations=self.config.iterations, known=known
            )
            samples[start * hop : end * hop] = block[0].numpy()
            # The last window of a block lacks frames that follow: it is done again, after one window that stays.
            start, decided = (end - 2 * window, end - window) if end < frames else (end, end)
        return samples

    @cached_property
    def _filters(self) -> torch.Tensor:
        config = self.config
        return mel_filter_bank(config.bands, config.n_fft, config.sample_rate, config.low_hz, config.high_hz)

    def _magnitudes(self, samples: NDArray[np.float32]) -> Iterator[torch.Tensor]:
        """Give the mel magnitudes of float32 [S] block by block; float32 [F, up to BLOCK_FRAMES]."""
        n_fft, hop = self.config.n_fft, self.hop
        margin = -(-n_fft // (2 * hop))  # frames that the silence beyond a block's ends reaches into
        for start in range(0, -(-len(samples) // hop), BLOCK_FRAMES):
            first = max(0, start - margin)
            block = samples[first * hop : (start + BLOCK_FRAMES + margin) * hop]
            spectrum = stft(torch.from_numpy(block)[None], n_fft, hop)[0]
            count = min(BLOCK_FRAMES, -(-len(samples) // hop) - start)
            yield self._filters @ spectrum[:, start - first : start - first + count].abs()

    def _scaled(self, nats: torch.Tensor) -> torch.Tensor:
        """Map the logarithms of magnitudes to −1 … 1."""
        return ((nats - self.top) * (2 / self.config.range_nats) + 1).clamp_(-1.0, 1.0)

    def _unscaled(self, values: torch.Tensor) -> torch.Tensor:
        """Map −1 … 1 to magnitudes."""
        return torch.exp((values - 1) * (self.config.range_nats / 2) + self.top)
