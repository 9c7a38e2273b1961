"""What decoded sound is trained on: differentiable distances from the original, one number per batch.

Axes: B batch · S samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tonada.audio.clip import SILENCE_DB
from tonada.audio.metrics import STFT_WINDOWS, stft_terms

_QUIET = 10 ** (SILENCE_DB / 20)  # errors on softer sound count as if it were this loud


def stft_loss(reference: Tensor, estimate: Tensor) -> Tensor:
    """Give the multi-resolution STFT distance that evaluation reports, as a mean over the batch.

    Spectral convergence and the difference of log magnitudes over five windows (Yamamoto, Song and Kim 2020, "Parallel
    WaveGAN", section 2.2): what is heard, whatever the phase.

    Parameters
    ----------
    reference, estimate
        float32 [B, S].

    Returns
    -------
    Tensor
        A scalar, at least 0.
    """
    terms = [torch.stack(stft_terms(reference, estimate, n_fft)).sum(dim=0).mean() for n_fft in STFT_WINDOWS]
    return torch.stack(terms).mean()


def relative_error(reference: Tensor, estimate: Tensor) -> Tensor:
    """Give the root mean square of the error over that of the reference, as a mean over the batch.

    It is 10^(−SDR / 20): 1 for silence, 0.35 for 9 dB. As a ratio it weighs soft and loud clips alike, where a squared
    or absolute error learns from the loud ones alone.

    Parameters
    ----------
    reference, estimate
        float32 [B, S].

    Returns
    -------
    Tensor
        A scalar, at least 0.
    """
    error: Tensor = torch.linalg.vector_norm(reference - estimate, dim=-1)
    level = torch.linalg.vector_norm(reference, dim=-1)
    ratios: Tensor = error / level.clamp(min=_QUIET * reference.shape[-1] ** 0.5)
    return ratios.mean()
