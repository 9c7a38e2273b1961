"""Simple pictures: boxes and texts, written as SVG or painted as PNG from the same description.

Filled outlines and embedded images, which pictures of sound need, are for SVG alone.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from tonada.render.lettering import CAPITAL_HEIGHT, segments, width

_FONT = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
_STROKE, _BOLD_STROKE = 0.85, 1.15  # widths of a letter's lines, in units of its grid
_TRUECOLOUR, _INDEXED = 2, 3  # colour types of PNG
_CAPITALS = 0.71  # height of capitals in sizes of a font


@dataclass(frozen=True)
class Box:
    """A filled rectangle.

    Parameters
    ----------
    x, y, width, height
        Left, top and size, in pixels.
    color
        As #rrggbb.
    opacity
        From 0 to 1.
    radius
        Of the corners, in pixels.
    """

    x: float
    y: float
    width: float
    height: float
    color: str
    opacity: float = 1.0
    radius: float = 0.0


@dataclass(frozen=True)
class Text:
    """A line of text.

    Parameters
    ----------
    x, y
        Anchor and baseline, in pixels.
    text
        What it says.
    size
        Size of the font, in pixels.
    color
        As #rrggbb.
    anchor
        Which part of its width is left of ``x``: 0, 0.5 or 1.
    bold
        Whether its strokes are strong.
    """

    x: float
    y: float
    text: str
    size: float
    color: str
    anchor: float = 0.0
    bold: bool = False


@dataclass(frozen=True)
class Area:
    """A filled outline, its edge drawn one pixel wide, so that it is seen where it has no width.

    Parameters
    ----------
    points
        Corners x, y in pixels; the last is joined to the first.
    color
        As #rrggbb.
    opacity
        From 0 to 1.
    """

    points: Sequence[tuple[float, float]]
    color: str
    opacity: float = 1.0


@dataclass(frozen=True)
class Image:
    """An embedded PNG, stretched to its place.

    Parameters
    ----------
    x, y, width, height
        Left, top and size, in pixels.
    png
        The file's bytes.
    """

    x: float
    y: float
    width: float
    height: float
    png: bytes


def text_width(text: str, size: float) -> float:
    """Give how wide a text is, in pixels."""
    return width(text) * size * _CAPITALS / CAPITAL_HEIGHT


def to_svg(parts: Sequence[Box | Text | Area | Image], *, width_px: int, height_px: int, description: str) -> str:
    """Write a picture as SVG; ``description`` is what a screen reader says.

    Parameters
    ----------
    parts
        What is drawn, the lowest first.
    width_px, height_px
        Size of the picture.
    description
        A sentence.
    """
    size = f'width="{width_px}" height="{height_px}" viewBox="0 0 {width_px} {height_px}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label={quoteattr(_printable(description))}>'
    ]
    lines += [_svg(part) for part in parts]
    return "\n".join([*lines, "</svg>", ""])


def _svg(part: Box | Text | Area | Image) -> str:
    if isinstance(part, Box):
        return _svg_box(part)
    if isinstance(part, Text):
        return _svg_text(part)
    if isinstance(part, Area):
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in part.points) + "Z"
        opacity = f' opacity="{part.opacity:.2g}"' if part.opacity < 1 else ""
        return f'<path d="{path}" fill="{part.color}" stroke="{part.color}" stroke-linejoin="round"{opacity}/>'
    place = f'x="{part.x:.6g}" y="{part.y:.6g}" width="{part.width:.6g}" height="{part.height:.6g}"'
    data = base64.b64encode(part.png).decode()
    return f'<image {place} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'


def _svg_box(box: Box) -> str:
    place = f'x="{box.x:.6g}" y="{box.y:.6g}" width="{box.width:.4g}" height="{box.height:.4g}"'
    radius = f' rx="{box.radius:g}"' if box.radius else ""
    opacity = f' fill-opacity="{box.opacity:.2g}"' if box.opacity < 1 else ""
    return f'<rect {place}{radius} fill="{box.color}"{opacity}/>'


def _svg_text(text: Text) -> str:
    anchor = {0.0: "", 0.5: ' text-anchor="middle"', 1.0: ' text-anchor="end"'}[text.anchor]
    weight = ' font-weight="600"' if text.bold else ""
    style = f'font-family="{_FONT}" font-size="{text.size:g}"{weight}{anchor} fill="{text.color}"'
    return f'<text x="{text.x:.6g}" y="{text.y:.6g}" {style}>{escape(_printable(text.text))}</text>'


def _printable(text: str) -> str:
    """Leave out what XML cannot hold."""
    return "".join(char for char in text if char.isprintable())


def to_png(parts: Sequence[Box | Text], *, width_px: int, height_px: int, scale: int = 2) -> bytes:
    """Paint a picture, edges smoothed, and give it as PNG.

    Parameters
    ----------
    parts
        What is drawn, the lowest first.
    width_px, height_px
        Size of the picture.
    scale
        Pixels of the PNG per pixel of the picture: 2 is sharp on dense screens.
    """
    canvas = np.full((height_px * scale, width_px * scale, 3), 255.0, dtype=np.float32)
    for part in parts:
        if isinstance(part, Box):
            _paint_box(canvas, part, scale)
        else:
            _paint_text(canvas, part, scale)
    return encode_png(np.rint(canvas).astype(np.uint8))


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Give pixels uint8 [height, width, 3] (red, green, blue) as PNG (ISO/IEC 15948)."""
    height_px, width_px, _ = pixels.shape
    rows = pixels.reshape(height_px, -1)
    above = np.vstack((np.zeros_like(rows[:1]), rows[:-1]))
    # Each row is stored as its difference from the one above (filter 2): pictures of boxes repeat their rows.
    return _png(width_px, height_px, _TRUECOLOUR, 2, rows - above)


def encode_indexed_png(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """Give a picture of few colours as PNG: a byte a pixel.

    Parameters
    ----------
    indices
        uint8 [height, width], rows of the palette.
    palette
        uint8 [at most 256, 3]: red, green, blue.
    """
    height_px, width_px = indices.shape
    return _png(width_px, height_px, _INDEXED, 0, indices, (b"PLTE", palette.tobytes()))


def _png(
    width_px: int, height_px: int, kind: int, row_filter: int, rows: NDArray[np.uint8], *more: tuple[bytes, bytes]
) -> bytes:
    filtered = np.hstack((np.full((height_px, 1), row_filter, dtype=np.uint8), rows))
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), *more, (b"IDAT", zlib.compress(filtered.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _blend(area: NDArray[np.float32], coverage: NDArray[np.float64], color: str) -> None:
    ink = np.array([int(color[first : first + 2], 16) for first in (1, 3, 5)], dtype=np.float32)
    area += (ink - area) * coverage[:, :, None].astype(np.float32)


def _paint_box(canvas: NDArray[np.float32], box: Box, scale: int) -> None:
    left, top, right, bottom = (edge * scale for edge in (box.x, box.y, box.x + box.width, box.y + box.height))
    first_x, last_x = max(0, int(left)), min(canvas.shape[1], int(np.ceil(right)))
    first_y, last_y = max(0, int(top)), min(canvas.shape[0], int(np.ceil(bottom)))
    if first_x >= last_x or first_y >= last_y:
        return
    x, y = np.arange(first_x, last_x) + 0.5, np.arange(first_y, last_y) + 0.5
    radius = min(box.radius * scale, (right - left) / 2, (bottom - top) / 2)
    if radius > 0:
        beside = np.abs(x - (left + right) / 2) - ((right - left) / 2 - radius)
        over = np.abs(y - (top + bottom) / 2) - ((bottom - top) / 2 - radius)
        outside = np.hypot(np.maximum(beside, 0)[None, :], np.maximum(over, 0)[:, None])
        inside = np.minimum(np.maximum(beside[None, :], over[:, None]), 0)
        coverage = np.clip(0.5 + radius - outside - inside, 0, 1)
    else:
        across = np.clip(np.minimum(x + 0.5, right) - np.maximum(x - 0.5, left), 0, 1)
        down = np.clip(np.minimum(y + 0.5, bottom) - np.maximum(y - 0.5, top), 0, 1)
        coverage = down[:, None] * across[None, :]
    _blend(canvas[first_y:last_y, first_x:last_x], coverage * box.opacity, box.color)


def _paint_text(canvas: NDArray[np.float32], text: Text, scale: int) -> None:
    unit = text.size * _CAPITALS / CAPITAL_HEIGHT * scale
    start = (text.x - text.anchor * text_width(text.text, text.size)) * scale
    radius = (_BOLD_STROKE if text.bold else _STROKE) / 2 * unit
    ends = segments(text.text) * np.array((unit, -unit) * 2) + np.array((start, text.y * scale) * 2)
    if not len(ends):
        return
    low = np.floor(np.minimum(ends[:, :2], ends[:, 2:]).min(axis=0) - radius - 1).astype(int)
    high = np.ceil(np.maximum(ends[:, :2], ends[:, 2:]).max(axis=0) + radius + 1).astype(int)
    low, high = np.maximum(low, 0), np.minimum(high, (canvas.shape[1], canvas.shape[0]))
    if (low >= high).any():
        return
    distance = np.full((high[1] - low[1], high[0] - low[0]), np.inf)
    for piece in ends - np.tile(low, 2):
        _approach(distance, piece, radius + 1)
    coverage = np.clip(radius + 0.5 - distance, 0, 1)
    _blend(canvas[low[1] : high[1], low[0] : high[0]], coverage, text.color)


def _approach(distance: NDArray[np.float64], piece: NDArray[np.float64], reach: float) -> None:
    """Lower the distances of pixel centres near a straight piece, x and y of both ends, to those from it."""
    start, end = piece[:2], piece[2:]
    first_x, first_y = np.maximum(np.floor(np.minimum(start, end) - reach), 0).astype(int)
    last_x, last_y = np.ceil(np.maximum(start, end) + reach).astype(int)
    part = distance[first_y:last_y, first_x:last_x]
    x = np.arange(first_x, first_x + part.shape[1]) + 0.5 - start[0]
    y = (np.arange(first_y, first_y + part.shape[0]) + 0.5 - start[1])[:, None]
    run, rise = end - start
    along = np.clip((x * run + y * rise) / max(run**2 + rise**2, 1e-12), 0, 1)
    np.minimum(part, np.hypot(x - along * run, y - along * rise), out=part)
