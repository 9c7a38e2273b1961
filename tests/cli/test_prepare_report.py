"""What ``tonada prepare`` adds to a data set: the page with plots of it, and choosing by style."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from conftest import Run
from tonada.data import Dataset
from tonada.symbolic.midi import write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score

STYLES = ("baroque", "romantic", "avant-garde")


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Give a folder of six pieces, two a style, and a table that says so."""
    folder = tmp_path / "music"
    folder.mkdir()
    lines = ["midi_filename,style,canonical_composer,canonical_title"]
    for number in range(6):
        rows = [(0.5 * step, 0.4, 40 + (7 * step * (number + 1)) % 40, 64) for step in range(40 + number)]
        write_midi(Score.from_notes(Notes.from_rows(rows)), folder / f"{number}.mid")
        lines.append(f"{number}.mid,{STYLES[number // 2]},Composer {number // 2},Piece No. {number}")
    (folder / "styles.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_the_page_is_drawn_from_the_catalogue(music: Path, tonada: Run) -> None:
    outcome = tonada("prepare", music, "-o", "data")
    assert (outcome.code, outcome.err) == (0, "")
    assert "data/report.html" in outcome.lines
    page = Path("data/report.html").read_text()
    assert "By composer" in page
    assert "By style" in page
    assert page.count("<svg") == 6
    assert all(style in page for style in STYLES)
    manifest = json.loads(Path("data/manifest.json").read_text())
    assert "report" not in manifest["tables"]  # the hash of a data set is that of its arrays and tables
    assert "src=" not in page
    assert "href=" not in page


def test_the_page_is_the_same_wherever_the_data_set_lies(music: Path, tonada: Run) -> None:
    for folder, more in (("one", ["--jobs", "1"]), ("deep/two", ["--jobs", "2"])):
        assert tonada("prepare", music, "-o", folder, *more).code == 0
    assert Path("one/report.html").read_bytes() == Path("deep/two/report.html").read_bytes()


def test_only_pieces_of_a_style(music: Path, tonada: Run) -> None:
    assert tonada("prepare", music, "-o", "data", "--style", "Romantic").code == 0
    with Path("data/catalogue.csv").open(newline="") as file:
        assert {(row["name"][-5:], row["style"]) for row in csv.DictReader(file)} == {
            ("2.mid", "romantic"),
            ("3.mid", "romantic"),
        }
    assert Dataset(Path("data")).manifest["prepare"]["selection"] == {"style": ["Romantic"]}
    assert tonada("prepare", music, "-o", "same", "--where", "style=Romantic").code == 0
    assert Path("same/manifest.json").read_bytes() == Path("data/manifest.json").read_bytes()
    assert tonada("prepare", music, "-o", "two", "--style", "baroque", "--style", "avant-garde").code == 0
    assert len(Dataset(Path("two")).rows) == 4


def test_styles_that_no_table_has(music: Path, tonada: Run) -> None:
    outcome = tonada("prepare", music, "-o", "data", "--style", "barroque")
    assert (outcome.code, len(outcome.err.splitlines())) == (2, 1)
    assert "unknown style 'barroque'. Did you mean baroque?" in outcome.err
    (music / "styles.csv").unlink()
    outcome = tonada("prepare", music, "-o", "data", "--style", "baroque")
    assert outcome.code == 2
    assert "Leave --style out, or give a table with a column 'style'" in outcome.err
    assert not Path("data").exists()
