"""The trivial models that stand beside every held-out figure: counts of ids, with add-one smoothing.

*Unigram*: how often an id stands in its slot. *Bigram*: how often it follows the id of the same slot of the note before
(the first note has a row of its own). For tokenizers of events there is one place for all ids, and the bigram looks at
the id before. Both give a probability to every id that the tokenizer's grammar allows in that place, and to no other;
the end id is one of the alternatives where a note could begin. They score the very ids that models are scored on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tonada.errors import ConfigError
from tonada.symbolic.evaluation.scoring import Bools, Floats, Ints, Targets, find_targets
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.base import Tokenizer

BaselineName = Literal["unigram", "bigram"]
BASELINES: tuple[BaselineName, ...] = ("unigram", "bigram")

_BUFFER = 4_000_000
"""Targets that are held before they are counted."""


class Baseline:
    """Counts of ids by context, with add-one smoothing.

    Parameters
    ----------
    name
        "unigram" or "bigram".
    tokenizer
        Of the ids.
    cells
        The contexts and ids that occur, as ``context · V + id``; int64 [M], rising.
    counts
        How often; int64 [M], ≥ 1.
    """

    def __init__(self, name: BaselineName, tokenizer: Tokenizer, cells: Ints, counts: Ints) -> None:
        self.name: BaselineName = name
        self._slots, self._vocabulary = tokenizer.slots or ("event",), tokenizer.vocabulary_size
        self._support = allowed_ids(tokenizer)
        self._cells, self._counts = cells, counts
        row = cells // self._vocabulary
        self._rows, start = np.unique(row, return_index=True)
        self._totals = np.add.reduceat(counts, start) if len(cells) else counts
        by_count = np.lexsort((-counts, row))  # stable: the smallest of the most frequent ids
        self._favourites = cells[by_count][start] % self._vocabulary

    def score(self, targets: Targets) -> tuple[Floats, Bools]:
        """Score the targets of a piece.

        Parameters
        ----------
        targets
            From ``find_targets``, with the tokenizer that the baseline was fitted with.

        Returns
        -------
        tuple
            The loss of each target in nats, float64 [K], and whether it was the most frequent id (the smallest of
            equals; in a context never seen, the smallest that is allowed), bool [K].

        Raises
        ------
        ConfigError
            An id stands where the tokenizer's grammar does not allow it.
        """
        wrong = ~self._support[targets.place, targets.token]
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise ConfigError(
                f"id {targets.token[first]} at position {targets.position[first]} cannot stand in the slot "
                f"'{self._slots[targets.place[first]]}'; were the pieces made with another tokenizer?"
            )
        row = self._row(targets.place, targets.previous)
        place, known = _find(self._rows, row)
        total = np.where(known, self._totals[place], 0)
        smallest = np.argmax(self._support, axis=1)[targets.place]
        favourite = np.where(known, self._favourites[place], smallest)
        cell, seen = _find(self._cells, row * self._vocabulary + targets.token)
        count = np.where(seen, self._counts[cell], 0)
        sizes = self._support.sum(axis=1)[targets.place]
        return np.log(total + sizes) - np.log(count + 1), favourite == targets.token

    def log_probabilities(self, place: Ints, previous: Ints) -> Floats:
        """Give the log-probabilities of every id in some contexts.

        Parameters
        ----------
        place, previous
            As in ``Targets``; int64 [K].

        Returns
        -------
        ndarray
            float64 [K, V], −∞ where the grammar does not allow an id in that place.
        """
        cells = self._row(place, previous)[:, None] * self._vocabulary + np.arange(self._vocabulary)
        index, seen = _find(self._cells, cells)
        support = self._support[place]
        count = np.where(seen & support, self._counts[index], 0)
        total = (count.sum(axis=1) + support.sum(axis=1))[:, None]
        return np.where(support, np.log(count + 1) - np.log(total), -np.inf)

    def _row(self, place: Ints, previous: Ints) -> Ints:
        return _rows(self.name, place, previous, self._vocabulary)


def fit_baselines(
    tokenizer: Tokenizer, pieces: Iterable[NDArray[np.uint16]], *, names: Iterable[BaselineName] = BASELINES
) -> tuple[Baseline, ...]:
    """Count the ids of the training pieces.

    Parameters
    ----------
    tokenizer
        Of the ids.
    pieces
        Whole pieces, uint16 [T] each; read once.
    names
        Which baselines to fit.

    Raises
    ------
    ConfigError
        The pieces hold nothing to count.
    """
    tables = {name: (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)) for name in names}
    waiting: list[Targets] = []

    def count() -> None:
        for name, (cells, counts) in tables.items():
            rows = np.concatenate([_rows(name, t.place, t.previous, tokenizer.vocabulary_size) for t in waiting])
            tokens = np.concatenate([targets.token for targets in waiting])
            added, often = np.unique(rows * tokenizer.vocabulary_size + tokens, return_counts=True)
            merged, place = np.unique(np.concatenate([cells, added]), return_inverse=True)
            weights = np.concatenate([counts, often])
            tables[name] = merged, np.bincount(place, weights=weights, minlength=len(merged)).astype(np.int64)
        waiting.clear()

    for ids in pieces:
        waiting.append(find_targets(tokenizer, ids))
        if sum(map(len, waiting)) >= _BUFFER:
            count()
    if waiting:
        count()
    fitted = tuple(Baseline(name, tokenizer, *table) for name, table in tables.items())
    if not all(len(cells) for cells, _ in tables.values()):
        raise ConfigError("there is nothing to fit the baselines on: the training split has no ids")
    return fitted


def allowed_ids(tokenizer: Tokenizer) -> Bools:
    """Tell which ids may stand in which slot; bool [slots, V], one row for tokenizers of events.

    With slots, it is what the grammar allows at a second note; for events, whose grammar depends on more than the
    place, every id but padding and an id that only opens pieces.
    """
    allowed = np.zeros((max(1, len(tokenizer.slots)), tokenizer.vocabulary_size), dtype=np.bool_)
    if not tokenizer.slots:
        allowed[:] = True
        allowed[0, tokenizer.pad_id] = False
        if tokenizer.begin_id is not None and tokenizer.begin_id != tokenizer.end_id:
            allowed[0, tokenizer.begin_id] = False
        return allowed
    ids = tokenizer.encode_notes(Notes.from_rows([(0.0, 0.5, 60, 64), (1.0, 0.5, 62, 64)]))
    targets = find_targets(tokenizer, ids)
    grammar, position = tokenizer.grammar(1), 0
    for target in np.flatnonzero(targets.previous >= 0):
        grammar.prime(ids[position : targets.position[target]])
        position = targets.position[target]
        allowed[targets.place[target]] |= grammar.allowed()[0]
    return allowed


def _rows(name: BaselineName, place: Ints, previous: Ints, vocabulary: int) -> Ints:
    """Give each context a number, int64 [K]: the place, and for the bigram the previous id."""
    return place * (vocabulary + 1) + (previous + 1 if name == "bigram" else 0)


def _find(table: Ints, wanted: Ints) -> tuple[Ints, Bools]:
    """Give where each wanted number stands in a rising table that is not empty, and whether it does."""
    place = np.minimum(np.searchsorted(table, wanted), len(table) - 1)
    return place, table[place] == wanted
