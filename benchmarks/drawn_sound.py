"""Is what a variational autoencoder draws music? Every distance, beside controls and a plain autoencoder.

    python benchmarks/drawn_sound.py --vae RUN --autoencoder RUN -d DATA -n 96 --output drawn.json

For both models: clips decoded from N(0, 1), and from the prior that is fitted to the latents of the training split; for
the plain one from ±1 evenly, too. All sets have equally many clips of five seconds, the first seeds, none left out.
The reference is held-out clips of the validation and the test split, evenly chosen; "real" is clips of training
tracks. The last lines count the figures by which the variational model's fitted draws are closer to real music than
each other set, and name those by which they are not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from tonada.api.autoencoders import load_autoencoder
from tonada.api.studies.sound import SoundStudy
from tonada.audio.clip import Clip
from tonada.audio.evaluation.controls import CONTROLS
from tonada.audio.evaluation.judging import REAL, Judgement, judge
from tonada.audio.latents.priors import NormalPrior, Prior, UniformPrior, fit_prior
from tonada.audio.latents.streaming import encode_whole
from tonada.audio.models.base import AudioAutoencoder
from tonada.data import Dataset, Piece
from tonada.files import write_text

OURS = "vae, fitted prior"
COLUMNS = ("frechet", "kernel", "precision", "recall", "density", "coverage", "diversity", "separability")


def main() -> None:
    """Read the arguments, draw, judge, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", required=True, help="a variational autoencoder: a model, or a model or run folder")
    parser.add_argument("--autoencoder", required=True, help="a plain one with the same latent")
    parser.add_argument("-d", "--data", type=Path, required=True)
    parser.add_argument("-n", "--clips", type=int, default=96)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--output", type=Path, help="JSON with all figures and their intervals")
    arguments = parser.parse_args()
    dataset = Dataset(arguments.data)
    study = SoundStudy(dataset)
    held_out = evenly([*dataset.pieces("validation"), *dataset.pieces("test")], arguments.clips)
    train = dataset.pieces("train")
    others = evenly(train, len(held_out))
    samples = round(arguments.seconds * study.codec.config.sample_rate)
    sets: dict[str, list[Clip]] = {}
    for kind, name in (("vae", arguments.vae), ("autoencoder", arguments.autoencoder)):
        model = load_autoencoder(name, device="cpu").model
        clips = [study.codec.decode(piece.array) for piece in train]
        priors: dict[str, Prior] = {
            "fitted prior": fit_prior([encode_whole(model, clip.samples[0]) for clip in clips]),
            "N(0, 1)": NormalPrior(model.latent_channels),
        }
        if kind == "autoencoder":
            priors["±1 evenly"] = UniformPrior(model.latent_channels)
        for title, prior in priors.items():
            sets[f"{kind}, {title}"] = [drawn(model, prior, samples, seed) for seed in range(1, len(held_out) + 1)]
        sets[f"{kind}, reconstructed"] = [decoded(model, study.codec.decode(piece.array)) for piece in held_out]
        sys.stderr.write(f"{kind}: done\n")
    judgement = judge(
        [study.codec.decode(piece.array) for piece in held_out],
        sets,
        others=[study.codec.decode(piece.array) for piece in others],
        tracks=[piece.metadata["track"] for piece in held_out],
        other_tracks=[piece.metadata["track"] for piece in others],
    )
    sys.stdout.write(table(judgement) + verdicts(judgement))
    if arguments.output:
        write_text(arguments.output, json.dumps(json.loads(judgement.to_json()), indent=1) + "\n")


def evenly(pieces: Sequence[Piece], count: int) -> list[Piece]:
    """Choose so many pieces, evenly over the list."""
    places = np.linspace(0, len(pieces) - 1, min(count, len(pieces))).astype(int)
    return [pieces[place] for place in places]


@torch.inference_mode()
def drawn(model: AudioAutoencoder, prior: Prior, samples: int, seed: int) -> Clip:
    """Decode latents from a prior."""
    latents = torch.from_numpy(prior.sample(model.frames(samples), seed)).T[None]
    return Clip(samples=model.decode(latents, samples).numpy(), sample_rate=model.sample_rate)


@torch.inference_mode()
def decoded(model: AudioAutoencoder, clip: Clip) -> Clip:
    """Encode and decode."""
    waveform = torch.from_numpy(clip.samples)
    samples = model.decode(model.encode(waveform), waveform.shape[-1]).numpy()
    return Clip(samples=samples, sample_rate=model.sample_rate)


def table(judgement: Judgement) -> str:
    """Write the figures as Markdown, "texture / listener" in each cell."""
    lines = [f"| set | {' | '.join(COLUMNS)} | static index |", "|---" * (len(COLUMNS) + 2) + "|"]
    for row in judgement.rows:
        cells = [
            " / ".join(f"{row.embeddings[embedding][column].value:.2f}" for embedding in row.embeddings)
            for column in COLUMNS
        ]
        lines.append(f"| {row.name} | {' | '.join(cells)} | {row.static_index.value:.2f} |")
    reference = f"{judgement.reference_clips} held-out clips of {judgement.reference_tracks} tracks"
    return "\n".join(lines) + f"\n\nReference: {reference}. Each cell: texture / listener.\n\n"


def verdicts(judgement: Judgement) -> str:
    """Say by how many figures our draws are closer to real music than each other set."""
    lines = []
    for row in judgement.rows:
        if row.name in (OURS, REAL) or row.name.endswith("reconstructed"):
            continue
        closer = judgement.closer(OURS, row.name)
        behind = [figure for figure, is_closer in closer.items() if not is_closer]
        told = f"; not by {', '.join(behind)}" if behind else ""
        control = "control " if row.name in CONTROLS else ""
        lines.append(f"* {control}{row.name}: closer by {len(closer) - len(behind)} of {len(closer)}{told}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
