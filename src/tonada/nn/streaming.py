"""Linear layers on few rows, laid out so that their weights stream from memory: what reading single ids spends time on.

Shapes: D width, K outputs; rows are lanes that are generated side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from tonada.nn.lora import LowRankLinear

Function = Callable[[Tensor], Tensor]


def can_pack(weight: Tensor) -> bool:
    """Tell whether oneDNN's blocked layouts take a weight here: old processors have none for bfloat16."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    has_bfloat16: bool = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return weight.dtype == torch.float32 or (weight.dtype == torch.bfloat16 and has_bfloat16)


def plan_linear(weight: Tensor, bias: Tensor | None, lanes: int) -> Function:
    """Lay a linear layer out for ``[lanes, D]``, with a copy of its weight where that is faster.

    On a CPU it matters how fast weights stream from memory. One lane's product is a weighted sum of the transposed
    weight's rows, and ``embedding_bag`` reads rows one after the other at full bandwidth: two to three times as fast as
    a matrix–vector product (measured on Zen 5, MKL). For several lanes oneDNN's blocked layout does as well.

    Parameters
    ----------
    weight, bias
        ``[K, D]`` and ``[K]``, or no bias.
    lanes
        For how many rows.
    """
    if weight.device.type == "cpu" and lanes == 1:
        return plan_weighted_rows(weight, bias)
    if can_pack(weight):
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, lanes)
        multiply = torch.ops.mkldnn._linear_pointwise.default
        return lambda x: multiply(x, packed, bias, "none", [], "")
    return partial(F.linear, weight=weight, bias=bias)


def plan_layer(layer: nn.Linear, lanes: int, norm: nn.LayerNorm | nn.RMSNorm | None = None) -> Function:
    """Lay out a linear layer, with the norm before it.

    Parameters
    ----------
    layer
        Its weights as they are now.
    lanes
        For how many rows.
    norm
        Maps the residual stream, float32, to the layer's input.
    """
    weight = layer.effective_weight() if isinstance(layer, LowRankLinear) else layer.weight.detach()
    bias: Tensor | None = layer.bias
    if bias is not None:
        bias = bias.detach()
    if norm is None:
        return plan_linear(weight, bias, lanes)
    scale, dtype = norm.weight.detach().float(), weight.dtype
    if isinstance(norm, nn.LayerNorm):
        shape, shift, eps = norm.normalized_shape, norm.bias.detach().float(), norm.eps
        multiply = plan_linear(weight, bias, lanes)
        return lambda x: multiply(F.layer_norm(x, shape, scale, shift, eps).to(dtype))
    # x / √(mean x² + ε) = x √D / hypot(‖x‖, √(D ε)): three short kernels, where a CPU's RMSNorm takes twice as long.
    width = len(scale)
    floor, scale = scale.new_tensor((width * (norm.eps or 0.0)) ** 0.5), scale * width**0.5
    if dtype != torch.float32 or weight.device.type != "cpu":
        multiply = plan_linear(weight, bias, lanes)
        return lambda x: multiply(
            (x / torch.linalg.vector_norm(x, dim=-1, keepdim=True).hypot(floor) * scale).to(dtype)
        )
    multiply = plan_linear(weight * scale, bias, lanes)  # which copies weights, so that the scale comes free
    return lambda x: multiply(x / torch.linalg.vector_norm(x, dim=-1, keepdim=True).hypot(floor))


def plan_weighted_rows(weight: Tensor, bias: Tensor | None) -> Function:
    """Lay a linear layer out for one row, ``[1, D] → [1, K]``: rows of the transposed weight, weighted and summed."""
    rows = weight.t().contiguous()
    every_row = torch.arange(len(rows), dtype=torch.int32)  # half the memory traffic of int64
    start = torch.zeros(1, dtype=torch.int32)

    def multiply(x: Tensor) -> Tensor:
        return torch.embedding_bag(rows, every_row, start, False, 0, False, x.view(-1))[0]

    return multiply if bias is None else lambda x: multiply(x).add_(bias)
