"""One vector for a clip: exact statistics, and what is loud or bright by any measure."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tonada.audio.clip import Clip
from tonada.audio.latents.pooling import CEPSTRA, LEAST_LOUDNESS_DB, brightness_octaves, cepstra, loudness_db, pool

RATE = 22_050


def tone(frequency_hz: float, level: float = 0.5) -> Clip:
    time_s = np.arange(RATE // 2) / RATE
    return Clip(samples=(level * np.sin(2 * np.pi * frequency_hz * time_s))[None].astype(np.float32), sample_rate=RATE)


def test_pooling_is_mean_deviation_and_change() -> None:
    frames = np.array([[0.0, 1.0], [2.0, 1.0], [1.0, 1.0]], dtype=np.float32)
    assert pool(frames).tolist() == pytest.approx([1, 1, math.sqrt(2 / 3), 0, 1.5, 0])
    assert pool(frames[:1]).tolist() == [0, 1, 0, 0, 0, 0]


def test_order_in_time_is_seen_in_the_change_alone() -> None:
    frames = np.random.default_rng(1).normal(size=(50, 3))
    ordered = np.sort(frames, axis=0)
    np.testing.assert_allclose(pool(frames)[:6], pool(ordered)[:6])
    assert (pool(ordered)[6:] < 0.2 * pool(frames)[6:]).all()


def test_cepstra_are_orthonormal_and_only_the_first_knows_the_level() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (1, RATE)).astype(np.float32)
    loud = cepstra(Clip(samples=noise, sample_rate=RATE))
    soft = cepstra(Clip(samples=noise / 2, sample_rate=RATE))
    assert loud.shape == (1 + RATE // 512, CEPSTRA)
    # ln 2 in each of 128 bands is ln 2 · √128 along the first vector of an orthonormal basis.
    np.testing.assert_allclose((loud - soft)[:, 0], math.log(2) * math.sqrt(128), rtol=1e-3)
    np.testing.assert_allclose(loud[:, 1:], soft[:, 1:], atol=2e-2)


def test_loudness() -> None:
    assert loudness_db(tone(1000, 1.0)) == pytest.approx(-3.01, abs=0.01)
    assert loudness_db(tone(1000, 0.1)) == pytest.approx(-23.01, abs=0.01)
    assert loudness_db(tone(1000, 0.0)) == LEAST_LOUDNESS_DB


def test_brightness() -> None:
    assert brightness_octaves(tone(1000)) == pytest.approx(math.log2(1000), abs=0.05)
    assert brightness_octaves(tone(4000)) - brightness_octaves(tone(1000)) == pytest.approx(2, abs=0.05)
    assert brightness_octaves(tone(1000, 0.0)) == 0.0
