"""Short-time Fourier transform, its inverse, Slaney's mel filter bank, and cosines for cepstra: the one home of all.

Windows are periodic Hann windows of ``n_fft`` samples. Frame l is centred at sample l · hop, and outside the waveform
there is silence, so a waveform of any length S ≥ 1 has L = 1 + ⌊S / hop⌋ frames.

Axes: B batch · S samples · F = n_fft / 2 + 1 frequency bins, evenly from 0 to half the sample rate · L frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

_LINEAR_HZ = 200 / 3  # the width of a mel below the knee
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _LINEAR_HZ
_LOG_STEP = np.log(6.4) / 27  # the growth of the logarithm of frequency with each mel above the knee

_LEAST_ENERGY = 1e-8  # of the windows that reach a sample; with less, rounding would be heard


def count_frames(samples: int, hop: int) -> int:
    """Give L, the number of frames of so many samples."""
    return 1 + samples // hop


def stft(waveform: torch.Tensor, n_fft: int, hop: int) -> torch.Tensor:
    """Give the short-time Fourier transform; gradients pass.

    Parameters
    ----------
    waveform
        float32 [B, S], S ≥ 1.
    n_fft
        Length of a window, in samples; even.
    hop
        Samples from one frame to the next.

    Returns
    -------
    Tensor
        complex64 [B, F, L], not normalised: a sine of amplitude 1 in the middle of a bin has magnitude n_fft / 4.
    """
    window = torch.hann_window(n_fft, dtype=waveform.dtype, device=waveform.device)
    spectrum: torch.Tensor = torch.stft(
        waveform, n_fft, hop, window=window, center=True, pad_mode="constant", return_complex=True
    )
    return spectrum


def istft(spectrum: torch.Tensor, n_fft: int, hop: int, samples: int) -> torch.Tensor:
    """Give the waveform whose short-time Fourier transform is nearest, in the sense of least squares; gradients pass.

    It is exact for a spectrum that ``stft`` gave (Griffin and Lim 1984, "Signal estimation from modified short-time
    Fourier transform", equation 6).

    Parameters
    ----------
    spectrum
        complex64 [B, F, L].
    n_fft, hop
        As they were given to ``stft``; with n_fft < 4 · hop the last samples may be lost.
    samples
        S, how many samples to give: at most (L − 1) · hop + n_fft / 2 are reached by frames, the rest is silence.

    Returns
    -------
    Tensor
        float32 [B, S].
    """
    window = torch.hann_window(n_fft, dtype=spectrum.real.dtype, device=spectrum.device)
    frames = torch.fft.irfft(spectrum.mT, n_fft).mul_(window)
    energy = _overlap_add((window * window).expand(1, frames.shape[1], n_fft), hop)
    reached = slice(n_fft // 2, n_fft // 2 + samples)
    waveform = _overlap_add(frames, hop)[:, reached] / energy[:, reached].clamp(min=_LEAST_ENERGY)
    missing = samples - waveform.shape[1]
    return torch.nn.functional.pad(waveform, (0, missing)) if missing else waveform


def _overlap_add(frames: torch.Tensor, hop: int) -> torch.Tensor:
    """Sum frames [B, L, n_fft], each ``hop`` samples after the one before; give [B, at least all of them]."""
    batch, count, length = frames.shape
    parts = -(-length // hop)
    if length % hop:
        frames = torch.nn.functional.pad(frames, (0, parts * hop - length))
    pieces = frames.view(batch, count, parts, hop)
    sums = frames.new_zeros(batch, count + parts - 1, hop)
    for part in range(parts):  # a slice at a time: many times faster than torch.istft's scattering
        sums[:, part : part + count] += pieces[:, :, part]
    return sums.view(batch, -1)


def mel_filter_bank(bands: int, n_fft: int, sample_rate: int, low_hz: float, high_hz: float) -> torch.Tensor:
    """Give triangular filters evenly spaced on Slaney's mel scale, each of area 1 (over frequency in Hz).

    The scale is linear below 1 kHz and logarithmic above (Slaney 1998, "Auditory Toolbox", Interval Research technical
    report 1998-010).

    Parameters
    ----------
    bands
        How many filters.
    n_fft
        Of the spectra they are for.
    sample_rate
        In Hz.
    low_hz, high_hz
        Where the first filter begins and where the last one ends.

    Returns
    -------
    Tensor
        float32 [bands, F]. Where bins are sparse, low filters may lie between two of them and be zero.
    """
    low_mel, high_mel = _hz_to_mel(np.array([low_hz, high_hz]))
    corners_hz = _mel_to_hz(np.linspace(low_mel, high_mel, bands + 2))[:, None]
    bins_hz = np.linspace(0.0, sample_rate / 2, n_fft // 2 + 1)
    lower, centre, upper = corners_hz[:-2], corners_hz[1:-1], corners_hz[2:]
    triangles = np.minimum((bins_hz - lower) / (centre - lower), (upper - bins_hz) / (upper - centre))
    filters = np.maximum(triangles, 0.0) * (2 / (upper - lower))
    return torch.from_numpy(filters.astype(np.float32))


def _hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _KNEE_MEL + np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.where(hz < _KNEE_HZ, hz / _LINEAR_HZ, above)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _KNEE_HZ * np.exp(_LOG_STEP * np.maximum(mel - _KNEE_MEL, 0.0))
    return np.where(mel < _KNEE_MEL, mel * _LINEAR_HZ, above)


def cosines(orders: Sequence[int], bands: int) -> torch.Tensor:
    """Give the rows that turn a log-mel spectrum into cepstra: cos(π n (k + ½) / bands), of no particular length.

    Parameters
    ----------
    orders
        N numbers n, each 0 or more.
    bands
        How many bands k the spectrum has.

    Returns
    -------
    Tensor
        float64 [N, bands].
    """
    places = torch.arange(bands, dtype=torch.float64) + 0.5
    return torch.cos(torch.pi * torch.tensor(list(orders), dtype=torch.float64)[:, None] * places / bands)
