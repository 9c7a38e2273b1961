"""The distance of two sounds, with exact answers."""

from __future__ import annotations

import numpy as np
import pytest

from tonada.audio.latents import distances
from tonada.audio.latents.distances import BANDS, FLOOR, log_mel_distance_nats


def noise(samples: int = 40_000, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.9, 0.9, samples).astype(np.float32)


@pytest.mark.parametrize("sample_rate", [8_000, 22_050, 48_000])
def test_a_gain_is_its_logarithm_in_every_band(sample_rate: int) -> None:
    sound = noise()
    assert log_mel_distance_nats(sound, sound, sample_rate) == 0
    assert log_mel_distance_nats(sound, sound / 2, sample_rate) == pytest.approx(np.log(2), rel=1e-2)
    assert log_mel_distance_nats(sound, -sound, sample_rate) == pytest.approx(0, abs=1e-6)


def test_silence_is_as_far_as_the_floor() -> None:
    silence = np.zeros(22_050, np.float32)
    assert log_mel_distance_nats(silence, silence, 22_050) == 0
    assert log_mel_distance_nats(silence, silence + np.float32(1e-7), 22_050) == 0
    sine = np.sin(2 * np.pi * 1000 * np.arange(22_050) / 22_050).astype(np.float32)
    heard = log_mel_distance_nats(silence, sine, 22_050)
    # A full-scale sine is about 1 in its band and a little in the two beside: of 80 bands, that far above the floor.
    assert -np.log(FLOOR) / BANDS < heard < 12 * -np.log(FLOOR) / BANDS


def test_it_is_symmetric_and_grows_with_what_is_added() -> None:
    sound, other = noise(seed=1), noise(seed=2)
    near, far = (log_mel_distance_nats(sound, sound + share * other, 22_050) for share in (0.01, 0.3))
    assert 0 < near < far
    assert log_mel_distance_nats(other, sound, 22_050) == pytest.approx(log_mel_distance_nats(sound, other, 22_050))


def test_long_sounds_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    sound, other = noise(seed=1), noise(seed=2)
    whole = log_mel_distance_nats(sound, other, 22_050)
    monkeypatch.setattr(distances, "_BLOCK_SAMPLES", 7000)
    assert log_mel_distance_nats(sound, other, 22_050) == pytest.approx(whole, rel=0.02)


def test_different_lengths() -> None:
    for sounds in ((noise(10), noise(11)), (noise(0), noise(0))):
        with pytest.raises(ValueError, match="equally long"):
            log_mel_distance_nats(*sounds, 22_050)
