"""Where new latents come from: drawn at random, or from a distribution that was fitted to the latents of music.

A plain autoencoder's decoder has only seen latents of music; values drawn independently are nothing it knows, and it
makes noise of them. A fitted prior draws what latents of music have in common: where each clip lies, how widely its
dimensions swing, and how each frame follows from those before.

Axes: N clips · L latent frames · Z latent channels; arrays have time first, float32 [L, Z].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.audio.latents.kmeans import nearest_centres, spread_centres
from tonada.audio.latents.processes import Process, fit_process
from tonada.errors import ConfigError
from tonada.seeding import rng

Array = NDArray[np.float64]

_KEPT_VARIANCE = 0.99  # of the clips' statistics; what is left are directions that only noise fills
_CLIPS_PER_CLUSTER = 20
_MOST_CLUSTERS = 64
_CLUSTER_LAGS = 3  # of the correlations by which clips are found alike
_CLUSTERED_VARIANCE = 0.9  # of what clips are found alike by
_LEAST_SPREAD = 1e-4  # of a dimension that does not move within a clip, so that its logarithm is finite


class Prior(ABC):
    """A distribution of latents of any length."""

    channels: int
    """Values per frame, Z."""

    @abstractmethod
    def sample(self, frames: int, seed: int) -> NDArray[np.float32]:
        """Draw latents, float32 [L, Z]; the same seed gives the same."""


@dataclass(frozen=True)
class UniformPrior(Prior):
    """Every value by itself, evenly from ±1: as the study drew them."""

    channels: int

    def sample(self, frames: int, seed: int) -> NDArray[np.float32]:
        """Draw latents, float32 [L, Z], in −1 to 1; the same seed gives the same."""
        return rng(seed, "uniform").uniform(-1.0, 1.0, (frames, self.channels)).astype(np.float32)


@dataclass(frozen=True)
class NormalPrior(Prior):
    """Every value by itself, from N(0, 1): what a variational autoencoder is trained towards."""

    channels: int

    def sample(self, frames: int, seed: int) -> NDArray[np.float32]:
        """Draw latents, float32 [L, Z]; the same seed gives the same."""
        return rng(seed, "normal").standard_normal((frames, self.channels)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class FittedPrior(Prior):
    """Clips that differ from each other, and frames that follow from each other; `fit_prior` makes one.

    A clip's mean and log standard deviation, per dimension, come from a kernel density over those of the training
    clips, in their principal components; the kernel has the shape of the cluster that the clip belongs to, and what is
    drawn the cluster's mean and covariance. Within the clip, what is left runs as a vector autoregression whose
    surprises come and go in strength, fitted to the clips of the cluster. Values stay within the range that was seen
    in training.

    Parameters
    ----------
    centre
        float64 [2 Z]: mean of the training clips' statistics, Z means followed by Z log standard deviations.
    axes
        float64 [K, 2 Z]: their principal components, each as long as its standard deviation.
    places
        float64 [N, K]: where the training clips lie, in standard deviations.
    cluster
        int64 [N]: the cluster of each.
    middles
        float64 [C, K]: mean place of each cluster.
    kernels
        float64 [C, K, K]: a root of each cluster's covariance.
    bandwidths
        float64 [C]: width of the kernel, as a share of the cluster's.
    processes
        One for each cluster.
    low, high
        float64 [Z]: range of the training latents.

    Raises
    ------
    ValueError
        Shapes do not fit each other, or values are out of range.
    """

    centre: Array
    axes: Array
    places: Array
    cluster: NDArray[np.int64]
    middles: Array
    kernels: Array
    bandwidths: Array
    processes: tuple[Process, ...]
    low: Array
    high: Array

    def __post_init__(self) -> None:
        """Check that all fits: what was read from a file may be anything."""
        if self.places.ndim != 2 or self.low.ndim != 1 or not len(self.places) or not len(self.low):
            raise ValueError("there are no clips or no channels")
        clips, components = self.places.shape
        channels, clusters = len(self.low), len(self.processes)
        shapes = {
            "centre": (2 * channels,),
            "axes": (components, 2 * channels),
            "cluster": (clips,),
            "middles": (clusters, components),
            "kernels": (clusters, components, components),
            "bandwidths": (clusters,),
            "high": (channels,),
        }
        for name in ("places", "low", *shapes):
            array = getattr(self, name)
            if name in shapes and array.shape != shapes[name]:
                raise ValueError(f"{name} has the shape {array.shape}; the others need {shapes[name]}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} is not finite")
        if self.cluster.dtype.kind != "i" or not ((self.cluster >= 0) & (self.cluster < clusters)).all():
            raise ValueError(f"cluster must be whole numbers from 0 to {clusters - 1}")
        if any(process.linear.surprise.shape != (channels, channels) for process in self.processes):
            raise ValueError(f"a process is not of {channels} channels")
        if not ((self.low <= self.high).all() and (self.bandwidths >= 0).all()):
            raise ValueError("low is above high, or a bandwidth below 0")

    @property
    def channels(self) -> int:  # type: ignore[override]  # a property in place of the attribute
        """Values per frame, Z."""
        return len(self.low)

    def sample(self, frames: int, seed: int) -> NDArray[np.float32]:
        """Draw latents, float32 [L, Z]: a clip's character first, then its course; the same seed gives the same."""
        generator = rng(seed, "fitted")
        clip = int(generator.integers(len(self.places)))
        noise = generator.standard_normal(self.places.shape[1])
        cluster = self.cluster[clip]
        middle, width = self.middles[cluster], self.bandwidths[cluster]
        aside = self.places[clip] - middle + width * self.kernels[cluster] @ noise
        # Shrunk towards the middle, so that what is drawn spreads as the clips do (Silverman 1986, section 6.4.1).
        statistics = self.centre + (middle + aside / np.sqrt(1.0 + width**2)) @ self.axes
        mean, spread = statistics[: self.channels], np.exp(statistics[self.channels :])
        course = self.processes[cluster].sample(frames, generator)
        latents: Array = np.clip(mean + spread * course, self.low, self.high)
        return latents.astype(np.float32)


def fit_prior(
    latents: Sequence[NDArray[np.floating[Any]]], *, order: int | None = None, clusters: int | None = None
) -> FittedPrior:
    """Fit a prior to the latents of clips.

    Parameters
    ----------
    latents
        Floating [L, Z] for each clip, one at least; clips of a few seconds that are alike inside, from many songs.
    order
        Frames that a frame is predicted from; chosen by the Bayesian information criterion when None.
    clusters
        Groups of clips that have a process of their own; one for every 20 clips, 64 at most, when None.

    Raises
    ------
    ConfigError
        There are no clips, they differ in Z, or all are shorter than two frames.
    """
    clips = [np.asarray(clip, dtype=np.float64) for clip in latents if len(clip) >= 2]
    if not clips or len({clip.shape[1] for clip in clips}) != 1:
        raise ConfigError("a prior is fitted to latents of at least one clip of two frames, all with equally many dims")
    means = np.stack([clip.mean(axis=0) for clip in clips])
    spreads = np.maximum(np.stack([clip.std(axis=0) for clip in clips]), _LEAST_SPREAD)
    statistics = np.concatenate([means, np.log(spreads)], axis=1)
    centre, axes, places = _principal_axes(statistics)
    wanted = clusters or min(_MOST_CLUSTERS, max(1, len(clips) // _CLIPS_PER_CLUSTER))
    courses = [(clip - mean) / spread for clip, mean, spread in zip(clips, means, spreads, strict=True)]
    levels = np.concatenate([means / np.sqrt(np.square(spreads).mean(axis=0)), np.log(spreads)], axis=1)
    characters = _characters(levels, courses)
    cluster = nearest_centres(characters, spread_centres(characters, wanted))
    processes, middles, kernels, bandwidths = [], [], [], []
    for number in range(int(cluster.max()) + 1):
        members = np.flatnonzero(cluster == number)
        processes.append(fit_process([courses[member] for member in members], order=order))
        middles.append(places[members].mean(axis=0))
        aside = places[members] - middles[-1]
        values, vectors = np.linalg.eigh(aside.T @ aside / len(members))
        kernels.append(vectors * np.sqrt(np.maximum(values, 0.0)))
        bandwidths.append(len(members) ** (-1.0 / (places.shape[1] + 4)))  # Scott's rule
    return FittedPrior(
        centre=centre,
        axes=axes,
        places=places,
        cluster=cluster,
        middles=np.stack(middles),
        kernels=np.stack(kernels),
        bandwidths=np.array(bandwidths),
        processes=tuple(processes),
        low=np.min([clip.min(axis=0) for clip in clips], axis=0),
        high=np.max([clip.max(axis=0) for clip in clips], axis=0),
    )


def _characters(levels: Array, courses: Sequence[Array]) -> Array:
    """Give each clip a place, [N, K], near those of clips that sound alike: their levels [N, 2 Z] and correlations.

    Latents stand for a waveform, so they swing around their mean as it does; which frequencies there are shows in how
    the dimensions go together, in one frame and over the next few.
    """
    rows = []
    for level, course in zip(levels, courses, strict=True):
        lags = range(min(_CLUSTER_LAGS, len(course) - 1) + 1)
        parts = [(course[lag:].T @ course[: len(course) - lag] / len(course)).reshape(-1) for lag in lags]
        rows.append(np.concatenate([level, np.triu(parts[0].reshape(len(level) // 2, -1), 1).reshape(-1), *parts[1:]]))
    table = np.zeros((len(rows), max(map(len, rows))))
    for row, values in zip(table, rows, strict=True):  # clips of a few frames have not all lags
        row[: len(values)] = values
    table -= table.mean(axis=0)
    values, vectors = np.linalg.eigh(table @ table.T)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    kept = int(np.searchsorted(np.cumsum(values), _CLUSTERED_VARIANCE * values.sum())) + 1
    return np.asarray(vectors[:, :kept] * np.sqrt(values[:kept]))


def _principal_axes(statistics: Array) -> tuple[Array, Array, Array]:
    """Give the mean [D], the axes [K, D], each as long as its standard deviation, and the places [N, K]."""
    centre = statistics.mean(axis=0)
    left, lengths, right = np.linalg.svd(statistics - centre, full_matrices=False)
    shares = np.cumsum(lengths**2) / max(float((lengths**2).sum()), 1e-300)
    kept = int(np.searchsorted(shares, _KEPT_VARIANCE)) + 1 if lengths[0] > 1e-9 else 0
    scale = np.sqrt(len(statistics))
    return centre, right[:kept] * lengths[:kept, None] / scale, left[:, :kept] * scale
