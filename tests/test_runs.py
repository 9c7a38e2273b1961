"""Run folders and model folders: what is saved is what is loaded, and what cannot be loaded says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tonada.checkpoint import load_tensors, save_tensors
from tonada.config import read_toml, write_toml
from tonada.errors import CheckpointError, DataError
from tonada.runs import (
    find_model,
    find_runs,
    is_run,
    load_model,
    model_table,
    pretrained_names,
    read_log,
    rewind_log,
    save_model,
)
from tonada.symbolic.models.gpt import GPT, GPTConfig

CONFIG = GPTConfig(vocabulary=128, context=16, width=8, blocks=1, heads=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", GPT(CONFIG), {"model": model_table("gpt", CONFIG), "codec": {"name": "giga"}})
    return tmp_path / "model"


def test_round_trip(folder: Path) -> None:
    loaded = load_model(folder)
    assert (loaded.name, loaded.model.config, loaded.codec.name) == ("model", CONFIG, "giga")
    assert not loaded.model.training
    save_model(folder.parent / "copy", loaded.model, loaded.config)
    for name in ("config.toml", "model.safetensors"):
        assert (folder.parent / "copy" / name).read_bytes() == (folder / name).read_bytes()
    assert load_model(folder, dtype=torch.bfloat16).model.head.weight.dtype is torch.bfloat16
    assert find_model(folder) == folder


def change(folder: Path, edit: Callable[[dict[str, dict[str, object]]], object]) -> None:
    tables = read_toml(folder / "config.toml")
    edit(tables)
    write_toml(folder / "config.toml", tables)


def test_configs_that_do_not_fit(folder: Path) -> None:
    good = (folder / "config.toml").read_bytes()
    cases: list[tuple[Callable[[dict[str, dict[str, object]]], object], str]] = [
        (lambda tables: tables["model"].update(widht=4), "unknown setting of GPTConfig 'widht'. Did you mean width"),
        (lambda tables: tables["model"].update(width=9), "must be a multiple of heads"),
        (lambda tables: tables["model"].update(width=16), "has shape"),
        (lambda tables: tables["model"].update(blocks=2), "lacks"),
        (
            lambda tables: tables["model"].update(tied=False),
            "lacks 1 of the model's tensors, for example 'head.weight'",
        ),
        (lambda tables: tables["model"].update(name="gtp"), "unknown model 'gtp'. Did you mean gpt"),
        (lambda tables: tables["model"].pop("name"), r"\[model\] has no name"),
        (lambda tables: tables["codec"].update(name="gigga"), "Did you mean giga"),
        (lambda tables: tables.pop("codec"), r"no table \[codec\]"),
    ]
    for edit, text in cases:
        (folder / "config.toml").write_bytes(good)
        change(folder, edit)
        with pytest.raises(CheckpointError, match=text):
            load_model(folder)
    (folder / "config.toml").write_bytes(b"[model")
    with pytest.raises(CheckpointError, match="not a TOML file"):
        load_model(folder)


def test_weights_that_do_not_fit(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors, _ = load_tensors(path)
    save_tensors(path, {**tensors, "extra": torch.zeros(2)})
    with pytest.raises(CheckpointError, match="has 1 tensors that the model has not, for example 'extra'"):
        load_model(folder)
    path.unlink()
    with pytest.raises(CheckpointError, match="no such file of weights"):
        load_model(folder)


def test_finding_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match="there is no model 'pianno': it is no folder, and none that Tonada"):
        find_model("pianno")
    (tmp_path / "piano").mkdir()
    (tmp_path / "piano" / "config.toml").touch()
    with monkeypatch.context() as patch:
        patch.setattr("tonada.runs.pretrained_folder", lambda: tmp_path)
        with pytest.raises(CheckpointError, match=r"'pianno'.* Did you mean piano\?"):
            find_model("pianno")
        assert find_model("piano") == tmp_path / "piano"
    with pytest.raises(CheckpointError, match=r"no config\.toml"):
        find_model(tmp_path)
    with pytest.raises(CheckpointError, match=r"no config\.toml"):
        load_model(tmp_path)
    for name in pretrained_names():
        assert (find_model(name) / "model.safetensors").is_file()


def test_logs_and_runs(folder: Path) -> None:
    log = folder / "log.jsonl"
    assert not is_run(folder)
    log.write_text("".join(json.dumps({"step": step}) + "\n" for step in range(1, 6)) + '{"step": 6, "lo')
    assert [record["step"] for record in read_log(folder)] == [1, 2, 3, 4, 5]
    rewind_log(folder, 3)
    assert log.read_text() == '{"step": 1}\n{"step": 2}\n{"step": 3}\n'
    assert find_runs(folder) == find_runs(folder.parent) == [folder]
    log.write_text('{"st\n{"step": 2}\n')
    with pytest.raises(DataError, match="line 1 is not JSON"):
        read_log(folder)
    with pytest.raises(DataError, match="is no folder"):
        find_runs(folder / "none")
    with pytest.raises(DataError, match="no such file"):
        read_log(folder.parent)
