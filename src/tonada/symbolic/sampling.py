"""From logits to an id: temperature, top-k, top-p, min-p, the grammar's mask, repetition control, and the draw itself.

NumPy alone: at a vocabulary of some hundred ids this is quicker than tensors. Shapes: B lanes, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonada.errors import CheckpointError, ConfigError
from tonada.seeding import rng

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How the next id is drawn; the filters apply in this order, each to what the ones before have left."""

    temperature: float = 1.0
    """Logits are divided by it: below 1 the likely becomes likelier; 0 always takes the likeliest id."""
    top_k: int = 0
    """Keep the k likeliest ids, and those as likely as the last of them; 0 keeps all."""
    top_p: float = 1.0
    """Keep the fewest likeliest ids that together have at least this probability (Holtzman et al. 2020); 1 for all."""
    min_p: float = 0.0
    """Keep ids that are at least this share as likely as the likeliest one (Nguyen et al. 2024); 0 keeps all."""
    repeat_notes: int = 0
    """Length, in notes, of the passages whose exact repetition is limited; 0 limits none."""
    repeat_limit: int = 2
    """How often a passage of ``repeat_notes`` notes may occur in a piece, its prompt included; a loop is left then."""
    seed: int = 1
    """The same seed, lane and position always give the same random number."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises
        ------
        ConfigError
            A value is out of its range; the text names the field and one that works.
        """
        if not 0.0 <= self.temperature <= 100.0:
            raise ConfigError(f"SamplingConfig.temperature must lie between 0 and 100; got {self.temperature}. Try 1.0")
        if self.top_k < 0:
            raise ConfigError(f"SamplingConfig.top_k must be at least 0, which keeps all ids; got {self.top_k}")
        if not 0.0 < self.top_p <= 1.0:
            raise ConfigError(f"SamplingConfig.top_p must be above 0 and at most 1; got {self.top_p}. Try 0.95")
        if not 0.0 <= self.min_p < 1.0:
            raise ConfigError(f"SamplingConfig.min_p must be at least 0 and below 1; got {self.min_p}. Try 0.05")
        if self.repeat_notes < 0:
            raise ConfigError(f"SamplingConfig.repeat_notes must be at least 0, no limit; got {self.repeat_notes}")
        if self.repeat_limit < 1:
            raise ConfigError(f"SamplingConfig.repeat_limit must be at least 1; got {self.repeat_limit}")


def distribution(logits: NDArray[np.floating], allowed: Bools, sampling: SamplingConfig) -> Floats:
    """Give the probabilities from which the next ids are drawn.

    Parameters
    ----------
    logits
        ``[B, V]``.
    allowed
        Which ids are legal, ``[B, V]``; at least one per row.
    sampling
        Temperature, above 0, and filters.

    Returns
    -------
    ndarray
        float64 ``[B, V]``, rows sum to 1, exactly 0 where an id is illegal or filtered out.
    """
    scaled = np.where(allowed, logits, -np.inf).astype(np.float64)
    scaled -= scaled.max(axis=-1, keepdims=True)
    weights = np.exp(scaled / sampling.temperature)  # the likeliest id weighs 1
    if 0 < sampling.top_k < weights.shape[-1]:
        smallest = np.partition(weights, -sampling.top_k, axis=-1)[:, -sampling.top_k, None]
        weights[weights < smallest] = 0.0
    if sampling.top_p < 1.0:
        falling = np.sort(weights, axis=-1)[:, ::-1]
        mass = falling.cumsum(axis=-1)
        last = (mass < sampling.top_p * mass[:, -1:]).sum(axis=-1)
        weights[weights < falling[np.arange(len(falling)), last][:, None]] = 0.0
    if sampling.min_p > 0.0:
        weights[weights < sampling.min_p] = 0.0
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


def draw(probabilities: Floats, uniforms: Floats) -> Ids:
    """Draw one id per lane by inverting the cumulative distribution.

    Parameters
    ----------
    probabilities
        ``[B, V]``; rows need not sum to 1.
    uniforms
        ``[B]``, in [0, 1).

    Returns
    -------
    ndarray
        int64 ``[B]``; never an id whose probability is 0.
    """
    mass = probabilities.cumsum(axis=-1)
    chosen: Ids = (mass > (uniforms * mass[:, -1])[:, None]).argmax(axis=-1)
    return chosen


def sample(logits: NDArray[np.floating], allowed: Bools, sampling: SamplingConfig, uniforms: Floats) -> Ids:
    """Choose the next id of every lane.

    Parameters
    ----------
    logits
        ``[B, V]``.
    allowed
        Which ids are legal, ``[B, V]``; at least one per row.
    sampling
        Temperature and filters.
    uniforms
        A random number in [0, 1) per lane, ``[B]``.

    Returns
    -------
    ndarray
        int64 ``[B]``; always legal ids.

    Raises
    ------
    CheckpointError
        The logits are not numbers.
    """
    chosen: Ids
    if np.count_nonzero(allowed) == len(allowed):
        chosen = allowed.argmax(axis=-1)  # one legal id each
        return chosen
    if not np.isfinite(logits).all():
        raise CheckpointError("the model's logits are not numbers: its weights are damaged, or its training diverged")
    legal = np.flatnonzero(allowed.any(axis=0))  # mostly those of one slot: a fraction of the vocabulary
    logits, allowed = logits[:, legal], allowed[:, legal]
    if sampling.temperature == 0.0:
        chosen = legal[np.where(allowed, logits, -np.inf).argmax(axis=-1)]
    else:
        chosen = legal[draw(distribution(logits, allowed, sampling), uniforms)]
    return chosen


class Uniforms:
    """The random numbers of some lanes: a function of (seed, lane, position), whatever lanes are beside.

    Parameters
    ----------
    seed
        Any integer.
    lanes
        Their numbers.
    """

    _BLOCK = 1024

    def __init__(self, seed: int, lanes: Sequence[int]) -> None:
        self._seed, self._lanes = seed, list(lanes)
        self._block, self._table = -1, np.empty((0, 0))

    def at(self, position: int) -> Floats:
        """Give each lane's number in [0, 1) at a position ≥ 0; float64 ``[B]``."""
        block, column = divmod(position, self._BLOCK)
        if block != self._block:
            numbers = [rng(self._seed, "sample", lane, block).random(self._BLOCK) for lane in self._lanes]
            self._block, self._table = block, np.stack(numbers, axis=1)
        row: Floats = self._table[column]
        return row

    def select(self, lanes: Sequence[int]) -> None:
        """Keep the lanes at these places."""
        self._lanes, self._block = [self._lanes[lane] for lane in lanes], -1


class RepeatGuard:
    """Counts the runs of ids of one lane, and says what would repeat one too often.

    Parameters
    ----------
    length
        Of the runs, in ids, at least 2.
    limit
        How often a run may occur.
    ids
        What the lane holds already.
    """

    def __init__(self, length: int, limit: int, ids: Iterable[int]) -> None:
        self._limit = limit
        self._recent: tuple[int, ...] = ()
        self._keep = length - 1
        self._followers: dict[tuple[int, ...], dict[int, int]] = {}
        for token in ids:
            self.push(token)

    def push(self, token: int) -> None:
        """Take the lane's next id."""
        if len(self._recent) == self._keep:
            counts = self._followers.setdefault(self._recent, {})
            counts[token] = counts.get(token, 0) + 1
        self._recent = (*self._recent, token)[-self._keep :]

    def banned(self) -> list[int]:
        """Give the ids that would complete a run which has occurred as often as it may."""
        counts = self._followers.get(self._recent, {})
        return [token for token, count in counts.items() if count >= self._limit]


def without(allowed: Bools, ids: Sequence[int]) -> Bools:
    """Take ids from what is legal, bool ``[V]``, unless nothing would be left."""
    fewer = allowed.copy()
    fewer[ids] = False
    return fewer if fewer.any() else allowed
