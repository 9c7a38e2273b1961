"""Line charts as SVG text, for reports that need no plotting library and no network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Told apart by colour-blind readers, too (Okabe & Ito 2008)."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a chart: its name in the legend, and its points; points that are not finite are left out."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def line_chart(
    lines: Sequence[Line], *, x_label: str, y_label: str, title: str = "", width: int = 640, height: int = 300
) -> str:
    """Draw lines over common axes.

    Parameters
    ----------
    lines
        At least one with a finite point, else the chart says that there is nothing to show.
    x_label, y_label, title
        Texts; labels name the unit.
    width, height
        Of the picture, in pixels.

    Returns
    -------
    str
        An ``<svg>`` element with a text alternative.
    """
    points = [
        [(x, y) for x, y in zip(line.x, line.y, strict=True) if math.isfinite(x) and math.isfinite(y)] for line in lines
    ]
    every = [point for line in points for point in line]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="12"><title>{escape(title or y_label)}</title>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    )
    if not every:
        return f'{head}<text x="16" y="32">nothing to show yet</text></svg>'
    x_ticks = ticks(min(x for x, _ in every), max(x for x, _ in every))
    y_ticks = ticks(min(y for _, y in every), max(y for _, y in every))
    left, right, top, bottom = 64, width - 16, 36, height - 44

    def place(x: float, y: float) -> str:
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return f"{left + across * (right - left):.1f},{bottom - up * (bottom - top):.1f}"

    parts = [head]
    for tick in y_ticks:
        y = place(x_ticks[0], tick).partition(",")[2]
        parts.append(f'<path d="M{left} {y}H{right}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{tick:.6g}</text>')
    for tick in x_ticks:
        x = place(tick, y_ticks[0]).partition(",")[0]
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{tick:.6g}</text>')
    for index, (line, kept) in enumerate(zip(lines, points, strict=True)):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(place(x, y) for x, y in kept)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if len(kept) == 1:
            x, _, y = path.partition(",")
            parts.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>')
        at = left + 8 + 150 * index
        parts.append(f'<path d="M{at} 24h18" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{at + 24}" y="28">{escape(line.name)}</text>')
    middle = (top + bottom) // 2
    parts.append(f'<text x="{(left + right) // 2}" y="{height - 8}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>')
    return "".join([*parts, "</svg>"])


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
