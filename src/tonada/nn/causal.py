"""Causal self-attention in blocks of queries, for training on a CPU in bfloat16, or with dropout.

There, torch's built-in attention is slow. In bfloat16 it takes twice the time of this, forward and backward (torch
2.13, AVX-512 BF16, contexts of 1024 and 2048), since its tiles are small for the processor's bfloat16 units; with
dropout it falls back to all T² products. Here a block of queries is multiplied with all keys up to its last one at
once, so that nearly half of the products, those with later keys, are never computed.

The price: in bfloat16, scores and probabilities are rounded, which doubles the rounding error of the result (0.9 % for
0.5 %, in the norm, on normal numbers); and the probabilities are kept for the backward pass, half of T² for each head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

BLOCK = 128
"""Queries of a block: more waste products with later keys, fewer make small matrices."""


def suits(queries: Tensor, dropout: float) -> bool:
    """Tell whether this is the faster way to attend from ``[B, H, T, E]``, without a cache, to as many keys."""
    return (
        queries.device.type == "cpu"
        and (queries.dtype is torch.bfloat16 or dropout > 0.0)
        and torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
    )


class CausalAttention(torch.autograd.Function):
    """``dropout(softmax(q kᵀ / √E + causal mask)) v`` of queries, keys and values ``[B, H, T, E]``; T is any number."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, dropout: float = 0.0) -> Tensor:
        """Attend block by block."""
        queries, keys, values = queries * queries.shape[-1] ** -0.5, keys.contiguous(), values.contiguous()
        result = torch.empty_like(values)
        later = _later(queries)
        kept: list[Tensor] = []
        # One piece of the batch after the other: what belongs together stays in the processor's cache.
        for q, k, v, out in zip(queries, keys, values, result, strict=True):
            for start, end in _blocks(q):
                scores = q[:, start:end] @ k[:, :end].transpose(1, 2)
                scores[..., start:] += later[: end - start, : end - start]
                share = scores.softmax(dim=-1)
                kept.append(share)
                if dropout:
                    kept.append(torch.empty_like(share, dtype=torch.bool).bernoulli_(1.0 - dropout))
                    share = share * kept[-1]
                torch.bmm(share, v[:, :end], out=out[:, start:end])
        ctx.save_for_backward(queries, keys, values, *kept)
        ctx.dropout = dropout
        return result.mul_(1.0 / (1.0 - dropout)) if dropout else result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Give the gradients of queries, keys and values."""
        queries, keys, values, *kept = ctx.saved_tensors
        to_queries, to_keys, to_values = torch.empty_like(queries), torch.zeros_like(keys), torch.zeros_like(values)
        saved = iter(kept)
        coming = gradients[0] / (1.0 - ctx.dropout) if ctx.dropout else gradients[0]
        for q, k, v, gradient, to_q, to_k, to_v in zip(
            queries, keys, values, coming, to_queries, to_keys, to_values, strict=True
        ):
            for start, end in _blocks(q):
                share, arriving = next(saved), gradient[:, start:end]
                to_share = arriving @ v[:, :end].transpose(1, 2)
                used = share
                if ctx.dropout:
                    mask = next(saved)
                    used = share * mask
                    to_share *= mask
                to_v[:, :end].baddbmm_(used.transpose(1, 2), arriving)
                to_scores = torch._softmax_backward_data(to_share, share, -1, share.dtype)
                torch.bmm(to_scores, k[:, :end], out=to_q[:, start:end])
                to_k[:, :end].baddbmm_(to_scores.transpose(1, 2), q[:, start:end])
        return to_queries.mul_(queries.shape[-1] ** -0.5), to_keys, to_values, None


def _blocks(queries: Tensor) -> list[tuple[int, int]]:
    """List where blocks of queries ``[H, T, E]`` begin and end."""
    length = queries.shape[1]
    return [(start, min(start + BLOCK, length)) for start in range(0, length, BLOCK)]


def _later(queries: Tensor) -> Tensor:
    """Give what is added to the scores of a block with its own keys: −∞ where the key comes later."""
    return torch.full((BLOCK, BLOCK), float("-inf"), dtype=queries.dtype, device=queries.device).triu(1)
