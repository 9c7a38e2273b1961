"""The tools that make shipped models of notes: a model that is grown, trained in stages, and its card."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tonada.api.evaluation import evaluate
from tonada.api.inspection import show_model
from tonada.api.preparation import prepare
from tonada.api.training import train
from tonada.runs import load_model
from tonada.symbolic.midi import write_midi
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score

TOOLS = Path(__file__).parents[1] / "tools"
SIZES = ("width=16", "heads=2", "context=64", "batch=2", "validate_every=2", "precision=fp32", "warmup_steps=1")
Tool = Callable[..., None]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Run one of the tools in this process."""
    monkeypatch.syspath_prepend(str(TOOLS))

    def run(name: str, *arguments: str | Path) -> None:
        main = SimpleNamespace(**runpy.run_path(str(TOOLS / name), run_name=name)).main
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        main()

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a data set, and the run of a very small model."""
    folder = tmp_path_factory.mktemp("music")
    for number in range(8):
        draw = np.random.default_rng(number)
        rows = [(0.25 * step, 0.25, int(pitch), 64) for step, pitch in enumerate(draw.integers(40, 90, 60))]
        write_midi(Score.from_notes(Notes.from_rows(rows)), folder / f"{number}.mid")
    prepare(folder, output=folder / "data", validation_share=0.25, test_share=0.25)
    settings = (*SIZES, "blocks=2", "steps=4", "semitones=0", "stretch=0", "velocity=0")
    train("nested/tiny", data=folder / "data", output=folder / "run", settings=settings)
    return folder


def logits(run: Path) -> torch.Tensor:
    model = load_model(run).model.eval()
    assert isinstance(model, LanguageModel)
    ids = torch.arange(87, 87 + 40)[None]
    with torch.no_grad():
        return model(ids)


def test_a_silent_copy_computes_what_the_original_does(trained: Path, tmp_path: Path, tool: Tool) -> None:
    tool("grow_run.py", trained / "run", "-o", tmp_path / "silent", "--times", "3", "--silent")
    tool("grow_run.py", trained / "run", "-o", tmp_path / "loud", "--times", "2")
    assert load_model(tmp_path / "silent").config["model"]["blocks"] == 6
    plain, silent, loud = map(logits, (trained / "run", tmp_path / "silent", tmp_path / "loud"))
    torch.testing.assert_close(silent, plain, rtol=0, atol=0)
    assert not torch.allclose(loud, plain)
    weights = load_model(tmp_path / "loud").model.state_dict()
    for name, tensor in load_model(trained / "run").model.state_dict().items():
        assert torch.equal(weights[name], tensor)
        if name.startswith("blocks.1."):
            assert torch.equal(weights[name.replace("blocks.1.", "blocks.3.")], tensor)


def test_what_cannot_be_grown(trained: Path, tool: Tool) -> None:
    with pytest.raises(SystemExit, match="exists"):
        tool("grow_run.py", trained / "run", "-o", trained / "data")
    with pytest.raises(SystemExit, match="is no model folder"):
        tool("grow_run.py", trained / "nowhere", "-o", trained / "grown")
    assert not (trained / "grown").exists()


def test_the_card_of_a_model_of_stages(trained: Path, tmp_path: Path, tool: Tool) -> None:
    data, first, second, folder = (
        trained / "data",
        tmp_path / "first",
        tmp_path / "second",
        tmp_path / "shipped" / "net",
    )
    tool("grow_run.py", trained / "run", "-o", first, "--times", "3", "--silent")
    settings = [setting for setting in SIZES if not setting.startswith("context")]
    longer = (*settings, "context=128", "blocks=6", "steps=2", "conditions=0.5")
    train("nested/tiny", data=data, output=second, settings=longer, init=first)
    options = ("--name", "net", "--data", data, "-o", tmp_path / "shipped")
    tool("ship_model.py", second, "--draft", *options)
    paths = []
    for split in ("validation", "test"):
        evaluate(folder, ref=data, split=split, output=tmp_path / split)
        paths.append(tmp_path / split / "evaluation.json")
    with pytest.raises(SystemExit, match="of the validation split"):
        tool("ship_model.py", second, paths[1], *options)
    tool("ship_model.py", second, *paths, *options, "--first", first, "--first-cpu-minutes", "3")

    card, info = (folder / "card.md").read_text(), show_model(folder)
    assert info.licence == "CC BY-NC-SA 4.0"
    assert f"| parameters | {info.parameters:,} |" in card
    assert "6 blocks of width 16 with 2 heads that take one step a note" in card
    assert "| may be told | composer, period, key, tempo, density and length, or nothing |" in card
    commands = [line.strip() for line in card.splitlines() if line.startswith("    ")]
    assert [command.split()[1] for command in commands] == [
        "prepare",
        "train",
        "tools/grow_run.py",
        "train",
        "tools/ship_model.py",
        "evaluate",
        "evaluate",
        "tools/ship_model.py",
    ]
    assert "--set blocks=2" in commands[1]
    assert commands[2].endswith("-o FIRST --times 3 --silent")
    assert "--set blocks=6" in commands[3]
    assert commands[3].endswith("--init FIRST")
    assert commands[-1].endswith("--first FIRST")
    assert "in 3 minutes of processor time" in card
    assert "Then its 2 blocks were repeated 3 times, the copies adding nothing at first" in card
    assert "4 optimizer steps of 2 windows of 64 ids" in card
    assert "2 optimizer steps of 2 windows of 128 ids" in card
    assert "The test split was used once" in card
    assert card.index("The validation split: ") < card.index("The test split: ")
    assert max(map(len, card.splitlines())) < 400
