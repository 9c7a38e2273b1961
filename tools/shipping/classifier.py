"""The card of a classifier of notes: what it tells apart, and its confusion matrices on held-out works."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shipping.shipment import Shipment
from tonada.api.studies.labels import PASSAGE_NOTES, PER_PIECE
from tonada.data import Dataset
from tonada.runs import load_model
from tonada.symbolic.classifiers.base import NoteClassifier
from tonada.symbolic.classifiers.critic import Critic
from tonada.symbolic.classifiers.passages import LONGEST

MOST_MEGABYTES = 3.0

CARD = """\
# {name}: {what}

{about} Made and shipped by Tonada.

| | |
|---|---|
| preset | `{preset}` |
| classes | {classes} |
| parameters | {parameters:,} |
| reads | notes through the tokenizer `{codec}`, up to {longest} at once; longer music in parts |
| weights | bf16 safetensors, {megabytes:.2f} MB |
| licence | **CC BY-NC-SA 4.0** (it was trained on MAESTRO): not for commercial use, share alike |

## Data and training

{data} SHA-256 of the training ids: {train_sha256}; of the data set's manifest: `{data_sha256}`.

    {commands}

{steps} optimizer steps of {batch} passages of {shortest} to {longest_trained} notes, each class as often as any other,
{minutes}, seed {seed}; transposed by up to {semitones} semitones, up to {stretch:.0%} faster or slower, up to
{velocity} louder or softer, up to {dropped:.0%} of the notes left out.
The weights are those with the best validation score, after step {best_step}.

## Figures

Passages of {notes} notes of works that are not in the training split, at most {per_piece} of a piece; a row is a class,
under the name of a class stands the share that was taken for it. Intervals (95 %) are by bootstrap over works.
{chosen_on}

{tables}
## Limits

{limits}
"""

_ABOUT = (
    "It says whose piano music a passage is most like, by its notes alone. It measures whether a model follows a style "
    "(`docs/judging.md`); it is no expert on authenticity. Ranking is done by another network, the critic."
)
_CRITIC_ABOUT = (
    "It tells real continuations of piano pieces from those that a model makes, and ranks candidates "
    "(`tonada compose --best-of 8`). Measuring styles is done by another network, the judge."
)
_LIMITS = """\
* Its classes are those of MAESTRO's competition repertoire; everything else is "other" or is taken for one of them.
* It hears performances: how somebody plays is part of what it goes by.
* One passage says little; shares of many passages, with their intervals, are what it is for."""
_CRITIC_LIMITS = """\
* It knows the continuations of one model, at one temperature; of another model's it may find other things.
* What it finds most real is not what people like best: it prefers what real music does often."""


def write_card(shipment: Shipment) -> str:
    """Fill the card from the run, the data set's manifest, and the evaluations of the held-out splits."""
    if "validation" not in shipment.evaluations:
        sys.exit(
            "name the json of the evaluation of the validation split, and that of the test split where there is one"
        )
    assert shipment.folder is not None  # a classifier has one stage
    megabytes = shipment.megabytes
    if megabytes > MOST_MEGABYTES:
        sys.exit(f"the weights take {megabytes:.1f} MB; a classifier may take {MOST_MEGABYTES:g}")
    model = load_model(shipment.folder).model
    if not isinstance(model, NoteClassifier):
        sys.exit("this card is written for classifiers of notes")
    is_critic = isinstance(model, Critic)
    trainer, augmentation = shipment.config["trainer"], shipment.config["augmentation"]
    evaluated = " ".join(f"EVALUATION-{split}/evaluation.json" for split in shipment.evaluations)
    commands = [
        *_data_commands(shipment.dataset, is_critic),
        shipment.train_command(),
        f"python tools/ship_model.py RUN --name {shipment.name} --data DATA --draft",
        *(
            f"tonada evaluate {shipment.name} --ref DATA --split {split} -o EVALUATION-{split}"
            for split in shipment.evaluations
        ),
        f"python tools/ship_model.py RUN {evaluated} --name {shipment.name} --data DATA",
    ]
    main = {split: _main(document) for split, document in shipment.evaluations.items()}
    tables = "\n".join(f"### {split.title()} split\n\n{_table(document)}" for split, document in main.items())
    return CARD.format(
        name=shipment.name,
        what="a critic of continuations" if is_critic else "a judge of composers",
        about=_CRITIC_ABOUT if is_critic else _ABOUT,
        preset=shipment.preset,
        classes=", ".join(model.config.classes),
        parameters=model.parameter_count(),
        codec=shipment.config["codec"]["name"],
        longest=LONGEST,
        megabytes=megabytes,
        data=_data(shipment.dataset, is_critic),
        train_sha256=shipment.shard_hashes,
        data_sha256=shipment.dataset.sha256,
        commands="\n    ".join(commands),
        steps=shipment.records[-1]["step"],
        minutes=shipment.minutes,
        **{name: trainer[name] for name in ("batch", "seed")},
        **{name: augmentation[name] for name in ("shortest", "semitones", "stretch", "velocity", "dropped")},
        longest_trained=augmentation["longest"],
        best_step=shipment.best["step"],
        notes=main["validation"]["notes"],
        per_piece=PER_PIECE,
        chosen_on="The validation split chose among the checkpoints; the test split was not touched while training."
        if "test" in main
        else "The validation split chose among the checkpoints, too.",
        tables=tables,
        limits=_CRITIC_LIMITS if is_critic else _LIMITS,
    )


def _data_commands(dataset: Dataset, is_critic: bool) -> list[str]:
    if is_critic:
        return ["python tools/make_critic_data.py MODEL --data MAESTRO -o DATA"]
    return ["tonada prepare maestro-v3.0.0-midi.zip -o DATA"]


def _data(dataset: Dataset, is_critic: bool) -> str:
    pieces = {split: dataset.manifest["splits"][split]["pieces"] for split in ("train", "validation")}
    if is_critic:
        facts = dataset.manifest
        return (
            "Continuations of prompts of MAESTRO v3.0.0 (Hawthorne et al. 2019, CC BY-NC-SA 4.0): what really follows, "
            f"and what `{Path(facts['model']).name}` makes at temperature {facts['temperature']:g}; {pieces['train']} "
            f"of prompts of the training split, {pieces['validation']} of the validation split."
        )
    return (
        f"MAESTRO v3.0.0 (Hawthorne et al. 2019, CC BY-NC-SA 4.0), the training split: {pieces['train']} performances, "
        "without those that share a work with the official validation or test split. Works by several composers of "
        "whom one is a class are left out."
    )


def _main(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the figures of the usual length of passages."""
    figures: Mapping[str, Any] = next(entry for entry in document["figures"] if entry["notes"] == PASSAGE_NOTES)
    return figures


def _table(figures: Mapping[str, Any]) -> str:
    names = [row["name"] for row in figures["classes"]]
    lines = [
        f"| class | works | passages | {' | '.join(names)} | recall |",
        f"|---|---|---|{'---|' * (len(names) + 1)}",
    ]
    for row in figures["classes"]:
        shares = " | ".join(f"{row['taken_for'][name] / max(1, row['passages']):.2f}" for name in names)
        lines.append(f"| {row['name']} | {row['works']} | {row['passages']} | {shares} | {_estimate(row['recall'])} |")
    return "\n".join([*lines, "", f"Balanced accuracy {_estimate(figures['balanced_accuracy'])}.", ""])


def _estimate(value: Mapping[str, float | None]) -> str:
    if value["value"] is None:
        return "–"
    ends = "" if value["low"] is None else f" ({value['low']:.2f}–{value['high']:.2f})"
    return f"{value['value']:.2f}{ends}"
