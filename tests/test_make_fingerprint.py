"""The tool that makes the fingerprint, on a small data set."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from made_corpus import made_piece
from tonada.config import to_mapping
from tonada.data import Piece, write_dataset
from tonada.symbolic.originality.fingerprint import Fingerprint
from tonada.symbolic.tokenizers.note import NoteTokenizer

TOOL = Path(__file__).parents[1] / "tools" / "make_fingerprint.py"
tool = SimpleNamespace(**runpy.run_path(str(TOOL), run_name="make_fingerprint"))


def run(monkeypatch: pytest.MonkeyPatch, data: Path, output: Path) -> int:
    told = [str(data), "--corpus", "four pieces", "-o", str(output), "--jobs", "1"]
    monkeypatch.setattr(sys, "argv", ["make_fingerprint.py", *told])
    return int(tool.main())


def test_it_writes_a_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = NoteTokenizer()
    pieces = [
        Piece(name=f"{seed}.mid", split="train", array=tokenizer.encode_notes(made_piece(seed)), metadata={"work": "w"})
        for seed in range(4)
    ]
    write_dataset(tmp_path / "data", codec="note", codec_config=to_mapping(tokenizer.config), pieces=pieces)
    assert run(monkeypatch, tmp_path / "data", tmp_path / "f.safetensors") == 0
    assert "4 pieces" in capsys.readouterr().out
    assert Fingerprint.load(tmp_path / "f.safetensors").corpus == "four pieces"


def test_what_is_no_data_set_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, tmp_path / "f.safetensors") == 3
    assert "is no prepared data set" in capsys.readouterr().err
    assert not (tmp_path / "f.safetensors").exists()
