"""The published autoencoders: the study's latents to the value, and what every audio autoencoder promises."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tonada.audio.latents.streaming import decode_blocks, encode_blocks
from tonada.audio.models.autoencoder import LAYERS, Autoencoder
from tonada.audio.models.convolutions import Down, Shortening, Up, lengths
from tonada.config import from_mapping
from tonada.errors import ConfigError
from tonada.training import TrainerConfig

SIZES = ("large", "middle", "small")
WAYS = ("transposed", "linear", "max-unpooling")
STUDY = {"large": (32, 4596, 24), "middle": (16, 2299, 48), "small": (16, 575, 192)}

every_size = pytest.mark.parametrize("size", SIZES)
every_way = pytest.mark.parametrize("upsampling", WAYS)


def make(size: str, upsampling: str = "transposed", *, width: int = 3, latent_channels: int = 4) -> Any:
    """Build a narrow one, float64 and in evaluation mode, whose norms do something and whose outputs differ clearly."""
    settings_of_it = {"upsampling": upsampling, "width": width, "latent_channels": latent_channels}
    model = Autoencoder(dataclasses.replace(Autoencoder.presets[size](), **settings_of_it))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, 0.2, 1.0)  # positive, so that ReLU lets most of it pass
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.05, 0.2)
    return model.double().eval()


def noise(samples: int) -> Tensor:
    return torch.randn(1, samples, dtype=torch.float64)


@torch.no_grad()
def through(model: Autoencoder, waveform: Tensor) -> tuple[Tensor, Tensor]:
    latents = model.encode(waveform)
    return latents, model.decode(latents, waveform.shape[-1])


def nearly_equal(one: Tensor, other: Tensor) -> bool:
    return bool(torch.allclose(one, other, rtol=0, atol=1e-9))


# --- the study's figures -----------------------------------------------------------------------------------------


@every_size
def test_five_seconds_have_the_latents_of_the_study(size: str) -> None:
    channels, frames, hop = STUDY[size]
    model = make(size, latent_channels=Autoencoder.presets[size]().latent_channels)
    latents, decoded = through(model, noise(110_250))
    assert latents.shape == (1, channels, frames)
    assert decoded.shape == (1, 110_250)
    assert model.hop == hop
    assert model.latent_channels == channels
    assert model.values_per_second == pytest.approx(channels * 22_050 / hop)


@pytest.mark.parametrize(
    ("size", "convolutions", "poolings", "ways_back"),
    [("large", 3, ["max"], 4), ("middle", 3, ["max", "average"], 5), ("small", 6, ["average", "max"], 8)],
)
def test_the_layers_are_those_of_the_study(size: str, convolutions: int, poolings: list[str], ways_back: int) -> None:
    kinds = [layer.kind for layer in LAYERS[size]]
    assert kinds.count("convolution") == convolutions
    assert [kind for kind in kinds if kind != "convolution"] == poolings
    model = Autoencoder(Autoencoder.presets[size]())
    assert sum(isinstance(module, nn.Conv1d) for module in model.modules()) == convolutions
    assert sum(isinstance(module, nn.ConvTranspose1d) for module in model.modules()) == ways_back
    assert sum(isinstance(module, nn.BatchNorm1d) for module in model.modules()) == convolutions + ways_back - 1


@pytest.mark.parametrize(("size", "excess"), [("large", 60), ("middle", 132), ("small", 304)])
def test_paddings_explain_the_number_of_frames(size: str, excess: int) -> None:
    model = make(size)
    for samples in (*range(1, 800), 110_249, 110_250, 110_251, 1_000_003):
        assert model.frames(samples) == (samples + excess) // model.hop


def test_latents_have_both_signs_and_sound_is_not_bounded() -> None:
    latents, decoded = through(make("large", width=8), 10 * noise(5000))
    assert latents.min() < -1
    assert latents.max() > 1
    assert decoded.abs().max() > 1


# --- what every audio autoencoder promises -----------------------------------------------------------------------


@every_size
@every_way
@given(samples=st.one_of(st.integers(1, 400), st.integers(400, 5000)))
@settings(max_examples=15)
def test_any_length_comes_back(size: str, upsampling: str, samples: int) -> None:
    model = make(size, upsampling)
    latents, decoded = through(model, noise(samples))
    assert latents.shape == (1, 4, model.frames(samples))
    assert decoded.shape == (1, samples)
    assert torch.isfinite(decoded).all()
    with torch.no_grad():
        assert model(noise(samples)).shape == (1, samples)


@every_size
def test_no_layer_leaves_out_an_input(size: str) -> None:
    """Neither at the borders nor where a length is no multiple of a stride."""
    for samples in (1, 2, 7, 191, 192, 193, 1001):
        for layer, inputs in zip(LAYERS[size], lengths(LAYERS[size], samples), strict=False):
            seen = {
                place
                for frame in range(layer.length(inputs))
                for place in range(layer.sources(frame, frame)[0], layer.sources(frame, frame)[1] + 1)
            }
            assert seen >= set(range(inputs))


@every_size
@every_way
def test_every_sample_is_made_of_latents(size: str, upsampling: str) -> None:
    model = make(size, upsampling, width=8)
    for samples in (1, 2, 7, model.hop, 3 * model.hop + 5):
        latents = torch.randn(2, 4, model.frames(samples), dtype=torch.float64)
        with torch.no_grad():
            one, other = model.decode(latents, samples)
        assert (one != other).all()


@every_size
@every_way
def test_reach_is_exact(size: str, upsampling: str) -> None:
    """A changed sample changes what lies at the distance of the reach, and nothing beyond."""
    model = make(size, upsampling)
    with torch.no_grad():  # so that more in is more out, and neither ReLU nor maxima hide what was changed
        for parameter in model.parameters():
            parameter.abs_()
    middle = (model.reach // model.hop + 2) * model.hop
    original = torch.zeros(1, 2 * middle + model.hop, dtype=torch.float64)
    phases = torch.arange(model.hop)
    changed = original.repeat(model.hop, 1)
    changed[phases, middle + phases] += 50.0
    found = []
    for before, after, hop in zip(through(model, original), through(model, changed), (model.hop, 1), strict=True):
        different = (before - after).abs() > 1e-13 * float(before.abs().max())  # more than rounding
        if different.ndim == 3:
            different = different.any(dim=1)
        distances = (torch.arange(different.shape[-1]) * hop - (middle + phases)[:, None]).abs()
        found.append(int(distances[different].max()))
    assert found[0] <= found[1] <= model.reach
    if upsampling == "max-unpooling":  # ``decode`` puts values at one place of two, seldom the farther one
        assert found[1] > model.reach - model.hop
    else:
        assert found[1] == model.reach


@every_size
def test_the_reach_of_forward_is_no_longer(size: str) -> None:
    """With max-unpooling it reads more than latents from the waveform."""
    model = make(size, "max-unpooling")
    original = noise(3 * model.reach)
    changed = original.clone()
    changed[0, : model.reach // 2] += 50.0
    with torch.no_grad():
        before, after = model(original), model(changed)
    start = model.reach // 2 + model.reach
    assert nearly_equal(before[:, start:], after[:, start:])
    assert not nearly_equal(before, after)


@every_size
@every_way
def test_a_shift_by_the_hop_shifts_latents_by_a_frame(size: str, upsampling: str) -> None:
    model = make(size, upsampling)
    border = -(-model.reach // model.hop) + 1
    whole = noise((2 * border + 9) * model.hop)
    latents, decoded = through(model, whole)
    shifted_latents, shifted_decoded = through(model, whole[:, model.hop :])
    inner = slice(border, border + 6)
    assert nearly_equal(shifted_latents[..., inner], latents[..., border + 1 : border + 7])
    samples = slice(border * model.hop, (border + 6) * model.hop)
    assert nearly_equal(shifted_decoded[:, samples], decoded[:, model.hop :][:, samples])
    assert not nearly_equal(shifted_latents[..., inner], latents[..., inner])


@every_size
def test_frames_lie_where_their_samples_are(size: str) -> None:
    """What frame l looks at is centred within a hop of sample l · hop, everywhere."""
    model = make(size, width=8)
    distances = set()
    for frame in (30, 47):
        seen = torch.zeros(80 * model.hop)
        for _ in range(5):  # max pooling looks at one of two each time
            waveform = noise(80 * model.hop).requires_grad_()
            model.encode(waveform)[0, :, frame].square().sum().backward()
            seen += waveform.grad[0] != 0
        places = seen.nonzero().flatten()
        distances.add(int(places[0] + places[-1]) / 2 - frame * model.hop)
    assert len(distances) == 1
    assert abs(distances.pop()) < model.hop


@every_size
@every_way
def test_chunks_give_what_the_whole_gives(size: str, upsampling: str) -> None:
    model = make(size, upsampling).float()
    samples = 40 * model.hop + 3 * model.reach + 17
    waveform = noise(samples).float()
    latents, decoded = through(model, waveform)
    sound = waveform[0].numpy()
    chunked = np.concatenate(list(encode_blocks(model, np.split(sound, [1000]), chunk_frames=9)))
    np.testing.assert_allclose(chunked, latents[0].T.numpy(), atol=1e-4)
    pieces = np.concatenate(list(decode_blocks(model, latents[0].T.numpy(), samples, chunk_frames=9)))
    np.testing.assert_allclose(pieces, decoded[0].numpy(), atol=1e-4)


# --- ways back up ------------------------------------------------------------------------------------------------


def test_transposed_convolution_is_the_transpose_of_its_layer() -> None:
    """What a convolution gathers, the one that undoes it scatters to the same places."""
    layer = LAYERS["small"][0]
    up = Up(layer, "transposed", 1, 1, last=True).double()
    down = Down(layer, 1, 1, rectified=False).double()
    with torch.no_grad():
        up.convolution.weight.copy_(down.convolution.weight)
        x, y = torch.randn(1, 1, 101, dtype=torch.float64), torch.randn(1, 1, layer.length(101), dtype=torch.float64)
        forth, back = down.convolution(x), up(y, 101, None)
    assert float((forth * y).sum()) == pytest.approx(float((x * back).sum()), abs=1e-9)


def test_linear_interpolation_keeps_a_ramp_where_it_is() -> None:
    """Pooling takes the means of a straight line at known places; interpolation gives the line back."""
    layer = Shortening(kind="average", kernel=2, stride=2, padding=1)
    up = Up(layer, "max-unpooling", 1, 1, last=False)  # which interpolates where pooling averages
    down = Down(layer, 1, 1, rectified=True)
    ramp = torch.arange(40.0)[None, None]
    shortened, _ = down(ramp)
    assert torch.equal(shortened[0, 0, :3], torch.tensor([0.0, 1.5, 3.5]))
    lengthened = up(shortened, 40, None)
    assert torch.allclose(lengthened[..., 2:37], ramp[..., 2:37])


def test_unpooling_puts_values_back_where_the_maxima_were() -> None:
    layer = Shortening(kind="max", kernel=2, stride=2, padding=1)
    up, down = Up(layer, "max-unpooling", 1, 1, last=False), Down(layer, 1, 1, rectified=True)
    x = torch.tensor([[[3.0, 5.0, 4.0, 1.0, 2.0, -6.0]]])
    pooled, places = down(x)
    assert torch.equal(pooled, torch.tensor([[[3.0, 5.0, 2.0, -6.0]]]))
    assert torch.equal(up(pooled, 6, places), torch.tensor([[[3.0, 5.0, 0.0, 0.0, 2.0, -6.0]]]))
    assert torch.equal(up(pooled, 6, None), torch.tensor([[[3.0, 0.0, 5.0, 0.0, 2.0, -6.0]]]))


def test_only_unpooling_reads_more_than_the_latents() -> None:
    waveform = noise(3000)
    for upsampling in WAYS:
        model = make("middle", upsampling)
        with torch.no_grad():
            assert nearly_equal(model(waveform), through(model, waveform)[1]) == (upsampling != "max-unpooling")


# --- loss and bad input ------------------------------------------------------------------------------------------


def test_the_loss_is_the_mean_squared_error() -> None:
    model, waveform = make("small"), noise(2000)
    ((group, terms),) = model.losses({"waveform": waveform}, 0)
    assert group == "autoencoder"
    assert list(terms) == ["squared_error"]
    with torch.no_grad():
        assert terms["squared_error"].item() == pytest.approx(
            float((model(waveform) - waveform).square().mean()), rel=1e-6
        )


@pytest.mark.parametrize("shape", [(1, 4, 575), (1, 5, 576), (4, 576), (1, 4, 576, 1), (1, 576, 4)])
def test_latents_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    model = make("small")
    assert model.frames(110_400) == 576
    with pytest.raises(ValueError, match="B×4×576 .* got " + "×".join(map(str, shape))):
        model.decode(torch.zeros(shape, dtype=torch.float64), 110_400)


@pytest.mark.parametrize("setting", ["latent_channels", "width", "sample_rate"])
def test_sizes_below_one_are_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match=f"AutoencoderConfig.{setting} must be at least 1; got 0"):
        dataclasses.replace(Autoencoder.presets["small"](), **{setting: 0})


@every_size
def test_recipes_are_settings_of_the_trainer(size: str) -> None:
    recipe = {name: value for name, value in Autoencoder.recipes[size].items() if name != "crop_samples"}
    assert recipe["steps"] == from_mapping(TrainerConfig, recipe).steps
