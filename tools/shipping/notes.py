"""The card of a model of notes: data, training in one stage or two, held-out loss."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from shipping.shipment import STAGE_NAMES, Shipment
from tonada.model import Model
from tonada.runs import load_model
from tonada.symbolic.models.gpt import GPT
from tonada.symbolic.models.nested import Nested
from tonada.symbolic.tokenizers.note import NoteTokenizer

CARD = """\
# {name}: a piano model that fits any laptop

A decoder-only Transformer that continues piano music, note by note. Made and shipped by Tonada.

| | |
|---|---|
| preset | `{preset}`: {shape} |
| parameters | {parameters:,} |
| context | {context} ids ({notes_in_context} notes) |
| ids | tokenizer `{codec}`, vocabulary {vocabulary}, {ids_per_note} ids per note, sustain pedal folded into durations |
| may be told | {conditions} |
| weights | bf16 safetensors, {megabytes:.1f} MB |
| licence | **CC BY-NC-SA 4.0** (it was trained on MAESTRO): not for commercial use, share alike |

## Data

MAESTRO v3.0.0 (Hawthorne et al. 2019, CC BY-NC-SA 4.0), the training split: {train_pieces} performances,
{train_notes:,} notes, after {dropped} training files were dropped because they share a work with the official
validation or test split (by title, or by their notes). SHA-256 of the training ids: {train_sha256};
of the data set's manifest: `{data_sha256}`.

    tonada prepare maestro-v3.0.0-midi.zip -o DATA
    {train_commands}
    python tools/ship_model.py RUN --name {name} --data DATA --draft
    {evaluate_commands}
    python tools/ship_model.py RUN {evaluations} --name {name} --data DATA{first}

## Training

{training}

## Figures

Held-out loss of the shipped weights over whole official splits of MAESTRO: windows of the context with half a context
between them, each id scored once with at least half a context before it; told nothing; computed in {precision}.
*Corrected*: a value that is known only to a bin costs the logarithm of the bin's width more (reference 10 ms for times,
1 for velocity), so that figures compare across tokenizers. {test_split}

{figures}

That is {below:.2f} nats per note below the slot-wise unigram on the validation split.

{comparison}
## Limits

* Piano only, in real time: it has no beats, bars or key signature, and knows velocity to steps of {velocity_step} and
  time to {step_ms} ms.
* The pedal is folded into durations; continuations carry no pedal events.
* It remembers {notes_in_context} notes. Themes do not come back by plan: it has no long form.
* Trained on competition performances of the classical repertoire; other traditions will sound like that repertoire.
* Whether its continuations quote the training music is not measured here; `compose --avoid-copy` and
  `evaluate --originality` look for it, file by file.
"""
ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth")
TRAINING = """\
{steps:,} optimizer steps{asked} of {batch} windows of {context} ids: **{seen:.1f} million ids, {passes:.2f} passes**
over the training ids, in {minutes} on a CPU, seed {seed}. Optimizer `{optimizer}`, peak rate {learning_rate},
schedule `{schedule}`{falling}, precision `{precision}`. {varied} {told} The weights are those with the best validation
score, after step {best_step:,}. The length of the run was set by the clock, not by the data.

| step | million ids | validation, estimated nats per note |
|---|---|---|
{curve}"""


def write_card(shipment: Shipment) -> str:
    """Fill the card from the run, the data set's manifest, and the figures of the splits that were evaluated."""
    if "validation" not in shipment.evaluations:
        sys.exit("name the json of the evaluation of the validation split, and that of the test split if there is one")
    found = {split: shipment.evaluations[split]["held_out"] for split in sorted(shipment.evaluations, reverse=True)}
    manifest = shipment.dataset.manifest
    model, codec = (shipment.config[table] for table in ("model", "codec"))
    loaded = load_model(shipment.folder)
    tokenizer = loaded.codec
    if not isinstance(tokenizer, NoteTokenizer):
        sys.exit("this card is written for models of the tokenizer 'note'")
    validation = found["validation"]
    unigram = next(row for row in validation["baselines"] if row["name"] == "unigram")
    return CARD.format(
        name=shipment.name,
        preset=shipment.preset,
        shape=_shape(loaded.model),
        parameters=loaded.model.parameter_count(),
        context=model["context"],
        vocabulary=model["vocabulary"],
        notes_in_context=model["context"] // tokenizer.ids_per_note,
        ids_per_note=tokenizer.ids_per_note,
        conditions=_conditions(shipment),
        velocity_step=codec["velocity_step"],
        step_ms=codec["step_ms"],
        codec=codec["name"],
        megabytes=shipment.megabytes,
        train_pieces=manifest["splits"]["train"]["pieces"],
        train_notes=sum(int(piece.metadata["notes"]) for piece in shipment.dataset.pieces("train")),
        dropped=(shipment.dataset.folder / "leakage.csv").read_text("utf-8").count("\n") - 1,
        train_sha256=shipment.shard_hashes,
        data_sha256=shipment.dataset.sha256,
        train_commands="\n    ".join(shipment.all_commands),
        evaluate_commands="\n    ".join(
            f"tonada evaluate {shipment.name} --ref DATA --split {split} -o {split.upper()}" for split in found
        ),
        evaluations=" ".join(f"{split.upper()}/evaluation.json" for split in found),
        first=" --first " + " ".join(STAGE_NAMES[: len(shipment.stages) - 1]) if shipment.first is not None else "",
        training=_training(shipment),
        precision=validation["precision"],
        test_split="The test split was used once, for this card."
        if "test" in found
        else "The test split was not touched.",
        figures=_figures(found),
        below=unigram["nats_per_note"] - validation["model"]["nats_per_note"],
        comparison=shipment.comparison,
    )


def _shape(model: Model) -> str:
    """Tell how the network is built, in a line."""
    if isinstance(model, Nested):
        nested = model.config
        queries = ", normalised queries and keys" if nested.qk_norm else ""
        mixed = f", a convolution of {nested.convolution} notes in each block" if nested.convolution else ""
        return (
            f"{nested.blocks} blocks of width {nested.width} with {nested.heads} heads that take one step a note"
            f"{queries}{mixed}; {nested.head_layers} layers that spell each note out; "
            "rotary positions, RMS norm, SwiGLU"
        )
    if isinstance(model, GPT):
        gpt = model.config
        activation = {"swiglu": "SwiGLU", "gelu": "GELU"}[gpt.activation]
        return (
            f"{gpt.blocks} blocks, width {gpt.width}, {gpt.heads} heads, {gpt.positions} positions, "
            f"{gpt.norm} norm, {activation}"
        )
    sys.exit(f"this card cannot describe a {type(model).__name__}")


def _conditions(shipment: Shipment) -> str:
    """Tell which conditions the model has learned to follow."""
    if not shipment.config["augmentation"]["conditions"]:
        return "nothing: it was trained without conditions"
    return "composer, period, key, tempo, density and length, or nothing"


def _training(shipment: Shipment) -> str:
    """Tell how it was trained, stage by stage."""
    if shipment.first is None:
        return _stage(shipment)
    parts = []
    for number, stage in enumerate(shipment.stages):
        since = ", from those weights" if number else ""
        parts.append(f"### {ORDINALS[number]} stage{since}\n\n{_stage(stage)}{_growth(stage)}")
    return "\n\n".join(parts)


def _growth(shipment: Shipment) -> str:
    """Tell how the network was grown after the stage, if it was."""
    if shipment.grown is None:
        return ""
    silent = ", the copies adding nothing at first" if shipment.grown["silent"] else ""
    return (
        f"\n\nThen its {shipment.grown['blocks']} blocks were repeated {shipment.grown['times']} times{silent} "
        "(Du et al. 2024)."
    )


def _stage(shipment: Shipment) -> str:
    trainer, augmentation = shipment.config["trainer"], shipment.config["augmentation"]
    steps, ids_per_step = shipment.records[-1]["step"], _ids_per_step(shipment)
    varied = any(augmentation[name] for name in ("semitones", "stretch", "velocity"))
    return TRAINING.format(
        steps=steps,
        asked="" if steps == trainer["steps"] else f" (of {trainer['steps']:,} that were asked for)",
        best_step=shipment.best["step"],
        batch=trainer["batch"] * trainer["accumulate"],
        context=shipment.config["model"]["context"],
        seen=steps * ids_per_step / 1e6,
        passes=steps * ids_per_step / shipment.dataset.manifest["splits"]["train"]["items"],
        minutes=shipment.minutes,
        **{name: trainer[name] for name in ("optimizer", "seed", "learning_rate", "schedule", "precision")},
        falling=f" (falling over the last {trainer['decay_share']:.0%})" if trainer["schedule"] == "trapezoid" else "",
        varied=f"Windows were moved by up to {augmentation['semitones']} semitones, stretched by up to "
        f"{augmentation['stretch']:.0%}, and made softer or louder by up to {augmentation['velocity']}."
        if varied
        else "Windows were taken as they are.",
        told=f"{augmentation['conditions']:.0%} of them were told conditions, each with probability "
        f"{augmentation['each_condition']:g}."
        if augmentation["conditions"]
        else "",
        curve="\n".join(
            f"| {record['step']:,} | {record['step'] * ids_per_step / 1e6:.1f} | {record['validation']['score']:.3f} |"
            for record in shipment.validations
        ),
    )


def _ids_per_step(shipment: Shipment) -> int:
    trainer, model = shipment.config["trainer"], shipment.config["model"]
    return int(trainer["batch"] * trainer["accumulate"] * model["context"])


def _figures(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a table for each split."""
    head = "| | nats per note | corrected | onset | pitch | velocity | duration | bits per second | accuracy |"
    tables = []
    for split, held_out in found.items():
        rows = [_row(entry) for entry in (held_out["model"], *held_out["baselines"])]
        title = f"The {split} split: {held_out['pieces']} pieces, {held_out['notes']:,} notes."
        tables.append("\n".join([title, "", head, "|---" * 9 + "|", *rows]))
    return "\n\n".join(tables)


def _row(entry: Mapping[str, Any]) -> str:
    slots = {slot["slot"]: slot["nats_per_note"] for slot in entry["slots"]}
    cells = [entry["nats_per_note"], entry["nats_per_note_corrected"]]
    cells += [slots[name] for name in ("onset", "pitch", "velocity", "duration")]
    figures = " | ".join(f"{value:.3f}" for value in cells)
    return f"| {entry['name']} | {figures} | {entry['bits_per_s']:.1f} | {entry['accuracy']:.3f} |"
