"""Preparing MIDI end to end: what goes in, what is left out and why, and which split a piece gets."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from midi_files import MALFORMED, midi_file, note_off, note_on, track
from tonada import registry
from tonada.data import Dataset
from tonada.errors import ConfigError, DataError, ResourceError, UnknownNameError
from tonada.seeding import rng
from tonada.symbolic.corpus import PrepareReport, prepare_corpus, reading
from tonada.symbolic.midi import read_midi_bytes, write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.note import NoteTokenizer
from tonada.workers import POOL_FROM

MAESTRO = "maestro-v3.0.0-midi.zip"
COLUMNS = ("canonical_composer", "canonical_title", "split", "year", "midi_filename")


def score(seed: int, count: int = 300) -> Score:
    """Random notes that share nothing with those of another seed."""
    draw = rng(seed, "piece")
    return Score.from_notes(
        Notes(
            onset_s=np.cumsum(draw.uniform(0.1, 0.4, count)),
            duration_s=draw.uniform(0.1, 0.5, count),
            pitch=draw.integers(30, 95, count),
            velocity=draw.integers(20, 110, count),
        )
    )


def write_pieces(folder: Path, seeds: Mapping[str, int]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, seed in seeds.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_midi(score(seed), folder / name)
    return folder


def write_table(path: Path, rows: Sequence[Sequence[str]], columns: Sequence[str] = COLUMNS) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])


def benchmark(folder: Path) -> Path:
    """A collection whose table declares all three splits."""
    write_pieces(folder, {f"{place}.mid": place for place in range(6)})
    write_table(
        folder / "table.csv",
        [
            ("Frédéric Chopin", "Etude Op. 10 No. 1", "train", "2004", "0.mid"),
            ("Frédéric Chopin", "Etude Op. 10 No. 2", "train", "2004", "1.mid"),
            ("Frédéric Chopin", "Etude Op. 10 No. 4", "validation", "2006", "2.mid"),
            ("Franz Liszt", "Hungarian Rhapsody No. 2", "validation", "2006", "3.mid"),
            ("Johann Sebastian Bach", "Toccata in C Minor, BWV 911", "test", "2008", "4.mid"),
            ("Franz Liszt", "La Campanella", "train", "2008", "5.mid"),
        ],
    )
    return folder


def splits(report: PrepareReport) -> dict[str, str]:
    return {row["name"]: row["split"] for row in Dataset(report.folder).rows}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def reasons(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(row["name"]): str(row["reason"]) for row in rows}


# --- what goes in ----------------------------------------------------------------------------------------------------


def test_a_folder_becomes_a_data_set(tmp_path: Path) -> None:
    music = write_pieces(tmp_path / "music", {"chopin/etude.mid": 1, "b.mid": 2, "c.midi": 3})
    report = prepare_corpus([music], tmp_path / "data", jobs=1)
    dataset = Dataset(tmp_path / "data")
    tokenizer = NoteTokenizer()
    assert dataset.codec_name == "note"
    assert dataset.sha256 == report.sha256
    rows = {row["name"]: row for row in dataset.rows}
    assert list(rows) == ["music/b.mid", "music/c.midi", "music/chopin/etude.mid"]
    row = rows["music/chopin/etude.mid"]
    assert (row["composer"], row["title"], row["work"], row["collection"]) == (
        "Chopin",
        "etude",
        "chopin etude",
        "music",
    )
    assert row["notes"] == "300"
    for split in ("train", "validation", "test"):
        for piece in dataset.pieces(split):
            data = (tmp_path / piece.name).read_bytes()
            folded = fold_pedal(read_midi_bytes(data, path=Path(piece.name)))
            assert np.array_equal(piece.array, tokenizer.encode_notes(folded))
            assert float(piece.metadata["seconds"]) == pytest.approx(folded.end_s, abs=1e-3)
    totals = report.splits.values()
    assert sum(split.pieces for split in totals) == 3
    assert sum(split.notes for split in totals) == 900
    assert sum(split.ids for split in totals) == 3 * (2 + 4 * 300)
    assert report.works == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "music"]


def test_single_files_and_other_tokenizers(tmp_path: Path) -> None:
    music = write_pieces(tmp_path / "music", {"a.mid": 1})
    for tokenizer in registry.names("tokenizer"):
        report = prepare_corpus([music / "a.mid"], tmp_path / tokenizer, tokenizer=tokenizer)
        assert splits(report) == {"a.mid": "train"}
        assert Dataset(report.folder).codec_name == tokenizer
    config = {"velocity_step": 8}
    report = prepare_corpus([music / "a.mid"], tmp_path / "coarse", tokenizer_config=config)
    assert Dataset(report.folder).codec_config["velocity_step"] == 8


def test_what_a_killed_preparation_left_is_removed(tmp_path: Path) -> None:
    source = write_pieces(tmp_path / "set", {"0.mid": 0, "1.mid": 1})
    work = tmp_path / "work"
    others = {".data.0123wxyz.ids", ".data2.0123abcd.ids", ".data.0123abcd.csv", "data.0123abcd.ids", ".x.0123abcd.tmp"}
    for name in (*others, ".data.0123abcd.tmp", ".data.89abcdef.tmp", ".data.00000000.tmp"):
        (work / name).mkdir(parents=True)
        (work / name / "shard.npy").touch()
    (work / ".data.11111111.ids").touch()
    (work / ".data.22222222.ids").touch()
    more_than_an_hour_ago = time.time() - 3700
    for path in work.rglob("*"):
        os.utime(path, (more_than_an_hour_ago, more_than_an_hour_ago))
    os.utime(work / ".data.22222222.ids")  # these two may still be in use
    os.utime(work / ".data.00000000.tmp" / "shard.npy")
    prepare_corpus([source], work / "data", validation_share=0.0, test_share=0.0, jobs=1)
    assert {path.name for path in work.iterdir()} == {*others, ".data.22222222.ids", ".data.00000000.tmp", "data"}


def test_selection_by_column(tmp_path: Path) -> None:
    music = benchmark(tmp_path / "music")
    for given, chosen in (
        ({"composer": "liszt"}, "35"),
        ({"composer": ["liszt", "bach"]}, "345"),
        ({"title": "op. 10"}, "012"),
        ({"split": "train"}, "015"),
        ({"where": ["year=2004"]}, "01"),
        ({"where": {"year": "2008"}, "composer": "Liszt, Franz"}, "5"),
    ):
        report = prepare_corpus([music], tmp_path / "data", jobs=1, overwrite=True, **given)
        assert [name[6] for name in splits(report)] == list(chosen), given
    with pytest.raises(UnknownNameError, match=r"unknown composer 'Lizst'\. Did you mean Franz Liszt"):
        prepare_corpus([music], tmp_path / "none", composer="Lizst")
    assert not (tmp_path / "none").exists()


def test_a_table_of_styles_selects_and_its_columns_reach_the_catalogue(tmp_path: Path) -> None:
    music = benchmark(tmp_path / "music")
    with zipfile.ZipFile(tmp_path / "music.zip", "w") as archive:
        for path in sorted(music.iterdir()):
            archive.write(path, path.name)
    write_table(tmp_path / "styles.csv", [("romantic", "5.mid"), ("baroque", "4.mid")], ["style", "midi_filename"])
    report = prepare_corpus([tmp_path / "music.zip", tmp_path / "styles.csv"], tmp_path / "data", jobs=1)
    rows = {row["name"]: (row["style"], row["split"], row["year"]) for row in Dataset(report.folder).rows}
    assert rows == {"4.mid": ("baroque", "test", "2008"), "5.mid": ("romantic", "train", "2008")}


# --- what is left out ------------------------------------------------------------------------------------------------


def test_files_that_give_no_piece_are_listed_with_the_reason(tmp_path: Path) -> None:
    music = write_pieces(tmp_path / "music", {"good.mid": 1})
    drum = midi_file(track(*((0, note_on(38, 90, 9)), (60, note_off(38, 9))) * 20))
    short = midi_file(track(*((0, note_on(60)), (60, note_off(60))) * 15))
    endless = midi_file(track(*((2**24, note_on(60)), (60, note_off(60))) * 20))
    for name, content in {
        "drums.mid": drum,
        "empty.mid": b"",
        "endless.mid": endless,
        "silent.mid": midi_file(track()),
        "short.mid": short,
        "text.mid": b"not music at all, but text",
    }.items():
        (music / name).write_bytes(content)
    report = prepare_corpus([music], tmp_path / "data", jobs=1)
    found = {name.removeprefix("music/"): reason for name, reason in reasons(report.skipped).items()}
    assert list(splits(report)) == ["music/good.mid"]
    assert list(found) == ["drums.mid", "empty.mid", "endless.mid", "short.mid", "silent.mid", "text.mid"]
    assert "only drums" in found["drums.mid"]
    assert found["short.mid"] == "fewer than 16 notes (15)"
    assert found["endless.mid"].endswith("more than 6 h are broken times")
    assert found["silent.mid"] == "no notes"
    assert "not a MIDI file" in found["text.mid"]
    table = list(csv.DictReader((tmp_path / "data" / "skipped.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["reason"] for row in table] == list(found.values())
    assert list(splits(prepare_corpus([music], tmp_path / "more", min_notes=15, jobs=1))) == [
        "music/good.mid",
        "music/short.mid",
    ]


@pytest.mark.parametrize("name", MALFORMED)
def test_no_malformed_file_stops_the_run(tmp_path: Path, name: str) -> None:
    music = write_pieces(tmp_path / "music", {"good.mid": 1})
    (music / "bad.mid").write_bytes(MALFORMED[name][0])
    report = prepare_corpus([music], tmp_path / "data", jobs=1)
    assert list(splits(report)) == ["music/good.mid"]
    assert list(reasons(report.skipped)) == ["music/bad.mid"]


def test_copies_are_dropped_and_the_held_out_one_stays(tmp_path: Path) -> None:
    music = benchmark(tmp_path / "music")
    other = tmp_path / "other"
    other.mkdir()
    (other / "a copy.mid").write_bytes((music / "0.mid").read_bytes())
    read = read_midi_bytes((music / "2.mid").read_bytes(), path=Path("2.mid"))
    write_midi(Score.from_notes(fold_pedal(read), program=5, bpm=90, ticks_per_quarter=960), other / "saved anew.mid")
    report = prepare_corpus([other, music], tmp_path / "data", jobs=1)
    assert sorted(splits(report)) == [f"music/{place}.mid" for place in range(6)]
    assert [(row["name"], row["reason"], row["other"]) for row in report.skipped] == [
        ("other/a copy.mid", "same file as another", "music/0.mid"),
        ("other/saved anew.mid", "same notes as another", "music/2.mid"),
    ]


def test_training_pieces_that_share_a_work_with_a_held_out_piece_are_dropped(tmp_path: Path) -> None:
    music = benchmark(tmp_path / "music")
    other = write_pieces(tmp_path / "other", {f"{place}.mid": place for place in range(10, 16)})
    transposed = score(4).tracks[0]
    louder = Notes(
        onset_s=score(4).notes().onset_s * 1.1,
        duration_s=score(4).notes().duration_s,
        pitch=score(4).notes().pitch + 2,
        velocity=np.full(len(transposed.pitch), 100),
    )
    write_midi(Score.from_notes(louder), other / "15.mid")
    write_table(
        other / "table.csv",
        [
            ("Chopin", "Etudes, Op. 10", "train", "", "10.mid"),
            ("Chopin", "Etude Op. 10 No. 7", "train", "", "11.mid"),
            ("Liszt", "Ii. ungarische rhapsodie", "train", "", "12.mid"),
            ("Liszt", "La Campanella", "validation", "", "13.mid"),
            ("Chopin", "Scherzo No. 3", "validation", "", "14.mid"),
            ("Nobody", "A title that lies", "train", "", "15.mid"),
        ],
    )
    report = prepare_corpus([other, music], tmp_path / "data", jobs=1)
    assert splits(report) == {
        "music/0.mid": "train",
        "music/1.mid": "train",
        "music/2.mid": "validation",
        "music/3.mid": "validation",
        "music/4.mid": "test",
        "music/5.mid": "train",
        "other/11.mid": "train",
        "other/14.mid": "validation",
    }
    assert [(row["name"], row["reason"], row["other"], row["largest_share"]) for row in report.leakage] == [
        ("other/13.mid", "same work by title", "music/5.mid", ""),
        ("other/10.mid", "same work by title", "music/2.mid", ""),
        ("other/12.mid", "same work by title", "music/3.mid", ""),
        ("other/15.mid", "same work by notes", "music/4.mid", 1.0),
    ]
    assert [(row["name"], row["other"], row["titles"], row["kept"]) for row in report.duplicates] == [
        ("other/15.mid", "music/4.mid", "different works", "one")
    ]
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["prepare"]["leakage"] == 4


def test_leaks_are_found_against_held_out_pieces_that_were_not_selected(tmp_path: Path) -> None:
    music = benchmark(tmp_path / "music")
    write_table(
        music / "table.csv",
        [
            ("Chopin", "Etudes, Op. 10", "train", "2004", "0.mid"),
            ("Chopin", "Etude Op. 10 No. 4", "validation", "2006", "2.mid"),
            ("Bach", "BWV 911", "test", "2008", "4.mid"),
            ("Liszt", "La Campanella", "train", "2004", "5.mid"),
        ],
    )
    report = prepare_corpus([music], tmp_path / "data", where=["year=2004"], jobs=1)
    assert splits(report) == {"music/5.mid": "train"}
    assert reasons(report.leakage) == {"music/0.mid": "same work by title"}


# --- splits by hash --------------------------------------------------------------------------------------------------


def test_files_without_a_table_are_split_by_work(tmp_path: Path) -> None:
    seeds = {f"piece {place}.mid": place for place in range(40)}
    opus = {f"Chopin - Etude Op. 10 No. {place}.mid": 100 + place for place in range(1, 6)}
    music = write_pieces(tmp_path / "music", {**seeds, **opus, "Chopin - Etudes Op. 10.mid": 200})
    near = score(3).notes()
    write_midi(Score.from_notes(near[: len(near) // 2]), music / "half of piece 3.mid")
    found = []
    for seed in (0, 1):
        report = prepare_corpus([music], tmp_path / "data", seed=seed, jobs=1, overwrite=True)
        by_name = splits(report)
        assert len(by_name) == 47
        assert len({split for name, split in by_name.items() if "Chopin" in name}) == 1
        assert by_name["music/half of piece 3.mid"] == by_name["music/piece 3.mid"]
        assert report.leakage == []
        found.append(by_name)
    assert found[0] != found[1]
    counts = Counter(split for by_name in found for split in by_name.values())
    assert counts["train"] > 60
    assert min(counts["validation"], counts["test"]) >= 2
    more = write_pieces(music, {"one more.mid": 300})
    again = splits(prepare_corpus([more], tmp_path / "data", seed=1, jobs=1, overwrite=True))
    assert {name: again[name] for name in found[1]} == found[1]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_files_still_trains_and_validates(tmp_path: Path, count: int) -> None:
    music = write_pieces(tmp_path / "music", {f"{place}.mid": place for place in range(count)})
    for seed in range(5):
        by_split = Counter(
            splits(prepare_corpus([music], tmp_path / "data", seed=seed, jobs=1, overwrite=True)).values()
        )
        assert by_split["train"] >= 1
        assert by_split["validation"] >= (count > 1)


def test_beside_a_benchmark_everything_else_is_training_material(tmp_path: Path) -> None:
    music = benchmark(tmp_path / "music")
    other = write_pieces(tmp_path / "other", {f"{place}.mid": place for place in range(10, 40)})
    by_name = splits(prepare_corpus([music, other], tmp_path / "data", jobs=1))
    assert {split for name, split in by_name.items() if name.startswith("other")} == {"train"}


# --- the folder ------------------------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_bytes_for_any_number_of_processes(tmp_path: Path) -> None:
    music = write_pieces(tmp_path / "music", {f"{place:02}.mid": place for place in range(POOL_FROM)})
    (music / "bad.mid").write_bytes(b"bad")
    calls: list[tuple[int, int]] = []
    one = prepare_corpus([music], tmp_path / "one", jobs=1)
    two = prepare_corpus([music], tmp_path / "two", jobs=2, progress=lambda done, total: calls.append((done, total)))
    assert one.sha256 == two.sha256
    assert contents(one.folder) == contents(two.folder)
    assert calls[-1] == (POOL_FROM + 1,) * 2
    assert calls == sorted(calls)


def test_a_folder_in_use_is_refused_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    music = write_pieces(tmp_path / "music", {"a.mid": 1})
    prepare_corpus([music], tmp_path / "data")
    before = contents(tmp_path / "data")
    monkeypatch.setattr("tonada.symbolic.corpus.preparation.list_corpus", None)
    with pytest.raises(DataError, match="holds a prepared data set already"):
        prepare_corpus([music], tmp_path / "data")
    with pytest.raises(DataError, match="is no prepared data set"):
        prepare_corpus([music], music, overwrite=True)
    assert contents(tmp_path / "data") == before


def test_nothing_usable_is_an_error_that_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    with pytest.raises(DataError, match="holds no MIDI file"):
        prepare_corpus([tmp_path / "music"], tmp_path / "data")
    (tmp_path / "music" / "a.mid").write_bytes(b"bad")
    with pytest.raises(DataError, match="nothing is left to prepare; 1 × not a MIDI file"):
        prepare_corpus([tmp_path / "music"], tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir()] == ["music"]


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path, trouble: type[BaseException] | BaseException) -> None:
    music = write_pieces(tmp_path / "music", {"a.mid": 1, "b.mid": 2})

    def stop(done: int, total: int) -> None:
        raise trouble

    with pytest.raises((KeyboardInterrupt, ResourceError)):
        prepare_corpus([music], tmp_path / "data", progress=stop, jobs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["music"]


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    music = write_pieces(tmp_path / "music", {"a.mid": 1})
    with pytest.raises(ConfigError, match="validation and test shares must leave something"):
        prepare_corpus([music], tmp_path / "data", validation_share=0.5, test_share=0.5)
    with pytest.raises(UnknownNameError, match=r"unknown tokenizer 'notes'\. Did you mean note"):
        prepare_corpus([music], tmp_path / "data", tokenizer="notes")
    with pytest.raises(UnknownNameError, match="velocity_stp"):
        prepare_corpus([music], tmp_path / "data", tokenizer_config={"velocity_stp": 4})


class Deadly:
    """Ends the process that unpickles it, as the kernel ends one that takes too much memory."""

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return os._exit, (9,)


def test_a_process_that_dies_is_an_error_that_says_what_to_do() -> None:
    files: list[Any] = [Deadly()] * POOL_FROM
    with pytest.raises(ResourceError, match=r"a reading process died, most likely for want of memory\. Try --jobs 1"):
        list(reading.read_all(files, tokenizer="note", config={}, min_notes=1, jobs=2))


def test_preparing_needs_no_torch() -> None:
    code = "import sys, tonada.symbolic.corpus, tonada.symbolic.tokenizers.note; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- MAESTRO as distributed ------------------------------------------------------------------------------------------


def test_one_composer_of_maestro(tmp_path: Path, data: Path) -> None:
    report = prepare_corpus([data / "midi" / MAESTRO], tmp_path / "data", composer="scarlatti", jobs=1)
    rows = Dataset(report.folder).rows
    assert Counter(row["split"] for row in rows) == {"train": 17, "test": 13}
    assert [row["work"] for row in report.leakage] == ["scarlatti k 466"]
    assert report.skipped == []
    by_title = {row["title"]: row for row in rows}
    assert by_title["Sonata, K239"]["year"] == "2004"
    assert float(by_title["Sonata, K239"]["seconds"]) == pytest.approx(196.0, abs=0.5)


def test_the_thesis_selection(tmp_path: Path, data: Path) -> None:
    sources = [data / "midi" / MAESTRO, data / "midi" / "thesis-styles.csv"]
    report = prepare_corpus(sources, tmp_path / "data", where=["style=baroque"], jobs=1)
    rows = Dataset(report.folder).rows
    assert {row["style"] for row in rows} == {"baroque"}
    assert len(rows) == 50
