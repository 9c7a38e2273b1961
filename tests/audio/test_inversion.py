"""From mel bands to magnitudes, from magnitudes to waveforms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tonada.audio.inversion import griffin_lim, invert_mel, sinusoidal_phases
from tonada.audio.spectral import istft, mel_filter_bank, stft

N_FFT, HOP, RATE, SAMPLES = 256, 64, 8_000, 3_000


def music() -> torch.Tensor:
    """Give two made waveforms: a chord that fades, and a glide with noise; float32 [2, S]."""
    time = torch.arange(SAMPLES) / RATE
    chord = sum(torch.sin(2 * math.pi * hz * time) for hz in (261.6, 329.6, 392.0, 1046.5)) * torch.exp(-4 * time)
    glide = torch.sin(2 * math.pi * (300 * time + 900 * time**2)) + 0.02 * torch.randn(SAMPLES)
    return torch.stack((0.2 * chord, 0.5 * glide))


def filters(bands: int = 40) -> torch.Tensor:
    return mel_filter_bank(bands, N_FFT, RATE, 0.0, RATE / 2)


def convergence_db(waveform: torch.Tensor, magnitude: torch.Tensor) -> float:
    """Give the energy of what is missing from the magnitudes, as a part of their own, in dB."""
    found = stft(waveform, N_FFT, HOP).abs()[..., : magnitude.shape[-1]]
    return 20 * math.log10(float((found - magnitude).norm() / magnitude.norm()))


def divergence(wanted: torch.Tensor, sums: torch.Tensor) -> float:
    return float((wanted * (wanted / sums).log() - wanted + sums).double().sum())


def test_bands_of_one_bin_each_are_inverted_exactly() -> None:
    weights = torch.tensor([0.5, 2.0, 0.25])
    mel = torch.rand(2, 3, 5)
    found = invert_mel(mel, torch.diag(weights), updates=1)
    torch.testing.assert_close(found, mel / weights[:, None], rtol=1e-5, atol=0)


def test_the_updates_are_those_of_the_paper() -> None:
    weights, mel = filters(), filters() @ stft(music(), N_FFT, HOP).abs()
    w, wanted = weights.double().numpy(), mel.double().numpy()
    magnitude = invert_mel(mel, weights, updates=0).double().numpy()
    heard = w.sum(0) > 0
    for _ in range(7):
        quotient = wanted / np.maximum(w @ magnitude, 1e-30)
        magnitude[:, heard] *= (w.T @ quotient)[:, heard] / w.sum(0)[heard, None]
    magnitude[:, ~heard] = 0
    np.testing.assert_allclose(invert_mel(mel, weights, updates=7).numpy(), magnitude, rtol=2e-4, atol=1e-6)


def test_every_update_brings_the_sums_nearer() -> None:
    weights = filters()
    heard = weights.sum(1) > 0
    mel = weights @ stft(music(), N_FFT, HOP).abs()
    distances = []
    for updates in (0, 1, 2, 5, 20, 60):
        sums = weights @ (
            invert_mel(mel, weights, updates=updates) if updates else torch.ones_like(stft(music(), N_FFT, HOP).abs())
        )
        distances.append(divergence(mel[:, heard], sums[:, heard]))
    assert distances == sorted(distances, reverse=True)
    assert distances[4] < 0.001 * distances[1]


def test_magnitudes_are_not_negative_and_silence_stays_silent() -> None:
    mel = filters() @ stft(music(), N_FFT, HOP).abs()
    mel[:, :, 10:20] = 0
    mel[0, 3] = 0
    found = invert_mel(mel, filters())
    assert found.isfinite().all()
    assert (found >= 0).all()
    assert not found[:, :, 10:20].any()
    assert found[:, :, 20:].any()


def test_true_magnitudes_give_a_waveform_that_has_them() -> None:
    magnitude = stft(music(), N_FFT, HOP).abs()
    start = convergence_db(griffin_lim(magnitude, N_FFT, HOP, SAMPLES, iterations=0), magnitude)
    classic = convergence_db(griffin_lim(magnitude, N_FFT, HOP, SAMPLES, momentum=0.0), magnitude)
    fast = convergence_db(griffin_lim(magnitude, N_FFT, HOP, SAMPLES), magnitude)
    longer = convergence_db(griffin_lim(magnitude, N_FFT, HOP, SAMPLES, iterations=200), magnitude)
    assert longer < fast - 3 < classic - 5 < start - 15
    assert fast < -20


def test_a_steady_sine_is_met_without_any_iteration() -> None:
    for hz in (700.0, 1234.5):
        sine = 0.5 * torch.sin(2 * math.pi * hz * torch.arange(SAMPLES) / RATE)[None]
        magnitude = stft(sine, N_FFT, HOP).abs()
        found = griffin_lim(magnitude, N_FFT, HOP, SAMPLES, iterations=0)
        assert convergence_db(found, magnitude) < -20
        random = torch.polar(magnitude, 2 * math.pi * torch.rand(magnitude.shape))
        assert convergence_db(istft(random, N_FFT, HOP, SAMPLES), magnitude) > -5


def test_phases_turn_at_the_frequency_of_a_peak() -> None:
    magnitude = torch.zeros(1, 129, 4)
    magnitude[0, 39:42] = torch.tensor([1.0, 2.0, 1.0])[:, None]  # bin 40 turns 40 · 64 / 256 = 10 times a frame
    magnitude[0, 81:84] = torch.tensor([1.0, 2.0, 2.0])[:, None]  # bins 82 and 83: 82.5, which is 20.625 turns
    turns = sinusoidal_phases(magnitude, N_FFT, HOP)[0] / (2 * math.pi)
    steps = turns.diff(dim=-1).remainder(1)
    circle = torch.minimum(steps, 1 - steps)
    torch.testing.assert_close(circle[39:42], torch.zeros(3, 3), rtol=0, atol=1e-4)
    torch.testing.assert_close(steps[82:84], torch.full((2, 3), 0.625), rtol=0, atol=1e-4)
    assert (turns[40] - turns[41]).remainder(1)[0] == pytest.approx(0.5, abs=1e-4)


def test_the_same_magnitudes_give_the_same_waveform_in_any_batch() -> None:
    magnitude = stft(music(), N_FFT, HOP).abs()
    both = griffin_lim(magnitude, N_FFT, HOP, SAMPLES, iterations=4)
    assert torch.equal(both, griffin_lim(magnitude.contiguous(), N_FFT, HOP, SAMPLES, iterations=4))
    alone = torch.cat([griffin_lim(row[None], N_FFT, HOP, SAMPLES, iterations=4) for row in magnitude])
    torch.testing.assert_close(both, alone, rtol=0, atol=1e-5)


def test_what_is_given_is_not_changed() -> None:
    magnitude = stft(music(), N_FFT, HOP).abs()
    known, before = music()[:, :500].clone(), magnitude.clone()
    griffin_lim(magnitude, N_FFT, HOP, SAMPLES, iterations=2, known=known)
    mel = filters() @ magnitude
    mel_before = mel.clone()
    invert_mel(mel, filters())
    assert torch.equal(magnitude, before)
    assert torch.equal(mel, mel_before)


def test_known_samples_stay_and_the_rest_goes_on_from_them() -> None:
    waveform = music()
    magnitude = stft(waveform, N_FFT, HOP).abs()
    known = waveform[:, :1024]
    found = griffin_lim(magnitude, N_FFT, HOP, SAMPLES, iterations=100, known=known)
    free = griffin_lim(magnitude, N_FFT, HOP, SAMPLES, iterations=100)
    assert torch.equal(found[:, :1024], known)
    after = slice(1024, 1024 + N_FFT)
    error, free_error = ((made[:, after] - waveform[:, after]).norm() for made in (found, free))
    assert error < 0.25 * waveform[:, after].norm()  # phases go on; left free, they are anything
    assert free_error > waveform[:, after].norm()


@pytest.mark.parametrize(("samples", "frames"), [(1, 1), (63, 1), (64, 1), (64, 2), (577, 10), (640, 10)])
def test_any_length(samples: int, frames: int) -> None:
    magnitude = torch.rand(1, N_FFT // 2 + 1, frames)
    found = griffin_lim(magnitude, N_FFT, HOP, samples, iterations=3)
    assert found.shape == (1, samples)
    assert found.isfinite().all()
    assert found.any()


def test_no_magnitude_is_silence() -> None:
    assert not griffin_lim(torch.zeros(1, 129, 8), N_FFT, HOP, 512).any()
