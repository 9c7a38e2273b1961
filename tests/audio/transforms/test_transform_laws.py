"""What every transform in the registry promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tonada import registry
from tonada.audio.clip import Clip
from tonada.audio.metrics import log_spectral_distance_db
from tonada.audio.transforms.base import Transform
from tonada.audio.transforms.mel import MelConfig, MelTransform
from tonada.audio.transforms.waveform import WaveformConfig, WaveformTransform
from tonada.config import from_mapping, read_toml, to_mapping, write_toml

SMALL_MEL = MelConfig(
    sample_rate=8_000, n_fft=128, hop=32, bands=24, low_hz=50.0, high_hz=3_900.0, range_nats=8.0, top=1.5, iterations=2
)
TRANSFORMS: dict[str, Transform] = {
    **{name: registry.resolve("transform", name)() for name in registry.names("transform")},
    "waveform 8 kHz": WaveformTransform(WaveformConfig(sample_rate=8_000)),
    "mel small": MelTransform(SMALL_MEL),
}
FAST = {name: transform for name, transform in TRANSFORMS.items() if name != "mel"}  # for many examples
every_transform = pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
every_fast_transform = pytest.mark.parametrize("transform", FAST.values(), ids=FAST)


def chord(sample_rate: int, samples: int, channels: int = 1) -> Clip:
    time = np.arange(samples) / sample_rate
    tones = [np.sin(2 * np.pi * hz * time) * np.exp(-3 * time) for hz in (220.0, 277.2, 329.6, 1318.5)]
    noise = np.random.default_rng(1).normal(0, 0.02, samples)
    return Clip(samples=np.tile(0.2 * sum(tones) + noise, (channels, 1)).astype(np.float32), sample_rate=sample_rate)


def largest_error(first: Clip, second: Clip) -> float:
    return float(np.abs(first.samples - second.samples[:, : first.samples.shape[1]]).max())


def distance_db(first: Clip, second: Clip) -> float:
    return log_spectral_distance_db(first.samples[0], second.samples[0, : first.samples.shape[1]])


BOUNDS: dict[str, tuple[Callable[[Clip, Clip], float], float]] = {
    "mel": (distance_db, 6.0),
    "waveform": (largest_error, 2.0**-16),
}
"""What a round trip is measured by, and what it stays below."""


def same(first: Clip, second: Clip) -> bool:
    return first.sample_rate == second.sample_rate and np.array_equal(first.samples, second.samples)


@pytest.mark.parametrize("name", registry.names("transform"))
def test_the_error_of_a_round_trip_is_bounded(name: str) -> None:
    transform = TRANSFORMS[name]
    measure, bound = BOUNDS[name]
    clip = chord(transform.sample_rate, 30_011)
    array = transform.encode(clip)
    assert measure(clip, transform.decode(array)) <= bound
    assert measure(clip, transform.decode(array[::-1])) > bound  # the bound is one that other sound does not keep


@every_transform
@pytest.mark.parametrize("samples", [0, 1, 2, 31, 511, 512, 513, 2049])
def test_rows_and_samples_are_as_many_as_promised(transform: Transform, samples: int) -> None:
    array = transform.encode(chord(transform.sample_rate, samples))
    assert len(array) == -(-samples // transform.hop)
    decoded = transform.decode(array)
    assert decoded.samples.shape == (1, len(array) * transform.hop)
    assert decoded.sample_rate == transform.sample_rate
    assert transform.encode(decoded).shape == array.shape


@every_transform
@pytest.mark.parametrize(
    ("sample_rate", "channels"), [(22_050, 6), (44_100, 2), (48_000, 1), (11_025, 3), (192_000, 1)]
)
def test_any_sample_rate_and_any_channels_go_in(transform: Transform, sample_rate: int, channels: int) -> None:
    clip = chord(sample_rate, sample_rate // 3)
    gains = np.linspace(0, 2, channels + 2, dtype=np.float32)[1:-1, None]  # their mean is 1
    array = transform.encode(Clip(samples=gains * clip.samples, sample_rate=sample_rate))
    wanted = transform.encode(clip.resampled(transform.sample_rate))
    assert array.shape == wanted.shape
    np.testing.assert_allclose(array.astype(float), wanted, rtol=0, atol=1 if wanted.dtype == np.int16 else 1e-3)
    assert wanted.std() > 0


@every_fast_transform
@settings(max_examples=60)
@given(data=st.data())
def test_every_legal_array_decodes(transform: Transform, data: st.DataObject) -> None:
    example = transform.encode(chord(transform.sample_rate, 100))
    rows = data.draw(st.integers(0, 40))
    dtypes = {example.dtype, np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)}
    dtype = data.draw(st.sampled_from(sorted(dtypes, key=str)))
    values = (
        st.integers(-32_768, 32_767) if dtype == np.int16 else st.floats(allow_nan=False, width=8 * dtype.itemsize)  # type: ignore[arg-type]
    )
    array = data.draw(arrays.arrays(dtype, (rows, *example.shape[1:]), elements=values))
    before = array.copy()
    decoded = transform.decode(array)
    assert decoded.samples.shape == (1, rows * transform.hop)
    assert np.array_equal(array, before)
    again = transform.encode(decoded)
    assert again.shape == (rows, *example.shape[1:])
    assert again.dtype == example.dtype
    assert np.isfinite(again).all()
    assert same(transform.decode(array), decoded)


@every_transform
def test_values_out_of_range_are_clipped(transform: Transform) -> None:
    shape = transform.encode(chord(transform.sample_rate, 3000)).shape
    values = np.random.default_rng(3).uniform(-2, 2, shape)
    values[0], values[-1] = np.inf, -np.inf
    assert same(transform.decode(values), transform.decode(np.clip(values, -1, 1).astype(np.float32)))


@every_transform
def test_what_is_no_such_array_is_refused(transform: Transform) -> None:
    shape = transform.encode(chord(transform.sample_rate, 3000)).shape
    for wrong in (np.zeros((*shape, 2)), np.zeros(()), np.full(shape, np.nan), np.zeros(shape, dtype=complex)):
        with pytest.raises(ValueError, match="must be"):
            transform.decode(wrong)


@every_transform
def test_the_settings_survive_their_file_and_mean_the_same(transform: Transform, tmp_path: Path) -> None:
    write_toml(tmp_path / "config.toml", to_mapping(transform.config))
    config = from_mapping(type(transform).Config, read_toml(tmp_path / "config.toml"))
    assert config == transform.config
    clip, again = chord(transform.sample_rate, 3000), type(transform)(config)
    assert np.array_equal(again.encode(clip), transform.encode(clip))
    assert same(again.decode(transform.encode(clip)), transform.decode(transform.encode(clip)))


@every_transform
def test_the_name_is_the_registrys(transform: Transform) -> None:
    assert registry.resolve("transform", transform.name) is type(transform)
    assert registry.resolve_codec(transform.name) is type(transform)


@every_transform
@pytest.mark.parametrize(
    "clip", [chord(22_050, 5000), Clip(samples=np.zeros((1, 5000), np.float32), sample_rate=22_050)]
)
def test_arrays_hold_what_networks_can_use(transform: Transform, clip: Clip) -> None:
    array: np.ndarray[Any, Any] = transform.encode(clip)
    assert array.flags.c_contiguous
    if array.dtype == np.int16:
        return
    assert array.dtype == np.float32
    assert np.abs(array).max() <= 1
