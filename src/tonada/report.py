"""The report of a training run: one HTML file with curves, settings and samples, nothing from elsewhere."""

from __future__ import annotations

import base64
import statistics
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tonada.charts import Line, line_chart, page
from tonada.config import read_toml
from tonada.files import write_text
from tonada.runs import read_log

CURVE_POINTS = 400
"""Points of a training curve, at most; each is the mean of the steps that it stands for."""

LATEST_STEPS = 4
"""Steps whose samples are shown beside those of the first: the report of a long run stays small."""


def write_report(run: Path, *, remarks: Sequence[str] = ()) -> Path:
    """Write ``report.html`` of a run, from its config, its log and what lies in ``samples/``.

    Parameters
    ----------
    run
        The run folder.
    remarks
        Sentences that stand first: what is wrong with the run.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    DataError
        The folder is no run folder, or cannot be written.
    """
    config, records = read_toml(run / "config.toml"), read_log(run)
    parts = [
        f"<h1>{escape(str(config['model'].get('name', 'model')))}: {escape(run.resolve().name)}</h1>",
        *(f'<p class="remark" role="alert">{escape(remark)}</p>' for remark in remarks),
        _summary(records),
        *(f"<figure>{chart}</figure>" for chart in _charts(records)),
        _samples(run / "samples"),
        "<h2>Settings</h2>",
        *(_settings(name, table) for name, table in config.items() if isinstance(table, Mapping)),
    ]
    path = run / "report.html"
    write_text(path, page(run.resolve().name, parts))
    return path


def _summary(records: Sequence[Mapping[str, Any]]) -> str:
    if not records:
        return "<p>No step has been taken yet.</p>"
    last = records[-1]
    text = f"{last['step']} steps in {last['seconds'] / 60:.1f} minutes."
    validations = [record for record in records if "validation" in record]
    if validations:
        best = min(validations, key=lambda record: record["validation"]["score"])
        text += f" Best validation score {best['validation']['score']:.4f}, after step {best['step']}."
    return f"<p>{text}</p>"


def _charts(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Draw the losses of each group, the validation figures, the gradient norm and the learning rate."""
    groups = sorted({group for record in records for group in record["loss"]})
    charts = []
    for group in groups:
        own = [record for record in records if group in record["loss"]]
        terms = sorted({term for record in own for term in record["loss"][group]})
        lines = [
            _thinned(term, own, [record["loss"][group].get(term, float("nan")) for record in own]) for term in terms
        ]
        charts.append(line_chart(lines, x_label="step", y_label="training loss", title=f"Training loss: {group}"))
    validations = [record for record in records if "validation" in record]
    figures = {name for record in validations for name in record["validation"]}
    for name in sorted(figures, key=lambda name: (name != "score", name)):
        line = Line(
            name=name,
            x=[record["step"] for record in validations],
            y=[record["validation"].get(name, float("nan")) for record in validations],
        )
        charts.append(line_chart([line], x_label="step", y_label=f"validation: {name}", title=f"Validation: {name}"))
    for name, label in (("gradient_norm", "gradient norm"), ("learning_rate", "learning rate")):
        own = [record for record in records if name in record]
        line = _thinned(label, own, [record[name] for record in own])
        charts.append(line_chart([line], x_label="step", y_label=label, title=label.capitalize(), height=200))
    return charts


def _thinned(name: str, records: Sequence[Mapping[str, Any]], values: Sequence[float]) -> Line:
    """Average neighbouring steps, so that a long run's curve stays small and readable."""
    size = max(1, -(-len(values) // CURVE_POINTS))
    starts = range(0, len(values), size)
    return Line(
        name=name if size == 1 else f"{name} (mean of {size})",
        x=[statistics.fmean(record["step"] for record in records[start : start + size]) for start in starts],
        y=[statistics.fmean(values[start : start + size]) for start in starts],
    )


def _samples(folder: Path) -> str:
    """Show the pictures of the latest steps and of the first, each with the sound or MIDI file of the same name.

    Sound that has no picture of its own (an original, to compare with) comes before them.
    """
    steps: dict[str, list[Path]] = {}
    for picture in sorted(folder.glob("*.svg")):
        steps.setdefault(picture.stem.rpartition("-")[0], []).append(picture)
    names = sorted(steps, reverse=True)
    shown = [*names[:LATEST_STEPS], *names[LATEST_STEPS:][-1:]]
    alone = [path for path in sorted(folder.glob("*.ogg")) if not path.with_suffix(".svg").is_file()]
    figures = [f"<figure><figcaption>{escape(path.stem)} {_player(path)}</figcaption></figure>" for path in alone]
    if len(shown) < len(names):
        figures.append(f"<p>The samples of {len(names) - len(shown)} more steps are in the folder samples.</p>")
    for picture in (picture for name in shown for picture in steps[name]):
        sound, notes = picture.with_suffix(".ogg"), picture.with_suffix(".mid")
        what = "Piano roll" if notes.is_file() else "Waveform and spectrogram" if sound.is_file() else "Picture"
        links = [_player(sound)] if sound.is_file() else []
        links += [_download(notes)] if notes.is_file() else []
        figures.append(
            f'<figure><img alt="{what} of {escape(picture.stem)}" src="{_data_url(picture, "image/svg+xml")}">'
            f"<figcaption>{escape(picture.stem)} {' '.join(links)}</figcaption></figure>"
        )
    return f"<h2>Samples</h2>{''.join(figures)}" if figures else ""


def _player(sound: Path) -> str:
    label = f"Sound of {escape(sound.stem)}"
    return f'<audio controls preload="metadata" aria-label="{label}" src="{_data_url(sound, "audio/ogg")}"></audio>'


def _download(notes: Path) -> str:
    name = escape(notes.name)
    return f'<a download="{name}" href="{_data_url(notes, "audio/midi")}">{name}</a>'


def _data_url(file: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"


def _settings(name: str, table: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(key)}</td><td><code>{escape(str(value))}</code></td></tr>" for key, value in table.items()
    )
    return f"<h3>{escape(name)}</h3><table>{rows}</table>"
