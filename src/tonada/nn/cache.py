"""What a Transformer remembers of the positions that it has read, so that the next one costs no more than itself.

Shapes: B batch, H heads, T new positions, N all positions so far (cached + new), D width, E = D / H, K positions of a
short convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor


class Decoder(Protocol):
    """The sizes of a model of blocks that a cache depends on."""

    @property
    def width(self) -> int:
        """D."""

    @property
    def blocks(self) -> int:
        """Number of blocks."""

    @property
    def heads(self) -> int:
        """H."""

    @property
    def convolution(self) -> int:
        """K, 0 for none."""


class KeyValueCache:
    """What blocks remember of the positions they have read, allocated once; all lanes hold equally many.

    These are keys and values, and for short convolutions the last inputs.

    Parameters
    ----------
    blocks, batch, heads, capacity, head_width
        Sizes; ``capacity`` is the largest number of positions it can hold.
    recent
        How many inputs of the blocks' convolutions are kept.
    dtype, device
        Of the tensors.

    Attributes
    ----------
    length
        How many positions it holds.
    plan
        What the model keeps with the cache to read single ids fast; None until it does. A cache belongs to the weights
        as they were when it was filled, and so does the plan.
    """

    def __init__(
        self,
        *,
        blocks: int,
        batch: int,
        heads: int,
        capacity: int,
        head_width: int,
        dtype: torch.dtype,
        device: torch.device,
        recent: int = 0,
    ) -> None:
        shape = (blocks, 2, batch, heads, capacity, head_width)
        self._store = torch.empty(shape, dtype=dtype, device=device)
        self._recent = self._store.new_zeros(blocks, batch, recent, heads * head_width)
        self.length = 0
        self.plan: Any = None

    @classmethod
    def for_model(cls, config: Decoder, weight: Tensor, *, batch: int, capacity: int) -> KeyValueCache:
        """Allocate one for a model of blocks.

        Parameters
        ----------
        config
            Its sizes.
        weight
            One of its weights: says device and dtype.
        batch, capacity
            Lanes, and positions of each.
        """
        return cls(
            blocks=config.blocks,
            batch=batch,
            heads=config.heads,
            capacity=capacity,
            head_width=config.width // config.heads,
            # A CPU attends from one query to bfloat16 keys eight times more slowly than to float32 ones.
            dtype=torch.float32 if weight.device.type == "cpu" else weight.dtype,
            device=weight.device,
            recent=max(0, config.convolution - 1),
        )

    @property
    def capacity(self) -> int:
        """Number of positions that fit."""
        return self._store.shape[4]

    @property
    def batch(self) -> int:
        """Number of lanes."""
        return self._store.shape[2]

    @property
    def dtype(self) -> torch.dtype:
        """Of keys and values."""
        return self._store.dtype

    def new_buffer(self, parts: int) -> Tensor:
        """Allocate ``[B, parts, H, E]`` beside it, in its dtype."""
        _, _, batch, heads, _, head_width = self._store.shape
        return self._store.new_empty(batch, parts, heads, head_width)

    def append(self, block: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store new keys and values; ``length`` moves only when the whole model has seen them (see ``advance``).

        Parameters
        ----------
        block
            Which block's.
        keys, values
            ``[B, H, T, E]``.

        Returns
        -------
        tuple
            Views of all keys and values so far, each ``[B, H, N, E]``.
        """
        end = self.length + keys.shape[2]
        self._store[block, 0, :, :, self.length : end] = keys
        self._store[block, 1, :, :, self.length : end] = values
        return self._store[block, 0, :, :, :end], self._store[block, 1, :, :, :end]

    def advance(self, positions: int) -> None:
        """Count new positions as seen."""
        self.length += positions

    def clear(self) -> None:
        """Forget all positions; memory and plan stay."""
        self.length = 0
        self._recent.zero_()

    def recent(self, block: int) -> Tensor:
        """Give the last inputs of a block's convolution, ``[B, K − 1, D]``: a view, zeros where there was none yet."""
        return self._recent[block]

    def remember(self, block: int, inputs: Tensor) -> None:
        """Keep the last of a convolution's inputs, ``[B, T, D]``."""
        kept = self._recent.shape[2]
        self._recent[block] = torch.cat((self._recent[block], inputs.to(self.dtype)), dim=1)[:, -kept:]

    def selected(self, lanes: Sequence[int]) -> KeyValueCache:
        """Copy these lanes, in this order, into a cache of their own; a lane may be named more than once.

        One prompt is so read once for several continuations, and lanes that have ended are dropped.
        """
        copy = object.__new__(KeyValueCache)
        shape = (*self._store.shape[:2], len(lanes), *self._store.shape[3:])
        copy._store = self._store.new_empty(shape)
        copy._store[..., : self.length, :] = self._store[:, :, list(lanes), :, : self.length]
        copy._recent = self._recent[:, list(lanes)]
        copy.length = self.length
        copy.plan = self.plan if self.batch > 1 or len(lanes) == 1 else None  # a plan for one lane does not suit more
        return copy

    def places(self) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Give views for one more position in every block.

        Returns
        -------
        tuple
            Where its keys and values go, ``[2, B, H, E]`` per block; and the keys and values of all positions including
            it, ``[B, H, N, E]``, key after value, two per block.
        """
        so_far = self._store[..., : self.length + 1, :].flatten(0, 1).unbind()
        return self._store[..., self.length, :].unbind(), so_far

    def value_rows(self) -> tuple[Sequence[Tensor], Tensor, Tensor]:
        """Give values as rows of one table per block, for one more position.

        Returns
        -------
        tuple
            The tables, ``[B · H · capacity, E]``; int32 ``[B · H · N]``, the rows of each lane's heads one after the
            other, up to the new position; and where each head's begin, int32 ``[B · H]``.
        """
        tables = self._store[:, 1].flatten(1, 3)
        heads, positions = tables.shape[1] // self.capacity, self.length + 1
        rows = torch.arange(tables.shape[1], dtype=torch.int32, device=tables.device).view(heads, self.capacity)
        starts = torch.arange(0, heads * positions, positions, dtype=torch.int32, device=tables.device)
        return tables.unbind(), rows[:, :positions].reshape(-1), starts
