"""The trivial models as language models: what they would compose, beside what a trained model does.

A counted baseline so goes through the very same sampling as a network: grammar, lanes, limits, temperature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from tonada.errors import ConfigError
from tonada.model import Batch, Losses
from tonada.symbolic.evaluation.baselines import Baseline
from tonada.symbolic.evaluation.scoring import Ints
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.tokenizers.base import Tokenizer

_NEVER = -1e9
"""In place of −∞, since logits have to be finite: e to the power of it is 0 all the same."""


@dataclass(frozen=True, kw_only=True)
class CountedConfig:
    """Settings of a counted model."""

    vocabulary: int
    """Number of ids, the tokenizer's."""
    context: int = 1 << 20
    """Ids that it reads at once; of them it looks at the last few alone."""


class CountedCache:
    """The ids that were read, as they are.

    Parameters
    ----------
    ids
        int64 ``[B, T]``.
    capacity
        The most ids of a lane.

    Attributes
    ----------
    length
        How many ids of each lane it holds.
    """

    def __init__(self, ids: Ints, capacity: int) -> None:
        self.ids, self.length, self._capacity = ids, ids.shape[1], capacity

    @property
    def capacity(self) -> int:
        """The most ids of a lane."""
        return self._capacity

    @property
    def batch(self) -> int:
        """Number of lanes."""
        return len(self.ids)

    def append(self, ids: Ints) -> None:
        """Take the next ids, ``[B, T]``.

        Raises
        ------
        ConfigError
            They do not fit.
        """
        if self.length + ids.shape[1] > self.capacity:
            raise ConfigError(f"{self.length + ids.shape[1]} ids do not fit the model's context of {self.capacity}")
        self.ids = np.concatenate([self.ids, ids], axis=1)
        self.length = self.ids.shape[1]

    def clear(self) -> None:
        """Forget all ids."""
        self.ids, self.length = self.ids[:, :0], 0

    def selected(self, lanes: Sequence[int]) -> CountedCache:
        """Copy these lanes, in this order."""
        return CountedCache(self.ids[list(lanes)], self.capacity)


class CountedModel(LanguageModel):
    """A unigram or bigram of ids as a language model; it has no parameters, and works on the CPU.

    Parameters
    ----------
    baseline
        From ``fit_baselines``.
    tokenizer
        The one that it was fitted with.
    """

    Config = CountedConfig
    config: CountedConfig

    def __init__(self, baseline: Baseline, tokenizer: Tokenizer) -> None:
        super().__init__(CountedConfig(vocabulary=tokenizer.vocabulary_size))
        self._baseline, self._tokenizer = baseline, tokenizer

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    def forward(self, ids: Tensor) -> Tensor:
        """Give the logits of the next id at every position: int64 ``[B, T]`` → float32 ``[B, T, V]``."""
        given = ids.numpy()
        return torch.stack([self._after(given[:, : end + 1]) for end in range(given.shape[1])], dim=1)

    def losses(self, batch: Batch, step: int) -> Losses:
        """Yield the mean cross-entropy of the next id, in nats per id, which nothing can be learned from.

        Parameters
        ----------
        batch
            ``inputs`` and ``targets``, int64 ``[B, T]``; targets are −100 where nothing is to be predicted.
        step
            Unused.
        """
        logits = self(batch["inputs"])
        yield "model", {"cross_entropy": F.cross_entropy(logits.flatten(0, 1), batch["targets"].flatten())}

    def start_cache(self, batch: int, capacity: int | None = None) -> CountedCache:
        """Allocate an empty cache for so many lanes; ``capacity`` in ids, the model's context when None."""
        return CountedCache(np.zeros((batch, 0), dtype=np.int64), capacity or self.config.context)

    def step(self, ids: Tensor, cache: CountedCache) -> Tensor:
        """Read the next ids, int64 ``[B, T]``, and give the logits that follow the last one, float32 ``[B, V]``."""
        cache.append(ids.numpy())
        return self._after(cache.ids)

    def _after(self, ids: Ints) -> Tensor:
        """Give the logits of what follows ids ``[B, T]``, T ≥ 1; float32 ``[B, V]``."""
        contexts = np.array([self._context(lane) for lane in ids])
        found = self._baseline.log_probabilities(contexts[:, 0], contexts[:, 1])
        return torch.from_numpy(np.maximum(found, _NEVER).astype(np.float32))

    def _context(self, ids: Ints) -> tuple[int, int]:
        """Give the place of the next id, and the id of that place before it, −1 where there is none."""
        slots = len(self._tokenizer.slots)
        if not slots:
            return 0, int(ids[-1])
        places = np.asarray(self._tokenizer.slots_of(ids))
        place = (int(places[-1]) + 1) % slots if places[-1] < slots else 0
        before = np.flatnonzero(places == place)
        return place, int(ids[before[-1]]) if len(before) else -1
