"""Is what a variational autoencoder draws music? Every distance, beside controls and a plain autoencoder.

    python benchmarks/drawn_sound.py --vae RUN --autoencoder RUN -d DATA -n 96 --output drawn.json

For both models: clips decoded from N(0, 1), and from the prior that is fitted to the latents of the training split (or
that lies in the model's folder); for the plain one from ±1 evenly, too. All sets have equally many clips of five
seconds, the first seeds, none left out. The reference is held-out clips of the validation and the test split, evenly
chosen; "real" is clips of training tracks.

Three tables and a list, as Markdown: every figure of every set; how near drawn clips lie to their nearest training clip
and, beside them, how near held-out clips do, since a copy is no new sound; how much of the latent is used, and what
comes back of held-out clips (``--published RUN`` adds a model); and for each other set by how many figures the
variational model's fitted draws are closer to real music, and by which they are not. ``--sounds FOLDER`` writes the
first seeds of every drawn set.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tonada.api.autoencoders import LoadedAutoencoder, load_autoencoder
from tonada.api.studies.sound import SoundStudy
from tonada.audio.clip import Clip, write_clip
from tonada.audio.evaluation.controls import CONTROLS
from tonada.audio.evaluation.embeddings import describe_texture, fit_projection, hear
from tonada.audio.evaluation.judging import EMBEDDINGS, REAL, Judgement, judge
from tonada.audio.evaluation.listener import listen
from tonada.audio.latents.prior_files import FILE_NAME, load_prior
from tonada.audio.latents.priors import NormalPrior, Prior, UniformPrior, fit_prior
from tonada.audio.latents.streaming import encode_whole
from tonada.audio.models.base import AudioAutoencoder
from tonada.audio.validation import measure_latent, score_reconstruction
from tonada.data import Dataset, Piece
from tonada.files import write_text
from tonada.render.sound_pictures import draw_spectrogram
from tonada.statistics.distances import distances

FITTED, RECONSTRUCTED = "fitted prior", "reconstructed"
OURS = f"vae, {FITTED}"
COLUMNS = ("frechet", "kernel", "precision", "recall", "density", "coverage", "diversity", "separability")
WRITTEN = 3
"""Seeds of each set that ``--sounds`` writes."""


def main() -> None:
    """Read the arguments, draw, judge, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", required=True, help="a variational autoencoder: a model, or a model or run folder")
    parser.add_argument("--autoencoder", required=True, help="a plain one with the same latent")
    parser.add_argument("--published", help="one more model, whose reconstruction and use of latents is told")
    parser.add_argument("-d", "--data", type=Path, required=True)
    parser.add_argument("-n", "--clips", type=int, default=96)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1, help="the first; the others follow it")
    parser.add_argument("--sounds", type=Path, help="a folder for the first clips of every drawn set")
    parser.add_argument("--output", type=Path, help="JSON with all figures and their intervals")
    arguments = parser.parse_args()
    dataset = Dataset(arguments.data)
    study = SoundStudy(dataset)
    held_out = evenly([*dataset.pieces("validation"), *dataset.pieces("test")], arguments.clips)
    train = dataset.pieces("train")
    others = evenly(train, len(held_out))
    samples = round(arguments.seconds * study.codec.config.sample_rate)
    seeds = range(arguments.seed, arguments.seed + len(held_out))
    real = [study.codec.decode(piece.array) for piece in held_out]
    sets: dict[str, list[Clip]] = {}
    use: list[dict[str, Any]] = []
    for kind, name in (("vae", arguments.vae), ("autoencoder", arguments.autoencoder)):
        loaded = load_autoencoder(name, device="cpu")
        model = loaded.model
        priors: dict[str, Prior] = {
            FITTED: fitted_prior(loaded, (study.codec.decode(piece.array) for piece in train)),
            "N(0, 1)": NormalPrior(model.latent_channels),
        }
        if kind == "autoencoder":
            priors["±1 evenly"] = UniformPrior(model.latent_channels)
        for title, prior in priors.items():
            sets[f"{kind}, {title}"] = [drawn(model, prior, samples, seed) for seed in seeds]
        sets[f"{kind}, {RECONSTRUCTED}"] = [decoded(model, clip) for clip in real]
        use.append({"model": kind, **use_of(model, real)})
        sys.stderr.write(f"{kind}: done\n")
    if arguments.published:
        use.append({"model": "published", **use_of(load_autoencoder(arguments.published, device="cpu").model, real)})
    judgement = judge(
        real,
        sets,
        others=[study.codec.decode(piece.array) for piece in others],
        tracks=[piece.metadata["track"] for piece in held_out],
        other_tracks=[piece.metadata["track"] for piece in others],
    )
    drawn_sets = {name: clips for name, clips in sets.items() if not name.endswith(RECONSTRUCTED)}
    near = nearness([study.codec.decode(piece.array) for piece in train], {"held out": real, **drawn_sets})
    sys.stdout.write(
        "\n\n".join([figures_table(judgement), nearness_table(near), use_table(use), verdicts(judgement)]) + "\n"
    )
    if arguments.sounds:
        write_sounds(drawn_sets, arguments.sounds, arguments.seed)
    if arguments.output:
        found = {"judgement": json.loads(judgement.to_json()), "nearness": near, "use": use}
        write_text(arguments.output, json.dumps(found, indent=1) + "\n")


def evenly(pieces: Sequence[Piece], count: int) -> list[Piece]:
    """Choose so many pieces, evenly over the list."""
    places = np.linspace(0, len(pieces) - 1, min(count, len(pieces))).astype(int)
    return [pieces[place] for place in places]


def fitted_prior(loaded: LoadedAutoencoder, clips: Iterator[Clip]) -> Prior:
    """Take the prior from the model's folder, or fit it to the latents of clips."""
    path = loaded.folder / FILE_NAME
    if path.is_file():
        return load_prior(path, weights_sha256=loaded.weights_sha256)
    return fit_prior([encode_whole(loaded.model, clip.samples[0]) for clip in clips])


@torch.inference_mode()
def drawn(model: AudioAutoencoder, prior: Prior, samples: int, seed: int) -> Clip:
    """Decode latents from a prior; what is beyond full scale is clipped, as it is when it is played."""
    latents = torch.from_numpy(prior.sample(model.frames(samples), seed)).T[None]
    return Clip(samples=model.decode(latents, samples).clamp(-1.0, 1.0).numpy(), sample_rate=model.sample_rate)


@torch.inference_mode()
def decoded(model: AudioAutoencoder, clip: Clip) -> Clip:
    """Encode and decode."""
    waveform = torch.from_numpy(clip.samples)
    samples = model.decode(model.encode(waveform), waveform.shape[-1]).clamp(-1.0, 1.0).numpy()
    return Clip(samples=samples, sample_rate=model.sample_rate)


def use_of(model: AudioAutoencoder, clips: Sequence[Clip]) -> dict[str, Any]:
    """Measure what comes back of clips, and how much of a variational latent is used."""
    waves = [clip.samples[0] for clip in clips]
    latent = measure_latent(model, waves, "fp32")
    nats = {} if latent is None else {"kl_nats_per_dimension": list(latent.kl_nats)}
    return {"dimensions": model.latent_channels, **score_reconstruction(model, waves, "fp32"), **nats}


def nearness(train: Sequence[Clip], sets: Mapping[str, Sequence[Clip]]) -> list[dict[str, Any]]:
    """Measure how far the clips of each set lie from the nearest training clip, in both embeddings.

    ``authentic`` is the share of those that are farther from it than it is from its own nearest training clip (Alaa et
    al. 2022, "How faithful is your synthetic data?", section 4), which mostly is another part of the same track.
    """
    known = embedded(train)
    projections = {name: fit_projection(vectors) for name, vectors in known.items()}
    own = {name: projections[name](vectors) for name, vectors in known.items()}
    between = {name: distances(vectors, vectors) for name, vectors in own.items()}
    for matrix in between.values():
        np.fill_diagonal(matrix, np.inf)
    rows = []
    for title, clips in sets.items():
        row: dict[str, Any] = {"set": title}
        for name, vectors in embedded(clips).items():
            to_train = distances(projections[name](vectors), own[name])
            nearest, gaps = to_train.argmin(axis=1), to_train.min(axis=1)
            row[name] = {
                "nearest": float(np.median(gaps)),
                "least": float(gaps.min()),
                "authentic": float((gaps > between[name].min(axis=1)[nearest]).mean()),
            }
        rows.append(row)
    return rows


def embedded(clips: Sequence[Clip]) -> dict[str, np.ndarray]:
    """Embed clips in the judge's two spaces."""
    spectra = [hear(clip) for clip in clips]
    makers = dict(zip(EMBEDDINGS, (describe_texture, listen), strict=True))
    return {name: np.array([maker(spectrum) for spectrum in spectra]) for name, maker in makers.items()}


def figures_table(judgement: Judgement) -> str:
    """Write the figures as Markdown, "texture / listener" in each cell."""
    lines = [f"| set | {' | '.join(COLUMNS)} | static index |", "|---" * (len(COLUMNS) + 2) + "|"]
    for row in judgement.rows:
        cells = [
            " / ".join(f"{row.embeddings[embedding][column].value:.2f}" for embedding in row.embeddings)
            for column in COLUMNS
        ]
        lines.append(f"| {row.name} | {' | '.join(cells)} | {row.static_index.value:.2f} |")
    reference = f"{judgement.reference_clips} held-out clips of {judgement.reference_tracks} tracks"
    return "\n".join(lines) + f"\n\nReference: {reference}. Each cell: texture / listener."


def nearness_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write a row for each set."""
    lines = ["| set | distance to the nearest training clip, median | least | authentic |", "|---|---|---|---|"]
    for row in rows:
        cells = [
            " / ".join(f"{row[embedding][column]:.2f}" for embedding in EMBEDDINGS)
            for column in ("nearest", "least", "authentic")
        ]
        lines.append(f"| {row['set']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def use_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write a row for each model."""
    lines = [
        "| model | SI-SDR dB | STFT distance | output over input level | active dimensions | nats per dimension |",
        "|---" * 6 + "|",
    ]
    for row in rows:
        ratio_db = f"{row['si_sdr_db']:.2f}" if "si_sdr_db" in row else "–"
        used = ("–", "–")
        if "active_dimensions" in row:
            used = (f"{row['active_dimensions']:.0f} of {row['dimensions']}", f"{row['kl_nats']:.3f}")
        cells = (row["model"], ratio_db, f"{row['score']:.3f}", f"{row['rms_ratio']:.4f}", *used)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def verdicts(judgement: Judgement) -> str:
    """Say by how many figures our draws are closer to real music than each other set, and by which they are not.

    Figures by which not even real clips of other tracks are closer than the other set cannot tell that set from music:
    they are counted apart, and named.
    """
    lines = []
    ours = judgement.row(OURS).gaps()
    for row in judgement.rows:
        if row.name in (OURS, REAL) or row.name.endswith(RECONSTRUCTED):
            continue
        closer, theirs = judgement.closer(OURS, row.name), row.gaps()
        blind = {figure for figure, is_closer in judgement.closer(REAL, row.name).items() if not is_closer}
        behind = [
            f"{figure} ({ours[figure]:.2f} from the best, {theirs[figure]:.2f}"
            + (", nor are real clips)" if figure in blind else ")")
            for figure, is_closer in closer.items()
            if not is_closer
        ]
        told = f"; not by {', '.join(behind)}" if behind else ""
        control = "control " if row.name in CONTROLS else ""
        able = [figure for figure in closer if figure not in blind]
        counts = f"{sum(closer.values())} of {len(closer)}, and by {sum(closer[figure] for figure in able)} of the "
        lines.append(f"* {control}{row.name}: closer by {counts}{len(able)} by which real clips are{told}")
    return "\n".join(lines)


def write_sounds(sets: Mapping[str, Sequence[Clip]], folder: Path, seed: int) -> None:
    """Write the first clips of each set, and their spectrograms."""
    folder.mkdir(parents=True, exist_ok=True)
    for title, clips in sets.items():
        stem = "".join(letter if letter.isalnum() else " " for letter in title).split()
        for number, clip in enumerate(clips[:WRITTEN], seed):
            path = folder / f"{'-'.join([*stem, str(number)])}.ogg"
            write_clip(clip, path)
            draw_spectrogram(clip, path.with_suffix(".svg"), title=f"{title}, seed {number}")


if __name__ == "__main__":
    main()
