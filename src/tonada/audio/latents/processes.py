"""A process that latents follow within a clip: a vector autoregression whose surprises come and go in strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.audio.latents.autoregression import Autoregression, fit_autoregression
from tonada.audio.latents.volatility import Volatility, fit_volatility

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Process:
    """A course of latents.

    Parameters
    ----------
    linear
        How each frame follows from those before.
    volatility
        How strong each frame's surprise is, all channels together.
    """

    linear: Autoregression
    volatility: Volatility

    def arrays(self) -> dict[str, Array]:
        """Give what it is made of, by name."""
        parts = {"linear": self.linear.arrays(), "volatility": self.volatility.arrays()}
        return {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Process:
        """Make one of what `arrays` gave.

        Raises
        ------
        KeyError
            One is missing.
        ValueError
            The shapes do not fit each other, or the process is not stable.
        """
        return cls(
            Autoregression.of_arrays({name: arrays[f"linear.{name}"] for name in Autoregression.names}),
            Volatility.of_arrays({name: arrays[f"volatility.{name}"] for name in Volatility.names}),
        )

    def sample(self, frames: int, generator: np.random.Generator) -> Array:
        """Run the process from its steady state: float64 [L, Z]."""
        count, channels = self.linear.run_in + frames, len(self.linear.surprise)
        surprises = generator.standard_normal((count, channels)) @ self.linear.surprise.T
        return self.linear.run(surprises * self.volatility.sample(count, generator)[:, None])


def fit_process(courses: Sequence[NDArray[np.floating[Any]]], *, order: int | None = None) -> Process:
    """Fit a process to several courses at once.

    Parameters
    ----------
    courses
        Floating [L, Z] each, around zero, at least one of two frames.
    order
        Of the autoregression; chosen by `fit_autoregression` when None.
    """
    linear = fit_autoregression(courses, order=order)
    return Process(linear, fit_volatility([linear.surprises_of(course) for course in courses]))
