"""``evaluate`` on files: pieces against a reference set of real music, by every metric, with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.studies.evaluation import Report, Rows
from tonada.errors import ConfigError

if TYPE_CHECKING:
    from tonada.api.passages import Passages
    from tonada.statistics.intervals import Estimate, Floats
    from tonada.symbolic.evaluation.sets import FeatureEstimate, MetricEstimate

SECONDS = 30.0
"""Length of the passages that are compared."""
MOST_PASSAGES = 150
"""Of a set; of more pieces some are taken, evenly spread."""


@dataclass(frozen=True, kw_only=True)
class FilesEvaluation(Report):
    """How files stand beside a reference set.

    Attributes
    ----------
    sources
        The files' names as they were given.
    reference
        The reference set: a data set, or a folder of MIDI files.
    split
        Of the data set; empty for a folder of files.
    seconds
        Length of the passages.
    passages, pieces
        How many were looked at, and of how many files.
    reference_passages, reference_pieces
        The same of the reference.
    skipped
        Files without a passage, and why.
    metrics
        Every objective metric.
    features
        Distances within and between the sets.
    embedding
        Measure → value and interval, on the judge's features; empty where a set has too few pieces.
    real_embedding
        The same of one half of the reference's pieces against the other: what a perfect set could reach.
    styles
        Class → share of the passages that the judge takes for it.
    real_styles
        The same of the reference.
    """

    sources: tuple[str, ...]
    reference: str
    split: str
    seconds: float
    passages: int
    pieces: int
    reference_passages: int
    reference_pieces: int
    skipped: Mapping[str, str]
    metrics: tuple[MetricEstimate, ...]
    features: tuple[FeatureEstimate, ...]
    embedding: Mapping[str, Estimate]
    real_embedding: Mapping[str, Estimate]
    styles: Mapping[str, Estimate]
    real_styles: Mapping[str, Estimate]

    title = "Files beside real music"
    explanation = (
        "Passages of the files beside passages of the reference. No figure says much alone: it depends on the lengths "
        "and numbers, so the reference's own stand beside it. Intervals (95 %) are by bootstrap over pieces; where a "
        "set has too few pieces there is none."
    )

    def headline(self) -> str:
        """Count the passages, and say how far the averages lie from the reference's."""
        from tonada.symbolic.evaluation.sets import mean_distance

        return (
            f"{self.passages} passages of {self.pieces} pieces against {self.reference_passages} of "
            f"{self.reference_pieces}; the metrics' means lie {mean_distance(self.metrics):.2f} standard deviations "
            "from the reference's, on average"
        )

    def tables(self) -> dict[str, Rows]:
        """Give the metrics, the distances of the sets, those on the judge's features, and the styles."""
        metrics: Rows = [
            {
                "metric": row.metric,
                "real 5 %": row.real_low,
                "real median": row.real_median,
                "real 95 %": row.real_high,
                "mean": str(row.mean),
                "share inside": str(row.share_inside),
                "shift": str(row.shift),
            }
            for row in self.metrics
        ]
        features: Rows = [
            {
                "feature": one.row.feature,
                "within real": one.row.real_mean,
                "within files": one.row.generated_mean,
                "between": one.row.inter_mean,
                "KL divergence, nats": str(one.divergence),
                "overlapping area": str(one.overlap),
            }
            for one in self.features
        ]
        embedding: Rows = [
            {"measure": name, "files": str(value), "real": str(self.real_embedding.get(name, "–"))}
            for name, value in self.embedding.items()
        ]
        styles: Rows = [
            {"style": name, "files": str(value), "real": str(self.real_styles[name])}
            for name, value in self.styles.items()
        ]
        found: dict[str, Rows] = {"Objective metrics": metrics, "Distances within and between the sets": features}
        if embedding:
            found["On the judge's features"] = embedding
        found["Taken for the style of"] = styles
        return found

    def facts(self) -> dict[str, str | float]:
        """Say what was compared, and what was left out."""
        told: dict[str, str | float] = {
            "passages": f"{self.passages} of {self.seconds:g} s, of {self.pieces} pieces",
            "reference passages": f"{self.reference_passages}, of {self.reference_pieces} pieces",
        }
        if self.skipped:
            told["left out"] = "; ".join(f"{name}: {why}" for name, why in self.skipped.items())
        return told

    def subject(self) -> dict[str, str]:
        """Name the files and the reference."""
        return {"files": ", ".join(self.sources), "reference": self.reference, "split": self.split}

    def charts(self) -> list[str]:
        """Draw the shifts of the metrics, the overlaps of the features, and the styles."""
        from tonada.charts import Bar, bar_chart

        def bars(named: Mapping[str, Estimate], group: int = 0) -> list[Bar]:
            return [
                Bar(name=name, value=one.value, low=_end(one.low), high=_end(one.high), group=group)
                for name, one in named.items()
                if not math.isnan(one.value)
            ]

        styles = [
            bar
            for name in self.styles
            for bar in (
                *bars({f"{name}, files": self.styles[name]}),
                *bars({f"{name}, real": self.real_styles[name]}, group=1),
            )
        ]
        return [
            bar_chart(
                bars({row.metric: row.shift for row in self.metrics}),
                label="standard deviations of real music",
                title="How far the mean of each metric lies from that of the reference",
            ),
            bar_chart(
                bars({one.row.feature: one.overlap for one in self.features}),
                label="overlapping area, 1 is best",
                title="Overlap of the distances between the sets with those within real music",
            ),
            bar_chart(styles, label="share of the passages", title="What the judge takes the passages for"),
        ]


def evaluate_files(
    names: Sequence[str | Path],
    *,
    ref: str | Path,
    split: str = "validation",
    limit: int | None = None,
    seconds: float = SECONDS,
    judge: str | Path | None = None,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> FilesEvaluation:
    """Compare MIDI files with real music; what ``evaluate`` does with names that are no models.

    Parameters
    ----------
    names
        Files, folders, patterns.
    ref
        A data set that ``prepare`` wrote, or a folder of MIDI files.
    split
        Of the data set.
    limit
        At most so many passages of each set, evenly spread; 150 when None.
    seconds
        Length of a passage; shorter files are one passage.
    judge
        The classifier on whose features distances are measured, and that knows the styles; the one that Tonada brings
        when None.
    device
        "auto", "cpu", "cuda" or "mps".
    progress
        Called with the features that were compared, and all of them.

    Raises
    ------
    DataError
        No file can be used, or the reference has no music.
    ConfigError
        A setting cannot be.
    """
    from tonada.api.devices import find_device
    from tonada.api.loading import Classifier
    from tonada.api.passages import read_data, read_files
    from tonada.api.settings import JUDGE
    from tonada.statistics.intervals import bootstrap_mean
    from tonada.symbolic.evaluation.sets import estimate_divergences, estimate_metrics

    if not 0 < seconds < math.inf:
        raise ConfigError(f"seconds must be more than 0; got {seconds}")
    most = MOST_PASSAGES if limit is None else limit
    classifier = Classifier(judge or JUDGE, device=find_device(device))
    skipped: dict[str, str] = {}
    files = read_files(names, classifier, seconds, most, skipped)
    folder = Path(ref)
    is_data = (folder / "manifest.json").is_file()
    if is_data:
        real = read_data(folder, split, classifier, seconds, most)
    else:
        real = read_files([folder], classifier, seconds, most, {})
    readings = {id(one): classifier.read(one.notes) for one in (files, real)}
    embedding, real_embedding = _embedding(files, real, readings[id(files)].embeddings, readings[id(real)].embeddings)

    def shares(one: Passages) -> dict[str, Estimate]:
        chosen = readings[id(one)].chosen
        return {name: bootstrap_mean(chosen == place, one.pieces) for place, name in enumerate(classifier.classes)}

    return FilesEvaluation(
        sources=tuple(map(str, names)),
        reference=str(ref),
        split=split if is_data else "",
        seconds=seconds,
        passages=len(files.notes),
        pieces=files.count,
        reference_passages=len(real.notes),
        reference_pieces=real.count,
        skipped=skipped,
        metrics=estimate_metrics(real.notes, files.notes, files.pieces),
        features=estimate_divergences(
            real.notes, files.notes, real_groups=real.pieces, groups=files.pieces, progress=progress
        ),
        embedding=embedding,
        real_embedding=real_embedding,
        styles=shares(files),
        real_styles=shares(real),
    )


def _embedding(
    files: Passages, real: Passages, embedded: Floats, real_embedded: Floats
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """Compare the sets on the judge's features, and halves of the reference, where there are pieces enough."""
    import numpy as np

    from tonada.statistics.comparison import LEAST_GROUPS, compare_sets
    from tonada.statistics.intervals import number_groups

    ours: dict[str, Estimate] = {}
    theirs: dict[str, Estimate] = {}
    if min(files.count, real.count) >= LEAST_GROUPS:
        ours = compare_sets(real_embedded, embedded, reference_groups=real.pieces, other_groups=files.pieces)
    if real.count >= 2 * LEAST_GROUPS:
        odd = number_groups(real.pieces, len(real.notes)) % 2
        first, second = np.flatnonzero(odd == 0), np.flatnonzero(odd == 1)
        theirs = compare_sets(
            real_embedded[first],
            real_embedded[second],
            reference_groups=[real.pieces[place] for place in first.tolist()],
            other_groups=[real.pieces[place] for place in second.tolist()],
        )
    return ours, theirs


def _end(value: float) -> float | None:
    return None if math.isnan(value) else value
