"""Training crops over the segments of an audio data set: every batch is a function of (seed, step) alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from tonada.audio.clip import SILENCE_DB, Clip
from tonada.codec import Codec
from tonada.errors import ConfigError
from tonada.model import Batch
from tonada.seeding import rng

_DRAWS_IN_SEGMENT, _DRAWS = 4, 8


@dataclass(frozen=True, kw_only=True)
class SoundAugmentation:
    """How training crops are cut and varied; every draw is uniform."""

    crop_samples: int = 16_384
    """Length of a crop, in samples; it begins anywhere in its segment, and a shorter segment is padded with silence."""
    gain_db: float = 9.0
    """Softer by as many dB at most; never louder, so nothing clips."""
    flip: bool = True
    """Turn the polarity of every second crop, on average."""

    def __post_init__(self) -> None:
        """Check what the types do not say."""
        if self.crop_samples < 1:
            raise ConfigError(f"SoundAugmentation.crop_samples must be at least 1; got {self.crop_samples}")
        if not 0 <= self.gain_db < math.inf:
            raise ConfigError(f"SoundAugmentation.gain_db must be at least 0 and finite; got {self.gain_db}")


class CropBatches:
    """Batches of random crops; an epoch takes one crop from every segment, in an order of its own.

    A silent crop is drawn again, since a loss of logarithms or ratios learns nothing from it: a few times in its
    segment, then in others; when all draws are silent, the last stays.

    Parameters
    ----------
    pieces
        Arrays of the segments, time first; memory-mapped ones are read where a crop lies.
    transform
        Turns a stretch of such an array into a clip with as many samples.
    batch
        B, crops per batch.
    seed
        Of order, places and variations.
    augmentation
        How crops are cut and varied.

    Raises
    ------
    ConfigError
        There are no pieces.
    """

    def __init__(
        self,
        pieces: Sequence[NDArray[np.int16]],
        transform: Codec[Clip],
        *,
        batch: int,
        seed: int,
        augmentation: SoundAugmentation,
    ) -> None:
        if not pieces:
            raise ConfigError("the split 'train' is empty: prepare the data with more sound or another split")
        self.pieces, self.transform = pieces, transform
        self.size, self.seed, self.augmentation = batch, seed, augmentation
        self._order = lru_cache(maxsize=2)(self._make_order)

    def _make_order(self, epoch: int) -> NDArray[np.int64]:
        return rng(self.seed, "epoch", epoch).permutation(len(self.pieces))

    def batch(self, step: int) -> Batch:
        """Give the batch of a step.

        Parameters
        ----------
        step
            From 0.

        Returns
        -------
        dict
            ``waveform``, float32 ``[B, S]`` with S = ``crop_samples``, full scale −1 to 1.
        """
        waveform = np.zeros((self.size, self.augmentation.crop_samples), dtype=np.float32)
        for lane in range(self.size):
            crop = self._crop(step * self.size + lane)
            waveform[lane, : len(crop)] = crop
        return {"waveform": torch.from_numpy(waveform)}

    def _crop(self, counter: int) -> NDArray[np.float32]:
        """Cut and vary the crop with a running number."""
        epoch, place = divmod(counter, len(self.pieces))
        segment = int(self._order(epoch)[place])
        generator = rng(self.seed, "crop", counter)
        samples = self.augmentation.crop_samples
        for draw in range(_DRAWS):
            if draw >= _DRAWS_IN_SEGMENT:
                segment = int(generator.integers(len(self.pieces)))
            piece = self.pieces[segment]
            start = int(generator.integers(max(0, len(piece) - samples), endpoint=True))
            crop: NDArray[np.float32] = self.transform.decode(piece[start : start + samples]).samples[0]
            if np.mean(np.square(crop, dtype=np.float64)) >= 10 ** (SILENCE_DB / 10):
                break
        gain = 10 ** (-generator.uniform(0.0, self.augmentation.gain_db) / 20)
        sign = -1.0 if self.augmentation.flip and generator.integers(2) else 1.0
        crop *= np.float32(sign * gain)
        return crop
