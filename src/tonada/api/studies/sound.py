"""Learning from sound: random crops, distances between held-out clips and what comes back, and both to listen to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tonada.api.studies.base import Observer, Precision, Scorer, Study
from tonada.api.studies.evaluation import Evaluation, Rows, Subject
from tonada.audio.batches import CropBatches, SoundAugmentation
from tonada.audio.clip import Clip, write_clip
from tonada.audio.evaluation.reconstruction import Reconstruction, measure_reconstruction
from tonada.audio.models.base import AudioAutoencoder
from tonada.audio.transforms.waveform import WaveformTransform
from tonada.audio.validation import NEARLY_SILENT, reconstruct, score_reconstruction
from tonada.data import Dataset, Piece
from tonada.errors import ConfigError
from tonada.model import Model
from tonada.render.sound_pictures import draw_comparison
from tonada.runs import build_codec
from tonada.training import TrainerConfig

VALIDATION_CLIPS = 48
"""Held-out segments, at most, that score a checkpoint while training; the full protocol is ``evaluate``."""
VALIDATION_SAMPLES = 65_536
"""Samples in the middle of such a segment that are read, at most: 3 s at 22 050 Hz."""
MOSTLY_UNUSED = 0.5
"""Of a variational latent, the share of active dimensions below which it is said."""
SAMPLES = 2
"""Held-out segments, at most, that are written as sound after every validation."""


@dataclass(frozen=True, kw_only=True)
class SoundEvaluation(Evaluation):
    """What an autoencoder loses of held-out sound.

    Attributes
    ----------
    reconstruction
        The figures.
    """

    reconstruction: Reconstruction

    title = "Reconstruction"
    explanation = (
        "Of SI-SDR more is better, of the distances less. “low” and “high” bound the mean with 95 % confidence, by "
        "bootstrap over tracks. “undefined” counts segments that a mean leaves out: silence has no SI-SDR. Compression "
        "is the number of samples to one value of the latents: below 1 they are larger than the sound, and a low "
        "distance proves nothing."
    )

    def headline(self) -> str:
        """Name the sound and the size of model and latents."""
        found = self.reconstruction
        used = (
            ""
            if found.latent is None
            else (
                f"; {found.latent.active_dimensions} of {len(found.latent.kl_nats)} latent dimensions active, "
                f"{sum(found.latent.kl_nats) / len(found.latent.kl_nats):.3f} nats each"
            )
        )
        return (
            f"{found.whole.segments} segments of {found.whole.tracks} tracks of {self.split}, {found.seconds:.0f} s; "
            f"{found.parameters} parameters, {found.values_per_second:.0f} values per second, "
            f"compression {found.compression:.2f}, {found.precision}{used}"
        )

    def tables(self) -> dict[str, Rows]:
        """Give the metrics over all segments, and their means for each label."""
        return {"All segments": self.reconstruction.table(), "Means by label": self.reconstruction.label_table()}

    def facts(self) -> dict[str, str | float]:
        """Name the sound and the size of model and latents."""
        found = self.reconstruction
        facts: dict[str, str | float] = {
            "segments": found.whole.segments,
            "tracks": found.whole.tracks,
            "seconds": f"{found.seconds:.0f}",
            "sample rate": f"{found.sample_rate} Hz",
            "parameters": found.parameters,
            "values per second": f"{found.values_per_second:.0f}",
            "compression": f"{found.compression:.2f}",
            "precision": found.precision,
        }
        if found.latent is not None:
            facts["active dimensions"] = f"{found.latent.active_dimensions} of {len(found.latent.kl_nats)}"
            facts["nats per dimension"] = ", ".join(f"{value:.3f}" for value in found.latent.kl_nats)
        return facts


class SoundStudy(Study):
    """Autoencoders on waveforms."""

    prepare_option = "--transform"
    models = AudioAutoencoder
    Augmentation = SoundAugmentation

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        transform = build_codec({"name": dataset.codec_name, **dataset.codec_config})
        if not isinstance(transform, WaveformTransform):
            raise ConfigError(
                f"the model learns from sound as 'waveform', {dataset.folder} holds '{dataset.codec_name}'. "
                "Prepare sound files with: tonada prepare --transform waveform"
            )
        self._transform = transform

    @property
    def codec(self) -> WaveformTransform:
        """The transform."""
        return self._transform

    def model_settings(self) -> dict[str, Any]:
        """Give the sample rate, which is the data's."""
        return {"sample_rate": self.codec.config.sample_rate}

    def batches(self, model: Model, config: TrainerConfig, augmentation: Any) -> CropBatches:
        """Give random crops of the training segments."""
        return CropBatches(
            [piece.array for piece in self.dataset.pieces("train")],
            self.codec,
            batch=config.batch,
            seed=config.seed,
            augmentation=augmentation,
        )

    def scorer(self, precision: Precision) -> Scorer | None:
        """Score on the middles of held-out segments, the same every time: the multi-resolution STFT distance."""
        pieces = spread(self.dataset.pieces("validation"), VALIDATION_CLIPS)
        if not pieces:
            return None
        clips = [self._middle(piece) for piece in pieces]

        def score(model: Model) -> Mapping[str, float]:
            assert isinstance(model, AudioAutoencoder)  # as ``models`` says
            return score_reconstruction(model, clips, precision)

        return score

    def _middle(self, piece: Piece) -> NDArray[np.float32]:
        start = max(0, len(piece.array) - VALIDATION_SAMPLES) // 2
        clip: NDArray[np.float32] = self.codec.decode(piece.array[start : start + VALIDATION_SAMPLES]).samples[0]
        return clip

    def observer(self, run: Path, seed: int) -> Observer | None:
        """Write held-out segments as they are and as they come back: ``.ogg``, and ``.svg`` of both together."""
        pieces = spread(self.dataset.pieces("validation"), SAMPLES)
        if not pieces:
            return None
        originals = [self.codec.decode(piece.array) for piece in pieces]

        def observe(model: Model, step: int) -> None:
            assert isinstance(model, AudioAutoencoder)
            for number, (piece, original) in enumerate(zip(pieces, originals, strict=True), 1):
                first = run / "samples" / f"original-{number}.ogg"
                if not first.is_file():
                    write_clip(original, first)
                decoded = reconstruct(model, torch.from_numpy(original.samples), "fp32").numpy()
                clip = Clip(samples=decoded, sample_rate=original.sample_rate)
                path = run / "samples" / f"step-{step:06}-{number}"
                write_clip(clip, path.with_suffix(".ogg"))
                draw_comparison(original, clip, path.with_suffix(".svg"), title=f"Step {step}: {piece.name}")

        return observe

    def remarks(self, model: Model, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """Say that the output is nearly silent or the latent is not used, where the last validation found it so."""
        assert isinstance(model, AudioAutoencoder)
        found: Mapping[str, float] = next(
            (record["validation"] for record in reversed(records) if "validation" in record), {}
        )
        remarks = []
        if found.get("rms_ratio", 1.0) < NEARLY_SILENT:
            remarks.append(
                f"The output is nearly silent: its level is {100 * found['rms_ratio']:.1f} % of the input's. The model "
                "has learned to say nothing, and its loss stands at about the energy of the sound."
            )
        if found.get("active_dimensions", math.inf) < MOSTLY_UNUSED * model.latent_channels:
            remarks.append(
                f"{found['active_dimensions']:.0f} of {model.latent_channels} latent dimensions are active: the "
                "others do not change with the sound, so nothing is kept in them."
            )
        return remarks

    def evaluate(
        self,
        model: Model,
        pieces: Sequence[Piece],
        *,
        subject: Subject,
        precision: Precision,
        progress: Callable[[int, int], None] | None,
    ) -> SoundEvaluation:
        """Measure what is lost of whole segments."""
        assert isinstance(model, AudioAutoencoder)
        reconstruction = measure_reconstruction(model, self.codec, pieces, precision=precision, progress=progress)
        return SoundEvaluation(**subject, reconstruction=reconstruction)


def spread(pieces: Sequence[Piece], count: int) -> list[Piece]:
    """Choose at most so many pieces, the same every time, from as many labels and tracks as possible.

    Parameters
    ----------
    pieces
        In the order of the catalogue, with the columns ``label`` and ``track``.
    count
        How many at most.

    Returns
    -------
    list
        A round takes one segment of each label, the next round one of another track of it; within a track the segment
        in its middle comes first.
    """
    tracks: dict[tuple[str, str], list[Piece]] = {}
    for piece in pieces:
        tracks.setdefault((piece.metadata["label"], piece.metadata["track"]), []).append(piece)
    labels: dict[str, list[list[Piece]]] = {}
    for (label, _), segments in tracks.items():
        middle = len(segments) // 2
        labels.setdefault(label, []).append(segments[middle:] + segments[:middle])
    ranked = [
        (depth, turn, place, segment)
        for place, own in enumerate(labels.values())
        for turn, segments in enumerate(own)
        for depth, segment in enumerate(segments)
    ]
    ranked.sort(key=lambda entry: entry[:3])
    return [segment for *_, segment in ranked[:count]]
