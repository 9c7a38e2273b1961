"""``evaluate``: the held-out figures of a model, or how files stand beside real music."""

from __future__ import annotations

import glob
import html
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonada.config import to_mapping
from tonada.errors import ConfigError, UnknownNameError

PAIRS = 12
"""Of a page for listening, unless another number is asked for."""

if TYPE_CHECKING:
    from tonada.api.studies.evaluation import Report, Rows
    from tonada.codec import Codec


def evaluate(
    *names: str | Path,
    ref: str | Path | None = None,
    split: str = "validation",
    limit: int | None = None,
    seconds: float | None = None,
    judge: str | Path | None = None,
    originality: bool = False,
    listen: bool = False,
    pairs: int = PAIRS,
    seed: int = 1,
    device: str = "auto",
    precision: str = "fp32",
    output: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Measure how well a model predicts or reconstructs music that it never saw, or how real some files are.

    *One model.* A language model's held-out loss in nats per note, by the protocol of
    `tonada.symbolic.evaluation.heldout`: whole pieces, each id scored once with at least half a context before it; the
    baselines count the ids of the data set's training split. An autoencoder's distances between segments and what comes
    back of them, by that of `tonada.audio.evaluation.reconstruction`. A classifier's confusion matrix.

    *MIDI files.* Every objective metric beside the reference set's, distances within and between the sets, and what the
    judge takes them for; see `tonada.api.judging`.

    *Quotations*, with ``originality``: what MIDI files share with the training music; see `tonada.api.originality`.

    *Listeners*, with ``listen``. Two folders, or a model and its data, become a page for blind listening in ``output``;
    csv files of answers become preferences; see `tonada.api.listening` and `tonada.api.preferences`.

    Parameters
    ----------
    *names
        Name of a model that Tonada brings, or path of a model or run folder; or MIDI files, folders of them, patterns;
        or what is heard, or was answered.
    ref
        A data set that ``prepare`` wrote, for a model with its tokenizer or transform; for files also a folder of MIDI
        files.
    split
        "train", "validation" or "test".
    limit
        Read only the first so many pieces, of files so many passages: a glance, not a figure to quote.
    seconds
        Of files: length of the passages that are compared; of listening, of each sound; 30 when None.
    judge
        Of files: the classifier that knows the styles; the one that Tonada brings when None.
    originality
        Of files: look for quotations of the training music, without a reference.
    listen
        Make a page for blind listening, or read the answers that listeners saved.
    pairs
        Of listening: how many at most.
    seed
        Of listening: of order and sides, and of what a model makes.
    device
        "auto", "cpu", "cuda" or "mps".
    precision
        Of a model's forward passes: "fp32", or "bf16", which is faster where the hardware has it, and rounds.
    output
        Folder for ``evaluation.json`` and ``evaluation.html``; nothing is written when None.
    progress
        Called with the windows, segments or features done, and all of them.

    Raises
    ------
    UnknownNameError
        No such split, device or precision.
    ConfigError
        The data set was made with another tokenizer or transform, or there is nothing to evaluate.
    CheckpointError
        There is no such model, or it cannot be loaded.
    DataError
        The data set or the files cannot be read, or the data set was changed since it was prepared; or the folder
        cannot be written.
    """
    from tonada.api.inputs import check_output

    if not names:
        raise ConfigError("name a model, or MIDI files, to evaluate")
    if listen:
        from tonada.api.listening import make_page
        from tonada.api.preferences import read_answers

        if all(str(name).endswith(".csv") for name in names):
            return read_answers(names)
        return make_page(
            names,
            output=Path() if output is None else output,
            ref=ref,
            split=split,
            pairs=pairs,
            seed=seed,
            seconds=seconds,
            device=device,
        )
    if originality:
        from tonada.api.originality import report_originality

        if output is not None:
            check_output(Path(output))
        return _written(report_originality(names, progress=progress), output)
    if ref is None:
        raise ConfigError("name what to compare with: --ref DATA, a data set that prepare wrote")
    if limit is not None and limit < 1:
        raise ConfigError(f"limit must be at least 1; got {limit}")
    if output is not None:
        check_output(Path(output))
    if precision not in ("fp32", "bf16"):
        raise UnknownNameError("precision", precision, ("fp32", "bf16"))
    if _are_files(names):
        from tonada.api.judging import SECONDS, evaluate_files

        found: Report = evaluate_files(
            names,
            ref=ref,
            split=split,
            limit=limit,
            seconds=SECONDS if seconds is None else seconds,
            judge=judge,
            device=device,
            progress=progress,
        )
    else:
        if seconds is not None or judge is not None:
            raise ConfigError("seconds and judge are for MIDI files: a model is measured on whole pieces")
        found = _evaluate_model(
            names[0], Path(ref), split=split, limit=limit, device=device, precision=precision, progress=progress
        )
    return _written(found, output)


def _written(found: Report, output: str | Path | None) -> Report:
    """Write a report's files, if there is a folder for them, and say so in the report."""
    from dataclasses import replace

    from tonada.files import write_text
    from tonada.jsontext import to_json

    if output is None:
        return found
    files = (Path(output) / "evaluation.json", Path(output) / "evaluation.html")
    write_text(files[0], to_json(found.document()) + "\n")
    write_text(files[1], _page(found))
    return replace(found, files=files)


def _are_files(names: Sequence[str | Path]) -> bool:
    """Tell whether names are those of MIDI files: several; or a file, a pattern, or a folder with such files in it."""
    from tonada.runs import pretrained_names
    from tonada.symbolic.corpus.kind import MIDI

    if len(names) > 1:
        return True
    path = Path(names[0])
    if str(names[0]) in pretrained_names() or (path / "config.toml").is_file():
        return False
    if path.is_dir():
        return any(MIDI.has(item.name) for item in path.rglob("*"))
    return path.exists() or glob.has_magic(str(path))


def _evaluate_model(
    model: str | Path,
    ref: Path,
    *,
    split: str,
    limit: int | None,
    device: str,
    precision: str,
    progress: Callable[[int, int], None] | None,
) -> Report:
    """Measure a model on a split of a data set."""
    from tonada.api.devices import find_device
    from tonada.api.studies.choice import study_of
    from tonada.api.studies.evaluation import Subject
    from tonada.data import Dataset
    from tonada.hashing import file_sha256
    from tonada.runs import find_model, load_model

    folder, dataset = find_model(model), Dataset(ref)
    pieces = dataset.pieces(split)[:limit]
    loaded = load_model(folder, device=find_device(device))
    study = study_of(loaded.config["model"]["name"])(dataset)
    codec = loaded.codec
    if told := _differences(dataset.codec_name, dataset.codec_config, codec.name, to_mapping(codec.config)):
        raise ConfigError(
            f"{ref} was prepared with another codec than {model} reads: {told}. "
            f"Run: tonada prepare {study.prepare_option} {codec.name}{_settings(codec)}"
        )
    dataset.verify()  # a figure is quoted with the hash of its data set
    subject = Subject(
        model=folder,
        weights_sha256=file_sha256(folder / "model.safetensors"),
        data=dataset.folder,
        data_sha256=dataset.sha256,
        split=split,
        limit=limit,
    )
    return study.evaluate(
        loaded.model, pieces, subject=subject, precision="bf16" if precision == "bf16" else "fp32", progress=progress
    )


def _page(found: Report) -> str:
    """Write the figures as a page of its own, without anything from elsewhere."""
    from tonada.charts import STYLE

    told = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape('all' if value is None else str(value))}</dd>\n"
        for name, value in {**found.subject(), **found.facts()}.items()
    )
    tables = "".join(
        (f"<h2>{html.escape(heading)}</h2>\n" if heading else "") + _table(rows)
        for heading, rows in found.tables().items()
    )
    style = (
        "body{font:16px sans-serif;margin:2em auto;max-width:70em;padding:0 1em}table{border-collapse:collapse}"
        "td,th{border-bottom:1px solid #888;padding:.3em .6em;text-align:right}"
        "td:first-child,th:first-child{text-align:left}dt{font-weight:bold}"
    )
    charts = "".join(f"<figure>{chart}</figure>\n" for chart in found.charts())
    return (
        f"<!doctype html>\n<html lang=en><meta charset=utf-8><title>{found.title}</title>"
        f"<style>{style}{STYLE if charts else ''}</style>\n<h1>{found.title}</h1>\n"
        f"<p>{html.escape(found.explanation)}</p>\n"
        f"{charts}{tables}<dl>{told}</dl>\n</html>\n"
    )


def _table(rows: Rows) -> str:
    def cell(value: str | float | None) -> str:
        if isinstance(value, float):
            return f"{value:.4f}"
        return "–" if value is None else html.escape(str(value))

    names = "".join(f"<th scope=col>{html.escape(name)}</th>" for name in rows[0])
    lines = "".join(f"<tr>{''.join(f'<td>{cell(value)}</td>' for value in row.values())}</tr>\n" for row in rows)
    return f"<table><tr>{names}</tr>\n{lines}</table>\n"


def _differences(name: str, settings: Mapping[str, Any], other: str, wanted: Mapping[str, Any]) -> str:
    """Tell what differs between the codec of a data set and that of a model; nothing where they are the same."""
    if name != other:
        return f"'{name}' there, '{other}' here"
    differing = [key for key in {**settings, **wanted} if settings.get(key) != wanted.get(key)]
    return "; ".join(f"{key} is {settings.get(key)} there, {wanted.get(key)} here" for key in differing)


def _settings(codec: Codec[Any]) -> str:
    """Give the options of ``prepare`` for a codec whose settings are not the usual ones."""
    usual = to_mapping(type(codec)().config)
    own = {key: value for key, value in to_mapping(codec.config).items() if usual.get(key) != value}
    return "".join(f" --set {shlex.quote(f'{key}={value}')}" for key, value in own.items())
