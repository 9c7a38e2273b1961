"""Listing and reading MIDI files of folders, zips and tables, and choosing among them."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from midi_files import ONE_NOTE
from tonada.errors import ConfigError, DataError, UnknownNameError
from tonada.sources import Kind, SourceFile, list_sources, read_file
from tonada.sources import listing as listing_module
from tonada.sources.tables import LARGEST_TABLE_BYTES, parse_table, read_table
from tonada.symbolic.corpus.kind import MIDI
from tonada.symbolic.corpus.selection import parse_selection, select

TABLE = (
    "canonical_composer,canonical_title,split,year,midi_filename\n"
    "Johann Sebastian Bach,Toccata,train,2004,2004/a.mid\n"
    'Frédéric Chopin,"Etude Op. 10, No. 1",test,2008,2004/b.midi\n'
)


def write_files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(ONE_NOTE)
    return folder


def write_zip(path: Path, members: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def names(files: Sequence[SourceFile]) -> list[str]:
    return [file.name for file in files]


# --- listing ---------------------------------------------------------------------------------------------------------


def test_a_folder_is_searched_to_the_bottom_in_order(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "music", "b.mid", "a/z.MIDI", "a/y.kar", "a/deep/x.rmi", "notes.txt", "a/._y.mid")
    listing = list_sources([folder], MIDI)
    assert names(listing.files) == ["music/a/deep/x.rmi", "music/a/y.kar", "music/a/z.MIDI", "music/b.mid"]
    assert {file.collection for file in listing.files} == {"music"}
    assert listing.skipped == ()
    assert read_file(listing.files[0], {}, MIDI.largest_bytes) == ONE_NOTE


def test_a_zip_is_listed_by_name_and_described_by_the_table_inside(tmp_path: Path) -> None:
    members: dict[str, bytes | str] = {
        "set/2004/b.midi": ONE_NOTE,
        "set/2004/a.mid": ONE_NOTE,
        "set/table.csv": TABLE,
        "set/LICENSE": "free",
        "set/2004/": b"",
        "set/__MACOSX/._a.mid": b"",
    }
    listing = list_sources([write_zip(tmp_path / "set.zip", members)], MIDI)
    assert names(listing.files) == ["set/2004/a.mid", "set/2004/b.midi"]
    bach, chopin = listing.files
    assert bach.facts == {"composer": "Johann Sebastian Bach", "title": "Toccata", "split": "train", "year": "2004"}
    assert chopin.facts["title"] == "Etude Op. 10, No. 1"
    assert bach.table == chopin.table == "set.zip/set/table.csv"
    opened: dict[Path, zipfile.ZipFile] = {}
    assert [read_file(file, opened, MIDI.largest_bytes) for file in listing.files] == [ONE_NOTE] * 2
    assert len(opened) == 1
    opened.popitem()[1].close()


def test_a_table_in_a_folder_describes_its_files_and_tells_which_are_absent(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "music", "sub/2004/a.mid", "sub/c.mid")
    (folder / "sub" / "table.csv").write_text("\ufeff" + TABLE, encoding="utf-8")
    (folder / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    listing = list_sources([folder], MIDI)
    assert [file.facts.get("composer") for file in listing.files] == ["Johann Sebastian Bach", None]
    assert listing.skipped == (
        {
            "name": "sub/2004/b.midi",
            "collection": "music",
            "reason": "named in music/sub/table.csv, but absent",
        },
    )


def test_a_table_given_as_a_source_selects_and_adds_columns(tmp_path: Path) -> None:
    archive = write_zip(
        tmp_path / "set.zip", {"set/2004/a.mid": ONE_NOTE, "set/2004/b.midi": ONE_NOTE, "set/t.csv": TABLE}
    )
    styles = tmp_path / "styles.csv"
    styles.write_text("style,midi_filename\nromantic,2004/b.midi\nbaroque,2004/missing.mid\n", encoding="utf-8")
    listing = list_sources([styles, archive], MIDI)
    assert names(listing.files) == ["set/2004/b.midi"]
    assert listing.files[0].facts["style"] == "romantic"
    assert listing.files[0].facts["split"] == "test"
    assert listing.files[0].table == "set.zip/set/t.csv"
    assert names(listing.others) == ["set/2004/a.mid"]
    assert [row["reason"] for row in listing.skipped] == ["listed, but in none of the sources"]


def test_a_table_alone_selects_in_its_folder(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "music", "2004/a.mid", "2004/b.midi", "c.mid")
    (folder / "table.csv").write_text(TABLE, encoding="utf-8")
    listing = list_sources([folder / "table.csv"], MIDI)
    assert names(listing.files) == ["music/2004/a.mid", "music/2004/b.midi"]
    assert listing.files[0].facts["year"] == "2004"


def test_a_name_is_used_once_and_a_file_too(tmp_path: Path) -> None:
    first = write_files(tmp_path / "one" / "music", "a.mid")
    second = write_files(tmp_path / "two" / "music", "a.mid")
    listing = list_sources([first, second, first, first / "a.mid"], MIDI)
    assert names(listing.files) == ["music/a.mid", "music/a.mid (2)"]


@pytest.mark.parametrize("unsafe", ["../evil.mid", "/etc/evil.mid", "a/../../evil.mid", "C:/evil.mid", "..\\evil.mid"])
def test_members_that_point_outside_are_skipped(tmp_path: Path, unsafe: str) -> None:
    listing = list_sources([write_zip(tmp_path / "set.zip", {unsafe: ONE_NOTE, "good.mid": ONE_NOTE})], MIDI)
    assert names(listing.files) == ["good.mid"]
    assert [row["reason"] for row in listing.skipped] == ["unsafe name in the zip: it points outside"]


@pytest.fixture
def small() -> Kind:
    """Refuse MIDI files larger than a MiB, so that tests need not write large ones."""
    return replace(MIDI, largest_bytes=2**20)


def test_encrypted_and_large_members_are_skipped(tmp_path: Path, small: Kind) -> None:
    archive = write_zip(tmp_path / "set.zip", {"a.mid": ONE_NOTE, "big.mid": b"\0" * (small.largest_bytes + 1)})
    data = bytearray(archive.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 8] |= 1
    archive.write_bytes(data)
    listing = list_sources([archive], small)
    assert listing.files == ()
    assert [row["reason"] for row in listing.skipped] == ["encrypted", "larger than 1 MiB"]


def test_a_member_that_lies_about_its_size_is_not_read_whole(tmp_path: Path, small: Kind) -> None:
    archive = write_zip(tmp_path / "set.zip", {"bomb.mid": b"\0" * (small.largest_bytes + 5)})
    data = bytearray(archive.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<I", data, data.index(mark) + offset, 1000)
    archive.write_bytes(data)
    opened: dict[Path, zipfile.ZipFile] = {}
    with pytest.raises(DataError, match="cannot be read from its zip"):
        read_file(list_sources([archive], small).files[0], opened, small.largest_bytes)
    opened.popitem()[1].close()


def test_a_zip_of_too_many_or_too_large_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = write_zip(tmp_path / "set.zip", {"a.mid": ONE_NOTE, "b.mid": ONE_NOTE})
    monkeypatch.setattr(listing_module, "MOST_MEMBERS", 1)
    with pytest.raises(DataError, match="has 2 members; more than 1 are refused"):
        list_sources([archive], MIDI)
    monkeypatch.setattr(listing_module, "MOST_MEMBERS", 2)
    monkeypatch.setattr(listing_module, "MOST_BYTES", 10)
    with pytest.raises(DataError, match="would unpack to more than 0 GiB"):
        list_sources([archive], MIDI)


def test_a_damaged_member_says_so(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "set.zip", {"a.mid": ONE_NOTE * 50})
    data = bytearray(archive.read_bytes())
    data[40:50] = bytes(10)
    archive.write_bytes(data)
    opened: dict[Path, zipfile.ZipFile] = {}
    with pytest.raises(DataError, match="cannot be read from its zip"):
        read_file(list_sources([archive], MIDI).files[0], opened, MIDI.largest_bytes)
    opened.popitem()[1].close()


def test_broken_tables_are_skipped_where_they_are_found_and_refused_where_they_are_given(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "music", "a.mid")
    broken = b"midi_filename\n\xff\xfe\n"
    (folder / "t.csv").write_bytes(broken)
    archive = write_zip(tmp_path / "set.zip", {"b.mid": ONE_NOTE, "t.csv": broken})
    listing = list_sources([folder, archive], MIDI)
    assert names(listing.files) == ["music/a.mid", "b.mid"]
    assert [row["name"] for row in listing.skipped] == ["music/t.csv", "t.csv"]
    assert all("is no table in UTF-8" in row["reason"] for row in listing.skipped)
    with pytest.raises(DataError, match="is no table in UTF-8"):
        list_sources([folder / "t.csv"], MIDI)


def test_sources_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file or folder"):
        list_sources([tmp_path / "nowhere"], MIDI)
    text = tmp_path / "a.txt"
    text.write_text("hello", encoding="utf-8")
    with pytest.raises(DataError, match="is no folder, zip, csv or MIDI file"):
        list_sources([text], MIDI)
    (tmp_path / "a.zip").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="is no sound zip"):
        list_sources([tmp_path / "a.zip"], MIDI)
    (tmp_path / "a.csv").write_text("x\n1\n", encoding="utf-8")
    with pytest.raises(DataError, match="has no column 'midi_filename', so it selects nothing"):
        list_sources([tmp_path / "a.csv"], MIDI)


def test_a_file_that_is_too_large_or_gone(tmp_path: Path, small: Kind) -> None:
    folder = write_files(tmp_path / "music", "a.mid", "b.mid")
    with (folder / "a.mid").open("wb") as stream:
        stream.truncate(small.largest_bytes + 1)
    large, gone = list_sources([folder], small).files
    (folder / "b.mid").unlink()
    with pytest.raises(DataError, match="larger than 1 MiB"):
        read_file(large, {}, small.largest_bytes)
    with pytest.raises(DataError, match="no such file"):
        read_file(gone, {}, small.largest_bytes)


def test_a_table_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("wb") as stream:
        stream.truncate(LARGEST_TABLE_BYTES + 1)
    with pytest.raises(DataError, match="is larger than 64 MiB"):
        read_table(path)
    assert parse_table(path, b"a,b\n1\n1,2,3\n") == [{"a": "1", "b": ""}, {"a": "1", "b": "2"}]


# --- selection -------------------------------------------------------------------------------------------------------


@pytest.fixture
def files() -> list[SourceFile]:
    rows = [
        ("Johann Sebastian Bach", "Toccata in C Minor, BWV 911", "train", "2004"),
        ("Johann Sebastian Bach / Ferruccio Busoni", "Chaconne", "train", "2008"),
        ("Offenbach, Jacques", "Barcarole", "validation", "2008"),
        ("Sergei Rachmaninoff", "Élégie Op. 3 No. 1", "test", "2018"),
        ("", "", "", ""),
    ]
    return [
        SourceFile(
            name=f"{place}.mid",
            collection="set",
            container=Path("set.zip"),
            facts={"composer": composer, "title": title, "split": split, "year": year} if composer else {},
        )
        for place, (composer, title, split, year) in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ({}, "01234"),
        ({"composer": ["bach"]}, "01"),
        ({"composer": ["Bach, J. S."]}, "01"),
        ({"composer": ["Busoni"]}, "1"),
        ({"composer": ["rachmaninov"]}, "3"),
        ({"composer": ["sergei"]}, "3"),
        ({"composer": ["bach", "Offenbach"]}, "012"),
        ({"title": ["elegie"]}, "3"),
        ({"title": ["CHACONNE"]}, "1"),
        ({"split": ["train"]}, "01"),
        ({"year": ["2008"]}, "12"),
        ({"year": ["200"]}, "012"),
        ({"year": ["2008"], "composer": ["bach"]}, "1"),
    ],
    ids=str,
)
def test_selection(files: list[SourceFile], wanted: dict[str, list[str]], places: str) -> None:
    assert "".join(file.name[0] for file in select(files, wanted)) == places


def test_unknown_names_offer_the_nearest(files: list[SourceFile]) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown composer 'Rachmaninof'\. Did you mean Sergei Rachmaninoff"):
        select(files, {"composer": ["Rachmaninof"]})
    with pytest.raises(UnknownNameError, match=r"unknown column 'yaer'\. Did you mean year"):
        select(files, {"yaer": ["2008"]})
    with pytest.raises(UnknownNameError, match=r"unknown split 'dev'\. Known: test, train, validation\."):
        select(files, {"split": ["dev"]})
    with pytest.raises(DataError, match="no file fits composer=bach, year=2018"):
        select(files, {"composer": ["bach"], "year": ["2018"]})


@pytest.mark.parametrize(
    ("column", "words"), [("composer", "no file names its composer"), ("split", "no file is assigned to a split")]
)
@pytest.mark.parametrize("text", [None, ""])
def test_music_without_composers_or_splits(text: str | None, column: str, words: str, files: list[SourceFile]) -> None:
    bare = [replace(file, facts={"title": "x"} | ({} if text is None else {column: text})) for file in files]
    with pytest.raises(ConfigError, match=f"{words}, so none can be chosen by 'Bethoven' or 'Bach'\\. .*--{column}"):
        select(bare, {column: ["Bethoven", "Bach"]})


def test_parsing_a_selection() -> None:
    texts = ["year=2004", "year = 2006 ", "canonical_title=a=b"]
    assert parse_selection(texts, composer="Bach", split=None) == {
        "year": ["2004", "2006"],
        "title": ["a=b"],
        "composer": ["Bach"],
    }
    assert parse_selection({"year": "2004"}, composer=["Bach", "Liszt"]) == {
        "year": ["2004"],
        "composer": ["Bach", "Liszt"],
    }
    for text in ("year", "=2004", "year="):
        with pytest.raises(ConfigError, match="is not COLUMN=VALUE"):
            parse_selection([text])
