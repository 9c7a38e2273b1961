"""A clip as one vector: statistics of its log-mel spectrum, and what makes vectors of a set comparable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tonada.audio.clip import Clip
from tonada.audio.metrics import CEPSTRA, SAMPLE_RATE, log_mel
from tonada.audio.spectral import cosines
from tonada.errors import ConfigError
from tonada.statistics.intervals import Floats

BANDS = 32
"""Of the band statistics: each is the mean of four mel bands."""
ENVELOPE_LAGS_S = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Of the autocorrelation of the onset envelope: from a semiquaver to a bar of fast music."""
SPECTRUM_LAGS_FRAMES = (1, 2, 4, 8, 16)
"""Of the autocorrelation of the spectrum, in frames of 23 ms."""
TEXTURE_WIDTH = 3 * BANDS + CEPSTRA + len(ENVELOPE_LAGS_S) + len(SPECTRUM_LAGS_FRAMES)
WIDTH = 24
"""Dimensions that are compared."""

_FRAME_S = 512 / SAMPLE_RATE


def hear(clip: Clip) -> Tensor:
    """Give what both embeddings are made from: the log-mel spectrum, float32 [128, L], of all channels mixed.

    Raises
    ------
    ConfigError
        The clip has no samples.
    """
    samples = clip.mono().resampled(SAMPLE_RATE).samples[0]
    if not len(samples):
        raise ConfigError("a clip without samples cannot be judged")
    return log_mel(torch.from_numpy(samples))


def describe_texture(spectrum: Tensor) -> Floats:
    """Describe a clip by statistics, without any network: how loud, how varied and how lively each band is, and rhythm.

    Mean, standard deviation and mean |difference of one frame to the next| of 32 bands; the standard deviation of 13
    cepstra; the autocorrelations of the onset envelope (the mean rise of the bands) and of the spectrum (each band less
    its mean). Where nothing changes, or a clip is shorter than a lag, a correlation is 0.

    Parameters
    ----------
    spectrum
        From ``hear``, [128, L].

    Returns
    -------
    NDArray
        float64 [``TEXTURE_WIDTH``], finite.
    """
    mel = spectrum.double()
    bands = mel.reshape(BANDS, -1, mel.shape[1]).mean(dim=1)
    cepstra = cosines(range(1, CEPSTRA + 1), len(mel)) @ mel / len(mel)
    rise = mel.diff(dim=1).clamp(min=0.0).mean(dim=0, keepdim=True)
    parts = [
        bands.mean(dim=1),
        bands.std(dim=1, correction=0),
        mean_change(bands),
        cepstra.std(dim=1, correction=0),
        torch.stack([_autocorrelation(rise, round(lag / _FRAME_S)) for lag in ENVELOPE_LAGS_S]),
        torch.stack([_autocorrelation(mel, lag) for lag in SPECTRUM_LAGS_FRAMES]),
    ]
    vector: Floats = torch.cat(parts).numpy()
    return vector


def mean_change(spectrum: Tensor) -> Tensor:
    """Give the mean |difference from one frame to the next| of each band, [F, L] → [F] in nats; 0 for one frame."""
    changes = spectrum.diff(dim=1).abs()
    return changes.mean(dim=1) if changes.shape[1] else spectrum.new_zeros(len(spectrum))


def _autocorrelation(rows: Tensor, lag: int) -> Tensor:
    """Correlate rows [F, L], less their means, with themselves ``lag`` frames later; a scalar in [−1, 1]."""
    if rows.shape[1] <= lag:
        return rows.new_zeros(())
    centred = rows - rows.mean(dim=1, keepdim=True)
    power = centred.square().mean()
    if power <= 1e-12:
        return rows.new_zeros(())
    product: Tensor = (centred[:, lag:] * centred[:, :-lag]).mean() / power
    return product.clamp(-1.0, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection:
    """What makes the values of an embedding comparable: standardised, rotated to principal components, scaled to 1.

    Attributes
    ----------
    mean, scale
        Of each value over the reference, float64 [D].
    components
        float64 [D, at most ``WIDTH``]: the reference, projected, has the identity as its covariance.
    """

    mean: Floats
    scale: Floats
    components: Floats

    def __call__(self, vectors: Floats) -> Floats:
        """Project vectors [N, D] to [N, at most ``WIDTH``]."""
        projected: Floats = (vectors - self.mean) / self.scale @ self.components
        return projected


def fit_projection(reference: Floats, width: int = WIDTH) -> Projection:
    """Fit the projection on the embeddings of the real reference, and of nothing else.

    Parameters
    ----------
    reference
        float64 [N, D].
    width
        Principal components that are kept; fewer where the reference has not as many.
    """
    mean, scale = reference.mean(axis=0), reference.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    values, directions = np.linalg.eigh(np.cov((reference - mean) / scale, rowvar=False))
    values, directions = values[::-1][:width], directions[:, ::-1][:, :width]
    kept = values > 1e-6 * values[0]
    return Projection(mean=mean, scale=scale, components=directions[:, kept] / np.sqrt(values[kept]))
