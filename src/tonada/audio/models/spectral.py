"""An autoencoder between two Fourier transforms: it works at the rate of the frames, never at that of the samples.

The waveform becomes a short-time spectrum; residual blocks and a linear layer turn each frame into a few latents; the
way back mirrors it and ends in the inverse transform (after Vocos, Siuzdak 2023). There is no upsampling layer that
could ring, and a second of sound costs a hundred frames of work in place of 22 050 samples.

Real and imaginary parts pass as plain channels in both directions. Without its blocks the network is a linear lapped
transform coder, which least squares solve; so it begins where classical coding stands, and the blocks only add to it.
(A head of log magnitude and phase, as in Vocos, has to learn first what a sum of cosines is.)

Axes: B batch · S samples · F frequency bins · L frames · D width · Z latent channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from tonada.audio.losses import relative_error, stft_loss
from tonada.audio.models.base import AudioAutoencoder
from tonada.audio.models.discriminator import SpectrumDiscriminator, adversarial_terms, discriminator_terms
from tonada.audio.spectral import count_frames, istft, stft
from tonada.errors import ConfigError
from tonada.model import Batch, Losses
from tonada.nn.convnext import ConvActivation, ConvNeXtBlock

_LEAST_MAGNITUDE = 1e-7


@dataclass(frozen=True, kw_only=True)
class SpectralConfig:
    """Settings of a spectral autoencoder; each field has its sentence below."""

    hop: int = 256
    """Samples from one frame of the spectrum to the next."""
    stride: int = 1
    """Frames of the spectrum per latent frame."""
    latent_channels: int = 16
    """Values per latent frame."""
    window_hops: int = 4
    """Length of the transform's window, in hops."""
    width: int = 256
    """Channels between the layers."""
    encoder_blocks: int = 4
    """Residual blocks before the latents."""
    decoder_blocks: int = 6
    """Residual blocks after them."""
    activation: ConvActivation = "gelu"
    """Of the blocks: "gelu", or "snake", which is periodic."""
    compression: float = 0.65
    """Power to which magnitudes are raised in both directions; 1 leaves them alone."""
    waveform_weight: float = 3.0
    """Of the relative error of the waveform, beside the STFT distance with weight 1."""
    adversarial_weight: float = 0.0
    """Of the second stage's loss against a discriminator; 0 for no second stage."""
    adversarial_from: int = 0
    """Step from which on the encoder stands still and the decoder learns against the discriminator."""
    sample_rate: int = 22_050
    """Of the sound, in Hz."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises
        ------
        ConfigError
            A value is out of range.
        """
        name = type(self).__name__
        for field in ("hop", "stride", "latent_channels", "width", "sample_rate"):
            if getattr(self, field) < 1:
                raise ConfigError(f"{name}.{field} must be at least 1; got {getattr(self, field)}")
        for field in ("encoder_blocks", "decoder_blocks", "waveform_weight", "adversarial_weight", "adversarial_from"):
            if getattr(self, field) < 0:
                raise ConfigError(f"{name}.{field} must be at least 0; got {getattr(self, field)}")
        if self.window_hops < 4 or self.hop * self.window_hops % 2:
            raise ConfigError(
                f"{name}.window_hops must be at least 4, and hop · window_hops even; "
                f"got hop={self.hop}, window_hops={self.window_hops}"
            )
        if not 0 < self.compression <= 1:
            raise ConfigError(f"{name}.compression must be more than 0 and at most 1; got {self.compression}")


def large() -> SpectralConfig:
    """Size the counterpart of the study's larger autoencoder: 32 values every 24 samples, more than it is given."""
    return SpectralConfig(hop=24, latent_channels=32, width=96, encoder_blocks=2, decoder_blocks=3, compression=1.0)


def middle() -> SpectralConfig:
    """Size the counterpart of the study's middle autoencoder: 16 values every 48 samples, a third."""
    return SpectralConfig(hop=48, latent_channels=16, width=128, encoder_blocks=2, decoder_blocks=4, compression=1.0)


def small() -> SpectralConfig:
    """Size the counterpart of the study's smaller autoencoder: 16 values every 192 samples, a twelfth."""
    return SpectralConfig(hop=192, latent_channels=16, compression=1.0, waveform_weight=8.0)


def one_in_16() -> SpectralConfig:
    """Size a bottleneck of 16 values every 256 samples: 1378 a second."""
    return SpectralConfig(hop=256, latent_channels=16)


def one_in_32() -> SpectralConfig:
    """Size a bottleneck of 16 values every 512 samples: 689 a second."""
    return SpectralConfig(hop=256, stride=2, latent_channels=16)


def one_in_64() -> SpectralConfig:
    """Size a bottleneck of 16 values every 1024 samples: 345 a second."""
    return SpectralConfig(hop=256, stride=4, latent_channels=16)


RECIPE: dict[str, str | float | list[float]] = {
    "steps": 1200,
    "batch": 16,
    "optimizer": "muon",
    "learning_rate": 4e-3,
    "schedule": "trapezoid",
    "decay_share": 0.5,
    "warmup_steps": 50,
    "weight_decay": 0.01,
    "betas": [0.8, 0.99],
    "clip_norm": 5.0,
    "ema": 0.99,
    "validate_every": 400,
}
"""Of every preset: about six minutes of one CPU core, with crops of 16 384 samples."""


class SpectralAutoencoder(AudioAutoencoder):
    """Sound to latents and back through short-time spectra.

    Parameters
    ----------
    config
        Its settings.
    """

    Config: ClassVar[type[SpectralConfig]] = SpectralConfig
    config: SpectralConfig
    presets: ClassVar[dict[str, Callable[[], SpectralConfig]]] = {
        "16x": one_in_16,
        "32x": one_in_32,
        "64x": one_in_64,
        "large": large,
        "middle": middle,
        "small": small,
    }
    recipes: ClassVar[dict[str, dict[str, str | float | list[float]]]] = dict.fromkeys(presets, RECIPE)
    adjustable: ClassVar[tuple[str, ...]] = ("waveform_weight", "adversarial_weight", "adversarial_from")
    training_only: ClassVar[tuple[str, ...]] = ("discriminator",)
    head_channels: ClassVar[int] = 1
    """Numbers that the encoder gives for each latent."""

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__(config)
        self.n_fft = config.hop * config.window_hops
        self.latent_channels = config.latent_channels
        self.hop = config.hop * config.stride
        kernel, hidden = 7, 3 * config.width
        farther = max(config.encoder_blocks, config.decoder_blocks) * (kernel // 2) + 2 * config.stride
        self.reach = self.n_fft + farther * config.hop
        bins, width, stride = 2 * (self.n_fft // 2 + 1), config.width, config.stride

        def blocks(count: int) -> nn.Sequential:
            return nn.Sequential(
                *(ConvNeXtBlock(width, hidden, kernel=kernel, activation=config.activation) for _ in range(count))
            )

        self.read = nn.Conv1d(bins, width, 1)
        self.encoder = blocks(config.encoder_blocks)
        self.to_latents = nn.Conv1d(width, self.head_channels * config.latent_channels, stride, stride=stride)
        self.from_latents = nn.ConvTranspose1d(config.latent_channels, width, stride, stride=stride)
        self.decoder = blocks(config.decoder_blocks)
        self.write = nn.Linear(width, bins)
        self.discriminator = SpectrumDiscriminator() if config.adversarial_weight else None

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Name the parameter groups: "autoencoder", and with a second stage "discriminator"."""
        own = [p for name, p in self.named_parameters() if not name.startswith("discriminator.")]
        if self.discriminator is None:
            return {"autoencoder": own}
        return {"discriminator": list(self.discriminator.parameters()), "autoencoder": own}

    def frames(self, samples: int) -> int:
        """Tell how many latent frames S samples become: the 1 + ⌊S / hop⌋ of the spectrum over stride, rounded up."""
        return -(-count_frames(samples, self.config.hop) // self.config.stride)

    def encode(self, waveform: Tensor) -> Tensor:
        """Turn sound float32 [B, S] into latents float32 [B, Z, L]."""
        return self.head(waveform)

    def head(self, waveform: Tensor) -> Tensor:
        """Give what the encoder says of each latent frame: float32 [B, S] → [B, Z · ``head_channels``, L]."""
        with torch.autocast(waveform.device.type, enabled=False):  # spectra need all their digits
            spectrum = stft(waveform, self.n_fft, self.config.hop) * self._unit
            spectrum = _raised(spectrum, self.config.compression)
            features = torch.cat((spectrum.real, spectrum.imag), dim=1)
        features = F.pad(features, (0, -features.shape[-1] % self.config.stride))
        latents: Tensor = self.to_latents(self.encoder(self.read(features)))
        return latents.to(waveform.dtype)

    def decode(self, latents: Tensor, samples: int) -> Tensor:
        """Turn latents float32 [B, Z, L] into sound float32 [B, S] with L = ``frames(S)``."""
        self.check_latents(latents, samples)
        frames = count_frames(samples, self.config.hop)
        features = self.decoder(self.from_latents(latents))[:, :, :frames]
        parts = self.write(features.transpose(1, 2)).transpose(1, 2)
        with torch.autocast(latents.device.type, enabled=False):
            real, imaginary = parts.to(latents.dtype).chunk(2, dim=1)
            spectrum = _raised(torch.complex(real, imaginary), 1 / self.config.compression)
            return istft(spectrum / self._unit, self.n_fft, self.config.hop, samples)

    @property
    def _unit(self) -> float:
        """Scale of the spectrum: with it white noise has the variance of its samples in every bin."""
        return float((8 / (3 * self.n_fft)) ** 0.5)

    def losses(self, batch: Batch, step: int) -> Losses:
        """Yield the distances of decoded sound; in the second stage, the discriminator's loss before them.

        In the second stage the encoder stands still, so that latents that were made before keep their meaning
        (as in RAVE, Caillon and Esling 2021, section 3.2).

        Parameters
        ----------
        batch
            ``waveform`` float32 [B, S].
        step
            The second stage begins with step ``adversarial_from``.
        """
        waveform = batch["waveform"]
        second = self.discriminator is not None and step >= self.config.adversarial_from
        with torch.set_grad_enabled(torch.is_grad_enabled() and not second):
            latents, terms = self._latents(waveform, step)
        decoded = self.decode(latents, waveform.shape[-1])
        if second and self.discriminator is not None:
            yield "discriminator", discriminator_terms(self.discriminator, waveform, decoded.detach())
            terms = adversarial_terms(self.discriminator, waveform, decoded, self.config.adversarial_weight)
        with torch.autocast(waveform.device.type, enabled=False):
            yield (
                "autoencoder",
                {
                    "stft": stft_loss(waveform, decoded),
                    "waveform": self.config.waveform_weight * relative_error(waveform, decoded),
                    **terms,
                },
            )

    def _latents(self, waveform: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Give the latents that training decodes, and the loss terms that they bring."""
        return self.encode(waveform), {}


def _raised(spectrum: Tensor, power: float) -> Tensor:
    """Raise the magnitudes of a complex spectrum to a power, phases kept."""
    if power == 1.0:
        return spectrum
    return spectrum * spectrum.abs().clamp(min=_LEAST_MAGNITUDE) ** (power - 1.0)
