"""Samples in 16 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tonada.audio.clip import Clip, read_clip
from tonada.audio.transforms.waveform import WaveformConfig, WaveformTransform
from tonada.errors import ConfigError

TRANSFORM = WaveformTransform()


def encoded(values: list[float]) -> list[int]:
    clip = Clip(samples=np.array([values], dtype=np.float32), sample_rate=22_050)
    return TRANSFORM.encode(clip).tolist()


def test_samples_are_rounded_and_clipped() -> None:
    assert encoded([0.0, 0.5, -0.5, 0.25 + 0.4 / 32_768, -1.0]) == [0, 16_384, -16_384, 8192, -32_768]
    assert encoded([1.0, 7.0, -1.5, 32_766.6 / 32_768]) == [32_767, 32_767, -32_768, 32_767]


@given(st.lists(st.floats(-1, 1 - 2**-15, width=32), min_size=1, max_size=50))
def test_no_sample_moves_by_more_than_half_a_step(values: list[float]) -> None:
    decoded = TRANSFORM.decode(np.array(encoded(values), dtype=np.int16)).samples[0]
    assert np.abs(decoded - np.array(values, dtype=np.float32)).max() <= 2.0**-16


def test_every_value_of_16_bits_comes_back(tmp_path: Path) -> None:
    values = np.arange(-32_768, 32_768).astype(np.int16)
    clip = TRANSFORM.decode(values)
    assert np.array_equal(TRANSFORM.encode(clip), values)
    soundfile.write(tmp_path / "all.wav", values, 22_050, subtype="PCM_16")
    assert np.array_equal(TRANSFORM.encode(read_clip(tmp_path / "all.wav")), values)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint16, np.int64])
def test_other_integers_are_in_the_same_unit(dtype: type) -> None:
    info = np.iinfo(dtype)
    array = np.array([info.min, 0, 100, info.max], dtype=dtype)
    wanted = np.clip([float(info.min), 0.0, 100.0, float(info.max)], -32_768, 32_767) / 32_768
    assert np.array_equal(TRANSFORM.decode(array).samples[0], wanted.astype(np.float32))


def test_a_sample_rate_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match=r"WaveformConfig\.sample_rate must be at least 1; got 0"):
        WaveformConfig(sample_rate=0)
