"""``tonada model import``: from a published checkpoint to a model that the other commands take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from conftest import Run, names
from published_decoder import PublishedDecoder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Give a small checkpoint with the published names."""
    decoder = PublishedDecoder(vocabulary=128, context=32, width=16, blocks=2, heads=2, hidden=16)
    torch.save({f"module.{name}": tensor for name, tensor in decoder.state_dict().items()}, tmp_path / "x.pth")
    return tmp_path / "x.pth"


def test_import_writes_a_model_that_composes(checkpoint: Path, piece: Path, tonada: Run) -> None:
    outcome = tonada("model", "import", checkpoint, "-o", "giga")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.lines[-3:] == ["giga/card.md", "giga/config.toml", "giga/model.safetensors"]
    assert names(Path("giga")) == ["card.md", "config.toml", "model.safetensors"]

    info = json.loads(tonada("model", "info", "giga", "--json").out)
    assert (info["architecture"], info["codec"]) == ("gpt", "giga")
    assert info["config"]["codec"]["exact"] is True
    assert info["licence"] == "that of its publisher"
    assert "x.pth" in info["card"]

    composed = tonada("compose", piece, "--model", "giga", "--notes", "4", "-o", "out.mid")
    assert composed.code == 0, composed.err
    assert Path("out.mid").stat().st_size > 0


def test_import_as_json(checkpoint: Path, tonada: Run) -> None:
    told = json.loads(tonada("model", "import", checkpoint, "-o", "giga", "--json").out)
    assert told["files"] == ["giga/card.md", "giga/config.toml", "giga/model.safetensors"]
    assert told["model"]["config"]["model"]["blocks"] == 2


def test_import_refuses(checkpoint: Path, tonada: Run) -> None:
    other = PublishedDecoder(vocabulary=90, context=32, width=16, blocks=1, heads=2, hidden=16)
    torch.save(other.state_dict(), "other.pth")
    Path("code.pth").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    Path("full").mkdir()
    Path("full/mine.txt").touch()
    for arguments, code, words in (
        (["other.pth", "-o", "giga"], 4, "'tok_emb.weight' is for 90 ids"),
        (["code.pth", "-o", "giga"], 4, "no file of plain tensors"),
        (["absent.pth", "-o", "giga"], 3, "no such file"),
        ([str(checkpoint), "-o", "full"], 3, "exists; choose another folder"),
    ):
        outcome = tonada("model", "import", *arguments)
        assert (outcome.code, outcome.out) == (code, "")
        assert words in outcome.err
        assert len(outcome.err.splitlines()) == 1
    assert not Path("giga").exists()
    assert names(Path("full")) == ["mine.txt"]
