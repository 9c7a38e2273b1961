"""A part of a data set held out for validation where preparing held out nothing: of few files, or of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tonada.data import Dataset, Piece
from tonada.errors import DataError
from tonada.seeding import key
from tonada.symbolic.tokenizers.base import Tokenizer

SHARE = 0.1
"""Of the works; of a single one, twice as much is taken of its ids, at the end."""


class HoldingOut(Dataset):
    """A data set with pieces for validation in any case.

    Those that preparing held out are taken as they are. Where there are none, some of the training works are; where
    there is one work only, the end of each of its pieces: a part that the model does not learn from, though of a piece
    that it does.

    Parameters
    ----------
    folder
        What ``prepare`` wrote.
    tokenizer
        That made it; says where a piece may be cut.

    Attributes
    ----------
    held_out
        A sentence that says what is.

    Raises
    ------
    DataError
        The folder is no data set, has no training pieces, or too little of them.
    """

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        super().__init__(folder)
        training = super().pieces("train")
        self._splits = {"train": training, "validation": super().pieces("validation")}
        if not training:
            raise DataError(folder, "has no pieces to learn from: its split train is empty")
        works = sorted({_work(piece) for piece in training}, key=lambda work: key(0, "held out", work))
        held = {_work(piece) for piece in self._splits["validation"]}
        if held:
            self.held_out = _told(len(held), len(held) + len(works))
        elif len(works) > 1:
            chosen = set(works[: max(1, round(SHARE * len(works)))])
            self._splits["train"] = [piece for piece in training if _work(piece) not in chosen]
            self._splits["validation"] = [piece for piece in training if _work(piece) in chosen]
            self.held_out = _told(len(chosen), len(works))
        else:
            parts = [_cut(piece, tokenizer, folder) for piece in training]
            self._splits["train"] = [first for first, _ in parts]
            self._splits["validation"] = [last for _, last in parts]
            self.held_out = (
                f"the last {2 * SHARE:.0%} of the only work held out: the loss there says less than that of a work of "
                "its own would"
            )

    def pieces(self, split: str) -> list[Piece]:
        """List the pieces of a split; see `tonada.data.Dataset`."""
        return self._splits[split] if split in self._splits else super().pieces(split)


def _work(piece: Piece) -> str:
    return str(piece.metadata.get("work") or piece.name)


def _told(held: int, works: int) -> str:
    return f"{held} of {works} works held out"


def _cut(piece: Piece, tokenizer: Tokenizer, folder: Path) -> tuple[Piece, Piece]:
    """Cut a piece in two where a window may start."""
    starts = tokenizer.window_starts(piece.array)
    wanted = int(len(piece.array) * (1 - 2 * SHARE))
    place = int(np.searchsorted(starts, wanted))
    if not 0 < place < len(starts):
        raise DataError(folder, f"{piece.name} is too short to hold out a part of it: give more music")
    cut = int(starts[place])
    first, last = (
        Piece(name=piece.name, split=split, array=array, metadata=piece.metadata)
        for split, array in (("train", piece.array[:cut]), ("validation", piece.array[cut:]))
    )
    return first, last
