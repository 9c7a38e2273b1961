"""Reading one position per lane with a Transformer, without layers in between: what generation spends its time on.

A step of a small model is some hundred microseconds of arithmetic, and the layers' own overhead would be as much again.
So a plan looks everything up once: weights laid out for few rows, tables for every position, buffers with their views.
What it computes is what the layers compute; tests hold the two together for every kind of model.

Shapes: B lanes, D width, H heads, E = D / H, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from tonada.nn.attention import QK_EPS
from tonada.nn.cache import KeyValueCache
from tonada.nn.shortconv import ShortConvolution
from tonada.nn.streaming import plan_layer

if TYPE_CHECKING:
    from tonada.nn.block import Block
    from tonada.symbolic.models.gpt import GPT


MANY_ROWS = 1600
"""With so many values, all lanes and heads together, a CPU reads them faster as weighted sums of rows; with fewer, the
fused kernel has the smaller overhead (measured on Zen 5)."""


def plan_rotation(cosine: Tensor, sine: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Give, for every position, factors that rotate ``[B, 3, H, E]``, queries and keys but not values.

    The rotated tensor is ``x · factor + roll(x, E / 2) · rolled_factor``; both factors are ``[3, 1, E]``.

    Parameters
    ----------
    cosine, sine
        ``[positions, E / 2]``, from ``rotary_table``.
    """
    factor, rolled_factor = torch.cat((cosine, cosine), dim=-1), torch.cat((-sine, sine), dim=-1)
    factor = torch.stack((factor, factor, torch.ones_like(factor)), dim=1).unsqueeze(2)
    rolled_factor = torch.stack((rolled_factor, rolled_factor, torch.zeros_like(rolled_factor)), dim=1).unsqueeze(2)
    return list(zip(factor.unbind(), rolled_factor.unbind(), strict=True))


class BlockPlan:
    """What one Transformer block does to one position of every lane.

    Parameters
    ----------
    block
        Its weights as they are now.
    cache
        For how many lanes, and in which dtype it attends.
    """

    def __init__(self, block: Block, cache: KeyValueCache) -> None:
        attention, feedforward, lanes = block.attention, block.feedforward, cache.batch
        self.qkv, self.out = plan_layer(attention.qkv, lanes, block.attention_norm), plan_layer(attention.out, lanes)
        self.up = plan_layer(feedforward.up, lanes, block.feedforward_norm)
        self.down = plan_layer(feedforward.down, lanes)
        self.gated = feedforward.gated
        self.taps = None
        if block.convolution is not None:
            self.taps = block.convolution.weight.detach().float().squeeze(1).t().contiguous()
        self.qk_scale = None
        if attention.query_scale is not None and attention.key_scale is not None:
            # As for the norms in ``plan_layer``: x √E / hypot(‖x‖, √(E ε)).
            root = attention.query_scale.shape[0] ** 0.5
            scales = torch.stack((attention.query_scale, attention.key_scale)).detach().float()
            self.qk_scale, self.floor = scales.unsqueeze(1) * root, scales.new_tensor(QK_EPS**0.5 * root)
        self.relative = None
        if attention.relative is not None:
            table = attention.relative.detach().float()
            self.relative = (table * table.shape[1] ** -0.5).t().contiguous().to(cache.dtype)


class Heads:
    """A buffer for one position's queries, keys and values, ``[B, 3, H, E]``, and views of it.

    Parameters
    ----------
    cache
        Gives sizes, dtype and device.
    """

    def __init__(self, cache: KeyValueCache) -> None:
        self.all = cache.new_buffer(3)
        self.queries = self.all[:, 0].unsqueeze(2)
        self.keys_and_values = self.all[:, 1:].transpose(0, 1)


def attend_by_rows(
    queries: Tensor, keys: Tensor, bias: Tensor | None, table: Tensor, rows: Tensor, starts: Tensor
) -> Tensor:
    """Attend from one position of every lane, with values as weighted sums of a table's rows.

    Parameters
    ----------
    queries
        ``[B, H, 1, E]``.
    keys
        ``[B, H, N, E]``.
    bias
        Added to the scaled products, ``[B, H, 1, N]``, or None.
    table, rows, starts
        From ``KeyValueCache.value_rows``.

    Returns
    -------
    Tensor
        ``[B · H, E]``.
    """
    logits = (keys @ (queries * queries.shape[-1] ** -0.5).transpose(-1, -2)).squeeze(-1)
    if bias is not None:
        logits += bias.squeeze(-2)
    return torch.embedding_bag(table, rows, starts, per_sample_weights=logits.softmax(-1).view(-1))[0]


class BackbonePlan:
    """Transformer blocks on one position of every lane.

    The residual stream is float32 whatever the weights are, and so is the cache on a CPU (see ``GPT.start_cache``).

    Parameters
    ----------
    blocks
        Their weights as they are now.
    cache
        One like those that ``run`` will get; with another number of lanes it works too, more slowly.
    rotation
        From ``plan_rotation``; None without rotary positions.
    dtype
        Of the weights.
    """

    def __init__(
        self,
        blocks: Iterable[nn.Module],
        cache: KeyValueCache,
        rotation: Sequence[tuple[Tensor, Tensor]] | None,
        dtype: torch.dtype,
    ) -> None:
        self._rotation, self._dtype = rotation, dtype
        self._blocks = [BlockPlan(block, cache) for block in blocks]  # type: ignore[arg-type]
        self._heads = Heads(cache)

    def run(self, x: Tensor, cache: KeyValueCache) -> Tensor:
        """Take one position per lane.

        All in one function: calls cost a small model more than some of its arithmetic.

        Parameters
        ----------
        x
            The residual stream, float32 ``[B, D]``; it is changed.
        cache
            With room for one more position; it is advanced.

        Returns
        -------
        Tensor
            The residual stream after the last block.
        """
        position, positions = cache.length, cache.length + 1
        if len(self._heads.all) != cache.batch:
            self._heads = Heads(cache)
        qkv, queries, keys_and_values = self._heads.all, self._heads.queries, self._heads.keys_and_values
        half_width, dtype = qkv.shape[-1] // 2, self._dtype
        many_rows = qkv.device.type == "cpu" and len(qkv) * qkv.shape[2] * positions >= MANY_ROWS
        tables, rows, starts = cache.value_rows() if many_rows else ((), None, None)
        places, so_far = cache.places()

        for index, block in enumerate(self._blocks):
            if block.taps is not None:
                inputs, recent = ShortConvolution.normalise(x), cache.recent(index)
                x += torch.addcmul((recent * block.taps[:-1]).sum(dim=1), inputs, block.taps[-1])
                cache.remember(index, inputs.unsqueeze(1))
            new = block.qkv(x).view(qkv.shape)
            if block.qk_scale is not None:
                new = new.float()
                pair = new[:, :2]
                pair *= block.qk_scale / torch.linalg.vector_norm(pair, dim=-1, keepdim=True).hypot(block.floor)
            if self._rotation is None:
                qkv.copy_(new)
            else:
                factor, rolled_factor = self._rotation[position]
                torch.addcmul(new * factor, new.roll(half_width, -1), rolled_factor, out=qkv)
            places[index].copy_(keys_and_values)
            keys, values = so_far[2 * index], so_far[2 * index + 1]
            bias = None if block.relative is None else queries @ block.relative[:, -positions:]
            if rows is None or starts is None:
                attended = F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
            else:
                attended = attend_by_rows(queries, keys, bias, tables[index], rows, starts)
            attended = attended.reshape(x.shape)
            x += block.out(attended if attended.dtype == dtype else attended.to(dtype))
            x += block.down(gated(block.up(x)) if block.gated else F.gelu(block.up(x)))
        cache.advance(1)
        return x


def gated(hidden: Tensor) -> Tensor:
    """Take the two halves of ``[B, 2 K]`` as gate and value of a SwiGLU."""
    gate, value = hidden.chunk(2, dim=-1)
    return F.silu(gate) * value


class DecodingPlan:
    """A GPT on one position of every lane.

    Parameters
    ----------
    model
        Its weights as they are now.
    cache
        One like those that ``step`` will get.
    """

    def __init__(self, model: GPT, cache: KeyValueCache) -> None:
        self._embedding = model.embedding.weight.detach()
        self._positions = None if model.positions is None else model.positions.weight.detach()
        rotary = model.config.positions == "rotary"
        rotation = plan_rotation(model.rotary_cosine, model.rotary_sine) if rotary else None
        self._backbone = BackbonePlan(model.blocks, cache, rotation, self._embedding.dtype)
        self._head = plan_layer(model.head, cache.batch, model.norm)

    def step(self, ids: Tensor, cache: KeyValueCache) -> Tensor:
        """Read one id per lane.

        Parameters
        ----------
        ids
            int64 ``[B]``.
        cache
            With room for one more position; it is advanced.

        Returns
        -------
        Tensor
            The logits that follow, float32 ``[B, V]``.
        """
        x = F.embedding(ids, self._embedding).float()
        if self._positions is not None:
            x += self._positions[cache.length]
        return self._head(self._backbone.run(x, cache)).float()
