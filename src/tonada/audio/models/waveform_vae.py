"""The variational autoencoder of the published study, with the loss that kept it from learning.

It is kept to be shown beside one that works. Its loss is the squared error plus the divergence, both summed over a
clip, from the first step on. Summed squares are the log-likelihood of a normal distribution with a variance of one half
per sample, a root mean square of 0.71, where music has about 0.17: as if everything were heard through noise 12 dB
louder than the music. What lies below that noise is not worth the divergence it costs: latents learn to carry next to
nothing, the decoder learns next to silence, and the loss stands at the energy of a clip (3 000 to 6 500 for 5 s).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from tonada.audio.models.autoencoder import Autoencoder, AutoencoderConfig
from tonada.audio.models.posterior import divergence
from tonada.model import Batch, Losses


@dataclass(frozen=True, kw_only=True)
class WaveformVAEConfig(AutoencoderConfig):
    """Settings of the published variational autoencoder: those of its encoder and decoder."""


def published() -> WaveformVAEConfig:
    """Size the study's variational autoencoder; its layers are not told, so they are the small autoencoder's."""
    return WaveformVAEConfig(size="small", latent_channels=16, width=32)


class WaveformVAE(Autoencoder):
    """A variational autoencoder on waveforms (Kingma & Welling 2014) with summed losses and no warm-up.

    Parameters
    ----------
    config
        Its settings.
    """

    Config: ClassVar[type[AutoencoderConfig]] = WaveformVAEConfig
    config: WaveformVAEConfig
    presets: ClassVar[dict[str, Callable[[], AutoencoderConfig]]] = {"published": published}
    recipes: ClassVar[dict[str, dict[str, str | float]]] = {
        "published": {**Autoencoder.recipes["small"], "learning_rate": 1e-3}
    }

    def __init__(self, config: WaveformVAEConfig) -> None:
        super().__init__(config)
        self.mean = nn.Conv1d(config.latent_channels, config.latent_channels, 1)
        self.log_variance = nn.Conv1d(config.latent_channels, config.latent_channels, 1)

    def posterior(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Give mean and log-variance of the latents, each [B, Z, L], of a waveform float32 [B, S]."""
        features = super().encode(waveform)
        return self.mean(features), self.log_variance(features)

    def encode(self, waveform: Tensor) -> Tensor:
        """Give the mean of the latents: float32 [B, S] → [B, Z, L]."""
        return self.posterior(waveform)[0]

    def forward(self, waveform: Tensor) -> Tensor:
        """Encode to the mean and decode: float32 [B, S] → [B, S]."""
        return self.decode(self.encode(waveform), waveform.shape[-1])

    def losses(self, batch: Batch, step: int) -> Losses:
        """Yield squared error and divergence, each summed over a clip; the mean over clips.

        Parameters
        ----------
        batch
            ``waveform`` float32 [B, S].
        step
            Unused: nothing warms up.
        """
        waveform = batch["waveform"]
        mean, log_variance = self.posterior(waveform)
        latents = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        decoded = self.decode(latents, waveform.shape[-1]).float()
        yield (
            "autoencoder",
            {
                "squared_error": (decoded - waveform).square().sum(dim=-1).mean(),
                "kl": divergence(mean.float(), log_variance.float()).sum(dim=(1, 2)).mean(),
            },
        )
