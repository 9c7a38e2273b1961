"""Attention in blocks of queries against torch's own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from tonada.nn import causal
from tonada.nn.attention import CausalSelfAttention
from tonada.nn.causal import BLOCK, CausalAttention, suits


def heads(length: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Give queries, keys and values [2, 3, T, 8], as views of one tensor [2, T, 72]."""
    parts = torch.randn(2, length, 72, dtype=dtype).split(24, dim=-1)
    return [part.view(2, length, 3, 8).transpose(1, 2).requires_grad_() for part in parts]


def few() -> list[Tensor]:
    """Give queries, keys and values [1, 2, 7, 2]."""
    return [torch.randn(1, 2, 7, 2, dtype=torch.float64, requires_grad=True) for _ in range(3)]


def built_in(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(queries, keys, values, is_causal=True)


@pytest.mark.parametrize("length", [1, 5, BLOCK, BLOCK + 1, 2 * BLOCK + 37])
def test_is_causal_attention_and_has_its_gradients(length: int) -> None:
    inputs = heads(length)
    results = [attend(*inputs) for attend in (CausalAttention.apply, built_in)]
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(results[0])
    mine, theirs = (torch.autograd.grad(result, inputs, weights) for result in results)
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


def test_gradients_are_those_of_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causal, "BLOCK", 3)
    assert torch.autograd.gradcheck(CausalAttention.apply, few())


def test_nothing_later_matters() -> None:
    queries, keys, values = (part.detach() for part in heads(BLOCK + 40))
    before = CausalAttention.apply(queries, keys, values)
    for part in (queries, keys, values):
        part[:, :, BLOCK + 10 :] = 99.0
    after = CausalAttention.apply(queries, keys, values)
    assert torch.equal(before[:, :, : BLOCK + 10], after[:, :, : BLOCK + 10])
    assert not torch.equal(before[:, :, BLOCK + 10 :], after[:, :, BLOCK + 10 :])


def test_in_bfloat16_the_error_is_one_of_rounding() -> None:
    inputs = [part.detach() for part in heads(2 * BLOCK, torch.bfloat16)]
    exact = built_in(*(part.double() for part in inputs))
    error = CausalAttention.apply(*inputs).double() - exact
    assert 0.0 < float(error.norm() / exact.norm()) < 0.015  # bfloat16 has 8 bits: 0.4 % a number


def test_dropout_takes_probabilities_away_and_scales_the_rest() -> None:
    length = 16
    queries, keys = (torch.randn(1, 2, length, length, dtype=torch.float64) for _ in range(2))
    unit = torch.eye(length, dtype=torch.float64).expand(1, 2, length, length)  # the result is then the probabilities
    whole, dropped = CausalAttention.apply(queries, keys, unit), CausalAttention.apply(queries, keys, unit, 0.25)
    left = dropped != 0.0
    torch.testing.assert_close(dropped, whole / 0.75 * left)
    lower = torch.ones(length, length).tril().bool()
    assert 0.6 < float(left[:, :, lower].double().mean()) < 0.9  # of 272, three in four; a standard deviation is 0.03


def test_gradients_with_dropout_are_those_of_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causal, "BLOCK", 3)

    def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        torch.manual_seed(3)  # the same probabilities are dropped every time
        result: Tensor = CausalAttention.apply(queries, keys, values, 0.4)
        return result

    assert torch.autograd.gradcheck(attend, few())


def test_where_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def apply(queries: Tensor, keys: Tensor, values: Tensor, dropout: float) -> Tensor:
        taken.append((queries.dtype, dropout))
        return built_in(queries, keys, values)

    monkeypatch.setattr(CausalAttention, "apply", apply)
    x = torch.randn(2, 9, 24)
    plain = CausalSelfAttention(24, 3, bias=False, dropout=0.0)
    relative = CausalSelfAttention(24, 3, bias=False, dropout=0.0, relative_context=9)
    dropping = CausalSelfAttention(24, 3, bias=False, dropout=0.1)
    plain(x)
    dropping.eval()(x)
    assert not taken
    dropping.train()(x)
    assert taken.pop() == (torch.float32, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        relative(x)
        with torch.no_grad():
            plain(x)
            dropping(x)
        assert not taken
        plain(x)
        assert taken.pop() == (torch.bfloat16, 0.0)
    assert not suits(torch.zeros(1, 1, 1, 2, device="meta", dtype=torch.bfloat16), 0.1)
