"""What sound is trained on: the figures of evaluation, and ratios that do not depend on loudness."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tonada.audio.losses import relative_error, stft_loss
from tonada.audio.metrics import si_sdr_db, stft_distance


def test_the_loss_is_the_distance_that_evaluation_reports() -> None:
    reference = torch.randn(3, 6000) * torch.tensor([[0.3], [0.1], [0.01]])
    estimate = reference + 0.05 * torch.randn(3, 6000)
    expected = np.mean([stft_distance(r.numpy(), e.numpy()) for r, e in zip(reference, estimate, strict=True)])
    assert float(stft_loss(reference, estimate)) == pytest.approx(expected, rel=1e-4)


def test_the_relative_error_of_an_orthogonal_error_is_the_signal_to_distortion_ratio() -> None:
    time = torch.arange(2205, dtype=torch.float64) / 22_050
    reference = torch.sin(2 * torch.pi * 440 * time)[None]
    estimate = reference + 0.1 * torch.cos(2 * torch.pi * 440 * time)[None]
    assert float(relative_error(reference, estimate)) == pytest.approx(0.1, rel=1e-6)
    assert si_sdr_db(reference[0].numpy(), estimate[0].numpy()) == pytest.approx(20.0, abs=0.01)


def test_the_relative_error_weighs_soft_and_loud_alike_down_to_silence() -> None:
    reference, error = torch.randn(1, 4000), torch.randn(1, 4000)
    loud = relative_error(reference, reference + 0.2 * error)
    torch.testing.assert_close(loud, relative_error(0.01 * reference, 0.01 * (reference + 0.2 * error)))
    assert float(relative_error(reference, torch.zeros_like(reference))) == pytest.approx(1.0)
    silence = torch.zeros(1, 4000, requires_grad=True)
    relative_error(torch.zeros(1, 4000), silence + 1e-6).backward()
    assert silence.grad is not None
    assert torch.isfinite(silence.grad).all()
