"""Maps of clips, and what k-means finds in them: figures for several models side by side."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from tonada.audio.latents.agreement import MEASURES
from tonada.audio.latents.analysis import Clustering, Space
from tonada.audio.latents.findings import Findings
from tonada.charts import Bar, Line, Mark, bar_chart, heat_table, line_chart, mark_chart, table
from tonada.charts.marks import legend
from tonada.render.explorer.words import estimate, judge_map, number

Rows = NDArray[np.int64]


def maps(findings: Findings) -> str:
    """Draw every view of every model, the reference last; the page's switch colours them by genre or by cluster."""
    every = np.arange(len(findings.sources))
    pooled = [*((model.name, model.pooled) for model in findings.models), ("MFCC", findings.reference)]
    views: dict[str, list[str]] = {"components": [], "neighbours": [], "flattened": []}
    for place, (name, space) in enumerate(pooled):
        caption = f"{name}: {_axes(space)}. {judge_map(space)}"
        views["components"].append(_map(findings, place, "components", space, space.plane, every, name, caption))
        if space.neighbours is not None:
            caption = f"{name}: trustworthiness {number(space.trust['neighbours'])}."
            views["neighbours"].append(
                _map(findings, place, "neighbours", space, space.neighbours, every, name, caption)
            )
    for place, model in enumerate(findings.models):
        space = model.flattened
        caption = f"{model.name}: {space.dimensions:,} values; {_axes(space)}. {judge_map(space)}"
        views["flattened"].append(
            _map(findings, place, "flattened", space, space.plane, model.flat_rows, model.name, caption)
        )
    titles = {
        "components": "Pooled, the first two principal components",
        "neighbours": "Pooled, neighbour view: near is alike, far says little",
        "flattened": "Flattened as in the study, the first two principal components",
    }
    parts = "".join(
        f'<h3>{titles[view]}</h3><div class="row">{"".join(charts)}</div>' for view, charts in views.items()
    )
    return f'{legend(findings.labels)}<div class="maps">{parts}</div>'


def _axes(space: Space) -> str:
    across, up = (f"{100 * share:.0f} %" for share in space.variance)
    return f"{across} of the variance to the right, {up} upward; trustworthiness {number(space.trust['components'])}"


def _map(
    findings: Findings,
    place: int,
    view: str,
    space: Space,
    plane: NDArray[np.float64],
    rows: Rows,
    name: str,
    caption: str,
) -> str:
    marks = [
        Mark(
            x=float(x),
            y=float(y),
            group=int(findings.label_numbers[row]),
            name=f"{findings.sources[row].label}: {findings.sources[row].name}",
            key=str(row),
            classes=f"k{cluster}",
        )
        for row, (x, y), cluster in zip(rows.tolist(), plane, space.clusters, strict=True)
    ]
    for song_place, song in enumerate(findings.outside if place < len(findings.models) else ()):
        if view in song.models[place].places:
            x, y = song.models[place].places[view]
            marks.append(Mark(x=float(x), y=float(y), group=None, name=song.name, key=f"song-{song_place}"))
    title = f"Map of {len(marks)} clips: {name}, {view}"
    return _figure(mark_chart(marks, x_label="", y_label="", title=title, width=360, height=320, bare=True), caption)


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _every(findings: Findings) -> list[tuple[str, Space]]:
    return [
        *((f"{model.name}, pooled", model.pooled) for model in findings.models),
        *((f"{model.name}, flattened", model.flattened) for model in findings.models),
        ("MFCC, pooled", findings.reference),
    ]


def cluster_tables(findings: Findings) -> str:
    """Tabulate dimensions, and clusters against genres: at the elbow, and for as many clusters as genres."""
    spaces = _every(findings)
    components = list(spaces[0][1].components)
    dimensions = table(
        ["latents", "values", *(f"{share} of variance" for share in components), "clustered"],
        [
            [
                name,
                f"{space.dimensions:,}",
                *(str(space.components[share]) for share in components),
                str(space.clustered),
            ]
            for name, space in spaces
        ],
        caption="Principal components that hold so much of the variance, and how many of them were clustered.",
    )
    divisions = [(name, space.division) for name, space in spaces if space.division is not None]
    at_labels = [(name, space.at_labels) for name, space in spaces if space.at_labels is not None]
    return (
        dimensions
        + _agreement(divisions, "At the elbow of each (without an elbow: as many clusters as genres).")
        + _agreement(at_labels, f"With as many clusters as genres, {len(findings.labels)}.")
    )


def _agreement(divisions: Sequence[tuple[str, Clustering]], caption: str) -> str:
    names = [measure.replace("_", " ") for measure in MEASURES]
    rows = [
        [
            name,
            str(division.number),
            number(round(division.silhouette, 2)),
            number(division.distance),
            *(estimate(division.agreement.get(measure)) for measure in MEASURES),
            estimate(division.chance.get("homogeneity")),
        ]
        for name, division in divisions
    ]
    head = ["latents", "clusters", "silhouette", "centroid distance", *names, "homogeneity by chance"]
    return table(head, rows, caption=f"{caption} In brackets the 95 % interval over tracks.")


def elbows(findings: Findings) -> str:
    """Draw inertia, as a share of the first, and silhouette against the number of clusters."""
    figures = []
    for name, space in _every(findings):
        scan = space.scan
        if len(scan.numbers) < 2:
            continue
        numbers = [float(one) for one in scan.numbers]
        lines = [
            Line(name="inertia / first", x=numbers, y=[one / (scan.inertia[0] or 1.0) for one in scan.inertia]),
            Line(name="silhouette", x=numbers, y=scan.silhouette),
        ]
        svg = line_chart(
            lines,
            x_label="clusters",
            y_label="",
            title=f"{name}: inertia and silhouette against the number of clusters",
            width=420,
            height=240,
            dots=True,
            at=scan.elbow,
        )
        elbow = "no elbow" if scan.elbow is None else f"elbow at {scan.elbow}"
        figures.append(_figure(svg, f"{name}: {elbow}, clearest silhouette at {scan.clearest}."))
    return f'<div class="row">{"".join(figures)}</div>'


def probes(findings: Findings) -> str:
    """Show what a straight line reads from pooled latents, and what it takes for what."""
    spaces = [(model.name, model.pooled) for model in findings.models] + [("MFCC", findings.reference)]
    told = [(name, space.probe) for name, space in spaces if space.probe is not None]
    if not told:
        return "<p>Too few genres have two tracks for a split by track.</p>"
    bars = [
        Bar(name=name, value=probe.accuracy.value, low=probe.accuracy.low, high=probe.accuracy.high, group=0)
        for name, probe in told
    ]
    bars.append(Bar(name="always the commonest genre", value=told[0][1].majority, group=7))
    chart = bar_chart(bars, label="share of clips whose genre is told", title="Linear probe, split by track")
    tables = "".join(
        heat_table(
            [findings.labels[label] for label in probe.labels],
            [findings.labels[label] for label in probe.labels],
            probe.confusion,
            caption=f"{name}: clips by genre (rows) and answer (columns).",
            corner="genre",
        )
        for name, probe in told
    )
    return f'<figure>{chart}</figure><div class="row two">{tables}</div>'
