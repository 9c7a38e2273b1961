"""Mel bands: against librosa's numbers, and back to sound."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tonada.audio.clip import Clip, read_mono
from tonada.audio.metrics import log_spectral_distance_db
from tonada.audio.transforms import mel
from tonada.audio.transforms.mel import MelConfig, MelTransform
from tonada.errors import ConfigError

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "spectral.json").read_text(encoding="utf-8")
)["mel"]
GOLDEN_CONFIG = MelConfig(n_fft=512, hop=128, bands=30, low_hz=50.0, high_hz=10_000.0)
SMALL = MelConfig(sample_rate=8_000, n_fft=256, hop=64, bands=48, low_hz=0.0, high_hz=4_000.0)


def clip_of(samples: Any, sample_rate: int = 22_050) -> Clip:
    return Clip(samples=np.asarray(samples, dtype=np.float32)[None], sample_rate=sample_rate)


def tune(seconds: float, sample_rate: int = 8_000) -> Clip:
    """Play a scale of fading tones."""
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    hz = 220 * 2 ** (np.floor(time * 4) % 12 / 12)
    return clip_of(0.3 * np.sin(2 * np.pi * np.cumsum(hz) / sample_rate) * np.exp(-4 * (time * 4 % 1)), sample_rate)


def round_trip_db(transform: MelTransform, clip: Clip) -> float:
    decoded = transform.decode(transform.encode(clip)).samples[0, : clip.samples.shape[1]]
    return log_spectral_distance_db(clip.samples[0], decoded)


def test_values_are_librosas_scaled() -> None:
    clip, nats = clip_of(GOLDEN["samples"]), np.array(GOLDEN["nats"])
    transform = MelTransform(replace(GOLDEN_CONFIG, top=2.0, range_nats=8.0))
    wanted = np.clip((nats - 2.0) / 4 + 1, -1, 1)
    np.testing.assert_allclose(transform.encode(clip), wanted, rtol=0, atol=1e-4)
    assert np.ptp(wanted) > 0.8
    assert transform.level(clip) == pytest.approx(nats.max(), abs=1e-4)


def test_the_loudest_magnitude_becomes_one() -> None:
    clip = tune(1.0)
    level = MelTransform(SMALL).level(clip)
    array = MelTransform(replace(SMALL, top=level)).encode(clip)
    assert array.max() == pytest.approx(1.0, abs=1e-5)
    assert MelTransform(replace(SMALL, top=level - 5)).encode(clip).max() == 1.0
    half = clip_of(0.5 * clip.samples[0], 8_000)
    assert MelTransform(SMALL).level(half) == pytest.approx(level + math.log(0.5), abs=1e-5)


def test_what_was_not_recorded_is_a_sine_of_full_scale() -> None:
    transform = MelTransform()
    time = np.arange(22_050) / 22_050
    levels = [transform.level(clip_of(np.sin(2 * np.pi * hz * time))) for hz in np.arange(30.0, 900.0, 7.0)]
    assert max(levels) <= transform.top + 1e-3
    assert max(levels) > transform.top - 0.1
    assert transform.config.top is None


def test_the_level_of_silence_is_low_and_finite() -> None:
    transform = MelTransform(SMALL)
    assert transform.level(clip_of(np.zeros(1000))) == transform.level(clip_of([])) == -30.0
    assert (transform.encode(clip_of(np.zeros(1000))) == -1).all()


@pytest.mark.parametrize("samples", [1, 63, 64, 640, 641, 2000])
def test_blocks_make_no_difference_when_encoding(samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = clip_of(tune(0.25).samples[0, :samples], 8_000)
    whole, level = MelTransform(SMALL).encode(clip), MelTransform(SMALL).level(clip)
    monkeypatch.setattr(mel, "BLOCK_FRAMES", 5)
    np.testing.assert_allclose(MelTransform(SMALL).encode(clip), whole, rtol=0, atol=1e-5)
    assert MelTransform(SMALL).level(clip) == pytest.approx(level, abs=1e-5)


def test_blocks_go_on_from_one_another_when_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = tune(4.0)
    transform = MelTransform(SMALL)
    whole = round_trip_db(transform, clip)
    monkeypatch.setattr(mel, "BLOCK_FRAMES", 40)  # 15 seams
    assert round_trip_db(transform, clip) < whole + 0.25  # 0.42 with the ends of blocks kept, 4 with nothing known
    frames = len(transform.encode(clip))
    for count in (39, 40, 41, 44, 45, 72, 73, frames):
        assert transform.decode(transform.encode(clip)[:count]).samples.shape == (1, count * 64)


def test_forgetting_to_undo_the_scaling_would_be_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = tune(2.0)
    assert round_trip_db(MelTransform(SMALL), clip) < 6
    monkeypatch.setattr(MelTransform, "_unscaled", lambda _, values: torch.exp(values))
    assert round_trip_db(MelTransform(SMALL), clip) > 20


@pytest.mark.parametrize("change", [{"range_nats": 5.0}, {"top": 5.0}])
def test_another_definition_on_the_way_back_would_be_heard(change: dict[str, float]) -> None:
    clip = tune(2.0)
    array = MelTransform(SMALL).encode(clip)
    decoded = MelTransform(replace(SMALL, **change)).decode(array).samples[0, : clip.samples.shape[1]]
    assert log_spectral_distance_db(clip.samples[0], decoded) > 2 * round_trip_db(MelTransform(SMALL), clip)


def test_real_music_comes_back(data: Path) -> None:
    transform = MelTransform()
    distances_db = {}
    for folder in sorted((data / "audio" / "genres").iterdir()):
        whole = read_mono(sorted(folder.iterdir())[3])
        clip = clip_of(whole.samples[0, 100_000 : 100_000 + 256 * 512])
        distances_db[folder.name] = round_trip_db(transform, clip)
    assert distances_db["electronic"] < 5.6
    assert np.mean(list(distances_db.values())) < 7.3  # a scaling that is not undone: 26


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"hop": 0}, "MelConfig.hop must be at least 1; got 0"),
        ({"bands": 0}, "MelConfig.bands must be at least 1; got 0"),
        ({"sample_rate": 0}, "MelConfig.sample_rate must be at least 1; got 0"),
        ({"iterations": 0}, "MelConfig.iterations must be at least 1; got 0"),
        ({"n_fft": 1024}, "got n_fft=1024, hop=512. Try n_fft=2048"),
        ({"n_fft": 2049}, "must be even and at least 4 · hop; got n_fft=2049"),
        ({"high_hz": 12_000.0}, "high_hz=12000.0, sample_rate=22050. Try high_hz=11025.0"),
        ({"low_hz": -1.0}, "low_hz=-1.0"),
        ({"low_hz": 11_025.0}, "low_hz=11025.0"),
        ({"range_nats": 0.0}, "MelConfig.range_nats must be positive; got 0.0"),
        ({"range_nats": math.inf}, "MelConfig.range_nats must be positive; got inf"),
        ({"top": math.nan}, "MelConfig.top must lie between -40 and 40; got nan"),
    ],
)
def test_settings_that_cannot_be(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        MelConfig(**change)
    assert text in str(error.value)
