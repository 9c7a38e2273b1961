"""Piano rolls: sound files, the right colours, readable text."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tonada.errors import ConfigError, DataError
from tonada.render.lettering import segments, width
from tonada.render.pictures import CONTINUATION_COLOR, PROMPT_COLOR, draw_roll
from tonada.render.scene import Box, Text, encode_png, to_png
from tonada.symbolic.notes import Notes

SVG = "{http://www.w3.org/2000/svg}"
TUNE = Notes.from_rows([(0.0, 1.0, 60, 127), (1.0, 1.0, 64, 127), (2.0, 1.0, 67, 127), (3.0, 1.0, 72, 127)])


def decode_png(data: bytes) -> np.ndarray:
    """Decode what ``encode_png`` writes, checksums and all; uint8 [height, width, 3]."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size]) == (zlib.crc32(name + body),)
        chunks[name] = body
        at += 12 + size
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width_px, height_px, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 2, 0, 0, 0]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height_px, 1 + 3 * width_px)
    assert (rows[:, 0] == 2).all()
    return np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8).reshape(height_px, width_px, 3)


def rgb(color: str) -> list[int]:
    return list(bytes.fromhex(color[1:]))


def draw(tmp_path: Path, notes: Notes, **options: object) -> tuple[np.ndarray, ElementTree.Element]:
    draw_roll(notes, tmp_path / "roll.png", **options)
    draw_roll(notes, tmp_path / "roll.svg", **options)
    pixels = decode_png((tmp_path / "roll.png").read_bytes())
    root = ElementTree.fromstring((tmp_path / "roll.svg").read_text(encoding="utf-8"))
    assert root.tag == f"{SVG}svg"
    assert pixels.shape == (2 * int(root.get("height")), 2 * int(root.get("width")), 3)
    return pixels, root


def count(pixels: np.ndarray, color: str) -> int:
    return int((pixels == rgb(color)).all(axis=2).sum())


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text for element in root.iter(f"{SVG}text")]


def test_png_is_exact() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode_png(encode_png(pixels)), pixels)


def test_prompt_and_continuation_have_two_colours(tmp_path: Path) -> None:
    pixels, root = draw(tmp_path, TUNE, continuation_from_s=2.0)
    assert count(pixels, PROMPT_COLOR) > 500
    assert count(pixels, CONTINUATION_COLOR) > 500
    fills = [element.get("fill") for element in root.iter(f"{SVG}rect") if element.get("rx") == "1.5"]
    assert fills == [PROMPT_COLOR] * 2 + [CONTINUATION_COLOR] * 2
    assert {"prompt", "continuation", "seconds", "C4", "0", "1", "4"} <= set(texts(root))


def test_one_colour_without_continuation(tmp_path: Path) -> None:
    pixels, root = draw(tmp_path, TUNE)
    assert count(pixels, PROMPT_COLOR) > 1000
    assert count(pixels, CONTINUATION_COLOR) == 0
    assert CONTINUATION_COLOR not in {element.get("fill") for element in root.iter()}
    assert not {"prompt", "continuation"} & set(texts(root))


def test_notes_are_where_they_belong(tmp_path: Path) -> None:
    pixels, root = draw(tmp_path, TUNE)
    rects = [element for element in root.iter(f"{SVG}rect") if element.get("rx") == "1.5"]
    place = np.array([[float(rect.get(name)) for name in ("x", "y", "width", "height")] for rect in rects])
    assert np.allclose(np.diff(place[:, 0]), place[0, 2] + 0.5, atol=0.06)
    assert np.allclose(np.diff(place[:, 1]), -np.array([4, 3, 5]) * (place[0, 3] + 0.5))
    for x, y, wide, high in place:
        assert pixels[round(2 * (y + high / 2)), round(2 * (x + wide / 2))].tolist() == rgb(PROMPT_COLOR)
        assert pixels[round(2 * (y + high / 2)), round(2 * (x + wide)) + 1].tolist() != rgb(PROMPT_COLOR)


def test_soft_notes_are_pale(tmp_path: Path) -> None:
    rows = [(0.0, 4.0, 60 + 2 * number, velocity) for number, velocity in enumerate((1, 40, 80, 127))]
    _, root = draw(tmp_path, Notes.from_rows(rows))
    opacities = [float(rect.get("fill-opacity", "1")) for rect in root.iter(f"{SVG}rect") if rect.get("rx") == "1.5"]
    assert opacities == [0.31, 0.52, 0.74, 1.0]


def test_a_minute_of_dense_music_is_small(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    rows = zip(random.uniform(0, 59, 1200), random.uniform(0.05, 1, 1200), random.integers(30, 96, 1200), strict=True)
    notes = Notes.from_rows(
        [(onset, length, pitch, 20 + index % 100) for index, (onset, length, pitch) in enumerate(rows)]
    )
    draw(tmp_path, notes, continuation_from_s=30.0, title="Dense")
    assert (tmp_path / "roll.png").stat().st_size < 300_000
    assert (tmp_path / "roll.svg").stat().st_size < 300_000


def test_long_pieces_are_squeezed(tmp_path: Path) -> None:
    pixels, root = draw(tmp_path, Notes.from_rows([(0.0, 1.0, 60, 90), (5400.0, 1.0, 62, 90)]))
    assert pixels.shape[1] < 3000
    assert "minutes : seconds" in texts(root)
    assert "60:00" in texts(root)


@pytest.mark.parametrize(
    "notes",
    [
        Notes.empty(),
        Notes.from_rows([(0.0, 0.0, 0, 1)]),
        Notes.from_rows([(0.0, 0.5, 127, 1)]),
        Notes.from_rows([(-2.5, 0.5, 60, 1)]),
        Notes.from_rows([(0.0, 1.0, 0, 100), (0.5, 1.0, 127, 100)]),
    ],
    ids=["none", "no length", "highest", "before 0", "whole range"],
)
def test_odd_notes_are_drawn(tmp_path: Path, notes: Notes) -> None:
    pixels, root = draw(tmp_path, notes, continuation_from_s=1.0)
    assert (pixels[:, 0] == 255).all()
    assert len([rect for rect in root.iter(f"{SVG}rect") if float(rect.get("width")) <= 0]) == 0


def test_title_is_escaped_shortened_and_drawn(tmp_path: Path) -> None:
    _, root = draw(tmp_path, TUNE, title='Für <Elise> & "Dvořák" \x01')
    assert 'Für <Elise> & "Dvořák" ' in texts(root)
    assert 'of Für <Elise> & "Dvořák"' in root.get("aria-label")
    plain, _ = draw(tmp_path, TUNE)
    titled, root = draw(tmp_path, TUNE, title="A very long title " * 20)
    assert titled.shape == plain.shape
    assert (titled != plain).any()
    assert any(text.startswith("A very long title A") and text.endswith("…") for text in texts(root))


def test_pictures_are_reproducible(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        draw_roll(TUNE, tmp_path / name, title="Again")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot draw as '\.pdf'. Try \.png or \.svg"):
        draw_roll(TUNE, tmp_path / "roll.pdf")


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError):
        draw_roll(TUNE, tmp_path / "file" / "roll.svg")


def test_boxes_are_painted_by_the_area_they_cover() -> None:
    pixels = decode_png(
        to_png([Box(1, 1, 1.5, 2, "#000000"), Box(4, 1, 9, 2, "#ff0000", 0.5)], width_px=6, height_px=4, scale=1)
    )
    assert pixels[:, :, 1].tolist() == [
        [255, 255, 255, 255, 255, 255],
        [255, 0, 128, 255, 128, 128],
        [255, 0, 128, 255, 128, 128],
        [255, 255, 255, 255, 255, 255],
    ]


def test_what_is_outside_the_picture_is_left_out() -> None:
    parts = [Box(-5, -5, 3, 3, "#000000"), Box(20, 0, 3, 3, "#000000", 1, 1), Text(-90, 5, "off", 12, "#000000")]
    parts += [Text(1, 5, " ", 12, "#000000"), Text(1, 5, "", 12, "#000000")]
    assert (decode_png(to_png(parts, width_px=10, height_px=10)) == 255).all()


def test_every_letter_has_a_shape() -> None:
    known = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ß.,:;-–—_'\"!?()[]/&+=*%#·…"
    question = segments("?")
    for letter in known.replace("?", ""):
        drawn = segments(letter)
        assert len(drawn), letter
        assert drawn.shape != question.shape or not np.array_equal(drawn, question), letter
        assert -2.1 <= drawn[:, 1::2].min() <= drawn[:, 1::2].max() <= 7.7, letter
        assert drawn[:, ::2].min() >= -0.01, letter
        assert drawn[:, ::2].max() <= width(letter) + 0.15, letter


def test_accents_unknown_letters_and_spaces() -> None:
    assert width("é") == width("e")
    assert len(segments("é")) > len(segments("e"))
    assert segments("í")[:, 1::2].max() < segments("É")[:, 1::2].max()
    np.testing.assert_array_equal(segments("漢"), segments("?"))
    np.testing.assert_array_equal(segments("\u2019"), segments("'"))
    assert len(segments(" ")) == len(segments("")) == 0
    assert width("") == 0
    assert width("ab") == width("a") + width("b") + 1.5
