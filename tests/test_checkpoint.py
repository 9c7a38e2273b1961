"""Weights on disk: whole or not at all, loaded only when they fit."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from torch import nn

import tonada.checkpoint
from tonada.checkpoint import load_into, load_tensors, model_tensors, save_tensors
from tonada.errors import CheckpointError, DataError, ResourceError


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embedding.weight


def test_round_trip_with_shared_weights_once(tmp_path: Path) -> None:
    model, other = Tied(), Tied()
    assert list(model_tensors(model)) == ["embedding.weight"]
    save_tensors(tmp_path / "model.safetensors", model_tensors(model), {"note": "ü"})
    tensors, metadata = load_tensors(tmp_path / "model.safetensors")
    load_into(other, tensors, tmp_path)
    assert torch.equal(other.head.weight, model.head.weight)
    assert metadata == {"note": "ü"}


def test_others_may_read_what_they_may_read_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    save_tensors(tmp_path / "model.safetensors", {"x": torch.ones(2)})
    assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    model = nn.Linear(2, 3)
    before = model.weight.clone()
    good = dict(model_tensors(nn.Linear(2, 3)))
    cases = {
        "lacks 1 of the model's tensors, for example 'bias'": {"weight": good["weight"]},
        "has 1 tensors that the model has not, for example 'extra'": {**good, "extra": torch.zeros(1)},
        r"'weight' has shape \(3, 3\); the model needs \(3, 2\)": {**good, "weight": torch.zeros(3, 3)},
    }
    for text, tensors in cases.items():
        with pytest.raises(CheckpointError, match=text):
            load_into(model, tensors, tmp_path / "model.safetensors")
    assert torch.equal(model.weight, before)


def test_files_that_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        load_tensors(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match="is damaged"):
        load_tensors(tmp_path / "bad.safetensors")
    save_tensors(tmp_path / "cut.safetensors", {"x": torch.zeros(100)})
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "cut.safetensors").read_bytes()[:-9])
    with pytest.raises(CheckpointError, match="is damaged"):
        load_tensors(tmp_path / "cut.safetensors")


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save_tensors(path, {"x": torch.ones(2)})

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tonada.checkpoint, "save_file", full)
    with pytest.raises(ResourceError, match="the disk is full"):
        save_tensors(path, {"x": torch.zeros(2)})
    assert torch.equal(load_tensors(path)[0]["x"], torch.ones(2))
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_safetensors_own_errors_are_the_systems(tmp_path: Path) -> None:
    """Its writer wraps the system's errors: a folder in the file's place must still be named as the reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"not a directory|file exists"):
        save_tensors(tmp_path / "file" / "model.safetensors", {"x": torch.ones(2)})


def test_parts_that_may_be_absent(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    both = nn.ModuleDict({"maker": nn.Linear(2, 3), "opponent": nn.Linear(2, 3)})
    plain = nn.ModuleDict({"maker": nn.Linear(2, 3)})
    before = both["opponent"].weight.clone()
    load_into(both, model_tensors(plain), path, optional=("opponent",))
    assert torch.equal(both["maker"].weight, plain["maker"].weight)
    assert torch.equal(both["opponent"].weight, before)
    load_into(plain, model_tensors(both), path, optional=("opponent",))
    with pytest.raises(CheckpointError, match="has 2 tensors that the model has not"):
        load_into(plain, model_tensors(both), path)
    half = {name: tensor for name, tensor in model_tensors(both).items() if name != "opponent.bias"}
    with pytest.raises(CheckpointError, match="lacks 1 of the model's tensors"):
        load_into(both, half, path, optional=("opponent",))
