"""The variational autoencoder that learns: its divergence, its warm-up, its free nats."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from tonada.audio.models.vae import VAE, VAEConfig
from tonada.errors import ConfigError

SMALL: dict[str, Any] = {"hop": 16, "latent_channels": 4, "width": 8, "encoder_blocks": 1, "decoder_blocks": 1}


def test_the_divergence_is_that_of_the_distributions_of_torch() -> None:
    model = VAE(VAEConfig(**SMALL, kl_weight=0.5, kl_warmup_steps=0, free_nats=0.0)).eval()
    batch = {"waveform": 0.2 * torch.randn(2, 900)}
    mean, log_variance = model.posterior(batch["waveform"])
    ((_, terms),) = model.losses(batch, step=0)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    nats = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(terms["kl"], 0.5 * nats.mean(dim=(0, 2)).sum())


def test_a_channel_below_its_free_nats_is_pushed_nowhere() -> None:
    model = VAE(VAEConfig(**SMALL, kl_weight=1.0, kl_warmup_steps=0, free_nats=100.0))
    ((_, terms),) = model.losses({"waveform": 0.2 * torch.randn(2, 900)}, step=0)
    assert terms["kl"].item() == pytest.approx(4 * 100.0)
    gradients = torch.autograd.grad(terms["kl"], [model.to_latents.weight])
    assert float(gradients[0].abs().max()) == 0.0


def test_the_weight_grows_evenly_in_its_logarithm() -> None:
    model = VAE(VAEConfig(**SMALL, kl_weight=0.02, kl_warmup_steps=100))
    weights = [model.kl_weight_at(step) for step in (0, 25, 50, 75, 100, 5000)]
    assert weights[0] == pytest.approx(2e-5)
    assert weights[-2:] == [0.02, 0.02]
    ratios = [math.log(b / a) for a, b in itertools.pairwise(weights[:5])]
    assert ratios == pytest.approx([ratios[0]] * 4)
    assert VAE(VAEConfig(**SMALL, kl_warmup_steps=0)).kl_weight_at(0) == pytest.approx(0.03)


def test_latents_are_the_means_and_training_draws_around_them() -> None:
    model = VAE(VAEConfig(**SMALL)).eval()
    waveform = 0.2 * torch.randn(2, 900)
    assert torch.equal(model.encode(waveform), model.posterior(waveform)[0])
    assert torch.equal(model(waveform), model(waveform))
    torch.manual_seed(1)
    ((_, one),) = model.losses({"waveform": waveform}, step=0)
    ((_, other),) = model.losses({"waveform": waveform}, step=0)
    assert one["waveform"].item() != other["waveform"].item()
    torch.manual_seed(1)
    ((_, again),) = model.losses({"waveform": waveform}, step=0)
    assert one["waveform"].item() == again["waveform"].item()


@pytest.mark.parametrize("name", ["kl_weight", "kl_warmup_steps", "free_nats"])
def test_negative_settings_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        VAEConfig(**{**SMALL, name: -1})
