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
    columns = []
    spaces: list[tuple[str, Space, Space | None, Rows]] = [
        (model.name, model.pooled, model.flattened, model.flat_rows) for model in findings.models
    ]
    for place, (name, pooled, flattened, flat_rows) in enumerate([*spaces, ("MFCC", findings.reference, None, every)]):
        songs = _songs(findings, place)
        first, second = (f"{100 * share:.0f} %" for share in pooled.variance)
        parts = [f"<h3>{escape(name)}</h3>"]
        parts.append(
            _figure(
                _map(findings, pooled.plane, pooled, every, songs.get("components", []), f"{name}, pooled: components"),
                f"Pooled, principal components 1 ({first}) and 2 ({second}); trustworthiness "
                f"{pooled.trust['components']:.2f}. {judge_map(pooled)}",
            )
        )
        if pooled.neighbours is not None:
            parts.append(
                _figure(
                    _map(
                        findings,
                        pooled.neighbours,
                        pooled,
                        every,
                        songs.get("neighbours", []),
                        f"{name}, pooled: neighbours",
                    ),
                    f"Pooled, neighbour view: near is alike, far says little; trustworthiness "
                    f"{pooled.trust['neighbours']:.2f}.",
                )
            )
        if flattened is not None:
            first, second = (f"{100 * share:.0f} %" for share in flattened.variance)
            parts.append(
                _figure(
                    _map(
                        findings,
                        flattened.plane,
                        flattened,
                        flat_rows,
                        songs.get("flattened", []),
                        f"{name}, flattened: components",
                    ),
                    f"Flattened, as in the study: principal components 1 ({first}) and 2 ({second}) of "
                    f"{flattened.dimensions:,} values; trustworthiness {flattened.trust['components']:.2f}. "
                    f"{judge_map(flattened)}",
                )
            )
        columns.append(f"<div>{''.join(parts)}</div>")
    return f'{legend(findings.labels)}<div class="row maps">{"".join(columns)}</div>'


def _songs(findings: Findings, place: int) -> dict[str, list[tuple[int, float, float]]]:
    """Give where songs from outside lie in the views of a model: view → song, x, y."""
    found: dict[str, list[tuple[int, float, float]]] = {}
    if place < len(findings.models):
        for number_, song in enumerate(findings.outside):
            for view, (x, y) in song.models[place].places.items():
                found.setdefault(view, []).append((number_, float(x), float(y)))
    return found


def _map(
    findings: Findings,
    plane: NDArray[np.float64],
    space: Space,
    rows: Rows,
    songs: Sequence[tuple[int, float, float]],
    title: str,
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
    marks += [
        Mark(x=x, y=y, group=None, name=findings.outside[place].name, key=f"song-{place}") for place, x, y in songs
    ]
    return mark_chart(marks, x_label="", y_label="", title=f"{title}, {len(marks)} clips", width=440, height=360)


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
    at_elbow = [(name, space.at_elbow) for name, space in spaces if space.at_elbow is not None]
    at_labels = [(name, space.at_labels) for name, space in spaces if space.at_labels is not None]
    return (
        dimensions
        + _agreement(at_elbow, "At the elbow of each (without an elbow: as many clusters as genres).")
        + _agreement(at_labels, f"With as many clusters as genres, {len(findings.labels)}.")
    )


def _agreement(divisions: Sequence[tuple[str, Clustering]], caption: str) -> str:
    names = [measure.replace("_", " ") for measure in MEASURES]
    rows = [
        [
            name,
            str(division.number),
            f"{division.silhouette:.2f}",
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
    return f'<figure>{chart}</figure><div class="row">{tables}</div>'
