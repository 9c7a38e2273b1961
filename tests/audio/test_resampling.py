"""Resampling against the sampled truth, and against soxr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonada.audio.resampling import MAX_RATIO, PASS_BAND, STOP_BAND_DB, Resampler, resample
from tonada.errors import ConfigError

GOLDEN = json.loads((Path(__file__).parent / "golden" / "resampling.json").read_text(encoding="utf-8"))
RATES = [
    (44_100, 22_050),
    (48_000, 22_050),
    (192_000, 22_050),
    (32_000, 22_050),
    (8_000, 22_050),
    (44_099, 22_050),  # no common divisor: weights are interpolated
    (22_050, 48_000),
    (22_051, 48_000),
]


def sine(frequency_hz: float, sample_rate: int, samples: int) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(samples) / sample_rate + 0.3)


def middle(samples: np.ndarray) -> np.ndarray:
    """Leave out a quarter at each end, where the silence outside the clip has its share."""
    return samples[len(samples) // 4 : -(len(samples) // 4)]


def level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(2 * np.mean(samples.astype(float) ** 2)))


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize("part", [0.01, 0.4, 0.8, PASS_BAND])
def test_a_sine_within_the_band_stays_where_and_as_it_is(from_hz: int, to_hz: int, part: float) -> None:
    frequency_hz = part * min(from_hz, to_hz) / 2
    resampled = resample(sine(frequency_hz, from_hz, from_hz // 8)[None], from_hz, to_hz)[0]
    wanted = sine(frequency_hz, to_hz, len(resampled))
    assert np.abs(middle(resampled) - middle(wanted)).max() < 1e-5  # −100 dB; it holds what is left of images, too
    gain_db = level_db(middle(resampled)) - level_db(middle(wanted))
    assert abs(gain_db) < 0.001


@pytest.mark.parametrize(("from_hz", "to_hz"), [rates for rates in RATES if rates[0] > rates[1]])
@pytest.mark.parametrize("part", [1.001, 1.05, 1.3])
def test_a_sine_beyond_the_band_is_gone(from_hz: int, to_hz: int, part: float) -> None:
    resampled = resample(sine(part * to_hz / 2, from_hz, from_hz // 8)[None], from_hz, to_hz)[0]
    assert level_db(middle(resampled)) < -STOP_BAND_DB + 2  # Kaiser's formula is good to about 1 dB


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_a_constant_stays_one(from_hz: int, to_hz: int) -> None:
    resampled = resample(np.full((1, from_hz // 8), 0.5), from_hz, to_hz)[0]
    assert middle(resampled) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(("from_hz", "to_hz", "at"), [(44_100, 22_050, 2000), (22_050, 44_100, 1000)])
def test_a_click_spreads_the_same_to_both_sides(from_hz: int, to_hz: int, at: int) -> None:
    click = np.zeros((1, 4000))
    click[0, at] = 1
    resampled = resample(click, from_hz, to_hz)[0]
    centre = at * to_hz // from_hz
    assert np.argmax(resampled) == centre
    np.testing.assert_allclose(resampled[centre : centre + 300], resampled[centre - 299 : centre + 1][::-1], atol=1e-8)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['from_hz']}-{case['to_hz']}")
def test_agreement_with_soxr(case: dict[str, list[float]]) -> None:
    at = np.arange(case["samples"])
    turns = np.outer(case["frequencies_hz"], at / case["from_hz"])
    samples = np.sin(2 * np.pi * turns + np.array(case["phases"])[:, None]).mean(axis=0)
    samples *= np.sin(np.pi * (at + 0.5) / len(at)) ** 2
    resampled = resample(samples[None], case["from_hz"], case["to_hz"])[0]
    wanted = np.array(case["resampled"])
    assert np.abs(wanted).max() > 0.3
    assert 0 <= len(resampled) - len(wanted) <= 1  # soxr rounds the length, we round it up
    np.testing.assert_allclose(resampled[: len(wanted)], wanted, atol=3e-5)  # soxr's own distance from the sines


def test_the_same_rate_changes_nothing() -> None:
    samples = np.random.default_rng(1).normal(size=(2, 1000)).astype(np.float32)
    resampled = resample(samples, 22_050, 22_050)
    np.testing.assert_array_equal(resampled, samples)
    assert not np.shares_memory(resampled, samples)


@given(
    from_hz=st.integers(1, 3000),
    to_hz=st.integers(1, 3000),
    samples=st.integers(0, 3000),
    channels=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_lengths_and_blocks(from_hz: int, to_hz: int, samples: int, channels: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    from_hz, to_hz = max(from_hz, to_hz // MAX_RATIO + 1), max(to_hz, from_hz // MAX_RATIO + 1)
    samples = min(samples, 20_000 * from_hz // to_hz)
    sound = draw.normal(size=(channels, samples))
    whole = resample(sound, from_hz, to_hz)
    assert whole.dtype == np.float32
    assert whole.shape == (channels, -(-samples * to_hz // from_hz))

    resampler, given_, at = Resampler(from_hz, to_hz, channels=channels), [], 0
    while at < samples:
        size = int(draw.integers(0, 1000))
        given_.append(resampler.feed(sound[:, at : at + size]))
        at += size
    np.testing.assert_array_equal(np.concatenate([*given_, resampler.flush()], axis=1), whole)

    alone = [resample(channel[None], from_hz, to_hz)[0] for channel in sound]
    np.testing.assert_allclose(whole, alone, atol=1e-6)


@pytest.mark.parametrize("from_hz", [44_100, 44_099])
def test_long_clips_in_blocks_of_every_size(from_hz: int) -> None:
    sound = np.random.default_rng(1).normal(size=(1, 300_001)).astype(np.float32)
    whole = resample(sound, from_hz, 22_050)
    for size in (997, 65_536, 200_000):
        resampler = Resampler(from_hz, 22_050)
        blocks = [resampler.feed(sound[:, start : start + size]) for start in range(0, sound.shape[1], size)]
        np.testing.assert_array_equal(np.concatenate([*blocks, resampler.flush()], axis=1), whole)


def test_blocks_come_out_while_others_go_in() -> None:
    resampler = Resampler(44_100, 22_050)
    given_ = [resampler.feed(np.zeros((1, 22_050))).shape[1] for _ in range(8)]
    assert max(given_) < 22_050
    assert min(given_[4:]) > 0
    assert 8 * 11_025 - sum(given_) < 11_025  # what it holds back


def test_memory_does_not_grow_with_unusual_rates() -> None:
    sound = np.zeros((1, 400_000), np.float32)
    tracemalloc.start()
    try:
        for from_hz in (44_099, 191_999, 1_411_199):
            resample(sound, from_hz, 22_050)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 << 20


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    code = (
        "import hashlib, numpy as np; from tonada.audio.resampling import resample\n"
        "sound = np.random.default_rng(1).normal(size=(2, 60_000))\n"
        "for hz in (44_100, 48_000, 192_000, 8_000, 1_411_200):\n"
        "    print(hashlib.sha256(resample(sound, hz, 22_050)).hexdigest())\n"
    )
    given_ = set()
    for threads in ("1", "2", "3"):
        environment = os.environ | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        environment |= {"MKL_NUM_THREADS": threads, "VECLIB_MAXIMUM_THREADS": threads}
        given_.add(
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment).stdout
        )
    assert len(given_) == 1
    assert len(given_.pop().split()) == 5


@pytest.mark.parametrize(("from_hz", "to_hz"), [(0, 22_050), (22_050, -1), (22_050 * MAX_RATIO + 1, 22_050), (1, 99)])
def test_rates_that_are_too_far_apart(from_hz: int, to_hz: int) -> None:
    with pytest.raises(ConfigError, match=f"cannot resample from {from_hz} Hz to {to_hz} Hz"):
        resample(np.zeros((1, 10)), from_hz, to_hz)
