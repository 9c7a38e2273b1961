"""What charts share: colours, round numbers, and the axes that points are placed by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5195", "#8c8c8c")
"""Told apart by colour-blind readers, too: the first six are Okabe and Ito's (2008)."""

GROUND, LINE, INK, SOFT = "#ffffff", "#dddddd", "#1f2933", "#5f6b7a"

STYLE = """
.chart { max-width: 100%; height: auto }
@media (prefers-color-scheme: dark) {
.chart .chart-ground { fill: #1b2026 } .chart .chart-line { stroke: #39424d }
.chart .chart-halo { stroke: #1b2026 }
.chart .chart-ink { fill: #e6e9ed } .chart .chart-soft { fill: #aab4c0 } .chart .chart-edge { stroke: #e6e9ed }
}
"""
"""What a page adds to its style sheet, so that charts are dark where the page is."""


def group_colour(group: int) -> str:
    """Give the colour of a group; they come round again after the eighth."""
    return COLOURS[group % len(COLOURS)]


def opened(width: int, height: int, description: str) -> str:
    """Begin a chart, an ``<svg>`` element with a text alternative, on an empty ground.

    Parameters
    ----------
    width, height
        In pixels.
    description
        What a screen reader says.
    """
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'class="chart" role="img" font-family="system-ui, sans-serif" font-size="12">'
        f'<title>{escape(description)}</title><rect class="chart-ground" width="{width}" height="{height}" '
        f'fill="{GROUND}"/>'
    )


def words(x: float, y: float, text: str, *, anchor: str = "start", soft: bool = False, more: str = "") -> str:
    """Write a text.

    Parameters
    ----------
    x, y
        Anchor and baseline, in pixels.
    text
        What it says.
    anchor
        "start", "middle" or "end".
    soft
        Whether it stands back.
    more
        Further attributes.
    """
    name, colour = ("chart-soft", SOFT) if soft else ("chart-ink", INK)
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" fill="{colour}"{place}{more}>{escape(text)}</text>'


class Axes:
    """A rectangle in which numbers have places, with round numbers along its edges.

    Parameters
    ----------
    x, y
        All numbers that are to be seen, finite; at least one each, above 0 on a logarithmic axis.
    width, height
        Of the picture, in pixels.
    top
        Room above, in pixels.
    log_x
        Whether the x axis is logarithmic.
    bare
        Whether the axes have no numbers and no labels, as those of a map.
    """

    def __init__(
        self,
        x: Sequence[float],
        y: Sequence[float],
        *,
        width: int,
        height: int,
        top: int = 36,
        log_x: bool = False,
        bare: bool = False,
    ) -> None:
        self.left, self.right, self.top, self.bottom = 64, width - 24, top, height - 44
        if bare:
            self.left, self.right, self.top, self.bottom = 8, width - 8, 8, height - 8
        self._bare = bare
        self.width, self.height, self._log_x = width, height, log_x
        self.x_ticks = log_ticks(min(x), max(x)) if log_x else ticks(min(x), max(x))
        self.y_ticks = ticks(min(y), max(y))

    def x(self, value: float) -> float:
        """Place a number on the x axis."""
        first, last, value = (
            (math.log(one) for one in (self.x_ticks[0], self.x_ticks[-1], value))
            if self._log_x
            else (self.x_ticks[0], self.x_ticks[-1], value)
        )
        return self.left + (value - first) / (last - first) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Place a number on the y axis."""
        up = (value - self.y_ticks[0]) / (self.y_ticks[-1] - self.y_ticks[0])
        return self.bottom - up * (self.bottom - self.top)

    def frame(self, x_label: str, y_label: str) -> list[str]:
        """Draw the grid, and the numbers and the labels unless the axes are bare."""
        if self._bare:
            edge = f"M{self.left} {self.top}H{self.right}V{self.bottom}H{self.left}Z"
            return [f'<path class="chart-line" d="{edge}" fill="none" stroke="{LINE}"/>']
        parts = []
        for tick in self.y_ticks:
            y = self.y(tick)
            parts.append(f'<path class="chart-line" d="M{self.left} {y:.1f}H{self.right}" stroke="{LINE}"/>')
            parts.append(words(self.left - 8, y + 4, f"{tick:.6g}", anchor="end", soft=True))
        for tick in self.x_ticks:
            parts.append(words(self.x(tick), self.bottom + 18, f"{tick:,.6g}", anchor="middle", soft=True))
        middle = (self.top + self.bottom) // 2
        parts.append(words((self.left + self.right) // 2, self.height - 8, x_label, anchor="middle"))
        turned = f' transform="translate(14 {middle}) rotate(-90)"'
        return [*parts, words(0, 0, y_label, anchor="middle", more=turned)]


def ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Choose round numbers that enclose a range.

    Parameters
    ----------
    low, high
        The range; may be empty.
    about
        How many steps are wanted.

    Returns
    -------
    list
        At least two numbers, a multiple of 1, 2 or 5 times a power of ten apart.
    """
    if not high > low:
        low, high = low - (abs(low) * 0.1 or 1.0), high + (abs(high) * 0.1 or 1.0)
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Choose numbers 1, 2 or 5 times a power of ten that enclose a range above 0: at least two."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    numbers = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    first = max(index for index, number in enumerate(numbers) if number <= low * 1.0001)
    last = min(index for index, number in enumerate(numbers) if number >= high * 0.9999)
    return numbers[first : max(last, first + 1) + 1]
