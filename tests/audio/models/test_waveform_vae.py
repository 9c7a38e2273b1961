"""The published variational autoencoder: its loss as it was, and what shows that nothing was learned."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from tonada.audio.models.posterior import divergence, kl_per_dimension
from tonada.audio.models.waveform_vae import WaveformVAE


def make(**sizes: int) -> Any:
    config = dataclasses.replace(WaveformVAE.presets["published"](), **{"width": 4, "latent_channels": 3, **sizes})
    return WaveformVAE(config).eval()


def test_it_encodes_as_the_small_autoencoder_does() -> None:
    model = make(latent_channels=WaveformVAE.presets["published"]().latent_channels).eval()
    waveform = torch.randn(1, 110_250) * 0.2
    with torch.no_grad():
        latents = model.encode(waveform)
        assert latents.shape == (1, 16, 575)
        assert torch.equal(latents, model.posterior(waveform)[0])
        assert torch.equal(model(waveform), model.decode(latents, 110_250))


def test_the_loss_is_summed_over_the_clip_from_the_first_step_on() -> None:
    model, waveform = make(), torch.randn(2, 3000) * 0.2
    for step in (0, 10_000):
        torch.manual_seed(3)
        ((group, terms),) = model.losses({"waveform": waveform}, step)
        assert group == "autoencoder"
        torch.manual_seed(3)
        with torch.no_grad():
            mean, log_variance = model.posterior(waveform)
            decoded = model.decode(mean + (0.5 * log_variance).exp() * torch.randn_like(mean), 3000)
        assert terms["squared_error"].item() == pytest.approx(float((decoded - waveform).square().sum() / 2), rel=1e-5)
        expected = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2
        assert terms["kl"].item() == pytest.approx(float(expected), rel=1e-5)


def test_latents_are_drawn_anew_each_time() -> None:
    model, waveform = make(), torch.randn(1, 3000)

    def loss() -> float:
        ((_, terms),) = model.losses({"waveform": waveform}, 0)
        return terms["squared_error"].item()

    assert loss() != loss()


@pytest.mark.parametrize(
    ("mean", "variance", "nats"), [(0.0, 1.0, 0.0), (1.0, 1.0, 0.5), (0.0, 4.0, 0.8068528), (-2.0, 0.01, 3.8075851)]
)
def test_divergence_of_known_distributions(mean: float, variance: float, nats: float) -> None:
    found = divergence(torch.tensor([mean]), torch.tensor([variance]).log())
    assert float(found) == pytest.approx(nats, abs=1e-6)
    normal = torch.distributions.Normal
    independent = torch.distributions.kl_divergence(normal(mean, variance**0.5), normal(0.0, 1.0))
    assert float(found) == pytest.approx(float(independent), abs=1e-6)


def test_nats_are_told_channel_by_channel() -> None:
    mean = torch.tensor([0.0, 1.0, 2.0])[None, :, None].expand(4, 3, 10)
    assert torch.allclose(kl_per_dimension(mean, torch.zeros(4, 3, 10)), torch.tensor([0.0, 0.5, 2.0]))
