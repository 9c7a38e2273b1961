"""The prepared data set: what is written is what is read, the same bytes every time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tonada.data
from tonada.data import Dataset, Piece, write_dataset
from tonada.errors import DataError, UnknownNameError


def pieces() -> list[Piece]:
    generator = np.random.default_rng(1)
    return [
        Piece(
            name=f"piece {number}",
            split=("train", "validation", "train", "test")[number % 4],
            array=generator.integers(0, 500, 10 + number, dtype=np.uint16),
            metadata={"composer": "Liszt, Franz", "title": 'The "Sigh"\nin D♭'},
        )
        for number in range(8)
    ]


def write(folder: Path, **options: object) -> Dataset:
    values = {"codec": "note", "codec_config": {"step_ms": 10}, "pieces": pieces(), **options}
    return write_dataset(folder, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("shard_bytes", [1, 50, 20_000])
def test_round_trip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard_bytes: int) -> None:
    monkeypatch.setattr(tonada.data, "SHARD_BYTES", shard_bytes)
    dataset = write(tmp_path / "data", tables={"skipped": [{"name": "x", "reason": "y"}]}, facts={"seed": 3})
    assert (dataset.codec_name, dataset.codec_config) == ("note", {"step_ms": 10})
    for split in ("train", "validation", "test"):
        expected = [piece for piece in pieces() if piece.split == split]
        found = dataset.pieces(split)
        assert [piece.name for piece in found] == [piece.name for piece in expected]
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a.array, b.array)
            assert a.array.dtype == np.uint16
            assert a.metadata["title"] == b.metadata["title"]
    assert (tmp_path / "data" / "skipped.csv").read_text() == "name,reason\nx,y\n"
    assert dataset.manifest["seed"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("row", [(), (4,)])
def test_a_shard_is_written_when_it_is_large_in_bytes_not_in_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: tuple[int, ...]
) -> None:
    arrays = [np.full((10, *row), number, dtype=np.float32) for number in range(6)]
    monkeypatch.setattr(tonada.data, "SHARD_BYTES", 3 * arrays[0].nbytes)
    given = [Piece(name=str(number), split="train", array=array) for number, array in enumerate(arrays)]
    dataset = write(tmp_path / "data", pieces=given)
    assert [shard["items"] for shard in dataset.manifest["splits"]["train"]["shards"]] == [30, 30]
    for piece, array in zip(dataset.pieces("train"), arrays, strict=True):
        np.testing.assert_array_equal(piece.array, array)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    (piece,) = pieces()[:1]
    dataset = write(tmp_path / "data", pieces=[replace(piece, name="p\udcff")], facts={"collections": ["c\udcff"]})
    assert dataset.pieces("train")[0].name == "p\\udcff"
    assert dataset.manifest["collections"] == ["c\udcff"]


def test_the_hash_covers_arrays_tables_and_facts(tmp_path: Path) -> None:
    reference = write(tmp_path / "a").sha256
    assert write(tmp_path / "b").sha256 == reference
    changed = pieces()
    changed[3].array[0] ^= 1
    assert write(tmp_path / "c", pieces=changed).sha256 != reference
    assert write(tmp_path / "d", tables={"skipped": [{"name": "x"}]}).sha256 != reference
    assert write(tmp_path / "e", facts={"seed": 1}).sha256 != reference


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    def failing() -> Iterator[Piece]:
        yield pieces()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "data", pieces=failing())
    assert list(tmp_path.iterdir()) == []


def test_the_current_folder_cannot_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (Path(), tmp_path, Path("..") / tmp_path.name):
        with pytest.raises(DataError, match="is the current folder; name a new one"):
            write(folder, overwrite=True)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="is no prepared data set"):
        write(tmp_path / "mine", overwrite=True)
    write(tmp_path / "data")
    with pytest.raises(DataError, match="--overwrite"):
        write(tmp_path / "data")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "manifest.json").write_text("{}")  # as web pages have one
    with pytest.raises(DataError, match="is no prepared data set"):
        write(tmp_path / "web", overwrite=True)
    write(tmp_path / "data", overwrite=True, facts={"again": True})
    assert Dataset(tmp_path / "data").manifest["again"] is True
    with pytest.raises(DataError, match="nothing was left to prepare"):
        write(tmp_path / "empty", pieces=[])


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no manifest\.json"):
        Dataset(tmp_path)
    dataset = write(tmp_path / "data")
    with pytest.raises(UnknownNameError, match="validation"):
        dataset.pieces("valid")
    shard, manifest = tmp_path / "data" / "train-00000.npy", tmp_path / "data" / "manifest.json"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-4])
    with pytest.raises(DataError, match="is damaged"):
        Dataset(tmp_path / "data")
    np.save(shard, np.zeros(3, dtype=np.uint16))
    with pytest.raises(DataError, match="holds 3 items where the manifest says"):
        Dataset(tmp_path / "data")
    shard.unlink()
    with pytest.raises(DataError, match="no such file"):
        Dataset(tmp_path / "data")
    text = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**text, "format": 99}))
    with pytest.raises(DataError, match="has format 99"):
        Dataset(tmp_path / "data")
    for other in ([], {**text, "format": None}):
        manifest.write_text(json.dumps(other))
        with pytest.raises(DataError, match="has format None"):
            Dataset(tmp_path / "data")
    manifest.write_text(json.dumps({"format": text["format"]}))
    with pytest.raises(DataError, match="is damaged"):
        Dataset(tmp_path / "data")
    manifest.write_text("{")
    with pytest.raises(DataError, match="is not JSON"):
        Dataset(tmp_path / "data")


def test_a_changed_array_or_catalogue_is_noticed(tmp_path: Path) -> None:
    dataset = write(tmp_path / "data")
    dataset.verify()
    for name in ("train-00000.npy", "catalogue.csv"):
        path = tmp_path / "data" / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(DataError, match=f"{name}: was changed since it was prepared"):
            Dataset(tmp_path / "data").verify()
        path.write_bytes(whole)
