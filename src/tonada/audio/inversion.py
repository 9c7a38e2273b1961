"""From mel bands back to sound: the magnitudes that the bands were made of, then the phases that go with them.

Axes: B batch · S samples · F frequency bins · L frames.
"""

from __future__ import annotations

import math

import torch

from tonada.audio.spectral import istft, stft

UPDATES = 20
"""Multiplicative updates of ``invert_mel``: after so many, more change the log-spectral distance by 0.002 dB."""
ITERATIONS = 32
"""Of ``griffin_lim``: with 100 the log-spectral distance of inverted mel bands is 0.02 dB better."""
MOMENTUM = 0.99
"""Of ``griffin_lim``; with 1.1, true magnitudes are met 5 dB worse."""

_TINY = 1e-30  # keeps quotients finite where there is silence
_SMOOTH = 0.7  # of the average; with 0, the log-spectral distance from 128 bands is 0.2 dB worse
_LEAST_BEND = 1e-3  # of a parabola through a peak


def invert_mel(mel: torch.Tensor, filters: torch.Tensor, *, updates: int = UPDATES) -> torch.Tensor:
    """Find non-negative magnitudes whose filtered sums are given.

    The generalised Kullback–Leibler divergence of the sums from those given falls with every multiplicative update
    (Lee and Seung 2001, "Algorithms for non-negative matrix factorization", theorem 2, with the filters held fixed).
    It weighs relative errors, as ears do: least squares would leave weak bands unexplained. Updates keep the shape
    within a band that they start from: that of the least-norm solution, which has peaks where two bands agree on one,
    but nowhere far below the average of the bands, which is smooth.

    Parameters
    ----------
    mel
        float32 [B, bands, L], at least 0.
    filters
        float32 [bands, F], at least 0, few of them at any bin: ``spectral.mel_filter_bank``.
    updates
        How often to update.

    Returns
    -------
    Tensor
        float32 [B, F, L], at least 0; bins that no filter hears are 0.
    """
    batch, bands, frames = mel.shape
    wanted = mel.transpose(0, 1).reshape(bands, batch * frames)
    together, apart = filters.to_sparse(), filters.T.contiguous().to_sparse()  # 2 of 128 values are not 0 at a bin
    width, heard = (torch.where(sums > 0, 1 / sums, 0.0)[:, None] for sums in (filters.sum(1), filters.sum(0)))
    average = torch.sparse.mm(apart, wanted * width).mul_(heard)
    gram = filters.double() @ filters.double().T
    least = torch.sparse.mm(apart, torch.linalg.pinv(gram, hermitian=True).float() @ wanted)
    magnitude = torch.maximum(least, average.mul_(_SMOOTH))
    for _ in range(updates):
        quotient = wanted / (torch.sparse.mm(together, magnitude) + _TINY)
        magnitude = torch.sparse.mm(apart, quotient).mul_(heard).mul_(magnitude)
    return magnitude.view(-1, batch, frames).transpose(0, 1)


def griffin_lim(
    magnitude: torch.Tensor,
    n_fft: int,
    hop: int,
    samples: int,
    *,
    iterations: int = ITERATIONS,
    momentum: float = MOMENTUM,
    known: torch.Tensor | None = None,
) -> torch.Tensor:
    """Find a waveform whose short-time Fourier transform has nearly the given magnitudes.

    This is the fast Griffin–Lim algorithm (Perraudin, Balazs and Søndergaard 2013, "A fast Griffin–Lim algorithm",
    algorithm 2): projections onto the spectra that some waveform has and onto those of the given magnitudes, in turn,
    each going beyond the last by a share of the step before. It begins with ``sinusoidal_phases``, so that the same
    magnitudes always give the same waveform.

    Parameters
    ----------
    magnitude
        float32 [B, F, L], at least 0.
    n_fft, hop
        Of the transform, as in ``spectral.stft``.
    samples
        S, with 1 + ⌊S / hop⌋ ≥ L: frames beyond the given ones are left to themselves.
    iterations
        How often both projections are made.
    momentum
        The share; 0 is the algorithm of Griffin and Lim (1984).
    known
        float32 [B, K], K ≤ S: samples that are decided, which the waveform begins with; none when None. So a long
        waveform is made in blocks that go on from one another.

    Returns
    -------
    Tensor
        float32 [B, S].
    """
    frames = magnitude.shape[-1]
    magnitude = magnitude.mT.contiguous().mT  # in memory as the transform has it: a frame's bins side by side
    spectrum = torch.polar(magnitude, sinusoidal_phases(magnitude, n_fft, hop))
    last = torch.zeros_like(spectrum)
    for _ in range(iterations):
        consistent = stft(_synthesised(spectrum, n_fft, hop, samples, known), n_fft, hop)[..., :frames]
        ahead = last.sub_(consistent).mul_(-momentum).add_(consistent)  # in place: memory is what takes the time
        energy = ahead.real.square().addcmul_(ahead.imag, ahead.imag).add_(_TINY)
        spectrum, last = ahead.mul_(energy.rsqrt_().mul_(magnitude)), consistent
    return _synthesised(spectrum, n_fft, hop, samples, known)


def sinusoidal_phases(magnitude: torch.Tensor, n_fft: int, hop: int) -> torch.Tensor:
    """Give the phases of steady sinusoids at the peaks of spectra.

    A bin turns, from frame to frame, at the frequency of the largest of itself and its two neighbours, which a parabola
    through the logarithms of three magnitudes places between bins. This is a short form of "Single pass spectrogram
    inversion" (Beauregard, Harish and Wyse 2015, section 3). True magnitudes are met 5 dB better from here than from
    random phases, after 32 iterations of ``griffin_lim``.

    Parameters
    ----------
    magnitude
        float32 [B, F, L], at least 0.
    n_fft, hop
        Of the transform, as in ``spectral.stft``.

    Returns
    -------
    Tensor
        float32 [B, F, L], 0 … 2π.
    """
    level = magnitude.mT.clamp(min=_TINY).log()
    below, here, above = level[..., :-2], level[..., 1:-1], level[..., 2:]
    vertex = (above - below) / (2 * (2 * here - below - above).clamp(min=_LEAST_BEND))
    offset = torch.nn.functional.pad(vertex.clamp_(-0.5, 0.5), (1, 1))
    pooled = torch.nn.functional.max_pool1d_with_indices(level.flatten(0, 1)[:, None], [3], [1], [1])
    loudest = pooled[1].view(level.shape)
    turns = (loudest + offset.gather(-1, loudest)).double().mul_(hop / n_fft).cumsum_(1)
    turns += torch.arange(level.shape[-1], device=level.device) % 2 / 2  # bins of one main lobe alternate
    return turns.remainder_(1).mul_(2 * math.pi).float().mT


def _synthesised(
    spectrum: torch.Tensor, n_fft: int, hop: int, samples: int, known: torch.Tensor | None
) -> torch.Tensor:
    """Give the waveform of a spectrum, with the known samples in their place."""
    waveform = istft(spectrum, n_fft, hop, samples)
    if known is not None:
        waveform[:, : known.shape[1]] = known
    return waveform
