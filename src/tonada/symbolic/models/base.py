"""What a language model of notes promises to whoever trains, scores or samples it: ids in, logits of the next id out.

Axes: B batch · T positions · V vocabulary. Whatever a model does inside (one step an id, or one a note), it is asked in
ids, counts its context in ids, and is causal: the logits after a position depend on nothing later.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from tonada.model import Batch, Losses, Model


class Cache(Protocol):
    """What a model remembers of the ids that it has read; all lanes hold the same number of ids."""

    length: int
    """How many ids of each lane it holds."""

    @property
    def capacity(self) -> int:
        """How many it can hold."""

    @property
    def batch(self) -> int:
        """Number of lanes."""

    def clear(self) -> None:
        """Forget all ids; memory stays."""

    def selected(self, lanes: Sequence[int]) -> Self:
        """Copy these lanes, in this order, into a cache of their own; a lane may be named more than once."""


class LanguageModel(Model):
    """A model of ids. Its config has ``vocabulary`` (V) and ``context`` (the most ids that it reads at once)."""

    adjustable: ClassVar[tuple[str, ...]] = ("context", "dropout")

    shardable: ClassVar[bool] = True

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    def count(self, batch: Batch) -> int:
        """Count the ``targets`` that are to be predicted: a piece that is shorter than the context has fewer."""
        return int((batch["targets"] >= 0).sum())

    @abstractmethod
    def forward(self, ids: Tensor) -> Tensor:
        """Give the logits of the next id at every position: int64 ``[B, T]`` → float32 ``[B, T, V]``."""

    def losses(self, batch: Batch, step: int) -> Losses:
        """Yield the mean cross-entropy of the next id, in nats per id.

        Parameters
        ----------
        batch
            ``inputs`` int64 ``[B, T]`` and ``targets`` int64 ``[B, T]``, −100 where nothing is to be predicted.
        step
            Unused.
        """
        logits = self(batch["inputs"])
        yield "model", {"cross_entropy": F.cross_entropy(logits.flatten(0, 1), batch["targets"].flatten())}

    @abstractmethod
    def start_cache(self, batch: int, capacity: int | None = None) -> Cache:
        """Allocate an empty cache for so many lanes; ``capacity`` in ids, the model's context when None."""

    @abstractmethod
    def step(self, ids: Tensor, cache: Any) -> Tensor:  # the kind of cache is the model's own
        """Read the next ids, int64 ``[B, T]``, and give the logits that follow the last one, float32 ``[B, V]``.

        Parameters
        ----------
        ids
            A whole prompt, or one id for each lane, which is fast.
        cache
            From ``start_cache``; it is advanced.
        """
