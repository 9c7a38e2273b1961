"""Train, validation and test: declared splits stay, everything else is split by work, and no work is on both sides.

Works are compared by title (`works`) and, since titles lie, by notes (`duplicates`).
Who yields to whom is a matter of rank; a *benchmark* is a table that declares all three splits, as MAESTRO's does.

0. held-out pieces of a benchmark: they stay as they are, always;
1. its training pieces: dropped when they share a work with rank 0;
2. held-out pieces of other tables, or by hash: dropped when they share a work with training pieces of rank 1;
3. all other training pieces: dropped when they share a work with any held-out piece.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tonada.data import SPLITS
from tonada.seeding import key
from tonada.symbolic.corpus.duplicates import Overlap, find_shared
from tonada.symbolic.corpus.works import Work, find_overlaps, group
from tonada.symbolic.ngrams import Hashes

SPELLINGS = {
    **{name: "train" for name in ("train", "training")},
    **{name: "validation" for name in ("validation", "valid", "val", "dev")},
    **{name: "test" for name in ("test", "testing")},
}
"""How tables write the splits."""
NEAR_COPY = 0.9
"""From this share on, a pair is reported even inside one split."""

Row = dict[str, str | int | float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A piece that could go into the data set.

    Attributes
    ----------
    name, collection
        The file, and the source that it comes from.
    work
        What composer and title say.
    table, declared
        The table that lists it and the split that it gives; empty without one.
    digest, notes_digest, fingerprint
        Of bytes and notes; see `tonada.symbolic.corpus.reading.Reading`.
    split
        Empty until it is settled.
    place
        Position among the candidates.
    """

    name: str
    collection: str
    work: Work
    table: str = ""
    declared: str = ""
    digest: str = ""
    notes_digest: str = ""
    fingerprint: Hashes = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    split: str = ""
    place: int = 0


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Pieces with their splits, in the order of the candidates, and tables of what was dropped or shares notes."""

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
    """Drop exact duplicates, give every piece its split, and drop what leaks between training and held out.

    Parameters
    ----------
    candidates
        In the order of the sources; ``place`` is the position in this order.
    elsewhere
        Pieces of the sources' tables that were not selected: training pieces yield to the works of a benchmark's
        held-out ones, too.
    seed
        Decides, with the work, on pieces without a declared split.
    shares
        Shares of validation and test among the works of those pieces.
    """
    benchmarks = _benchmarks([*candidates, *elsewhere])
    skipped: list[Row] = []
    pieces = _without_copies(candidates, benchmarks, skipped)
    places = [piece.place for piece in pieces]
    overlaps = [
        Overlap(a=places[found.a], b=places[found.b], share=found.share, ngrams=found.ngrams)
        for found in find_shared([piece.fingerprint for piece in pieces])
    ]
    assigned = _assign([piece for piece in pieces if not piece.declared], overlaps, seed, shares, bool(benchmarks))
    pieces = [replace(piece, split=piece.declared or assigned[piece.place]) for piece in pieces]
    official = [piece for piece in elsewhere if _rank(piece, benchmarks) == 0]
    leakage: list[Row] = []
    kept = _without_leaks(pieces, official, overlaps, benchmarks, leakage)
    return Settled(kept=kept, skipped=skipped, leakage=leakage, duplicates=_report(pieces, kept, overlaps))


def _benchmarks(pieces: Sequence[Candidate]) -> frozenset[str]:
    declared: defaultdict[str, set[str]] = defaultdict(set)
    for piece in pieces:
        if piece.table and piece.declared:
            declared[piece.table].add(piece.declared)
    return frozenset(table for table, splits in declared.items() if splits == set(SPLITS))


def _rank(piece: Candidate, benchmarks: frozenset[str]) -> int:
    split = piece.split or piece.declared
    if piece.table in benchmarks and piece.declared:
        return 1 if split == "train" else 0
    return 2 if split in SPLITS[1:] else 3


def _without_copies(candidates: Sequence[Candidate], benchmarks: frozenset[str], skipped: list[Row]) -> list[Candidate]:
    """Drop files with the bytes or the notes of another: the one of lower rank stays, else the first."""
    first: dict[str, Candidate] = {}
    for piece in sorted(candidates, key=lambda piece: _rank(piece, benchmarks)):
        for digest in (piece.digest, piece.notes_digest):
            first.setdefault(digest, piece)
    kept = []
    for piece in candidates:
        same_bytes = first[piece.digest] is not piece
        other = first[piece.digest if same_bytes else piece.notes_digest]
        if other is piece or _rank(piece, benchmarks) == 0:
            kept.append(piece)
        else:
            reason = "same file as another" if same_bytes else "same notes as another"
            skipped.append({"name": piece.name, "collection": piece.collection, "reason": reason, "other": other.name})
    return kept


def _assign(
    pieces: Sequence[Candidate], overlaps: Sequence[Overlap], seed: int, shares: tuple[float, float], benchmark: bool
) -> dict[int, str]:
    """Split pieces by work: a hash of seed and work decides, so that other pieces coming or going change little.

    Beside a benchmark everything else is training material. Where the hash leaves validation or training empty, the
    work that came nearest goes there.
    """
    if benchmark or not pieces:
        return {piece.place: "train" for piece in pieces}
    position = {piece.place: index for index, piece in enumerate(pieces)}
    joined = [(position[pair.a], position[pair.b]) for pair in overlaps if pair.a in position and pair.b in position]
    groups = group([piece.work for piece in pieces], joined)
    draw = {name: key(seed, "split", name) / 2**128 for name in groups}
    validation, test = shares
    split = {
        name: "test" if value < test else "validation" if value < test + validation else "train"
        for name, value in draw.items()
    }
    order = sorted(draw, key=lambda name: (draw[name], name))
    if "train" not in split.values():
        split[order[-1]] = "train"
    if validation and "validation" not in split.values():
        training = [name for name in order if split[name] == "train"]
        spare = training[:-1] or [name for name in order if split[name] == "test"]
        split.update(dict.fromkeys(spare[:1], "validation"))
    return {piece.place: split[name] for piece, name in zip(pieces, groups, strict=True)}


def _without_leaks(
    pieces: Sequence[Candidate],
    official: Sequence[Candidate],
    overlaps: Sequence[Overlap],
    benchmarks: frozenset[str],
    leakage: list[Row],
) -> list[Candidate]:
    """Drop pieces that share a work with one across the border between training and held out."""
    ranks: list[list[Candidate]] = [[], [], [], []]
    for piece in pieces:
        ranks[_rank(piece, benchmarks)].append(piece)
    near: defaultdict[int, dict[int, float]] = defaultdict(dict)
    for pair in overlaps:
        near[pair.a][pair.b] = near[pair.b][pair.a] = pair.share
    training = _yielding(ranks[1], [*ranks[0], *official], near, leakage)
    held = _yielding(ranks[2], training, near, leakage)
    rest = _yielding(ranks[3], [*ranks[0], *official, *held], near, leakage)
    return sorted([*ranks[0], *training, *held, *rest], key=lambda piece: piece.place)


def _yielding(
    pieces: Sequence[Candidate],
    others: Sequence[Candidate],
    near: dict[int, dict[int, float]],
    leakage: list[Row],
) -> list[Candidate]:
    """Keep the pieces that share no work with any of the others, by title or by notes."""
    by_title = find_overlaps([piece.work for piece in pieces], [other.work for other in others])
    read = {other.place: other for other in others if other.split}
    kept = []
    for piece, position in zip(pieces, by_title, strict=True):
        shares = {place: share for place, share in near.get(piece.place, {}).items() if place in read}
        most = max(shares, key=lambda place: (shares[place], -place), default=None)
        if position is None and most is None:
            kept.append(piece)
            continue
        other = others[position] if position is not None else read[most]  # type: ignore[index]
        leakage.append(
            {
                "name": piece.name,
                "collection": piece.collection,
                "split": piece.split,
                "work": piece.work.key,
                "reason": "same work by title" if position is not None else "same work by notes",
                "other": other.name,
                "other_split": other.split or other.declared,
                "other_work": other.work.key,
                "largest_share": round(shares[most], 3) if most is not None else "",
            }
        )
    return kept


def _report(pieces: Sequence[Candidate], kept: Sequence[Candidate], overlaps: Sequence[Overlap]) -> list[Row]:
    """List the pairs that share notes across splits, against their titles, or almost wholly."""
    by_place = {piece.place: piece for piece in pieces}
    left = {piece.place for piece in kept}
    rows: list[Row] = []
    for pair in overlaps:
        a, b = by_place[pair.a], by_place[pair.b]
        agree = a.work.overlaps(b.work)
        if a.split != b.split or not agree or pair.share >= NEAR_COPY:
            rows.append(
                {
                    "name": a.name,
                    "other": b.name,
                    "share": round(pair.share, 3),
                    "ngrams": pair.ngrams,
                    "split": a.split,
                    "other_split": b.split,
                    "titles": "same work" if agree else "different works",
                    "kept": ("neither", "one", "both")[(pair.a in left) + (pair.b in left)],
                }
            )
    return sorted(rows, key=lambda row: (-float(row["share"]), str(row["name"]), str(row["other"])))
