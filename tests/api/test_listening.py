"""Blind listening: the page holds everything, sides are balanced, and answers are counted exactly."""

from __future__ import annotations

import base64
import csv
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from tiny_model import save_tiny_model
from tonada.api.evaluation import evaluate
from tonada.api.listening import ListeningTest
from tonada.api.preferences import Preferences
from tonada.audio.clip import Clip, write_clip
from tonada.config import to_mapping
from tonada.data import Piece, write_dataset
from tonada.errors import ConfigError, DataError
from tonada.render.blind import COLUMNS
from tonada.symbolic.midi import write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.note import NoteTokenizer


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Give a folder of four MIDI files, and one of as many sounds with the same names."""
    scale = Notes.from_rows([(0.2 * step, 0.2, 60 + step, 80) for step in range(8)])
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    tone = 0.2 * np.sin(np.arange(16_000) / 10, dtype=np.float32)
    for number in range(4):
        write_midi(Score.from_notes(scale), tmp_path / "ours" / f"{number}.mid")
        write_clip(Clip(samples=tone[None], sample_rate=8000), tmp_path / "theirs" / f"{number}.wav")
    return tmp_path / "ours", tmp_path / "theirs"


def told(page: str) -> dict[str, object]:
    found = re.search(r'id="test">([^<]+)<', page)
    assert found is not None
    document = json.loads(base64.b64decode(found[1]))
    assert isinstance(document, dict)
    return document


def test_a_page_holds_everything_it_needs(folders: tuple[Path, Path], tmp_path: Path) -> None:
    found = evaluate(*folders, listen=True, seconds=1.0, output=tmp_path / "out", seed=3)
    assert isinstance(found, ListeningTest)
    assert (found.sets, found.pairs, [path.name for path in found.files]) == (("ours", "theirs"), 4, ["listening.html"])
    page = found.files[0].read_text()
    assert not re.search(r"https?:|src=|<link|@import|ours|theirs", page)
    document = told(page)
    pairs = document["pairs"]
    assert isinstance(pairs, list)
    assert sorted(pair["name"] for pair in pairs) == ["0", "1", "2", "3"]
    assert sorted(pair["first"] for pair in pairs) == ["ours", "ours", "theirs", "theirs"]
    assert all({pair["first"], pair["second"]} == {"ours", "theirs"} for pair in pairs)
    sounds = re.search(r'id="sounds">(.*?)</script>', page, re.DOTALL)
    assert sounds is not None
    stored = json.loads(sounds[1])
    assert sorted(stored) == sorted(f"{place}-{side}" for place in range(4) for side in range(2))
    assert all(base64.b64decode(text).startswith(b"OggS") for text in stored.values())
    for key in ("a:", "b:", "1:", "2:", "0:", "ArrowLeft:", "ArrowRight:", "s:"):
        assert f" {key}" in page


def test_order_is_of_the_seed(folders: tuple[Path, Path], tmp_path: Path) -> None:
    def order(seed: int, name: str) -> object:
        found = evaluate(*folders, listen=True, seconds=1.0, output=tmp_path / name, seed=seed)
        return told(found.files[0].read_text())["pairs"]

    assert order(1, "one") == order(1, "again")
    assert order(1, "one") != order(2, "other")


def test_a_model_beside_what_really_follows(tmp_path: Path) -> None:
    tokenizer = NoteTokenizer()
    rows = Notes.from_rows([(0.5 * step, 0.4, 50 + step % 12, 80) for step in range(60)])
    piece = Piece(name="a", split="validation", array=tokenizer.encode_notes(rows), metadata={"composer": "C"})
    write_dataset(tmp_path / "data", codec="note", codec_config=to_mapping(tokenizer.config), pieces=[piece])
    model = save_tiny_model(tmp_path / "net")
    found = evaluate(model, ref=tmp_path / "data", listen=True, seconds=1.0, output=tmp_path / "out")
    assert isinstance(found, ListeningTest)
    assert (found.sets, found.pairs) == (("net", "real"), 1)
    with pytest.raises(ConfigError, match="is 110 s long"):
        evaluate(model, ref=tmp_path / "data", listen=True, seconds=100.0, output=tmp_path / "out")


def answers(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for place, row in enumerate(rows, 1):
            writer.writerow(["test 1", place, f"pair {place}", *row])
    return path


def test_preferences_are_counted(tmp_path: Path) -> None:
    anna = answers(
        tmp_path / "anna.csv", [("x", "y", "first")] * 5 + [("y", "x", "second")] * 4 + [("x", "y", "second")]
    )
    ben = answers(tmp_path / "ben.csv", [("y", "x", "neither"), ("y", "x", "first"), ("x", "y", "")])
    found = evaluate(anna, ben, listen=True)
    assert isinstance(found, Preferences)
    first, second, both = found.rows
    assert (first.listener, first.name, first.over, first.preferred, first.decided) == ("anna", "x", "y", 9, 10)
    assert first.chance == pytest.approx(22 / 1024)
    assert (first.share.value, first.share.low) == pytest.approx((0.9, 0.5549839), abs=1e-6)
    assert (second.preferred, second.decided, second.neither) == (0, 1, 1)
    assert (both.listener, both.preferred, both.decided, both.neither) == ("all", 9, 11, 1)
    assert "preferred over 'y' in 9 of 11 pairs" in found.headline()
    only = evaluate(answers(tmp_path / "c.csv", [("x", "y", "neither")]), listen=True)
    assert isinstance(only, Preferences)
    assert math.isnan(only.rows[0].share.value)


def test_what_is_no_list_of_answers(tmp_path: Path) -> None:
    good = answers(tmp_path / "good.csv", [("x", "y", "first")])
    for name, rows, words in (
        ("none", [("x", "y", "")], "holds no answers"),
        ("word", [("x", "y", "left")], "needs the columns"),
        ("others", [("x", "z", "first")], "not of two sets as the others'"),
    ):
        with pytest.raises(DataError, match=words):
            evaluate(good, answers(tmp_path / f"{name}.csv", rows), listen=True)
    with pytest.raises(DataError, match="no such file"):
        evaluate(tmp_path / "absent.csv", listen=True)


def test_what_no_page_is_made_of(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="name two folders"):
        evaluate(folders[0], listen=True)
    with pytest.raises(ConfigError, match="at least 1 pair"):
        evaluate(*folders, listen=True, pairs=0)
    with pytest.raises(DataError, match="holds no MIDI or sound file"):
        evaluate(folders[0], tmp_path / "empty", listen=True)
    with pytest.raises(DataError, match="is no folder"):
        evaluate(folders[0], tmp_path / "absent", listen=True)
