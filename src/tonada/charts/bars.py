"""Bar charts, lying, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tonada.charts.axes import INK, LINE, group_colour, opened, ticks, words


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar.

    Attributes
    ----------
    name
        Stands before it.
    value
        Its length.
    low, high
        Ends of an interval; None for none.
    group
        Index of its colour.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    group: int = 0


def bar_chart(bars: Sequence[Bar], *, label: str, title: str, width: int = 640) -> str:
    """Draw bars one below the other, from 0.

    Parameters
    ----------
    bars
        From top to bottom.
    label, title
        Texts; the label names the unit of the values.
    width
        Of the picture, in pixels.

    Returns
    -------
    str
        An ``<svg>`` element with a text alternative.
    """
    height = 26 * len(bars) + 56
    head = opened(width, height, title)
    if not bars:
        return f"{head}{words(16, 32, 'nothing to show')}</svg>"
    ends = [0.0, *(end for bar in bars for end in (bar.value, bar.low, bar.high) if end is not None)]
    numbers = ticks(min(ends), max(ends))
    left, right, bottom = min(260, 16 + max(7 * len(bar.name) for bar in bars)), width - 56, height - 44

    def place(value: float) -> float:
        return left + (value - numbers[0]) / (numbers[-1] - numbers[0]) * (right - left)

    parts = [head]
    for number in numbers:
        parts.append(f'<path class="chart-line" d="M{place(number):.1f} 8V{bottom}" stroke="{LINE}"/>')
        parts.append(words(place(number), bottom + 18, f"{number:.6g}", anchor="middle", soft=True))
    for index, bar in enumerate(bars):
        y = 12 + 26 * index
        start, end = sorted((place(0.0), place(bar.value)))
        parts.append(words(left - 8, y + 13, bar.name, anchor="end"))
        parts.append(
            f'<rect class="g{bar.group}" x="{start:.1f}" y="{y}" width="{max(end - start, 1):.1f}" height="16" '
            f'fill="{group_colour(bar.group)}"/>'
        )
        furthest = end
        if bar.low is not None and bar.high is not None:
            low, high = place(bar.low), place(bar.high)
            parts.append(
                f'<path class="chart-edge" d="M{low:.1f} {y + 8}H{high:.1f}M{low:.1f} {y + 4}v8M{high:.1f} {y + 4}v8" '
                f'stroke="{INK}" stroke-width="1.5"/>'
            )
            furthest = max(end, high)
        parts.append(words(furthest + 6, y + 13, f"{bar.value:,.0f}" if abs(bar.value) >= 1000 else f"{bar.value:.3g}"))
    parts.append(words((left + right) // 2, height - 8, label, anchor="middle"))
    return "".join([*parts, "</svg>"])
