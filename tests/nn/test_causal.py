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
    assert torch.autograd.gradcheck(CausalAttention.apply, heads(7))


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


def test_it_is_taken_while_training_in_bfloat16_without_cache_mask_or_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def apply(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        taken.append(queries.dtype)
        return built_in(queries, keys, values)

    monkeypatch.setattr(CausalAttention, "apply", apply)
    x = torch.randn(2, 9, 24)
    plain = CausalSelfAttention(24, 3, bias=False, dropout=0.0)
    relative = CausalSelfAttention(24, 3, bias=False, dropout=0.0, relative_context=9)
    dropping = CausalSelfAttention(24, 3, bias=False, dropout=0.1)
    plain(x)
    assert not taken
    with torch.autocast("cpu", torch.bfloat16):
        relative(x)
        dropping(x)
        with torch.no_grad():
            plain(x)
        assert not taken
        plain(x)
        dropping.eval()(x)
    assert taken == [torch.bfloat16] * 2
    assert not suits(torch.zeros(1, 1, 1, 2, device="meta", dtype=torch.bfloat16))
