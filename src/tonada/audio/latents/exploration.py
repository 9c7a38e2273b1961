"""The steps of an exploration: which clips, what each model makes of them and of songs from outside, and where."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tonada.audio.clip import Clip
from tonada.audio.latents.analysis import Clips, Space, analyse_flattened, analyse_pooled
from tonada.audio.latents.findings import ModelFindings, OutsideFindings, Source
from tonada.audio.latents.pooling import brightness_octaves, cepstra, loudness_db, pool
from tonada.audio.latents.survey import Survey, survey
from tonada.statistics.intervals import bootstrap_mean_of_defined

if TYPE_CHECKING:
    from tonada.audio.models.base import AudioAutoencoder

PARTS = 12
"""Segments of a song from outside that are encoded, at most."""
NEAREST = 5
"""Clips that are named as a song's neighbours."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Song:
    """A song from outside the data set.

    Attributes
    ----------
    name
        Of its file.
    seconds
        Its length.
    parts
        Segments of it, as long as those of the data set.
    """

    name: str
    seconds: float
    parts: Sequence[Clip]


def choose(labels: Sequence[str], tracks: Sequence[str], limit: int) -> list[int]:
    """Choose clips, without looking at them: the first of every track, then the second, the labels by turns.

    Parameters
    ----------
    labels, tracks
        Of all clips.
    limit
        How many, at most.

    Returns
    -------
    list
        Their numbers, ascending.
    """
    turn_in_track: Counter[tuple[str, str]] = Counter()
    turn_in_label: Counter[tuple[str, int]] = Counter()
    keys = []
    for number, (label, track) in enumerate(zip(labels, tracks, strict=True)):
        turn = turn_in_track[label, track]
        turn_in_track[label, track] += 1
        keys.append((turn, turn_in_label[label, turn], number))
        turn_in_label[label, turn] += 1
    return sorted(number for *_, number in sorted(keys)[:limit])


def first_of_each(labels: Sequence[str], count: int) -> list[int]:
    """Give the numbers of the first clips of every label: the shown ones are not picked."""
    seen: Counter[str] = Counter()
    chosen = []
    for number, label in enumerate(labels):
        if seen[label] < count:
            chosen.append(number)
        seen[label] += 1
    return chosen


def cut_parts(clip: Clip, seconds: float) -> list[Clip]:
    """Cut a song into segments, spread evenly where there are more than a dozen; a short song is one.

    Parameters
    ----------
    clip
        The song.
    seconds
        Length of a segment.
    """
    size = max(1, round(seconds * clip.sample_rate))
    whole = clip.samples.shape[1] // size
    if whole < 1:
        return [clip]
    chosen = np.unique(np.linspace(0, whole - 1, min(whole, PARTS)).round().astype(int))
    return [
        Clip(samples=clip.samples[:, one * size : (one + 1) * size].copy(), sample_rate=clip.sample_rate)
        for one in chosen
    ]


def describe(sources: Sequence[Source]) -> tuple[list[str], Clips]:
    """Give the labels' names, sorted, and what the analysis needs to know of the clips."""
    names = sorted({source.label for source in sources})
    tracks = {track: number for number, track in enumerate(dict.fromkeys(source.track for source in sources))}
    return names, Clips(
        labels=np.array([names.index(source.label) for source in sources], dtype=np.int64),
        tracks=np.array([tracks[source.track] for source in sources], dtype=np.int64),
        properties={
            "loudness": np.array([loudness_db(source.clip) for source in sources]),
            "brightness": np.array([brightness_octaves(source.clip) for source in sources]),
        },
    )


def analyse_reference(sources: Sequence[Source], clips: Clips, *, seed: int) -> Space:
    """Analyse what is learned from nothing: statistics of mel-frequency cepstra, pooled as latents are.

    Parameters
    ----------
    sources, clips
        The clips.
    seed
        Of k-means and the intervals.
    """
    return analyse_pooled(np.stack([pool(cepstra(source.clip)) for source in sources]), clips, seed=seed)


def explore_model(
    name: str,
    folder: str,
    model: AudioAutoencoder,
    sources: Sequence[Source],
    clips: Clips,
    songs: Sequence[Song],
    *,
    shown: Sequence[int],
    seed: int,
    done: Callable[[int], None] | None = None,
) -> tuple[ModelFindings, list[OutsideFindings]]:
    """Find out everything about one model.

    Parameters
    ----------
    name, folder
        Of the model.
    model
        In evaluation mode.
    sources, clips
        The clips.
    songs
        From outside.
    shown
        Clips whose decoded sound is kept.
    seed
        Of k-means and the intervals.
    done
        Called after each clip with the number of clips done.

    Raises
    ------
    CheckpointError
        The model gives something that is no number.
    MissingDependencyError
        scikit-learn is absent.
    """
    surveyed = survey(model, [source.clip for source in sources], keep=set(shown), done=done)
    rows = surveyed.flat_rows
    flat_clips = Clips(
        labels=clips.labels[rows],
        tracks=clips.tracks[rows],
        properties={name: values[rows] for name, values in clips.properties.items()},
    )
    found = ModelFindings(
        name=name,
        folder=folder,
        parameters=model.parameter_count(),
        channels=model.latent_channels,
        hop=model.hop,
        sample_rate=model.sample_rate,
        values_per_second=model.values_per_second,
        compression=model.sample_rate / model.values_per_second,
        scores={
            metric: bootstrap_mean_of_defined(values, clips.tracks.tolist(), seed=seed)
            for metric, values in surveyed.scores.items()
        },
        pooled=analyse_pooled(surveyed.pooled, clips, seed=seed),
        flattened=analyse_flattened(surveyed.flattened, flat_clips, seed=seed),
        flat_rows=rows,
        health=surveyed.health,
        decoded=surveyed.decoded,
    )
    by_track = _track_means(surveyed.scores["stft_distance"], clips.tracks)
    return found, [_judge(song, found, survey(model, song.parts, keep={0}), sources, by_track) for song in songs]


def _judge(
    song: Song, model: ModelFindings, heard: Survey, sources: Sequence[Source], by_track: NDArray[np.float64]
) -> OutsideFindings:
    middle = model.pooled.placing.place(heard.pooled).mean(axis=0)
    nearest = model.pooled.placing.nearest(middle, NEAREST)
    places = {"components": np.pad(middle, (0, 2))[:2]}
    if model.pooled.neighbours is not None:
        # This view has no axes: the song is put between the clips that are nearest to it in the latents.
        places["neighbours"] = model.pooled.neighbours[nearest].mean(axis=0)
    if heard.flattened.shape[1] == model.flattened.dimensions:
        places["flattened"] = np.pad(
            model.flattened.placing.place(heard.flattened.astype(np.float64)).mean(axis=0), (0, 2)
        )[:2]
    scores = {
        metric: float(np.nanmean(values)) if np.isfinite(values).any() else math.nan
        for metric, values in heard.scores.items()
    }
    return OutsideFindings(
        scores=scores,
        better_than=float((by_track > scores["stft_distance"]).mean()),
        nearest=[(sources[row].name, sources[row].label) for row in nearest],
        places=places,
        decoded=heard.decoded[0],
    )


def _track_means(values: NDArray[np.float64], tracks: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.array([values[tracks == track].mean() for track in np.unique(tracks)])
