"""Chunks with context give what the whole gives, whatever the lengths."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from strided_autoencoder import build
from tonada import registry
from tonada.audio.latents.streaming import (
    context_frames,
    decode_blocks,
    decode_whole,
    default_chunk_frames,
    encode_blocks,
    encode_whole,
    natural_samples,
)
from tonada.audio.models.base import AudioAutoencoder

MODELS = {
    "plain": {},
    "longer latents than S / hop": {"extra_frames": 3},
    "a reach of 100 frames": {"kernel": 5, "dilation": 50},
    "hop of one": {"hop": 1, "channels": 2},
    "odd hop": {"hop": 7},
}
by_model = pytest.mark.parametrize("name", sorted(MODELS))


def noise(samples: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1, 1, samples).astype(np.float32)


def whole_latents(model: AudioAutoencoder, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.no_grad():
        return model.encode(torch.from_numpy(samples)[None])[0].T.numpy()


def whole_sound(model: AudioAutoencoder, latents: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    with torch.no_grad():
        return model.decode(torch.from_numpy(latents.T.copy())[None], samples)[0].numpy()


def cut(samples: NDArray[np.float32], lengths: list[int]) -> list[NDArray[np.float32]]:
    return np.split(samples, np.cumsum(lengths)[np.cumsum(lengths) < len(samples)])


@by_model
@given(
    samples=st.integers(1, 3000),
    chunk_frames=st.integers(1, 90),
    lengths=st.lists(st.integers(0, 500), min_size=1, max_size=12),
)
@settings(max_examples=25)
def test_chunks_give_what_the_whole_gives(name: str, samples: int, chunk_frames: int, lengths: list[int]) -> None:
    model = build(**MODELS[name])
    sound = noise(samples)
    latents = np.concatenate(list(encode_blocks(model, cut(sound, lengths), chunk_frames=chunk_frames)))
    assert latents.shape == (model.frames(samples), model.latent_channels)
    assert latents.dtype == np.float32
    np.testing.assert_allclose(latents, whole_latents(model, sound), atol=1e-5)
    decoded = np.concatenate(list(decode_blocks(model, latents, samples, chunk_frames=chunk_frames)))
    assert decoded.shape == (samples,)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded, whole_sound(model, latents, samples), atol=1e-5)


@by_model
def test_less_context_would_show(name: str) -> None:
    """The comparison can fail: chunks that see less of what surrounds them do differ."""
    model = build(**MODELS[name])
    model.reach = 0
    if context_frames(model) * model.hop >= build(**MODELS[name]).reach:
        pytest.fail("this model would not show it")
    sound = noise(3000)
    latents = np.concatenate(list(encode_blocks(model, [sound], chunk_frames=13)))
    if name != "hop of one":  # one frame of context is half of what it looks at, and no more than rounding is left
        assert np.abs(latents - whole_latents(model, sound)).max() > 1e-2
    decoded = np.concatenate(list(decode_blocks(model, latents, 3000, chunk_frames=13)))
    assert np.abs(decoded - whole_sound(model, latents, 3000)).max() > 1e-2


PRESETS = [
    name
    for name in registry.preset_names("model")
    if issubclass(registry.resolve("model", name.partition("/")[0]), AudioAutoencoder)
]
QUICK = {"autoencoder/small", "spectral/32x", "vae/16x"}


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PRESETS]
)
def test_chunks_of_the_models_that_there_are(name: str) -> None:
    assert set(PRESETS) >= QUICK
    kind, config = registry.preset("model", name)
    model = registry.resolve("model", kind)(config).eval()
    samples = 4 * model.reach + 20_011
    sound = noise(samples)
    chunk_frames = 5_000 // model.hop
    latents = np.concatenate(list(encode_blocks(model, [sound], chunk_frames=chunk_frames)))
    whole = whole_latents(model, sound)
    np.testing.assert_allclose(latents, whole, atol=1e-4 * np.abs(whole).max())
    decoded = np.concatenate(list(decode_blocks(model, whole, samples, chunk_frames=chunk_frames)))
    heard = whole_sound(model, whole, samples)
    np.testing.assert_allclose(decoded, heard, atol=1e-4 * np.abs(heard).max())


def test_only_a_window_is_held_and_results_come_early() -> None:
    model = build()
    taken = 0

    def blocks() -> object:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield noise(80)

    first = next(iter(encode_blocks(model, blocks(), chunk_frames=10)))
    assert first.shape == (10, 3)
    assert taken <= 1 + (10 + context_frames(model)) * model.hop // 80

    class Watched:
        """Latents that know how much of them was looked at at once."""

        most = 0

        def __len__(self) -> int:
            return 1000

        def __getitem__(self, part: slice) -> NDArray[np.float32]:
            self.most = max(self.most, part.stop - part.start)
            return np.zeros((part.stop - part.start, 3), np.float32)

    watched = Watched()
    list(decode_blocks(model, watched, 8000, chunk_frames=10))  # type: ignore[arg-type]
    assert 10 <= watched.most <= 10 + 2 * context_frames(model)


def test_no_sound_has_no_latents() -> None:
    assert list(encode_blocks(build(), [])) == []
    assert list(encode_blocks(build(), [np.zeros(0, np.float32)])) == []


def test_latents_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="80 samples have 10 latent frames; got 9"):
        list(decode_blocks(build(), np.zeros((9, 3), np.float32), 80))


def test_a_chunk_is_ten_seconds_unless_the_context_is_long() -> None:
    assert default_chunk_frames(build()) == 10_000
    model = build()
    model.reach = 400_000
    assert default_chunk_frames(model) == 4 * 50_001


@pytest.mark.parametrize(("settings_", "frames", "samples"), [({}, 9, 72), ({"extra_frames": 3}, 9, 48)])
def test_the_length_of_latents_that_come_alone(settings_: dict[str, int], frames: int, samples: int) -> None:
    model = build(**settings_)
    assert natural_samples(model, frames) == samples
    assert model.frames(samples) == frames
    with pytest.raises(ValueError, match="no sound has"):
        natural_samples(model, settings_.get("extra_frames", 0))


def test_double_precision_latents_are_taken_and_nothing_is_changed() -> None:
    model = build()
    latents = encode_whole(model, noise(800))
    before = latents.copy()
    latents.flags.writeable = False
    sound = decode_whole(model, latents, 800)
    np.testing.assert_array_equal(decode_whole(model, latents.astype(np.float64), 800), sound)
    np.testing.assert_array_equal(latents, before)
