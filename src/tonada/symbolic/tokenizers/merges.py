"""Byte-pair encoding of ids: pairs that stand beside each other often become ids of their own.

Gage 1994 ("A New Algorithm for Data Compression"); for music Fradet et al. 2023 ("Byte Pair Encoding for Symbolic
Music"). Learned and applied by the package ``tokenizers``, through which miditok does it, too, and which it brings.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.errors import ConfigError

_FIRST_LETTER = 0x4E00
"""Ids are spelled as letters from here on: none of them is white space, none joins with its neighbour."""


class Merges:
    """The ids 0 … ``base`` − 1, and one for every pair of ids that was merged.

    Parameters
    ----------
    base
        How many ids there are without merging.
    pairs
        The merged ids, two by two, in the order in which they were learned; of pairs that stand for the same, the
        first makes an id.

    Raises
    ------
    ConfigError
        The pairs are not pairs of ids that are known by then, or there is no room for so many.
    """

    def __init__(self, base: int, pairs: Sequence[int]) -> None:
        self.base = base
        self.pairs = list(zip(pairs[::2], pairs[1::2], strict=False))
        self.made: list[tuple[int, int]] = []
        """Of which two ids each id from ``base`` on is made."""
        self.expansions: list[tuple[int, ...]] = [(token,) for token in range(base)]
        """What each id stands for, in ids below ``base``."""
        known = {expansion: token for token, expansion in enumerate(self.expansions)}
        for left, right in self.pairs:
            if not 0 <= min(left, right) <= max(left, right) < len(self):
                raise ConfigError(f"merges must be pairs of ids that are known by then; got ({left}, {right})")
            whole = self.expansions[left] + self.expansions[right]
            if whole not in known:
                known[whole] = len(self)
                self.made.append((left, right))
                self.expansions.append(whole)
        if len(pairs) % 2 or len(self) > 1 << 16:
            raise ConfigError(f"merges must be pairs, for at most 65536 ids; got {len(pairs)} numbers")
        self._length = np.array([len(expansion) for expansion in self.expansions])
        self._start = np.cumsum(self._length) - self._length
        self._flat = np.array([token for expansion in self.expansions for token in expansion])
        self.first: NDArray[np.int64] = self._flat[self._start]
        """The first id below ``base`` that each id stands for; int64 [V]."""
        self.last: NDArray[np.int64] = self._flat[self._start + self._length - 1]
        """The last one."""

    def __len__(self) -> int:
        """Give the number of ids."""
        return len(self.expansions)

    def expand(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give what ids stand for, in ids below ``base``; int64."""
        length = self._length[ids]
        before = np.cumsum(length) - length
        places = np.repeat(self._start[ids] - before, length) + np.arange(length.sum())
        expanded: NDArray[np.int64] = self._flat[places]
        return expanded

    def apply(self, ids: NDArray[np.int64], cuts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Merge what was learned to be merged.

        Parameters
        ----------
        ids
            Below ``base``; int64 [T].
        cuts
            Positions that no merged id reaches across, rising.

        Returns
        -------
        ndarray
            int64, at most as long.
        """
        if not self.made or not len(ids):
            return ids
        encoded = self._encoder.encode(_spell(ids, cuts), is_pretokenized=True).ids
        return np.array(encoded, dtype=np.int64)

    @cached_property
    def _encoder(self) -> Any:
        tokenizers = importlib.import_module("tokenizers")
        words = ["".join(map(_letter, expansion)) for expansion in self.expansions]
        model = tokenizers.models.BPE(
            vocab={word: token for token, word in enumerate(words)},
            merges=[(words[left], words[right]) for left, right in self.pairs],
        )
        return tokenizers.Tokenizer(model)


def learn_pairs(pieces: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]], *, base: int, size: int) -> list[int]:
    """Learn which pairs to merge: again and again the one that is most frequent.

    Parameters
    ----------
    pieces
        Ids of each piece, below ``base``, and the positions that no merge may reach across.
    base
        How many ids there are without merging.
    size
        How many there are to be with it, at most.

    Returns
    -------
    list of int
        Pairs, one after the other, as ``Merges`` takes them.
    """
    tokenizers = importlib.import_module("tokenizers")
    alphabet = {_letter(token): token for token in range(base)}
    learner = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=alphabet, merges=[]))
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=size, initial_alphabet=list(alphabet), show_progress=False)
    learner.train_from_iterator((_spell(ids, cuts) for ids, cuts in pieces), trainer=trainer)
    known: dict[tuple[int, ...], int] = {(token,): token for token in range(base)}
    pairs: list[int] = []
    for words in json.loads(learner.to_str())["model"]["merges"]:
        left, right = (tuple(alphabet[letter] for letter in word) for word in words)
        pairs += [known[left], known[right]]
        known.setdefault(left + right, len(known))
    return pairs


def _spell(ids: NDArray[np.int64], cuts: NDArray[np.int64]) -> list[str]:
    """Spell ids as words, a letter for an id; words begin at 0 and at ``cuts``."""
    text = "".join(map(_letter, ids.tolist()))
    edges = sorted({0, *cuts.tolist(), len(text)})
    return [text[start:stop] for start, stop in pairwise(edges)]


def _letter(token: int) -> str:
    return chr(_FIRST_LETTER + token)
