"""What a variational model says of its latents, mean and log-variance, and what that costs in nats.

Axes: B batch · Z latent channels · L frames.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Variational(Protocol):
    """A model that knows how sure its latents are."""

    def posterior(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Give mean and log-variance of the latents, each float [B, Z, L], of a waveform float32 [B, S]."""
        ...


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
