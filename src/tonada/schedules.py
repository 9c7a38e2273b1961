"""Learning-rate schedules: the factor on the peak learning rate, as a function of the step alone."""

from __future__ import annotations

import math
from typing import Literal

ScheduleName = Literal["constant", "cosine", "one-cycle", "trapezoid"]

LOWEST_RATE, HIGHEST_RATE, RATES_TRIED = 1e-6, 1.0, 100
"""What a search for a learning rate goes through unless it is asked for more."""


def learning_rate_factor(
    schedule: ScheduleName, step: int, *, steps: int, warmup_steps: int, decay_share: float
) -> float:
    """Give the factor, 0 … 1, that the peak learning rate has at a step.

    Parameters
    ----------
    schedule
        "constant": linear warm-up, then 1. "cosine": linear warm-up, then half a cosine down to 0.1 (Loshchilov &
        Hutter 2017). "one-cycle": half a cosine from 1/25 up to 1 over the first quarter, half a cosine down to 1e-5
        (Smith & Topin 2018, with the shape and defaults of fastai). "trapezoid": linear warm-up, 1, then linear to 0
        over the last ``decay_share`` of the steps (Hägele et al. 2024); a longer run can go on from where a shorter
        one started to decay.
    step
        From 0 to ``steps`` − 1.
    steps
        Length of the run.
    warmup_steps
        Length of the linear warm-up (not of one-cycle's).
    decay_share
        Of the trapezoid, 0 … 1.

    Returns
    -------
    float
        The factor.
    """
    if schedule == "one-cycle":
        peak = max(1, round(0.25 * steps))
        if step < peak:
            return _cosine(1 / 25, 1.0, step / peak)
        return _cosine(1.0, 1e-5, (step - peak) / max(1, steps - peak))
    warmup = min(1.0, (step + 1) / (warmup_steps + 1))
    if schedule == "cosine":
        return warmup * _cosine(1.0, 0.1, max(0, step - warmup_steps) / max(1, steps - warmup_steps))
    if schedule == "trapezoid":
        return warmup * min(1.0, (steps - step) / max(1.0, decay_share * steps))
    return warmup


def _cosine(start: float, end: float, share: float) -> float:
    """Go from ``start`` (share 0) to ``end`` (share 1) along half a cosine."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))
