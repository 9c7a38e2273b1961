"""What is told about a data set of sound: totals, the catalogue, the labels, and what is odd in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tonada.audio.corpus.excerpts import Row, Taken
from tonada.audio.corpus.reading import Segment
from tonada.data import SPLITS

MOST_CLIPPED = 0.001
"""A larger share of samples at full scale is worth a warning: limiters leave single ones, not runs."""


@dataclass(frozen=True, kw_only=True)
class AudioTotals:
    """What a split holds: segments, clips, recordings, seconds of sound (padding left out), and these by label."""

    segments: int = 0
    clips: int = 0
    tracks: int = 0
    seconds: float = 0.0
    seconds_by_label: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AudioReport:
    """What `tonada.audio.corpus.prepare_audio` did.

    Attributes
    ----------
    folder
        The data set.
    splits
        Split → totals.
    tracks
        Number of recordings.
    dropped_s
        Seconds at the ends of clips that are in no segment.
    labels
        Rows (label, split, clips, tracks, segments, seconds).
    skipped
        Rows (name, collection, reason) of files, and (…, start_s) of silent segments, that are not in the data set.
    duplicates
        Rows (name, other, what, seconds, share …) of clips that recur; see `tonada.audio.corpus.repeats`.
    warnings
        Rows (name, warning, share) of clips that are in the data set although something is wrong with them.
    sha256
        Hash of the manifest.
    """

    folder: Path
    splits: Mapping[str, AudioTotals]
    tracks: int
    dropped_s: float
    labels: Sequence[Row] = field(default_factory=list)
    skipped: Sequence[Row] = field(default_factory=list)
    duplicates: Sequence[Row] = field(default_factory=list)
    warnings: Sequence[Row] = field(default_factory=list)
    sha256: str


def totals_of(kept: Sequence[tuple[Taken, str]], split: str) -> AudioTotals:
    """Count what a split holds.

    Parameters
    ----------
    kept
        Clips with their splits.
    split
        "train", "validation" or "test".
    """
    mine = [one for one, its_split in kept if its_split == split]
    seconds: dict[str, float] = {}
    for one in mine:
        seconds[one.excerpt.label] = seconds.get(one.excerpt.label, 0.0) + one.seconds
    return AudioTotals(
        segments=sum(len(one.reading.segments) for one in mine),
        clips=len(mine),
        tracks=len({one.excerpt.track for one in mine}),
        seconds=round(sum(seconds.values()), 3),
        seconds_by_label={label: round(seconds[label], 3) for label in sorted(seconds)},
    )


def catalogue_row(one: Taken, segment: Segment) -> Row:
    """Give what the catalogue says about a segment: first what is ours, then the columns of its table.

    A column of the table whose name is taken, such as ``start_s``, stands as ``table_start_s``.

    Parameters
    ----------
    one
        The clip.
    segment
        One of its segments.
    """
    ours: dict[str, str | int | float] = {
        "label": one.excerpt.label,
        "track": one.excerpt.track,
        "file": one.file.name,
        "start_s": round(segment.start_s, 3),
        "seconds": round(segment.seconds, 3),
        "clip_digest": one.excerpt.digest,
    }
    taken = {*ours, "id", "split", "shard", "start", "length", "name"}
    told = {column: text for column, text in one.file.facts.items() if column not in ("label", "track")}
    return {**ours, **{f"table_{column}" if column in taken else column: text for column, text in told.items()}}


def label_rows(kept: Sequence[tuple[Taken, str]]) -> list[Row]:
    """Count clips, recordings, segments and seconds for every label on every side of the split.

    Parameters
    ----------
    kept
        Clips with their splits.
    """
    rows: list[Row] = []
    for label in sorted({one.excerpt.label for one, _ in kept}):
        for split in SPLITS:
            mine = [one for one, its_split in kept if its_split == split and one.excerpt.label == label]
            rows.append(
                {
                    "label": label,
                    "split": split,
                    "clips": len(mine),
                    "tracks": len({one.excerpt.track for one in mine}),
                    "segments": sum(len(one.reading.segments) for one in mine),
                    "seconds": round(sum(one.seconds for one in mine), 3),
                }
            )
    return rows


def warnings_of(one: Taken) -> Iterator[Row]:
    """Tell what is wrong with a clip that is in the data set all the same.

    Parameters
    ----------
    one
        The clip.
    """
    if one.reading.is_cut_off:
        yield {"name": one.file.name, "warning": "the file ends before its time, or is damaged there", "share": ""}
    if one.reading.clipped > MOST_CLIPPED:
        share = round(one.reading.clipped, 4)
        yield {"name": one.file.name, "warning": "clipped: share of samples at full scale", "share": share}
