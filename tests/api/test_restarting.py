"""A run that ``torchrun`` starts again goes on from its last checkpoint; nobody else's run does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tonada.api.preparation import prepare
from tonada.api.training import train
from tonada.checkpoint import load_tensors
from tonada.errors import DataError
from tonada.runs import read_log
from tonada.symbolic.midi import write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score
from tonada.training import TrainingResult

STEPS = 4
SETTINGS = ("width=16", "blocks=1", "heads=2", "context=64", "batch=2", f"steps={STEPS}", "checkpoint_minutes=1e-9")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a data set of pieces without a held-out one, so that no step validates."""
    folder = tmp_path_factory.mktemp("music")
    for number in range(3):
        draw = np.random.default_rng(number)
        rows = [(0.25 * step, 0.25, int(pitch), 64) for step, pitch in enumerate(draw.integers(40, 90, 60))]
        write_midi(Score.from_notes(Notes.from_rows(rows)), folder / f"{number}.mid")
    prepare(folder, output=folder / "data", validation_share=0.0, test_share=0.0)
    return folder / "data"


def run(data: Path, output: Path, *, until: int = STEPS, settings: tuple[str, ...] = (), **more: Any) -> TrainingResult:
    steps: list[int] = []
    return train(
        "gpt/tiny",
        data=data,
        output=output,
        settings=(*SETTINGS, *settings),
        progress=lambda progress: steps.append(progress.step),
        stop=lambda: steps[-1] >= until and until < STEPS,
        **more,
    )


@pytest.fixture
def restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a process that torchrun has started for the second time."""
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")


def steps_of(output: Path) -> list[int]:
    return [record["step"] for record in read_log(output)]


def test_the_same_command_goes_on(prepared: Path, tmp_path: Path, restarted: None) -> None:
    run(prepared, tmp_path / "whole")
    assert run(prepared, tmp_path / "run", until=2).reason == "interrupted"
    assert run(prepared, tmp_path / "run").step == STEPS
    assert steps_of(tmp_path / "run") == list(range(1, STEPS + 1))
    ours, theirs = (load_tensors(tmp_path / name / "model.safetensors")[0] for name in ("run", "whole"))
    assert all((ours[name] == theirs[name]).all() for name in ours)


def test_a_finished_run_is_left_as_it_is(prepared: Path, tmp_path: Path, restarted: None) -> None:
    run(prepared, tmp_path / "run")
    before = (tmp_path / "run" / "log.jsonl").read_bytes()
    assert run(prepared, tmp_path / "run").step == STEPS
    assert (tmp_path / "run" / "log.jsonl").read_bytes() == before


def test_killed_before_its_first_checkpoint_it_begins_again(prepared: Path, tmp_path: Path, restarted: None) -> None:
    run(prepared, tmp_path / "run", until=1)
    for name in ("trainer.safetensors", "log.jsonl", "report.html"):
        (tmp_path / "run" / name).unlink()
    assert run(prepared, tmp_path / "run").step == STEPS
    assert steps_of(tmp_path / "run") == list(range(1, STEPS + 1))


def test_a_run_with_other_settings_is_refused(prepared: Path, tmp_path: Path, restarted: None) -> None:
    run(prepared, tmp_path / "run", until=2)
    with pytest.raises(DataError, match="exists; choose another folder"):
        run(prepared, tmp_path / "run", settings=("seed=2",))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(DataError, match="exists; choose another folder"):
        run(prepared, tmp_path / "other")


def test_a_first_start_never_goes_on(prepared: Path, tmp_path: Path) -> None:
    run(prepared, tmp_path / "run", until=2)
    with pytest.raises(DataError, match="exists; choose another folder"):
        run(prepared, tmp_path / "run")
