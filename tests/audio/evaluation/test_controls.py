"""Controls: what each keeps of its clip, and what it does away with."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tonada.audio.clip import Clip
from tonada.audio.evaluation.controls import CONTROLS, band_noise, shuffled_frames, time_reversed, white_noise

by_control = pytest.mark.parametrize("name", CONTROLS)
RATE = 22_050


def melody(seconds: float = 2.0, channels: int = 1) -> Clip:
    """Give falling tones of a quarter of a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    hz = 880.0 * 2.0 ** (-np.floor(time * 4) / 6)
    tones = 0.4 * np.sin(2 * np.pi * hz * time) * np.exp(-6.0 * (time % 0.25))
    return Clip(samples=np.stack([tones] * channels).astype(np.float32), sample_rate=RATE)


def level(clip: Clip) -> float:
    return float(np.sqrt(np.square(clip.samples, dtype=np.float64).mean()))


def power_by_band(clip: Clip, edges_hz: tuple[float, ...]) -> np.ndarray:
    power = np.abs(np.fft.rfft(clip.samples[0])) ** 2
    hz = np.fft.rfftfreq(clip.samples.shape[1], 1 / RATE)
    return np.array([power[(hz >= low) & (hz < high)].sum() for low, high in pairwise(edges_hz)])


@by_control
@pytest.mark.parametrize("channels", [1, 2])
def test_length_rate_and_level_stay(name: str, channels: int) -> None:
    clip = melody(channels=channels)
    control = CONTROLS[name](clip, 1)
    assert control.samples.shape == (1, clip.samples.shape[1])
    assert control.sample_rate == clip.sample_rate
    assert level(control) == pytest.approx(level(clip), rel=1e-5)
    assert np.abs(control.samples[0] - clip.samples[0]).max() > 0.01


@by_control
@pytest.mark.parametrize("samples", [1, 2, 300])
def test_very_short_and_silent_clips_have_controls(name: str, samples: int) -> None:
    silent = Clip(samples=np.zeros((1, samples), dtype=np.float32), sample_rate=RATE)
    assert (CONTROLS[name](silent, 1).samples == 0.0).all()
    short = Clip(samples=np.full((1, samples), 0.25, dtype=np.float32), sample_rate=RATE)
    assert level(CONTROLS[name](short, 1)) == pytest.approx(0.25, rel=1e-4)


@pytest.mark.parametrize("name", ["shuffled frames", "band noise", "white noise"])
def test_the_seed_decides(name: str) -> None:
    clip = melody()
    first, again, other = (CONTROLS[name](clip, seed).samples for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_white_noise_is_flat() -> None:
    power = power_by_band(white_noise(melody(8.0), 1), (0, 2756, 5512, 8268, 11025))
    assert power / power.sum() == pytest.approx([0.25] * 4, abs=0.02)


def test_band_noise_has_the_power_of_each_band_and_no_course() -> None:
    clip = melody(8.0)
    noise = band_noise(clip, 1)
    edges = (0, 200, 500, 1000, 11025)
    theirs, ours = power_by_band(clip, edges), power_by_band(noise, edges)
    assert ours / ours.sum() == pytest.approx(theirs / theirs.sum(), abs=0.03)
    blocks = [np.square(x.samples[0][:176_000].reshape(-1, 1100)).mean(axis=1) for x in (clip, noise)]
    assert blocks[1].std() / blocks[1].mean() < 0.5 * blocks[0].std() / blocks[0].mean()


def test_shuffled_frames_hold_what_was_there_elsewhere() -> None:
    # A clip that is loud only in its first eighth: afterwards the same energy lies all over it.
    time = np.arange(8 * RATE) / RATE
    samples = (np.sin(2 * np.pi * 440 * time) * (time < 1.0)).astype(np.float32)[None]
    shuffled = shuffled_frames(Clip(samples=samples, sample_rate=RATE), 1)
    share = np.square(shuffled.samples[0]).reshape(8, RATE).sum(axis=1)
    assert share.max() / share.sum() < 0.25
    assert (
        power_by_band(shuffled, (0, 300, 600, 11025))[1] / np.square(np.abs(np.fft.rfft(shuffled.samples[0]))).sum()
        > 0.95
    )


def test_windows_add_up_wherever_they_come_to_lie() -> None:
    constant = Clip(samples=np.full((1, 5000), 0.25, dtype=np.float32), sample_rate=RATE)
    np.testing.assert_allclose(shuffled_frames(constant, 1).samples, 0.25, rtol=1e-6)


def test_time_runs_backwards() -> None:
    clip = melody()
    np.testing.assert_array_equal(time_reversed(time_reversed(clip, 1), 1).samples, clip.samples)
