"""How well an autoencoder reconstructs held-out sound: figures over whole segments, with intervals over tracks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonada.audio.clip import Clip
from tonada.audio.metrics import compare
from tonada.audio.models.base import AudioAutoencoder
from tonada.audio.reconstruction import Precision, decoded_pairs
from tonada.codec import Codec
from tonada.data import Piece
from tonada.errors import ConfigError
from tonada.seeding import rng

METRICS = ("si_sdr_db", "stft_distance", "log_spectral_distance_db", "mel_cepstral_distortion_db")
"""What is measured of every segment, as `tonada.audio.metrics` defines it."""
RESAMPLINGS = 2000
"""Draws of the bootstrap."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A metric over segments: mean, median, and the interval of the mean.

    Attributes
    ----------
    mean, median
        Over the segments.
    low, high
        The 95 % interval of the mean, by bootstrap over tracks (Efron and Tibshirani 1993, "An introduction to the
        bootstrap", chapter 13): segments of one track are alike, so tracks are drawn, not segments. None for one track.
    """

    mean: float
    median: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class LabelFigures:
    """The figures of the segments with one label, or of all.

    Attributes
    ----------
    label
        The label; "all" for all.
    segments, tracks
        How many.
    metrics
        Each of ``METRICS``.
    """

    label: str
    segments: int
    tracks: int
    metrics: Mapping[str, Spread]


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """What an autoencoder loses of held-out sound, and what it needs to keep the rest.

    Attributes
    ----------
    seconds
        Length of what was evaluated.
    sample_rate
        In Hz.
    parameters
        Weights of the model.
    values_per_second
        Latent values of a second of sound.
    compression
        Samples per latent value: below 1 the latents are larger than the sound.
    precision
        Of the forward passes.
    whole
        Of all segments.
    labels
        Of each label.
    segments
        One row a segment: name, label, track, and its metrics.
    """

    seconds: float
    sample_rate: int
    parameters: int
    values_per_second: float
    compression: float
    precision: str
    whole: LabelFigures
    labels: tuple[LabelFigures, ...]
    segments: tuple[Mapping[str, str | float], ...]

    def table(self) -> list[dict[str, str | float | None]]:
        """Give a row for each metric: mean, interval, median."""
        return [
            {"metric": name, "mean": spread.mean, "low": spread.low, "high": spread.high, "median": spread.median}
            for name, spread in self.whole.metrics.items()
        ]

    def label_table(self) -> list[dict[str, str | float | None]]:
        """Give a row for each label: the means."""
        return [
            {
                "label": entry.label,
                "segments": entry.segments,
                "tracks": entry.tracks,
                **{name: spread.mean for name, spread in entry.metrics.items()},
            }
            for entry in self.labels
        ]


def measure_reconstruction(
    model: AudioAutoencoder,
    transform: Codec[Clip],
    pieces: Sequence[Piece],
    *,
    precision: Precision = "fp32",
    progress: Callable[[int, int], None] | None = None,
) -> Reconstruction:
    """Measure what is lost of every segment, from end to end.

    Parameters
    ----------
    model
        In evaluation mode.
    transform
        Of the segments.
    pieces
        Segments, with the columns ``label`` and ``track``.
    precision
        Of the forward passes; the metrics are computed in full precision.
    progress
        Called with the segments done, and all of them.

    Raises
    ------
    ConfigError
        There are no segments.
    """
    if not pieces:
        raise ConfigError("there is nothing to evaluate: the split is empty")
    rows: list[dict[str, str | float]] = []
    samples = 0
    clips = (transform.decode(piece.array).samples[0] for piece in pieces)
    for piece, (original, decoded) in zip(pieces, decoded_pairs(model, clips, precision), strict=True):
        found = compare(*(Clip(samples=wave[None], sample_rate=model.sample_rate) for wave in (original, decoded)))
        row: dict[str, str | float] = {name: str(piece.metadata[name]) for name in ("name", "label", "track")}
        rows.append(row | {name: found[name] for name in METRICS})
        samples += len(original)
        if progress is not None:
            progress(len(rows), len(pieces))
    labels = sorted({str(row["label"]) for row in rows})
    return Reconstruction(
        seconds=samples / model.sample_rate,
        sample_rate=model.sample_rate,
        parameters=model.parameter_count(),
        values_per_second=model.values_per_second,
        compression=model.sample_rate / model.values_per_second,
        precision=precision,
        whole=_figures("all", rows),
        labels=tuple(_figures(label, [row for row in rows if row["label"] == label]) for label in labels),
        segments=tuple(rows),
    )


def _figures(label: str, rows: Sequence[Mapping[str, str | float]]) -> LabelFigures:
    tracks = sorted({str(row["track"]) for row in rows})
    numbers = np.array([tracks.index(str(row["track"])) for row in rows])
    return LabelFigures(
        label=label,
        segments=len(rows),
        tracks=len(tracks),
        metrics={name: spread_over_tracks(np.array([row[name] for row in rows]), numbers) for name in METRICS},
    )


def spread_over_tracks(values: NDArray[np.float64], tracks: NDArray[np.int64]) -> Spread:
    """Summarise a metric over segments.

    Parameters
    ----------
    values
        float64 [K], one for each segment.
    tracks
        int64 [K], the number of each segment's track, from 0 without gaps.
    """
    sums, counts = np.bincount(tracks, weights=values), np.bincount(tracks)
    low = high = None
    if len(sums) > 1:
        drawn = rng(1, "bootstrap").integers(len(sums), size=(RESAMPLINGS, len(sums)))
        means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
        low, high = (float(value) for value in np.quantile(means, (0.025, 0.975)))
    return Spread(mean=float(values.mean()), median=float(np.median(values)), low=low, high=high)
