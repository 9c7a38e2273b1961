"""The trainer: what a step does, and that a killed run resumes to exactly the same weights."""

from __future__ import annotations

import json
import math
import multiprocessing
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tonada.checkpoint import load_tensors, model_tensors, save_tensors
from tonada.errors import CheckpointError, ConfigError, TrainingError
from tonada.model import Model
from tonada.runs import read_log
from tonada.trainer import Trainer
from tonada.training import TrainerConfig, precision_of


@dataclass(frozen=True, kw_only=True)
class LineConfig:
    width: int = 4
    dropout: float = 0.5


class Line(Model):
    """One linear layer with dropout and a batch norm: weights, draws and buffers are all part of a resume."""

    Config = LineConfig

    def __init__(self, config: LineConfig) -> None:
        super().__init__(config)
        self.layer = nn.Linear(config.width, config.width)
        self.norm = nn.BatchNorm1d(config.width)
        self.dropout = nn.Dropout(config.dropout)

    def losses(self, batch: dict[str, Tensor], step: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
        yield "model", {"square": (self.dropout(self.norm(self.layer(batch["x"]))) - batch["x"]).square().mean()}


class Duel(Model):
    """Two groups that take turns, as in a GAN; records what it sees."""

    Config = LineConfig

    def __init__(self, config: LineConfig) -> None:
        super().__init__(config)
        self.left, self.right = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))
        self.seen: list[tuple[float, float]] = []

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"left": [self.left], "right": [self.right]}

    def losses(self, batch: dict[str, Tensor], step: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
        self.seen.append((self.left.item(), self.right.item()))
        yield "left", {"pull": (self.left - 1 + 0 * self.right).square()}
        self.seen.append((self.left.item(), self.right.item()))
        if step % 2 == 0:  # the right side moves every second step only
            yield "right", {"pull": (self.right - 1).square(), "tie": 0.5 * (self.right - self.left).square()}


class Numbers:
    """Batches that are a function of their number."""

    def batch(self, step: int) -> dict[str, Tensor]:
        return {"x": torch.randn(6, 4, generator=torch.Generator().manual_seed(step))}


def make(run: Path, model: type[Model] = Line, **settings: object) -> Trainer:
    torch.manual_seed(0)
    values = {"steps": 9, "batch": 6, "accumulate": 2, "ema": 0.9, "validate_every": 4, "precision": "fp32", **settings}
    config = TrainerConfig(**{"checkpoint_minutes": 1e-9, **values})  # type: ignore[arg-type]
    network = model(LineConfig())

    def score(network: Model) -> dict[str, float]:
        total = sum(float(parameter.sum()) for parameter in network.parameters())
        return {"score": math.sin(1e6 * total)}  # up and down: the best is seldom the last

    return Trainer(network, Numbers(), config, run, tables={"model": {"name": "line"}}, validate=score)


def weights(trainer: Trainer) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in [*model_tensors(trainer.model).items(), *_averages(trainer)]}


def _averages(trainer: Trainer) -> list[tuple[str, Tensor]]:
    return [(f"average/{name}", tensor) for name, tensor in trainer.state.average.items()]


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def stop_at(trainer: Trainer, step: int) -> None:
    trainer.progress = lambda progress: trainer.request_stop("stopped") if progress.step == step else None


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("step", [1, 4, 8])
def test_resume_is_bit_exact(tmp_path: Path, optimizer: str, step: int) -> None:
    whole = make(tmp_path / "whole", optimizer=optimizer)
    whole.fit()
    first = make(tmp_path / "parts", optimizer=optimizer)
    stop_at(first, step)
    assert first.fit().reason == "stopped"
    second = make(tmp_path / "parts", optimizer=optimizer)
    result = second.fit(resume=True)
    assert (result.reason, result.step) == ("finished", 9)
    assert same(weights(whole), weights(second))
    logs = [
        [{key: value for key, value in record.items() if key != "seconds"} for record in read_log(tmp_path / name)]
        for name in ("whole", "parts")
    ]
    assert logs[0] == logs[1]
    assert load_tensors(tmp_path / "whole" / "model.safetensors")[0].keys() == model_tensors(whole.model).keys()


@pytest.mark.parametrize("what", ["optimizer/", "average/", "model/"])
def test_resume_depends_on_everything_that_is_saved(tmp_path: Path, what: str) -> None:
    """Negative control: with one part of the state disturbed, the end is another one."""
    whole = make(tmp_path / "whole")
    whole.fit()
    first = make(tmp_path / "parts")
    stop_at(first, 4)
    first.fit()
    path = tmp_path / "parts" / "trainer.safetensors"
    tensors, metadata = load_tensors(path)
    changed = {
        name: tensor + 0.01 if name.startswith(what) and tensor.is_floating_point() and tensor.ndim else tensor
        for name, tensor in tensors.items()
    }
    save_tensors(path, changed, metadata)
    second = make(tmp_path / "parts")
    second.fit(resume=True)
    assert not same(weights(whole), weights(second))


@pytest.mark.parametrize("change", [{"seed": 2}, {"learning_rate": 2e-3}, {"schedule": "constant"}, {"accumulate": 1}])
def test_another_setting_ends_elsewhere(tmp_path: Path, change: dict[str, object]) -> None:
    """Negative control: the comparison of weights can fail."""
    one, other = make(tmp_path / "one"), make(tmp_path / "other", **change)
    one.fit()
    other.fit()
    assert not same(weights(one), weights(other))


def train_and_tell(run: Path, settings: Mapping[str, object], threads: int, steps: Connection) -> None:
    """Train, or resume a run that exists, and send the number of every step that is done."""
    torch.set_num_threads(threads)
    trainer = make(run, **settings)
    trainer.progress = lambda progress: steps.send(progress.step)
    trainer.fit(resume=run.exists())


def kill_training(run: Path, *, from_step: int, delay_s: float = 0.0, **settings: object) -> None:
    """Train in a process of its own until it has done a step, and kill it some time later without warning."""
    processes = multiprocessing.get_context("forkserver")  # imports torch once; the processes begin at once
    processes.set_forkserver_preload([Trainer.__module__])
    receiver, sender = processes.Pipe(duplex=False)
    process = processes.Process(target=train_and_tell, args=(run, settings, torch.get_num_threads(), sender))
    process.start()
    sender.close()
    while receiver.recv() < from_step:
        pass
    time.sleep(delay_s)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def saved_step(run: Path) -> int:
    return int(json.loads(load_tensors(run / "trainer.safetensors")[1]["state"])["step"])


def test_killed_run_resumes_bit_exactly(tmp_path: Path) -> None:
    """A process that is killed without warning leaves a run that ends in the same weights."""
    run = tmp_path / "killed"
    kill_training(run, from_step=7, steps=100_000)
    reached = saved_step(run)
    assert reached >= 7
    resumed, whole = make(run, steps=100_000), make(tmp_path / "whole", steps=100_000)
    stop_at(resumed, reached + 3)
    stop_at(whole, reached + 3)
    resumed.fit(resume=True)
    whole.fit()
    assert same(weights(resumed), weights(whole))
    assert [record["step"] for record in read_log(run)] == list(range(1, reached + 4))


def test_a_run_killed_at_any_moment_again_and_again_resumes_bit_exactly(tmp_path: Path) -> None:
    """Between checkpoints, in the midst of writing, or just resumed: wherever random delays happen to fall."""
    run, settings = tmp_path / "killed", {"steps": 100_000, "checkpoint_minutes": 0.001}
    for delay_s in np.random.default_rng(1).uniform(0.0, 0.2, size=3):
        kill_training(run, from_step=1, delay_s=delay_s, **settings)
    end = max(saved_step(run), read_log(run)[-1]["step"]) + 5  # all that was lost is done again
    resumed, whole = make(run, **settings), make(tmp_path / "whole", **settings)
    stop_at(resumed, end)
    stop_at(whole, end)
    resumed.fit(resume=True)
    whole.fit()
    assert same(weights(resumed), weights(whole))
    assert [record["step"] for record in read_log(run)] == list(range(1, end + 1))
    assert (resumed.state.best, resumed.state.best_step) == (whole.state.best, whole.state.best_step)
    best, best_whole = (load_tensors(folder / "model.safetensors")[0] for folder in (run, tmp_path / "whole"))
    assert same(best, best_whole)


def test_killed_before_its_first_checkpoint_it_begins_again(tmp_path: Path) -> None:
    def pull_the_plug(progress: object) -> None:
        raise KeyboardInterrupt  # nothing of the trainer's runs after it, as after a kill

    first = make(tmp_path / "killed", checkpoint_minutes=60.0)
    first.progress = pull_the_plug
    with pytest.raises(KeyboardInterrupt):
        first.fit()
    assert [record["step"] for record in read_log(tmp_path / "killed")] == [1]
    resumed, whole = make(tmp_path / "killed"), make(tmp_path / "whole")
    resumed.fit(resume=True)
    whole.fit()
    assert same(weights(resumed), weights(whole))
    assert [record["step"] for record in read_log(tmp_path / "killed")] == list(range(1, 10))


def test_groups_take_turns_and_see_each_other_move(tmp_path: Path) -> None:
    trainer = make(tmp_path / "run", Duel, steps=2, accumulate=1, ema=0.0, weight_decay=0.0, schedule="constant")
    trainer.fit()
    model = trainer.model
    assert isinstance(model, Duel)
    before, between, after, last = model.seen
    assert before == (0.0, 0.0)
    assert between[0] > 0.0
    assert between[1] == 0.0  # the right side's zero gradient from the left side's loss moved nothing
    assert after[1] > 0.0
    assert last[1] == after[1]
    records = read_log(tmp_path / "run")
    assert [sorted(record["loss"]) for record in records] == [["left", "right"], ["left"]]
    assert records[0]["loss"]["right"].keys() == {"pull", "tie"}


def test_accumulation_equals_one_large_batch(tmp_path: Path) -> None:
    class Joined:
        def batch(self, step: int) -> dict[str, Tensor]:
            return {"x": torch.cat([Numbers().batch(2 * step)["x"], Numbers().batch(2 * step + 1)["x"]])}

    class Plain(Line):
        def losses(self, batch: dict[str, Tensor], step: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
            yield "model", {"square": (self.layer(batch["x"]) - batch["x"]).square().mean()}

    halves = make(tmp_path / "halves", Plain)
    whole = make(tmp_path / "whole", Plain, accumulate=1)
    whole.source = Joined()
    halves.fit()
    whole.fit()
    for name, tensor in model_tensors(halves.model).items():
        torch.testing.assert_close(tensor, model_tensors(whole.model)[name], rtol=1e-5, atol=1e-6)


def test_average_is_the_running_mean_that_it_says(tmp_path: Path) -> None:
    trainer = make(tmp_path / "run", steps=3, ema=0.5)
    path: list[Tensor] = []
    trainer.progress = lambda progress: path.append(trainer.model.layer.weight.detach().clone())  # type: ignore[union-attr]
    start = trainer.state.average["layer.weight"].clone()
    trainer.fit()
    for step, tensor in enumerate(path):
        decay = min(0.5, (1 + step) / (10 + step))
        start = decay * start + (1 - decay) * tensor
    torch.testing.assert_close(trainer.state.average["layer.weight"], start)


def test_best_weights_are_kept(tmp_path: Path) -> None:
    trainer = make(tmp_path / "run", steps=6, validate_every=2, ema=0.0)
    scores, kept = iter([3.0, 1.0, 2.0]), []

    def score(model: Model) -> dict[str, float]:
        kept.append(model_tensors(model)["layer.weight"].clone())
        return {"score": next(scores)}

    trainer.validate = score
    result = trainer.fit()
    assert (result.best, result.best_step) == (1.0, 4)
    assert torch.equal(load_tensors(tmp_path / "run" / "model.safetensors")[0]["layer.weight"], kept[1])


def test_patience_stops_a_run_that_no_longer_improves(tmp_path: Path) -> None:
    trainer = make(tmp_path / "run", steps=100, validate_every=2, patience=3)
    trainer.validate = lambda model: {"score": 1.0}
    result = trainer.fit()
    assert (result.reason, result.step) == ("no improvement", 8)


def test_time_limit_leaves_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    assert make(tmp_path / "run").fit(max_seconds=0.0).reason == "time"
    assert make(tmp_path / "run").fit(resume=True).reason == "finished"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_divergence_names_step_group_and_value(tmp_path: Path, value: float) -> None:
    class Diverging(Line):
        def losses(self, batch: dict[str, Tensor], step: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
            for group, terms in super().losses(batch, step):
                yield group, {"square": terms["square"] * (value if step == 3 else 1.0)}

    with pytest.raises(TrainingError, match="step 4: the loss of 'model'") as caught:
        make(tmp_path / "run", Diverging).fit()
    assert (caught.value.step, caught.value.group) == (4, "model")
    assert json.loads(load_tensors(tmp_path / "run" / "trainer.safetensors")[1]["state"])["step"] == 3


def test_resuming_nothing_or_something_else_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no such file"):
        make(tmp_path / "none").fit(resume=True)
    make(tmp_path / "run").fit(max_seconds=0.0)
    with pytest.raises(CheckpointError, match="moving average"):
        make(tmp_path / "run", ema=0.0).fit(resume=True)
    with pytest.raises(CheckpointError, match=r"lacks|has"):
        make(tmp_path / "run", Duel).fit(resume=True)
    with pytest.raises(CheckpointError, match="optimizer is adamw, not muon"):
        make(tmp_path / "run", optimizer="muon").fit(resume=True)
    save_tensors(tmp_path / "run" / "trainer.safetensors", {"x": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="does not say its step"):
        make(tmp_path / "run").fit(resume=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("batch", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.inf),
        ("ema", 1.0),
        ("decay_share", 0.0),
        ("betas", (0.9,)),
        ("weight_decay", math.nan),
        ("clip_norm", -1.0),
        ("warmup_steps", -1),
    ],
)
def test_settings_out_of_range(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        TrainerConfig(**{name: value})  # type: ignore[arg-type]


def test_precision_is_what_was_asked() -> None:
    assert precision_of("fp32", "cpu") is torch.float32
    assert precision_of("bf16", "cpu") is torch.bfloat16
    assert precision_of("auto", "mps") is torch.float32
