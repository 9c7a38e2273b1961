"""What an exploration found, in one piece: for the page, for JSON, and for whoever calls it from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.audio.clip import Clip
from tonada.audio.latents.analysis import Space
from tonada.audio.latents.between import Step
from tonada.audio.latents.health import Health
from tonada.audio.latents.sizes import Proposal
from tonada.statistics.intervals import Estimate

Places = Mapping[str, NDArray[np.float64]]
"""Name of a view → coordinates, float64 [2] or [M, 2]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A clip that was explored.

    Attributes
    ----------
    name, label, track
        From the catalogue.
    start_s
        Where in the track it begins.
    clip
        The sound.
    """

    name: str
    label: str
    track: str
    start_s: float
    clip: Clip


@dataclass(frozen=True, kw_only=True, eq=False)
class OutsideFindings:
    """What one model makes of one song from outside.

    Attributes
    ----------
    scores
        Metric → mean over the parts of the song.
    better_than
        Share of the tracks of the data set whose mean STFT distance is greater than the song's.
    nearest
        Names and labels of the clips nearest to the middle of the song's parts, in the pooled latents.
    places
        Where the song lies in each view of the maps.
    decoded
        Its first part.
    """

    scores: Mapping[str, float]
    better_than: float
    nearest: Sequence[tuple[str, str]]
    places: Places
    decoded: Clip


@dataclass(frozen=True, kw_only=True, eq=False)
class Outside:
    """A song from outside the data set.

    Attributes
    ----------
    name
        Of the file.
    seconds
        Its length.
    parts
        How many segments of it were encoded, spread evenly.
    first
        The first of them.
    models
        One for each model.
    """

    name: str
    seconds: float
    parts: int
    first: Clip
    models: Sequence[OutsideFindings]


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelFindings:
    """What was found about one model.

    Attributes
    ----------
    name, folder
        The model.
    parameters
        Its weights.
    channels, hop, sample_rate
        Z, samples per latent frame, and Hz.
    values_per_second
        Latent values that a second of sound becomes.
    compression
        Samples for each latent value; below 1 the latents are larger than the sound.
    scores
        Metric → mean over clips, with its interval over tracks; silent clips have no SI-SDR and are not in its mean.
    pooled, flattened
        The analysis of both forms of the latents.
    flat_rows
        int64 [M], the clips that ``flattened`` is of.
    health
        Of the latent.
    decoded
        Clips that are shown, by number.
    """

    name: str
    folder: str
    parameters: int
    channels: int
    hop: int
    sample_rate: int
    values_per_second: float
    compression: float
    scores: Mapping[str, Estimate]
    pooled: Space
    flattened: Space
    flat_rows: NDArray[np.int64]
    health: Health | None
    decoded: Mapping[int, Clip]


@dataclass(frozen=True, kw_only=True, eq=False)
class Between:
    """The way between two clips.

    Attributes
    ----------
    model
        Name of the model.
    first, second
        Numbers of the clips.
    steps
        From the first to the second.
    """

    model: str
    first: int
    second: int
    steps: Sequence[Step]


@dataclass(frozen=True, kw_only=True, eq=False)
class Findings:
    """Everything.

    Attributes
    ----------
    facts
        The data set, its hash, what was read of it, versions.
    sources
        The clips.
    labels
        Names of the genres, by number.
    label_numbers
        int64 [N], the genre of each clip.
    models
        In the order given.
    reference
        The analysis of MFCC statistics, pooled the same way.
    proposal
        The smallest size.
    shown
        Numbers of the clips whose waveforms and spectrograms are shown.
    outside
        Songs from outside.
    between
        Interpolations.
    remarks
        What was left out, a sentence each.
    """

    facts: Mapping[str, Any]
    sources: Sequence[Source]
    labels: Sequence[str]
    label_numbers: NDArray[np.int64]
    models: Sequence[ModelFindings]
    reference: Space
    proposal: Proposal
    shown: Sequence[int]
    outside: Sequence[Outside]
    between: Sequence[Between]
    remarks: Sequence[str]

    def table(self) -> list[dict[str, str | float | None]]:
        """Give a row for each model: size, what is lost, clusters, what can be read."""
        return [
            {
                "model": model.name,
                "values_per_second": model.values_per_second,
                "compression": model.compression,
                **{metric: estimate.value for metric, estimate in model.scores.items()},
                "clusters": model.pooled.division.number if model.pooled.division else None,
                "silhouette": model.pooled.division.silhouette if model.pooled.division else None,
                "probe": model.pooled.probe.accuracy.value if model.pooled.probe else None,
                "active": f"{model.health.active} of {model.channels}" if model.health else None,
            }
            for model in self.models
        ]

    def figures(self) -> dict[str, Any]:
        """Give every figure, without sounds and points, as plain values for JSON."""
        return {
            **self.facts,
            "labels": {name: int((self.label_numbers == number).sum()) for number, name in enumerate(self.labels)},
            "models": [_model_figures(model) for model in self.models],
            "mfcc": _space_figures(self.reference),
            "proposal": self.proposal,
            "outside": [
                {
                    "name": song.name,
                    "seconds": song.seconds,
                    "parts": song.parts,
                    "models": {
                        model.name: {
                            "scores": found.scores,
                            "better_than": found.better_than,
                            "nearest": [{"name": name, "label": label} for name, label in found.nearest],
                        }
                        for model, found in zip(self.models, song.models, strict=True)
                    },
                }
                for song in self.outside
            ],
            "between": [
                {
                    "model": way.model,
                    "first": self.sources[way.first].name,
                    "second": self.sources[way.second].name,
                    "steps": [{"share": step.share, "novelty": step.novelty} for step in way.steps],
                }
                for way in self.between
            ],
            "remarks": list(self.remarks),
        }

    def points(self) -> list[dict[str, str | float]]:
        """Give a row for each clip in each view of each model: where it lies, and in which cluster."""
        every = np.arange(len(self.sources))
        views: list[tuple[str, str, Space, NDArray[np.float64], NDArray[np.int64]]] = []
        for name, space in [*((model.name, model.pooled) for model in self.models), ("MFCC", self.reference)]:
            views.append((name, "components", space, space.plane, every))
            if space.neighbours is not None:
                views.append((name, "neighbours", space, space.neighbours, every))
        for model in self.models:
            views.append((model.name, "flattened", model.flattened, model.flattened.plane, model.flat_rows))
        return [
            {
                "model": name,
                "view": view,
                "clip": self.sources[row].name,
                "label": self.sources[row].label,
                "track": self.sources[row].track,
                "x": float(x),
                "y": float(y),
                "cluster": int(cluster),
            }
            for name, view, space, plane, rows in views
            for row, (x, y), cluster in zip(rows.tolist(), plane, space.clusters, strict=True)
        ]


def _model_figures(model: ModelFindings) -> dict[str, Any]:
    plain = ("name", "folder", "parameters", "channels", "hop", "sample_rate", "values_per_second", "compression")
    return {
        **{name: getattr(model, name) for name in plain},
        "scores": model.scores,
        "pooled": _space_figures(model.pooled),
        "flattened": _space_figures(model.flattened),
        "health": model.health,
    }


def _space_figures(space: Space) -> dict[str, Any]:
    plain = ("dimensions", "variance", "components", "clustered", "trust", "scan", "division", "at_labels", "probe")
    return {**{name: getattr(space, name) for name in plain}, "follows": space.follows}
