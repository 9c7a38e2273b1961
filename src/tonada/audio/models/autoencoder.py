"""The convolutional waveform autoencoders of a published study, in its three sizes and its three ways back up.

The study (a group's coursework on GTZAN, 2024) cuts music into 5 s at 22 050 Hz, 110 250 samples. It names the shape of
each latent, the number of convolutions and poolings on the way down and of transposed convolutions on the way up, batch
norm throughout, and the squared error. It names no kernels, strides, paddings, widths or activations; those are ours.

What its figures say all the same. One transposed convolution answers each convolution and each pooling (3 + 1 = 4,
3 + 2 = 5, 6 + 2 = 8). The time is divided by about 24, 48 and 192. With strides of exactly that product, layers give
⌊(110 250 + E) / hop⌋ frames, where E is the excess of the paddings (see ``convolutions``); so 4596, 2299 and 575 frames
ask for an E of 54 to 77, 102 to 149 and 150 to 341. Ours is 60, 132 and 304: every convolution with an even kernel is
padded by half of it, and pooling windows begin one sample early.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from tonada.audio.models.base import AudioAutoencoder
from tonada.audio.models.convolutions import Down, LayerKind, Shortening, Up, Upsampling, farthest, lengths
from tonada.errors import ConfigError
from tonada.model import Batch, Losses

Size = Literal["large", "middle", "small"]


def _layer(kind: LayerKind, kernel: int, stride: int, padding: int) -> Shortening:
    return Shortening(kind=kind, kernel=kernel, stride=stride, padding=padding)


# The first convolution is strided: layers at the full rate cost most, and see least. Where the pooling is made little
# difference to the large one; the small one learned faster with its poolings behind more convolutions.
LAYERS: Mapping[Size, tuple[Shortening, ...]] = {
    "large": (
        _layer("convolution", 8, 4, 4),
        _layer("max", 2, 2, 1),
        _layer("convolution", 6, 3, 3),
        _layer("convolution", 4, 1, 2),
    ),
    "middle": (
        _layer("convolution", 8, 4, 4),
        _layer("max", 2, 2, 1),
        _layer("convolution", 6, 3, 3),
        _layer("average", 2, 2, 1),
        _layer("convolution", 4, 1, 2),
    ),
    "small": (
        _layer("convolution", 8, 4, 4),
        _layer("convolution", 6, 3, 3),
        _layer("average", 2, 2, 1),
        _layer("convolution", 5, 2, 2),
        _layer("convolution", 5, 2, 2),
        _layer("max", 2, 2, 1),
        _layer("convolution", 3, 1, 1),
        _layer("convolution", 3, 1, 1),
    ),
}
"""The way down of each size, from the waveform to the latents."""
WIDTHS: Mapping[Size, tuple[int, ...]] = {"large": (1, 2), "middle": (1, 2), "small": (1, 2, 3, 4, 4)}
"""Channels after each convolution but the last, in multiples of the config's ``width``."""
_FIRST_SCALE = 0.1  # of the weights that give the waveform


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """Settings of a published autoencoder; each field has its sentence below."""

    size: Size
    """Which of the study's stacks of layers: "large" divides time by 24, "middle" by 48, "small" by 192."""
    latent_channels: int
    """Values per latent frame."""
    width: int = 64
    """Channels after the first convolution; later ones have multiples of it."""
    upsampling: Upsampling = "transposed"
    """The way back up: "transposed" convolutions, "linear" interpolation with convolutions, or "max-unpooling"."""
    sample_rate: int = 22_050
    """Of the sound, in Hz."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises
        ------
        ConfigError
            A value is out of range.
        """
        for name in ("latent_channels", "width", "sample_rate"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{type(self).__name__}.{name} must be at least 1; got {getattr(self, name)}")


def large() -> AutoencoderConfig:
    """Size the study's larger autoencoder: 32×4596 values for 110 250 samples, more than it is given."""
    return AutoencoderConfig(size="large", latent_channels=32)


def middle() -> AutoencoderConfig:
    """Size the study's middle autoencoder: 16×2299 values for 110 250 samples, a third."""
    return AutoencoderConfig(size="middle", latent_channels=16)


def small() -> AutoencoderConfig:
    """Size the study's smaller autoencoder: 16×575 values for 110 250 samples, a twelfth."""
    return AutoencoderConfig(size="small", latent_channels=16, width=32)


# About seven minutes on one core, as the spectral ones. Measured after 25 CPU-seconds on held-out tracks: short crops,
# so many steps, gave the middle one 9.7 dB where crops four times as long gave 6.7 dB; 1e-3 was slower, 1e-2 worse.
RECIPE: dict[str, str | float] = {
    "learning_rate": 3e-3,
    "batch": 8,
    "crop_samples": 4096,
    "steps": 18_000,
    "validate_every": 3000,
}


class Autoencoder(AudioAutoencoder):
    """A convolutional waveform autoencoder with batch norm, as published.

    Every convolution is followed by batch norm and, except the one that gives the latents, by ReLU; so latents have
    both signs. What gives the waveform is linear. No layer but the norms has a bias.

    With ``upsampling="max-unpooling"``, ``forward`` puts values back where the maxima were, as the study does: those
    places are read from the waveform and are no part of the latents. ``decode`` has only the latents, so it puts each
    value at the second place of its window of two: the two differ. Every figure that Tonada gives, of validation,
    evaluation and exploration, is of the latents alone, by ``decode``.

    Parameters
    ----------
    config
        Its settings.
    """

    Config: ClassVar[type[AutoencoderConfig]] = AutoencoderConfig
    config: AutoencoderConfig
    presets: ClassVar[dict[str, Callable[[], AutoencoderConfig]]] = {"large": large, "middle": middle, "small": small}
    recipes: ClassVar[dict[str, dict[str, str | float]]] = {
        "large": RECIPE,
        "middle": RECIPE,
        "small": {**RECIPE, "crop_samples": 8192, "steps": 13_500},  # its reach is a third of the shorter crop
    }

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(config)
        self.layers = LAYERS[config.size]
        widths = iter([*(config.width * multiple for multiple in WIDTHS[config.size]), config.latent_channels])
        channels = [1]
        for layer in self.layers:
            channels.append(next(widths) if layer.kind == "convolution" else channels[-1])
        pairs = list(zip(self.layers, channels[:-1], channels[1:], strict=True))
        last = len(pairs) - 1
        self.down = nn.ModuleList(
            Down(layer, above, below, rectified=index < last) for index, (layer, above, below) in enumerate(pairs)
        )
        ways_back = [
            Up(layer, config.upsampling, below, above, last=index == 0)
            for index, (layer, above, below) in enumerate(pairs)
        ]
        self.up = nn.ModuleList(ways_back)
        if ways_back[0].convolution is not None:
            with torch.no_grad():  # by default the output begins 13 dB louder than music: a hundred steps to calm down
                ways_back[0].convolution.weight.mul_(_FIRST_SCALE)
        self.hop = math.prod(layer.stride for layer in self.layers)
        self.reach = farthest(self.layers, ways_back)
        self.latent_channels = config.latent_channels

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Name the one group, "autoencoder"."""
        return {"autoencoder": [parameter for parameter in self.parameters() if parameter.requires_grad]}

    def frames(self, samples: int) -> int:
        """Tell how many latent frames so many samples become."""
        return lengths(self.layers, samples)[-1]

    def encode(self, waveform: Tensor) -> Tensor:
        """Turn sound into latents: float32 [B, S] → [B, Z, L]."""
        return self._shorten(waveform)[0]

    def decode(self, latents: Tensor, samples: int) -> Tensor:
        """Turn latents float32 [B, Z, L] into sound float32 [B, S] with L = ``frames(S)``."""
        self.check_latents(latents, samples)
        return self._lengthen(latents, samples, [None] * len(self.layers))

    def forward(self, waveform: Tensor) -> Tensor:
        """Encode and decode, float32 [B, S] → [B, S]; max-unpooling is told the places of the maxima."""
        latents, places = self._shorten(waveform)
        return self._lengthen(latents, waveform.shape[-1], places)

    def _shorten(self, waveform: Tensor) -> tuple[Tensor, list[Tensor | None]]:
        """Give the latents and, for each layer, the places of its maxima, if it looks for any."""
        x, places = waveform[:, None], []
        for layer in self.down:
            x, found = layer(x)
            places.append(found)
        return x, places

    def _lengthen(self, x: Tensor, samples: int, places: list[Tensor | None]) -> Tensor:
        sizes = lengths(self.layers, samples)
        for index in reversed(range(len(self.layers))):
            x = self.up[index](x, sizes[index], places[index])
        return x[:, 0]

    def losses(self, batch: Batch, step: int) -> Losses:
        """Yield the mean squared error of the waveform, as published.

        Parameters
        ----------
        batch
            ``waveform`` float32 [B, S].
        step
            Unused.
        """
        waveform = batch["waveform"]
        yield "autoencoder", {"squared_error": F.mse_loss(self(waveform).float(), waveform)}
