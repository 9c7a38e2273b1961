"""Bins for times: every step of the grid at first, then wider and wider."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def whole_steps(times_s: NDArray[np.float64], step_ms: int, *, farthest_s: float) -> NDArray[np.int64]:
    """Round times to the grid, halves up: ⌊t / step + ½⌋.

    Parameters
    ----------
    times_s
        Any times; float64, in seconds.
    step_ms
        The grid, in milliseconds.
    farthest_s
        Times are first moved into 0 to this, in seconds.

    Returns
    -------
    ndarray
        int64, of the same shape.
    """
    steps = np.floor(np.clip(times_s, 0.0, farthest_s) * (1000 / step_ms) + 0.5)
    return steps.astype(np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class TimeBins:
    """K bins of whole steps, without gaps, rising; what is longer than the last one counts as the last.

    Attributes
    ----------
    value
        What each bin decodes to, a step inside it; int64 [K].
    width
        How many steps each holds; int64 [K].
    nearest
        The bin of each step from 0 to the last bin's end; int64 [M].
    below
        The last bin whose value is at most each of these steps, 0 where there is none; int64 [M].
    """

    value: NDArray[np.int64]
    width: NDArray[np.int64]
    nearest: NDArray[np.int64]
    below: NDArray[np.int64]

    @classmethod
    def build(cls, *, first: int, exact_to: int, growth: float, longest: int) -> TimeBins:
        """Build the bins.

        Parameters
        ----------
        first
            The first step, 0 or 1; what is shorter counts as it.
        exact_to
            Up to this step each step is a bin of its own.
        growth
            Beyond, a bin is this share of its first step wide (0.08: an error of 4 %), and at least one step.
        longest
            The last bin holds this step.
        """
        low = list(range(first, exact_to + 2))
        while low[-1] <= longest:
            low.append(low[-1] + max(1, round(low[-1] * growth)))
        edges = np.array(low)
        width = np.diff(edges)
        value = edges[:-1] + (width - 1) // 2
        steps = np.arange(edges[-1])
        return cls(
            value=value,
            width=width,
            nearest=np.maximum(np.searchsorted(edges, steps, side="right") - 1, 0),
            below=np.maximum(np.searchsorted(value, steps, side="right") - 1, 0),
        )

    def __len__(self) -> int:
        """Give K."""
        return len(self.value)

    def find(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the bin of each of these steps ≥ 0."""
        return self.nearest[np.minimum(steps, len(self.nearest) - 1)]

    def find_below(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the last bin whose value is no more than each of these steps, which are at least the first one."""
        return self.below[np.minimum(steps, len(self.below) - 1)]


def steps_to_repeat(step: NDArray[np.int64], pitch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the steps from each note [N], in time order, to the next onset of its pitch; 2⁴⁰ where there is none."""
    order = np.argsort(pitch.astype(np.uint8), kind="stable")
    steps = np.full(len(pitch), 1 << 40)
    again = pitch[order[1:]] == pitch[order[:-1]]
    steps[order[:-1][again]] = (step[order[1:]] - step[order[:-1]])[again]
    return steps
