"""The limiter: nothing beyond the ceiling, and as little as possible changed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tonada.render.limiter import ATTACK_DB_PER_S, CEILING, RELEASE_DB_PER_S, limit

RATE = 8000


def limited(samples: np.ndarray) -> np.ndarray:
    result = np.array(samples, dtype=np.float32)
    limit(result, RATE)
    return result


def noise(seconds: float, amplitude: float) -> np.ndarray:
    return np.random.default_rng(1).uniform(-amplitude, amplitude, (2, round(seconds * RATE))).astype(np.float32)


def test_what_fits_stays_as_it_is() -> None:
    for samples in (noise(1, 0.89), np.zeros((2, 1000), np.float32), np.zeros((1, 0), np.float32)):
        np.testing.assert_array_equal(limited(samples), samples)


def test_steady_loudness_ends_just_below_the_ceiling() -> None:
    result = limited(noise(1, 30.0))
    assert 0.95 * CEILING < np.abs(result).max() <= CEILING


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 500), st.floats(0.1, 200.0)), min_size=1, max_size=6),
    st.integers(3100, 4100),
)
def test_bursts_anywhere_stay_below_the_ceiling(bursts: list[tuple[int, int, float]], frames: int) -> None:
    samples = noise(frames / RATE, 0.1)
    for start, length, gain in bursts:
        samples[:, start : start + length] *= np.float32(gain)
    result = limited(samples)
    assert np.abs(result).max() <= CEILING
    assert (np.abs(result) <= np.abs(samples)).all()


def test_gain_glides_and_comes_back() -> None:
    samples = np.full((1, 4 * RATE), 0.1, np.float32)
    samples[0, RATE : RATE + 100] = 10.0
    gain_db = 20 * np.log10(limited(samples)[0] / samples[0])
    slope = np.diff(gain_db[::32]) * RATE / 32  # between the points of the gain curve
    assert slope.min() >= -ATTACK_DB_PER_S * 1.01
    assert slope.max() <= RELEASE_DB_PER_S * 1.01
    assert gain_db[: RATE - RATE // 50].max() == gain_db[: RATE - RATE // 50].min() == 0  # 20 ms before
    assert (gain_db[RATE + RATE // 2 :] == 0).all()  # half a second later


def test_channels_keep_their_balance() -> None:
    samples = noise(0.5, 4.0)
    samples[1] = samples[0] / 2
    result = limited(samples)
    np.testing.assert_allclose(result[1], result[0] / 2, rtol=1e-6)


def test_long_sounds_are_limited_block_by_block() -> None:
    samples = np.full((1, 2_300_001), 0.5, np.float32)
    samples[0, [0, 1_048_575, 1_048_576, 2_097_152, 2_300_000]] = 3.0
    assert np.abs(limited(samples)).max() <= CEILING
