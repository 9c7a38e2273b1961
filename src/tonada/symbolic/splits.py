"""Train, validation and test: declared splits stay, everything else is split by work, and no work is on both sides.

Who yields to whom is a matter of rank. A *benchmark* is a table that declares all three splits, as MAESTRO's does.

0. held-out pieces of a benchmark: they stay as they are, always;
1. its training pieces: dropped when they share a work with rank 0;
2. held-out pieces of other tables: dropped when they share a work with training pieces of rank 1;
3. everything else: training pieces yield to all held-out pieces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tonada.data import SPLITS
from tonada.seeding import key
from tonada.symbolic.works import Work, find_overlaps, group

SPELLINGS = {"train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation"} | {
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A piece that could go into the data set.

    Attributes
    ----------
    name, collection
        The file, and the source that it comes from.
    table, declared
        The table that lists it and the split that it gives; empty without one.
    work
        What composer and title say.
    digest, notes_digest
        Hashes of bytes and notes; see `tonada.symbolic.reading.Reading`.
    fingerprint
        Sampled hashes of n-grams, sorted; uint64 [K].
    split
        Empty until it is settled.
    place
        Position among the candidates, for the caller.
    """

    name: str
    collection: str
    work: Work
    table: str = ""
    declared: str = ""
    digest: str = ""
    notes_digest: str = ""
    fingerprint: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    split: str = ""
    place: int = 0


Row = dict[str, str | int | float]


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Pieces with their splits, in the order of the candidates, and tables of what was dropped."""

    kept: list[Candidate]
    skipped: list[Row]
    leakage: list[Row]
    duplicates: list[Row]


def settle(
    candidates: Sequence[Candidate],
    *,
    elsewhere: Sequence[Candidate] = (),
    seed: int,
    shares: tuple[float, float],
) -> Settled:
    """Drop exact duplicates, give every piece its split, and drop what leaks between them.

    Parameters
    ----------
    candidates
        In the order of the sources.
    elsewhere
        Held-out pieces of the sources' tables that were not selected: training pieces yield to their works, too.
    seed
        Decides, with the work, on pieces without a declared split.
    shares
        Shares of validation and test among the works of those pieces.
    """
    benchmarks = _benchmarks([*candidates, *elsewhere])
    ranked = [(_rank(piece, benchmarks), piece) for piece in candidates]
    skipped: list[Row] = []
    ranked = _without_copies(ranked, skipped)
    assigned = _assign([piece for _, piece in ranked if not piece.declared], seed, shares, bool(benchmarks))
    ranked = [
        (rank, replace(piece, split=piece.declared or assigned[piece.place])) for rank, piece in ranked
    ]
    leakage: list[Row] = []
    kept = _without_leaks(ranked, [piece for piece in elsewhere if _rank(piece, benchmarks) == 0], leakage)
    return Settled(kept=[piece for _, piece in kept], skipped=skipped, leakage=leakage, duplicates=[])


def _benchmarks(pieces: Sequence[Candidate]) -> frozenset[str]:
    declared: defaultdict[str, set[str]] = defaultdict(set)
    for piece in pieces:
        if piece.table and piece.declared:
            declared[piece.table].add(piece.declared)
    return frozenset(table for table, splits in declared.items() if splits == set(SPLITS))


def _rank(piece: Candidate, benchmarks: frozenset[str]) -> int:
    if piece.table in benchmarks and piece.declared:
        return 0 if piece.declared != "train" else 1
    return 2 if piece.declared in SPLITS[1:] else 3


def _without_copies(ranked: list[tuple[int, Candidate]], skipped: list[Row]) -> list[tuple[int, Candidate]]:
    """Drop files with the bytes or the notes of another: the one of lower rank stays, else the first."""
    first: dict[str, Candidate] = {}
    for _, piece in sorted(ranked, key=lambda entry: entry[0]):
        for digest in (piece.digest, piece.notes_digest):
            first.setdefault(digest, piece)
    kept = []
    for rank, piece in ranked:
        same_bytes, same_notes = first[piece.digest], first[piece.notes_digest]
        other = same_bytes if same_bytes is not piece else same_notes
        if other is piece or rank == 0:
            kept.append((rank, piece))
        else:
            reason = "same file as another" if same_bytes is not piece else "same notes as another"
            skipped.append({"name": piece.name, "collection": piece.collection, "reason": reason, "other": other.name})
    return kept


def _assign(pieces: Sequence[Candidate], seed: int, shares: tuple[float, float], benchmark: bool) -> dict[int, str]:
    """Split pieces by work: a hash of seed and work decides, so that other pieces coming or going change little."""
    if benchmark or not pieces:
        return {piece.place: "train" for piece in pieces}
    groups = group([piece.work for piece in pieces])
    draw = {name: key(seed, "split", name) / 2**128 for name in groups}
    validation, test = shares
    split = {
        name: "test" if value < test else "validation" if value < test + validation else "train"
        for name, value in draw.items()
    }
    order = sorted(draw, key=lambda name: (draw[name], name))
    if validation and len(order) > 1 and "validation" not in split.values():
        split[next((name for name in order if split[name] == "train"), order[0])] = "validation"
    if "train" not in split.values():
        split[order[-1]] = "train"
    return {piece.place: split[name] for piece, name in zip(pieces, groups, strict=True)}


def _without_leaks(
    ranked: list[tuple[int, Candidate]], elsewhere: Sequence[Candidate], leakage: list[Row]
) -> list[tuple[int, Candidate]]:
    """Drop pieces that share a work with one across the border between training and held out."""
    order = {id(piece): position for position, (_, piece) in enumerate(ranked)}
    held = [(rank, piece) for rank, piece in ranked if piece.split != "train"]
    training = [(rank, piece) for rank, piece in ranked if piece.split == "train"]
    official = [piece for rank, piece in held if rank == 0] + list(elsewhere)
    training = _yield_to(training, official, leakage)
    firm = [piece for rank, piece in training if rank == 1]
    mine = [entry for entry in held if entry[0] == 0]
    others = _yield_to([entry for entry in held if entry[0] > 0], firm, leakage)
    loose = _yield_to([entry for entry in training if entry[0] > 1], [piece for _, piece in others], leakage)
    kept = [*mine, *others, *loose, *((1, piece) for piece in firm)]
    return sorted(kept, key=lambda entry: order[id(entry[1])])


def _yield_to(
    pieces: list[tuple[int, Candidate]], others: Sequence[Candidate], leakage: list[Row]
) -> list[tuple[int, Candidate]]:
    overlaps = find_overlaps([piece.work for _, piece in pieces], [other.work for other in others])
    kept = []
    for (rank, piece), position in zip(pieces, overlaps, strict=True):
        if position is None:
            kept.append((rank, piece))
            continue
        other = others[position]
        leakage.append(
            {
                "name": piece.name,
                "collection": piece.collection,
                "split": piece.split,
                "work": piece.work.key,
                "reason": "same work by title",
                "other": other.name,
                "other_split": other.split or other.declared,
                "other_work": other.work.key,
            }
        )
    return kept
