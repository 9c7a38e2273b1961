"""The card of a model of notes: data, training, held-out loss."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from shipping.shipment import Shipment
from tonada.runs import load_model
from tonada.symbolic.tokenizers.note import NoteTokenizer

CARD = """\
# {name}: a piano model that fits any laptop

A decoder-only Transformer that continues piano music, note by note. Made and shipped by Tonada.

| | |
|---|---|
| preset | `{preset}`: {blocks} blocks, width {width}, {heads} heads, {positions} positions, {norm} norm, {activation} |
| parameters | {parameters:,} |
| context | {context} ids ({notes_in_context} notes) |
| ids | tokenizer `{codec}`, vocabulary {vocabulary}, {ids_per_note} ids per note, sustain pedal folded into durations |
| weights | bf16 safetensors, {megabytes:.1f} MB |
| licence | **CC BY-NC-SA 4.0** (it was trained on MAESTRO): not for commercial use, share alike |

## Data

MAESTRO v3.0.0 (Hawthorne et al. 2019, CC BY-NC-SA 4.0), the training split: {train_pieces} performances,
{train_notes:,} notes, after {dropped} training files were dropped because they share a work with the official
validation or test split (by title, or by their notes). SHA-256 of the training ids: {train_sha256};
of the data set's manifest: `{data_sha256}`.

    tonada prepare maestro-v3.0.0-midi.zip -o DATA
    {train_command}
    python tools/ship_model.py RUN --name {name} --data DATA --draft
    tonada evaluate {name} --ref DATA --split validation -o EVALUATION
    python tools/ship_model.py RUN EVALUATION/evaluation.json --name {name} --data DATA

## Training

{steps} optimizer steps of {ids_per_step} ids: **{seen:.1f} million ids, {epochs:.2f} passes** over the training ids,
in {minutes} on the CPU, seed {seed}. Optimizer `{optimizer}`, peak rate {learning_rate}, schedule
`{schedule}`, precision `{precision_setting}`. {augmentation} The weights are those with the best validation score,
after step {best_step}. It is a first model: the length of the run was set by the clock, not by the data.

| step | million ids | validation, estimated nats per note |
|---|---|---|
{curve}

## Figures

Held-out loss of the shipped weights over the whole official validation split of MAESTRO ({pieces} pieces,
{notes:,} notes): windows of the context with half a context between them, each id scored once with at least half a
context before it; computed in {precision}.
*Corrected*: a value that is known only to a bin costs the logarithm of the bin's width more (reference 10 ms for times,
1 for velocity), so that figures compare across tokenizers. The test split was not touched.

| | nats per note | corrected | onset | pitch | velocity | duration | bits per second | accuracy |
|---|---|---|---|---|---|---|---|---|
{rows}

That is {below:.2f} nats per note below the slot-wise unigram.

{comparison}
## Limits

* Piano only, in real time: it has no beats, bars or key signature, and knows velocity to steps of {velocity_step} and
  time to {step_ms} ms.
* The pedal is folded into durations; continuations carry no pedal events.
* It remembers {notes_in_context} notes. It keeps texture, key and motion over some ten seconds; it has no long form.
* Trained on competition performances of the classical repertoire; other traditions will sound like that repertoire.
* Whether a continuation quotes the training data is not measured here.
"""


def write_card(shipment: Shipment) -> str:
    """Fill the card from the run, the data set's manifest, and the figures of the validation split."""
    if list(shipment.evaluations) != ["validation"]:
        sys.exit("name the json of one evaluation, that of the validation split")
    evaluation = shipment.evaluations["validation"]["held_out"]
    manifest, records = shipment.dataset.manifest, shipment.records
    model, trainer, codec = (shipment.config[table] for table in ("model", "trainer", "codec"))
    loaded = load_model(shipment.folder)
    tokenizer = loaded.codec
    if not isinstance(tokenizer, NoteTokenizer):
        sys.exit("this card is written for models of the tokenizer 'note'")
    ids_per_step = trainer["batch"] * trainer["accumulate"] * model["context"]
    seen = records[-1]["step"] * ids_per_step
    unigram = next(row for row in evaluation["baselines"] if row["name"] == "unigram")
    return CARD.format(
        name=shipment.name,
        preset=shipment.preset,
        **{name: model[name] for name in ("blocks", "width", "heads", "context", "vocabulary", "positions", "norm")},
        activation={"swiglu": "SwiGLU", "gelu": "GELU"}[model["activation"]],
        parameters=loaded.model.parameter_count(),
        notes_in_context=model["context"] // tokenizer.ids_per_note,
        ids_per_note=tokenizer.ids_per_note,
        velocity_step=codec["velocity_step"],
        step_ms=codec["step_ms"],
        codec=codec["name"],
        megabytes=shipment.megabytes,
        train_pieces=manifest["splits"]["train"]["pieces"],
        train_notes=sum(int(piece.metadata["notes"]) for piece in shipment.dataset.pieces("train")),
        dropped=(shipment.dataset.folder / "leakage.csv").read_text("utf-8").count("\n") - 1,
        train_sha256=shipment.shard_hashes,
        data_sha256=shipment.dataset.sha256,
        train_command=shipment.train_command(),
        steps=records[-1]["step"],
        best_step=shipment.best["step"],
        ids_per_step=ids_per_step,
        seen=seen / 1e6,
        epochs=seen / manifest["splits"]["train"]["items"],
        minutes=shipment.minutes,
        **{name: trainer[name] for name in ("optimizer", "seed", "learning_rate", "schedule")},
        precision_setting=trainer["precision"],
        augmentation="Windows were varied (see the config)."
        if any(shipment.config["augmentation"].values())
        else "No augmentation: nearly every window is new.",
        curve="\n".join(
            f"| {record['step']} | {record['step'] * ids_per_step / 1e6:.1f} | {record['validation']['score']:.3f} |"
            for record in shipment.validations
        ),
        pieces=evaluation["pieces"],
        notes=evaluation["notes"],
        precision=evaluation["precision"],
        rows="\n".join(_row(entry) for entry in (evaluation["model"], *evaluation["baselines"])),
        below=unigram["nats_per_note"] - evaluation["model"]["nats_per_note"],
        comparison=shipment.comparison,
    )


def _row(entry: Mapping[str, Any]) -> str:
    slots = {slot["slot"]: slot["nats_per_note"] for slot in entry["slots"]}
    cells = [entry["nats_per_note"], entry["nats_per_note_corrected"]]
    cells += [slots[name] for name in ("onset", "pitch", "velocity", "duration")]
    figures = " | ".join(f"{value:.3f}" for value in cells)
    return f"| {entry['name']} | {figures} | {entry['bits_per_s']:.1f} | {entry['accuracy']:.3f} |"
