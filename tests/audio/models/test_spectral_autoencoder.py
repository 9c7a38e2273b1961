"""The spectral autoencoder: what every audio autoencoder promises, its linear core, and its second stage."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tonada import registry
from tonada.audio.models.spectral import SpectralAutoencoder, SpectralConfig
from tonada.audio.models.vae import VAE, VAEConfig
from tonada.config import from_mapping
from tonada.errors import ConfigError
from tonada.training import TrainerConfig

SMALL: dict[str, Any] = {"hop": 16, "latent_channels": 4, "width": 8, "encoder_blocks": 1, "decoder_blocks": 2}
PRESETS = [name for name in registry.preset_names("model") if name.startswith(("spectral/", "vae/"))]
KINDS = [
    SpectralAutoencoder(SpectralConfig(**SMALL)),
    SpectralAutoencoder(SpectralConfig(**SMALL, stride=3)),
    VAE(VAEConfig(**SMALL, stride=2, activation="snake", compression=1.0)),
]
every_kind = pytest.mark.parametrize("index", range(len(KINDS)))


def make(index: int) -> SpectralAutoencoder:
    model = KINDS[index].double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def noise(samples: int) -> Tensor:
    return torch.randn(1, samples, dtype=torch.float64)


@pytest.mark.parametrize(
    ("preset", "channels", "frames", "compression"),
    [
        ("spectral/large", 32, 4594, 0.75),
        ("spectral/middle", 16, 2297, 3),
        ("spectral/small", 16, 575, 12),
        ("spectral/16x", 16, 431, 16),
        ("spectral/32x", 16, 216, 32),
        ("spectral/64x", 16, 108, 64),
        ("vae/16x", 16, 431, 16),
    ],
)
def test_five_seconds_become_as_many_values_as_the_preset_says(
    preset: str, channels: int, frames: int, compression: float
) -> None:
    name, config = registry.preset("model", preset)
    model = registry.resolve("model", name)(dataclasses.replace(config, width=4))
    with torch.no_grad():
        assert model.encode(torch.zeros(1, 110_250)).shape == (1, channels, frames)
    assert model.frames(110_250) == frames
    assert 22_050 / model.values_per_second == pytest.approx(compression)


@pytest.mark.parametrize("preset", PRESETS)
def test_recipes_are_settings_of_the_trainer(preset: str) -> None:
    assert from_mapping(TrainerConfig, registry.recipe(preset)).steps > 1


@every_kind
@given(samples=st.integers(1, 700))
@settings(max_examples=25)
def test_any_length_comes_back_as_long(index: int, samples: int) -> None:
    model = make(index)
    with torch.no_grad():
        latents = model.encode(noise(samples))
        assert latents.shape == (1, 4, model.frames(samples))
        decoded = model.decode(latents, samples)
    assert decoded.shape == (1, samples)
    assert torch.isfinite(decoded).all()


@every_kind
@torch.no_grad()
def test_a_shift_by_a_hop_shifts_the_latents_by_a_frame(index: int) -> None:
    model = make(index)
    waveform = noise(4000)
    latents, shifted = model.encode(waveform), model.encode(waveform[:, model.hop :])
    border = -(-model.reach // model.hop)
    torch.testing.assert_close(latents[:, :, border + 1 : -border], shifted[:, :, border:-border])


@every_kind
@torch.no_grad()
def test_nothing_beyond_the_reach_matters(index: int) -> None:
    model, place = make(index), 2000
    waveform = noise(4000)
    changed = waveform.clone()
    changed[:, place] += 1.0
    latents, other = model.encode(waveform), model.encode(changed)
    for frame in range(latents.shape[-1]):
        if abs(frame * model.hop - place) > model.reach:
            assert torch.equal(latents[:, :, frame], other[:, :, frame])
    assert not torch.equal(latents, other)
    frame = latents.shape[-1] // 2
    edited = latents.clone()
    edited[:, :, frame] += 1.0
    difference = (model.decode(edited, 4000) - model.decode(latents, 4000))[0].abs()
    near = (torch.arange(4000) - frame * model.hop).abs() <= model.reach
    assert float(difference[~near].max()) < 1e-9
    assert float(difference[near].max()) > 1e-6


def test_without_blocks_the_large_one_can_be_lossless() -> None:
    """A linear lapped transform with more values than samples loses nothing: least squares finds it in closed form."""
    config = SpectralConfig(
        hop=8, latent_channels=34, width=34, encoder_blocks=0, decoder_blocks=0, compression=1.0, window_hops=4
    )
    model = SpectralAutoencoder(config).double()
    with torch.no_grad():
        for layer in (model.read, model.to_latents, model.from_latents, model.write):
            weight = layer.weight
            assert isinstance(weight, Tensor)
            weight.copy_(torch.eye(34, dtype=torch.float64).reshape(weight.shape))
            assert layer.bias is not None
            layer.bias.zero_()
        waveform = noise(777)
        torch.testing.assert_close(model(waveform), waveform)


def test_training_lowers_every_term_of_the_loss() -> None:
    model = SpectralAutoencoder(SpectralConfig(hop=64, latent_channels=8, width=24))
    time = torch.arange(4096) / 22_050
    pitches = torch.tensor([[220.0], [440.0], [610.0], [990.0]])
    batch = {"waveform": 0.3 * torch.sin(2 * torch.pi * pitches * time) + 0.02 * torch.randn(4, 4096)}
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    history = []
    for step in range(40):
        ((_, terms),) = model.losses(batch, step)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        history.append({name: float(term.detach()) for name, term in terms.items()})
    for name, first in history[0].items():
        assert history[-1][name] < 0.6 * first, name


def test_the_second_stage_moves_the_decoder_and_the_opponent_but_not_the_encoder() -> None:
    model = SpectralAutoencoder(SpectralConfig(**SMALL, adversarial_weight=0.5, adversarial_from=3))
    batch = {"waveform": 0.2 * torch.randn(2, 3000)}
    assert [group for group, _ in model.losses(batch, 2)] == ["autoencoder"]
    groups = model.groups()
    assert {id(p) for parameters in groups.values() for p in parameters} == {id(p) for p in model.parameters()}
    yielded = {}
    for group, terms in model.losses(batch, 3):
        model.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        yielded[group] = set(terms)
        moved = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None}
        encoder = {"read", "encoder", "to_latents"}
        if group == "discriminator":
            assert moved == {"discriminator"}
        else:
            assert not moved & encoder
            assert {"from_latents", "decoder", "write"} <= moved
    assert yielded == {
        "discriminator": {"real", "decoded"},
        "autoencoder": {"stft", "waveform", "adversarial", "features"},
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"hop": 0},
        {"stride": 0},
        {"window_hops": 3},
        {"hop": 5, "window_hops": 5},
        {"compression": 0.0},
        {"compression": 1.5},
        {"width": 0},
        {"waveform_weight": -1.0},
        {"adversarial_weight": -0.1},
        {"decoder_blocks": -1},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="SpectralConfig"):
        SpectralConfig(**{**SMALL, **wrong})
