"""Linear layers on few rows, against the layers themselves."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tonada.nn.layers import NormName, make_norm
from tonada.nn.streaming import plan_layer

WIDTH, OUTPUTS = 24, 40


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("norm_name", [None, "layer", "rms"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_planned_layer_is_the_layer(rows: int, bias: bool, norm_name: NormName | None, dtype: torch.dtype) -> None:
    layer, norm = nn.Linear(WIDTH, OUTPUTS, bias=bias), None
    if norm_name is not None:
        norm = make_norm(norm_name, WIDTH)
        for parameter in norm.parameters():
            nn.init.normal_(parameter)
        norm.to(dtype)
    layer.to(dtype)
    x = torch.randn(rows, WIDTH)
    x = x if norm else x.to(dtype)
    with torch.no_grad():
        exact = nn.Linear(WIDTH, OUTPUTS, bias=bias)
        exact.load_state_dict(layer.state_dict())
        expected = exact(norm.float()(x) if norm else x.float())
        if norm:
            norm.to(dtype)
        actual = plan_layer(layer, rows, norm)(x)
    assert actual.dtype == dtype
    error = 1e-6 if dtype == torch.float32 else 0.02
    torch.testing.assert_close(actual.float(), expected, atol=error * float(expected.abs().max()), rtol=0)


def test_a_layer_planned_for_several_rows_takes_other_numbers_of_rows() -> None:
    layer = nn.Linear(WIDTH, OUTPUTS)
    with torch.no_grad():
        planned = plan_layer(layer, 4)
        for rows in (1, 3, 9):
            x = torch.randn(rows, WIDTH)
            torch.testing.assert_close(planned(x), layer(x))
