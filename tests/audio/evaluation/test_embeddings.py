"""Clips as vectors: what each statistic says of sounds for which it is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tonada.audio.clip import Clip
from tonada.audio.evaluation.embeddings import (
    BANDS,
    CEPSTRA,
    ENVELOPE_LAGS_S,
    TEXTURE_WIDTH,
    WIDTH,
    describe_texture,
    fit_projection,
    hear,
    mean_change,
)
from tonada.audio.metrics import MEL_FLOOR, log_mel
from tonada.errors import ConfigError

RATE = 22_050
MEANS, DEVIATIONS, CHANGES = slice(0, BANDS), slice(BANDS, 2 * BANDS), slice(2 * BANDS, 3 * BANDS)
ENVELOPE = slice(3 * BANDS + CEPSTRA, 3 * BANDS + CEPSTRA + len(ENVELOPE_LAGS_S))
SPECTRUM = slice(3 * BANDS + CEPSTRA + len(ENVELOPE_LAGS_S), TEXTURE_WIDTH)


def clip(samples: np.ndarray, rate: int = RATE) -> Clip:
    return Clip(samples=np.atleast_2d(samples).astype(np.float32), sample_rate=rate)


def noise(seconds: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.1, round(seconds * RATE))


def test_hearing_mixes_channels_and_changes_the_rate() -> None:
    sound = noise(1.0)
    heard = hear(clip(np.stack([1.5 * sound, 0.5 * sound])))
    np.testing.assert_allclose(heard, log_mel(torch.from_numpy(sound.astype(np.float32))), atol=1e-4)
    time = np.arange(44_100) / 44_100
    double = hear(clip(np.sin(2 * np.pi * 440 * time), 44_100))
    single = hear(clip(np.sin(2 * np.pi * 440 * time[::2])))
    loud = single > 0.0
    assert double.shape == single.shape
    assert (double - single)[loud].abs().max() < 0.05


def test_a_clip_without_samples_is_refused() -> None:
    with pytest.raises(ConfigError, match="without samples"):
        hear(clip(np.zeros((1, 0))))


@pytest.mark.parametrize("samples", [1, 500, 3000, RATE])
def test_silence_has_the_floor_and_nothing_else(samples: int) -> None:
    vector = describe_texture(hear(clip(np.zeros(samples))))
    assert vector.shape == (TEXTURE_WIDTH,)
    assert vector[MEANS] == pytest.approx(math.log(MEL_FLOOR), rel=1e-6)
    assert np.abs(vector[BANDS:]).max() < 1e-9


@pytest.mark.parametrize("samples", [1, 500, 3000])
def test_short_clips_have_finite_vectors(samples: int) -> None:
    assert np.isfinite(describe_texture(hear(clip(noise(1.0)[:samples])))).all()


def test_a_gain_moves_the_means_alone() -> None:
    sound = noise(2.0)
    soft, loud = (describe_texture(hear(clip(gain * sound))) for gain in (1.0, 2.0))
    assert loud[MEANS] - soft[MEANS] == pytest.approx(math.log(2.0), abs=1e-4)
    assert loud[BANDS:] == pytest.approx(soft[BANDS:], abs=1e-3)


def test_deviation_and_change_of_a_spectrum_that_is_known() -> None:
    # Every band goes 0, 1, 0, 1 …: deviation ½, change 1; the lag of one frame is opposite, of two frames equal.
    spectrum = torch.tensor([0.0, 1.0]).repeat(128, 100)
    vector = describe_texture(spectrum)
    assert vector[MEANS] == pytest.approx(0.5)
    assert vector[DEVIATIONS] == pytest.approx(0.5)
    assert vector[CHANGES] == pytest.approx(1.0)
    assert vector[SPECTRUM] == pytest.approx([-1.0, 1.0, 1.0, 1.0, 1.0], abs=0.1)
    assert mean_change(spectrum).tolist() == [1.0] * 128


def test_cepstra_see_the_slope_over_the_bands_change() -> None:
    places = (torch.arange(128) + 0.5) / 128
    course = torch.cos(torch.pi * torch.arange(200))
    vector = describe_texture(torch.cos(torch.pi * 3 * places)[:, None] * course)
    cepstra = vector[3 * BANDS : 3 * BANDS + CEPSTRA]
    assert cepstra[2] == pytest.approx(0.5, rel=1e-4)  # Σ cos² over the number of bands
    assert np.delete(cepstra, 2) == pytest.approx(0.0, abs=1e-6)


def test_the_envelope_knows_the_beat() -> None:
    # Clicks every 0.4 s: their onsets agree at lags of 0.4, 0.8 and 1.6 s, and not at 0.2 s.
    sound = 0.001 * noise(6.0)
    for start in np.arange(0.1, 5.9, 0.4):
        place = round(start * RATE)
        sound[place : place + 400] += noise(1.0)[:400]
    envelope = describe_texture(hear(clip(sound)))[ENVELOPE]
    assert envelope[2:].min() > 0.4
    assert envelope[:2].max() < 0.1


def test_steady_noise_is_livelier_than_a_steady_tone() -> None:
    time = np.arange(2 * RATE) / RATE
    tone = hear(clip(0.1 * np.sin(2 * np.pi * 1000 * time)))[:, 5:-5]
    assert mean_change(tone).mean() < 0.1 * mean_change(hear(clip(noise(2.0)))).mean()


def test_projection_whitens_the_reference() -> None:
    draw = np.random.default_rng(1)
    reference = draw.normal(size=(200, 40)) @ draw.normal(size=(40, 40)) + 5.0
    projected = fit_projection(reference)(reference)
    assert projected.shape == (200, WIDTH)
    np.testing.assert_allclose(projected.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(np.cov(projected, rowvar=False), np.eye(WIDTH), atol=1e-9)


def test_projection_does_not_depend_on_the_units_of_a_value() -> None:
    draw = np.random.default_rng(1)
    reference, other = draw.normal(size=(100, 30)), draw.normal(size=(20, 30))
    scale, shift = 10.0 ** draw.uniform(-3, 3, 30), draw.normal(size=30)
    ours = fit_projection(reference)(other)
    theirs = fit_projection(reference * scale + shift)(other * scale + shift)
    np.testing.assert_allclose(np.abs(theirs), np.abs(ours), atol=1e-6)


def test_projection_leaves_out_what_the_reference_does_not_have() -> None:
    draw = np.random.default_rng(1)
    few = draw.normal(size=(10, 40))
    few[:, 7] = 3.0
    projected = fit_projection(few)(draw.normal(size=(5, 40)))
    assert projected.shape == (5, 9)  # ten points span nine dimensions
    assert np.isfinite(projected).all()
