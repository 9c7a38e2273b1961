"""The card of an autoencoder of sound, the prior that is fitted for it, and who made what it was trained on."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from shipping.rights import (
    ATTRIBUTION,
    attribution,
    licence_of_weights,
    notices_for,
    reading,
    rights_table,
    terms,
    works_of,
)
from shipping.shipment import Shipment
from tonada.api.autoencoders import load_autoencoder
from tonada.api.studies.sound import VALIDATION_CLIPS, VALIDATION_SAMPLES, SoundStudy
from tonada.audio.latents.prior_files import FILE_NAME, load_prior, save_prior
from tonada.audio.latents.priors import fit_prior
from tonada.audio.latents.streaming import encode_whole
from tonada.audio.metrics import METRICS
from tonada.audio.models.base import AudioAutoencoder
from tonada.data import Dataset
from tonada.errors import CheckpointError
from tonada.files import write_text

SPLITS = ("validation", "test")

CARD = """\
# {name}: a music encoder that fits any laptop

{kind} between two Fourier transforms: it turns each second of music into {values:.0f} numbers,
and those back into sound. Made and shipped by Tonada.

| | |
|---|---|
| preset | `{preset}`{changed} |
| parameters | {parameters:,} |
| sound | {sample_rate:,} Hz, one channel, any length; nothing above {edge_khz:.1f} kHz |
| latent | {channels} values every {hop} samples: {values:.0f} a second, {compression:.1f} samples to a value |
| weights | bf16 safetensors, {megabytes:.1f} MB |
| prior | fitted to the latents of the training segments, {prior_megabytes:.2f} MB |
| licence | **{licence}** (see Rights): {terms} |

## Data

Clips in folders by label, cut into segments of {segment_s:g} s; all of a track lie in one split. The training split has
{train_segments:,} segments of {train_tracks} tracks, {train_minutes:.0f} minutes:

| label | tracks | segments |
|---|---|---|
{data_rows}

SHA-256 of its shards: {train_sha256};
of the data set's manifest: `{data_sha256}`.

    tonada prepare {collections} --seed {prepare_seed} -o DATA
    {train_commands}
    python tools/ship_model.py RUN --name {name} --data DATA --draft
    tonada evaluate {name} --ref DATA --split validation -o VALIDATION
    tonada evaluate {name} --ref DATA --split test -o TEST
    python tools/ship_model.py RUN VALIDATION/evaluation.json TEST/evaluation.json --name {name} --data DATA

## Training

{training}

## Figures

Of the shipped weights, rounding included, over whole held-out segments, computed in {computed_in}; means, with 95 %
intervals by bootstrap over tracks. Of SI-SDR more is better, of the distances less. The validation split chose the
step; the test split chose nothing.

{figures}

By label:

{label_figures}

{latent}{comparison}

## What it is for

* `tonada encode`, `decode`, `morph`, `perturb`, `generate`, `explore`: a latent of music to look at and to play with.
  Its fitted prior is what `tonada generate` draws from.
* A short row of numbers for other models to learn from, in place of samples: {frames_per_minute:,.0f} frames a minute.

## Limits

* Trained on {train_minutes:.0f} minutes of {labels}, and measured on that.
  Expect less of other music and of voices, and more of encoders that learned from thousands of hours.
* It is no format to keep music in: what comes back differs, as the figures say, and the latent is a row of floating
  numbers, not a stream of bits.
* One channel: stereo is mixed down.
* Its prior knows how a frame follows from the few before it, and nothing of form. Whether what it draws quotes the
  training clips is not measured here.

## Rights

`{attribution}` names every training track with its artist, licence and source, as the data set states them:

{rights}

Whether weights are an adaptation of what they were trained on is not settled. This card takes the careful reading: the
weights and the prior are under [{licence}]({licence_link}),
which does justice to the strictest of these.
{reading}
Changes: the clips were mixed to one channel, resampled and cut, and a network was fitted to them; no clip is among the
files. Tonada's own code stays under Apache-2.0.
"""

TRAINING = """\
{steps:,} optimizer steps{asked} of {batch} crops of {crop_s:.2f} s: **{hours:.1f} hours of sound, {passes:.1f} passes**
over the training split, in {minutes} on the CPU, seed {seed}.
Optimizer `{optimizer}`, peak rate {learning_rate}, schedule `{schedule}`{falling},
moving average of the weights {ema}, precision `{precision}`.
{aims}Crops were made softer by up to {gain_db:g} dB{flipped}.
The weights are those {which}, after step {best_step:,}{rounded}. The
middles ({middle_s:.1f} s) of {clips} held-out segments were scored{costs}:

{curve}"""

HEADINGS = ("SI-SDR, dB", "STFT distance", "log-spectral distance, dB", "mel-cepstral distortion, dB")
"""Of the columns for the metrics, in the order of `METRICS`."""


def add_files(folder: Path, dataset: Dataset) -> None:
    """Put beside the weights: the prior, fitted to the encoded training split, and who made what they learned from."""
    works = works_of([row for row in dataset.rows if row["split"] == "train"])
    licence_of_weights(work.licence for work in works)  # known before the long work begins
    write_text(folder / ATTRIBUTION, attribution(works))
    for notice in notices_for(works):
        shutil.copyfile(notice, folder / notice.name)
    loaded = load_autoencoder(folder, device="cpu")
    path = folder / FILE_NAME
    try:
        load_prior(path, weights_sha256=loaded.weights_sha256)
    except CheckpointError:  # there is none yet, or it is one of other weights
        codec, pieces, clips = SoundStudy(dataset).codec, dataset.pieces("train"), []
        for number, piece in enumerate(pieces, 1):
            clips.append(encode_whole(loaded.model, codec.decode(piece.array).samples[0]))
            if number % 100 == 0:
                sys.stderr.write(f"encoded {number} of {len(pieces)} segments\n")
        save_prior(fit_prior(clips), path, weights_sha256=loaded.weights_sha256)


def write_card(shipment: Shipment) -> str:
    """Fill the card from the run, the data set, and the figures of the validation and the test split."""
    if set(shipment.evaluations) != set(SPLITS):
        sys.exit("name the json of two evaluations, that of the validation and that of the test split")
    found = {split: shipment.evaluations[split]["reconstruction"] for split in SPLITS}
    config, dataset = shipment.config, shipment.dataset
    model = config["model"]
    network = load_autoencoder(shipment.folder, device="cpu").model
    train = [row for row in dataset.rows if row["split"] == "train"]
    works = works_of(train)
    weights = licence_of_weights(work.licence for work in works)
    prepared = dataset.manifest["prepare"]
    samples = dataset.manifest["splits"]["train"]["items"]
    labels = sorted({work.label for work in works})
    changed = [key for key in shipment.changes(shipment.preset) if key in model]
    return CARD.format(
        name=shipment.name,
        kind="A variational autoencoder" if found["test"]["latent"] else "An autoencoder",
        preset=shipment.preset,
        changed="".join(f", {key} {model[key]}" for key in changed),
        parameters=network.parameter_count(),
        sample_rate=network.sample_rate,
        edge_khz=network.sample_rate / 2000,
        channels=network.latent_channels,
        hop=network.hop,
        values=network.values_per_second,
        compression=network.sample_rate / network.values_per_second,
        megabytes=shipment.megabytes,
        prior_megabytes=(shipment.folder / FILE_NAME).stat().st_size / 1e6,
        licence=weights.name,
        licence_link=weights.link,
        terms=", ".join(terms(weights)),
        segment_s=prepared["segment_s"],
        train_segments=len(train),
        train_tracks=len(works),
        train_minutes=samples / network.sample_rate / 60,
        data_rows="\n".join(
            f"| {label} | {len(own)} | {sum(work.segments for work in own)} |"
            for label in labels
            if (own := [work for work in works if work.label == label])
        ),
        train_sha256=shipment.shard_hashes,
        data_sha256=dataset.sha256,
        collections=" ".join(prepared["collections"]),
        prepare_seed=prepared["seed"],
        train_commands="\n    ".join(shipment.all_commands),
        training=_training(shipment, network),
        computed_in=found["test"]["precision"],
        figures=_figures(found),
        label_figures=_label_figures(found),
        latent=_latent(found),
        comparison=f"\n\n{shipment.comparison.strip()}" if shipment.comparison else "",
        frames_per_minute=60 * network.sample_rate / network.hop,
        labels=f"{', '.join(labels[:-1])} and {labels[-1]}" if labels[1:] else labels[0],
        attribution=ATTRIBUTION,
        rights=rights_table(works),
        reading=reading(works),
    )


def _training(shipment: Shipment, network: AudioAutoencoder) -> str:
    """Tell how it was trained, in one stage or in two."""
    if shipment.first is not None:
        first, then = _training(shipment.first, network), _training(replace(shipment, first=None), network)
        return f"### First stage\n\n{first}\n\n### Second stage, from those weights\n\n{then}"
    config, dataset = shipment.config, shipment.dataset
    model, trainer, augmentation = (config[table] for table in ("model", "trainer", "augmentation"))
    steps, samples = shipment.records[-1]["step"], dataset.manifest["splits"]["train"]["items"]
    seen = steps * trainer["batch"] * trainer["accumulate"] * augmentation["crop_samples"]
    return TRAINING.format(
        steps=steps,
        best_step=shipment.best["step"],
        which="with the best validation score" if len(shipment.validations) > 1 else "at the end",
        costs="; the stage makes the sound rougher, as music is, at some cost to these figures"
        if _stands_still(model)
        else "",
        rounded="" if shipment.folder is None else f"{', equalised' if shipment.is_equalised else ''}, rounded to bf16",
        crop_s=augmentation["crop_samples"] / network.sample_rate,
        hours=seen / network.sample_rate / 3600,
        passes=seen / samples,
        minutes=shipment.minutes,
        **{
            name: trainer[name]
            for name in ("batch", "seed", "optimizer", "learning_rate", "schedule", "ema", "precision")
        },
        aims=_opponent(model) if _stands_still(model) else _divergence(model) + _opponent(model),
        gain_db=augmentation["gain_db"],
        flipped=", and every second one turned in polarity" if augmentation["flip"] else "",
        asked="" if steps == trainer["steps"] else f", of {trainer['steps']:,} that were asked for,",
        falling=f" (falling over the last {trainer['decay_share']:.0%})" if trainer["schedule"] == "trapezoid" else "",
        middle_s=VALIDATION_SAMPLES / network.sample_rate,
        clips=min(VALIDATION_CLIPS, dataset.manifest["splits"]["validation"]["pieces"]),
        curve=_curve(shipment),
    )


def _stands_still(model: Mapping[str, Any]) -> bool:
    """Tell whether the encoder learned nothing in this stage, so that no divergence counted."""
    return bool(model.get("adversarial_weight")) and not model["adversarial_from"]


def _opponent(model: Mapping[str, Any]) -> str:
    if not model.get("adversarial_weight"):
        return ""
    since = f"from step {model['adversarial_from']:,} on" if model["adversarial_from"] else "all the time"
    return (
        f"The encoder stood still {since}, and the decoder learned against a discriminator of spectra, weight "
        f"{model['adversarial_weight']:g}.\n"
    )


def _divergence(model: Mapping[str, Any]) -> str:
    if "kl_weight" not in model:
        return ""
    warm = f", which it reached at step {model['kl_warmup_steps']:,}" if model["kl_warmup_steps"] else ""
    return (
        f"The divergence had the weight {model['kl_weight']:g}{warm}; {model['free_nats']:g} nats a frame of each "
        "dimension were free.\n"
    )


def _curve(shipment: Shipment) -> str:
    """Write a row for each validation of the training."""
    columns = {"score": "STFT distance", "si_sdr_db": "SI-SDR, dB", "active_dimensions": "active dimensions"}
    columns["kl_nats"] = "nats per dimension"
    records = shipment.validations
    shown = [name for name in columns if name in records[-1]["validation"]]
    rows = [f"| step | {' | '.join(columns[name] for name in shown)} |", "|---" * (1 + len(shown)) + "|"]
    for record in records:
        cells = [f"{record['validation'][name]:{'.0f' if name == 'active_dimensions' else '.3f'}}" for name in shown]
        rows.append(f"| {record['step']:,} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _figures(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a row for each split."""
    rows = [f"| split | segments | tracks | {' | '.join(HEADINGS)} |", "|---" * (3 + len(HEADINGS)) + "|"]
    rows += [f"| {split} | {_cells(reconstruction['whole'])} |" for split, reconstruction in found.items()]
    return "\n".join(rows)


def _label_figures(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a row for each split and label."""
    rows = [f"| split | label | segments | tracks | {' | '.join(HEADINGS)} |", "|---" * (4 + len(HEADINGS)) + "|"]
    for split, reconstruction in found.items():
        rows += [f"| {split} | {entry['label']} | {_cells(entry)} |" for entry in reconstruction["labels"]]
    return "\n".join(rows)


def _cells(entry: Mapping[str, Any]) -> str:
    cells = [str(entry["segments"]), str(entry["tracks"])]
    for name in METRICS:
        mean = entry["metrics"][name]["mean"]
        known = mean["low"] is not None and mean["high"] is not None
        interval = f" ({mean['low']:.2f} to {mean['high']:.2f})" if known else ""
        cells.append(f"{mean['value']:.2f}{interval}")
    return " | ".join(cells)


def _latent(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Say how much of a variational latent is used."""
    told = []
    for split, reconstruction in found.items():
        if use := reconstruction["latent"]:
            nats, active = use["kl_nats"], use["active_dimensions"]
            told.append(
                f"On the {split} split {active} of {len(nats)} dimensions are active. Their divergence"
                f"\nfrom N(0, 1) is {sum(nats):.1f} nats a frame, {min(nats):.2f} to {max(nats):.2f} in a dimension."
            )
    return "\n".join(told)
