"""Plain pages: one HTML file, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .2rem .8rem; border-bottom: 1px solid #ddd; text-align: left }
svg, img { max-width: 100%; height: auto } figure { margin: 1.5rem 0 } code { background: #f4f4f4; padding: 0 .2rem }
.remark { border-left: .3rem solid #d55e00; padding-left: .7rem }
figcaption { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """Write a whole page.

    Parameters
    ----------
    title
        What a browser calls it.
    parts
        Its content, as HTML.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )
