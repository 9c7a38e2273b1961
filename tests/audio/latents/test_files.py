"""Latents on disk: written as they come, read as they are needed; files that hold none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tonada.audio.latents.files import (
    LatentsFacts,
    facts_path,
    read_facts,
    read_latents,
    write_facts,
    write_latents,
)
from tonada.errors import DataError

FACTS = LatentsFacts(
    model="small",
    model_folder="../small",
    weights_sha256="12ab",
    source="../song.wav",
    source_sha256="34cd",
    sample_rate=22_050,
    samples=110_250,
    hop=192,
    frames=575,
    channels=16,
    values_per_second=1837.5,
    compression=12.0,
)


@pytest.mark.parametrize("lengths", [[7], [3, 1, 0, 12], [1] * 1200])
def test_written_in_parts_it_is_a_plain_array(lengths: list[int], tmp_path: Path) -> None:
    latents = np.random.default_rng(1).standard_normal((sum(lengths), 5)).astype(np.float32)
    with write_latents(tmp_path / "a.npy") as writer:
        for part in np.split(latents, np.cumsum(lengths)[:-1]):
            writer.write(part)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), latents)
    np.testing.assert_array_equal(read_latents(tmp_path / "a.npy"), latents)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"what was there")

    def write() -> None:
        with write_latents(tmp_path / "a.npy") as writer:
            writer.write(np.zeros((3, 2), np.float32))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"what was there"]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_floating_array_is_read(kind: type, order: str, tmp_path: Path) -> None:
    array = np.asarray(np.arange(12).reshape(6, 2), dtype=kind, order=order)
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(read_latents(tmp_path / "a.npy"), array)


BAD = {
    "integers": (np.zeros((3, 2), np.int32), "floating numbers"),
    "complex": (np.zeros((3, 2), np.complex64), "floating numbers"),
    "one axis": (np.zeros(3, np.float32), r"\[frames, channels\]; this array has \[3\]"),
    "three axes": (np.zeros((3, 2, 1), np.float32), r"has \[3, 2, 1\]"),
    "no frames": (np.zeros((0, 2), np.float32), ""),
    "no channels": (np.zeros((3, 0), np.float32), ""),
    "NaN": (np.full((3, 2), np.nan, np.float32), "NaN or infinite"),
    "infinite": (np.full((3, 2), np.inf), "NaN or infinite"),
    "objects": (np.full((3, 2), "x", dtype=object), "cannot be read|can be read"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_arrays_that_are_no_latents(name: str, tmp_path: Path) -> None:
    array, words = BAD[name]
    np.save(tmp_path / "bad.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=f"bad.npy: .*({words})") as caught:
        read_latents(tmp_path / "bad.npy")
    assert "\n" not in str(caught.value)


def test_a_single_bad_value_far_inside_is_seen(tmp_path: Path) -> None:
    array = np.zeros((900_000, 3), np.float32)
    array[899_999, 2] = np.nan
    np.save(tmp_path / "bad.npy", array)
    with pytest.raises(DataError, match="NaN"):
        read_latents(tmp_path / "bad.npy")


def test_files_that_hold_no_array(tmp_path: Path) -> None:
    good = tmp_path / "good.npy"
    np.save(good, np.zeros((100, 3), np.float32))
    np.savez(tmp_path / "several.npz", a=np.zeros((2, 2)))
    contents = {
        "empty": b"",
        "text": b"not latents",
        "cut": good.read_bytes()[:-5],
        "head": good.read_bytes()[:40],
        "several": (tmp_path / "several.npz").read_bytes(),
    }
    for name, content in contents.items():
        path = tmp_path / f"{name}.npy"
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"{name}.npy: is (empty|no NumPy array)") as caught:
            read_latents(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="no such file"):
        read_latents(tmp_path / "none.npy")


def test_the_json_beside(tmp_path: Path) -> None:
    path = facts_path(tmp_path / "song.npy")
    assert path == tmp_path / "song.npy.json"
    assert read_facts(path) is None
    write_facts(path, FACTS)
    assert read_facts(path) == FACTS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not describe latents"),
        ("[1]", "holds no object"),
        ("{", "does not describe latents"),
        ('{"format": 2}', "format 2"),
        ('{"notes": 3, "format": 1}', "notes"),  # the json of a composition
        ("\xff", "does not describe latents"),
    ],
)
def test_jsons_that_are_of_something_else(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=words):
        read_facts(tmp_path / "a.json")


def test_no_samples(tmp_path: Path) -> None:
    write_facts(tmp_path / "a.json", replace(FACTS, samples=0))
    with pytest.raises(DataError, match="samples must be at least 1"):
        read_facts(tmp_path / "a.json")
    record = json.loads((tmp_path / "a.json").read_text())
    del record["samples"]
    (tmp_path / "a.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="needs samples"):
        read_facts(tmp_path / "a.json")
