"""Whether a variational latent is used: active dimensions and nats. Whether the output is silence, the scores tell.

Axes: B batch · Z latent channels · L frames.
"""

from __future__ import annotations

from torch import Tensor

ACTIVE_SPREAD = 0.1
"""Standard deviation of a dimension's mean, over the data, from which on it counts as active."""


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Give the Kullback–Leibler divergence of N(mean, variance) from N(0, 1), element by element.

    Parameters
    ----------
    mean, log_variance
        float, any shape.

    Returns
    -------
    Tensor
        float of the same shape, in nats, at least 0 (Kingma & Welling 2014, appendix B).
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)


def kl_per_dimension(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Give the mean divergence of each latent channel: float [B, Z, L] → [Z], in nats per frame."""
    return divergence(mean, log_variance).mean(dim=(0, 2))


def active_dimensions(means: Tensor, threshold: float = ACTIVE_SPREAD) -> int:
    """Count the latent channels whose mean moves with the sound (after Burda et al. 2016, section 5).

    Parameters
    ----------
    means
        float [B, Z, L], of many clips.
    threshold
        Least standard deviation over clips and frames.
    """
    return int((means.transpose(0, 1).flatten(1).std(dim=1, correction=0) > threshold).sum())
