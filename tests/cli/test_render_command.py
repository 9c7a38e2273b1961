"""render: sound and pictures of MIDI files, one by one, and files that cannot be used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import tonada as package
from conftest import Run, names
from midi_files import GOOD, MALFORMED, ONE_NOTE, PIECE, midi_file, note_off, note_on, track
from tonada.api.inputs import Failure, find_inputs
from tonada.audio.clip import read_clip
from tonada.errors import DataError


def test_sound_and_pictures_beside_each_other(piece: Path, tonada: Run) -> None:
    outcome = tonada("render", piece, "-o", "out", "-f", "wav,svg", "-f", "png")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.lines == ["out/piece.wav", "out/piece.png", "out/piece.svg"]
    assert names(Path("out")) == ["piece.png", "piece.svg", "piece.wav"]
    clip = read_clip(Path("out/piece.wav"))
    assert 0.01 < np.abs(clip.samples).max() < 1.0


def test_sound_is_the_default(piece: Path, tonada: Run) -> None:
    assert tonada("render", piece).lines == ["piece.wav"]


def test_json(piece: Path, tonada: Run) -> None:
    told = json.loads(tonada("render", piece, "none.mid", "-f", "svg", "--json").out)
    assert told[0] == {"source": str(piece), "files": ["piece.svg"]}
    assert told[1]["name"] == "none.mid"
    assert "no such file" in told[1]["error"]


def test_folders_patterns_stdin_and_equal_stems(tonada: Run) -> None:
    for name in ("a/x.mid", "a/deep/y.MIDI", "b/x.mid", "b/notes.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(ONE_NOTE)
    outcome = tonada("render", "a", "b/*.mid", "-", "-f", "svg", "-o", "out", stdin="a/x.mid\n")
    assert (outcome.code, outcome.err) == (0, "")
    assert names(Path("out")) == ["x-2.svg", "x-3.svg", "x.svg", "y.svg"]


def test_a_file_without_notes(tonada: Run) -> None:
    Path("empty.mid").write_bytes(GOOD["no notes"])
    outcome = tonada("render", "empty.mid", "-f", "svg", "-o", "out")
    assert (outcome.code, outcome.out) == (3, "")
    assert "empty.mid: no notes" in outcome.err
    assert not Path("out").exists()


@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_malformed_files(name: str, tonada: Run) -> None:
    data, words = MALFORMED[name]
    Path("bad.mid").write_bytes(data)
    outcome = tonada("render", "bad.mid", "-o", "out")
    assert (outcome.code, outcome.out) == (3, "")
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith("tonada: bad.mid: ")
    assert words in outcome.err
    assert not Path("out").exists()


def test_one_bad_file_does_not_stop_the_others(piece: Path, tonada: Run) -> None:
    Path("bad.mid").write_bytes(b"not music")
    outcome = tonada("render", "bad.mid", piece, "none.mid", "-o", "out", "-f", "svg")
    assert (outcome.code, outcome.lines) == (7, ["out/piece.svg"])
    assert [line.split(": ")[1] for line in outcome.err.splitlines()] == ["bad.mid", "none.mid"]
    assert names(Path("out")) == ["piece.svg"]


@pytest.mark.parametrize("name", ["none.mid", "no*.mid", "empty-folder", "fur-elsie", "x" * 5000])
def test_names_of_nothing(name: str, tonada: Run) -> None:
    Path("empty-folder").mkdir()
    outcome = tonada("render", name, "-o", "out")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith(f"tonada: {name}: ")
    assert not Path("out").exists()


def test_an_empty_name_is_not_the_folder_that_one_is_in(piece: Path, tonada: Run) -> None:
    outcome = tonada("render", "", "x" * 5000, piece, "-o", "out", "-f", "svg")
    assert (outcome.code, outcome.lines) == (7, ["out/piece.svg"])
    assert "an empty name" in outcome.err.splitlines()[0]
    assert "too long" in outcome.err.splitlines()[1]


def test_no_names_on_stdin(tonada: Run) -> None:
    outcome = tonada("render", "-", stdin="\n")
    assert outcome.code == 3
    assert "name a MIDI file" in outcome.err


@pytest.mark.parametrize("output", ["file/out", "file"])
def test_a_folder_that_cannot_be_written(output: str, piece: Path, tonada: Run) -> None:
    Path("file").write_text("in the way")
    outcome = tonada("render", piece, "-o", output)
    assert (outcome.code, outcome.out) == (3, "")
    assert "-o" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert Path("file").read_text() == "in the way"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission(piece: Path, tonada: Run) -> None:
    Path("locked").mkdir(mode=0o500)
    assert tonada("render", piece, "-o", "locked").code == 3


def test_too_long_to_be_played(piece: Path, tonada: Run) -> None:
    ticks = 3 * 3600 * 960
    Path("long.mid").write_bytes(midi_file(track((0, note_on(60)), (480, note_off(60)), (ticks, note_on(60)))))
    outcome = tonada("render", "long.mid", piece, "-o", "out", "-f", "wav,svg")
    assert outcome.code == 7
    assert outcome.err.startswith("tonada: long.mid: it is 3.0 hours long")
    assert names(Path("out")) == ["piece.svg", "piece.wav"]  # nothing of the file that could not be played


def test_sound_fonts_that_cannot_be_used(piece: Path, tonada: Run) -> None:
    Path("bad.sf2").write_bytes(b"not a sound font")
    for font in ("bad.sf2", "none.sf2"):
        outcome = tonada("render", piece, "--soundfont", font, "-o", "out")
        assert (outcome.code, outcome.out) == (3, "")
        assert font in outcome.err
    assert not Path("out").exists()


def test_a_full_disk(piece: Path, tonada: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    write = Path.write_bytes

    def write_bytes(path: Path, data: bytes) -> int:
        if ".svg" in path.name:
            write(path, data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    outcome = tonada("render", piece, piece, "-o", "out", "-f", "wav,svg")
    assert (outcome.code, outcome.out) == (6, "")
    assert "the disk is full" in outcome.err
    assert names(Path("out")) == []  # a rendering is whole or not there


def test_the_function(piece: Path, tmp_path: Path) -> None:
    batch = package.render_midi(piece, tmp_path / "none.mid", output=tmp_path / "out", formats=("svg",))
    assert [made.files for made in batch.made] == [(tmp_path / "out" / "piece.svg",)]
    (failure,) = batch.failures
    assert isinstance(failure, Failure)
    assert failure.name.endswith("none.mid")
    with pytest.raises(DataError, match="no such file"):
        package.render_midi("none.mid", output=tmp_path / "out")
    with pytest.raises(ExceptionGroup) as caught:
        package.render_midi("none.mid", "nor-this.mid", output=tmp_path / "out")
    assert [type(error) for error in caught.value.exceptions] == [DataError, DataError]


def test_an_example_stands_for_a_file_unless_a_file_has_its_name(tonada: Run) -> None:
    assert tonada("render", "fur-elise", "-f", "svg").lines == ["fur-elise.svg"]
    assert "fur-elise" in tonada("render", "fur-elsie").err
    Path("fur-elise").write_bytes(PIECE)
    assert find_inputs(["fur-elise"]) == [Path("fur-elise")]
