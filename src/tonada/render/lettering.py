"""Letters for pictures that are made of pixels: a single-line alphabet, drawn for Tonada.

A glyph is strokes in a small path language (M L H V C Z as in SVG, absolute, y upward) on a grid where the baseline is
0, small letters are 5 high and capitals 7. Letters with accents are put together from letter and mark.
"""

from __future__ import annotations

import functools
import re
import unicodedata

import numpy as np
from numpy.typing import NDArray

CAPITAL_HEIGHT = 7.0
"""Height of capitals and digits, in units of the grid."""

_SPACING = 1.5
_CURVE_STEPS = 8
_BOWL_LEFT = "M3.4 3.6C3.1 4.5 2.5 5 1.8 5C.7 5 0 4 0 2.5C0 1 .7 0 1.8 0C2.5 0 3.1 .5 3.4 1.4"
_BOWL_RIGHT = "M0 3.6C.3 4.5 .9 5 1.6 5C2.7 5 3.4 4 3.4 2.5C3.4 1 2.7 0 1.6 0C.9 0 .3 .5 0 1.4"
_ROUND = "M0 3.5C0 1.3 1 0 2.5 0C4 0 5 1.3 5 3.5C5 5.7 4 7 2.5 7C1 7 0 5.7 0 3.5Z"
_LOOP = "M0 0V7H2.1C3.4 7 4 6.2 4 5.1C4 4 3.4 3.2 2.1 3.2H0"
# Character → width, strokes.
_GLYPHS: dict[str, tuple[float, str]] = {
    "0": (4, "M0 2.2V4.8C0 6.3 .8 7 2 7C3.2 7 4 6.3 4 4.8V2.2C4 .7 3.2 0 2 0C.8 0 0 .7 0 2.2Z"),
    "1": (4, "M.9 5.7L2.5 7V0"),
    "2": (4, "M.1 5.2C.1 6.3 .9 7 2 7C3.1 7 3.9 6.3 3.9 5.2C3.9 3.2 1.4 2.2 0 0H4"),
    "3": (
        4,
        "M.2 5.7C.5 6.5 1.1 7 2 7C3.1 7 3.8 6.3 3.8 5.4C3.8 4.4 3 3.8 1.6 3.8"
        "C3.2 3.8 4 3 4 1.9C4 .8 3.2 0 2 0C1 0 .3 .5 0 1.4",
    ),
    "4": (4, "M3 0V7L0 1.8H4"),
    "5": (4, "M3.7 7H.6L.3 3.7C.7 4.1 1.3 4.4 2 4.4C3.2 4.4 4 3.5 4 2.2C4 .9 3.2 0 2 0C1 0 .3 .5 0 1.3"),
    "6": (
        4,
        "M3.6 6C3.3 6.6 2.8 7 2.1 7C.8 7 0 5.7 0 3.2V2.3C0 .9 .8 0 2 0C3.2 0 4 .9 4 2.2"
        "C4 3.5 3.2 4.3 2 4.3C.9 4.3 .1 3.5 0 2.4",
    ),
    "7": (4, "M0 7H4L1.4 0"),
    "8": (
        4,
        "M2 3.8C.9 3.8 .3 4.5 .3 5.4C.3 6.3 .9 7 2 7C3.1 7 3.7 6.3 3.7 5.4C3.7 4.5 3.1 3.8 2 3.8"
        "C.7 3.8 0 3 0 1.9C0 .8 .7 0 2 0C3.3 0 4 .8 4 1.9C4 3 3.3 3.8 2 3.8",
    ),
    "9": (
        4,
        "M.4 1C.7 .4 1.2 0 1.9 0C3.2 0 4 1.3 4 3.8V4.7C4 6.1 3.2 7 2 7C.8 7 0 6.1 0 4.8"
        "C0 3.5 .8 2.7 2 2.7C3.1 2.7 3.9 3.5 4 4.6",
    ),
    "A": (4.6, "M0 0L2.3 7L4.6 0M.8 2.4H3.8"),
    "B": (
        4.2,
        "M0 3.8H2.2C3.4 3.8 4 4.4 4 5.4C4 6.4 3.4 7 2.2 7H0V0H2.2C3.5 0 4.2 .7 4.2 1.9C4.2 3 3.6 3.8 2.2 3.8",
    ),
    "C": (4.4, "M4.4 5.6C4.1 6.4 3.4 7 2.4 7C.9 7 0 5.7 0 3.5C0 1.3 .9 0 2.4 0C3.4 0 4.1 .6 4.4 1.4"),
    "D": (4.4, "M0 0V7H1.8C3.5 7 4.4 5.8 4.4 3.5C4.4 1.2 3.5 0 1.8 0Z"),
    "E": (3.6, "M3.6 7H0V0H3.6M0 3.7H3.1"),
    "F": (3.6, "M3.6 7H0V0M0 3.6H3.1"),
    "G": (4.6, "M4.4 5.7C4.1 6.5 3.4 7 2.4 7C.9 7 0 5.7 0 3.5C0 1.3 .9 0 2.4 0C3.7 0 4.6 .9 4.6 2.3V3.2H2.6"),
    "H": (4.4, "M0 0V7M4.4 0V7M0 3.7H4.4"),
    "I": (0, "M0 0V7"),
    "J": (2.8, "M2.8 7V1.9C2.8 .7 2.3 0 1.4 0C.7 0 .2 .4 0 1.1"),
    "K": (4.2, "M0 0V7M4 7L0 2.6M1.4 4.1L4.2 0"),
    "L": (3.4, "M0 7V0H3.4"),
    "M": (5.2, "M0 0V7L2.6 2.2L5.2 7V0"),
    "N": (4.4, "M0 0V7L4.4 0V7"),
    "O": (5, _ROUND),
    "P": (4, _LOOP),
    "Q": (5, _ROUND + "M3.2 1.5L5 -.3"),
    "R": (4.2, _LOOP + "M2.2 3.2L4.2 0"),
    "S": (
        4,
        "M3.8 5.7C3.5 6.5 2.9 7 2 7C.9 7 .2 6.3 .2 5.4C.2 4.4 1 4 2 3.7C3.1 3.4 4 2.9 4 1.8C4 .7 3.2 0 2 0"
        "C1 0 .3 .5 0 1.3",
    ),
    "T": (4.4, "M0 7H4.4M2.2 7V0"),
    "U": (4.4, "M0 7V2.4C0 .8 .8 0 2.2 0C3.6 0 4.4 .8 4.4 2.4V7"),
    "V": (4.6, "M0 7L2.3 0L4.6 7"),
    "W": (6.4, "M0 7L1.7 0L3.2 6L4.7 0L6.4 7"),
    "X": (4.4, "M0 7L4.4 0M4.4 7L0 0"),
    "Y": (4.4, "M0 7L2.2 3.4V0M2.2 3.4L4.4 7"),
    "Z": (4.2, "M.1 7H4.1L0 0H4.2"),
    "a": (3.4, "M3.4 5V0" + _BOWL_LEFT),
    "b": (3.4, "M0 7.2V0" + _BOWL_RIGHT),
    "c": (3.2, "M3.2 4C2.9 4.6 2.4 5 1.7 5C.7 5 0 4 0 2.5C0 1 .7 0 1.7 0C2.4 0 2.9 .4 3.2 1"),
    "d": (3.4, "M3.4 7.2V0" + _BOWL_LEFT),
    "e": (3.4, "M0 2.7H3.4C3.4 4.1 2.8 5 1.7 5C.7 5 0 4 0 2.5C0 1 .7 0 1.8 0C2.4 0 3 .3 3.3 .9"),
    "f": (2.2, "M2.3 7C2.1 7.1 1.9 7.2 1.7 7.2C1.1 7.2 .8 6.8 .8 6V0M0 4.8H2"),
    "g": (3.4, _BOWL_LEFT + "M3.4 5V-.3C3.4 -1.4 2.8 -2 1.7 -2C1.1 -2 .6 -1.8 .2 -1.4"),
    "h": (3.2, "M0 7.2V0M0 3.4C.2 4.4 .9 5 1.7 5C2.7 5 3.2 4.3 3.2 3.2V0"),
    "i": (0, "M0 5V0M0 6.8V6.9"),
    "j": (1, "M1 5V-.9C1 -1.6 .7 -2 0 -2M1 6.8V6.9"),
    "k": (3, "M0 7.2V0M2.8 5L0 1.9M1 3L3 0"),
    "l": (0, "M0 7.2V0"),
    "m": (
        5.4,
        "M0 5V0M0 3.6C.2 4.5 .7 5 1.4 5C2.3 5 2.7 4.4 2.7 3.4V0M2.7 3.6C2.9 4.5 3.4 5 4.1 5C5 5 5.4 4.4 5.4 3.4V0",
    ),
    "n": (3.2, "M0 5V0M0 3.4C.2 4.4 .9 5 1.7 5C2.7 5 3.2 4.3 3.2 3.2V0"),
    "o": (3.6, "M0 2.5C0 1 .7 0 1.8 0C2.9 0 3.6 1 3.6 2.5C3.6 4 2.9 5 1.8 5C.7 5 0 4 0 2.5Z"),
    "p": (3.4, "M0 5V-2" + _BOWL_RIGHT),
    "q": (3.4, "M3.4 5V-2" + _BOWL_LEFT),
    "r": (2, "M0 5V0M0 3.2C.2 4.3 .8 5 1.6 5C1.8 5 2 5 2.1 4.9"),
    "s": (
        3,
        "M2.8 4.1C2.6 4.7 2.1 5 1.5 5C.7 5 .1 4.6 .1 3.8C.1 3 .8 2.8 1.5 2.6C2.3 2.4 3 2.2 3 1.3C3 .5 2.4 0 1.5 0"
        "C.8 0 .2 .3 0 1",
    ),
    "t": (2.2, "M.8 6.5V1.2C.8 .4 1.1 0 1.7 0C1.9 0 2.1 .1 2.3 .2M0 4.9H2.1"),
    "u": (3.2, "M0 5V1.8C0 .7 .5 0 1.5 0C2.3 0 3 .6 3.2 1.6M3.2 5V0"),
    "v": (3.4, "M0 5L1.7 0L3.4 5"),
    "w": (5, "M0 5L1.3 0L2.5 4.2L3.7 0L5 5"),
    "x": (3.2, "M0 5L3.2 0M3.2 5L0 0"),
    "y": (3.4, "M0 5L1.7 .1M3.4 5L1.5 -1C1.2 -1.7 .8 -2 .2 -2"),
    "z": (3, "M.1 5H2.9L0 0H3"),
    "ß": (
        3.4,
        "M0 0V5.6C0 6.6 .6 7.2 1.5 7.2C2.4 7.2 3 6.6 3 5.8C3 4.9 2.2 4.5 2.2 3.8C2.2 3 3.4 2.6 3.4 1.4"
        "C3.4 .5 2.8 0 2 0L1.4 .2",
    ),
    " ": (1.2, ""),
    ".": (0, "M0 0V.1"),
    ",": (0.3, "M.3 .1L0 -1"),
    ":": (0, "M0 0V.1M0 4V4.1"),
    ";": (0.3, "M.3 .1L0 -1M.3 4V4.1"),
    "-": (2, "M0 2.6H2"),
    "–": (3, "M0 2.6H3"),
    "—": (4.6, "M0 2.6H4.6"),
    "_": (4, "M0 -.6H4"),
    "'": (0, "M0 7V5.6"),
    '"': (1.2, "M0 7V5.6M1.2 7V5.6"),
    "!": (0, "M0 7V2.2M0 0V.1"),
    "?": (3.4, "M0 5.6C.2 6.5 .8 7 1.7 7C2.7 7 3.4 6.4 3.4 5.4C3.4 4 1.7 3.8 1.7 2.2M1.7 0V.1"),
    "(": (1.4, "M1.4 7.6C.4 6.4 0 4.8 0 3C0 1.2 .4 -.4 1.4 -1.6"),
    ")": (1.4, "M0 7.6C1 6.4 1.4 4.8 1.4 3C1.4 1.2 1 -.4 0 -1.6"),
    "[": (1.3, "M1.3 7.6H0V-1.4H1.3"),
    "]": (1.3, "M0 7.6H1.3V-1.4H0"),
    "/": (2.4, "M0 -.6L2.4 7.4"),
    "&": (
        4.6,
        "M4.6 0L1 4.6C.6 5.1 .5 5.4 .5 5.8C.5 6.5 1.1 7 1.8 7C2.5 7 3.1 6.5 3.1 5.8C3.1 4.9 2.2 4.4 1.4 3.9"
        "C.6 3.4 0 2.8 0 1.8C0 .7 .8 0 1.9 0C3.3 0 4.4 1.1 4.4 3",
    ),
    "+": (3.6, "M0 3H3.6M1.8 4.8V1.2"),
    "=": (3.6, "M0 3.9H3.6M0 2.1H3.6"),
    "*": (2.6, "M1.3 7V4.4M.2 6.4L2.4 5M2.4 6.4L.2 5"),
    "%": (5, "M.9 0L4.1 7M0 5.6V5.7M5 1.3V1.4"),
    "#": (4, "M1.4 7L.6 0M3.4 7L2.6 0M.2 4.7H4M0 2.3H3.8"),
    "·": (0, "M0 3V3.1"),
    "…": (4, "M0 0V.1M2 0V.1M4 0V.1"),
}
_SAME = {
    "\u2019": "'",
    "\u2018": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u2212": "–",  # minus
    "\u2011": "-",  # no line break
    "\u00a0": " ",  # no line break
}
# Combining mark → strokes around x = 0, y = 0 at the top of the letter.
_MARKS = {
    "\u0300": "M-.7 2.2L.5 1",
    "\u0301": "M.7 2.2L-.5 1",
    "\u0302": "M-1.1 1L0 2.2L1.1 1",
    "\u0303": "M-1.3 1.2C-1 2 -.6 2 0 1.6C.6 1.2 1 1.2 1.3 2",
    "\u0304": "M-1.2 1.5H1.2",
    "\u0306": "M-1.1 2.1C-.8 .9 .8 .9 1.1 2.1",
    "\u0307": "M0 1.6V1.7",
    "\u0308": "M-.9 1.5V1.6M.9 1.5V1.6",
    "\u030a": "M0 .9C1 .9 1 2.4 0 2.4C-1 2.4 -1 .9 0 .9Z",
    "\u030b": "M-.2 2.2L-1 1M1.3 2.2L.5 1",
    "\u030c": "M-1.1 2.2L0 1L1.1 2.2",
}
_TOKEN = re.compile(r"[MLHVCZ]|-?(?:\d+\.?\d*|\.\d+)")


def width(text: str) -> float:
    """Give how wide a text is, in units of the grid."""
    return sum(_glyph(letter)[0] + _SPACING for letter in _letters(text)) - _SPACING if text else 0.0


def segments(text: str) -> NDArray[np.float64]:
    """Give the strokes of a text as straight pieces: float64 [N, 4], x and y of both ends; the text begins at x = 0."""
    pieces, x = [np.zeros((0, 4))], 0.0
    for letter in _letters(text):
        advance, strokes = _glyph(letter)
        pieces.append(strokes + np.array((x, 0.0, x, 0.0)))
        x += advance + _SPACING
    return np.concatenate(pieces)


def _letters(text: str) -> list[str]:
    """Split into letters with their marks behind them; what has no glyph becomes a question mark."""
    letters: list[str] = []
    for char in unicodedata.normalize("NFC", text):
        base = _SAME.get(char, char)
        parts = base if base in _GLYPHS else unicodedata.normalize("NFD", base)
        letters.append(parts if parts[0] in _GLYPHS else "?")
    return letters


@functools.cache
def _glyph(letter: str) -> tuple[float, NDArray[np.float64]]:
    base, marks = letter[0], letter[1:]
    advance, path = _GLYPHS[base]
    if marks and base in "ij":
        path = path[: path.rindex("M")]  # the dot gives way to the mark
    pieces = [_flatten(path)]
    top = 7.0 if base.isupper() else 5.0
    for mark in marks:
        pieces.append(_flatten(_MARKS.get(mark, "")) + np.array((advance / 2, top, advance / 2, top)))
        top += 1.5
    return advance, np.concatenate(pieces)


def _flatten(path: str) -> NDArray[np.float64]:
    """Turn a path into straight pieces; float64 [N, 4]."""
    tokens = iter(_TOKEN.findall(path))
    pieces: list[tuple[float, float, float, float]] = []
    here = start = (0.0, 0.0)

    def number() -> float:
        return float(next(tokens))

    for command in tokens:
        if command == "M":
            here = start = (number(), number())
            continue
        if command == "C":
            control = np.array([here, *((number(), number()) for _ in range(3))])
            t = np.linspace(0, 1, _CURVE_STEPS + 1)[1:, None]
            curve = (1 - t) ** 3 * control[0] + 3 * t * (1 - t) ** 2 * control[1]
            curve = curve + 3 * t**2 * (1 - t) * control[2] + t**3 * control[3]
            points = [(float(x), float(y)) for x, y in curve]
        elif command == "H":
            points = [(number(), here[1])]
        elif command == "V":
            points = [(here[0], number())]
        else:
            points = [(number(), number())] if command == "L" else [start]
        for point in points:
            pieces.append((*here, *point))
            here = point
    return np.array(pieces, dtype=np.float64).reshape(-1, 4)
