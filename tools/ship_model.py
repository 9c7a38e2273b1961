"""Turn a training run into a model that Tonada ships: bf16 weights, config, and a card with the measured figures.

    python tools/ship_model.py RUN --name NAME --data DATA --draft
    tonada evaluate NAME --ref DATA --split validation -o EVALUATION
    python tools/ship_model.py RUN EVALUATION/evaluation.json --name NAME --data DATA

The weights that ship are those that are evaluated: the first call writes them, without a card, the last one the card. A
model of notes takes the evaluation of the validation split and, once it is final, that of the test split, too, and
``--comparison`` what ``benchmarks/continuations.py`` wrote; a classifier of notes takes the same evaluations. An
autoencoder of sound takes those of both splits, and gets two files more: its prior, fitted to the encoded training
split, and a list of all artists.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from shipping import classifier, notes, sound
from shipping.shipment import Shipment
from tonada.api.studies.choice import study_of
from tonada.api.studies.labels import LabelStudy
from tonada.api.studies.sound import SoundStudy
from tonada.checkpoint import load_tensors
from tonada.config import read_toml
from tonada.data import Dataset
from tonada.errors import TonadaError
from tonada.files import write_text
from tonada.hashing import file_sha256
from tonada.runs import build_model, pretrained_folder, save_model

MOST_MEGABYTES = 50.0


def main() -> None:
    """Read the arguments and write the model's folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("evaluations", type=Path, nargs="*", metavar="EVALUATION.json")
    parser.add_argument("--name", required=True)
    parser.add_argument("--data", type=Path, required=True, help="the data set that the run was trained on")
    parser.add_argument("--comparison", type=Path, help="Markdown to put into the card")
    parser.add_argument("--cpu-minutes", type=float, help="processor time of the training, where it was measured")
    parser.add_argument("--first", type=Path, nargs="*", default=[], help="runs of earlier stages, the first one first")
    parser.add_argument("--first-cpu-minutes", type=float, nargs="*", help="processor time of each of them")
    parser.add_argument("--draft", action="store_true", help="no card yet: there are no figures of these weights")
    parser.add_argument("-o", "--output", type=Path, help="the shipped models' folder when not given")
    arguments = parser.parse_args()
    if arguments.draft == bool(arguments.evaluations):
        sys.exit("name the evaluations' json, or give --draft")
    try:
        files = ship(arguments)
    except TonadaError as error:
        sys.exit(str(error))
    sys.stdout.write("".join(f"{path}\n" for path in files))


def ship(arguments: argparse.Namespace) -> list[Path]:
    """Write the folder and give its files."""
    folder = (arguments.output or pretrained_folder()) / arguments.name
    config, dataset = read_toml(arguments.run / "config.toml"), Dataset(arguments.data)
    if config["data"]["sha256"] != dataset.sha256:
        sys.exit(f"{arguments.data} is not the data set that {arguments.run} was trained on")
    dataset.verify()
    write_weights(arguments.run, folder, config)
    study = study_of(config["model"]["name"])
    is_sound = study is SoundStudy
    if is_sound:
        sound.add_files(folder, dataset)
    if arguments.draft:
        (folder / "card.md").unlink(missing_ok=True)  # figures of other weights
        return sorted(folder.iterdir())
    minutes = arguments.first_cpu_minutes or [None] * len(arguments.first)
    if len(minutes) != len(arguments.first):
        sys.exit("give --first-cpu-minutes for each run of --first, or not at all")
    first = None
    for run, spent in zip(arguments.first, minutes, strict=True):
        first = Shipment(
            name=arguments.name,
            folder=None,
            run=run,
            config=read_toml(run / "config.toml"),
            dataset=dataset,
            evaluations={},
            comparison="",
            cpu_minutes=spent,
            first=first,
        )
    shipment = Shipment(
        name=arguments.name,
        folder=folder,
        run=arguments.run,
        config=config,
        dataset=dataset,
        evaluations=read_evaluations(arguments.evaluations, folder, dataset),
        comparison=arguments.comparison.read_text("utf-8") if arguments.comparison else "",
        cpu_minutes=arguments.cpu_minutes,
        first=first,
    )
    cards = {SoundStudy: sound.write_card, LabelStudy: classifier.write_card}
    write_text(folder / "card.md", cards.get(study, notes.write_card)(shipment))
    return sorted(folder.iterdir())


def write_weights(run: Path, folder: Path, config: Mapping[str, Any]) -> None:
    """Write the run's best weights, rounded to bf16, and its config without what is of the machine that trained it."""
    tensors, _ = load_tensors(run / "model.safetensors")
    model = build_model(config["model"])
    needless = tuple(f"{part}." for part in model.training_only)
    half = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items() if not name.startswith(needless)}
    megabytes = sum(tensor.nbytes for tensor in half.values()) / 1e6
    if megabytes > MOST_MEGABYTES:
        sys.exit(f"the weights take {megabytes:.1f} MB; what ships may take {MOST_MEGABYTES:g}")
    tables = {**config, "data": {"sha256": config["data"]["sha256"]}}
    if "init" in config:
        tables["init"] = {"weights_sha256": config["init"]["weights_sha256"]}
    save_model(folder, model, tables, weights=half)


def read_evaluations(paths: Sequence[Path], folder: Path, dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Read what ``tonada evaluate`` wrote: split → document. Figures of other weights or data are refused."""
    weights, found = file_sha256(folder / "model.safetensors"), {}
    for path in paths:
        document = json.loads(path.read_text("utf-8"))
        if document.get("weights_sha256") != weights:
            sys.exit(f"{path}: these are figures of other weights than those in {folder}")
        if document["data_sha256"] != dataset.sha256 or document["limit"] is not None:
            sys.exit(f"{path}: these are figures of other data, or of a part of it")
        found[document["split"]] = document
    return found


if __name__ == "__main__":
    main()
