"""Train, validation and test: split by recording, each label by itself, and no recording on two sides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from tonada.audio.corpus.excerpts import Excerpt
from tonada.data import SPLITS
from tonada.seeding import key


def assign(
    excerpts: Sequence[Excerpt],
    joined: Iterable[tuple[int, int]],
    *,
    seed: int,
    shares: tuple[float, float],
    dropped: Collection[int] = (),
) -> list[str]:
    """Give every clip its split.

    Clips of one track, and clips that are joined, go together: a group. The groups of a label stand in an order that
    a hash of seed and track decides; the first go to the test, as many as its share of the label's seconds asks for,
    the next to validation, the rest to training. A label of three groups or more is on every side that has a share, one
    of two groups in training and validation, a single group in training.

    Parameters
    ----------
    excerpts
        One per clip, those that are dropped included: by their tracks they, too, hold groups together.
    joined
        Pairs of positions that share a recording whatever their tracks are called; of every clip that is dropped there
        must be a way to one that stays.
    seed
        Any integer.
    shares
        Of validation and test, 0–1.
    dropped
        Positions of clips that do not stay: their labels and seconds count for nothing.

    Returns
    -------
    list of str
        "train", "validation" or "test", one per clip.
    """
    groups = _groups(excerpts, joined)
    label: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for place, (excerpt, group) in enumerate(zip(excerpts, groups, strict=True)):
        if place in dropped:
            continue
        label.setdefault(group, excerpt.label)
        seconds[group] = seconds.get(group, 0.0) + excerpt.seconds
    split: dict[str, str] = {}
    for name in dict.fromkeys(label.values()):
        mine = sorted((group for group in label if label[group] == name), key=lambda group: (key(seed, group), group))
        split.update(_split(mine, seconds, shares))
    return [split[group] for group in groups]


def _split(order: Sequence[str], seconds: dict[str, float], shares: tuple[float, float]) -> dict[str, str]:
    """Split the groups of a label, in the order given."""
    validation, test = shares
    total, before = sum(seconds[group] for group in order), 0.0
    split: dict[str, str] = {}
    for group in order:
        middle = (before + seconds[group] / 2) / total
        split[group] = "test" if middle < test else "validation" if middle < test + validation else "train"
        before += seconds[group]
    wanted = ["train", *(["validation"] if validation else []), *(["test"] if test else [])][: len(order)]
    for group in order:
        if split[group] not in wanted:
            split[group] = "train"
    for name in wanted:
        if name not in split.values():
            sizes = {other: sum(each == other for each in split.values()) for other in SPLITS}
            fullest = max(wanted, key=lambda other: (sizes[other], other == "train"))
            split[next(group for group in reversed(order) if split[group] == fullest)] = name
    return split


def _groups(excerpts: Sequence[Excerpt], joined: Iterable[tuple[int, int]]) -> list[str]:
    """Join clips of one track, and those that are joined, into groups, named by their least track."""
    first: dict[str, int] = {}
    parent = [first.setdefault(excerpt.track, place) for place, excerpt in enumerate(excerpts)]

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place

    for a, b in joined:
        parent[root(a)] = root(b)
    least: dict[int, str] = {}
    for place, excerpt in enumerate(excerpts):
        top = root(place)
        least[top] = min(least.get(top, excerpt.track), excerpt.track)
    return [least[root(place)] for place in range(len(excerpts))]
