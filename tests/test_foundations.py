"""Errors, files, seeds and the registry."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tonada import errors, registry
from tonada.files import atomic_path, taken, translated_errors, write_text
from tonada.seeding import key, rng, torch_generator


def test_every_error_has_its_exit_code() -> None:
    codes = {
        errors.TonadaError: 1,
        errors.ConfigError: 2,
        errors.UnknownNameError: 2,
        errors.DataError: 3,
        errors.CheckpointError: 4,
        errors.MissingDependencyError: 4,
        errors.TrainingError: 5,
        errors.ResourceError: 6,
    }
    ours = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert ours == set(codes)
    assert {error: error.exit_code for error in codes} == codes


@pytest.mark.parametrize(
    ("name", "known", "text"),
    [
        ("bahc", ["Bach", "Brahms"], "Did you mean Bach"),
        ("zzz", ["a", "b"], "Known: a, b."),
        ("zzz", [f"n{i:02}" for i in range(20)], "Known, among 20: n00, .* …"),
        ("zzz", [], "There are none."),
    ],
)
def test_unknown_names_offer_the_nearest(name: str, known: list[str], text: str) -> None:
    with pytest.raises(errors.UnknownNameError, match=f"unknown composer '{name}'. {text}"):
        raise errors.UnknownNameError("composer", name, known)


def test_texts_of_the_other_errors() -> None:
    assert str(errors.DataError("a.mid", "is empty")) == "a.mid: is empty"
    assert "pip install 'tonada[app]'" in str(errors.MissingDependencyError("verovio", "app"))
    assert str(errors.MissingDependencyError("onnx")).endswith("pip install onnx")
    assert "step 3: the loss of 'model' is nan" in str(errors.TrainingError(3, "model", float("nan")))


def test_data_errors_come_home_from_other_processes() -> None:
    copy = pickle.loads(pickle.dumps(errors.DataError(Path("a.mid"), "is empty")))
    assert (copy.path, copy.reason, str(copy)) == (Path("a.mid"), "is empty", "a.mid: is empty")


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "one\ntwo")
    assert path.read_bytes() == b"one\ntwo"

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the block's own error comes through as it is
        fail()
    assert path.read_bytes() == b"one\ntwo"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_resource_error(number: int) -> None:
    with pytest.raises(errors.ResourceError, match="the disk is full"), translated_errors(Path("a")):
        raise OSError(number, "no space")


def test_other_system_errors_name_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.DataError, match="file"):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_random_numbers_are_a_function_of_seed_and_counters() -> None:
    draw = rng(1, "sample", 3).random(4)
    np.testing.assert_array_equal(rng(1, "sample", 3).random(4), draw)
    others = [(2, "sample", 3), (1, "sample", 4), (1, "samples", 3), (1, "sample"), (1, "sample3"), (1, "sample", 3, 0)]
    assert all(not np.array_equal(rng(*other).random(4), draw) for other in others)
    assert key(1, "a", 23) != key(1, "a2", 3)
    assert key(1) == 69639319110319461019308430711838974926  # as b2sum computes it
    first = torch.rand(3, generator=torch_generator(5, "x"))
    assert torch.equal(first, torch.rand(3, generator=torch_generator(5, "x")))


def test_every_entry_resolves_and_every_preset_is_listed() -> None:
    for kind, table in registry.TABLE.items():
        assert registry.names(kind) == sorted(name for name, entry in table.items() if not entry.extra)
        for name, entry in table.items():
            found = registry.resolve(kind, name)
            assert sorted(getattr(found, "presets", {})) == sorted(entry.presets)
            assert found.Config is not None
        for full_name in registry.preset_names(kind):
            name, config = registry.preset(kind, full_name)
            assert isinstance(config, registry.resolve(kind, name).Config)


def test_unknown_kinds_names_and_presets() -> None:
    with pytest.raises(errors.UnknownNameError, match="Did you mean tokenizer"):
        registry.names("tokeniser")
    with pytest.raises(errors.UnknownNameError, match="Did you mean performance"):
        registry.resolve("tokenizer", "perform")
    with pytest.raises(errors.UnknownNameError, match="Did you mean gpt/small"):
        registry.preset("model", "gpt/smal")


def test_a_folder_is_one_process_s_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    with taken(folder):
        with pytest.raises(errors.DataError, match="another process is at work"), taken(folder):
            raise AssertionError("it was taken twice")
        with taken(tmp_path / "other"):
            pass
    with taken(folder):
        assert not list(folder.iterdir())
