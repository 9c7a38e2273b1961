"""prepare with sound, and how it tells notes from sound."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

import tonada as library
from conftest import Run, names
from midi_files import PIECE
from sound_files import write_sound
from tonada.audio.corpus import AudioReport
from tunes import RATE, tune


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of two labels, three tunes each, and a file that is no sound."""
    folder = tmp_path_factory.mktemp("sound") / "genres"
    for place, label in enumerate(("jazz", "pop")):
        (folder / label).mkdir(parents=True)
        for number in range(3):
            path = folder / label / f"{label}.{number:05}.wav"
            write_sound(path, tune(10 * place + number, 2.5)[:, None], RATE, "WAV", "PCM_16")
    (folder / "jazz" / "jazz.00054.wav").write_bytes(b"no sound")
    return folder


@pytest.fixture(scope="module")
def mixed(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of one tune and one MIDI file."""
    folder = tmp_path_factory.mktemp("mixed") / "both"
    folder.mkdir()
    (folder / "a.mid").write_bytes(PIECE)
    (folder / "a.wav").write_bytes((sound / "pop" / "pop.00000.wav").read_bytes())
    return folder


def test_it_lists_what_it_wrote_by_label_and_says_what_it_left_out(sound: Path, tonada: Run) -> None:
    outcome = tonada("prepare", sound, "-o", "data", "--segment-seconds", "1")
    assert outcome.code == 0
    files = [f"{name}.csv" for name in ("catalogue", "duplicates", "labels", "skipped", "warnings")]
    files += ["manifest.json", "report.html", *(f"{split}-00000.npy" for split in ("test", "train", "validation"))]
    assert names(Path("data")) == sorted(files)
    assert outcome.lines[-10:] == [f"data/{name}" for name in sorted(files)]
    assert outcome.lines[0].split() == ["label", "split", "clips", "tracks", "segments", "time"]
    assert outcome.lines[1].split() == ["jazz", "train", "1", "1", "3", "0:02"]
    assert outcome.lines[7].split() == ["all", "train", "2", "2", "6", "0:05"]
    assert outcome.lines[10].startswith("6 recordings; 0.0 s at the ends of clips dropped; sha256 ")
    assert outcome.err == "tonada: left out, or worth a look: 1 in skipped.csv\n"
    assert "jazz.00054.wav" in Path("data/skipped.csv").read_text()


def test_as_json(sound: Path, tonada: Run) -> None:
    told = json.loads(tonada("prepare", sound, "-o", "data", "--min-seconds", "2.5", "--json").out)
    assert told["report"]["splits"]["train"]["segments"] == 2
    assert told["report"]["splits"]["train"]["seconds_by_label"] == {"jazz": 2.5, "pop": 2.5}
    assert [row["label"] for row in told["report"]["labels"]] == ["jazz"] * 3 + ["pop"] * 3
    assert "data/labels.csv" in told["files"]
    assert json.loads(Path("data/manifest.json").read_text())["codec"] == {"name": "waveform", "sample_rate": RATE}


def test_the_function_has_the_same_options(sound: Path, tmp_path: Path) -> None:
    report = library.prepare(
        str(sound),
        output=str(tmp_path / "data"),
        transform="mel",
        settings=["bands=16", "n_fft=512", "hop=128"],
        gtzan_filter=True,
        segment_seconds=1.25,
        jobs=1,
    )
    assert isinstance(report, AudioReport)
    codec = json.loads((report.folder / "manifest.json").read_text())["codec"]
    assert (codec["name"], codec["bands"], codec["sample_rate"]) == ("mel", 16, RATE)
    reasons = {str(row["name"]): str(row["reason"]) for row in report.skipped}
    assert "fault-filtered" not in " ".join(reasons.values())  # none of these six is on the list
    assert [totals.segments for totals in report.splits.values()] == [4, 4, 4]


def test_notes_and_sound_are_told_apart(mixed: Path, tonada: Run) -> None:
    outcome = tonada("prepare", mixed, "-o", "data")
    assert (outcome.code, outcome.out) == (2, "")
    assert "the sources hold both MIDI files and sound: give --tokenizer note" in outcome.err
    assert "--transform waveform" in outcome.err
    assert names(Path()) == []
    shares = ("--validation-share", "0", "--test-share", "0")
    assert tonada("prepare", mixed, "-o", "notes", "--tokenizer", "giga", "--min-notes", "1", *shares).code == 0
    assert tonada("prepare", mixed, "-o", "sound", "--transform", "waveform", *shares).code == 0
    codecs = {name: json.loads(Path(name, "manifest.json").read_text())["codec"]["name"] for name in ("notes", "sound")}
    assert codecs == {"notes": "giga", "sound": "waveform"}


@pytest.mark.parametrize("kind", ["folder", "zip", "csv", "file"])
def test_the_sources_decide(kind: str, sound: Path, tonada: Run) -> None:
    file = sound / "pop" / "pop.00000.wav"
    Path("own").mkdir()
    Path("own/a.wav").write_bytes(file.read_bytes())
    Path("own/list.csv").write_text("file,label\na.wav,blues\n")
    with zipfile.ZipFile("own.zip", "w") as archive:
        archive.write("own/a.wav")
    source = {"folder": "own", "zip": "own.zip", "csv": "own/list.csv", "file": "own/a.wav"}[kind]
    outcome = tonada("prepare", source, "-o", "data")
    assert outcome.code == 0
    label = "blues" if kind in ("folder", "csv") else "own"
    assert outcome.lines[1].split()[:2] == [label, "train"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--min-notes", "3"], "--min-notes: only for MIDI files, and this is sound. Leave it out"),
        (["--composer", "Bach", "--split", "train"], "--composer, --split: only for MIDI files, and this is sound."),
        (["--transform", "waveform", "--title", "x"], "--title: only for MIDI files, and this is sound."),
        (["--tokenizer", "note", "--transform", "mel"], "--tokenizer is for MIDI files and --transform for sound"),
        (["--tokenizer", "note", "--gtzan-filter"], "--gtzan-filter: only for sound, and this is MIDI files."),
        (["--tokenizer", "note", "--min-seconds", "0"], "--min-seconds: only for sound, and this is MIDI files."),
        (["--transform", "wavefrom"], "unknown transform 'wavefrom'. Did you mean waveform"),
        (["--set", "rate=3"], "sample_rate"),
        (["--segment-seconds", "0"], "segment_seconds must lie between 0.1 and 3600"),
        (["--jobs", "0"], "jobs must be at least 1"),
        (["--test-share", "1"], "must leave something"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_that_makes_no_sense(arguments: list[str], words: str, sound: Path, tonada: Run) -> None:
    outcome = tonada("prepare", sound, "-o", "data", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1
    assert words in outcome.err
    assert names(Path()) == []


def test_the_filter_of_gtzan_needs_names_of_gtzan(sound: Path, tonada: Run) -> None:
    Path("own").mkdir()
    Path("own/a.wav").write_bytes((sound / "pop" / "pop.00000.wav").read_bytes())
    outcome = tonada("prepare", "own", "-o", "data", "--gtzan-filter")
    assert outcome.code == 2
    assert "no file is named like those of GTZAN" in outcome.err


@pytest.mark.parametrize("transform", [(), ("--transform", "waveform")])
def test_sources_that_hold_nothing(transform: tuple[str, ...], tonada: Run) -> None:
    Path("folder").mkdir()
    zipfile.ZipFile("empty.zip", "w").close()
    Path("damaged.zip").write_bytes(b"PK not a zip")
    Path("notes.txt").write_text("no music")
    Path("other.csv").write_text("a,b\n1,2\n")
    before = names(Path())
    for name in ("folder", "empty.zip", "damaged.zip", "notes.txt", "other.csv", "nowhere"):
        outcome = tonada("prepare", name, "-o", "data", *transform)
        assert (outcome.code, outcome.out) == (3, ""), name
        assert len(outcome.err.splitlines()) == 1
        assert name in outcome.err
    assert names(Path()) == before
