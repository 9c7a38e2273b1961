"""Charts as SVG text and tables as HTML, for pages that need no plotting library and no network.

Every part that a page may want to colour has a class (``chart-ground``, ``chart-line``, ``chart-ink``, ``chart-soft``
for what is written and drawn, ``g0``, ``g1`` … for groups); `STYLE` holds the colours for light and dark screens, and
without it a chart is light.
"""

from __future__ import annotations

from tonada.charts.axes import COLOURS, STYLE, ticks
from tonada.charts.bars import Bar, bar_chart
from tonada.charts.holdings import holdings_page
from tonada.charts.lines import Line, line_chart
from tonada.charts.marks import Mark, mark_chart
from tonada.charts.pages import page
from tonada.charts.tables import heat_table, table

__all__ = [
    "COLOURS",
    "STYLE",
    "Bar",
    "Line",
    "Mark",
    "bar_chart",
    "heat_table",
    "holdings_page",
    "line_chart",
    "mark_chart",
    "page",
    "table",
    "ticks",
]
