"""The tempo map: from ticks, the time of MIDI files, to seconds and back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from tonada.symbolic.notes import Floats, Ints, check_columns, check_range, float_column, int_column

DEFAULT_QUARTER_US = 500_000
"""Microseconds per quarter note where a file names no tempo: 120 bpm (RP-001)."""

LARGEST_QUARTER_US = (1 << 24) - 1
"""The longest quarter note that the three bytes of a tempo event hold, in microseconds."""


MOST_TICKS = 2**53
"""As far as ticks are counted: float64 holds all whole numbers up to here."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TempoMap:
    """A tempo for every tick, as K steps.

    The map keeps whole microseconds, as MIDI files do, and adds them up in whole numbers, so nothing drifts.

    Parameters
    ----------
    start_ticks
        Where each tempo begins; int64 [K], strictly rising, the first is 0.
    quarter_us
        Microseconds per quarter note from there on; int64 [K], 1–16 777 215.
    ticks_per_quarter
        Ticks in a quarter note; 1–32 767.

    Raises
    ------
    ValueError
        The columns break one of these rules.
    """

    start_ticks: Ints
    quarter_us: Ints
    ticks_per_quarter: int
    _start_units: Ints = field(init=False, repr=False, compare=False)
    _start_s: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the steps and add up where each begins."""
        start_ticks, quarter_us = int_column(self.start_ticks), int_column(self.quarter_us)
        check_columns("TempoMap", start_ticks=start_ticks, quarter_us=quarter_us)
        if not 1 <= self.ticks_per_quarter <= 32_767:
            raise ValueError(f"ticks_per_quarter must lie in 1 to 32767; got {self.ticks_per_quarter}")
        if not len(start_ticks) or start_ticks[0] != 0 or np.any(np.diff(start_ticks) <= 0):
            raise ValueError("the start_ticks of a TempoMap must begin at 0 and rise strictly")
        check_range("quarter_us", quarter_us, 1, LARGEST_QUARTER_US)
        # One unit is a microsecond divided by ticks_per_quarter, so that every tick is a whole number of units.
        start_units = np.concatenate(([0], np.cumsum(np.diff(start_ticks) * quarter_us[:-1])))
        object.__setattr__(self, "start_ticks", start_ticks)
        object.__setattr__(self, "quarter_us", quarter_us)
        object.__setattr__(self, "_start_units", int_column(start_units))
        object.__setattr__(self, "_start_s", float_column(start_units / self._units_per_second))

    @classmethod
    def from_events(cls, ticks: ArrayLike, quarter_us: ArrayLike, *, ticks_per_quarter: int) -> TempoMap:
        """Build the map from tempo events in file order.

        Of several at one tick the last counts; before the first it is 120 bpm.

        Parameters
        ----------
        ticks, quarter_us
            When, and microseconds per quarter note from there on; K whole numbers each.
        ticks_per_quarter
            Ticks in a quarter note.
        """
        event_ticks, event_us = int_column(ticks), int_column(quarter_us)
        check_columns("tempo events", ticks=event_ticks, quarter_us=event_us)
        event_ticks = np.concatenate(([0], event_ticks))
        event_us = np.concatenate(([DEFAULT_QUARTER_US], event_us))
        order = np.argsort(event_ticks, kind="stable")
        event_ticks, event_us = event_ticks[order], event_us[order]
        last = np.append(event_ticks[1:] != event_ticks[:-1], True)
        return cls(start_ticks=event_ticks[last], quarter_us=event_us[last], ticks_per_quarter=ticks_per_quarter)

    @property
    def _units_per_second(self) -> float:
        return 1e6 * self.ticks_per_quarter

    @property
    def bpm(self) -> Floats:
        """Quarter notes per minute of each step; float64 [K]."""
        return 60e6 / self.quarter_us

    def seconds(self, ticks: ArrayLike) -> Floats:
        """Turn ticks into seconds.

        Parameters
        ----------
        ticks
            Whole numbers of any shape. Before 0 the first tempo goes on backwards.

        Returns
        -------
        ndarray
            float64 of the same shape: the exact value, rounded once, in any piece shorter than 2⁵³ microseconds
            divided by ticks_per_quarter (217 days at 480).
        """
        given = np.asarray(ticks, dtype=np.int64)
        step = np.maximum(np.searchsorted(self.start_ticks, given, side="right") - 1, 0)
        units = self._start_units[step] + (given - self.start_ticks[step]) * self.quarter_us[step]
        return np.asarray(units / self._units_per_second, dtype=np.float64)

    def ticks(self, seconds: ArrayLike) -> Ints:
        """Turn seconds of any shape into the nearest ticks; the exact inverse of ``seconds``.

        (Exact as long as a tick is longer than what float64 can tell apart: 2 ns after a hundred days.)

        Raises
        ------
        ValueError
            A time is not finite, or beyond the ticks that can be counted.
        """
        given = np.asarray(seconds, dtype=np.float64)
        step = np.maximum(np.searchsorted(self._start_s, given, side="right") - 1, 0)
        with np.errstate(over="ignore"):  # what overflows is refused below
            units = given * self._units_per_second - self._start_units[step]
        ticks = np.asarray(self.start_ticks[step] + np.rint(units / self.quarter_us[step]))
        check_range("a time in ticks", ticks.ravel(), -MOST_TICKS, MOST_TICKS)
        return ticks.astype(np.int64)

    def head(self, count: int) -> TempoMap:
        """Give the map of the first ``count`` tempi, of one at least."""
        kept = slice(max(count, 1))
        return TempoMap(
            start_ticks=self.start_ticks[kept],
            quarter_us=self.quarter_us[kept],
            ticks_per_quarter=self.ticks_per_quarter,
        )
