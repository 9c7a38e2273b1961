"""An audio autoencoder of strided convolutions whose frames look far beyond themselves: chunks must overlap."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tonada import registry
from tonada.audio.models.base import AudioAutoencoder
from tonada.model import Batch, Losses
from tonada.runs import model_table, save_model

SAMPLE_RATE = 8_000
NAME = "strided"


@dataclass(frozen=True, kw_only=True)
class StridedConfig:
    sample_rate: int = SAMPLE_RATE
    hop: int = 8
    channels: int = 3
    kernel: int = 5
    extra_frames: int = 0
    dilation: int = 1


class StridedAutoencoder(AudioAutoencoder):
    """Convolutions over 2 · hop samples and then over frames, and the same back; borders are padded with ones.

    Ones, where silence would hide a border: a chunk's border must not be seen. ``extra_frames`` beyond the end are the
    paddings of published designs, whose latents are longer than S / hop.
    """

    Config = StridedConfig

    def __init__(self, config: StridedConfig) -> None:
        super().__init__(config)
        hop, channels, kernel = config.hop, config.channels, config.kernel
        self.hop, self.latent_channels = hop, channels
        self.around = config.dilation * (kernel // 2)
        self.reach = hop + (self.around + 2 + config.extra_frames) * hop
        self.down = nn.Conv1d(1, channels, 2 * hop, stride=hop)
        self.mix = nn.Conv1d(channels, channels, kernel, dilation=config.dilation)
        self.unmix = nn.Conv1d(channels, channels, kernel, dilation=config.dilation)
        self.up = nn.ConvTranspose1d(channels, 1, 2 * hop, stride=hop)

    def frames(self, samples: int) -> int:
        return -(-samples // self.hop) + self.config.extra_frames

    def encode(self, waveform: Tensor) -> Tensor:
        frames = self.frames(waveform.shape[-1])
        after = (frames + 1) * self.hop - waveform.shape[-1] - self.hop // 2
        padded = nn.functional.pad(waveform[:, None], (self.hop // 2, after), value=1.0)
        latents = torch.tanh(self.down(padded))
        return self.mix(nn.functional.pad(latents, (self.around, self.around), value=1.0))

    def decode(self, latents: Tensor, samples: int) -> Tensor:
        unmixed = torch.tanh(self.unmix(nn.functional.pad(latents, (self.around, self.around), value=1.0)))
        return self.up(unmixed)[:, 0, self.hop // 2 :][:, :samples]

    def losses(self, batch: Batch, step: int) -> Losses:
        waveform = batch["waveform"]
        yield "autoencoder", {"square": (self(waveform) - waveform).square().mean()}


def build(**settings: Any) -> StridedAutoencoder:
    """Build the model, the same weights every time."""
    torch.manual_seed(7)
    return StridedAutoencoder(StridedConfig(**settings)).eval()


ENTRY = registry.Entry(f"{__name__}:StridedAutoencoder")
"""What the registry must hold under `NAME` while a saved model is loaded."""


def save_strided_model(folder: Path, **settings: Any) -> Path:
    """Write a model folder, the same every time."""
    model = build(**settings)
    codec = {"name": "waveform", "sample_rate": model.sample_rate}
    save_model(folder, model, {"model": model_table(NAME, model.config), "codec": codec})
    return folder
