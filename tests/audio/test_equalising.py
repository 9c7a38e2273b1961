"""Gains that give decoded sound the spectrum of the originals, and their exact place in the weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tonada.audio.equalising import GREATEST_GAIN, equalise, fit_gains
from tonada.audio.models.spectral import SpectralAutoencoder, SpectralConfig
from tonada.audio.spectral import istft, stft
from tonada.errors import ConfigError


class Softer(SpectralAutoencoder):
    """One that gives back what it gets, softer above the middle of its range."""

    def forward(self, waveform: Tensor) -> Tensor:
        spectrum = stft(waveform, self.n_fft, self.config.hop)
        factors = torch.ones(spectrum.shape[1])
        factors[spectrum.shape[1] // 2 :] = 0.5
        return istft(spectrum * factors[:, None], self.n_fft, self.config.hop, waveform.shape[-1])


def config(compression: float = 0.65) -> SpectralConfig:
    return SpectralConfig(
        hop=32, latent_channels=4, width=8, encoder_blocks=1, decoder_blocks=1, compression=compression
    )


def test_the_gains_undo_what_a_decoder_makes_softer() -> None:
    gains = fit_gains(Softer(config()), [0.2 * torch.randn(1, 6000) for _ in range(4)])
    assert gains.shape == (65,)
    torch.testing.assert_close(gains[:20], torch.ones(20), atol=0.03, rtol=0)
    torch.testing.assert_close(gains[45:], torch.full((20,), 2.0), atol=0.06, rtol=0)


def test_a_gain_is_bounded() -> None:
    class Silent(Softer):
        def forward(self, waveform: Tensor) -> Tensor:
            return 1e-3 * waveform

    gains = fit_gains(Silent(config()), [0.2 * torch.randn(1, 4000)])
    assert torch.equal(gains, torch.full((65,), GREATEST_GAIN))


@pytest.mark.parametrize("compression", [0.65, 1.0])
def test_an_equalised_model_decodes_its_spectrum_times_the_gains(compression: float) -> None:
    model = SpectralAutoencoder(config(compression)).double().eval()
    waveform, gains = 0.2 * torch.randn(1, 3200, dtype=torch.float64), torch.linspace(0.5, 2.0, 65)
    spectra: list[Tensor] = []
    with torch.no_grad():
        latents = model.encode(waveform)
        for _ in range(2):
            features = model.decoder(model.from_latents(latents)).transpose(1, 2)
            real, imaginary = model.write(features).transpose(1, 2).chunk(2, dim=1)
            raised = torch.complex(real, imaginary)
            spectra.append(raised * raised.abs() ** (1 / compression - 1))
            equalise(model, gains)
    torch.testing.assert_close(spectra[1], spectra[0] * gains.double()[:, None], rtol=1e-5, atol=1e-9)


def test_gains_that_do_not_fit_are_refused() -> None:
    model = SpectralAutoencoder(config())
    for gains in (torch.ones(64), torch.zeros(65)):
        with pytest.raises(ConfigError, match="65 positive gains"):
            equalise(model, gains)
    with pytest.raises(ConfigError, match="at least one clip"):
        fit_gains(model, [])
