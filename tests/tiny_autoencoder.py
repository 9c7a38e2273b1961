"""An audio autoencoder of two layers, and a data set of short tones: sound is learned in no time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from torch import Tensor, nn

from tonada import registry
from tonada.audio.models.base import AudioAutoencoder
from tonada.data import Dataset, Piece, write_dataset
from tonada.model import Batch, Losses

SAMPLE_RATE = 8_000
SEGMENT = 4_000


@dataclass(frozen=True, kw_only=True)
class TinyConfig:
    sample_rate: int = SAMPLE_RATE
    width: int = 8


class TinyAutoencoder(AudioAutoencoder):
    """Blocks of 16 samples through a linear bottleneck with dropout."""

    Config = TinyConfig
    presets: ClassVar[dict[str, Any]] = {"plain": TinyConfig}
    recipes: ClassVar[dict[str, dict[str, Any]]] = {
        "plain": {"learning_rate": 0.02, "precision": "fp32", "crop_samples": 256}
    }

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.hop, self.reach, self.latent_channels = 16, 16, config.width
        self.encoder, self.decoder = nn.Linear(16, config.width), nn.Linear(config.width, 16)
        self.dropout = nn.Dropout(0.1)

    def frames(self, samples: int) -> int:
        return -(-samples // 16)

    def encode(self, waveform: Tensor) -> Tensor:
        padding = self.frames(waveform.shape[-1]) * 16 - waveform.shape[-1]
        blocks = nn.functional.pad(waveform, (0, padding)).unflatten(-1, (-1, 16))
        return self.dropout(self.encoder(blocks)).transpose(1, 2)

    def decode(self, latents: Tensor, samples: int) -> Tensor:
        return self.decoder(latents.transpose(1, 2)).flatten(1)[:, :samples]

    def losses(self, batch: Batch, step: int) -> Losses:
        waveform = batch["waveform"]
        yield "model", {"square": (self(waveform) - waveform).square().mean()}


def register(patch: pytest.MonkeyPatch) -> None:
    """Put the model into the registry, as ``tiny/plain``, while a test runs."""
    patch.setitem(registry.TABLE["model"], "tiny", registry.Entry("tiny_autoencoder:TinyAutoencoder", ("plain",)))  # type: ignore[arg-type]


def tones(count: int, split: str) -> Iterator[Piece]:
    """Give segments of half a second, two a track, tracks of the labels low and high by turns."""
    time_s = np.arange(SEGMENT) / SAMPLE_RATE
    for number in range(count):
        label = ("low", "high")[number // 2 % 2]
        frequency_hz = (200 if label == "low" else 900) * (1 + 0.1 * number)
        wave = 0.5 * np.sin(2 * np.pi * frequency_hz * time_s)
        track = f"{split}-{number // 2}.wav"
        yield Piece(
            name=f"{track}#{number % 2}",
            split=split,
            array=np.round(wave * 32_767).astype(np.int16),
            metadata={"label": label, "track": track, "file": track, "start_s": 0.5 * (number % 2), "seconds": 0.5},
        )


def save_tones(folder: Path, *, train: int = 8, validation: int = 4, sample_rate: int = SAMPLE_RATE) -> Dataset:
    """Write the data set, the same every time."""
    pieces = [*tones(train, "train"), *tones(validation, "validation")]
    return write_dataset(folder, codec="waveform", codec_config={"sample_rate": sample_rate}, pieces=pieces)
