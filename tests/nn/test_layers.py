"""Norms and feed-forward layers against their formulas."""

from __future__ import annotations

import math

import pytest
import torch

from tonada.nn.layers import FeedForward, make_norm

WIDTH, HIDDEN = 12, 20


def test_rms_norm_is_its_formula() -> None:
    norm, x = make_norm("rms", WIDTH), torch.randn(3, 5, WIDTH) * 4
    torch.nn.init.normal_(norm.weight)
    expected = x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * norm.weight
    torch.testing.assert_close(norm(x), expected)


def test_layer_norm_is_its_formula() -> None:
    norm, x = make_norm("layer", WIDTH), torch.randn(3, 5, WIDTH) * 4 + 1
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    centred = x - x.mean(-1, keepdim=True)
    expected = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * norm.weight + norm.bias
    torch.testing.assert_close(norm(x), expected)


@pytest.mark.parametrize("bias", [False, True])
def test_swiglu_is_its_formula(bias: bool) -> None:
    layer, x = FeedForward(WIDTH, HIDDEN, activation="swiglu", bias=bias), torch.randn(3, 5, WIDTH)
    gate, value = layer.up(x)[..., :HIDDEN], layer.up(x)[..., HIDDEN:]
    torch.testing.assert_close(layer(x), layer.down(gate / (1 + (-gate).exp()) * value))
    assert (layer.up.bias is not None) == (layer.down.bias is not None) == bias


def test_gelu_is_its_formula() -> None:
    layer, x = FeedForward(WIDTH, HIDDEN, activation="gelu", bias=True), torch.randn(3, 5, WIDTH)
    hidden = layer.up(x)
    torch.testing.assert_close(layer(x), layer.down(hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))))
