"""Groups of layers: which weights they are, when they learn, and how fast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tonada.checkpoint import load_tensors, model_tensors
from tonada.errors import ConfigError, UnknownNameError
from tonada.finetuning import GroupPlan, TuningConfig, layer_groups
from tonada.runs import read_log
from tonada.symbolic.models.gpt import GPT, GPTConfig
from tonada.symbolic.models.nested import Nested, NestedConfig
from tonada.trainer import Trainer
from tonada.training import TrainerConfig

VOCABULARY = 24


def make(**settings: Any) -> GPT:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"vocabulary": VOCABULARY, "context": 16, "width": 8, "blocks": 4, "heads": 2}
    return GPT(GPTConfig(**sizes | settings))


class Ids:
    """Batches that are a function of their number."""

    def batch(self, step: int) -> dict[str, Tensor]:
        ids = torch.randint(0, VOCABULARY, (2, 9), generator=torch.Generator().manual_seed(step))
        return {"inputs": ids[:, :-1], "targets": ids[:, 1:]}


def trainer(run: Path, model: GPT, tuning: TuningConfig, **settings: Any) -> Trainer:
    values = {"steps": 8, "batch": 2, "precision": "fp32", "schedule": "constant", "warmup_steps": 0, **settings}
    plan = GroupPlan(model, tuning)
    return Trainer(model, Ids(), TrainerConfig(**values), run, tables={"model": {"name": "gpt"}}, plan=plan)


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model_tensors(model).items()}


def changed(before: dict[str, Tensor], model: nn.Module) -> set[str]:
    return {name for name, tensor in model_tensors(model).items() if not torch.equal(tensor, before[name])}


def test_the_thesis_trained_198_656_weights_of_103_188_480() -> None:
    with torch.device("meta"):
        model = GPT(GPT.presets["giga"]())
    assert [group for group, _ in layer_groups(model, "thesis")] == [
        "blocks.0 to blocks.3",
        "blocks.4 to blocks.7",
        "blocks.8 to blocks.11",
        "blocks.12 to blocks.15",
        "embedding norm",
    ]
    GroupPlan(model, TuningConfig(train="groups", groups="thesis", norms=True))
    assert sum(parameter.numel() for parameter in model.parameters()) == 103_188_480
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    assert sum(parameter.numel() for _, parameter in trained) == 198_656
    # Embedding and final norm, and two norms in each of 16 blocks, of weight and bias.
    assert 128 * 1024 + 2 * 1024 + 16 * 4 * 1024 == 198_656
    assert not any(name.startswith(("head", "positions")) for name, _ in trained)


def test_every_weight_is_in_one_of_the_blocks_groups() -> None:
    nested = Nested(NestedConfig(vocabulary=24, slot_starts=(4, 10), context=16, width=8, blocks=3, heads=2))
    for model, own in ((make(tied=False, positions="learned"), {"head", "norm"}), (nested, {"head", "speller"})):
        groups = layer_groups(model, "blocks:2")
        names = [name for _, group in groups for name in group]
        assert sorted(names) == sorted(name for name, _ in model.named_parameters())
        assert groups[0][0] == "before the blocks"
        assert {"embedding"} <= {name.split(".")[0] for name in groups[0][1]}
        assert own <= {name.split(".")[0] for name in groups[-1][1]}
    assert [group for group, _ in groups[1:3]] == ["blocks.0 to blocks.1", "blocks.2"]


def test_groups_by_name() -> None:
    model = make()
    groups = dict(layer_groups(model, "embedding blocks.0 | blocks.1.attention | norm"))
    assert list(groups) == ["embedding blocks.0", "blocks.1.attention", "norm"]
    assert groups["norm"] == ["norm.weight", "norm.bias"]
    assert groups["blocks.1.attention"] == ["blocks.1.attention.qkv.weight", "blocks.1.attention.out.weight"]


@pytest.mark.parametrize(
    ("groups", "error", "text"),
    [
        ("blocks.9", UnknownNameError, r"unknown layer 'blocks\.9'\. Did you mean"),
        ("blocks | blocks.1", ConfigError, r"blocks\.1\S+ is in two groups of layers: 'blocks' and 'blocks\.1'"),
        ("blocks:0", ConfigError, "Try blocks:2"),
        ("norm | | blocks", ConfigError, "a group of layers is empty"),
    ],
)
def test_groups_that_cannot_be(groups: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        layer_groups(make(), groups)


def test_a_model_without_blocks_needs_names() -> None:
    with pytest.raises(ConfigError, match="the model has no blocks"):
        layer_groups(nn.Linear(2, 2), "thesis")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"rank": 0}, "rank must be at least 1"),
        ({"alpha": 0.0}, "alpha must be positive"),
        ({"targets": ()}, "targets must not be empty"),
        ({"thaw": (0.5,)}, "one of them 0"),
        ({"thaw": (0.0, 1.0)}, "shares from 0 to less than 1"),
        ({"rates": (2.0,)}, "rates must be more than 0 and at most 1"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        TuningConfig(**settings)


def test_more_times_than_groups_are_refused() -> None:
    with pytest.raises(ConfigError, match="thaw has more numbers than there are groups of layers: 'norm'"):
        GroupPlan(make(), TuningConfig(groups="norm", thaw=(0.0, 0.5)))


def test_frozen_weights_stay_to_the_bit(tmp_path: Path) -> None:
    model = make()
    before = snapshot(model)
    trainer(tmp_path, model, TuningConfig(groups="blocks.0 | blocks.1 | norm", norms=False)).fit()
    assert changed(before, model) == {"norm.weight", "norm.bias"}
    model = make()
    trainer(tmp_path / "b", model, TuningConfig(groups="blocks.0 | blocks.1 | norm", norms=True)).fit()
    assert changed(before, model) == {
        "norm.weight",
        "norm.bias",
        *(f"blocks.{block}.{norm}.{name}" for block in (0, 1) for norm in ("attention_norm", "feedforward_norm")
          for name in ("weight", "bias")),
    }  # fmt: skip


def test_groups_thaw_one_after_the_other_and_a_run_resumes_into_it(tmp_path: Path) -> None:
    tuning = TuningConfig(groups="blocks.0 | blocks.1 | norm", thaw=(0.0, 0.25, 0.75))
    model, seen = make(), []
    before = snapshot(model)
    whole = trainer(tmp_path / "whole", model, tuning)
    whole.progress = lambda at: seen.append({name.split(".w")[0].split(".b")[0] for name in changed(before, model)})
    whole.fit()
    layers = [sorted({".".join(name.split(".")[:2]) for name in names if name != "norm"}) for names in seen]
    assert layers[:2] == [[], []]
    assert layers[2:6] == [["blocks.1"]] * 4
    assert layers[6:] == [["blocks.0", "blocks.1"]] * 2
    for step in (1, 4, 7):
        half = trainer(tmp_path / f"half-{step}", make(), tuning)
        half.progress = lambda at, half=half, step=step: half.request_stop("stopped") if at.step == step else None  # type: ignore[misc]
        half.fit()
        again = trainer(tmp_path / f"half-{step}", make(), tuning)
        again.fit(resume=True)
        assert changed(snapshot(model), again.model) == set()


def test_each_group_has_its_rate(tmp_path: Path) -> None:
    def entries(**settings: Any) -> dict[str, float]:
        model = make()
        made = trainer(tmp_path / json.dumps(settings).replace(" ", ""), model, TuningConfig(**settings), steps=1)
        made.fit()
        names = {id(parameter): name.split(".")[0:2] for name, parameter in model.named_parameters()}
        return {
            ".".join(names[id(parameter)]): entry["lr"] / made.config.learning_rate
            for optimizer in made.state.optimizers["model"]
            for entry in optimizer.param_groups
            for parameter in entry["params"]
        }

    groups, thaw = "blocks.0 | blocks.1 | norm", [0.0, 0.0, 0.0]
    rates = entries(groups=groups, thaw=thaw, rates=[0.5])
    assert rates == {"blocks.0": 0.25, "blocks.1": 0.5, "norm.weight": 1.0, "norm.bias": 1.0}
    rates = entries(groups=groups, thaw=thaw, rates=[1.0, 0.1, 0.2])
    assert rates == {"blocks.0": 0.2, "blocks.1": 0.1, "norm.weight": 1.0, "norm.bias": 1.0}


def test_a_trained_model_is_scored_before_the_first_step(tmp_path: Path) -> None:
    def run(name: str, score: float) -> tuple[Trainer, GPT, dict[str, Tensor]]:
        model = make()
        begun = snapshot(model)
        made = Trainer(
            model,
            Ids(),
            TrainerConfig(steps=4, batch=2, validate_every=2, precision="fp32"),
            tmp_path / name,
            tables={"model": {"name": "gpt"}},
            validate=lambda network: {"score": score if changed(begun, network) else 0.5},
            trained=True,
        )
        return made, model, begun

    made, _, begun = run("worse", 1.0)
    result = made.fit()
    assert (result.best, result.best_step) == (0.5, 0)
    assert [record["step"] for record in read_log(tmp_path / "worse")] == [0, 1, 2, 3, 4]
    kept, _ = load_tensors(tmp_path / "worse" / "model.safetensors")
    assert all(torch.equal(kept[name], begun[name]) for name in begun)  # what it began with was better
    made, _, _ = run("better", 0.25)
    assert made.fit().best_step == 2
    # Killed before the first step: it begins again, with one record of step 0.
    made, _, _ = run("killed", 0.25)
    made.request_stop("killed")
    made.fit()
    made, _, _ = run("killed", 0.25)
    made.fit(resume=True)
    assert [record["step"] for record in read_log(tmp_path / "killed")] == [0, 1, 2, 3, 4]
