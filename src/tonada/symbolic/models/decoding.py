"""Reading one id per lane with a GPT, without layer objects in between: what generation spends its time on.

A step of a small model is some hundred microseconds of arithmetic, and the layers' own overhead would be as much again.
So a plan looks everything up once: weights laid out for few rows, tables for every position, buffers with their views.
What it computes is what ``GPT.forward`` computes; tests hold the two together for every kind of model.

Shapes: B lanes, D width, H heads, E = D / H, V vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from tonada.nn.attention import KeyValueCache
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
    """One Transformer block on one position of every lane.

    Parameters
    ----------
    block
        Its weights as they are now.
    cache
        For how many lanes, and in which dtype it attends.
    """

    def __init__(self, block: Block, cache: KeyValueCache) -> None:
        lanes = cache.batch
        attention, feedforward = block.attention, block.feedforward
        dtype = attention.qkv.weight.dtype
        self._qkv, self._out = plan_layer(attention.qkv, lanes, block.attention_norm), plan_layer(attention.out, lanes)
        self._up = plan_layer(feedforward.up, lanes, block.feedforward_norm)
        self._down = plan_layer(feedforward.down, lanes)
        self._gated, self._dtype = feedforward.gated, dtype
        self._relative = None
        if attention.relative is not None:
            table = attention.relative.detach().float()
            self._relative = (table * table.shape[1] ** -0.5).t().contiguous().to(cache.dtype)

    def add_attention(
        self, x: Tensor, rotation: tuple[Tensor, Tensor] | None, heads: Heads, index: int, position: Position
    ) -> None:
        """Add attention's output to the residual stream.

        Parameters
        ----------
        x
            Float32 ``[B, D]``, changed in place.
        rotation
            Of this position, from ``plan_rotation``.
        heads
            Buffers for these lanes.
        index
            Which block this is.
        position
            In the cache.
        """
        qkv = self._qkv(x).view(heads.all.shape)
        if rotation is None:
            heads.all.copy_(qkv)
        else:
            torch.addcmul(qkv * rotation[0], qkv.roll(qkv.shape[-1] // 2, -1), rotation[1], out=heads.all)
        position.places[index].copy_(heads.keys_and_values)
        bias = None if self._relative is None else heads.queries @ self._relative[:, -position.length :]
        attended = position.attend(index, heads.queries, bias).reshape(x.shape)
        x += self._out(attended if attended.dtype == self._dtype else attended.to(self._dtype))

    def add_feedforward(self, x: Tensor) -> None:
        """Add the feed-forward layer's output to the residual stream ``x``, float32 ``[B, D]``, in place."""
        hidden = self._up(x)
        if self._gated:
            gate, value = hidden.chunk(2, dim=-1)
            hidden = F.silu(gate) * value
        else:
            hidden = F.gelu(hidden)
        x += self._down(hidden)


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


class Position:
    """The next position of a cache: where its keys and values go, and attention to it and all before it.

    Parameters
    ----------
    cache
        With room for one more position.
    """

    def __init__(self, cache: KeyValueCache) -> None:
        self.length = cache.length + 1
        self.places, self._so_far = cache.places()
        _, lanes, heads, _ = self.places[0].shape
        self._rows = None
        if self.places[0].device.type == "cpu" and lanes * heads * self.length >= MANY_ROWS:
            self._rows = cache.value_rows()

    def attend(self, block: int, queries: Tensor, bias: Tensor | None) -> Tensor:
        """Attend from ``[B, H, 1, E]``.

        Parameters
        ----------
        block
            Whose keys and values.
        queries
            ``[B, H, 1, E]``.
        bias
            Added to the scaled products with the keys, ``[B, H, 1, N]``, or None.

        Returns
        -------
        Tensor
            ``B · H · E`` numbers in this order.
        """
        keys, values = self._so_far[2 * block], self._so_far[2 * block + 1]
        if self._rows is None:
            return F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
        tables, rows, starts = self._rows
        logits = (keys @ (queries * queries.shape[-1] ** -0.5).transpose(-1, -2)).squeeze(-1)
        if bias is not None:
            logits += bias.squeeze(-2)
        weights = logits.softmax(-1).view(-1)
        return torch.embedding_bag(tables[block], rows, starts, per_sample_weights=weights)[0]


class DecodingPlan:
    """A GPT on one position of every lane.

    The residual stream is float32 whatever the weights are, and so is the cache on a CPU (see ``GPT.start_cache``).

    Parameters
    ----------
    model
        Its weights as they are now.
    cache
        One like those that ``step`` will get; with another number of lanes it works too, more slowly.
    """

    def __init__(self, model: GPT, cache: KeyValueCache) -> None:
        self._embedding = model.embedding.weight.detach()
        self._positions = None if model.positions is None else model.positions.weight.detach()
        self._rotation = None
        if model.config.positions == "rotary":
            self._rotation = plan_rotation(model.rotary_cosine, model.rotary_sine)
        self._blocks = [BlockPlan(block, cache) for block in model.blocks]  # type: ignore[arg-type]
        self._head = plan_layer(model.head, cache.batch, model.norm)
        self._heads = Heads(cache)

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
        if len(self._heads.all) != cache.batch:
            self._heads = Heads(cache)
        x = F.embedding(ids, self._embedding).float()
        if self._positions is not None:
            x += self._positions[cache.length]
        rotation = None if self._rotation is None else self._rotation[cache.length]
        position = Position(cache)
        for index, block in enumerate(self._blocks):
            block.add_attention(x, rotation, self._heads, index, position)
            block.add_feedforward(x)
        cache.advance(1)
        return self._head(x).float()
