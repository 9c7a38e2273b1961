"""What a data set holds, as a page: how many pieces, how much time and how long a piece is, by composer or label."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from tonada.charts.bars import Bar, bar_chart
from tonada.charts.pages import page
from tonada.charts.tables import table

SHOWN = 20
"""Groups that have a bar of their own; the table below the charts has all of them."""
UNNAMED = "not named"


@dataclass
class _Piece:
    """A piece or clip: where it belongs, and its length."""

    split: str
    groups: Mapping[str, str]
    seconds: float = 0.0


@dataclass
class _Group:
    """The pieces of one composer or label: lengths in seconds, and how many there are on each side of the split."""

    name: str
    seconds: list[float] = field(default_factory=list)
    splits: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


def holdings_page(
    title: str, rows: Sequence[Mapping[str, str]], *, by: Sequence[str], piece: str, unit: str, splits: Sequence[str]
) -> str:
    """Draw what a catalogue lists.

    Parameters
    ----------
    title
        Of the page.
    rows
        Of the catalogue, with columns ``split`` and ``seconds``; rows of one piece add up.
    by
        Columns to group by; one that no row fills is left out.
    piece
        The column that tells pieces apart.
    unit
        What a piece is called, in the plural: "pieces".
    splits
        In the order of the columns.

    Returns
    -------
    str
        A whole HTML page; the same rows give the same text.
    """
    pieces: dict[str, _Piece] = {}
    for row in rows:
        groups = {column: row.get(column, "") for column in by}
        pieces.setdefault(row[piece], _Piece(row["split"], groups)).seconds += float(row["seconds"])
    parts = [f"<h1>{escape(title)}</h1>", _totals(list(pieces.values()), unit, splits)]
    for column in by:
        if any(one.groups[column] for one in pieces.values()):
            parts += _section(column, list(pieces.values()), unit, splits)
    return page(title, parts)


def _totals(pieces: Sequence[_Piece], unit: str, splits: Sequence[str]) -> str:
    lines = []
    for split in splits:
        lengths = [one.seconds for one in pieces if one.split == split]
        lines.append([split, str(len(lengths)), _clock(sum(lengths))])
    lines.append(["all", str(len(pieces)), _clock(sum(one.seconds for one in pieces))])
    return table(["split", unit, "time"], lines, caption="What it holds")


def _section(column: str, pieces: Sequence[_Piece], unit: str, splits: Sequence[str]) -> list[str]:
    found: dict[str, _Group] = {}
    for one in pieces:
        name = one.groups[column] or UNNAMED
        group = found.setdefault(name, _Group(name))
        group.seconds.append(one.seconds)
        group.splits[one.split] += 1
    groups = sorted(found.values(), key=lambda group: (-len(group.seconds), group.name))
    shown = groups[:SHOWN]
    minutes = max(map(statistics.median, (group.seconds for group in shown))) >= 60
    scale, length = (60, "minutes") if minutes else (1, "seconds")
    counted = [Bar(name=group.name, value=len(group.seconds)) for group in shown]
    total = [Bar(name=group.name, value=sum(group.seconds) / 60, group=2) for group in shown]
    typical = [_length(group, scale) for group in shown]
    charts = (
        (counted, unit, f"{unit.capitalize()} by {column}"),
        (total, "minutes in all", f"Time by {column}"),
        (typical, f"{length}: median, and the middle half", f"Length of {unit} by {column}"),
    )
    heading = f"<h2>By {escape(column)}</h2>"
    if len(groups) > SHOWN:
        heading += f"<p>Charts show the {SHOWN} with the most {escape(unit)}, of {len(groups)}.</p>"
    figures = [f"<h3>{escape(name)}</h3><figure>{bar_chart(bars, label=label, title=name)}</figure>"
               for bars, label, name in charts]  # fmt: skip
    lines = [
        [
            group.name,
            *(str(group.splits[split]) for split in splits),
            _clock(sum(group.seconds)),
            _clock(statistics.median(group.seconds)),
        ]
        for group in groups
    ]
    head = [column, *(f"{unit}, {split}" for split in splits), "time", "median length"]
    return [heading, *figures, table(head, lines, caption=f"Every {column}")]


def _length(group: _Group, scale: int) -> Bar:
    lengths = [seconds / scale for seconds in group.seconds]
    low, _, high = statistics.quantiles(lengths, n=4, method="inclusive") if len(lengths) > 1 else lengths * 3
    return Bar(name=group.name, value=statistics.median(lengths), low=low, high=high, group=1)


def _clock(seconds: float) -> str:
    """Write a time as hours, minutes, seconds."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
