"""How far decoded sound is from the original, sample against sample: one number each.

Conventions
-----------
* ``reference`` is the original, ``estimate`` what came back; float [S], equally long, S ≥ 1, at ``SAMPLE_RATE``.
  Lengths of windows are in samples, so the figures hold at that rate; ``compare`` takes clips of any rate to it.
* Everything is computed in float64. Spectra are those of ``spectral.stft``: Hann windows, silence outside the sound,
  not normalised. Magnitudes below a floor count as the floor, so that silence has a spectrum, too.
* Each docstring says what silence gives. No figure is ever infinite, and one alone can be NaN: SI-SDR, which a silent
  reference leaves undefined; means are those of the defined ones.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonada.audio.clip import Clip
from tonada.audio.spectral import cosines, mel_filter_bank, stft
from tonada.errors import ConfigError

Samples = NDArray[np.floating]

SAMPLE_RATE = 22_050
"""In Hz; what clips are compared at."""
STFT_WINDOWS = (2048, 1024, 512, 256, 128)
"""Samples of the windows of the multi-resolution STFT distance; the hop is a quarter of each."""
MAGNITUDE_FLOOR = 1e-5
"""Of STFT magnitudes."""
MEL_FLOOR = 1e-4
"""Of mel magnitudes: some 100 dB below a sine of full scale, above the rounding noise of 16 bits."""
METRICS = ("si_sdr_db", "stft_distance", "log_spectral_distance_db", "mel_cepstral_distortion_db")
"""What is measured of every clip that comes back, by evaluation and exploration, in the order of their tables."""
CEPSTRA = 13
"""Coefficients that say what a spectrum looks like, after the one that says how loud it is."""
SI_SDR_LIMIT_DB = 100.0
"""SI-SDR lies between minus and plus this."""

_N_FFT, _HOP, _BANDS = 2048, 512, 128  # of the single-resolution figures
_RANGE_DB = 80.0
_LEVEL_BLOCK_S = 0.4
_LEVEL_FLOOR_DB = -80.0


def compare(reference: Clip, estimate: Clip) -> dict[str, float]:
    """Compute every paired metric of two clips, their channels mixed to one, at ``SAMPLE_RATE``.

    Parameters
    ----------
    reference
        The original; any rate and number of channels.
    estimate
        What is judged; any rate and number of channels, as long as the original. After a change of rate one sample more
        or less is cut off.

    Returns
    -------
    dict
        Metric → value: ``si_sdr_db`` (more is better), and the distances ``stft_distance``,
        ``log_spectral_distance_db``, ``mel_cepstral_distortion_db``, ``log_mel_distance_nats``, ``level_error_db``.

    Raises
    ------
    ConfigError
        The clips are not equally long, or empty.
    """
    first, second = (clip.mono().resampled(SAMPLE_RATE).samples[0] for clip in (reference, estimate))
    if reference.sample_rate != estimate.sample_rate and abs(len(first) - len(second)) == 1:
        shorter = min(len(first), len(second))
        first, second = first[:shorter], second[:shorter]
    return {
        "si_sdr_db": si_sdr_db(first, second),
        "stft_distance": stft_distance(first, second),
        "log_spectral_distance_db": log_spectral_distance_db(first, second),
        "mel_cepstral_distortion_db": mel_cepstral_distortion_db(first, second),
        "log_mel_distance_nats": log_mel_distance_nats(first, second),
        "level_error_db": level_error_db(first, second),
    }


def si_sdr_db(reference: Samples, estimate: Samples) -> float:
    """Compute the scale-invariant signal-to-distortion ratio: 10 log₁₀ (‖s r‖² / ‖s r − e‖²) with s = ⟨e, r⟩ / ‖r‖².

    Both have their mean removed first (Le Roux, Wisdom, Erdogan and Hershey 2019, "SDR – half-baked or well done?",
    equation 5). It is strict about phase: where the waveforms do not resemble each other it is far below 0, however
    alike they sound.

    Returns
    -------
    float
        In dB, within ± ``SI_SDR_LIMIT_DB``: the upper limit for an estimate that is the reference times any factor but
        0, the lower one for one that is silent (constant). NaN for a silent reference, as a single sample is: no factor
        of it is anything.

    Raises
    ------
    ConfigError
        They are not equally long, or empty.
    """
    r, e = (_direction(samples) for samples in _pair(reference, estimate))
    if r is None:
        return math.nan
    if e is None:
        return -SI_SDR_LIMIT_DB
    target = r @ e  # the cosine of the angle between the two: the ratio does not depend on their lengths
    ratio = target.square() / (e - target * r).square().sum().clamp(min=1e-300)
    return float(10.0 * torch.log10(ratio.clamp(min=1e-300)).clamp(-SI_SDR_LIMIT_DB / 10.0, SI_SDR_LIMIT_DB / 10.0))


def stft_distance(reference: Samples, estimate: Samples) -> float:
    """Compute the multi-resolution STFT distance (Yamamoto, Song and Kim 2020, "Parallel WaveGAN", section 2.2).

    For each window of ``STFT_WINDOWS``, the spectral convergence and the mean difference of log magnitudes
    (``stft_terms``) are added; the distance is the mean over the windows.

    Returns
    -------
    float
        At least 0. A silent estimate has a spectral convergence of 1; against a silent reference the figure is finite
        but large, since it is relative to the floor.

    Raises
    ------
    ConfigError
        They are not equally long, or empty.
    """
    r, e = (samples[None] for samples in _pair(reference, estimate))
    terms = [sum(stft_terms(r, e, n_fft)) for n_fft in STFT_WINDOWS]
    return float(torch.stack([torch.as_tensor(term) for term in terms]).mean())


def stft_terms(reference: Tensor, estimate: Tensor, n_fft: int) -> tuple[Tensor, Tensor]:
    """Compute the two terms of the STFT distance for one window; gradients pass, so that losses can use them.

    With R and E the magnitudes, at least ``MAGNITUDE_FLOOR``: spectral convergence ‖R − E‖ / ‖R‖ (Frobenius norms), and
    the mean of |ln R − ln E| over bins and frames (Yamamoto et al. 2020, equations 4 and 5).

    Parameters
    ----------
    reference, estimate
        Any floating dtype, [B, S].
    n_fft
        Samples of the window; the hop is a quarter of it.

    Returns
    -------
    tuple
        Spectral convergence [B], and log-magnitude distance [B] in nats.
    """
    r, e = (stft(samples, n_fft, n_fft // 4).abs().clamp(min=MAGNITUDE_FLOOR) for samples in (reference, estimate))
    convergence = torch.linalg.vector_norm(r - e, dim=(1, 2)) / torch.linalg.vector_norm(r, dim=(1, 2))
    return convergence, (r.log() - e.log()).abs().mean(dim=(1, 2))


def log_spectral_distance_db(reference: Samples, estimate: Samples) -> float:
    """Compute the log-spectral distance: the mean over frames of √(mean over bins of (20 log₁₀ (R / E))²).

    Windows of 2048 samples, hop 512; magnitudes R and E are at least 80 dB below the largest of the reference, and at
    least ``MAGNITUDE_FLOOR`` (Gray and Markel 1976, "Distance measures for speech processing", section II).

    Returns
    -------
    float
        In dB, at least 0.

    Raises
    ------
    ConfigError
        They are not equally long, or empty.
    """
    r, e = (_magnitudes(samples) for samples in _pair(reference, estimate))
    floor = max(MAGNITUDE_FLOOR, float(r.max()) * 10.0 ** (-_RANGE_DB / 20.0))
    difference = 20.0 * torch.log10(r.clamp(min=floor) / e.clamp(min=floor))
    return float(difference.square().mean(dim=0).sqrt().mean())


def mel_cepstral_distortion_db(reference: Samples, estimate: Samples) -> float:
    """Compute the mel-cepstral distortion: the mean over frames of 10 / ln 10 · √(2 Σ (c_n − c'_n)²), n = 1 … 13.

    The frames are compared as they stand, without warping in time (Kubichek 1993, "Mel-cepstral distance measure for
    objective speech quality assessment"). Cepstra are those of ln of the squared mel magnitude m_k of 128 bands over
    windows of 2048 samples, c_n = 1/128 Σ_k ln m_k² cos(π n (k + ½) / 128), so that ln m² = c_0 + 2 Σ c_n cos …, and
    the figure is the root mean square difference in dB of two smoothed spectra of equal level.

    Returns
    -------
    float
        In dB, at least 0; 0 for two silences.

    Raises
    ------
    ConfigError
        They are not equally long, or empty.
    """
    r, e = (log_mel(samples) for samples in _pair(reference, estimate))
    difference = cosines(range(1, CEPSTRA + 1), _BANDS) @ (2.0 * (r - e)) / _BANDS
    return float(10.0 / np.log(10.0) * (2.0 * difference.square().sum(dim=0)).sqrt().mean())


def log_mel_distance_nats(reference: Samples, estimate: Samples) -> float:
    """Compute the mean difference |ln m − ln m'| of mel magnitudes over 128 bands and all frames.

    Returns
    -------
    float
        In nats, at least 0; 0 for two silences.

    Raises
    ------
    ConfigError
        They are not equally long, or empty.
    """
    r, e = (log_mel(samples) for samples in _pair(reference, estimate))
    return float((r - e).abs().mean())


def level_error_db(reference: Samples, estimate: Samples) -> float:
    """Compute the mean difference of the root mean square levels of blocks of 400 ms.

    Levels are in dB of full scale, at least −80 dB; a last block of less than 400 ms counts as one.

    Returns
    -------
    float
        In dB, at least 0; 0 for two silences.

    Raises
    ------
    ConfigError
        They are not equally long, or empty.
    """
    block = round(_LEVEL_BLOCK_S * SAMPLE_RATE)
    power = [
        torch.stack([samples[start : start + block].square().mean() for start in range(0, len(samples), block)])
        for samples in _pair(reference, estimate)
    ]
    r, e = (10.0 * torch.log10(value.clamp(min=10.0 ** (_LEVEL_FLOOR_DB / 10.0))) for value in power)
    return float((r - e).abs().mean())


def log_mel(samples: Tensor) -> Tensor:
    """Give the natural logarithm of mel magnitudes: 128 bands to half the rate, windows of 2048 samples, hop 512.

    Parameters
    ----------
    samples
        Any floating dtype, [S] at ``SAMPLE_RATE``.

    Returns
    -------
    Tensor
        The same dtype, [128, L], at least ln ``MEL_FLOOR``.
    """
    return (_filters().to(samples.dtype) @ _magnitudes(samples)).clamp(min=MEL_FLOOR).log()


@cache
def _filters() -> Tensor:
    return mel_filter_bank(_BANDS, _N_FFT, SAMPLE_RATE, 0.0, SAMPLE_RATE / 2)


def _direction(samples: Tensor) -> Tensor | None:
    """Remove the mean of samples [S] and scale them to a norm of 1; None if nothing but rounding errors is left."""
    centred = samples - samples.mean()
    largest = centred.abs().max()
    if largest <= 1e-12 * samples.abs().max():
        return None
    scaled = centred / largest  # first to this size: the squares of very small samples are 0
    direction: Tensor = scaled / torch.linalg.vector_norm(scaled)
    return direction


def _magnitudes(samples: Tensor) -> Tensor:
    """Give the magnitudes [F, L] of samples [S]."""
    return stft(samples[None], _N_FFT, _HOP)[0].abs()


def _pair(reference: Samples, estimate: Samples) -> tuple[Tensor, Tensor]:
    """Check two waveforms [S], and give them as float64."""
    if reference.ndim != 1 or reference.shape != estimate.shape or not len(reference):
        shapes = f"{reference.shape} and {estimate.shape}"
        raise ConfigError(f"two waveforms of one length, at least one sample, are compared; got {shapes}")
    return torch.from_numpy(reference.astype(np.float64)), torch.from_numpy(estimate.astype(np.float64))
