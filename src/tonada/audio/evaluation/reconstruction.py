"""How well an autoencoder reconstructs held-out sound: figures over whole segments, with intervals over tracks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonada.audio.clip import Clip
from tonada.audio.metrics import METRICS, compare
from tonada.audio.models.base import AudioAutoencoder
from tonada.audio.validation import LatentUse, Precision, decoded_pairs, measure_latent
from tonada.codec import Codec
from tonada.data import Piece
from tonada.errors import ConfigError
from tonada.statistics.intervals import Estimate, bootstrap_mean_of_defined


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A metric over segments.

    Attributes
    ----------
    mean
        With its 95 % interval, by bootstrap over tracks: segments of one track are alike, so tracks are drawn.
    median
        Half of the segments lie below it.
    undefined
        Segments that are in neither, since the metric says nothing of them: silent ones have no SI-SDR. Mean and median
        are NaN where that is all of them.
    """

    mean: Estimate
    median: float
    undefined: int


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
        Each of `tonada.audio.metrics.METRICS`.
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
    latent
        How much of it is used; None of a model that is not variational.
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
    latent: LatentUse | None
    whole: LabelFigures
    labels: tuple[LabelFigures, ...]
    segments: tuple[Mapping[str, str | float], ...]

    def table(self) -> list[dict[str, str | float | None]]:
        """Give a row for each metric: mean, interval, median, and how many segments have none."""
        return [
            {
                "metric": name,
                "mean": _known(spread.mean.value),
                "low": _known(spread.mean.low),
                "high": _known(spread.mean.high),
                "median": _known(spread.median),
                "undefined": spread.undefined,
            }
            for name, spread in self.whole.metrics.items()
        ]

    def label_table(self) -> list[dict[str, str | float | None]]:
        """Give a row for each label: the means."""
        return [
            {
                "label": entry.label,
                "segments": entry.segments,
                "tracks": entry.tracks,
                **{name: _known(spread.mean.value) for name, spread in entry.metrics.items()},
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

    def clips() -> Iterator[NDArray[np.float32]]:
        return (transform.decode(piece.array).samples[0] for piece in pieces)

    for piece, (original, decoded) in zip(pieces, decoded_pairs(model, clips(), precision), strict=True):
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
        latent=measure_latent(model, clips(), precision),
        whole=_figures("all", rows),
        labels=tuple(_figures(label, [row for row in rows if row["label"] == label]) for label in labels),
        segments=tuple(rows),
    )


def _figures(label: str, rows: Sequence[Mapping[str, str | float]]) -> LabelFigures:
    tracks = [row["track"] for row in rows]
    values = {name: np.array([row[name] for row in rows], dtype=np.float64) for name in METRICS}
    return LabelFigures(
        label=label,
        segments=len(rows),
        tracks=len(set(tracks)),
        metrics={name: _spread(own, tracks) for name, own in values.items()},
    )


def _spread(values: NDArray[np.float64], tracks: Sequence[str | float]) -> Spread:
    """Sum up the values that are defined."""
    defined = ~np.isnan(values)
    return Spread(
        mean=bootstrap_mean_of_defined(values, tracks),
        median=float(np.median(values[defined])) if defined.any() else math.nan,
        undefined=int((~defined).sum()),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
