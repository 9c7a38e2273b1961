"""Equalise a trained spectral autoencoder: a copy of its run whose decoder has the mean log spectrum of the originals.

    python tools/equalise_run.py RUN -d DATA -o EQUALISED [--clips 200]

Gains are fitted on training segments, evenly over the training split. The log is copied as it is: its validation
scores are those before.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch

from shipping.shipment import EQUALISED_FILE
from tonada.api.studies.sound import SoundStudy
from tonada.audio.equalising import equalise, fit_gains
from tonada.audio.models.spectral import SpectralAutoencoder
from tonada.data import Dataset
from tonada.errors import TonadaError
from tonada.files import write_text
from tonada.runs import load_model, save_model


def main() -> None:
    """Read the arguments, fit, and write the copy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("-d", "--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=200)
    arguments = parser.parse_args()
    try:
        run(arguments)
    except TonadaError as error:
        sys.exit(str(error))


def run(arguments: argparse.Namespace) -> None:
    """Write the equalised copy of a run."""
    loaded, dataset = load_model(arguments.run), Dataset(arguments.data)
    if not isinstance(loaded.model, SpectralAutoencoder):
        sys.exit(f"{arguments.run} is no spectral autoencoder: it has no spectrum to equalise")
    if arguments.output.exists():
        sys.exit(f"{arguments.output} exists")
    pieces, codec = dataset.pieces("train"), SoundStudy(dataset).codec
    step = max(1, len(pieces) // arguments.clips)
    clips = (codec.decode(piece.array).samples for piece in pieces[::step])
    gains = fit_gains(loaded.model, (torch.from_numpy(samples) for samples in clips))
    equalise(loaded.model, gains)
    arguments.output.mkdir(parents=True)
    shutil.copyfile(arguments.run / "log.jsonl", arguments.output / "log.jsonl")
    save_model(arguments.output, loaded.model, loaded.config)
    decibels = 20 * torch.log10(gains)
    gains_db = [round(float(value), 3) for value in decibels]
    write_text(arguments.output / EQUALISED_FILE, json.dumps({"gains_db": gains_db}) + "\n")
    for hz in (50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000):
        bin_of = min(round(hz * loaded.model.n_fft / loaded.model.sample_rate), len(gains) - 1)
        sys.stdout.write(f"{hz} Hz: {float(decibels[bin_of]):+.1f} dB\n")


if __name__ == "__main__":
    main()
