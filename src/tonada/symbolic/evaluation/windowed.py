"""Reading whole pieces with a model in overlapping windows: each id is scored once, with enough before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from numpy.typing import NDArray
from torch import Tensor, nn

from tonada.symbolic.evaluation.scoring import Bools, Floats, Targets
from tonada.symbolic.tokenizers.base import Tokenizer

Predictor = Callable[[Tensor], Tensor]
"""ids int64 [B, T] → logits [B, T, V] of the id that follows each position; a GPT, or any causal function."""

MOST_LOGITS = 1 << 26
"""Of one forward pass: 256 MiB of float32."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A part of a piece that is read at once.

    Attributes
    ----------
    piece
        Which one.
    start, length
        The ids that are read.
    scored
        Which of the piece's targets are scored here; each is read right after its predecessor, so ``start + 1`` is the
        first id that can be.
    """

    piece: int
    start: int
    length: int
    scored: slice


def cut_windows(piece: int, ids: int, targets: Targets, *, context: int) -> list[Window]:
    """Cut a piece into windows of ``context`` ids that start half a context apart.

    Each target is scored in the first window that reaches it: with at least half a context before it, except in the
    first window. Windows without a target are left out.

    Parameters
    ----------
    piece
        Its number.
    ids
        How many ids it has.
    targets
        What is scored of them.
    context
        Ids of a window, at least 2; the last one may be shorter.
    """
    windows = []
    start = reached = 0
    while reached < ids - 1:
        stop = min(start + context, ids - 1)
        first, last = (int(place) for place in np.searchsorted(targets.position, [reached + 1, stop + 1]))
        if last > first:
            windows.append(Window(piece=piece, start=start, length=stop - start, scored=slice(first, last)))
        start, reached = start + context // 2, stop
    return windows


def score_windows(
    model: Predictor,
    tokenizer: Tokenizer,
    pieces: Sequence[NDArray[np.uint16]],
    targets: Sequence[Targets],
    windows: Sequence[Window],
    *,
    batch_ids: int,
    precision: Literal["fp32", "bf16"],
    progress: Callable[[int, int], None] | None = None,
) -> list[tuple[Window, Floats, Bools]]:
    """Score the targets of windows.

    Windows of about the same length share a forward pass; the shorter are filled up on the right, which a causal model
    does not see.

    Parameters
    ----------
    model
        A module is evaluated where its weights are, without dropout or gradients, and left as it was.
    tokenizer
        Of the ids.
    pieces
        uint16 [T] each.
    targets
        Of each piece.
    windows
        From ``cut_windows``.
    batch_ids
        Ids of one forward pass, about.
    precision
        "fp32", or "bf16" for autocast.
    progress
        Called after every forward pass with the windows done, and all of them.

    Returns
    -------
    list
        The windows, longest first, each with the losses of its targets in nats, float64 [K] (taken in float32), and
        whether the target was the most probable id, bool [K].
    """
    waiting = sorted(windows, key=lambda window: -window.length)
    limit = min(batch_ids, MOST_LOGITS // tokenizer.vocabulary_size)
    results: list[tuple[Window, Floats, Bools]] = []
    with _evaluation(model, precision) as device:
        while len(results) < len(waiting):
            longest = waiting[len(results)].length
            batch = waiting[len(results) :][: max(1, limit // longest)]
            ids = np.full((len(batch), longest), tokenizer.pad_id, dtype=np.int64)
            for lane, window in enumerate(batch):
                ids[lane, : window.length] = pieces[window.piece][window.start : window.start + window.length]
            sizes = [window.scored.stop - window.scored.start for window in batch]
            lanes = np.repeat(np.arange(len(batch)), sizes)
            places = np.concatenate([targets[w.piece].position[w.scored] - 1 - w.start for w in batch])
            wanted = np.concatenate([targets[w.piece].token[w.scored] for w in batch])
            loss, hit = _losses(model, *(torch.from_numpy(array).to(device) for array in (ids, lanes, places, wanted)))
            cuts = np.cumsum(sizes)[:-1]
            results.extend(zip(batch, np.split(loss, cuts), np.split(hit, cuts), strict=True))
            if progress is not None:
                progress(len(results), len(waiting))
    return results


def _losses(model: Predictor, ids: Tensor, lanes: Tensor, places: Tensor, wanted: Tensor) -> tuple[Floats, Bools]:
    """Run the model on ids [B, T]; give the loss of ``wanted`` [K] after the positions (``lanes``, ``places``)."""
    logits = model(ids)[lanes, places].float()
    loss = F.cross_entropy(logits, wanted, reduction="none")
    return loss.cpu().numpy().astype(np.float64), (logits.argmax(dim=-1) == wanted).cpu().numpy()


@contextmanager
def _evaluation(model: Predictor, precision: Literal["fp32", "bf16"]) -> Iterator[torch.device]:
    """Switch a module to evaluation and back, without gradients; give the device of its weights."""
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    weight = next((weight for module in modules for weight in module.parameters(recurse=False)), None)
    device = torch.device("cpu") if weight is None else weight.device
    training = [module.training for module in modules]
    autocast = torch.autocast(device.type, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()
    try:
        for module in modules:
            module.training = False
        with torch.inference_mode(), autocast:
            yield device
    finally:
        for module, was_training in zip(modules, training, strict=True):
            module.training = was_training
