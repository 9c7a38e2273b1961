"""What to do with clips that recur: drop those that say nothing new, and keep the others on one side of the split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tonada.audio.corpus.excerpts import Excerpt, Row
from tonada.audio.corpus.matching import Repeat

SAME_SHARE = 0.9
"""From this share of the shorter clip on it is the same excerpt, if it also fits closely."""
SAME_ERRORS = 0.2
"""Share of differing bits up to which two clips fit closely; a riff that recurs in a piece differs more."""


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """What recurs.

    Attributes
    ----------
    dropped
        Position of a clip → position of the one that stays in its place.
    joined
        Pairs of clips that share a recording, dropped ones among them: what is dropped still tells that the recordings
        it was listed under are one.
    rows
        The table of all pairs.
    """

    dropped: dict[int, int]
    joined: list[tuple[int, int]]
    rows: list[Row]


def first_of_each(clips: Sequence[Excerpt]) -> list[int]:
    """Give, for every clip, the position of the first with the same samples: its own where there is none before.

    Parameters
    ----------
    clips
        In the order of the sources.
    """
    first: dict[str, int] = {}
    return [first.setdefault(clip.digest, place) for place, clip in enumerate(clips)]


def judge(clips: Sequence[Excerpt], repeats: Sequence[Repeat]) -> Recurrence:
    """Decide which clips go.

    Of clips with the same samples, or of the same excerpt, the longest stays, and of equally long ones the first.

    Parameters
    ----------
    clips
        In the order of the sources.
    repeats
        Pairs of positions in ``clips``.
    """
    rows: list[Row] = []
    dropped: dict[int, int] = {}
    for place, (clip, other) in enumerate(zip(clips, first_of_each(clips), strict=True)):
        if other != place:
            dropped[place] = other
            rows.append(_row(clip, clips[other], "same samples", clip.seconds, 1.0, 0.0, 0.0, "no"))
    same: dict[int, list[Repeat]] = {}
    for repeat in repeats:
        if repeat.share >= SAME_SHARE and repeat.errors <= SAME_ERRORS:
            same.setdefault(repeat.a, []).append(repeat)
            same.setdefault(repeat.b, []).append(repeat)
    kept: set[int] = set()
    for place in sorted(range(len(clips)), key=lambda place: (-round(clips[place].seconds), place)):
        if place in dropped:
            continue
        for repeat in same.get(place, ()):
            other = repeat.a if repeat.b == place else repeat.b
            if other in kept:
                dropped[place] = other
                break
        else:
            kept.add(place)
    # A copy of one that goes is replaced by what replaces that one.
    dropped = {place: dropped.get(other, other) for place, other in dropped.items()}
    joined = list(dropped.items())
    for repeat in repeats:
        joined.append((repeat.a, repeat.b))
        a, b = clips[repeat.a], clips[repeat.b]
        if a.digest == b.digest:
            continue
        is_same = repeat.share >= SAME_SHARE and repeat.errors <= SAME_ERRORS
        what = "same excerpt" if is_same else "part of the same recording"
        stay = "yes" if repeat.b not in dropped else "no"
        rows.append(_row(b, a, what, repeat.seconds, repeat.share, repeat.errors, repeat.offset_s, stay))
    return Recurrence(dropped=dropped, joined=joined, rows=rows)


def _row(
    clip: Excerpt, other: Excerpt, what: str, seconds: float, share: float, errors: float, offset_s: float, kept: str
) -> Row:
    return {
        "name": clip.name,
        "other": other.name,
        "what": what,
        "seconds": round(seconds, 2),
        "share": round(share, 3),
        "differing_bits": round(errors, 3),
        "offset_s": round(offset_s, 2),
        "label": clip.label,
        "other_label": other.label,
        "kept": kept,
    }
