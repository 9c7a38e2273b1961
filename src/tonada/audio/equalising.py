"""Giving decoded sound the spectrum of the originals: what a decoder is unsure of it makes too soft.

A decoder that minimises an error gives the mean of what might have been, which is softer than any of it; most where
the latent says least. The remedy is a fixed gain per frequency bin, fitted on training clips so that the mean logarithm
of decoded magnitudes is that of the originals. In a spectral autoencoder it is a factor on the rows of the last layer,
so it costs nothing afterwards.

Axes: B batch · S samples · F frequency bins.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from tonada.audio.models.spectral import SpectralAutoencoder
from tonada.audio.spectral import stft
from tonada.errors import ConfigError

FLOOR = 1e-4
"""Magnitudes count as at least this: below is the rounding of 16 bits, and nothing to learn a gain from."""
SMOOTHED_BINS = 17
"""Width of the Hann window that log gains are smoothed with over frequency."""
LEAST_GAIN, GREATEST_GAIN = 0.5, 3.0
"""What a gain is held between."""


@torch.no_grad()
def fit_gains(model: SpectralAutoencoder, waveforms: Iterable[Tensor]) -> Tensor:
    """Fit a gain for each frequency bin of a model's spectrum.

    Parameters
    ----------
    model
        In evaluation mode.
    waveforms
        float32 [1, S] each, at least one: clips that the model was trained on.

    Returns
    -------
    Tensor
        float32 [F], smooth, in ``LEAST_GAIN`` to ``GREATEST_GAIN``.

    Raises
    ------
    ConfigError
        There are no waveforms.
    """
    total, count = torch.zeros(model.n_fft // 2 + 1, dtype=torch.float64), 0
    for waveform in waveforms:
        original, decoded = (
            stft(sound, model.n_fft, model.config.hop).abs().clamp(min=FLOOR).log().mean(dim=(0, 2)).double()
            for sound in (waveform, model(waveform))
        )
        total, count = total + original - decoded, count + 1
    if not count:
        raise ConfigError("gains are fitted on at least one clip")
    window = torch.hann_window(SMOOTHED_BINS + 2, periodic=False, dtype=torch.float64)[1:-1]
    side = SMOOTHED_BINS // 2
    padded = torch.nn.functional.pad((total / count)[None, None], (side, side), mode="replicate")
    smooth = torch.nn.functional.conv1d(padded, (window / window.sum())[None, None])[0, 0]
    return smooth.exp().clamp(LEAST_GAIN, GREATEST_GAIN).float()


@torch.no_grad()
def equalise(model: SpectralAutoencoder, gains: Tensor) -> None:
    """Multiply the spectrum that a model decodes by a gain per bin, for good: exactly, in its last layer's weights.

    Parameters
    ----------
    model
        Changed in place.
    gains
        float32 [F], positive.

    Raises
    ------
    ConfigError
        There is not one positive gain for each bin.
    """
    if gains.shape != (model.n_fft // 2 + 1,) or not bool((gains > 0).all()):
        raise ConfigError(f"equalising takes {model.n_fft // 2 + 1} positive gains; got {tuple(gains.shape)}")
    # What the layer gives is raised to the power 1 / compression afterwards, so the factor there is the root of it.
    factors = gains.pow(model.config.compression).repeat(2)
    model.write.weight.mul_(factors[:, None])
    model.write.bias.mul_(factors)
