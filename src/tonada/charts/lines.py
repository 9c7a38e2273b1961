"""Line charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tonada.charts.axes import Axes, group_colour, opened, words


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a chart: its name in the legend, and its points; points that are not finite are left out."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def line_chart(
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    width: int = 640,
    height: int = 300,
    dots: bool = False,
    at: float | None = None,
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
    dots
        Whether every point is marked.
    at
        A number of the x axis that is marked by an upright line.

    Returns
    -------
    str
        An ``<svg>`` element with a text alternative.
    """
    points = [
        [(x, y) for x, y in zip(line.x, line.y, strict=True) if math.isfinite(x) and math.isfinite(y)] for line in lines
    ]
    every = [point for line in points for point in line]
    head = opened(width, height, title or y_label)
    if not every:
        return f"{head}{words(16, 32, 'nothing to show yet')}</svg>"
    axes = Axes([x for x, _ in every], [y for _, y in every], width=width, height=height)
    parts = [head, *axes.frame(x_label, y_label)]
    if at is not None:
        parts.append(
            f'<path class="chart-edge" d="M{axes.x(at):.1f} {axes.top}V{axes.bottom}" stroke="#1f2933" '
            'stroke-dasharray="4 3"/>'
        )
    for index, (line, kept) in enumerate(zip(lines, points, strict=True)):
        colour = group_colour(index)
        path = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in kept)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        for x, y in kept if dots or len(kept) == 1 else ():
            parts.append(f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="3" fill="{colour}"/>')
        start = axes.left + 8 + 150 * index
        parts.append(f'<path d="M{start} 24h18" stroke="{colour}" stroke-width="3"/>')
        parts.append(words(start + 24, 28, line.name))
    return "".join([*parts, "</svg>"])
