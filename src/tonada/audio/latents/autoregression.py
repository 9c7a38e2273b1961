"""A vector autoregression: each frame is a linear function of those before, and a surprise.

Fitted by the Yule–Walker equations on autocovariances that are pooled over clips: the process is then stable by
construction, and has exactly the covariance and the autocovariances, up to its order, that were measured (Lütkepohl
2005, "New introduction to multiple time series analysis", sections 2.1.4 and 3.3.4; Whittle 1963).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ORDERS = (1, 2, 3, 4, 6, 8, 12, 16)
"""What is tried where no order is asked for."""
RIDGE = 1e-4
"""Added to each variance before solving, as a share of their mean: dimensions that copy each other have a solution."""
_LARGEST_RADIUS = 0.9995
_LEAST_SHARE = 1e-9  # of the largest variance of a surprise: what is below is rounding


@dataclass(frozen=True, eq=False)
class Autoregression:
    """``y[t] = Σₖ coefficients[k − 1] · y[t − k] + surprise · n``, with n from N(0, I).

    Parameters
    ----------
    coefficients
        float64 [P, Z, Z].
    surprise
        float64 [Z, Z]: a root of the innovations' covariance.
    """

    coefficients: Array
    surprise: Array
    names: ClassVar[tuple[str, ...]] = ("coefficients", "surprise")

    def arrays(self) -> dict[str, Array]:
        """Give what it is made of, by name."""
        return {name: getattr(self, name) for name in self.names}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Autoregression:
        """Make one of what `arrays` gave.

        Raises
        ------
        ValueError
            The shapes do not fit each other, or the process is not stable.
        """
        made = cls(**arrays)
        channels = made.surprise.shape[0] if made.surprise.ndim else 0
        if not channels or made.coefficients.ndim != 3 or not len(made.coefficients):
            raise ValueError("a process is of no channels or no order")
        if made.surprise.shape != (channels, channels) or made.coefficients.shape[1:] != (channels, channels):
            raise ValueError("the shapes of a process do not fit each other")
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("a process is not finite")
        if not made.radius < 1:
            raise ValueError("a process is not stable")
        return made

    @cached_property
    def radius(self) -> float:
        """Of the slowest eigenvalue: below 1 the process is stable, and near 1 it remembers for long."""
        order, channels, _ = self.coefficients.shape
        companion = np.eye(order * channels, k=-channels)
        companion[:channels] = self.coefficients.transpose(1, 0, 2).reshape(channels, -1)
        return float(np.abs(np.linalg.eigvals(companion)).max())

    @property
    def run_in(self) -> int:
        """Frames that `run` needs to forget where it began: what was there has faded to a thousandth."""
        radius = min(self.radius, _LARGEST_RADIUS)
        return len(self.coefficients) + int(np.ceil(np.log(1e-3) / np.log(max(radius, 1e-3))))

    def sample(self, frames: int, generator: np.random.Generator) -> Array:
        """Run the process from its steady state: float64 [L, Z]."""
        noise = generator.standard_normal((self.run_in + frames, len(self.surprise)))
        return self.run(noise @ self.surprise.T)

    def run(self, surprises: Array) -> Array:
        """Run the process with these surprises, float64 [``run_in`` + L, Z], from nothing: float64 [L, Z]."""
        order, channels, _ = self.coefficients.shape
        past = np.zeros((order + len(surprises), channels))
        # Side by side in order of time, as the frames lie in memory.
        latest_last = self.coefficients[::-1].transpose(1, 0, 2).reshape(channels, -1)
        for now, surprise in enumerate(surprises, order):
            past[now] = latest_last @ past[now - order : now].reshape(-1) + surprise
        return past[order + self.run_in :].copy()

    def surprises_of(self, course: NDArray[np.floating[Any]]) -> Array:
        """Give what of a course [L, Z] is surprise, made white: float64 [L − P, Z], mean square 1 where it fits."""
        order, wide = len(self.coefficients), np.asarray(course, dtype=np.float64)
        count = max(0, len(wide) - order)
        left = wide[len(wide) - count :].copy()
        for lag, one in enumerate(self.coefficients, 1):
            left -= wide[order - lag : order - lag + count] @ one.T
        values, vectors = np.linalg.eigh(self.surprise @ self.surprise.T)
        white: Array = left @ (vectors / np.sqrt(np.maximum(values, max(_LEAST_SHARE * float(values[-1]), 1e-300))))
        return white


def fit_autoregression(courses: Sequence[NDArray[np.floating[Any]]], *, order: int | None = None) -> Autoregression:
    """Fit a process to several courses at once.

    Parameters
    ----------
    courses
        Floating [L, Z] each, around zero.
    order
        P; the one of least Bayesian information criterion among `ORDERS` when None.
    """
    frames = sum(map(len, courses))
    longest = max(map(len, courses)) - 1
    orders = [order] if order else [one for one in ORDERS if one <= longest] or [1]
    covariances = _autocovariances(courses, max(orders))
    channels = covariances.shape[1]
    fits = [solve_yule_walker(covariances, one) for one in orders]
    # Schwarz 1978; Lütkepohl 2005, equation 4.3.9.
    criteria = [
        np.linalg.slogdet(surprise)[1] + len(coefficients) * channels**2 * np.log(frames) / frames
        for coefficients, surprise in fits
    ]
    coefficients, covariance = fits[int(np.argmin(criteria))]
    values, vectors = np.linalg.eigh(covariance)
    made = Autoregression(coefficients, vectors * np.sqrt(np.maximum(values, 0.0)))
    if made.radius > _LARGEST_RADIUS:  # by rounding alone
        shrink = (_LARGEST_RADIUS / made.radius) ** np.arange(1, len(coefficients) + 1)
        made = Autoregression(coefficients * shrink[:, None, None], made.surprise)
    return made


def _autocovariances(courses: Sequence[NDArray[np.floating[Any]]], most: int) -> Array:
    """Give ``Γ[k] = Σ y[t] y[t − k]ᵀ / Σ L``, [most + 1, Z, Z].

    Divided by all frames, not by those that have a frame k before: only so is the sequence that of some process.
    """
    channels = courses[0].shape[1]
    total: Array = np.zeros((most + 1, channels, channels))
    for course in courses:
        wide: Array = np.asarray(course, dtype=np.float64)
        for lag in range(min(most, len(wide) - 1) + 1):
            total[lag] += wide[lag:].T @ wide[: len(wide) - lag]
    total /= float(sum(map(len, courses)))
    ridge: Array = RIDGE * max(float(np.trace(total[0])) / channels, 1e-12) * np.eye(channels)
    total[0] += ridge
    return total


def solve_yule_walker(covariances: Array, order: int) -> tuple[Array, Array]:
    """Give coefficients [P, Z, Z] and the innovations' covariance [Z, Z] of autocovariances [P + 1 or more, Z, Z]."""
    channels = covariances.shape[1]

    def at(lag: int) -> Array:
        block: Array = covariances[abs(lag)]
        return block if lag >= 0 else block.T

    # Γ[k] = Σⱼ A[j] Γ[k − j] for k = 1 … P; in one row: [A₁ … A_P] T = [Γ₁ … Γ_P], where block (j, k) of T is Γ[k − j].
    toeplitz = np.block([[at(column - row) for column in range(order)] for row in range(order)])
    wanted = np.concatenate([at(lag) for lag in range(1, order + 1)], axis=1)
    row = np.linalg.solve(toeplitz.T, wanted.T).T
    coefficients = row.reshape(channels, order, channels).transpose(1, 0, 2)
    covariance = at(0) - sum(one @ at(lag).T for lag, one in enumerate(coefficients, 1))
    return np.ascontiguousarray(coefficients), (covariance + covariance.T) / 2
