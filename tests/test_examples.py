"""The melodies that are shipped, and the tool that makes them."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tonada.examples import examples
from tonada.symbolic.midi import read_midi

TOOLS = Path(__file__).parents[1] / "tools"
make_melody = SimpleNamespace(**runpy.run_path(str(TOOLS / "make_melody.py"), run_name="make_melody"))


def test_names() -> None:
    assert list(examples()) == ["fur-elise", "ode-to-joy", "prelude-in-c"]
    assert all(path.is_file() for path in examples().values())


def test_tool_makes_the_shipped_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["make_melody.py", "-o", str(tmp_path)])
    assert make_melody.main() == 0
    assert {path.stem: path.read_bytes() for path in tmp_path.iterdir()} == {
        name: path.read_bytes() for name, path in examples().items()
    }


@pytest.mark.parametrize("name", list(make_melody.MELODIES))
def test_files_hold_what_was_sequenced(name: str) -> None:
    assert read_midi(examples()[name]).differences(make_melody.MELODIES[name]()) == []


def pitches(name: str, hand: int) -> list[int]:
    return read_midi(examples()[name]).tracks[hand].pitch.tolist()


def test_fur_elise() -> None:
    right = pitches("fur-elise", 0)
    assert right[:8] == [76, 75, 76, 75, 76, 71, 74, 72]
    assert right[8:20] == [69, 60, 64, 69, 71, 64, 68, 71, 72, 64, 76, 75]
    assert right[20:] == [76, 71 + 4, 76, 71, 74, 72, 69, 60, 64, 69, 71, 64, 72, 71, 69]
    assert pitches("fur-elise", 1) == [45, 52, 57, 40, 52, 56, 45, 52, 57] * 2
    score = read_midi(examples()["fur-elise"])
    assert score.end_s == pytest.approx(10.0, abs=0.01)
    assert (score.meters.numerator.tolist(), score.meters.denominator.tolist()) == ([1, 3], [8, 8])
    assert 40 <= score.notes().velocity.min() <= score.notes().velocity.max() <= 70
    assert len(score.pedal()[0]) == 12


def test_ode_to_joy() -> None:
    phrase = [66, 66, 67, 69, 69, 67, 66, 64, 62, 62, 64, 66]
    assert pitches("ode-to-joy", 0) == [*phrase, 66, 64, 64, *phrase, 64, 62, 62]


def test_prelude_in_c() -> None:
    notes = read_midi(examples()["prelude-in-c"]).notes()
    assert notes.pitch[:16].tolist() == [60, 64, 67, 72, 76, 67, 72, 76] * 2
    assert notes.pitch[16:24].tolist() == [60, 62, 69, 74, 77, 69, 74, 77]
    assert len(notes) == 8 * 16


def test_bars_are_checked() -> None:
    assert make_melody.voice("C4:2 | D4:4 Bb3 |", bars=[2], bar=8) == [(0, 2, 60), (2, 4, 62), (6, 4, 58)]
    with pytest.raises(ValueError, match="bar line at sixteenth 6 should be at 8"):
        make_melody.voice("C4:2 D4:4 |", bars=[], bar=8)
