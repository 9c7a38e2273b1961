"""From mel bands back to sound: the magnitudes that the bands were made of, then the phases that go with them.

Axes: B batch · S samples · F frequency bins · L frames.
"""

from __future__ import annotations

import math

import torch

from tonada import seeding
from tonada.audio.spectral import istft, stft

UPDATES = 20
"""Multiplicative updates of ``invert_mel``: after so many, more change the log-spectral distance by 0.001 dB."""
ITERATIONS = 32
"""Of ``griffin_lim``: with 100 the log-spectral distance of inverted mel bands is 0.03 dB better."""
MOMENTUM = 0.99
"""Of ``griffin_lim``; the value that its authors recommend."""

_TINY = 1e-30  # keeps quotients finite where there is silence


def invert_mel(mel: torch.Tensor, filters: torch.Tensor, *, updates: int = UPDATES) -> torch.Tensor:
    """Find non-negative magnitudes whose filtered sums are given.

    The generalised Kullback–Leibler divergence of the sums from those given falls with every multiplicative update
    (Lee and Seung 2001, "Algorithms for non-negative matrix factorization", theorem 2, with the filters held fixed).
    It weighs relative errors, as ears do: least squares would leave weak bands unexplained. Starting from equal
    magnitudes, the answer stays smooth within a band, where nothing is known.

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
    heard = filters.sum(0)
    scale = torch.where(heard > 0, 1 / heard, 0.0)[:, None]
    magnitude = torch.ones_like(scale).expand(-1, batch * frames)
    for _ in range(updates):
        quotient = wanted / (torch.sparse.mm(together, magnitude) + _TINY)
        magnitude = torch.sparse.mm(apart, quotient).mul_(scale).mul_(magnitude)
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
    each going beyond the last by a share of the step before. The first phases are random and always the same, for every
    lane of a batch too.

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
    generator = seeding.torch_generator(0, "griffin-lim")
    phase = torch.rand(frames, magnitude.shape[1], generator=generator).mul_(2 * math.pi).mT.to(magnitude.device)
    spectrum = torch.polar(magnitude, phase.expand_as(magnitude))
    last = torch.zeros_like(spectrum)
    for _ in range(iterations):
        consistent = stft(_synthesised(spectrum, n_fft, hop, samples, known), n_fft, hop)[..., :frames]
        ahead = last.sub_(consistent).mul_(-momentum).add_(consistent)  # in place: memory is what takes the time
        energy = ahead.real.square().addcmul_(ahead.imag, ahead.imag).add_(_TINY)
        spectrum, last = ahead.mul_(energy.rsqrt_().mul_(magnitude)), consistent
    return _synthesised(spectrum, n_fft, hop, samples, known)


def _synthesised(
    spectrum: torch.Tensor, n_fft: int, hop: int, samples: int, known: torch.Tensor | None
) -> torch.Tensor:
    """Give the waveform of a spectrum, with the known samples in their place."""
    waveform = istft(spectrum, n_fft, hop, samples)
    if known is not None:
        waveform[:, : known.shape[1]] = known
    return waveform
