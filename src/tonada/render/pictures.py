"""Pictures of notes: the piano roll, as PNG or SVG."""

from __future__ import annotations

import math
from pathlib import Path

from tonada.errors import ConfigError
from tonada.files import write_bytes, write_text
from tonada.render.scene import Box, Text, text_width, to_png, to_svg
from tonada.symbolic.notes import Notes

SUFFIXES = (".png", ".svg")
"""What can be drawn."""

PROMPT_COLOR, CONTINUATION_COLOR = "#0072b2", "#d55e00"
"""Blue and vermilion of Okabe and Ito's palette, which people with any colour vision tell apart."""

_PX_PER_S = 20.0
_NARROWEST, _WIDEST = 560, 1400  # of the roll itself, in pixels; a long piece is squeezed
_ROWS_PX = 360
_LOWEST_ROW_PX, _HIGHEST_ROW_PX = 4, 8
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 48, 44
_KEY_PX = 22  # width of the keyboard at the left
_SHORTEST_PX = 1.6
_FAINTEST = 0.3
_TEXT, _TITLE = 12.0, 16.0
_INK, _SOFT_INK = "#1f2933", "#5f6b7a"
_WHITE_ROW, _BLACK_ROW, _LINE, _OCTAVE_LINE = "#ffffff", "#f2f4f7", "#e3e7ec", "#c3cad3"
_CONTINUATION_TINT = 0.06
_BLACK_KEYS = (1, 3, 6, 8, 10)
_TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18_000, 36_000)
_TICK_GAP_PX = 64


def draw_roll(notes: Notes, path: Path, *, continuation_from_s: float | None = None, title: str | None = None) -> None:
    """Draw notes as a piano roll: time to the right, pitch upward, loud notes strong and soft ones pale.

    Parameters
    ----------
    notes
        What to draw. Without any, an empty roll is drawn.
    path
        Where to; .png (two pixels per pixel of the picture, sharp on dense screens) or .svg.
    continuation_from_s
        Notes that begin then or later, in seconds, are a continuation and get the second colour, and a legend tells
        the two apart; None for one colour.
    title
        A line above the roll; None for none.

    Raises
    ------
    ConfigError
        The suffix is none of ``SUFFIXES``.
    DataError
        The file cannot be written.
    ResourceError
        The disk is full.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{path}: cannot draw as '{path.suffix}'. Try {' or '.join(SUFFIXES)}")
    view = _View(notes)
    parts = [*view.background(), *view.notes(notes, continuation_from_s), *view.frame()]
    parts += view.heading(title, continuation_from_s is not None)
    if suffix == ".svg":
        description = (
            f"Piano roll{f' of {title}' if title else ''}: {len(notes)} notes, {view.end_s - view.start_s:g} s"
        )
        write_text(path, to_svg(parts, width_px=view.width, height_px=view.height, description=description))
    else:
        write_bytes(path, to_png(parts, width_px=view.width, height_px=view.height))


class _View:
    """Where things are: from seconds and pitches to pixels."""

    def __init__(self, notes: Notes) -> None:
        first, last = (int(notes.pitch.min()), int(notes.pitch.max())) if len(notes) else (60, 71)
        # Whole octaves, three at least: a tune in one octave is not blown up.
        low, high = first // 12, last // 12 + 1
        while high - low < 3:
            low, high = (low - 1, high) if high * 12 - last > first - low * 12 and low > 0 else (low, high + 1)
        self.low_pitch, self.high_pitch = low * 12, min(high * 12, 128)
        self.start_s = min(0.0, math.floor(notes.onset_s.min())) if len(notes) else 0.0
        length_s = max(notes.end_s - self.start_s, 1.0)
        inner = min(max(round(length_s * _PX_PER_S), _NARROWEST), _WIDEST)
        self.tick_s = next((tick for tick in _TICKS_S if tick * inner / length_s >= _TICK_GAP_PX), _TICKS_S[-1])
        self.end_s = self.start_s + length_s
        self.px_per_s = inner / length_s
        rows = self.high_pitch - self.low_pitch
        self.row = min(max(_ROWS_PX // rows, _LOWEST_ROW_PX), _HIGHEST_ROW_PX)
        self.right, self.bottom = _LEFT + inner, _TOP + rows * self.row
        self.width, self.height = self.right + _RIGHT, self.bottom + _BOTTOM

    def x(self, seconds: float) -> float:
        return _LEFT + (seconds - self.start_s) * self.px_per_s

    def y(self, pitch: int) -> float:
        """Give the top of a pitch's row."""
        return _TOP + (self.high_pitch - 1 - pitch) * self.row

    def background(self) -> list[Box | Text]:
        inner = self.right - _LEFT
        parts: list[Box | Text] = [Box(0, 0, self.width, self.height, "#ffffff")]
        for pitch in range(self.low_pitch, self.high_pitch):
            black = pitch % 12 in _BLACK_KEYS
            if black:
                parts.append(Box(_LEFT, self.y(pitch), inner, self.row, _BLACK_ROW))
                parts.append(Box(_LEFT - _KEY_PX, self.y(pitch), _KEY_PX * 0.62, self.row, _INK))
        for tick in self._ticks():
            parts.append(Box(round(self.x(tick)) - 0.5, _TOP, 1, self.bottom - _TOP, _LINE))
        for pitch in range(self.low_pitch, self.high_pitch):
            line_y = self.y(pitch) + self.row - 0.5
            if pitch % 12 == 0:
                parts.append(Box(_LEFT - _KEY_PX, line_y, inner + _KEY_PX, 1, _OCTAVE_LINE))
                label = f"C{pitch // 12 - 1}"
                baseline = line_y - self.row / 2 + 4.5
                parts.append(Text(_LEFT - _KEY_PX - 8, baseline, label, _TEXT, _SOFT_INK, anchor=1.0))
            elif pitch % 12 == 5:
                parts.append(Box(_LEFT - _KEY_PX, line_y, _KEY_PX, 1, _OCTAVE_LINE))
        return parts

    def notes(self, notes: Notes, continuation_from_s: float | None) -> list[Box | Text]:
        parts: list[Box | Text] = []
        if continuation_from_s is not None and continuation_from_s < self.end_s:
            left = self.x(max(continuation_from_s, self.start_s))
            height = self.bottom - _TOP
            parts.append(Box(left, _TOP, self.right - left, height, CONTINUATION_COLOR, _CONTINUATION_TINT))
            parts.append(Box(left - 0.75, _TOP, 1.5, height, CONTINUATION_COLOR, 0.7))
        columns = (notes.onset_s, notes.duration_s, notes.pitch, notes.velocity)
        for onset_s, duration_s, pitch, velocity in zip(*(column.tolist() for column in columns), strict=True):
            continued = continuation_from_s is not None and onset_s >= continuation_from_s
            # A hair less than its length, so that a repeated note is seen to be struck again.
            length = max(duration_s * self.px_per_s - 0.5, _SHORTEST_PX)
            parts.append(
                Box(
                    self.x(onset_s),
                    self.y(pitch) + 0.25,
                    length,
                    self.row - 0.5,
                    CONTINUATION_COLOR if continued else PROMPT_COLOR,
                    _FAINTEST + (1 - _FAINTEST) * velocity / 127,
                    min(1.5, length / 2),
                )
            )
        return parts

    def frame(self) -> list[Box | Text]:
        """Draw the edges and the time axis."""
        inner, height = self.right - _LEFT, self.bottom - _TOP
        edges = [(_LEFT - _KEY_PX, _TOP, 1, height), (_LEFT - 0.5, _TOP, 1, height), (self.right - 1, _TOP, 1, height)]
        edges += [(_LEFT - _KEY_PX, edge, inner + _KEY_PX, 1) for edge in (_TOP, self.bottom - 1)]
        parts: list[Box | Text] = [Box(*edge, _OCTAVE_LINE) for edge in edges]
        for tick in self._ticks():
            parts.append(Box(round(self.x(tick)) - 0.5, self.bottom, 1, 4, _OCTAVE_LINE))
            parts.append(Text(self.x(tick), self.bottom + 17, self._time(tick), _TEXT, _SOFT_INK, anchor=0.5))
        unit = "minutes : seconds" if self.tick_s >= 60 or self.end_s >= 180 else "seconds"
        parts.append(Text(_LEFT + inner / 2, self.height - 9, unit, _TEXT, _SOFT_INK, anchor=0.5))
        return parts

    def heading(self, title: str | None, legend: bool) -> list[Box | Text]:
        parts: list[Box | Text] = []
        left = self.right + 0.0
        if legend:
            for name, color in (("continuation", CONTINUATION_COLOR), ("prompt", PROMPT_COLOR)):
                left -= text_width(name, _TEXT) * 1.08
                parts.append(Text(left, 30, name, _TEXT, _INK))
                left -= 20
                parts.append(Box(left, 21, 14, 9, color, 0.9, 2))
                left -= 20
        if title:
            room = left - _LEFT + _KEY_PX
            parts.append(Text(_LEFT - _KEY_PX, 31, _shortened(title, room), _TITLE, _INK, bold=True))
        return parts

    def _ticks(self) -> list[float]:
        first = math.ceil(self.start_s / self.tick_s)
        last = math.floor(self.end_s / self.tick_s + 0.005)  # the last tick is shown when all but reached
        return [number * self.tick_s for number in range(first, last + 1)]

    def _time(self, seconds: float) -> str:
        if self.tick_s >= 60 or self.end_s >= 180:
            whole = round(seconds)
            return f"{'-' * (whole < 0)}{abs(whole) // 60}:{abs(whole) % 60:02d}"
        return f"{seconds:.6g}"


def _shortened(title: str, room_px: float) -> str:
    """Cut a title to the room there is."""
    if text_width(title, _TITLE) <= room_px:
        return title
    kept = title
    while kept and text_width(kept + "…", _TITLE) > room_px:
        kept = kept[:-1]
    return kept.rstrip() + "…"
