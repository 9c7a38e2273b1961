"""Residual convolution blocks and the snake: against their formulas."""

from __future__ import annotations

import math

import pytest
import torch

from tonada.nn.convnext import ConvNeXtBlock, Snake


def test_the_snake_is_its_formula() -> None:
    snake = Snake(3)
    with torch.no_grad():
        snake.log_frequency.copy_(torch.tensor([0.0, 1.0, -2.0]))
    x = torch.linspace(-4, 4, 30).reshape(10, 3)
    for channel, log_frequency in enumerate((0.0, 1.0, -2.0)):
        a = math.exp(log_frequency)
        expected = [value + math.sin(a * value) ** 2 / a for value in x[:, channel].tolist()]
        assert snake(x)[:, channel].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("activation", ["gelu", "snake"])
def test_a_block_adds_to_its_input_a_change_of_frames_within_its_kernel(activation: str) -> None:
    block = ConvNeXtBlock(4, 8, kernel=5, activation=activation).double()  # type: ignore[arg-type]
    x = torch.randn(2, 4, 20, dtype=torch.float64)
    changed = x.clone()
    changed[:, :, 9] += 1.0
    difference = (block(changed) - block(x)).abs().amax(dim=(0, 1))
    assert (difference[7:12] > 0).all()
    assert torch.equal(difference[:7], torch.zeros(7, dtype=torch.float64))
    assert torch.equal(difference[12:], torch.zeros(8, dtype=torch.float64))


def test_a_block_of_scale_zero_is_the_identity() -> None:
    block = ConvNeXtBlock(4, 8, scale=0.0)
    x = torch.randn(1, 4, 9)
    assert torch.equal(block(x), x)
