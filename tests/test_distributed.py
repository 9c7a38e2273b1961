"""Several processes that train together end where one with the whole batch ends, and stop and fail together."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from rank_processes import run_ranks
from test_trainer import Duel, Line, LineConfig
from tonada.audio.batches import CropBatches, SoundAugmentation
from tonada.audio.transforms.waveform import WaveformTransform
from tonada.checkpoint import load_tensors, model_tensors
from tonada.distributed import ALONE, Ranks
from tonada.errors import ConfigError, DataError, ResourceError
from tonada.joining import PeerError, joined
from tonada.model import Batch, Model
from tonada.runs import read_log
from tonada.symbolic.models.gpt import GPT, GPTConfig
from tonada.symbolic.tokenizers.note import NoteTokenizer
from tonada.symbolic.windows import WindowBatches
from tonada.trainer import Trainer
from tonada.training import TrainerConfig

BATCH, STEPS = 4, 6


class Rows:
    """Batches of an endless row of examples, each a function of its place; the lengths of what counts differ widely."""

    def __init__(self, size: int) -> None:
        self.size = size

    def batch(self, step: int) -> dict[str, Tensor]:
        places = range(step * self.size, (step + 1) * self.size)
        draws = [torch.Generator().manual_seed(place) for place in places]
        x = torch.stack([torch.randn(8, 4, generator=draw) for draw in draws])
        lengths = torch.tensor([place * 5 % 9 for place in places])  # every ninth has nothing
        return {"x": x, "counts": torch.arange(8) < lengths[:, None]}


class Masked(Model):
    """A mean over what counts, as the cross-entropy of a batch with padding."""

    Config = LineConfig

    def __init__(self, config: LineConfig) -> None:
        super().__init__(config)
        self.layer = nn.Linear(config.width, config.width)
        self.last = nn.Linear(config.width, config.width, bias=False)
        self.unused = nn.Parameter(torch.ones(3))

    def count(self, batch: Batch) -> int:
        return int(batch["counts"].sum())

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
        error = (self.last(torch.tanh(self.layer(batch["x"]))) - 3 * batch["x"]).square().mean(dim=-1)
        yield "model", {"square": error[batch["counts"]].mean()}


class MeanOfMeans(Masked):
    """What would go wrong if the count were not known."""

    def count(self, batch: Batch) -> int:
        return Model.count(self, batch)


class Tokens:
    """Windows over pieces most of which are shorter than the context, so that targets are ignored."""

    def __init__(self, size: int) -> None:
        tokenizer = NoteTokenizer()
        pieces = [
            np.concatenate([np.random.default_rng(number).integers(0, 300, length)]).astype(np.uint16)
            for number, length in enumerate((9, 60, 17, 33, 130, 12))
        ]
        self.windows = WindowBatches(pieces, tokenizer, context=32, batch=size, seed=3)

    def batch(self, step: int) -> Batch:
        return self.windows.batch(step)


def small_gpt() -> GPT:
    vocabulary = NoteTokenizer().vocabulary_size
    return GPT(
        GPTConfig(
            vocabulary=vocabulary, context=32, width=16, blocks=2, heads=2, feedforward_ratio=2.0, activation="swiglu"
        )
    )


def make(ranks: Ranks, run: Path, kind: type[Model], **settings: Any) -> Trainer:
    torch.manual_seed(0)
    values = {"steps": STEPS, "batch": BATCH, "ema": 0.9, "validate_every": 3, "precision": "fp32", **settings}
    config = TrainerConfig(schedule="constant", warmup_steps=2, learning_rate=1e-2, **values)
    network = small_gpt() if kind is GPT else kind(LineConfig())
    source = (Tokens if kind is GPT else Rows)(ranks.share_of(BATCH))

    def score(scored: Model) -> dict[str, float]:
        return {"score": sum(float(tensor.abs().sum()) for tensor in model_tensors(scored).values())}

    return Trainer(network, source, config, run, tables={"model": {"name": "m"}}, validate=score, ranks=ranks)


Ending = tuple[str, int]
"""Why and when."""


def train(ranks: Ranks, run: Path, kind: type[Model], settings: dict[str, Any], resume: bool = False) -> Ending:
    result = make(ranks, run, kind, **settings).fit(resume=resume)
    return result.reason, result.step


def assert_same_course(one: Path, several: Path, *, steps: int = STEPS, first: int = 1) -> None:
    """Compare losses, norms, validation, and every tensor that the run keeps."""
    records = [read_log(run) for run in (one, several)]
    for ours, theirs in zip(*records, strict=True):
        assert ours["loss"].keys() == theirs["loss"].keys()
        for group, terms in ours["loss"].items():
            assert theirs["loss"][group] == pytest.approx(terms, rel=2e-5)
        assert theirs["gradient_norm"] == pytest.approx(ours["gradient_norm"], rel=1e-4)
        assert ("validation" in ours) == ("validation" in theirs)
        if "validation" in ours:
            assert theirs["validation"] == pytest.approx(ours["validation"], rel=1e-5)
    assert [record["step"] for record in records[1]] == list(range(first, steps + 1))
    for name in ("model.safetensors", "trainer.safetensors"):
        (ours, _), (theirs, _) = (load_tensors(run / name) for run in (one, several))
        assert ours.keys() == theirs.keys()
        for key, tensor in ours.items():
            torch.testing.assert_close(theirs[key], tensor, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("kind", "settings"), [(Masked, {"accumulate": 3}), (Duel, {}), (GPT, {"optimizer": "muon", "ema": 0.0})]
)
def test_two_processes_end_where_one_does(tmp_path: Path, kind: type[Model], settings: dict[str, Any]) -> None:
    train(ALONE, tmp_path / "one", kind, settings)
    assert run_ranks(train, tmp_path / "two", kind, settings) == [("finished", STEPS)] * 2
    assert_same_course(tmp_path / "one", tmp_path / "two")


def test_the_examples_of_a_share_can_all_count_for_nothing(tmp_path: Path) -> None:
    """With four processes every share is one example, and some of those are empty."""
    assert any(not Rows(1).batch(number)["counts"].any() for number in range(BATCH * STEPS))
    train(ALONE, tmp_path / "one", Masked, {})
    assert run_ranks(train, tmp_path / "four", Masked, {}, size=4) == [("finished", STEPS)] * 4
    assert_same_course(tmp_path / "one", tmp_path / "four")


def test_a_mean_of_means_would_end_elsewhere(tmp_path: Path) -> None:
    """Negative control: the weights of the shares matter."""
    train(ALONE, tmp_path / "one", MeanOfMeans, {})
    run_ranks(train, tmp_path / "two", MeanOfMeans, {})
    with pytest.raises(AssertionError):
        assert_same_course(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("optimizer", [pytest.param("adamw", marks=pytest.mark.slow), "muon"])
def test_divided_weights_end_where_whole_ones_do(tmp_path: Path, optimizer: str) -> None:
    settings = {"optimizer": optimizer, "accumulate": 2}
    train(ALONE, tmp_path / "one", GPT, settings)
    divided = {**settings, "sharding": "fsdp"}
    assert run_ranks(train, tmp_path / "two", GPT, divided) == [("finished", STEPS)] * 2
    assert_same_course(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("sharding", [pytest.param("none", marks=pytest.mark.slow), "fsdp"])
def test_a_run_goes_on_with_another_number_of_processes(tmp_path: Path, sharding: str) -> None:
    settings = {"optimizer": "muon", "sharding": sharding}
    train(ALONE, tmp_path / "one", GPT, settings)
    run = tmp_path / "parts"
    assert run_ranks(train_until_the_second_wishes, run, settings) == [("wished", 2)] * 2
    trainer = make(ALONE, run, GPT, **settings)
    trainer.progress = lambda progress: trainer.request_stop("stopped") if progress.step == 4 else None
    trainer.fit(resume=True)
    assert run_ranks(train, run, GPT, settings, True) == [("finished", STEPS)] * 2
    assert_same_course(tmp_path / "one", run)


def train_until_the_second_wishes(ranks: Ranks, run: Path, settings: dict[str, Any]) -> Ending:
    trainer = make(ranks, run, GPT, **settings)
    if ranks.rank == 1:
        trainer.progress = lambda progress: trainer.request_stop("wished") if progress.step == 2 else None
    result = trainer.fit()
    return result.reason, result.step


def test_patience_stops_all_in_the_same_step(tmp_path: Path) -> None:
    def never_better(model: Model) -> dict[str, float]:
        return {"score": 1.0}

    expected = make(ALONE, tmp_path / "one", Masked, steps=30, validate_every=2, patience=2)
    expected.validate = never_better
    result = expected.fit()
    answers = run_ranks(lose_patience, tmp_path / "two")
    assert answers == [(result.reason, result.step)] * 2 == [("no improvement", 6)] * 2


def lose_patience(ranks: Ranks, run: Path) -> Ending:
    trainer = make(ranks, run, Masked, steps=30, validate_every=2, patience=2)
    trainer.validate = (lambda model: {"score": 1.0}) if ranks.is_first else refuse  # type: ignore[assignment]
    result = trainer.fit()
    return result.reason, result.step


def refuse(model: Model) -> dict[str, float]:
    raise AssertionError("only the first process validates")


def test_all_start_from_the_weights_of_the_first_and_hold_the_same_ever_after(tmp_path: Path) -> None:
    sums = run_ranks(train_from_weights_of_its_own, tmp_path / "run")
    assert len(set(sums)) == 1
    assert isinstance(sums[0], float)


def train_from_weights_of_its_own(ranks: Ranks, run: Path) -> float:
    """A model with dropout and batch norm: draws and statistics differ between processes."""
    torch.manual_seed(ranks.rank)
    config = TrainerConfig(steps=3, batch=BATCH, precision="fp32", ema=0.5)

    class Flat(Rows):
        def batch(self, step: int) -> dict[str, Tensor]:
            return {"x": super().batch(step)["x"].flatten(0, 1)}

    trainer = Trainer(Line(LineConfig()), Flat(2), config, run, tables={"model": {"name": "line"}}, ranks=ranks)
    trainer.fit()
    kept = [*model_tensors(trainer.model).values(), *trainer.state.average.values()]
    return sum(float((place + 1) * tensor.double().sum()) for place, tensor in enumerate(kept))


# --- failures ----------------------------------------------------------------------------------------------------


def fail(ranks: Ranks, who: int, how: str) -> str:
    ranks.any(False)
    if ranks.rank == who:
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise DataError("piece.mid", "is broken") if how == "ours" else KeyError("a fault")
    ranks.added([1.0])
    return "went on"


@pytest.mark.parametrize(
    ("who", "how", "text", "code"), [(1, "ours", "DataError: piece.mid", 3), (0, "a fault", "KeyError", 1)]
)
def test_when_one_fails_it_says_why_and_the_others_end_with_its_code(who: int, how: str, text: str, code: int) -> None:
    answers = run_ranks(fail, who, how)
    assert answers[who].startswith(text)
    assert answers[1 - who].startswith(f"PeerError: another process of this training failed with exit code {code};")


def test_when_one_is_killed_one_of_the_others_says_so() -> None:
    answers = run_ranks(fail, 1, "killed", size=3)
    assert answers[1] is None
    told = {answer.partition(":")[0] for answer in (answers[0], answers[2])}
    # Where both notice in the same moment, both say so.
    assert {"ResourceError"} <= told <= {"PeerError", "ResourceError"}


def fail_all(ranks: Ranks) -> None:
    ranks.share_of(3)


def test_an_error_of_all_is_told_once() -> None:
    told = sorted(answer.partition(":")[0] for answer in run_ranks(fail_all))
    assert told == ["ConfigError", "PeerError"]


def differ(ranks: Ranks) -> None:
    ranks.require_same("data set", f"{ranks.rank}")


def test_processes_that_differ_say_so() -> None:
    assert any("has another data set than process" in answer for answer in run_ranks(differ))


def test_a_share_must_be_whole() -> None:
    with pytest.raises(ConfigError, match=r"got batch=8, 3 processes\. Try 6 or 9\."):
        Ranks(size=3).share_of(8)
    with pytest.raises(ConfigError, match=r"Try 4\."):
        Ranks(size=4).share_of(2)
    assert [Ranks(rank=rank, size=3).share_of(9) for rank in range(3)] == [3] * 3


def enter(device: str) -> None:
    with joined(device):
        pass


def test_what_the_environment_says_must_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(ConfigError, match="no whole number"):
        enter("cpu")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(ConfigError, match="train on cpu or cuda; got mps"):
        enter("mps")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match="process 1 of this machine has no GPU of its own"):
        enter("cuda")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(ResourceError, match=r"could not join the others: .*MASTER_ADDR"):
        enter("cpu")
    monkeypatch.setenv("WORLD_SIZE", "1")
    with joined("cpu") as ranks:
        assert ranks == ALONE


def test_a_peer_error_knows_its_code() -> None:
    assert PeerError(5).code == 5


def test_dividing_weights_is_only_for_models_that_compute_through_forward(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sharding=fsdp is not for Masked"):
        make(ALONE, tmp_path, Masked, sharding="fsdp")


# --- shares ------------------------------------------------------------------------------------------------------


def test_the_shares_of_windows_are_the_batch() -> None:
    whole = Tokens(6).batch(7)
    shares = [Tokens(2).batch(Ranks(rank=rank, size=3).number(7)) for rank in range(3)]
    for name, tensor in whole.items():
        assert torch.equal(torch.cat([share[name] for share in shares]), tensor)
    counts = [small_gpt().count(share) for share in shares]
    assert sum(counts) == small_gpt().count(whole)
    assert len(set(counts)) > 1  # so weighing them matters


def test_the_shares_of_crops_are_the_batch() -> None:
    pieces = [np.random.default_rng(number).integers(-9999, 9999, 500).astype(np.int16) for number in range(5)]

    def source(size: int) -> CropBatches:
        return CropBatches(
            pieces, WaveformTransform(), batch=size, seed=1, augmentation=SoundAugmentation(crop_samples=100)
        )

    shares = [source(2).batch(Ranks(rank=rank, size=3).number(7))["waveform"] for rank in range(3)]
    assert torch.equal(torch.cat(shares), source(6).batch(7)["waveform"])


def test_a_mean_of_nothing_in_one_share_is_no_part_of_the_whole() -> None:
    """As the cross-entropy of a share whose targets are all ignored."""
    logits = torch.randn(3, 5, requires_grad=True)
    loss = F.cross_entropy(logits, torch.full((3,), -100)) / float("inf")
    loss.backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros(3, 5))
