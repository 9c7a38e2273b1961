"""The tool that makes shipped models: what it writes for a classifier of notes."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tonada.api.evaluation import evaluate
from tonada.api.inspection import show_model
from tonada.api.training import train
from tonada.config import to_mapping
from tonada.data import Piece, write_dataset
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.note import NoteTokenizer

TOOLS = Path(__file__).parents[1] / "tools"


def save_music(folder: Path) -> Path:
    """Write a data set of continuations: real ones rise, generated ones fall."""
    tokenizer = NoteTokenizer()
    pieces = [
        Piece(
            name=f"{split}-{label}-{number}",
            split=split,
            array=tokenizer.encode_notes(
                Notes.from_rows((0.25 * step, 0.2, 60 + sign * (step % (9 + number)), 60) for step in range(90))
            ),
            metadata={"label": label, "work": f"work {number}", "notes": 90},
        )
        for split in ("train", "validation")
        for label, sign in (("real", 1), ("generated", -1))
        for number in range(2)
    ]
    facts = {"model": "models/mine", "temperature": 0.9}
    write_dataset(folder, codec="note", codec_config=to_mapping(tokenizer.config), pieces=pieces, facts=facts)
    return folder


def test_a_shipped_critic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))
    tool = SimpleNamespace(**runpy.run_path(str(TOOLS / "ship_model.py"), run_name="ship_model"))
    data, run, shipped = save_music(tmp_path / "data"), tmp_path / "run", tmp_path / "shipped"
    settings = ("width=16", "heads=2", "blocks=1", "embedding=8", "steps=4", "validate_every=2", "batch=4")
    train("critic/continuations", data=data, output=run, settings=(*settings, "precision=fp32"), device="cpu")

    def ship(*arguments: str | Path) -> list[str]:
        given = [run, *arguments, "--name", "net", "--data", data, "-o", shipped]
        monkeypatch.setattr(sys, "argv", ["ship_model.py", *map(str, given)])
        tool.main()
        return [Path(line).name for line in capsys.readouterr().out.splitlines()]

    assert ship("--draft") == ["config.toml", "model.safetensors"]
    found = evaluate(shipped / "net", ref=data, output=tmp_path / "out")
    assert ship(found.files[0]) == ["card.md", "config.toml", "model.safetensors"]
    info, card = show_model(shipped / "net"), (shipped / "net" / "card.md").read_text()
    assert info.licence == "CC BY-NC-SA 4.0"
    assert f"| parameters | {info.parameters:,} |" in card
    assert "what `mine` makes at temperature 0.9; 4 of prompts of the training split" in card
    assert "tonada train critic/continuations -d DATA -o RUN --set width=16" in card
    assert "| real | 2 | 2 |" in card
    assert "### Validation split" in card
    assert "### Test split" not in card
