"""Scatter charts: a mark for each thing, its shape and colour by group, told apart without colour, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tonada.charts.axes import Axes, group_colour, opened, words

SHAPES = (
    "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",  # circle
    "m-3.5-3.5h7v7h-7z",  # square
    "m0-4.5l4.5 8h-9z",  # triangle
    "m0-5l4.5 5l-4.5 5l-4.5-5z",  # diamond
    "m0 4.5l4.5-8h-9z",  # triangle, point down
    "m-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",  # cross
)
STAR = "m0-9l2.6 5.5l6 .8l-4.4 4.2l1.1 6l-5.3-2.9l-5.3 2.9l1.1-6l-4.4-4.2l6-.8z"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One mark.

    Attributes
    ----------
    x, y
        Its place, finite.
    group
        Index of its group; None for a star of its own, with its name beside it.
    name
        What a pointer that rests on it is told.
    written
        Whether the name stands beside it in any case.
    key
        What the page knows it by, in the attribute ``data-key``; None for nothing.
    classes
        More classes of its element.
    """

    x: float
    y: float
    group: int | None
    name: str
    written: bool = False
    key: str | None = None
    classes: str = ""


def mark_chart(
    marks: Sequence[Mark],
    *,
    x_label: str,
    y_label: str,
    title: str,
    width: int = 480,
    height: int = 400,
    log_x: bool = False,
    joined: Sequence[tuple[float, float]] = (),
    bare: bool = False,
) -> str:
    """Draw marks over common axes.

    Parameters
    ----------
    marks
        The last ones lie on top; without any the chart says that there is nothing to show.
    x_label, y_label, title
        Texts; labels name the unit.
    width, height
        Of the picture, in pixels.
    log_x
        Whether the x axis is logarithmic.
    joined
        Points that a thin line goes through.
    bare
        Whether the axes have no numbers and no labels, as those of a map, where only nearness counts.

    Returns
    -------
    str
        An ``<svg>`` element with a text alternative. Marks have the classes ``mark`` and, by group, ``g0``, ``g1`` …
    """
    head = opened(width, height, title)
    if not marks:
        return f"{head}{words(16, 32, 'nothing to show')}</svg>"
    x, y = [mark.x for mark in marks], [mark.y for mark in marks]
    axes = Axes(x, y, width=width, height=height, top=16, log_x=log_x, bare=bare)
    parts = [head, *axes.frame(x_label, y_label)]
    if joined:
        path = " ".join(f"{axes.x(across):.1f},{axes.y(up):.1f}" for across, up in joined)
        parts.append(f'<polyline points="{path}" fill="none" stroke="#8c8c8c" stroke-width="1"/>')
    parts += [_drawn(mark, axes.x(mark.x), axes.y(mark.y)) for mark in marks]
    taken: list[tuple[float, float]] = []
    for mark in marks:
        if mark.written or mark.group is None:
            parts.append(_label(mark.name, axes.x(mark.x), axes.y(mark.y), axes, taken))
    return "".join([*parts, "</svg>"])


def legend(names: Sequence[str]) -> str:
    """Give the groups' shapes and colours with their names, as HTML."""
    items = "".join(
        f'<li><svg width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true"><path class="mark g{group}" '
        f'd="M0 0{SHAPES[group % len(SHAPES)]}" fill="{group_colour(group)}"/></svg> {escape(name)}</li>'
        for group, name in enumerate(names)
    )
    return f'<ul class="legend">{items}</ul>'


def _drawn(mark: Mark, x: float, y: float) -> str:
    shape = STAR if mark.group is None else SHAPES[mark.group % len(SHAPES)]
    group = "star" if mark.group is None else f"g{mark.group}"
    fill = "#ffd400" if mark.group is None else group_colour(mark.group)
    edge = ' stroke="#1f2933"' if mark.group is None else ""
    key = f' data-key="{escape(mark.key)}"' if mark.key is not None else ""
    name = f"<title>{escape(mark.name)}</title>"
    classes = " ".join(filter(None, ("mark", group, mark.classes)))
    return f'<path class="{classes}" d="M{x:.1f} {y:.1f}{shape}" fill="{fill}"{edge}{key}>{name}</path>'


def _label(text: str, x: float, y: float, axes: Axes, taken: list[tuple[float, float]]) -> str:
    """Write a name beside its mark, on the side with room, a line lower where another name stands already."""
    y += 4
    while any(abs(x - other_x) < 150 and abs(y - other_y) < 12 for other_x, other_y in taken):
        y += 12
    taken.append((x, y))
    left = x > (axes.left + axes.right) / 2
    halo = ' paint-order="stroke" stroke="#ffffff" stroke-width="3" stroke-linejoin="round"'
    label = words(x - 9 if left else x + 9, y, text, anchor="end" if left else "start", more=halo)
    return label.replace('class="chart-ink"', 'class="chart-ink chart-halo"')
