"""The card of a style: what it is, what it was made from, and what it does to the loss."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tonada.api.settings import NOTES_MODEL
from tonada.data import Dataset

if TYPE_CHECKING:
    from tonada.api.finetuning import FinetuningResult

MOST_COMPOSERS = 8
"""Composers that a card names, at most."""


def style_card(result: FinetuningResult, tables: Mapping[str, Any], dataset: Dataset) -> str:
    """Write the card, as Markdown.

    Parameters
    ----------
    result
        Of the fine-tuning.
    tables
        Of the run.
    dataset
        The music.
    """
    tuning, trainer, init = tables["tuning"], tables["trainer"], tables["init"]
    pieces = dataset.pieces("train")
    seconds = sum(float(piece.metadata.get("seconds") or 0.0) for piece in pieces)
    names = Counter(str(piece.metadata.get("composer") or "unnamed") for piece in pieces)
    composers = ", ".join(f"{name} ({count})" for name, count in names.most_common(MOST_COMPOSERS))
    is_adapter = tuning["train"] == "lora"
    what = {
        "lora": f"an adapter of rank {tuning['rank']} on {', '.join(tuning['targets'])}",
        "groups": f"groups of layers ({tuning['groups']})",
        "whole": "all weights",
    }[tuning["train"]]
    base = "" if init["model"] == NOTES_MODEL else f" --model {init['model']}"
    use = f"compose --style {result.folder.name}{base}" if is_adapter else f"compose --model {result.folder.name}"
    score = "not measured" if math.isnan(result.before) else f"{result.before:.4f}"
    return "\n".join(
        [
            f"# {result.style}",
            "",
            f"A style of the model `{init['model']}`: {what}, {result.trained} of {result.parameters} weights.",
            f"Use it with `tonada {use}`.",
            "",
            "| | |",
            "|---|---|",
            f"| model | `{init['model']}`, weights SHA-256 `{init['weights_sha256']}` |",
            f"| music | {len(pieces)} pieces, {seconds / 60:.0f} minutes: {composers} |",
            f"| data set | SHA-256 `{dataset.sha256}` |",
            f"| held out | {result.held_out} |",
            f"| loss before | {score} nats per note |",
            f"| loss after | {result.after:.4f} nats per note, at step {result.training.best_step} |",
            f"| training | {trainer['schedule']}, {trainer['optimizer']}, rate {trainer['learning_rate']:g}, "
            f"{result.training.step} of {trainer['steps']} steps, seed {trainer['seed']} |",
            "",
            "The loss is estimated on a fixed draw of windows of what was held out; `tonada evaluate` measures it on "
            "all of it. The music's own terms decide what may be done with the style.",
            "",
        ]
    )
