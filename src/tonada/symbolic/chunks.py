"""The windows of the piano-style thesis, and what its way of holding some back is worth.

The thesis laid its pieces end to end, took every window of 128 ids (one begins at every id, so neighbours share all but
one), shuffled the windows and held 10 % of them back. Nearly every id that is held back is then trained on as well,
in the windows beside it: `covered_share` measures how much of that is so. Splitting by work holds back pieces that are
trained on by nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tonada.errors import ConfigError
from tonada.model import Batch
from tonada.seeding import rng
from tonada.symbolic.tokenizers.base import Ids

LENGTH = 128
"""Ids that a window reads; it holds one more, the last target."""
SHARE = 0.1
"""Of windows, or ids, that are held back."""
RUN = 32
"""Ids that have to recur in a row before they count as seen: eight notes of the giga tokens."""
_FACTOR = 6364136223846793005
"""Odd, so that it has an inverse modulo 2⁶⁴: Knuth's multiplier of a linear congruential generator."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Chunks:
    """Windows of a stream.

    Attributes
    ----------
    ids
        The stream: pieces end to end; uint16 [S].
    starts
        Where windows begin; int64 [K].
    length
        Ids that a window reads.
    """

    ids: Ids
    starts: NDArray[np.int64]
    length: int = LENGTH

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.starts)

    def batch(self, places: NDArray[np.int64]) -> Batch:
        """Give some windows: ``inputs`` and ``targets``, int64 ``[B, T]``; places are indices into ``starts``."""
        positions = self.starts[places][:, None] + np.arange(self.length + 1)
        windows = torch.from_numpy(self.ids[positions].astype(np.int64))
        return {"inputs": windows[:, :-1].contiguous(), "targets": windows[:, 1:].contiguous()}


class ChunkBatches:
    """Shuffled windows, each once in an epoch; every batch is a function of (seed, step) alone.

    Parameters
    ----------
    chunks
        The windows.
    batch
        Windows per batch.
    seed
        Of the order.
    """

    def __init__(self, chunks: Chunks, *, batch: int, seed: int) -> None:
        self.chunks, self.size, self.seed = chunks, batch, seed
        self._order: tuple[int, NDArray[np.int64]] | None = None  # of the epoch that was asked for last

    def batch(self, step: int) -> Batch:
        """Give the batch of a step, from 0."""
        numbers = range(step * self.size, (step + 1) * self.size)
        places = [self._of_epoch(number // len(self.chunks))[number % len(self.chunks)] for number in numbers]
        return self.chunks.batch(np.array(places))

    def _of_epoch(self, epoch: int) -> NDArray[np.int64]:
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, rng(self.seed, "chunks", epoch).permutation(len(self.chunks))
        return self._order[1]


def split_chunks(
    pieces: Sequence[Ids], *, length: int = LENGTH, share: float = SHARE, seed: int = 1
) -> tuple[Chunks, Chunks]:
    """Hold windows back as the thesis did: all windows of all pieces, shuffled.

    Parameters
    ----------
    pieces
        uint16 [T] each.
    length
        Ids that a window reads.
    share
        Of the windows that are held back, rounded down.
    seed
        Of the shuffling.

    Returns
    -------
    tuple
        Windows to train on, and windows held back; both read the same stream.

    Raises
    ------
    ConfigError
        The pieces are too short for a window on each side.
    """
    ids = np.concatenate([np.zeros(0, dtype=np.uint16), *pieces])
    order = rng(seed, "chunk split").permutation(max(0, len(ids) - length))
    held = int(share * len(order))
    if not 0 < held < len(order):
        raise ConfigError(f"{len(ids)} ids give {len(order)} windows of {length}: too few to hold {share:.0%} back")
    return (
        Chunks(ids=ids, starts=np.sort(order[held:]), length=length),
        Chunks(ids=ids, starts=np.sort(order[:held]), length=length),
    )


def draw_works(pieces: Sequence[Ids], works: Sequence[str], *, share: float = SHARE, seed: int = 1) -> set[str]:
    """Draw the works that are held back.

    Parameters
    ----------
    pieces
        uint16 [T] each.
    works
        What each piece is a performance of.
    share
        Works are drawn until they have this share of the ids.
    seed
        Of the drawing.
    """
    names, held = sorted(set(works)), set[str]()
    wanted = share * sum(map(len, pieces))
    for place in rng(seed, "work split").permutation(len(names)):
        if sum(len(ids) for ids, work in zip(pieces, works, strict=True) if work in held) >= wanted:
            break
        held.add(names[place])
    return held


def split_by_work(
    pieces: Sequence[Ids], works: Sequence[str], *, length: int = LENGTH, share: float = SHARE, seed: int = 1
) -> tuple[Chunks, Chunks]:
    """Hold whole works back, all their performances: the same windows, but of no piece on both sides.

    Parameters
    ----------
    pieces, works, share, seed
        As for ``draw_works``.
    length
        Ids that a window reads.

    Returns
    -------
    tuple
        Windows to train on, and windows held back; each side has a stream of its own.

    Raises
    ------
    ConfigError
        There are too few works, or the pieces are too short for a window on each side.
    """
    held, sides = draw_works(pieces, works, share=share, seed=seed), []
    for is_held in (False, True):
        own = [ids for ids, work in zip(pieces, works, strict=True) if (work in held) == is_held]
        stream = np.concatenate([np.zeros(0, dtype=np.uint16), *own])
        if len(stream) <= length:
            count = len(set(works))
            raise ConfigError(f"{count} works are too few, or too short, to hold {share:.0%} back by work")
        sides.append(Chunks(ids=stream, starts=np.arange(len(stream) - length), length=length))
    return sides[0], sides[1]


def covered_share(train: Chunks, held: Chunks, *, run: int = RUN) -> float:
    """Measure which share of the windows held back consists of nothing but what is trained on.

    Such a window has every run of ``run`` ids in some training window, wherever that comes from.

    Parameters
    ----------
    train, held
        Of one split.
    run
        Ids in a row; at most the length of a window.

    Returns
    -------
    float
        0 … 1.
    """
    ours, theirs = _hashes(train.ids, run), _hashes(held.ids, run)
    seen = np.unique(ours[_inside(train, run)])
    known = np.append(0, np.cumsum(np.isin(theirs, seen)))  # how many up to each place
    each = held.length + 2 - run
    return float((known[held.starts + each] - known[held.starts] == each).mean())


def _inside(chunks: Chunks, run: int) -> NDArray[np.bool_]:
    """Tell which runs of the stream lie in some window, inputs and last target; bool [S − run + 1]."""
    begun = np.append(0, np.cumsum(np.bincount(chunks.starts, minlength=len(chunks.ids))))  # windows, before each place
    place = np.arange(len(chunks.ids) - run + 1)
    inside: NDArray[np.bool_] = begun[place + 1] > begun[np.maximum(0, place - (chunks.length + 1 - run))]
    return inside


def _hashes(ids: Ids, run: int) -> NDArray[np.uint64]:
    """Give a hash of each run of ids; uint64 [S − run + 1]."""
    count = len(ids) - run + 1
    hashes = np.zeros(count, dtype=np.uint64)
    for offset in range(run):
        hashes = hashes * np.uint64(_FACTOR) + (ids[offset : offset + count].astype(np.uint64) + np.uint64(1))
    return hashes
