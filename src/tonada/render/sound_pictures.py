"""Pictures of sound: waveforms and spectrograms, as SVG files that need nothing else."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tonada.audio.clip import Clip
from tonada.charts import ticks
from tonada.errors import ConfigError
from tonada.files import write_text
from tonada.render.scene import Area, Box, Image, Text, encode_indexed_png, text_width, to_svg

ORIGINAL_COLOR, DECODED_COLOR = "#0072b2", "#d55e00"
"""Blue and vermilion of Okabe and Ito's palette, which people with any colour vision tell apart."""

RANGE_DB = 80.0
"""Spectrograms are black so far below the loudest point of the original, and below that."""

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 52, 12, 34, 40
_INNER = _WIDTH - _LEFT - _RIGHT
_WAVE_PX, _SPECTRUM_PX, _GAP_PX = 110, 128, 26
_COLUMNS, _ROWS = 320, 96  # of a spectrogram's image, which is stretched: a third of the file's size at full resolution
_WINDOW_S = 0.046  # 1024 samples at 22 050 Hz
_TEXT, _TITLE = 11.0, 15.0
_INK, _SOFT_INK, _LINE, _EDGE = "#1f2933", "#5f6b7a", "#e3e7ec", "#c3cad3"
_SHADES = 64
_RAMP = ("#000008", "#2a1466", "#7c2275", "#c94a55", "#f08c3c", "#f8ce5d", "#fffbe0")  # each lighter than the last
_FREQUENCIES_HZ = (100, 300, 1000, 2000, 5000, 10_000, 20_000)


def draw_comparison(original: Clip, decoded: Clip, path: Path, *, title: str | None = None) -> None:
    """Draw what a model made of a clip: both waveforms, one over the other, and both spectrograms below.

    Parameters
    ----------
    original, decoded
        The two; channels are averaged. They may differ in length and rate: the time axis holds the longer one.
    path
        Where to; .svg.
    title
        A line above; None for none.

    Raises
    ------
    ConfigError
        The suffix is not .svg.
    DataError
        The file cannot be written.
    ResourceError
        The disk is full.
    """
    _require_svg(path)
    write_text(path, comparison_svg(original, decoded, title=title))


def draw_spectrogram(clip: Clip, path: Path, *, title: str | None = None) -> None:
    """Draw the spectrogram of a clip.

    Parameters
    ----------
    clip
        Channels are averaged.
    path
        Where to; .svg.
    title
        A line above; None for none.

    Raises
    ------
    ConfigError
        The suffix is not .svg.
    DataError
        The file cannot be written.
    ResourceError
        The disk is full.
    """
    _require_svg(path)
    picture = _Picture(clip.duration_s)
    picture.heading(title, ())
    picture.spectrogram(clip, _peak_power(clip), "")
    write_text(path, picture.svg(f"Spectrogram{f' of {title}' if title else ''}, {clip.duration_s:.2f} s"))


def comparison_svg(original: Clip, decoded: Clip, *, title: str | None = None) -> str:
    """Give the picture of `draw_comparison` as SVG text.

    Parameters
    ----------
    original, decoded
        The two clips.
    title
        A line above; None for none.
    """
    picture = _Picture(max(original.duration_s, decoded.duration_s))
    picture.heading(title, (("original", ORIGINAL_COLOR), ("decoded", DECODED_COLOR)))
    picture.waveforms(((original, ORIGINAL_COLOR, 1.0), (decoded, DECODED_COLOR, 0.6)))
    # One scale for both, or a copy that is far too soft would look like a good one.
    peak = _peak_power(original) or _peak_power(decoded)
    picture.spectrogram(original, peak, "original")
    picture.spectrogram(decoded, peak, "decoded")
    return picture.svg(
        f"Waveforms, one over the other, and spectrograms of original and decoded sound"
        f"{f': {title}' if title else ''}, {original.duration_s:.2f} s"
    )


def _require_svg(path: Path) -> None:
    if path.suffix.lower() != ".svg":
        raise ConfigError(f"{path}: pictures of sound are drawn as .svg, not as '{path.suffix}'")


class _Picture:
    """Panels one below the other, over one time axis."""

    def __init__(self, duration_s: float) -> None:
        self.duration_s = max(duration_s, 1e-6)
        self.y = _TOP
        self.parts: list[Box | Text | Area | Image] = []

    def heading(self, title: str | None, legend: tuple[tuple[str, str], ...]) -> None:
        right = float(_WIDTH - _RIGHT)
        for name, color in reversed(legend):
            right -= text_width(name, _TEXT) * 1.08
            self.parts.append(Text(right, 20, name, _TEXT, _INK))
            self.parts.append(Box(right - 18, 11, 12, 9, color, 0.9, 2))
            right -= 32
        if title:
            room = right - _LEFT
            while text_width(title, _TITLE) > room and len(title) > 1:
                title = title.rstrip("…")[:-1].rstrip() + "…"
            self.parts.append(Text(_LEFT, 21, title, _TITLE, _INK, bold=True))

    def waveforms(self, clips: tuple[tuple[Clip, str, float], ...]) -> None:
        """Draw waveforms over each other; the axis holds the loudest, full scale being 1."""
        top, middle = self.y, self.y + _WAVE_PX / 2
        waves = [(_mono(clip), clip, color, opacity) for clip, color, opacity in clips]
        loudest = max((float(np.abs(wave).max(initial=0.0)) for wave, *_ in waves), default=0.0) or 1.0
        scale = (_WAVE_PX / 2 - 3) / loudest
        self.parts.append(Box(_LEFT, middle - 0.5, _INNER, 1, _LINE))
        for value in (loudest, 0.0, -loudest):
            self.parts.append(Text(_LEFT - 6, middle - value * scale + 4, f"{value:.2g}", _TEXT, _SOFT_INK, anchor=1.0))
        for wave, clip, color, opacity in waves:
            if wave.size:
                self.parts.append(Area(self._outline(wave, clip.duration_s, middle, scale), color, opacity))
        self._close(top, _WAVE_PX)

    def _outline(
        self, wave: NDArray[np.float64], duration_s: float, middle: float, scale: float
    ) -> list[tuple[float, float]]:
        """Give the waveform's upper edge, and its lower edge backwards: one point a pixel at most."""
        width = _INNER * duration_s / self.duration_s
        columns = max(1, min(round(width), wave.size))
        starts = np.arange(columns) * wave.size // columns
        high, low = np.maximum.reduceat(wave, starts), np.minimum.reduceat(wave, starts)
        x = _LEFT + (np.arange(columns) + 0.5) * width / columns
        upper = list(zip(x.tolist(), (middle - high * scale).tolist(), strict=True))
        lower = list(zip(x.tolist(), (middle - low * scale).tolist(), strict=True))
        return [*upper, *reversed(lower)]

    def spectrogram(self, clip: Clip, peak: float, name: str) -> None:
        """Draw a spectrogram, its frequencies as wide as the ear hears them apart (mel)."""
        if name:
            self.parts.append(Text(_LEFT, self.y - 6, name, _TEXT, _INK))
        top, nyquist_hz = self.y, clip.sample_rate / 2
        width = _INNER * clip.duration_s / self.duration_s
        self.parts.append(Box(_LEFT, top, _INNER, _SPECTRUM_PX, _RAMP[0]))
        if clip.samples.shape[1]:
            self.parts.append(Image(_LEFT, top, width, _SPECTRUM_PX, _spectrogram_png(clip, peak)))
        for frequency_hz in _FREQUENCIES_HZ:
            if frequency_hz < nyquist_hz:
                y = top + _SPECTRUM_PX * (1 - _mel(frequency_hz) / _mel(nyquist_hz))
                self.parts.append(Box(_LEFT - 4, y - 0.5, 4, 1, _EDGE))
                if y - top > 8:  # the unit stands there
                    label = f"{frequency_hz / 1000:g}"
                    self.parts.append(Text(_LEFT - 6, y + 4, label, _TEXT, _SOFT_INK, anchor=1.0))
        self.parts.append(Text(_LEFT - 6, top + 4, "kHz", _TEXT, _SOFT_INK, anchor=1.0))
        self._close(top, _SPECTRUM_PX)

    def _close(self, top: int, height: int) -> None:
        for x, y, wide, high in ((_LEFT - 1, top, 1, height), (_LEFT, top + height, _INNER, 1)):
            self.parts.append(Box(x, y, wide, high, _EDGE))
        self.y = top + height + _GAP_PX

    def svg(self, description: str) -> str:
        bottom = self.y - _GAP_PX
        for tick in ticks(0, self.duration_s):
            if tick <= self.duration_s * 1.001:
                x = _LEFT + _INNER * tick / self.duration_s
                self.parts.append(Box(x - 0.5, bottom, 1, 4, _EDGE))
                self.parts.append(Text(x, bottom + 16, f"{tick:.4g}", _TEXT, _SOFT_INK, anchor=0.5))
        self.parts.append(Text(_LEFT + _INNER / 2, bottom + 32, "seconds", _TEXT, _SOFT_INK, anchor=0.5))
        height = bottom + _BOTTOM
        parts = [Box(0, 0, _WIDTH, height, "#ffffff"), *self.parts]
        return to_svg(parts, width_px=_WIDTH, height_px=height, description=description)


def _mono(clip: Clip) -> NDArray[np.float64]:
    return np.asarray(clip.samples.mean(axis=0, dtype=np.float64))


def _mel(frequency_hz: float) -> float:
    """Place a frequency on the mel scale (O'Shaughnessy 1987)."""
    return 2595 * math.log10(1 + frequency_hz / 700)


def _power(clip: Clip) -> NDArray[np.float64]:
    """Give short-time power, float64 [columns, bins]: columns spread evenly, as many as the picture has at most."""
    wave = _mono(clip)
    size = max(16, 2 ** round(math.log2(clip.sample_rate * _WINDOW_S)))
    columns = max(1, min(_COLUMNS, -(-2 * wave.size // size)))
    padded = np.pad(wave, (size // 2, size))
    window = np.hanning(size + 1)[:-1]
    power = np.zeros((columns, size // 2 + 1))
    edges = np.arange(columns + 1) * wave.size // columns
    for column in range(columns):
        # A column that is wider than a window is the mean of windows half over each other.
        starts = np.arange(edges[column], max(edges[column + 1], edges[column] + 1), size // 2)
        frames = padded[starts[:, None] + np.arange(size)] * window
        power[column] = (np.abs(np.fft.rfft(frames)) ** 2).mean(axis=0)
    return power


def _peak_power(clip: Clip) -> float:
    return float(_power(clip).max()) if clip.samples.shape[1] else 0.0


def _spectrogram_png(clip: Clip, peak: float) -> bytes:
    power = _power(clip)
    edges_mel = np.linspace(0, _mel(clip.sample_rate / 2), _ROWS + 1)
    edges = 700 * (10 ** (edges_mel / 2595) - 1) / (clip.sample_rate / 2) * (power.shape[1] - 1)
    # The mean over each row's band, however narrow: differences of the running integral, between bins a straight line.
    integral = np.zeros_like(power)
    np.cumsum((power[:, 1:] + power[:, :-1]) / 2, axis=1, out=integral[:, 1:])
    at = np.array([np.interp(edges, np.arange(power.shape[1]), row) for row in integral])
    rows = np.diff(at, axis=1) / np.diff(edges)
    level_db = 10 * np.log10(np.maximum(rows / (peak or 1.0), 1e-30))
    shade = np.clip((level_db + RANGE_DB) / RANGE_DB * (_SHADES - 1), 0, _SHADES - 1)
    return encode_indexed_png(np.rint(shade).astype(np.uint8).T[::-1], palette())


def palette() -> NDArray[np.uint8]:
    """Give the colours of a spectrogram from soft to loud, each lighter than the last: uint8 [64, 3]."""
    stops = np.array([[int(color[first : first + 2], 16) for first in (1, 3, 5)] for color in _RAMP], dtype=np.float64)
    at = np.linspace(0, len(stops) - 1, _SHADES)
    colors = np.stack([np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)], axis=1)
    return np.rint(colors).astype(np.uint8)
