"""Paired metrics against other people's implementations, by their definitions, and on silence."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tonada.audio import metrics
from tonada.audio.clip import Clip
from tonada.errors import ConfigError

GOLDEN = json.loads((Path(__file__).parent / "golden" / "metrics.json").read_text("utf-8"))
DISTANCES = (
    metrics.stft_distance,
    metrics.log_spectral_distance_db,
    metrics.mel_cepstral_distortion_db,
    metrics.log_mel_distance_nats,
    metrics.level_error_db,
)
NAMES = ["si_sdr_db", *(distance.__name__ for distance in DISTANCES)]

by_distance = pytest.mark.parametrize("distance", DISTANCES, ids=lambda distance: distance.__name__)
by_metric = pytest.mark.parametrize("name", NAMES)


def noise(samples: int = 6_000, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.1, samples)


@pytest.mark.parametrize("case", GOLDEN)
def test_other_implementations_agree(case: str) -> None:
    entry = GOLDEN[case]
    pair = [np.frombuffer(base64.b64decode(entry[side]), "<i2") / 32768.0 for side in ("reference", "estimate")]
    ours = {name: getattr(metrics, name)(*pair) for name in NAMES}
    theirs = {name: value for name, value in entry["values"].items() if name != "auraloss"}
    assert {name: ours[name] for name in theirs} == pytest.approx(theirs, rel=1e-7, abs=1e-8)


def test_auraloss_agrees_where_sound_has_silence_around_it() -> None:
    values = [entry["values"] for entry in GOLDEN.values() if "auraloss" in entry["values"]]
    assert len(values) == 2
    for value in values:
        assert value["stft_distance"] == pytest.approx(value["auraloss"], rel=1e-9)


@by_distance
def test_equal_sounds_have_no_distance(distance: object) -> None:
    assert distance(noise(), noise()) == 0.0


@by_metric
@pytest.mark.parametrize("samples", [1, 2, 100, 5_000])
@pytest.mark.parametrize("which", ["reference", "estimate", "both"])
def test_silence_has_figures(name: str, samples: int, which: str) -> None:
    sounds = [np.zeros(samples) if which in (side, "both") else noise(samples) for side in ("reference", "estimate")]
    value = getattr(metrics, name)(*sounds)
    if name == "si_sdr_db" and (which != "estimate" or samples == 1):  # a single sample is its own mean
        assert math.isnan(value)
        return
    assert math.isfinite(value)
    if which == "both":
        assert value == 0.0
    elif samples > 2:
        assert value == -metrics.SI_SDR_LIMIT_DB if name == "si_sdr_db" else value > 0.5


@by_metric
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_extreme_levels_have_finite_figures(name: str, scale: float) -> None:
    value = getattr(metrics, name)(scale * noise(), scale * noise(seed=2))
    assert math.isfinite(value)
    if name == "si_sdr_db":
        assert value == pytest.approx(metrics.si_sdr_db(noise(), noise(seed=2)), rel=1e-6)


@by_metric
@pytest.mark.parametrize(("first", "second"), [((3,), (4,)), ((0,), (0,)), ((1, 5), (1, 5))])
def test_only_waveforms_of_one_length_are_compared(name: str, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="two waveforms of one length"):
        getattr(metrics, name)(np.ones(first), np.ones(second))


# --- each by its definition ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted_db", [-20.0, 0.0, 13.0, 60.0])
def test_si_sdr_is_the_ratio_that_was_mixed(wanted_db: float) -> None:
    reference, error = noise(), noise(seed=2)
    reference -= reference.mean()
    error -= error.mean()
    error -= (error @ reference) / (reference @ reference) * reference
    error *= np.linalg.norm(reference) / np.linalg.norm(error) * 10 ** (-wanted_db / 20)
    for scale, offset in ((1.0, 0.0), (-0.01, 0.3), (50.0, -2.0)):
        assert metrics.si_sdr_db(reference, scale * (reference + error) + offset) == pytest.approx(wanted_db, abs=1e-6)


def test_si_sdr_of_a_multiple_is_the_limit() -> None:
    assert metrics.si_sdr_db(noise(), 0.5 * noise()) == metrics.SI_SDR_LIMIT_DB


def test_a_constant_is_silence_to_si_sdr() -> None:
    assert math.isnan(metrics.si_sdr_db(np.full(1000, 0.1), noise(1000)))
    assert metrics.si_sdr_db(noise(1000), np.full(1000, 0.1)) == -metrics.SI_SDR_LIMIT_DB


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_a_gain_moves_each_distance_by_what_it_says(gain: float) -> None:
    reference = noise()
    estimate = gain * reference
    gain_db = abs(20 * math.log10(gain))
    # Spectral convergence |1 − g|; everywhere the same logarithm.
    expected = abs(1 - gain) + abs(math.log(gain))
    assert metrics.stft_distance(reference, estimate) == pytest.approx(expected, rel=1e-6)
    assert metrics.log_spectral_distance_db(reference, estimate) == pytest.approx(gain_db, rel=1e-9)
    assert metrics.log_mel_distance_nats(reference, estimate) == pytest.approx(abs(math.log(gain)), rel=1e-9)
    assert metrics.level_error_db(reference, estimate) == pytest.approx(gain_db, rel=1e-9)
    assert metrics.mel_cepstral_distortion_db(reference, estimate) == pytest.approx(0.0, abs=1e-9)


def test_log_spectral_distance_hears_nothing_80_db_below_the_loudest() -> None:
    time = np.arange(22_050) / 22_050
    loud = np.sin(2 * np.pi * 1000 * time) * np.hanning(22_050)
    faint = np.sin(2 * np.pi * 5000 * time) * np.hanning(22_050)
    assert metrics.log_spectral_distance_db(loud, loud + 1e-5 * faint) < 0.001
    assert metrics.log_spectral_distance_db(loud, loud + 1e-3 * faint) > 0.3


def test_level_error_averages_blocks_of_400_ms() -> None:
    reference = np.tile([0.1, -0.1], 8820)
    estimate = reference * np.repeat([1.0, 0.1], 8820)
    assert metrics.level_error_db(reference, estimate) == pytest.approx(10.0, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_terms_of_a_batch_are_those_of_its_sounds_and_have_finite_gradients(dtype: torch.dtype) -> None:
    sounds = torch.from_numpy(np.stack([noise(3000), np.zeros(3000), noise(3000, seed=2)])).to(dtype)
    estimate = torch.from_numpy(np.stack([noise(3000, seed=3), noise(3000), np.zeros(3000)])).to(dtype)
    estimate.requires_grad_()
    both = metrics.stft_terms(sounds, estimate, 512)
    for index in range(3):
        alone = metrics.stft_terms(sounds[index : index + 1], estimate[index : index + 1], 512)
        torch.testing.assert_close([term[index : index + 1] for term in both], list(alone))
    (gradient,) = torch.autograd.grad(sum(term.sum() for term in both), estimate)
    assert gradient.isfinite().all()
    assert gradient[0].abs().max() > 0


# --- clips ---------------------------------------------------------------------------------------------------------


def clip(samples: np.ndarray, rate: int = metrics.SAMPLE_RATE) -> Clip:
    return Clip(samples=np.atleast_2d(samples).astype(np.float32), sample_rate=rate)


def test_compare_gives_every_metric() -> None:
    first, second = clip(noise()), clip(noise(seed=2))
    table = metrics.compare(first, second)
    assert list(table) == NAMES
    assert table == {name: getattr(metrics, name)(first.samples[0], second.samples[0]) for name in NAMES}


def test_compare_mixes_channels_and_changes_rates() -> None:
    time = np.arange(44_100) / 44_100
    sine = 0.3 * np.sin(2 * np.pi * 440 * time) * np.hanning(44_100)
    wide = clip(np.stack([1.5 * sine, 0.5 * sine]), 44_100)
    table = metrics.compare(wide, clip(sine[::2]))
    assert table["si_sdr_db"] > 40.0
    assert table["level_error_db"] < 0.05


def test_compare_refuses_clips_of_different_lengths() -> None:
    with pytest.raises(ConfigError, match="one length"):
        metrics.compare(clip(noise(1000)), clip(noise(1001)))
