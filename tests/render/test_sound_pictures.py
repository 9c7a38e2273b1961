"""Pictures of sound: what is heard is seen, in the right place and colour, in small files."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tonada.audio.clip import Clip
from tonada.errors import ConfigError
from tonada.render.scene import encode_indexed_png
from tonada.render.sound_pictures import (
    DECODED_COLOR,
    ORIGINAL_COLOR,
    comparison_svg,
    draw_comparison,
    draw_spectrogram,
    palette,
)

SVG = "{http://www.w3.org/2000/svg}"
RATE = 22_050


def tone(frequency_hz: float, seconds: float = 2.0, *, level: float = 0.5, rate: int = RATE) -> Clip:
    time = np.arange(round(seconds * rate)) / rate
    return Clip(samples=(level * np.sin(2 * np.pi * frequency_hz * time))[None].astype(np.float32), sample_rate=rate)


def silence(samples: int) -> Clip:
    return Clip(samples=np.zeros((1, samples), np.float32), sample_rate=RATE)


def decode_indexed(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Decode an indexed PNG, checksums and all: indices [height, width], palette [N, 3]."""
    chunks, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size]) == (zlib.crc32(name + body),)
        chunks[name] = body
        at += 12 + size
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 3, 0, 0, 0]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert (rows[:, 0] == 0).all()
    return rows[:, 1:], np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)


def images(svg: str) -> list[np.ndarray]:
    found = re.findall(r'href="data:image/png;base64,([^"]+)"', svg)
    return [decode_indexed(base64.b64decode(text))[0] for text in found]


def areas(svg: str) -> dict[str, np.ndarray]:
    """Give the waveforms' outlines: colour → points [N, 2]."""
    root = ElementTree.fromstring(svg)
    return {
        path.get("fill"): np.array([pair.split() for pair in path.get("d")[1:-1].split("L")], dtype=float)
        for path in root.iter(f"{SVG}path")
    }


def test_indexed_png_is_exact() -> None:
    random = np.random.default_rng(1)
    colors = random.integers(0, 256, (9, 3), dtype=np.uint8)
    indices = random.integers(0, 9, (5, 7), dtype=np.uint8)
    found, table = decode_indexed(encode_indexed_png(indices, colors))
    np.testing.assert_array_equal(found, indices)
    np.testing.assert_array_equal(table, colors)


def test_each_louder_colour_is_lighter() -> None:
    linear = np.where(palette() > 10, ((palette() / 255 + 0.055) / 1.055) ** 2.4, palette() / 255 / 12.92)
    assert (np.diff(linear @ (0.2126, 0.7152, 0.0722)) > 0).all()


def test_a_tone_is_a_line_at_its_frequency(tmp_path: Path) -> None:
    for frequency_hz in (250.0, 1000.0, 4000.0):
        draw_spectrogram(tone(frequency_hz), tmp_path / "tone.svg", title="A & B <tone>")
        text = (tmp_path / "tone.svg").read_text(encoding="utf-8")
        (image,) = images(text)
        middle = image[:, image.shape[1] // 2]
        row = len(middle) - 1 - int(middle.argmax())  # rows go down, frequencies up
        edges = 700 * (np.exp(np.linspace(0, np.log1p(RATE / 2 / 700), len(middle) + 1)) - 1)
        assert edges[row] - 22 <= frequency_hz <= edges[row + 1] + 22  # a bin is 21.5 Hz wide
        assert middle.max() > 55  # of 63: a row is the mean of its band, and high bands are wider than the line
        far = edges[:-1] > frequency_hz * 2
        assert middle[::-1][far].max() <= 3  # side lobes of the window
        assert "A & B <tone>" in {element.text for element in ElementTree.fromstring(text).iter(f"{SVG}text")}


def test_a_sound_is_seen_when_it_is_heard(tmp_path: Path) -> None:
    samples = np.zeros((1, 2 * RATE), np.float32)
    samples[:, RATE : RATE + RATE // 2] = tone(1000, 0.5).samples
    draw_spectrogram(Clip(samples=samples, sample_rate=RATE), tmp_path / "late.svg")
    loud = images((tmp_path / "late.svg").read_text(encoding="utf-8"))[0].max(axis=0) > 40
    seen = np.flatnonzero(loud) / len(loud)
    assert seen.min() == pytest.approx(0.5, abs=0.02)
    assert seen.max() == pytest.approx(0.75, abs=0.02)


def test_comparison_overlays_both_waveforms_on_one_scale(tmp_path: Path) -> None:
    draw_comparison(tone(440, level=0.8), tone(440, level=0.2), tmp_path / "pair.svg", title="Pair")
    text = (tmp_path / "pair.svg").read_text(encoding="utf-8")
    outlines = areas(text)
    heights = {color: np.ptp(points[:, 1]) for color, points in outlines.items()}
    assert heights.keys() == {ORIGINAL_COLOR, DECODED_COLOR}
    assert heights[ORIGINAL_COLOR] == pytest.approx(4 * heights[DECODED_COLOR], rel=0.02)
    texts = [element.text for element in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert {"Pair", "original", "decoded", "0.8", "-0.8", "seconds", "kHz", "5"} <= set(texts)
    assert "2.00 s" in ElementTree.fromstring(text).get("aria-label")
    original, decoded = images(text)
    # 12 dB softer: 12 / 80 of the scale.
    assert int(original.max()) - int(decoded.max()) == pytest.approx(12.04 / 80 * 63, abs=1)


def test_the_shorter_one_ends_where_it_ends() -> None:
    outlines = areas(comparison_svg(tone(440, 2.0), tone(440, 1.0)))
    left = outlines[ORIGINAL_COLOR][:, 0].min()
    full = outlines[ORIGINAL_COLOR][:, 0].max() - left
    assert (outlines[DECODED_COLOR][:, 0].max() - left) / full == pytest.approx(0.5, abs=0.01)


def test_noise_of_five_seconds_gives_a_small_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 2, 5 * RATE)).astype(np.float32)
    draw_comparison(*(Clip(samples=one, sample_rate=RATE) for one in noise), tmp_path / "noise.svg")
    assert (tmp_path / "noise.svg").stat().st_size < 150_000


@pytest.mark.parametrize("samples", [0, 1, 3, 1000])
def test_silent_and_shortest_clips_are_drawn(samples: int) -> None:
    svg = comparison_svg(silence(samples), silence(samples))
    ElementTree.fromstring(svg)
    assert all(image.max() == 0 for image in images(svg))


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"drawn as \.svg"):
        draw_comparison(silence(10), silence(10), tmp_path / "pair.png")
    with pytest.raises(ConfigError, match=r"drawn as \.svg"):
        draw_spectrogram(silence(10), tmp_path / "one.jpg")
