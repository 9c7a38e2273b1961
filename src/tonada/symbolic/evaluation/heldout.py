"""The held-out loss: what a model's surprise at music that it never saw comes to, in units that compare.

Every piece is read whole, in windows of the model's context with half a context between their starts. Each id is scored
once, in the first window that reaches it, so it has at least half a context before it; only the first window of a piece
scores all of its ids. Which ids are scored, and under which slot, is said in ``scoring``.

``evaluate_held_out`` gives the figures that are quoted; ``estimate_held_out`` looks at a few windows of each piece, for
use while training, and its result can not be taken for the former.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tonada.errors import ConfigError
from tonada.jsontext import to_json
from tonada.seeding import rng
from tonada.symbolic.evaluation.baselines import Baseline
from tonada.symbolic.evaluation.scoring import Bools, Figures, Floats, check_pieces, figures, find_targets, slot_names
from tonada.symbolic.evaluation.windowed import Predictor, Window, cut_windows, score_windows
from tonada.symbolic.tokenizers.base import Tokenizer


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Held-out figures of a model, and of baselines on the same ids.

    Attributes
    ----------
    tokenizer
        Registry name.
    pieces, notes, ids, seconds
        What was evaluated: pieces, whole notes, scored ids, length of the music.
    ids_per_note
        Scored ids over notes.
    context, stride
        Of the windows, in ids.
    precision
        Of the forward passes: "fp32" or "bf16".
    model
        The model's figures.
    baselines
        Those of each baseline.
    piece_nats, piece_notes
        The model's loss and the number of notes of each piece: what intervals and paired comparisons are made from.
    """

    tokenizer: str
    pieces: int
    notes: int
    ids: int
    seconds: float
    ids_per_note: float
    context: int
    stride: int
    precision: str
    model: Figures
    baselines: tuple[Figures, ...]
    piece_nats: tuple[float, ...]
    piece_notes: tuple[int, ...]

    def table(self) -> list[dict[str, str | float]]:
        """Give a row for the model and one for each baseline: totals, then what each slot adds to the nats per note."""
        rows: list[dict[str, str | float]] = []
        for entry in (self.model, *self.baselines):
            row: dict[str, str | float] = {
                "name": entry.name,
                "nats per id": entry.nats_per_id,
                "nats per note": entry.nats_per_note,
                "corrected": entry.nats_per_note_corrected,
                "bits per s": entry.bits_per_s,
                "accuracy": entry.accuracy,
            }
            rows.append(row | {slot.slot: slot.nats_per_note for slot in entry.slots})
        return rows

    def to_json(self) -> str:
        """Give everything as JSON; what cannot be told (the accuracy of a slot without ids) is null."""
        return to_json(self)


@dataclass(frozen=True, kw_only=True)
class HeldOutEstimate:
    """An estimate of the held-out loss from a fixed draw of windows; good for following a training, not to be quoted.

    Attributes
    ----------
    estimated_nats_per_id
        Mean loss over the scored ids of the drawn windows.
    estimated_nats_per_note
        The same times the scored ids per note of all pieces.
    windows, ids
        How many windows were drawn, and ids scored in them.
    """

    estimated_nats_per_id: float
    estimated_nats_per_note: float
    windows: int
    ids: int


def evaluate_held_out(
    model: Predictor,
    tokenizer: Tokenizer,
    pieces: Sequence[NDArray[np.uint16]],
    *,
    seconds: Sequence[float],
    context: int | None = None,
    batch_ids: int = 8192,
    precision: Literal["fp32", "bf16"] = "fp32",
    baselines: Sequence[Baseline] = (),
    progress: Callable[[int, int], None] | None = None,
) -> HeldOut:
    """Evaluate a model on whole pieces.

    Parameters
    ----------
    model
        ids int64 [B, T] → logits [B, T, V]; must be causal. A module is evaluated where its weights are, without
        dropout.
    tokenizer
        Of the ids.
    pieces
        Whole pieces, uint16 [T] each, memory-mapped or not.
    seconds
        Length of each piece.
    context
        Longest window, in ids; the model's own (``model.config.context``) when None.
    batch_ids
        Ids of one forward pass, about; memory grows with it.
    precision
        "fp32", or "bf16" for autocast; the loss itself is always taken in float32 and summed in float64.
    baselines
        From ``fit_baselines``; scored on the same ids.
    progress
        Called after every forward pass with the windows done, and all of them.

    Raises
    ------
    ConfigError
        There are no pieces, the lengths do not fit, the context is too short, or not known.
    """
    check_pieces(pieces, seconds)
    context = _context_of(model, context)
    targets = [find_targets(tokenizer, ids) for ids in pieces]
    windows = [
        window
        for index, piece in enumerate(targets)
        for window in cut_windows(index, len(pieces[index]), piece, context=context)
    ]
    losses = [np.zeros(len(piece)) for piece in targets]
    hits = [np.zeros(len(piece), dtype=np.bool_) for piece in targets]
    results = score_windows(
        model, tokenizer, pieces, targets, windows, batch_ids=batch_ids, precision=precision, progress=progress
    )
    for window, loss, hit in results:
        losses[window.piece][window.scored], hits[window.piece][window.scored] = loss, hit

    names, length = slot_names(tokenizer), float(sum(seconds))
    notes = [tokenizer.count_notes(ids) for ids in pieces]
    scored: list[tuple[str, list[Floats], list[Bools]]] = [("model", losses, hits)]
    for baseline in baselines:
        pairs = [baseline.score(piece) for piece in targets]
        scored.append((baseline.name, [loss for loss, _ in pairs], [hit for _, hit in pairs]))
    summed = [figures(name, names, targets, loss, hit, notes=sum(notes), seconds=length) for name, loss, hit in scored]
    return HeldOut(
        tokenizer=tokenizer.name,
        pieces=len(pieces),
        notes=sum(notes),
        ids=summed[0].ids,
        seconds=length,
        ids_per_note=summed[0].ids / max(1, sum(notes)),
        context=context,
        stride=context // 2,
        precision=precision,
        model=summed[0],
        baselines=tuple(summed[1:]),
        piece_nats=tuple(float(loss.sum()) for loss in losses),
        piece_notes=tuple(notes),
    )


def estimate_held_out(
    model: Predictor,
    tokenizer: Tokenizer,
    pieces: Sequence[NDArray[np.uint16]],
    *,
    context: int | None = None,
    batch_ids: int = 8192,
    precision: Literal["fp32", "bf16"] = "fp32",
    windows_per_piece: int = 2,
    seed: int = 1,
) -> HeldOutEstimate:
    """Estimate the held-out loss from a fixed draw of the windows that ``evaluate_held_out`` reads.

    Parameters
    ----------
    model, tokenizer, pieces, context, batch_ids, precision
        As for ``evaluate_held_out``.
    windows_per_piece
        Windows drawn from each piece, without repetition; all of a piece that has no more.
    seed
        Of the draw: the same seed and pieces give the same windows.

    Raises
    ------
    ConfigError
        There are no pieces, the context is too short or not known, or ``windows_per_piece`` is below 1.
    """
    check_pieces(pieces, [0.0] * len(pieces))
    if windows_per_piece < 1:
        raise ConfigError(f"windows_per_piece must be at least 1; got {windows_per_piece}")
    context = _context_of(model, context)
    targets = [find_targets(tokenizer, ids) for ids in pieces]
    drawn: list[Window] = []
    for index, piece in enumerate(targets):
        windows = cut_windows(index, len(pieces[index]), piece, context=context)
        order = rng(seed, "held-out estimate", index).permutation(len(windows))
        drawn.extend(windows[place] for place in sorted(order[:windows_per_piece]))
    results = score_windows(model, tokenizer, pieces, targets, drawn, batch_ids=batch_ids, precision=precision)
    count = sum(len(loss) for _, loss, _ in results)
    mean = sum(float(loss.sum()) for _, loss, _ in results) / count if count else math.nan
    notes = sum(tokenizer.count_notes(ids) for ids in pieces)
    return HeldOutEstimate(
        estimated_nats_per_id=mean,
        estimated_nats_per_note=mean * sum(map(len, targets)) / max(1, notes),
        windows=len(drawn),
        ids=count,
    )


def _context_of(model: Predictor, context: int | None) -> int:
    if context is None:
        context = getattr(getattr(model, "config", None), "context", None)
    if context is None:
        raise ConfigError("the model does not say its context; give one, for example context=1024")
    if context < 2:
        raise ConfigError(f"the context must be at least 2 ids to be halved; got {context}")
    return int(context)
