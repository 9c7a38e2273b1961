"""Training windows over the pieces of a symbolic data set: every batch is a function of (seed, step) alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from tonada.errors import ConfigError
from tonada.model import Batch
from tonada.seeding import rng
from tonada.symbolic.augment import UNVARIED, Augmentation, augment_ids
from tonada.symbolic.describing import Describer
from tonada.symbolic.tokenizers.base import Ids, Tokenizer
from tonada.symbolic.tokenizers.note import NoteTokenizer

NO_AUGMENTATION = Augmentation(semitones=0, stretch=0.0, velocity=0, conditions=0.0)
IGNORED = -100
"""Target of a position that is not to be predicted (the value that torch's cross-entropy skips)."""


class WindowBatches:
    """Batches of windows, each inside one piece, in an order without repetition within an epoch.

    An epoch tiles every piece with windows of ``context`` ids, from an offset that is drawn per piece and epoch, each
    moved back to where a window may start (a note boundary); the first and the last window overlap their neighbours, so
    that only pieces shorter than the context are padded. The windows are then shuffled.

    With ``augmentation.conditions`` some windows are told what is known about them: ids of conditions before their
    notes, after the begin id if the window has it. They take the place of the last ids, and are no targets.

    Parameters
    ----------
    pieces
        uint16 ids of each piece.
    tokenizer
        Says where windows may start, and augments.
    context
        T, ids that the model reads; a window holds one more, the last target.
    batch
        Windows per batch.
    seed
        Of order, offsets and augmentation.
    augmentation
        What to vary, and how much to tell; nothing when None.
    catalogue
        The row of each piece, for the conditions; see ``tonada.symbolic.describing``.

    Raises
    ------
    ConfigError
        There are no pieces.
    """

    def __init__(
        self,
        pieces: Sequence[NDArray[np.uint16]],
        tokenizer: Tokenizer,
        *,
        context: int,
        batch: int,
        seed: int,
        augmentation: Augmentation | None = None,
        catalogue: Sequence[Mapping[str, str]] | None = None,
    ) -> None:
        if not pieces:
            raise ConfigError("the split 'train' is empty: prepare the data with more pieces or another split")
        self.pieces, self.tokenizer = pieces, tokenizer
        self.context, self.size, self.seed = context, batch, seed
        self.augmentation = augmentation or NO_AUGMENTATION
        rows = catalogue or [{}] * len(pieces)
        self._describer = Describer(tokenizer, pieces, rows) if isinstance(tokenizer, NoteTokenizer) else None
        self._epoch = lru_cache(maxsize=2)(self._make_epoch)
        self._length = cache(lambda epoch: len(self._epoch(epoch)))

    def _make_epoch(self, epoch: int) -> NDArray[np.int64]:
        """List the epoch's windows in order, int64 ``[K, 2]``: piece, start."""
        generator = rng(self.seed, "epoch", epoch)
        offsets = generator.integers(0, self.context, len(self.pieces))
        windows = []
        for index, (ids, offset) in enumerate(zip(self.pieces, offsets, strict=True)):
            allowed = self.tokenizer.window_starts(ids)
            latest = max(0, len(ids) - 1 - self.context)
            wanted = np.arange(offset - self.context, len(ids) - 1, self.context).clip(0, latest)
            starts = np.unique(allowed[np.searchsorted(allowed, wanted, side="right") - 1])
            windows.append(np.stack([np.full_like(starts, index), starts], axis=1))
        table = np.concatenate(windows)
        return table[generator.permutation(len(table))]

    def batch(self, step: int) -> Batch:
        """Give the batch of a step.

        Parameters
        ----------
        step
            From 0.

        Returns
        -------
        dict
            ``inputs`` and ``targets``, int64 ``[B, T]``; targets are −100 in the padding and where they would be
            conditions.
        """
        ids = np.full((self.size, self.context + 1), self.tokenizer.pad_id, dtype=np.int64)
        lengths = np.zeros(self.size, dtype=np.int64)
        epoch, index = self._position(step * self.size)
        for lane in range(self.size):
            table = self._epoch(epoch)
            piece, start = table[index].tolist()
            window = self._window(piece, start, counter=step * self.size + lane)
            lengths[lane] = min(len(window), self.context + 1)
            ids[lane, : lengths[lane]] = window[: lengths[lane]]
            epoch, index = (epoch, index + 1) if index + 1 < len(table) else (epoch + 1, 0)
        asked = np.arange(1, self.context + 1) < lengths[:, None]
        asked &= ~self.tokenizer.conditions.among(ids[:, 1:])
        targets = np.where(asked, ids[:, 1:], IGNORED)
        return {"inputs": torch.from_numpy(ids[:, :-1].copy()), "targets": torch.from_numpy(targets)}

    def _position(self, count: int) -> tuple[int, int]:
        """Find epoch and place of the window with a running number; epochs differ slightly in length."""
        epoch = 0
        while count >= (length := self._length(epoch)):
            count -= length
            epoch += 1
        return epoch, count

    def _window(self, piece: int, start: int, counter: int) -> Ids:
        # A little more than is needed: augmentation drops a note that is cut, and events may become fewer.
        spare = self.tokenizer.ids_per_note or self.context // 4
        ids = np.asarray(self.pieces[piece][start : start + self.context + 1 + spare])
        if self.augmentation == NO_AUGMENTATION:
            return ids
        drawn = self.augmentation.draw(self.seed, counter)
        variation = drawn.variation
        if variation != UNVARIED:
            ids, variation = augment_ids(self.tokenizer, ids, **variation)
        if self._describer is None or not drawn.conditions:
            return ids
        ids = ids[: self.context + 1]
        told = self._describer.describe(piece, start, ids, variation=variation, kinds=drawn.conditions)
        return self.tokenizer.set_conditions(ids, told)
