"""Time and key signatures: what notation needs and sound does not."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tonada.symbolic.notes import Ints, check_columns, check_range, int_column


@dataclass(frozen=True, kw_only=True, eq=False)
class Meters:
    """Time signatures, in time order.

    Parameters
    ----------
    ticks
        Where each begins; int64 [K], ≥ 0.
    numerator, denominator
        Three and four in 3/4; int64 [K], 1–255, and a power of two up to 128.

    Raises
    ------
    ValueError
        The columns break one of these rules.
    """

    ticks: Ints = field(default_factory=lambda: int_column([]))
    numerator: Ints = field(default_factory=lambda: int_column([]))
    denominator: Ints = field(default_factory=lambda: int_column([]))

    def __post_init__(self) -> None:
        """Check the columns and make them read-only."""
        columns = {
            "ticks": int_column(self.ticks),
            "numerator": int_column(self.numerator),
            "denominator": int_column(self.denominator),
        }
        check_columns("Meters", **columns)
        _check_order("Meters", columns["ticks"])
        check_range("numerator", columns["numerator"], 1, 255)
        check_range("denominator", columns["denominator"], 1, 128)
        if np.any(columns["denominator"] & (columns["denominator"] - 1)):
            raise ValueError("denominator must be a power of two")
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    def head(self, count: int) -> Meters:
        """Give the first ``count`` of them."""
        return Meters(ticks=self.ticks[:count], numerator=self.numerator[:count], denominator=self.denominator[:count])


@dataclass(frozen=True, kw_only=True, eq=False)
class Keys:
    """Key signatures, in time order.

    Parameters
    ----------
    ticks
        Where each begins; int64 [K], ≥ 0.
    sharps
        How many sharps, or flats if negative; int64 [K], −7–7.
    minor
        1 for minor, 0 for major; int64 [K].

    Raises
    ------
    ValueError
        The columns break one of these rules.
    """

    ticks: Ints = field(default_factory=lambda: int_column([]))
    sharps: Ints = field(default_factory=lambda: int_column([]))
    minor: Ints = field(default_factory=lambda: int_column([]))

    def __post_init__(self) -> None:
        """Check the columns and make them read-only."""
        columns = {
            "ticks": int_column(self.ticks),
            "sharps": int_column(self.sharps),
            "minor": int_column(self.minor),
        }
        check_columns("Keys", **columns)
        _check_order("Keys", columns["ticks"])
        check_range("sharps", columns["sharps"], -7, 7)
        check_range("minor", columns["minor"], 0, 1)
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    def head(self, count: int) -> Keys:
        """Give the first ``count`` of them."""
        return Keys(ticks=self.ticks[:count], sharps=self.sharps[:count], minor=self.minor[:count])


def _check_order(owner: str, ticks: Ints) -> None:
    if len(ticks) and (ticks[0] < 0 or np.any(np.diff(ticks) < 0)):
        raise ValueError(f"the ticks of {owner} must rise, from 0 on")
