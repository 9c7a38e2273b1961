"""The GPT: sizes, options, settings that cannot be, caching, and the fast path for single ids."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from tonada.errors import ConfigError
from tonada.nn.streaming import can_pack
from tonada.symbolic.models import decoding
from tonada.symbolic.models.gpt import GPT, GPTConfig

VOCABULARY, CONTEXT = 40, 24
POSITIONS = ["learned", "relative", "learned+relative", "rotary"]
KINDS = [
    {"positions": positions, "activation": activation, "norm": norm, "bias": bias}
    for positions, (activation, norm, bias) in itertools.product(
        POSITIONS, [("gelu", "layer", True), ("swiglu", "rms", False), ("swiglu", "layer", False)]
    )
]
LATE: dict[str, Any] = {"positions": "rotary", "activation": "swiglu", "bias": False}
KINDS += [LATE | {"norm": "rms", "qk_norm": True}]
KINDS += [LATE | {"norm": norm, "convolution": 4} for norm in ("rms", "layer")]

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))


def make_model(**settings: Any) -> GPT:
    """Build a model whose logits differ clearly from id to id; freshly initialised ones hardly do."""
    config = GPTConfig(
        **{"vocabulary": VOCABULARY, "context": CONTEXT, "width": 16, "blocks": 2, "heads": 2} | settings
    )
    model = GPT(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def random_ids(batch: int, length: int) -> torch.Tensor:
    return torch.randint(0, VOCABULARY, (batch, length))


# --- sizes ---------------------------------------------------------------------------------------------------------


def count(name: str, *, head: bool = True) -> int:
    config = GPT.presets[name]()
    with torch.device("meta"):
        model = GPT(config)
    return model.parameter_count() - (0 if head or config.tied else model.head.weight.numel())


def test_published_models_have_the_published_sizes() -> None:
    assert count("giga") == 103_188_480
    assert count("from-scratch", head=False) == 20_163_584


def test_our_models_keep_their_promises() -> None:
    assert count("tiny") <= 5_000_000
    assert count("small") <= 25_000_000


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"width": 250, "heads": 8},
            "GPTConfig.width must be a multiple of heads; got width=250, heads=8. Try 248 or 256.",
        ),
        ({"width": 4, "heads": 8}, "GPTConfig.width must be a multiple of heads; got width=4, heads=8. Try 8."),
        (
            {"width": 12, "heads": 4},
            "GPTConfig: rotary positions need an even width per head; got 3 (width=12, heads=4). Try heads=2.",
        ),
        ({"vocabulary": 0}, "GPTConfig.vocabulary must be at least 1; got 0"),
        ({"context": 0}, "GPTConfig.context must be at least 1; got 0"),
        ({"blocks": -1}, "GPTConfig.blocks must be at least 1; got -1"),
        ({"dropout": 1.0}, "GPTConfig.dropout must be at least 0 and less than 1; got 1.0"),
        ({"feedforward_ratio": 0.0}, "GPTConfig.feedforward_ratio must be positive; got 0.0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        GPTConfig(**{"vocabulary": 10} | settings)
    assert str(error.value) == text


def test_a_tied_head_is_the_embedding() -> None:
    tied, untied = make_model(tied=True), make_model(tied=False)
    assert tied.head.weight is tied.embedding.weight
    assert untied.head.weight is not untied.embedding.weight
    assert untied.parameter_count() - tied.parameter_count() == VOCABULARY * 16


@every_kind
def test_biases_are_where_they_are_asked_for(kind: dict[str, Any]) -> None:
    names = dict(make_model(**kind).named_parameters())
    layers = {"qkv", "out", "up", "down"}
    assert {name.split(".")[-2] for name in names if name.endswith("bias")} - {
        "norm",
        "attention_norm",
        "feedforward_norm",
    } == (layers if kind["bias"] else set())
    assert "head.bias" not in names


@every_kind
def test_weights_start_as_gpt_2s_do(kind: dict[str, Any]) -> None:
    model = GPT(GPTConfig(vocabulary=500, context=256, width=64, blocks=8, heads=4, **kind))
    for name, parameter in model.named_parameters():
        if name.endswith(("norm.weight", "_scale")):
            assert (parameter == 1).all()
        elif name.endswith(("bias", "convolution.weight")):
            assert (parameter == 0).all()
        else:
            std = 0.02 / 4 if name.endswith(("out.weight", "down.weight")) else 0.02
            assert parameter.std().item() == pytest.approx(std, rel=0.1)


def test_dropout_acts_while_training_only() -> None:
    model, ids = make_model(dropout=0.5), random_ids(1, 8)
    assert torch.equal(model(ids), model(ids))
    model.train()
    assert not torch.equal(model(ids), model(ids))


# --- computing -----------------------------------------------------------------------------------------------------


@every_kind
def test_logits_depend_on_no_later_id(kind: dict[str, Any]) -> None:
    model, ids = make_model(**kind), random_ids(1, CONTEXT)
    changed = ids.clone()
    changed[0, 13] = (changed[0, 13] + 1) % VOCABULARY
    with torch.no_grad():
        before, after = model(ids), model(changed)
    assert torch.equal(before[:, :13], after[:, :13])
    assert ((before[:, 13:] - after[:, 13:]).abs().amax(dim=-1) > 1e-3).all()


@every_kind
def test_order_matters(kind: dict[str, Any]) -> None:
    model, ids = make_model(**kind), random_ids(1, CONTEXT)
    swapped = ids.clone()
    swapped[0, [3, 9]] = ids[0, [9, 3]]
    assert ids[0, 3] != ids[0, 9]
    with torch.no_grad():
        assert (model(ids)[:, -1] - model(swapped)[:, -1]).abs().max() > 1e-3


def test_a_sequence_longer_than_the_context_is_refused() -> None:
    model = make_model()
    with pytest.raises(ConfigError, match=r"^25 ids do not fit the model's context of 24$"):
        model(random_ids(1, 25))


def test_a_full_cache_is_refused() -> None:
    model = make_model()
    cache = model.start_cache(1, 10)
    model.step(random_ids(1, 8), cache)
    with pytest.raises(ConfigError, match=r"^11 ids do not fit the model's context of 10$"):
        model.step(random_ids(1, 3), cache)
    model.step(random_ids(1, 2), cache)
    with pytest.raises(ConfigError, match=r"^11 ids do not fit the model's context of 10$"):
        model.step(random_ids(1, 1), cache)


def test_a_cache_holds_no_more_than_the_context() -> None:
    assert make_model().start_cache(1, 100).capacity == CONTEXT
    assert make_model().start_cache(1).capacity == CONTEXT


# --- single ids ----------------------------------------------------------------------------------------------------


def assert_same(actual: torch.Tensor, expected: torch.Tensor) -> None:
    """Compare logits to 1e-5 of their range."""
    torch.testing.assert_close(actual, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)


@every_kind
@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize(("prompt", "many_rows"), [(0, 0), (9, 0), (9, 10_000)])
def test_reading_single_ids_is_the_forward_pass(
    kind: dict[str, Any], lanes: int, prompt: int, many_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "MANY_ROWS", many_rows)  # both ways to attend
    model, ids = make_model(**kind), random_ids(lanes, CONTEXT)
    cache = model.start_cache(lanes)
    with torch.no_grad():
        expected = model(ids)
        if prompt:
            assert_same(model.step(ids[:, :prompt], cache), expected[:, prompt - 1])
        for position in range(prompt, CONTEXT):
            logits = model.step(ids[:, position : position + 1], cache)
            assert logits.dtype == torch.float32
            assert_same(logits, expected[:, position])
    assert cache.length == CONTEXT


@every_kind
def test_single_ids_and_longer_parts_take_turns(kind: dict[str, Any]) -> None:
    model, ids = make_model(**kind), random_ids(2, CONTEXT)
    cache = model.start_cache(2)
    with torch.no_grad():
        expected, start = model(ids), 0
        for length in (1, 5, 1, 1, 7, 1, 8):
            logits = model.step(ids[:, start : start + length], cache)
            start += length
            assert_same(logits, expected[:, start - 1])


@pytest.mark.parametrize("many_rows", [0, 10_000])
@pytest.mark.parametrize("lanes", [[0], [2, 0], [0, 1, 2, 1, 0]])
def test_lanes_go_on_in_another_cache(lanes: list[int], many_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MANY_ROWS", many_rows)
    model, ids = make_model(), random_ids(3, CONTEXT)
    cache = model.start_cache(3)
    with torch.no_grad():
        expected = model(ids)
        for position in range(5):
            model.step(ids[:, position : position + 1], cache)
        chosen = cache.selected(lanes)
        for position in range(5, CONTEXT):
            assert_same(model.step(ids[lanes, position : position + 1], chosen), expected[lanes, position])
        for position in range(5, CONTEXT):
            assert_same(model.step(ids[:, position : position + 1], cache), expected[:, position])


def test_one_lane_becomes_several() -> None:
    model, ids = make_model(), random_ids(1, 6)
    cache = model.start_cache(1)
    with torch.no_grad():
        model.step(ids[:, :1], cache)  # already with a plan
        logits = model.step(ids[:, 1:2].expand(4, -1), cache.selected([0] * 4))
        assert_same(logits, model(ids)[:, 1].expand(4, -1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("missing", ["is_available", "_is_mkldnn_bf16_supported"])
def test_single_ids_on_processors_without_fast_layouts(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, missing: str
) -> None:
    owner = torch.backends.mkldnn if missing == "is_available" else torch.ops.mkldnn
    model, ids = make_model(bias=True).to(dtype), random_ids(3, 4)
    monkeypatch.setattr(owner, missing, lambda: False)
    assert can_pack(model.head.weight) == (dtype == torch.float32 and missing != "is_available")
    cache = model.start_cache(3)
    with torch.no_grad():
        for position in range(4):
            logits = model.step(ids[:, position : position + 1], cache)
        expected = model(ids)[:, -1]
    error = 1e-5 if dtype == torch.float32 else 0.03
    torch.testing.assert_close(logits, expected, atol=error * float(expected.abs().max()), rtol=0)


@every_kind
@pytest.mark.parametrize("lanes", [1, 3])
def test_single_ids_in_bfloat16_are_as_near_as_the_forward_pass(kind: dict[str, Any], lanes: int) -> None:
    model, ids = make_model(**kind), random_ids(lanes, CONTEXT)
    low = make_model(**kind).bfloat16()
    low.load_state_dict(model.state_dict())
    model.load_state_dict(low.state_dict())  # the same, rounded, weights in float32
    cache = low.start_cache(lanes)
    with torch.no_grad():
        exact = model(ids)
        forward_error = (low(ids) - exact).square().mean().sqrt()
        steps = torch.stack([low.step(ids[:, i : i + 1], cache) for i in range(CONTEXT)], dim=1)
    assert cache.dtype == torch.float32
    assert (steps - exact).square().mean().sqrt() < 1.5 * forward_error


def test_single_ids_use_no_dropout_even_while_training() -> None:
    model, ids = make_model(dropout=0.5), random_ids(1, 3)
    cache = model.start_cache(1)
    with torch.no_grad():
        expected = model(ids)[:, -1]
        model.train()
        for position in range(3):
            logits = model.step(ids[:, position : position + 1], cache)
    assert_same(logits, expected)


def test_a_new_cache_sees_new_weights() -> None:
    model, ids = make_model(), random_ids(1, 1)
    model.step(ids, model.start_cache(1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
        assert_same(model.step(ids, model.start_cache(1)), model(ids)[:, -1])


def test_the_norms_floor_counts_in_single_ids_too() -> None:
    model, ids = make_model(norm="rms", tied=False), random_ids(1, 4)
    torch.nn.init.normal_(model.embedding.weight, std=1e-3)  # whose square is the floor
    for block in model.blocks:
        torch.nn.init.normal_(block.attention.out.weight, std=1e-3)
        torch.nn.init.normal_(block.feedforward.down.weight, std=1e-3)
    cache = model.start_cache(1)
    with torch.no_grad():
        for position in range(4):
            logits = model.step(ids[:, position : position + 1], cache)
        assert_same(logits, model(ids)[:, -1])
