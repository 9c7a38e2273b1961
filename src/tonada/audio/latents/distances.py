"""How far two sounds of equal length are from each other, for those who change latents and ask what it did."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_FFT, HOP, BANDS = 1024, 256, 80
"""Of the spectra, at the sample rate of the sound; 46 ms and 12 ms at 22 050 Hz."""
FLOOR = 1e-3
"""Least mel magnitude that is told apart from silence; a full-scale sine has about 1 in its band."""
_BLOCK_SAMPLES = 2**19  # 24 s at 22 050 Hz: what is looked at at a time


def log_mel_distance_nats(reference: NDArray[np.float32], estimate: NDArray[np.float32], sample_rate: int) -> float:
    """Give the mean absolute difference of two log-mel spectra, in nats.

    Parameters
    ----------
    reference, estimate
        float32 [S], of equal length, full scale −1 to 1.
    sample_rate
        In Hz.

    Returns
    -------
    float
        0 for equal sounds; 0.1 nats is a tenth louder or softer in every band.

    Raises
    ------
    ValueError
        They are not equally long, or empty.
    """
    import torch

    from tonada.audio.spectral import mel_filter_bank, stft

    if reference.shape != estimate.shape or not reference.size:
        raise ValueError(f"the sounds must be equally long, and not empty; got {reference.shape}, {estimate.shape}")
    # Slaney's filters have area 1 in Hz; with this factor a sine of amplitude 1 gives about 1.
    filters = mel_filter_bank(BANDS, N_FFT, sample_rate, 0.0, sample_rate / 2)
    filters = filters / filters.amax(dim=1, keepdim=True).clamp_min(1e-9) * (4 / N_FFT)

    def log_mel(samples: NDArray[np.float32]) -> torch.Tensor:
        spectrum = stft(torch.from_numpy(np.ascontiguousarray(samples))[None], N_FFT, HOP).abs()
        return (filters @ spectrum).clamp_min(FLOOR).log()

    total, count = 0.0, 0
    for start in range(0, len(reference), _BLOCK_SAMPLES):
        block = slice(start, start + _BLOCK_SAMPLES)
        difference = (log_mel(reference[block]) - log_mel(estimate[block])).abs()
        total, count = total + float(difference.double().sum()), count + difference.numel()
    return total / count
