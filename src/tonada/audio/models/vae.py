"""A variational autoencoder that learns: the spectral autoencoder with a latent that can be drawn from.

Three things keep its latent in use, where the published one (``waveform_vae``) fell silent. Every term of the loss is
a mean over time and batch, so its weights mean the same for any length; the divergence's weight grows from nearly
nothing, so there is something worth keeping before keeping costs; and each channel has some nats for free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from tonada.audio.models.posterior import kl_per_dimension
from tonada.audio.models.spectral import RECIPE, SpectralAutoencoder, SpectralConfig
from tonada.errors import ConfigError

_LEAST_DEVIATION = 1e-4
_FIRST_WEIGHT = 1e-3  # of the full weight, at the first step


@dataclass(frozen=True, kw_only=True)
class VAEConfig(SpectralConfig):
    """Settings of the variational autoencoder, beside those of the spectral one."""

    kl_weight: float = 0.03
    """Of the divergence, in nats per latent frame, once it is warm."""
    kl_warmup_steps: int = 500
    """Steps over which the weight grows to that, evenly in its logarithm."""
    free_nats: float = 0.05
    """Divergence of each channel, in nats per frame, that costs nothing (Kingma et al. 2016, section 8)."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises
        ------
        ConfigError
            A value is out of range.
        """
        super().__post_init__()
        for field in ("kl_weight", "kl_warmup_steps", "free_nats"):
            if getattr(self, field) < 0:
                raise ConfigError(f"VAEConfig.{field} must be at least 0; got {getattr(self, field)}")


def one_in_16() -> VAEConfig:
    """Size a bottleneck of 16 values every 256 samples, as ``spectral/16x``."""
    return VAEConfig(hop=256, latent_channels=16)


class VAE(SpectralAutoencoder):
    """A spectral autoencoder whose latents are draws from normal distributions (Kingma and Welling 2014).

    Parameters
    ----------
    config
        Its settings.
    """

    Config: ClassVar[type[SpectralConfig]] = VAEConfig
    config: VAEConfig
    presets: ClassVar[dict[str, Callable[[], SpectralConfig]]] = {"16x": one_in_16}
    recipes: ClassVar[dict[str, dict[str, str | float | list[float]]]] = dict.fromkeys(presets, RECIPE)
    adjustable: ClassVar[tuple[str, ...]] = (
        *SpectralAutoencoder.adjustable,
        "kl_weight",
        "kl_warmup_steps",
        "free_nats",
    )
    head_channels: ClassVar[int] = 2

    def posterior(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Give mean and log-variance of the latents, each float32 [B, Z, L], of sound float32 [B, S]."""
        mean, raw = self.head(waveform).chunk(2, dim=1)
        return mean, 2 * torch.log(F.softplus(raw) + _LEAST_DEVIATION)

    def encode(self, waveform: Tensor) -> Tensor:
        """Give the means of the latents: float32 [B, S] → [B, Z, L]."""
        return self.posterior(waveform)[0]

    def kl_weight_at(self, step: int) -> float:
        """Give the divergence's weight at a step: from a thousandth of the full one up, evenly in its logarithm."""
        warm = 1.0 if step >= self.config.kl_warmup_steps else step / self.config.kl_warmup_steps
        return float(self.config.kl_weight * _FIRST_WEIGHT ** (1.0 - warm))

    def _latents(self, waveform: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        mean, log_variance = self.posterior(waveform)
        nats = kl_per_dimension(mean, log_variance).clamp(min=self.config.free_nats)
        latents = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return latents, {"kl": self.kl_weight_at(step) * nats.sum()}
