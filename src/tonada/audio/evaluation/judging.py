"""Generated sound against real sound: every distance for every set, beside real clips and what certainly is not music.

A figure says nothing alone. Each table has the row *real* (real clips of other tracks, what the best generator could
reach) and the controls that are made of those; all rows are against the same reference, with equally many clips, since
every figure depends on their number. Two embeddings are used, as each hears some things and not others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tonada.audio.clip import Clip
from tonada.audio.evaluation.controls import CONTROLS
from tonada.audio.evaluation.embeddings import Projection, describe_texture, fit_projection, hear, mean_change
from tonada.audio.evaluation.listener import listen
from tonada.errors import ConfigError, UnknownNameError
from tonada.jsontext import to_json
from tonada.seeding import key
from tonada.statistics.comparison import LEAST_GROUPS, MEASURES, compare_sets, ratio_gap
from tonada.statistics.intervals import Estimate, Floats, Ints, draw_halves, half_sample_interval, number_groups

EMBEDDINGS = ("texture", "listener")
"""Statistics of the log-mel spectrum; features of a small classifier of genres."""
REAL = "real"
"""The row of real clips of other tracks."""


@dataclass(frozen=True, kw_only=True)
class JudgedSet:
    """One row: a set of clips against the real reference.

    Attributes
    ----------
    name
        "real", a control, or a set's own name.
    clips
        How many were compared.
    static_index
        Mean |difference of one frame to the next| of the log-mel spectrum over that of the reference: far above 1 is
        static, far below a drone.
    embeddings
        Embedding → measure → value and interval, see `tonada.statistics.comparison`.
    """

    name: str
    clips: int
    static_index: Estimate
    embeddings: Mapping[str, Mapping[str, Estimate]]

    def gaps(self) -> dict[str, float]:
        """Give how far each figure is from the best one, less is better: "texture frechet" … and "static index"."""
        gaps = {
            f"{embedding} {name}": MEASURES[name].gap(estimate.value)
            for embedding, estimates in self.embeddings.items()
            for name, estimate in estimates.items()
        }
        return {**gaps, "static index": ratio_gap(self.static_index.value)}


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What ``judge`` found.

    Attributes
    ----------
    reference_clips, reference_tracks
        Size of the reference.
    rows
        "real", the sets in their order, the controls.
    """

    reference_clips: int
    reference_tracks: int
    rows: tuple[JudgedSet, ...]

    def row(self, name: str) -> JudgedSet:
        """Give the row of a set.

        Raises
        ------
        UnknownNameError
            There is none of that name.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise UnknownNameError("set", name, [row.name for row in self.rows])

    def closer(self, name: str, than: str) -> dict[str, bool]:
        """Tell for each figure whether a set is closer to real sound than another set is; equally close is not closer.

        Raises
        ------
        UnknownNameError
            There is no set of one of the names.
        """
        ours, theirs = self.row(name).gaps(), self.row(than).gaps()
        return {figure: ours[figure] < theirs[figure] for figure in ours}

    def table(self) -> list[dict[str, str | float]]:
        """Give a row for each set and embedding: the values without their intervals."""
        return [
            {
                "set": row.name,
                "embedding": embedding,
                "clips": row.clips,
                **{name: estimate.value for name, estimate in estimates.items()},
                "static index": row.static_index.value,
            }
            for row in self.rows
            for embedding, estimates in row.embeddings.items()
        ]

    def to_json(self) -> str:
        """Give everything as JSON, with the intervals."""
        return to_json(self)


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """Clips as vectors: the two embeddings [N, D], and how much each changes from frame to frame, [N]."""

    vectors: Mapping[str, Floats]
    change: Floats
    tracks: Sequence[Hashable] | None


def judge(
    real: Sequence[Clip],
    sets: Mapping[str, Sequence[Clip]],
    *,
    others: Sequence[Clip] | None = None,
    tracks: Sequence[Hashable] | None = None,
    other_tracks: Sequence[Hashable] | None = None,
    draws: int = 100,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Judgement:
    """Measure how far sets of generated clips are from real ones, beside the controls.

    Parameters
    ----------
    real
        The reference: held-out clips, of about the length of the generated ones.
    sets
        Name → generated clips. Of larger sets, clips evenly spread are taken, as many as the smallest has.
    others
        Real clips of other tracks, for the row "real", and of which the controls are made. When None, ``real`` is split
        in two by its tracks, and only the first half is the reference.
    tracks, other_tracks
        The track of each clip: intervals are over tracks, not over their parts. Every clip its own when None.
    draws
        Half-samples for each interval.
    seed
        Of the controls, the intervals and the split.
    progress
        Called with the clips heard, and all of them.

    Raises
    ------
    ConfigError
        A set has too few clips or tracks, or the name of a control; a clip has no samples; tracks are missing.
    CheckpointError
        The listener's weights are missing.
    """
    for name in sets:
        if name == REAL or name in CONTROLS:
            raise ConfigError(f"'{name}' is the name of a row that is always there; name the set otherwise")
    if others is None:
        first, second = _split_by_track(len(real), tracks, seed)
        others, other_tracks = [real[index] for index in second], _choose(tracks, second)
        real, tracks = [real[index] for index in first], _choose(tracks, first)
    size = min(len(others), *(len(clips) for clips in sets.values())) if sets else len(others)
    if size < LEAST_GROUPS:
        raise ConfigError(f"at least {LEAST_GROUPS} clips of each set are needed to compare sets; got {size}")
    spread = np.linspace(0, len(others) - 1, size).astype(np.int64)
    others, other_tracks = [others[index] for index in spread], _choose(other_tracks, spread)
    todo: dict[str, tuple[Callable[[int], Clip], Ints, Sequence[Hashable] | None]] = {
        REAL: (others.__getitem__, np.arange(size), other_tracks)
    }
    for name, clips in sets.items():
        todo[name] = (clips.__getitem__, np.linspace(0, len(clips) - 1, size).astype(np.int64), None)
    for name in CONTROLS:
        todo[name] = (_controlled(others, name, seed), np.arange(size), other_tracks)
    total, done = len(real) + size * len(todo), 0

    def heard(clip_at: Callable[[int], Clip], indices: Ints, labels: Sequence[Hashable] | None) -> _Heard:
        nonlocal done
        spectra = []
        for index in indices:
            spectrum = hear(clip_at(int(index)))
            spectra.append((describe_texture(spectrum), listen(spectrum), float(mean_change(spectrum).mean())))
            done += 1
            if progress is not None:
                progress(done, total)
        textures, features, changes = zip(*spectra, strict=True)
        vectors = dict(zip(EMBEDDINGS, (np.array(textures), np.array(features)), strict=True))
        return _Heard(vectors=vectors, change=np.array(changes), tracks=labels)

    reference = heard(real.__getitem__, np.arange(len(real)), tracks)
    projections = {name: fit_projection(vectors) for name, vectors in reference.vectors.items()}
    return Judgement(
        reference_clips=len(real),
        reference_tracks=int(number_groups(tracks, len(real)).max()) + 1,
        rows=tuple(
            _judge_set(name, projections, reference, heard(*clips), draws, seed) for name, clips in todo.items()
        ),
    )


def _judge_set(
    name: str, projections: Mapping[str, Projection], reference: _Heard, other: _Heard, draws: int, seed: int
) -> JudgedSet:
    embeddings = {
        embedding: compare_sets(
            project(reference.vectors[embedding]),
            project(other.vectors[embedding]),
            reference_groups=reference.tracks,
            other_groups=other.tracks,
            draws=draws,
            seed=seed,
        )
        for embedding, project in projections.items()
    }
    halves = [
        _ratio(reference.change[rows], other.change[columns])
        for rows, columns in zip(
            draw_halves(len(reference.change), reference.tracks, draws=draws, seed=seed, purpose="reference"),
            draw_halves(len(other.change), other.tracks, draws=draws, seed=seed, purpose="other"),
            strict=True,
        )
    ]
    static_index = half_sample_interval(_ratio(reference.change, other.change), halves)
    return JudgedSet(name=name, clips=len(other.change), static_index=static_index, embeddings=embeddings)


def _ratio(reference: Floats, other: Floats) -> float:
    """Give the ratio of the means; infinite where nothing real changes."""
    return float(other.mean() / reference.mean()) if reference.mean() > 0.0 else float("inf")


def _controlled(clips: Sequence[Clip], name: str, seed: int) -> Callable[[int], Clip]:
    """Give the function that makes a control of the clip of a number."""
    return lambda index: CONTROLS[name](clips[index], key(seed, "control", index))


def _split_by_track(size: int, tracks: Sequence[Hashable] | None, seed: int) -> tuple[Ints, Ints]:
    """Split clips in two, half of the tracks each."""
    first = draw_halves(size, tracks, draws=1, seed=seed, purpose="split")[0]
    return first, np.setdiff1d(np.arange(size), first)


def _choose(tracks: Sequence[Hashable] | None, indices: Ints) -> Sequence[Hashable] | None:
    return None if tracks is None else [tracks[index] for index in indices]
