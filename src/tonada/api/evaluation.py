"""``evaluate``: the held-out loss of a model beside counted baselines on the same ids."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonada.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from tonada.symbolic.evaluation.heldout import HeldOut


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What ``evaluate`` found.

    Attributes
    ----------
    model
        Folder of the model.
    data, data_sha256
        The data set, and the hash of its manifest.
    split
        Of the data set.
    limit
        Only so many pieces were read; None for all.
    held_out
        The figures.
    files
        What was written.
    """

    model: Path
    data: Path
    data_sha256: str
    split: str
    limit: int | None
    held_out: HeldOut
    files: tuple[Path, ...] = ()


def evaluate(
    model: str | Path,
    *,
    ref: str | Path,
    split: str = "validation",
    limit: int | None = None,
    device: str = "auto",
    precision: str = "fp32",
    output: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measure how well a model predicts music that it never saw, in nats per note.

    The protocol is that of `tonada.symbolic.evaluation.heldout`: whole pieces, each id scored once with at least half a
    context before it. The baselines count the ids of the data set's training split.

    Parameters
    ----------
    model
        Name of a model that Tonada brings, or path of a model or run folder.
    ref
        A data set that ``prepare`` wrote with the model's tokenizer.
    split
        "train", "validation" or "test".
    limit
        Read only the first so many pieces: a glance, not a figure to quote.
    device
        "auto", "cpu", "cuda" or "mps".
    precision
        Of the forward passes: "fp32", or "bf16", which is faster where the hardware has it, and rounds.
    output
        Folder for ``evaluation.json`` and ``evaluation.html``; nothing is written when None.
    progress
        Called with the windows done, and all of them.

    Raises
    ------
    UnknownNameError
        No such split, device or precision.
    ConfigError
        The data set was made with another tokenizer, or there is nothing to evaluate.
    CheckpointError
        There is no such model, or it cannot be loaded.
    DataError
        The data set cannot be read, or was changed since it was prepared; or the folder cannot be written.
    """
    from tonada.api.devices import find_device
    from tonada.api.inputs import check_output
    from tonada.config import to_mapping
    from tonada.data import Dataset
    from tonada.runs import find_model, load_model
    from tonada.symbolic.evaluation.baselines import fit_baselines
    from tonada.symbolic.evaluation.heldout import evaluate_held_out
    from tonada.symbolic.tokenizers.base import Tokenizer

    if limit is not None and limit < 1:
        raise ConfigError(f"limit must be at least 1; got {limit}")
    if output is not None:
        check_output(Path(output))
    if precision not in ("fp32", "bf16"):
        raise UnknownNameError("precision", precision, ("fp32", "bf16"))
    folder, dataset = find_model(model), Dataset(Path(ref))
    pieces = dataset.pieces(split)[:limit]
    loaded = load_model(folder, device=find_device(device))
    tokenizer = loaded.codec
    if not isinstance(tokenizer, Tokenizer):
        raise ConfigError(f"{model} has no held-out loss in nats per note: it does not read notes")
    if (dataset.codec_name, dataset.codec_config) != (tokenizer.name, to_mapping(tokenizer.config)):
        raise ConfigError(
            f"{ref} was prepared with the tokenizer '{dataset.codec_name}' {dataset.codec_config or ''}, {model} reads "
            f"'{tokenizer.name}' {to_mapping(tokenizer.config) or ''}. Run: tonada prepare --tokenizer {tokenizer.name}"
        )
    dataset.verify()  # a figure is quoted with the hash of its data set
    held_out = evaluate_held_out(
        loaded.model,
        tokenizer,
        [piece.array for piece in pieces],
        seconds=[float(piece.metadata["seconds"]) for piece in pieces],
        baselines=fit_baselines(tokenizer, (piece.array for piece in dataset.pieces("train"))),
        precision="bf16" if precision == "bf16" else "fp32",
        progress=progress,
    )
    found = Evaluation(
        model=folder, data=dataset.folder, data_sha256=dataset.sha256, split=split, limit=limit, held_out=held_out
    )
    return found if output is None else _written(found, Path(output))


def _written(found: Evaluation, output: Path) -> Evaluation:
    from dataclasses import replace

    from tonada.files import write_text
    from tonada.jsontext import to_json

    head = {
        "model": str(found.model),
        "data": str(found.data),
        "data_sha256": found.data_sha256,
        "split": found.split,
        "limit": found.limit,
    }
    files = (output / "evaluation.json", output / "evaluation.html")
    write_text(files[0], to_json({**head, "held_out": found.held_out}) + "\n")
    write_text(files[1], _page(head, found.held_out))
    return replace(found, files=files)


def _page(head: Mapping[str, Any], held_out: HeldOut) -> str:
    """Write the figures as a page of its own, without anything from elsewhere."""
    rows: Sequence[Mapping[str, str | float]] = held_out.table()

    def cell(value: str | float) -> str:
        return html.escape(value) if isinstance(value, str) else f"{value:.4f}"

    names = "".join(f"<th scope=col>{html.escape(name)}</th>" for name in rows[0])
    lines = "".join(f"<tr>{''.join(f'<td>{cell(value)}</td>' for value in row.values())}</tr>\n" for row in rows)
    facts = {
        **head,
        "pieces": held_out.pieces,
        "notes": held_out.notes,
        "ids per note": f"{held_out.ids_per_note:.3f}",
        "context": held_out.context,
        "stride": held_out.stride,
        "precision": held_out.precision,
    }
    told = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape('all' if value is None else str(value))}</dd>\n"
        for name, value in facts.items()
    )
    style = (
        "body{font:16px sans-serif;margin:2em auto;max-width:70em;padding:0 1em}table{border-collapse:collapse}"
        "td,th{border-bottom:1px solid #888;padding:.3em .6em;text-align:right}"
        "td:first-child,th:first-child{text-align:left}dt{font-weight:bold}"
    )
    return (
        "<!doctype html>\n<html lang=en><meta charset=utf-8><title>Held-out loss</title>"
        f"<style>{style}</style>\n<h1>Held-out loss</h1>\n<p>Lower is better. “corrected” adds what coarse bins hide, "
        "so it is the one figure that compares tokenizers. Under the name of a slot stands what it adds to the nats "
        "per note.</p>\n"
        f"<table><tr>{names}</tr>\n{lines}</table>\n<dl>{told}</dl>\n</html>\n"
    )
