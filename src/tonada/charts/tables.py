"""Tables as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str) -> str:
    """Write a table whose first column names the rows.

    Parameters
    ----------
    head
        Names of the columns.
    rows
        Cells as text.
    caption
        What the table shows.
    """
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption><thead><tr>{columns}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def heat_table(
    rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]], *, caption: str, corner: str = ""
) -> str:
    """Write a table of numbers from 0 up, each on a ground the stronger, the larger its share of its row.

    Parameters
    ----------
    rows, columns
        Names.
    values
        At least 0, row by row.
    caption
        What the table shows.
    corner
        What stands above the names of the rows.
    """

    def cell(value: float, total: float) -> str:
        share = value / total if total else 0.0
        return f'<td style="background: rgb(0 114 178 / {0.75 * share:.2f})">{value:g}</td>'

    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(cell(value, sum(line)) for value in line)}</tr>'
        for name, line in zip(rows, values, strict=True)
    )
    return (
        f'<div class="wide"><table class="heat"><caption>{escape(caption)}</caption><thead><tr>'
        f'<th scope="col">{escape(corner)}</th>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
    )
