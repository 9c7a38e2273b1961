"""Low-rank adapters on both kinds of language model: beside the weights, merged, swapped, taken off."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tonada.checkpoint import model_tensors
from tonada.errors import ConfigError, UnknownNameError
from tonada.nn.lora import LowRankLinear, adapt, adapter_tensors, merge, remove, swap, unmerge
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.models.gpt import GPT, GPTConfig
from tonada.symbolic.models.nested import Nested, NestedConfig

STARTS, VOCABULARY = (4, 10, 15, 19), 24
EVERYWHERE = ("attention", "feedforward", "head")


def make(kind: str) -> LanguageModel:
    sizes: dict[str, Any] = {"vocabulary": VOCABULARY, "context": 64, "width": 16, "blocks": 2, "heads": 2}
    model = GPT(GPTConfig(**sizes)) if kind == "gpt" else Nested(NestedConfig(slot_starts=STARTS, **sizes))
    for parameter in model.parameters():  # so large that an adapter of size 1 is nothing special
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def random_adapter(model: nn.Module, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: 0.3 * torch.randn(t.shape, generator=generator) for name, t in adapter_tensors(model).items()}


def notes(count: int) -> Tensor:
    ends = [*STARTS[1:], VOCABULARY]
    return torch.stack(
        [torch.randint(low, high, (2, count)) for low, high in zip(STARTS, ends, strict=True)], dim=-1
    ).flatten(1)


def same(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, atol=2e-5 * float(expected.abs().max()), rtol=0)


def test_the_correction_is_scale_times_b_a() -> None:
    plain = nn.Linear(3, 2)
    weight = plain.weight.detach().clone()
    layer = LowRankLinear(plain, rank=1, alpha=4.0)
    with torch.no_grad():
        layer.lora_down.copy_(torch.tensor([[1.0, 2.0, 3.0]]))
        layer.lora_up.copy_(torch.tensor([[1.0], [-1.0]]))
    expected = weight + torch.tensor([[4.0, 8.0, 12.0], [-4.0, -8.0, -12.0]])
    torch.testing.assert_close(layer.effective_weight(), expected)
    x = torch.randn(5, 3)
    beside = layer.train()(x)
    torch.testing.assert_close(beside, x @ expected.T + plain.bias)
    torch.testing.assert_close(layer.eval()(x), beside)


@pytest.mark.parametrize("kind", ["gpt", "nested"])
@pytest.mark.parametrize("targets", [("attention",), EVERYWHERE])
def test_beside_the_weights_merged_and_for_good_are_the_same(kind: str, targets: tuple[str, ...]) -> None:
    model = make(kind)
    plain = {name: tensor.clone() for name, tensor in model_tensors(model).items()}
    ids = notes(6)
    with torch.no_grad():
        before = model(ids)
        adapt(model, rank=2, alpha=3.0, targets=targets)
        torch.testing.assert_close(model(ids), before, atol=0, rtol=0)  # B begins at 0
        swap(model, random_adapter(model, 1))
        merged = model(ids)
        assert float((merged - before).abs().max()) > 0.05
        unmerge(model)
        same(model(ids), merged)
        merge(model)
        same(model(ids), merged)
        taken_off = copy.deepcopy(model)
        remove(taken_off)
        torch.testing.assert_close(taken_off(ids), before, atol=0, rtol=0)
        assert {name: t.tolist() for name, t in model_tensors(taken_off).items()} == {
            name: t.tolist() for name, t in plain.items()
        }
        remove(model, keep=True)
        same(model(ids), merged)
    assert adapter_tensors(model) == {}


@pytest.mark.parametrize("kind", ["gpt", "nested"])
def test_a_swapped_model_is_the_merged_one_step_by_step_too(kind: str) -> None:
    model, other = make(kind), make(kind)
    other.load_state_dict(model.state_dict())
    for each in (model, other):
        adapt(each, rank=2, alpha=4.0, targets=EVERYWHERE)
    swap(model, random_adapter(model, 1))
    ids = notes(6)
    model.step(ids[:, :4], model.start_cache(2))  # decodes with the first adapter …
    swap(model, random_adapter(model, 2))  # … and then has another
    swap(other, random_adapter(other, 2))
    remove(other, keep=True)
    with torch.no_grad():
        expected = other(ids)
        same(model(ids), expected)
        cache = model.start_cache(2)
        for place in range(ids.shape[1]):
            same(model.step(ids[:, place : place + 1], cache), expected[:, place])


@pytest.mark.parametrize("kind", ["gpt", "nested"])
def test_single_ids_see_the_adapter_even_while_training(kind: str) -> None:
    model = make(kind)
    adapt(model, rank=2, alpha=4.0, targets=("attention",))
    swap(model, random_adapter(model, 1))
    ids, cache = notes(3), model.start_cache(2)
    with torch.no_grad():
        expected = model(ids)
        model.train()
        for place in range(ids.shape[1]):
            same(model.step(ids[:, place : place + 1], cache), expected[:, place])


def test_only_the_adapter_is_trained_and_the_weights_stay_to_the_bit() -> None:
    model = make("nested")
    adapt(model, rank=2, alpha=4.0, targets=("attention", "speller"))
    swap(model, random_adapter(model, 1))
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == set(adapter_tensors(model))
    assert {name.split(".")[0] for name in trained} == {"blocks", "speller"}
    before = {name: tensor.clone() for name, tensor in model_tensors(model.train()).items()}
    model.eval()
    model.train()
    after = model_tensors(model)
    assert all(torch.equal(before[name], after[name]) for name in before)
    _, terms = next(model.losses({"inputs": notes(2), "targets": notes(2)}, 0))
    terms["cross_entropy"].backward()
    with_gradient = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert with_gradient == trained


def test_a_tied_head_is_adapted_without_the_embedding() -> None:
    model = make("gpt")
    embedding = model.embedding.weight.detach().clone()  # type: ignore[union-attr]
    adapt(model, rank=2, alpha=4.0, targets=("head",))
    swap(model, random_adapter(model, 1))
    assert torch.equal(model.embedding.weight, embedding)  # type: ignore[union-attr,arg-type]
    assert not torch.equal(model.head.weight, embedding)  # type: ignore[union-attr,arg-type]
    model.train()
    assert model.head.weight is model.embedding.weight  # type: ignore[union-attr]


def test_conversion_converts_the_weight_that_is_kept_aside() -> None:
    model = make("gpt")
    adapt(model, rank=2, alpha=4.0, targets=("attention",))
    swap(model, random_adapter(model, 1))
    model.to(torch.bfloat16)
    unmerge(model)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_an_adapter_of_our_small_models_is_about_a_megabyte() -> None:
    for model, preset in ((GPT, "small"), (Nested, "small")):
        with torch.device("meta"):
            network = model(model.presets[preset]())  # type: ignore[arg-type]
            adapt(network, rank=8, alpha=16.0, targets=("attention", "feedforward"))
        assert 0.8e6 < 2 * sum(tensor.numel() for tensor in adapter_tensors(network).values()) < 1.0e6


def test_what_cannot_be_adapted() -> None:
    model = make("nested")
    with pytest.raises(UnknownNameError, match=r"unknown target 'atention'\. Did you mean attention"):
        adapt(model, rank=2, alpha=1.0, targets=("atention",))
    with pytest.raises(ConfigError, match="rank must be at least 1; got 0"):
        adapt(model, rank=0, alpha=1.0, targets=("attention",))
    with pytest.raises(ConfigError, match="needs targets"):
        adapt(model, rank=1, alpha=1.0, targets=())
    adapt(model, rank=2, alpha=1.0, targets=("attention",))
    with pytest.raises(ConfigError, match="has an adapter already"):
        adapt(model, rank=2, alpha=1.0, targets=("attention",))
    own = adapter_tensors(model)
    with pytest.raises(ConfigError, match=r"other layers than the model's, for example 'blocks\.0"):
        swap(model, dict(list(own.items())[1:]))
    with pytest.raises(ConfigError, match=r"has shape \(3, 16\); the model needs \(2, 16\)"):
        swap(model, {**own, next(iter(own)): torch.zeros(3, 16)})
