"""Train the listener that judges generated sound, and write it beside its module, with what it was trained on.

    python tools/train_listener.py -d DATA [--seed 1] [--epochs 15]

DATA is what ``tonada prepare`` made of clips in folders by label, with the codec ``waveform``. Trained on the training
split alone; the accuracy is that on the validation split, whose tracks it has not heard. A minute on a CPU.

Beside the genres it learns to tell what generators produce when they fail: static, scrambled time, drones, made from
training clips. One that has never heard noise finds it unremarkable: its features put white noise among music.

Beside the weights it writes who made the training tracks, and the notices that must come with them: see
``shipping/rights.py``.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from shipping.rights import ATTRIBUTION, attribution, licence_of_weights, notices_for, works_of
from tonada.audio.evaluation.embeddings import hear
from tonada.audio.evaluation.listener import WEIGHTS, Listener
from tonada.checkpoint import save_tensors
from tonada.data import Dataset
from tonada.files import write_text
from tonada.jsontext import to_json
from tonada.registry import resolve_codec
from tonada.seeding import rng

BATCH = 32
PEAK_RATE = 3e-3
CROP_FRAMES = 160
GAIN_NATS = 0.7
MASK_FRAMES, MASK_BANDS = 24, 16
SPOILED = 0.4  # share of a batch


def main() -> None:
    """Read the arguments, train, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", "--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("-o", "--output", type=Path, default=WEIGHTS, help="the shipped file when not given")
    arguments = parser.parse_args()
    dataset = Dataset(arguments.data)
    labels = sorted({row["label"] for row in dataset.rows})
    (spectra, wanted), (held_spectra, held_wanted) = (
        spectra_of(dataset, name, labels) for name in ("train", "validation")
    )
    licence, rights = write_rights(dataset, arguments.output)  # before the long work: they may stop it
    listener = train(spectra, wanted, len(labels), seed=arguments.seed, epochs=arguments.epochs, log=True)
    said = classify(listener, held_spectra)
    genre = said[:, : len(labels)].argmax(dim=1)
    confusion = [
        [int(((held_wanted == i) & (genre == j)).sum()) for j in range(len(labels))] for i in range(len(labels))
    ]
    names = [*labels, *SPOILERS]
    save_tensors(arguments.output, listener.state_dict(), {"labels": "\n".join(names)})
    facts = {
        **licence,
        "data_sha256": dataset.sha256,
        "labels": names,
        "seed": arguments.seed,
        "epochs": arguments.epochs,
        "weights": sum(tensor.numel() for tensor in listener.parameters()),
        "training_segments": len(wanted),
        "held_out_segments": len(held_wanted),
        "held_out_tracks": len({piece.metadata["track"] for piece in dataset.pieces("validation")}),
        "held_out_genre_accuracy": float((genre == held_wanted).float().mean()),
        "held_out_genre_confusion": confusion,
        "held_out_taken_for_spoiled": float((said.argmax(dim=1) >= len(labels)).float().mean()),
    }
    write_text(arguments.output.with_suffix(".json"), to_json(facts) + "\n")
    for path in (arguments.output, arguments.output.with_suffix(".json"), *rights):
        sys.stdout.write(f"{path}\n")


def write_rights(dataset: Dataset, weights: Path) -> tuple[dict[str, str], list[Path]]:
    """Write beside the weights who made what they learn from; give the weights' licence, and the files."""
    works = works_of([row for row in dataset.rows if row["split"] == "train"])
    licence = licence_of_weights(work.licence for work in works)
    files = [weights.with_name(f"{weights.stem}-{ATTRIBUTION}")]
    write_text(files[0], attribution(works))
    for notice in notices_for(works):
        files.append(weights.with_name(f"{weights.stem}-{notice.name}"))
        shutil.copyfile(notice, files[-1])
    return {"licence": licence.name, "licence_link": licence.link, "attribution": files[0].name}, files


def spectra_of(dataset: Dataset, split: str, labels: list[str]) -> tuple[list[Tensor], Tensor]:
    """Give the log-mel spectra of a split, [128, L] each, and the numbers of their labels."""
    codec_class = resolve_codec(dataset.codec_name)
    codec = codec_class(codec_class.Config(**dataset.codec_config))
    pieces = dataset.pieces(split)
    wanted = torch.tensor([labels.index(piece.metadata["label"]) for piece in pieces])
    return [hear(codec.decode(piece.array)) for piece in pieces], wanted


def train(spectra: list[Tensor], wanted: Tensor, labels: int, *, seed: int, epochs: int, log: bool = False) -> Listener:
    """Train by AdamW and a one-cycle rate, on varied crops; every label as often as any other."""
    torch.manual_seed(seed)
    listener = Listener(labels + len(SPOILERS))
    steps = epochs * math.ceil(len(spectra) / BATCH)
    optimizer = torch.optim.AdamW(listener.parameters(), lr=PEAK_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps, pct_start=0.2)
    share = 1.0 / torch.bincount(wanted, minlength=labels)[wanted].double().numpy()
    share /= share.sum()
    listener.train()
    for step in range(steps):
        draw = rng(seed, "listener", step)
        chosen = draw.choice(len(spectra), size=BATCH, p=share)
        crops, targets = [varied(spectra[index], draw) for index in chosen], wanted[chosen]
        for place in range(round(SPOILED * BATCH)):
            kind = int(draw.integers(len(SPOILERS)))
            crops[place], targets[place] = SPOILERS[SPOILER_NAMES[kind]](crops[place], draw), labels + kind
        loss = nn.functional.cross_entropy(listener(torch.stack(crops)), targets, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if log and (step + 1) % 100 == 0:
            sys.stderr.write(f"step {step + 1} of {steps}: loss {loss.item():.3f}\n")
    return listener.eval()


def varied(spectrum: Tensor, draw: np.random.Generator) -> Tensor:
    """Crop in time, turn louder or softer, and hide some frames and bands."""
    if spectrum.shape[1] < CROP_FRAMES:
        spectrum = spectrum.repeat(1, math.ceil(CROP_FRAMES / spectrum.shape[1]))
    start = int(draw.integers(spectrum.shape[1] - CROP_FRAMES + 1))
    crop = spectrum[:, start : start + CROP_FRAMES] + float(draw.uniform(-GAIN_NATS, GAIN_NATS))
    mean = crop.mean()
    frame, band = int(draw.integers(CROP_FRAMES - MASK_FRAMES)), int(draw.integers(len(crop) - MASK_BANDS))
    crop[:, frame : frame + int(draw.integers(MASK_FRAMES))] = mean
    crop[band : band + int(draw.integers(MASK_BANDS))] = mean
    return crop


def static(crop: Tensor, draw: np.random.Generator) -> Tensor:
    """Give steady noise: with the mean spectrum of a clip or with a random smooth one, and independent fluctuations."""
    level = crop.exp().square().mean(dim=1).log() / 2
    if draw.random() < 0.5:
        places = torch.linspace(0.0, 1.0, len(level))
        waves = [float(draw.normal()) * torch.cos(math.pi * order * places) for order in range(1, 4)]
        level = level.mean() + torch.stack(waves).sum(dim=0)
    noise = torch.from_numpy(draw.normal(size=tuple(crop.shape)).astype(np.float32))
    return level[:, None] + float(draw.uniform(0.05, 0.65)) * noise


def scrambled(crop: Tensor, draw: np.random.Generator) -> Tensor:
    """Put the frames into random order, and average the power of a few at a time, as overlapping windows do."""
    order = torch.from_numpy(draw.permutation(crop.shape[1]))
    return smoothed(crop[:, order], int(draw.integers(1, 7)))


def drone(crop: Tensor, draw: np.random.Generator) -> Tensor:
    """Average the power over a second or more: what begins and ends is gone."""
    return smoothed(crop, int(draw.integers(40, crop.shape[1])))


def smoothed(crop: Tensor, frames: int) -> Tensor:
    """Give the moving average of the power over so many frames."""
    power = nn.functional.pad(crop.exp().square()[None], (frames // 2, (frames - 1) // 2), mode="replicate")
    return nn.functional.avg_pool1d(power, frames, stride=1)[0].log() / 2


SPOILERS: Mapping[str, Callable[[Tensor, np.random.Generator], Tensor]] = {
    "static": static,
    "scrambled": scrambled,
    "drone": drone,
}
SPOILER_NAMES = tuple(SPOILERS)


@torch.no_grad()
def classify(listener: Listener, spectra: list[Tensor]) -> Tensor:
    """Give the logits of each spectrum, [N, labels]."""
    return torch.stack([listener(spectrum[None])[0] for spectrum in spectra])


if __name__ == "__main__":
    main()
