"""An autoencoder that needs no training: the first cosines of every block of samples. And clips of three kinds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tonada import registry
from tonada.audio.models.base import AudioAutoencoder
from tonada.data import Dataset, Piece, write_dataset
from tonada.model import Batch, Losses
from tonada.runs import model_table, save_model

SAMPLE_RATE = 8_000
SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class CosineConfig:
    sample_rate: int = SAMPLE_RATE
    block: int = 64
    width: int = 8


class CosineAutoencoder(AudioAutoencoder):
    """Orthonormal cosine transform of blocks, its higher half or more left out: less width, less of the high tones."""

    Config = CosineConfig

    def __init__(self, config: CosineConfig) -> None:
        super().__init__(config)
        self.hop = self.reach = config.block
        self.latent_channels = config.width
        place = torch.arange(config.block) + 0.5
        basis = torch.cos(math.pi / config.block * torch.arange(config.width)[:, None] * place)
        self.basis = nn.Parameter(basis / basis.norm(dim=1, keepdim=True))

    def frames(self, samples: int) -> int:
        return -(-samples // self.hop)

    def encode(self, waveform: Tensor) -> Tensor:
        padding = self.frames(waveform.shape[-1]) * self.hop - waveform.shape[-1]
        blocks = nn.functional.pad(waveform, (0, padding)).unflatten(-1, (-1, self.hop))
        return torch.matmul(self.basis, blocks.mT)

    def decode(self, latents: Tensor, samples: int) -> Tensor:
        return (latents.mT @ self.basis).flatten(1)[:, :samples]

    def losses(self, batch: Batch, step: int) -> Losses:
        yield "model", {"square": (self(batch["waveform"]) - batch["waveform"]).square().mean()}


def register(patch: pytest.MonkeyPatch) -> None:
    """Put the model into the registry while a test runs."""
    patch.setitem(registry.TABLE["model"], "cosine", registry.Entry("cosine_autoencoder:CosineAutoencoder"))  # type: ignore[arg-type]


def save_cosine(folder: Path, width: int, **settings: Any) -> Path:
    """Write a model folder."""
    config = CosineConfig(width=width, **settings)
    codec = {"name": "waveform", "sample_rate": config.sample_rate}
    save_model(folder, CosineAutoencoder(config), {"model": model_table("cosine", config), "codec": codec})
    return folder


def kinds(count: int, split: str, *, seconds: float = SECONDS) -> Iterator[Piece]:
    """Give clips that are told apart by ear: a low hum, a higher whistle, noise in bursts; two a track, by turns."""
    random = np.random.default_rng(count)
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    for number in range(count):
        label = ("hum", "noise", "whistle")[number // 2 % 3]
        level = random.uniform(0.3, 0.4)
        if label == "noise":
            wave = random.normal(0, 0.3, len(time_s)) * (np.sin(2 * np.pi * 8 * time_s) > 0)
        else:
            wave = np.sin(2 * np.pi * (110 if label == "hum" else 350) * random.uniform(0.99, 1.01) * time_s)
        track = f"{split}-{number // 2}.wav"
        yield Piece(
            name=f"{track}#{number % 2}",
            split=split,
            array=np.clip(np.rint(level * wave * 32_768), -32_768, 32_767).astype(np.int16),
            metadata={"label": label, "track": track, "file": track, "start_s": seconds * (number % 2)},
        )


def save_kinds(folder: Path, *, validation: int = 24, test: int = 12) -> Dataset:
    """Write the data set, the same every time."""
    pieces = [*kinds(6, "train"), *kinds(validation, "validation"), *kinds(test, "test")]
    return write_dataset(folder, codec="waveform", codec_config={"sample_rate": SAMPLE_RATE}, pieces=pieces)
