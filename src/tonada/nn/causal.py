"""Causal self-attention in blocks of queries, for training in bfloat16 on a CPU.

There, torch's built-in attention takes twice the time, forward and backward (torch 2.13, AVX-512 BF16, contexts of
1024 and 2048): its tiles are small for the processor's bfloat16 units. Here a block of queries is multiplied with all
keys up to its last one at once, so that nearly half of the products, those with later keys, are never computed.

The price: scores and probabilities are rounded to bfloat16, which doubles the rounding error of the result (0.9 % for
0.5 %, in the norm, on normal numbers); and the probabilities are kept for the backward pass, B · H · T² bytes a layer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

BLOCK = 128
"""Queries of a block: more waste products with later keys, fewer make small matrices."""


def suits(queries: Tensor) -> bool:
    """Tell whether this is the faster way to attend from ``[B, H, T, E]``, without a cache, to as many keys."""
    return (
        queries.dtype is torch.bfloat16
        and queries.device.type == "cpu"
        and torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
    )


class CausalAttention(torch.autograd.Function):
    """``softmax(q kᵀ / √E + causal mask) v`` of queries, keys and values ``[B, H, T, E]``; T is any number."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attend block by block."""
        queries, keys, values = queries * queries.shape[-1] ** -0.5, keys.contiguous(), values.contiguous()
        result = torch.empty_like(values)
        later = _later(queries)
        kept = []
        # One piece of the batch after the other: what belongs together stays in the processor's cache.
        for q, k, v, out in zip(queries, keys, values, result, strict=True):
            for start, end in _blocks(q):
                scores = q[:, start:end] @ k[:, :end].transpose(1, 2)
                scores[..., start:] += later[: end - start, : end - start]
                kept.append(scores.softmax(dim=-1))
                torch.bmm(kept[-1], v[:, :end], out=out[:, start:end])
        ctx.save_for_backward(queries, keys, values, *kept)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give the gradients of queries, keys and values."""
        queries, keys, values, *kept = ctx.saved_tensors
        to_queries, to_keys, to_values = torch.empty_like(queries), torch.zeros_like(keys), torch.zeros_like(values)
        probabilities = iter(kept)
        for q, k, v, gradient, to_q, to_k, to_v in zip(
            queries, keys, values, gradients[0], to_queries, to_keys, to_values, strict=True
        ):
            for start, end in _blocks(q):
                share, arriving = next(probabilities), gradient[:, start:end]
                to_v[:, :end] += share.transpose(1, 2) @ arriving
                to_share = arriving @ v[:, :end].transpose(1, 2)
                to_scores = torch._softmax_backward_data(to_share, share, -1, share.dtype)
                torch.bmm(to_scores, k[:, :end], out=to_q[:, start:end])
                to_k[:, :end] += to_scores.transpose(1, 2) @ q[:, start:end]
        return to_queries.mul_(queries.shape[-1] ** -0.5), to_keys, to_values


def _blocks(queries: Tensor) -> list[tuple[int, int]]:
    """List where blocks of queries ``[H, T, E]`` begin and end."""
    length = queries.shape[1]
    return [(start, min(start + BLOCK, length)) for start in range(0, length, BLOCK)]


def _later(queries: Tensor) -> Tensor:
    """Give what is added to the scores of a block with its own keys: −∞ where the key comes later."""
    return torch.full((BLOCK, BLOCK), float("-inf"), dtype=queries.dtype, device=queries.device).triu(1)
