"""The command ``train`` under ``torchrun``: the same losses, one voice, one error, and a run that survives a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tonada.api.preparation import prepare
from tonada.api.training import train
from tonada.checkpoint import load_tensors
from tonada.runs import read_log
from tonada.symbolic.midi import write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score

pytestmark = pytest.mark.slow

SMALL = ("context=128", "width=64", "blocks=2", "heads=2", "batch=4", "precision=fp32", "validate_every=5")
FRAGILE = """
import os, signal, sys
from tonada.__main__ import main
from tonada.trainer import Trainer

train_step = Trainer._train_step

def fragile(self):
    if os.environ["TORCHELASTIC_RESTART_COUNT"] == "0" and os.environ["RANK"] == "1" and self.state.step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return train_step(self)

Trainer._train_step = fragile
sys.exit(main())
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a data set with pieces that are shorter than the context, so that shares of a batch count differently."""
    folder = tmp_path_factory.mktemp("music")
    for number, length in enumerate((20, 150, 25, 90, 18, 300, 22, 40)):
        draw = np.random.default_rng(number)
        rows = [(0.25 * step, 0.25, int(pitch), 64) for step, pitch in enumerate(draw.integers(40, 90, length))]
        write_midi(Score.from_notes(Notes.from_rows(rows)), folder / f"{number}.mid")
    prepare(folder, output=folder / "data", seed=3)
    return folder / "data"


def torchrun(*options: str, program: Sequence[str] = ("-m", "tonada")) -> subprocess.Popen[str]:
    """Start two processes with one thread each."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    restarts, arguments = [o for o in options if o.startswith("--max-r")], [o for o in options if "--max-r" not in o]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TONADA_")}
    return subprocess.Popen(
        [*command, *restarts, *program, *arguments],
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def settings(*more: str) -> list[str]:
    return [part for setting in (*SMALL, *more) for part in ("--set", setting)]


def losses(run: Path) -> list[float]:
    return [record["loss"]["model"]["cross_entropy"] for record in read_log(run)]


@pytest.mark.parametrize("sharding", ["none", "fsdp"])
def test_two_processes_have_the_losses_of_one(prepared: Path, tmp_path: Path, sharding: str) -> None:
    train("gpt/tiny", data=prepared, output=tmp_path / "one", settings=[*SMALL, "steps=5"], device="cpu")
    names = ["train", "gpt/tiny", "-d", str(prepared), "-o", str(tmp_path / "two"), "--device", "cpu"]
    out, err = (process := torchrun(*names, *settings("steps=5", f"sharding={sharding}"))).communicate()
    assert process.returncode == 0, err
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-5)
    scores = [read_log(tmp_path / name)[-1]["validation"] for name in ("one", "two")]
    assert scores[1] == pytest.approx(scores[0], rel=1e-5)
    assert sorted(path.name for path in (tmp_path / "one").rglob("*")) == sorted(
        path.name for path in (tmp_path / "two").rglob("*")
    )
    assert out.count("model.safetensors") == 1
    assert out.count("ended") == 1
    assert err.count("step 5 of 5") == 1


def test_a_killed_process_is_started_again_and_the_run_goes_on(prepared: Path, tmp_path: Path) -> None:
    wanted = ["steps=6", "checkpoint_minutes=1e-9"]
    train("gpt/tiny", data=prepared, output=tmp_path / "whole", settings=[*SMALL, *wanted], device="cpu")
    program = tmp_path / "fragile.py"
    program.write_text(FRAGILE)
    names = ["train", "gpt/tiny", "-d", str(prepared), "-o", str(tmp_path / "run"), "--device", "cpu"]
    process = torchrun("--max-restarts=1", *names, *settings(*wanted), program=[str(program)])
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert "tonada: another process of this training died" in err
    assert [record["step"] for record in read_log(tmp_path / "run")] == [1, 2, 3, 4, 5, 6]
    assert losses(tmp_path / "run") == pytest.approx(losses(tmp_path / "whole"), rel=1e-5)
    for name, tensor in load_tensors(tmp_path / "whole" / "model.safetensors")[0].items():
        ours = load_tensors(tmp_path / "run" / "model.safetensors")[0][name]
        assert (ours - tensor).abs().max() < 1e-4


def test_ctrl_c_leaves_a_run_that_can_be_resumed(prepared: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    names = ["train", "gpt/tiny", "-d", str(prepared), "-o", str(run), "--device", "cpu"]
    process = torchrun(*names, *settings("steps=100000", "validate_every=100000"))
    while not (run / "log.jsonl").is_file() or len(read_log(run)) < 3:
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)  # as the terminal does, which the processes themselves do not hear
    process.communicate()
    last = read_log(run)[-1]["step"]
    result = train(data=prepared, output=run, resume=True, settings=[f"steps={last + 2}"], device="cpu")
    assert result.step == last + 2
    assert [record["step"] for record in read_log(run)] == list(range(1, last + 3))


@pytest.mark.parametrize(
    ("what", "code", "text"),
    [("batch=3", 2, "got batch=3, 2 processes. Try 2 or 4."), ("learning_rate=1e30", 5, "training diverged at step")],
)
def test_what_all_get_wrong_is_said_once(prepared: Path, tmp_path: Path, what: str, code: int, text: str) -> None:
    names = ["train", "gpt/tiny", "-d", str(prepared), "-o", str(tmp_path / "run"), "--device", "cpu"]
    _, err = (process := torchrun(*names, *settings("steps=9", "clip_norm=0", what))).communicate()
    assert process.returncode == 1  # torchrun's own; ours stands in its report
    said = [line for line in err.splitlines() if line.startswith("tonada: ")]
    assert len(said) == 1
    assert text in said[0]
    assert f"exitcode  : {code} " in err
