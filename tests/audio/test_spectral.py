"""The Fourier transform over time, its inverse and the mel filters, against SciPy's and librosa's numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tonada.audio.spectral import count_frames, istft, mel_filter_bank, stft

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "spectral.json").read_text(encoding="utf-8"))
SIZES = [f"{len(case['samples'])} samples, window {case['n_fft']}, hop {case['hop']}" for case in GOLDEN["transforms"]]

every_size = pytest.mark.parametrize("case", GOLDEN["transforms"], ids=SIZES)


def complex_of(parts: dict[str, Any]) -> torch.Tensor:
    return torch.complex(torch.tensor(parts["real"]), torch.tensor(parts["imaginary"]))[None]


@every_size
def test_the_transform_is_scipys(case: dict[str, Any]) -> None:
    found = stft(torch.tensor(case["samples"])[None], case["n_fft"], case["hop"])
    assert found.dtype == torch.complex64
    assert found.shape[-1] == count_frames(len(case["samples"]), case["hop"])
    torch.testing.assert_close(found, complex_of(case["spectrum"]), rtol=0, atol=1e-5)


@every_size
def test_the_inverse_of_any_spectrum_is_librosas(case: dict[str, Any]) -> None:
    found = istft(complex_of(case["turned"]), case["n_fft"], case["hop"], len(case["samples"]))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.tensor(case["inverse"])[None], rtol=0, atol=1e-5)


@settings(max_examples=60)
@given(samples=st.integers(1, 700), hop=st.integers(1, 40), parts=st.integers(4, 6), batch=st.integers(1, 2))
def test_any_length_comes_back(samples: int, hop: int, parts: int, batch: int) -> None:
    n_fft = parts * hop + parts * hop % 2
    waveform = torch.rand(batch, samples) * 2 - 1
    spectrum = stft(waveform, n_fft, hop)
    assert spectrum.shape == (batch, n_fft // 2 + 1, count_frames(samples, hop))
    torch.testing.assert_close(istft(spectrum, n_fft, hop, samples), waveform, rtol=0, atol=1e-5)
    alone = torch.cat([stft(row[None], n_fft, hop) for row in waveform])
    torch.testing.assert_close(spectrum, alone, rtol=0, atol=1e-5)


def test_more_samples_than_frames_reach_are_silent() -> None:
    waveform = torch.rand(1, 640)
    found = istft(stft(waveform, 64, 16), 64, 16, 1000)
    torch.testing.assert_close(found[:, :640], waveform, rtol=0, atol=1e-5)
    assert found.shape == (1, 1000)
    assert not found[:, 40 * 16 + 32 :].any()


def test_a_sine_in_the_middle_of_a_bin() -> None:
    sine = torch.sin(2 * math.pi * 8 / 64 * torch.arange(640, dtype=torch.float64))[None].float()
    magnitude = stft(sine, 64, 16).abs()[0, :, 10]
    wanted = torch.zeros(33)
    wanted[7:10] = torch.tensor([8.0, 16.0, 8.0])
    torch.testing.assert_close(magnitude, wanted, rtol=0, atol=1e-4)


def test_a_shift_by_a_hop_is_a_shift_by_a_frame() -> None:
    waveform = torch.rand(1, 400)
    later = torch.nn.functional.pad(waveform, (20, 0))
    torch.testing.assert_close(stft(later, 80, 20)[..., 3:], stft(waveform, 80, 20)[..., 2:], rtol=0, atol=1e-5)


@pytest.mark.parametrize("hop", [8, 7])
def test_gradients_pass_both_ways(hop: int) -> None:
    waveform = torch.rand(2, 90, dtype=torch.float64, requires_grad=True)
    spectrum = stft(waveform.detach(), 32, hop).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: stft(x, 32, hop), waveform)
    assert torch.autograd.gradcheck(lambda x: istft(x, 32, hop, 95), spectrum)


@pytest.mark.parametrize("bank", GOLDEN["banks"], ids=lambda bank: str(bank["arguments"]))
def test_the_filters_are_librosas(bank: dict[str, Any]) -> None:
    bands, n_fft, sample_rate, low_hz, high_hz = bank["arguments"]
    wanted = torch.zeros(bands, n_fft // 2 + 1)
    for row, (first, values) in zip(wanted, bank["filters"], strict=True):
        row[first : first + len(values)] = torch.tensor(values)
    found = mel_filter_bank(bands, n_fft, sample_rate, low_hz, high_hz)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-8)


def test_every_filter_has_area_one() -> None:
    areas = mel_filter_bank(64, 16_384, 22_050, 20.0, 11_025.0).sum(1) * 22_050 / 16_384
    torch.testing.assert_close(areas, torch.ones(64), rtol=0, atol=2e-3)
