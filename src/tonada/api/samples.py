"""What a training run shows of itself: continuations of held-out openings after every validation, in the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tonada.data import Piece
from tonada.model import Model
from tonada.render.pictures import draw_roll
from tonada.report import write_report
from tonada.symbolic.generation import generate
from tonada.symbolic.lanes import StopRule
from tonada.symbolic.midi import write_midi
from tonada.symbolic.models.gpt import GPT
from tonada.symbolic.notes import Notes
from tonada.symbolic.sampling import SamplingConfig
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.base import Tokenizer

PROMPT_S, CONTINUATION_S = 6.0, 14.0
SAMPLES = 2


def observer(run: Path, tokenizer: Tokenizer, pieces: Sequence[Piece], seed: int) -> Callable[[Model, int], None]:
    """Make the function that writes samples and the report.

    Parameters
    ----------
    run
        The run folder; samples go to ``samples/step-000250-1.mid`` and ``.svg``.
    tokenizer
        Of the pieces.
    pieces
        Held-out pieces; the openings of the first and the last are continued.
    seed
        Of the sampling: the same for every step, so that progress shows and luck does not.
    """
    chosen = [pieces[0], pieces[-1]][: min(SAMPLES, len(pieces))]

    def observe(model: Model, step: int) -> None:
        if not isinstance(model, GPT):
            return
        for number, piece in enumerate(chosen, 1):
            notes = tokenizer.decode_notes(piece.array)
            first = float(notes.onset_s[0]) if len(notes) else 0.0
            prompt = notes.shifted(-first).between(0.0, PROMPT_S)
            until = StopRule(max_seconds=CONTINUATION_S, allow_end=False)
            generation = generate(
                model,
                tokenizer,
                tokenizer.prompt_ids(prompt),
                until=until,
                sampling=SamplingConfig(seed=seed),
                start_s=PROMPT_S,
            )
            whole = Notes.concatenate(prompt, generation.run()[0].notes)
            path = run / "samples" / f"step-{step:06}-{number}"
            write_midi(Score.from_notes(whole), path.with_suffix(".mid"))
            draw_roll(whole, path.with_suffix(".svg"), continuation_from_s=PROMPT_S, title=f"Step {step}: {piece.name}")
        write_report(run)

    return observe
