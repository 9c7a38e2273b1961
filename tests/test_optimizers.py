"""Muon: its orthogonalisation, its step, and which parameters it is given."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tonada.optimizers import Muon, make_optimizers, orthogonalised


@pytest.mark.parametrize("shape", [(8, 8), (24, 8), (8, 24)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 7
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert values.min() > 0.6
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    cosine = torch.nn.functional.cosine_similarity(orthogonalised(matrix).flatten(), (left @ right).flatten(), dim=0)
    assert cosine > 0.97  # the polar factor, up to the spread of the singular values


def test_half_precision_is_near_full() -> None:
    matrix = torch.randn(32, 16, generator=torch.Generator().manual_seed(2))
    half = orthogonalised(matrix, dtype=torch.bfloat16)
    assert half.dtype is torch.bfloat16
    torch.testing.assert_close(half.float(), orthogonalised(matrix), atol=0.05, rtol=0.1)


def test_one_step_by_hand() -> None:
    weight = nn.Parameter(torch.ones(4, 2))
    gradient = torch.randn(4, 2, generator=torch.Generator().manual_seed(3))
    weight.grad = gradient.clone()
    Muon([weight], learning_rate=0.1, momentum=0.9, weight_decay=0.5).step()
    momentum = 0.1 * gradient
    update = orthogonalised(0.1 * gradient + 0.9 * momentum)
    expected = torch.ones(4, 2) * (1 - 0.1 * 0.5) - 0.1 * 0.2 * 4**0.5 * update
    torch.testing.assert_close(weight.detach(), expected)


def test_who_gets_which_optimizer() -> None:
    model = nn.ModuleDict(
        {
            "embedding": nn.Embedding(5, 4),
            "linear": nn.Linear(4, 4),
            "norm": nn.LayerNorm(4),
            "filter": nn.Conv1d(4, 4, 3),
            "head": nn.Linear(4, 5, bias=False),
        }
    )
    names = {id(parameter): name for name, parameter in model.named_parameters()}

    def plan(name: str) -> list[tuple[str, float, list[str]]]:
        optimizers = make_optimizers(
            list(model.named_parameters()),
            name=name,  # type: ignore[arg-type]
            learning_rate=1.0,
            weight_decay=0.1,
            betas=(0.9, 0.95),
        )
        return [
            (type(optimizer).__name__, group["weight_decay"], sorted(names[id(p)] for p in group["params"]))
            for optimizer in optimizers
            for group in optimizer.param_groups
        ]

    others = ["embedding.weight", "filter.bias", "head.weight", "linear.bias", "norm.bias", "norm.weight"]
    assert plan("muon") == [
        ("Muon", 0.1, ["linear.weight"]),
        ("AdamW", 0.0, others),
        ("AdamW", 0.1, ["filter.weight"]),
    ]
    assert plan("adamw") == [("AdamW", 0.0, others), ("AdamW", 0.1, ["filter.weight", "linear.weight"])]
