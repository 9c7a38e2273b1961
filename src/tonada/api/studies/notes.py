"""Learning from notes: windows of ids, the held-out loss, and continuations of held-out openings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonada.api.studies.base import Observer, Precision, Scorer, Study
from tonada.api.studies.evaluation import Evaluation, Rows, Subject
from tonada.config import to_mapping
from tonada.data import Dataset, Piece
from tonada.errors import ConfigError
from tonada.model import Model
from tonada.render.pictures import draw_roll
from tonada.runs import build_codec
from tonada.symbolic.augment import Augmentation
from tonada.symbolic.evaluation.baselines import fit_baselines
from tonada.symbolic.evaluation.heldout import HeldOut, estimate_held_out, evaluate_held_out
from tonada.symbolic.generation import generate
from tonada.symbolic.lanes import StopRule
from tonada.symbolic.midi import write_midi
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.notes import Notes
from tonada.symbolic.sampling import SamplingConfig
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.base import Tokenizer, slot_starts
from tonada.symbolic.windows import WindowBatches
from tonada.training import TrainerConfig

VALIDATION_WINDOWS = 128
"""Windows of held-out pieces, about, that score a checkpoint while training; the full protocol is ``evaluate``."""
PROMPT_S, CONTINUATION_S = 6.0, 14.0
"""Of a sample: what is given of a held-out piece, and what the model adds."""


@dataclass(frozen=True, kw_only=True)
class NotesEvaluation(Evaluation):
    """The held-out loss of a model beside counted baselines on the same ids.

    Attributes
    ----------
    held_out
        The figures.
    """

    held_out: HeldOut

    title = "Held-out loss"
    explanation = (
        "Lower is better. “corrected” adds what coarse bins hide, so it is the one figure that compares tokenizers. "
        "Under the name of a slot stands what it adds to the nats per note."
    )

    def headline(self) -> str:
        """Name pieces, notes and windows."""
        found = self.held_out
        return (
            f"{found.pieces} pieces of {self.split}, {found.notes} notes, {found.ids_per_note:.3f} ids per note; "
            f"context {found.context}, stride {found.stride}, {found.precision}"
        )

    def tables(self) -> dict[str, Rows]:
        """Give the row of the model and those of the baselines."""
        return {"": self.held_out.table()}

    def facts(self) -> dict[str, str | float]:
        """Name pieces, notes and windows."""
        return {
            "pieces": self.held_out.pieces,
            "notes": self.held_out.notes,
            "ids per note": f"{self.held_out.ids_per_note:.3f}",
            "context": self.held_out.context,
            "stride": self.held_out.stride,
            "precision": self.held_out.precision,
        }


class NotesStudy(Study):
    """Language models on ids of notes."""

    prepare_option = "--tokenizer"
    models = LanguageModel
    Augmentation = Augmentation

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self._tokenizer = tokenizer_of(dataset)

    @property
    def codec(self) -> Tokenizer:
        """The tokenizer."""
        return self._tokenizer

    def model_settings(self) -> dict[str, Any]:
        """Give the vocabulary, and where its slots begin, which are the tokenizer's."""
        return {"vocabulary": self.codec.vocabulary_size, "slot_starts": list(slot_starts(self.codec))}

    def batches(self, model: Model, config: TrainerConfig, augmentation: Any) -> WindowBatches:
        """Give windows of as many ids as the model reads."""
        pieces = self.dataset.pieces("train")
        return WindowBatches(
            [piece.array for piece in pieces],
            self.codec,
            context=model.config.context,
            batch=config.batch,
            seed=config.seed,
            augmentation=augmentation,
            catalogue=[piece.metadata for piece in pieces],
        )

    def scorer(self, precision: Precision) -> Scorer | None:
        """Score on a fixed draw of windows from the held-out pieces, the same every time: nats per note."""
        pieces = [piece.array for piece in self.dataset.pieces("validation")]
        if not pieces:
            return None
        each = max(1, VALIDATION_WINDOWS // len(pieces))

        def score(model: Model) -> Mapping[str, float]:
            estimate = estimate_held_out(model, self.codec, pieces, windows_per_piece=each, precision=precision)
            return {"score": estimate.estimated_nats_per_note, "nats_per_id": estimate.estimated_nats_per_id}

        return score

    def observer(self, run: Path, seed: int) -> Observer | None:
        """Continue the openings of the first and of the last held-out piece: ``.mid`` and ``.svg``."""
        pieces = self.dataset.pieces("validation")
        if not pieces:
            return None
        chosen = pieces[:1] + pieces[1:][-1:]

        def observe(model: Model, step: int) -> None:
            assert isinstance(model, LanguageModel)  # as ``models`` says
            for number, piece in enumerate(chosen, 1):
                notes = self.codec.decode_notes(piece.array)
                first = float(notes.onset_s[0]) if len(notes) else 0.0
                prompt = notes.shifted(-first).between(0.0, PROMPT_S)
                generation = generate(
                    model,
                    self.codec,
                    self.codec.prompt_ids(prompt),
                    until=StopRule(max_seconds=CONTINUATION_S, allow_end=False),
                    sampling=SamplingConfig(seed=seed),
                    start_s=PROMPT_S,
                )
                whole = Notes.concatenate(prompt, generation.run()[0].notes)
                path = run / "samples" / f"step-{step:06}-{number}"
                write_midi(Score.from_notes(whole), path.with_suffix(".mid"))
                title = f"Step {step}: {piece.name}"
                draw_roll(whole, path.with_suffix(".svg"), continuation_from_s=PROMPT_S, title=title)

        return observe

    def evaluate(
        self,
        model: Model,
        pieces: Sequence[Piece],
        *,
        subject: Subject,
        precision: Precision,
        progress: Callable[[int, int], None] | None,
    ) -> NotesEvaluation:
        """Measure the held-out loss; the baselines count the ids of the training split."""
        held_out = evaluate_held_out(
            model,
            self.codec,
            [piece.array for piece in pieces],
            seconds=[float(piece.metadata["seconds"]) for piece in pieces],
            baselines=fit_baselines(self.codec, (piece.array for piece in self.dataset.pieces("train"))),
            precision=precision,
            progress=progress,
        )
        return NotesEvaluation(**subject, held_out=held_out)


def tokenizer_of(dataset: Dataset) -> Tokenizer:
    """Build the tokenizer that a data set was prepared with.

    Raises
    ------
    ConfigError
        The data set holds no notes, or was prepared before its tokenizer had all of today's settings.
    """
    tokenizer = build_codec({"name": dataset.codec_name, **dataset.codec_config})
    if not isinstance(tokenizer, Tokenizer):
        raise ConfigError(
            f"the model learns from notes, {dataset.folder} holds '{dataset.codec_name}'. "
            "Prepare MIDI files with: tonada prepare"
        )
    silent = to_mapping(tokenizer.config).keys() - dataset.codec_config.keys()
    if silent:  # the settings of today would give the ids of then another meaning
        raise ConfigError(
            f"{dataset.folder} was prepared by a version without the setting {', '.join(sorted(silent))} of "
            f"'{tokenizer.name}'. Prepare the data again"
        )
    return tokenizer
