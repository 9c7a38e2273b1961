"""Turn a training run into a model that Tonada ships: bf16 weights, config, and a card with the measured figures.

    python tools/ship_model.py RUN EVALUATION.json --name piano --data DATA [--comparison TABLES.md]

EVALUATION.json is what ``tonada evaluate`` wrote, TABLES.md what ``benchmarks/continuations.py`` wrote. With
``--draft`` there is no card yet: so the weights that ship can be evaluated, and the second call writes their card.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tonada.checkpoint import load_tensors
from tonada.config import read_toml
from tonada.data import Dataset
from tonada.files import write_text
from tonada.runs import build_model, load_model, pretrained_folder, read_log, save_model
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
validation or test split (by title, or by their notes). SHA-256 of the training ids: `{train_sha256}`;
of the data set's manifest: `{data_sha256}`.

    tonada prepare maestro-v3.0.0-midi.zip -o DATA
    tonada train {preset} -d DATA -o RUN {settings}
    python tools/ship_model.py RUN --name {name} --data DATA --draft
    tonada evaluate {name} --ref DATA --split validation -o EVALUATION
    python tools/ship_model.py RUN EVALUATION/evaluation.json --name {name} --data DATA

## Training

{steps} optimizer steps of {ids_per_step} ids: **{seen:.1f} million ids, {epochs:.2f} passes** over the training ids,
in {minutes:.0f} minutes on the CPU, seed {seed}. Optimizer `{optimizer}`, peak rate {learning_rate}, schedule
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


def main() -> None:
    """Read the arguments and write the model's folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("evaluation", type=Path, nargs="?")
    parser.add_argument("--name", required=True)
    parser.add_argument("--preset", default="gpt/tiny")
    parser.add_argument("--data", type=Path, required=True, help="the data set that the run was trained on")
    parser.add_argument("--comparison", type=Path, help="Markdown tables to put into the card")
    parser.add_argument("--draft", action="store_true", help="weights and config only, no card")
    parser.add_argument("-o", "--output", type=Path, help="the shipped models' folder when not given")
    arguments = parser.parse_args()
    folder = (arguments.output or pretrained_folder()) / arguments.name
    config = read_toml(arguments.run / "config.toml")
    tensors, _ = load_tensors(arguments.run / "model.safetensors")
    half = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    tables = {**config, "data": {"sha256": config["data"]["sha256"]}}  # the folder is of the machine that trained it
    save_model(folder, build_model(config["model"]), tables, weights=half)
    if arguments.draft:
        (folder / "card.md").unlink(missing_ok=True)  # figures of other weights
    else:
        if arguments.evaluation is None:
            sys.exit("name the evaluation's json, or give --draft")
        write_text(folder / "card.md", card(arguments, folder, config))
    sys.stdout.write("".join(f"{path}\n" for path in sorted(folder.iterdir())))


def card(arguments: argparse.Namespace, folder: Path, config: Mapping[str, Any]) -> str:
    """Fill the card from the run, the data set's manifest, and the figures."""
    evaluation = json.loads(arguments.evaluation.read_text("utf-8"))["held_out"]
    manifest = json.loads((arguments.data / "manifest.json").read_text("utf-8"))
    model, trainer = config["model"], config["trainer"]
    loaded = load_model(folder)
    tokenizer = loaded.codec
    if not isinstance(tokenizer, NoteTokenizer):
        sys.exit("this card is written for models of the tokenizer 'note'")
    records = [record for record in read_log(arguments.run) if "validation" in record]
    last = read_log(arguments.run)[-1]
    best = min(records, key=lambda record: record["validation"]["score"])
    shards = manifest["splits"]["train"]["shards"]
    ids_per_step = trainer["batch"] * trainer["accumulate"] * model["context"]
    varied = any(config["augmentation"].values())
    leaked = (arguments.data / "leakage.csv").read_text("utf-8").count("\n") - 1
    unigram = next(row for row in evaluation["baselines"] if row["name"] == "unigram")
    settings = (
        "steps",
        "batch",
        "optimizer",
        "learning_rate",
        "schedule",
        "decay_share",
        "weight_decay",
        "warmup_steps",
    )
    given = [f"--set {name}={trainer[name]}" for name in settings]
    given += [f"--set {name}={value}" for name, value in config["augmentation"].items()]
    return CARD.format(
        name=arguments.name,
        preset=arguments.preset,
        **{name: model[name] for name in ("blocks", "width", "heads", "context", "vocabulary", "positions", "norm")},
        activation={"swiglu": "SwiGLU", "gelu": "GELU"}[model["activation"]],
        parameters=loaded.model.parameter_count(),
        notes_in_context=model["context"] // tokenizer.ids_per_note,
        ids_per_note=tokenizer.ids_per_note,
        velocity_step=config["codec"]["velocity_step"],
        step_ms=config["codec"]["step_ms"],
        codec=config["codec"]["name"],
        megabytes=(folder / "model.safetensors").stat().st_size / 1e6,
        train_pieces=manifest["splits"]["train"]["pieces"],
        train_notes=_notes(arguments.data, "train"),
        dropped=leaked,
        train_sha256=shards[0]["sha256"] if len(shards) == 1 else ", ".join(shard["sha256"] for shard in shards),
        data_sha256=config["data"]["sha256"],
        settings=" ".join(given),
        steps=last["step"],
        best_step=best["step"],
        ids_per_step=ids_per_step,
        seen=last["step"] * ids_per_step / 1e6,
        epochs=last["step"] * ids_per_step / manifest["splits"]["train"]["items"],
        minutes=last["seconds"] / 60,
        optimizer=trainer["optimizer"],
        precision_setting=trainer["precision"],
        seed=trainer["seed"],
        learning_rate=trainer["learning_rate"],
        schedule=trainer["schedule"],
        augmentation="Windows were varied (see the config)."
        if varied
        else "No augmentation: nearly every window is new.",
        curve="\n".join(
            f"| {record['step']} | {record['step'] * ids_per_step / 1e6:.1f} | {record['validation']['score']:.3f} |"
            for record in records
        ),
        pieces=evaluation["pieces"],
        notes=evaluation["notes"],
        precision=evaluation["precision"],
        rows="\n".join(_row(entry) for entry in (evaluation["model"], *evaluation["baselines"])),
        below=unigram["nats_per_note"] - evaluation["model"]["nats_per_note"],
        comparison=arguments.comparison.read_text("utf-8") if arguments.comparison else "",
    )


def _row(entry: Mapping[str, Any]) -> str:
    slots = {slot["slot"]: slot["nats_per_note"] for slot in entry["slots"]}
    cells = [entry["nats_per_note"], entry["nats_per_note_corrected"]]
    cells += [slots[name] for name in ("onset", "pitch", "velocity", "duration")]
    figures = " | ".join(f"{value:.3f}" for value in cells)
    return f"| {entry['name']} | {figures} | {entry['bits_per_s']:.1f} | {entry['accuracy']:.3f} |"


def _notes(data: Path, split: str) -> int:
    return sum(int(piece.metadata["notes"]) for piece in Dataset(data).pieces(split))


if __name__ == "__main__":
    main()
