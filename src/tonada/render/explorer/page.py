"""The whole page: its order, its words, and its weight."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from tonada.audio.latents.findings import Findings
from tonada.audio.metrics import METRICS
from tonada.charts import Mark, mark_chart, table
from tonada.files import write_text
from tonada.render.explorer import listening, maps
from tonada.render.explorer.assets import PAGE_STYLE, SCRIPT
from tonada.render.explorer.sounds import Store
from tonada.render.explorer.words import estimate, judge_clusters, judge_health, number, size

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; media-src blob:; "
    "base-uri 'none'; form-action 'none'"
)
_CALLED = {
    "stft_distance": ("STFT distance", "multi-resolution STFT distance, less is better"),
    "log_spectral_distance_db": ("LSD dB", "log-spectral distance in dB, less is better"),
    "mel_cepstral_distortion_db": ("MCD dB", "mel-cepstral distortion in dB, less is better"),
    "si_sdr_db": ("SI-SDR dB", "SI-SDR in dB, more is better"),
}


def write_page(findings: Findings, path: Path, *, limit_bytes: int) -> None:
    """Write the page.

    Parameters
    ----------
    findings
        What it shows.
    path
        Where to.
    limit_bytes
        What it may weigh: sounds and pictures that do not fit are left out, those of the maps first.

    Raises
    ------
    DataError
        The file cannot be written.
    ResourceError
        The disk is full.
    """
    silent = [
        ("size", "Definition and size", _sizes(findings)),
        ("maps", "Maps", _maps(findings)),
        ("clusters", "Clusters and genres", _clusters(findings)),
        ("health", "Is the latent used?", _health(findings)),
    ]
    frame = sum(len(html.encode()) for _, _, html in silent) + len(PAGE_STYLE) + len(SCRIPT) + 40_000
    store = Store(limit_bytes - frame)
    # What is heard is made in the order of its importance: the last ones are left out first.
    compared = listening.comparisons(findings, store)
    strangers = listening.outside(findings, store)
    between = listening.interpolations(findings, store)
    heard = listening.map_clips(findings, store)
    sections = {key: (title, html) for key, title, html in silent}
    sections["listen"] = ("Listen and look", _LISTEN + compared)
    if findings.outside:
        sections["outside"] = ("Songs from outside", _OUTSIDE + strangers)
    sections["between"] = ("Between two clips", _BETWEEN + between)
    sections["about"] = ("How this was made", _about(findings, store))
    order = ["size", "listen", "outside", "maps", "clusters", "between", "health", "about"]
    shown = [(key, *sections[key]) for key in order if key in sections]
    links = "".join(f'<li><a href="#{key}">{title}</a></li>' for key, title, _ in shown)
    body = "".join(f'<section id="{key}"><h2>{title}</h2>{html}</section>' for key, title, html in shown)
    clips = json.dumps(heard, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    write_text(
        path,
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Latents explored</title><style>{PAGE_STYLE}</style></head>\n<body><header><h1>Latents explored</h1>"
        f"{_summary(findings)}<nav><ul>{links}</ul></nav></header>\n<main>{body}</main>\n"
        '<div id="now" role="status"><span></span><audio controls></audio></div>'
        f'<script type="application/json" id="clips">{clips}</script>{store.script()}<script>{SCRIPT}</script>'
        "</body></html>\n",
    )


def _summary(findings: Findings) -> str:
    facts, proposed = findings.facts, findings.proposal.name
    items = [
        f"{facts['clips']} clips of {facts['clip_seconds']:g} s from {facts['tracks']} tracks and "
        f"{len(findings.labels)} genres, {' and '.join(facts['split'])} of <code>{escape(facts['data'])}</code>.",
        f"The smallest latent that loses little more than the best one here: <strong>{escape(proposed)}</strong>.",
    ]
    if "test" in facts["split"]:
        items.append(
            "The test split was read, too: the size was chosen with its help, so figures of that model on it are no "
            "longer those of tracks that had no part in any choice."
        )
    for model in findings.models:
        items.append(
            f"<strong>{escape(model.name)}</strong>: {model.channels} channels, {number(model.values_per_second)} "
            f"values per second, {size(model.compression)}; STFT distance "
            f"{model.scores['stft_distance'].value:.2f}; {judge_clusters(model.pooled)}."
        )
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def _sizes(findings: Findings) -> str:
    proposal = findings.proposal
    ordered = sorted(findings.models, key=lambda model: model.values_per_second)
    rows = [
        [
            model.name + (" (proposed)" if model.name == proposal.name else ""),
            f"{model.channels}\u00a0×\u00a0{model.sample_rate / model.hop:.1f}\u00a0Hz",
            number(model.values_per_second),
            f"{model.compression:.3g}",
            f"{model.parameters:,}",
            *(estimate(model.scores[metric]) for metric in METRICS),
        ]
        for model in ordered
    ]
    names = [_CALLED[metric][0] for metric in METRICS]
    head = ["model", "latent", "values per second", "compression", "weights", *names]
    charts = []
    for metric in METRICS:
        label = _CALLED[metric][1]
        points = [(model.values_per_second, model.scores[metric].value) for model in ordered]
        marks = [
            Mark(x=x, y=y, group=1 if model.name == proposal.name else 0, name=model.name, written=True)
            for model, (x, y) in zip(ordered, points, strict=True)
        ]
        charts.append(
            "<figure>"
            + mark_chart(
                marks,
                x_label="latent values per second",
                y_label=label,
                title=f"{label}, against latent values per second",
                height=300,
                log_x=True,
                joined=points,
            )
            + "</figure>"
        )
    told = [escape(proposal.reason)]
    if proposal.knee:
        told.append(f"The knee of the curve (kneedle rule) is at {escape(proposal.knee)}.")
    if proposal.beaten:
        told.append(f"No better than a smaller one, so their size buys nothing: {escape(', '.join(proposal.beaten))}.")
    return (
        f'<div class="card"><h3>Proposed: {escape(proposal.name)}</h3><p>{" ".join(told)}</p>'
        '<p class="soft">The rule compares these models with each other; whether the best of them sounds right is for '
        "the ear to say, below. A low distance of a latent that is larger than the sound (compression below 1) proves "
        "little: it can be copied. SI-SDR asks for the exact waveform; sound can be good without it.</p></div>"
        f'<div class="row two">{"".join(charts)}</div>'
        + table(head, rows, caption="Mean over clips; in brackets the 95 % interval over tracks.")
    )


_LISTEN = (
    "<p>The first clips of each genre, not picked. Each picture lays what was decoded over the original; below are "
    "both spectrograms on one scale, black 80 dB below the loudest point of the original.</p>"
)
_OUTSIDE = (
    "<p>These songs are in no part of the data set. Their figures stand beside the mean of the data set's clips; "
    "in the maps they are the stars.</p>"
)
_BETWEEN = (
    "<p>Five steps through the latents, straight (linear) and turning (spherical), beside the plain cross-fade of the "
    "two decoded clips. The figure below each is how far it is from that cross-fade, as a share of the distance "
    "between the two clips: near 0, the latents only mix the sounds.</p>"
)


def _maps(findings: Findings) -> str:
    return (
        "<p>Each mark is a clip. Click one to hear it, or go to a map with the tab key and move with the arrows; Enter "
        "plays. The same clip is marked in all maps. <em>Pooled</em>: each channel's mean, deviation and mean change "
        "over time, standardised. <em>Flattened</em>: all latent values in one row. MFCC: the same statistics of "
        "mel-frequency cepstra, which nothing was learned for.</p>"
        "<p>An autoencoder is trained to give the sound back, not to know genres: its latents are mostly in order of "
        "loudness and brightness, and few genres stand apart. That is to be expected.</p>"
        '<fieldset class="card"><legend>Colours</legend>'
        '<label><input type="radio" name="colours" id="by-genre" checked> by genre</label> '
        '<label><input type="radio" name="colours" id="by-cluster"> by cluster</label> '
        '<span class="soft">(the shape always tells the genre; a star is a song from outside)</span></fieldset>'
        + maps.maps(findings)
    )


def _clusters(findings: Findings) -> str:
    return (
        "<p>k-means for 2 to 12 clusters; the elbow is found by the kneedle rule. Homogeneity: a cluster holds one "
        "genre. Completeness: a genre is in one cluster. Both, and V-measure, rise with the number of clusters even "
        "for labels without meaning; that level stands in the last column. The adjusted measures are 0 for chance. "
        "Pooled latents are clustered in the components that hold 95 % of the variance, flattened ones in the plane; "
        "centroid distances are in units of what was clustered, so they compare only within one kind.</p>"
        f"{maps.cluster_tables(findings)}{maps.elbows(findings)}"
        "<h3>What a straight line can read</h3><p>Logistic regression on pooled latents, trained on some tracks and "
        f"asked about others.</p>{maps.probes(findings)}"
    )


def _health(findings: Findings) -> str:
    cards = []
    for model in findings.models:
        told = judge_health(model.health)
        items = "".join(f'<li class="{"good" if good else "look"}">{escape(text)}</li>' for good, text in told)
        cards.append(f'<div class="card"><h3>{escape(model.name)}</h3><ul>{items}</ul></div>')
    return f'<div class="row">{"".join(cards)}</div>'


def _about(findings: Findings, store: Store) -> str:
    remarks = list(findings.remarks)
    remarks += [f"{count} {kind} were left out, to keep this page small." for kind, count in store.left_out.items()]
    made = ", ".join(f"{name} {value}" for name, value in findings.facts["made_with"].items())
    left = "".join(f"<li>{escape(remark)}</li>" for remark in remarks) or "<li>Nothing was left out.</li>"
    return (
        f"<p>Data set {escape(findings.facts['data_sha256'][:16])}…; {escape(made)}. All figures are in explore.json, "
        f"all points of the maps in points.csv. Sounds are Ogg Vorbis.</p><h3>Left out</h3><ul>{left}</ul>"
    )
