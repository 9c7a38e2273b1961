"""Preparing in parts: the very bytes that one process makes, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from sound_files import write_sound
from tonada.api.preparation import prepare
from tonada.errors import ConfigError, DataError, TonadaError
from tonada.parts import PartReport, Shard
from tonada.symbolic.midi import write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score
from tunes import RATE, tune

PARTS = 3


def write_piece(path: Path, seed: int, count: int = 80) -> None:
    draw = np.random.default_rng(seed)
    rows = [(0.2 * step, 0.2, int(pitch), 64) for step, pitch in enumerate(draw.integers(40, 90, count))]
    write_midi(Score.from_notes(Notes.from_rows(rows)), path)


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give pieces, copies that lie in different parts, one that is too short, and a file that is no MIDI file."""
    folder = tmp_path_factory.mktemp("pieces") / "music"
    folder.mkdir()
    for number in range(11):
        write_piece(folder / f"{number:02}.mid", seed=number % 7)  # four are copies
    write_piece(folder / "short.mid", seed=99, count=3)
    (folder / "broken.mid").write_bytes(b"not music")
    return folder


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give tunes of two labels, a copy, and a file that is no sound."""
    folder = tmp_path_factory.mktemp("sound") / "genres"
    for place, label in enumerate(("jazz", "pop")):
        (folder / label).mkdir(parents=True)
        for number in range(4):
            path = folder / label / f"{label}.{number:05}.wav"
            write_sound(path, tune(10 * place + number % 3, 1.6)[:, None], RATE, "WAV", "PCM_16")
    (folder / "jazz" / "jazz.00054.wav").write_bytes(b"no sound")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def prepare_parts(source: Path, folder: Path, **settings: object) -> list[Path]:
    """Make all parts, the last first, and give their folders."""
    folders = []
    for index in range(PARTS, 0, -1):
        report = prepare(source, output=folder / f"part-{index}", shard=f"{index}/{PARTS}", jobs=1, **settings)  # type: ignore[arg-type]
        assert isinstance(report, PartReport)
        assert (report.index, report.count) == (index, PARTS)
        folders.append(report.folder)
    return folders


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("notes", {}),
        ("notes", {"tokenizer": "performance", "min_notes": 2, "seed": 3, "validation_share": 0.3}),
        ("sound", {"segment_seconds": 0.5}),
        ("sound", {"transform": "mel", "settings": ["bands=20"], "segment_seconds": 0.7}),
    ],
)
def test_parts_make_the_bytes_of_the_whole(
    kind: str, settings: dict[str, object], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source = request.getfixturevalue(kind)
    whole = prepare(source, output=tmp_path / "whole", jobs=1, **settings)  # type: ignore[arg-type]
    folders = prepare_parts(source, tmp_path, **settings)
    seen: list[tuple[int, int]] = []
    merged = prepare(output=tmp_path / "merged", merge=folders, jobs=1, progress=lambda *done: seen.append(done))
    assert contents(tmp_path / "whole") == contents(tmp_path / "merged")
    assert not isinstance(whole, PartReport)
    assert not isinstance(merged, PartReport)
    assert merged.sha256 == whole.sha256
    assert whole.skipped  # copies, and what cannot be read: in tables that need all parts
    assert merged.skipped == whole.skipped
    assert seen[-1] == (len(seen), len(seen))
    names = {"merged", "whole", *(folder.name for folder in folders)}
    assert {path.name for path in tmp_path.iterdir()} == names  # nothing temporary is left


def test_there_can_be_more_parts_than_files(notes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("00.mid", "01.mid"):
        shutil.copy(notes / name, folder)
    prepare(folder, output=tmp_path / "whole")
    merged = prepare(output=tmp_path / "merged", merge=prepare_parts(folder, tmp_path / "parts"))
    assert contents(tmp_path / "whole") == contents(merged.folder)


def test_a_part_says_what_it_read(notes: Path, tmp_path: Path) -> None:
    reports = [prepare(notes, output=tmp_path / f"{index}", shard=f"{index}/{PARTS}") for index in (1, 2, 3)]
    assert [report.files for report in reports if isinstance(report, PartReport)] == [5, 4, 4]
    assert sum(report.skipped for report in reports) == 2  # type: ignore[misc]


@pytest.mark.parametrize("text", ["0/4", "5/4", "3", "a/b", "1/0", "-1/2", "1/2/3"])
def test_a_shard_is_one_of_so_many(text: str) -> None:
    with pytest.raises(ConfigError, match="--shard must be I/N"):
        Shard.parse(text)


def test_every_file_is_in_one_part() -> None:
    items = list(range(10))
    parts = [Shard.parse(f"{index}/4").of(items) for index in range(1, 5)]
    assert sorted(item for part in parts for item in part) == items
    assert list(parts[0]) == [0, 4, 8]


@pytest.fixture(scope="module")
def made(notes: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Give the parts of a copy of the pieces."""
    folder = tmp_path_factory.mktemp("made")
    return prepare_parts(shutil.copytree(notes, folder / "music"), folder)


@pytest.fixture
def parts(made: list[Path], tmp_path: Path) -> Iterator[list[Path]]:
    """Give parts that a test may change, and take away what it adds to their source."""
    yield [shutil.copytree(folder, tmp_path / folder.name) for folder in made]
    (made[0].parent / "music" / "new.mid").unlink(missing_ok=True)


def source_of(part: Path) -> Path:
    return Path(json.loads((part / "part.json").read_text())["request"]["sources"][0])


def lose_one(parts: list[Path]) -> list[Path]:
    return parts[1:]


def name_one_twice(parts: list[Path]) -> list[Path]:
    return [*parts, shutil.copytree(parts[0], parts[0].with_name("again"))]


def mix_settings(parts: list[Path]) -> list[Path]:
    prepare(source_of(parts[0]), output=parts[0], shard=f"3/{PARTS}", seed=9, overwrite=True)
    return parts


def mix_numbers(parts: list[Path]) -> list[Path]:
    prepare(source_of(parts[0]), output=parts[0], shard=f"3/{PARTS + 1}", overwrite=True)
    return parts


def add_a_file(parts: list[Path]) -> list[Path]:
    write_piece(source_of(parts[0]) / "new.mid", seed=5)
    return parts


def cut_readings(parts: list[Path]) -> list[Path]:
    path = parts[0] / "readings.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    return parts


def cut_arrays(parts: list[Path]) -> list[Path]:
    path = parts[0] / "arrays.bin"
    path.write_bytes(path.read_bytes()[:-8])
    return parts


def break_header(parts: list[Path]) -> list[Path]:
    (parts[0] / "part.json").write_text("{}")
    return parts


def age_header(parts: list[Path]) -> list[Path]:
    header = json.loads((parts[0] / "part.json").read_text())
    (parts[0] / "part.json").write_text(json.dumps({**header, "format": 0}))
    return parts


def name_another_folder(parts: list[Path]) -> list[Path]:
    return [*parts, parts[0].parent]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lose_one, "is a part of 3, and part 3 of them are not given"),
        (name_one_twice, "is part 3 of 3, and so is"),
        (mix_settings, "is a part of another data set than .*other settings"),
        (mix_numbers, "is a part of another data set than"),
        (add_a_file, "was made when the sources held other files"),
        (cut_readings, "is damaged; make the part again"),
        (cut_arrays, "is damaged; make the part again"),
        (break_header, "is damaged; make the part again"),
        (age_header, "has format 0"),
        (name_another_folder, "is no part of a data set. Make one with"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(
    parts: list[Path], tmp_path: Path, change: Callable[[list[Path]], list[Path]], text: str
) -> None:
    with pytest.raises(DataError, match=text):
        prepare(output=tmp_path / "data", merge=change(parts))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"merge": ["x"], "tokenizer": "giga"}, ConfigError, "--merge takes sources and settings from the parts"),
        ({"merge": ["x"], "seed": 1}, ConfigError, "--merge takes sources and settings from the parts"),
        ({"merge": ["x"], "shard": "1/2"}, ConfigError, "--merge takes sources and settings from the parts"),
        ({}, ConfigError, "name what to prepare"),
    ],
)
def test_what_cannot_be_asked_together(
    tmp_path: Path, arguments: dict[str, object], error: type[TonadaError], text: str
) -> None:
    with pytest.raises(error, match=text):
        prepare(output=tmp_path / "data", **arguments)  # type: ignore[arg-type]


def test_settings_that_cannot_be_are_refused_before_a_part_is_read(notes: Path, sound: Path, tmp_path: Path) -> None:
    for source, settings in ((notes, {"min_notes": 0}), (notes, {"test_share": 2.0}), (sound, {"jobs": 0})):
        with pytest.raises(ConfigError):
            prepare(source, output=tmp_path / "part", shard="1/2", **settings)  # type: ignore[arg-type]


def test_a_part_replaces_only_a_part_and_only_when_asked(notes: Path, tmp_path: Path) -> None:
    prepare(notes, output=tmp_path / "part", shard="1/2")
    with pytest.raises(DataError, match="give --overwrite"):
        prepare(notes, output=tmp_path / "part", shard="1/2")
    prepare(notes, output=tmp_path / "part", shard="1/2", overwrite=True)
    with pytest.raises(DataError, match="is no part of a data set"):
        prepare(notes, output=notes, shard="1/2", overwrite=True)
