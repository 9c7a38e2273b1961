"""How loud the surprises of a process are, frame by frame: music swells, fades and has onsets, steady noise does not.

A stochastic volatility model: the logarithm of the surprises' variance runs as an autoregression of its own (Taylor
1986; Harvey, Ruiz and Shephard 1994, "Multivariate stochastic variance models", section 2). What is measured of it, the
logarithm of a frame's mean square, is that course and white noise of known variance, which is taken off its spectrum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tonada.audio.latents.autoregression import Autoregression, solve_yule_walker

Array = NDArray[np.float64]

MOST_LAGS = 40
"""Frames that a frame's loudness is predicted from, fewer for short clips: half a second at 86 frames a second."""
_SHARE_OF_CLIP = 4  # a clip has at least so many times the lags
_LEAST_POWER = 1e-5  # of a frame of white surprises, whose mean is 1: so that its logarithm is finite
_LEAST_SPECTRUM = 1e-2  # of the mean: what is below is rather noise that was taken off twice


@dataclass(frozen=True, eq=False)
class Volatility:
    """``log variance[t] = Σₖ coefficients[k − 1] · log variance[t − k] + deviation · n − variance / 2``.

    Parameters
    ----------
    coefficients
        float64 [P, 1, 1].
    deviation
        float64 [1, 1]: of the innovations.
    variance
        float64 [1]: of the whole; 0 where all frames are alike.
    """

    coefficients: Array
    deviation: Array
    variance: Array
    names: ClassVar[tuple[str, ...]] = ("coefficients", "deviation", "variance")

    def arrays(self) -> dict[str, Array]:
        """Give what it is made of, by name."""
        return {name: getattr(self, name) for name in self.names}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Volatility:
        """Make one of what `arrays` gave.

        Raises
        ------
        ValueError
            The shapes do not fit each other, or the process is not stable.
        """
        made = cls(**arrays)
        Autoregression.of_arrays({"coefficients": made.coefficients, "surprise": made.deviation})
        if made.variance.shape != (1,) or made.deviation.shape != (1, 1):
            raise ValueError("the shapes of a process do not fit each other")
        if not 0 <= made.variance[0] < np.inf:
            raise ValueError("a variance is out of range")
        return made

    def sample(self, frames: int, generator: np.random.Generator) -> Array:
        """Draw factors of the surprises, float64 [L], above 0; in the long run their mean square is 1."""
        course = Autoregression(self.coefficients, self.deviation).sample(frames, generator)[:, 0]
        # The mean of exp(n) is exp(v / 2) for n from N(0, v).
        factors: Array = np.exp((course - self.variance / 2) / 2)
        return factors


def fit_volatility(surprises: Sequence[Array]) -> Volatility:
    """Fit the course of the variance to several courses of surprises at once.

    Parameters
    ----------
    surprises
        float64 [L, Z] each: white, with variance 1 in the mean; at least one of two frames.
    """
    levels = [np.log(np.square(course).mean(axis=1) + _LEAST_POWER) for course in surprises if len(course) > 1]
    if not levels:
        return _steady()
    lags = min(MOST_LAGS, max(1, max(map(len, levels)) // _SHARE_OF_CLIP))
    sums = np.zeros(lags + 1)
    for level in levels:
        aside = level - level.mean()
        for lag in range(min(lags, len(aside) - 1) + 1):
            sums[lag] += aside[lag:] @ aside[: len(aside) - lag]
    measured = sums / sum(map(len, levels))
    covariances = _without_noise(measured, _log_power_variance(surprises[0].shape[1]))
    if covariances is None:
        return _steady()
    coefficients, innovation = solve_yule_walker(covariances[:, None, None], lags)
    return Volatility(coefficients, np.sqrt(np.maximum(innovation, 0.0)), covariances[:1])


def _steady() -> Volatility:
    return Volatility(np.zeros((1, 1, 1)), np.zeros((1, 1)), np.zeros(1))


def _without_noise(covariances: Array, noise: float) -> Array | None:
    """Take white noise off a sequence of autocovariances [K + 1]; None where little else is there.

    Done in the spectrum, which cannot be below 0: so the result is the sequence of some process again. The triangular
    window keeps it one (Priestley 1981, section 6.2.3).
    """
    lags = len(covariances)
    size = 8 * lags
    windowed = np.zeros(size)
    windowed[:lags] = covariances * (1.0 - np.arange(lags) / lags)
    windowed[-lags + 1 :] = windowed[lags - 1 : 0 : -1]
    spectrum = np.maximum(np.fft.rfft(windowed).real - noise, 0.0)
    mean = float(np.fft.irfft(spectrum, size)[0])
    if mean <= _LEAST_SPECTRUM * noise:
        return None
    return np.asarray(np.fft.irfft(np.maximum(spectrum, _LEAST_SPECTRUM * mean), size)[:lags], dtype=np.float64)


def _log_power_variance(channels: int) -> float:
    """Give the variance of the logarithm of a mean of squares of normal numbers: ψ₁(Z / 2), the trigamma function."""
    # ψ₁(x + 1) = ψ₁(x) − 1 / x², from ψ₁(1) = π² / 6 and ψ₁(1/2) = π² / 2.
    start, value = (1.0, math.pi**2 / 6) if channels % 2 == 0 else (0.5, math.pi**2 / 2)
    return value - sum(1.0 / (start + step) ** 2 for step in range(math.ceil(channels / 2) - 1))
