"""explore on the command line: what it prints, what it lists, and how it goes on after a bad song."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import Run, names
from cosine_autoencoder import register, save_cosine, save_kinds
from tonada.audio.clip import Clip, write_clip


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    register(monkeypatch)
    save_kinds(tmp_path / "data", validation=6, test=0)
    save_cosine(tmp_path / "net", 4)
    write_clip(Clip(samples=np.full((1, 8000), 0.1, np.float32), sample_rate=8000), tmp_path / "song.wav")
    (tmp_path / "bad.wav").write_text("no sound", encoding="utf-8")
    return tmp_path


def test_figures_and_files(place: Path, tonada: Run) -> None:
    outcome = tonada("explore", "net", "-d", "data", "-o", "out", "--outside", "song.wav")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.lines[0].split()[:3] == ["model", "values_per_second", "compression"]
    assert outcome.lines[1].split()[:3] == ["net", "500.0000", "16.0000"]
    assert "only model" in outcome.lines[2]
    assert outcome.lines[3:] == ["out/explore.html", "out/explore.json", "out/points.csv"]
    assert names(Path("out")) == ["explore.html", "explore.json", "points.csv"]


def test_a_bad_song_does_not_stop_the_others(place: Path, tonada: Run) -> None:
    outcome = tonada(
        "explore", "net", "-d", "data", "-o", "out", "--outside", "bad.wav", "--outside", "song.wav", "--json"
    )
    assert outcome.code == 7
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith("tonada: bad.wav: ")
    told = json.loads(outcome.out)
    assert [song["name"] for song in told["outside"]] == ["song.wav"]
    assert told["failures"][0]["name"] == "bad.wav"
    assert told["files"] == ["out/explore.html", "out/explore.json", "out/points.csv"]


def test_wrong_usage_is_one_line(place: Path, tonada: Run) -> None:
    outcome = tonada("explore", "net", "-d", "data", "-o", "out", "--split", "tset")
    assert (outcome.code, outcome.out) == (2, "")
    assert "unknown split 'tset'" in outcome.err
    assert not Path("out").exists()
