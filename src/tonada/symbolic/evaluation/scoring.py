"""Which ids of a piece are scored, in which slot, and the figures that come of their losses.

Models and baselines are scored on exactly these ids:

* The first id of a piece has nothing before it and is never scored (it is the begin id, where the tokenizer has one).
* In tokenizers with slots, every id of a slot is scored, and the end id, under a slot of its own, "end". Conditions
  stand before the first note and are given, not predicted; they and padding are not scored.
* In tokenizers of events, every id after the first is scored, under "event"; the end id under "end".

The figures per note divide by the number of whole notes of the pieces, so that the end id counts in the total per note.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonada.errors import ConfigError
from tonada.symbolic.tokenizers.base import Tokenizer

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BITS_PER_NAT = 1.0 / math.log(2.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Targets:
    """The K scored ids of a piece.

    Attributes
    ----------
    position
        Where they stand in the piece; int64 [K], rising, ≥ 1.
    token
        The ids; int64 [K].
    slot
        Which of ``slot_names`` they count under; int64 [K].
    place
        Which slot they stand in, the end id standing where a note would begin; int64 [K], always 0 for events.
    previous
        The id of the same place before them (the same slot of the note before; the id before, for events), −1 where
        there is none; int64 [K].
    width
        How many reference units the id's bin is wide; float64 [K].
    """

    position: Ints
    token: Ints
    slot: Ints
    place: Ints
    previous: Ints
    width: Floats

    def __len__(self) -> int:
        """Give K."""
        return len(self.position)


def slot_names(tokenizer: Tokenizer) -> tuple[str, ...]:
    """Name what scored ids count under: the tokenizer's slots, or "event"; then "end" where it has such an id."""
    return (tokenizer.slots or ("event",)) + (("end",) if tokenizer.end_id is not None else ())


def find_targets(tokenizer: Tokenizer, ids: NDArray[np.uint16]) -> Targets:
    """Find the ids of a piece that are scored.

    Parameters
    ----------
    tokenizer
        Of the ids.
    ids
        A whole piece, uint16 [T].
    """
    token = np.asarray(ids).astype(np.int64)
    end = np.zeros(len(token), dtype=np.bool_) if tokenizer.end_id is None else token == tokenizer.end_id
    end[:1] = False  # one id may both open and close
    if tokenizer.slots:
        place = np.asarray(tokenizer.slots_of(ids)).astype(np.int64)
        place[end] = 0
    else:
        place = np.zeros(len(token), dtype=np.int64)
    known = place < max(1, len(tokenizer.slots))
    previous = np.full(len(token), -1, dtype=np.int64)
    for index in range(max(1, len(tokenizer.slots))):
        here = np.flatnonzero(place == index)
        previous[here[1:]] = token[here[:-1]]
    known[:1] = False
    slot = np.where(end, len(slot_names(tokenizer)) - 1, place)
    position = np.flatnonzero(known)
    return Targets(
        position=position,
        token=token[position],
        slot=slot[position],
        place=place[position],
        previous=previous[position],
        width=np.asarray(tokenizer.widths_of(ids))[position],
    )


@dataclass(frozen=True, kw_only=True)
class SlotFigures:
    """What the ids of one slot cost.

    Attributes
    ----------
    slot
        One of ``slot_names``.
    ids
        How many were scored.
    nats_per_id, nats_per_note
        Sum of their losses over their number, and over the number of notes.
    nats_per_id_corrected, nats_per_note_corrected
        The same with ln(bin width) added to each loss: comparable between tokenizers.
    accuracy
        Share of them that was the most probable id.
    """

    slot: str
    ids: int
    nats_per_id: float
    nats_per_id_corrected: float
    nats_per_note: float
    nats_per_note_corrected: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class Figures(SlotFigures):
    """What all scored ids cost, and those of each slot.

    Attributes
    ----------
    name
        Of the model or baseline; ``slot`` is "all".
    bits_per_s, bits_per_s_corrected
        Bits per second of music.
    slots
        The same for each slot, without bits; what they have per note adds up to the whole.
    """

    name: str
    bits_per_s: float
    bits_per_s_corrected: float
    slots: tuple[SlotFigures, ...]


def figures(
    name: str,
    slots: Sequence[str],
    targets: Sequence[Targets],
    losses: Sequence[Floats],
    hits: Sequence[Bools],
    *,
    notes: int,
    seconds: float,
) -> Figures:
    """Sum losses up.

    Parameters
    ----------
    name
        Whose losses they are.
    slots
        From ``slot_names``.
    targets
        Of each piece.
    losses
        Nats of each target; float64 [K] for each piece.
    hits
        Whether each target was the most probable id; bool [K] for each piece.
    notes
        Whole notes in all pieces.
    seconds
        Length of all pieces.
    """
    slot = np.concatenate([piece.slot for piece in targets])
    loss, hit = np.concatenate(losses), np.concatenate(hits)
    corrected = loss + np.log(np.concatenate([piece.width for piece in targets]))

    def row(label: str, mine: Bools) -> SlotFigures:
        count = int(mine.sum())
        raw, wide = float(loss[mine].sum()), float(corrected[mine].sum())
        return SlotFigures(
            slot=label,
            ids=count,
            nats_per_id=_ratio(raw, count),
            nats_per_id_corrected=_ratio(wide, count),
            nats_per_note=_ratio(raw, notes),
            nats_per_note_corrected=_ratio(wide, notes),
            accuracy=_ratio(float(hit[mine].sum()), count),
        )

    whole = row("all", np.ones(len(slot), dtype=np.bool_))
    return Figures(
        **vars(whole),
        name=name,
        bits_per_s=_ratio(float(loss.sum()) * BITS_PER_NAT, seconds),
        bits_per_s_corrected=_ratio(float(corrected.sum()) * BITS_PER_NAT, seconds),
        slots=tuple(row(label, slot == index) for index, label in enumerate(slots)),
    )


def check_pieces(pieces: Sequence[NDArray[np.uint16]], seconds: Sequence[float]) -> None:
    """Check that there is something to score.

    Raises
    ------
    ConfigError
        There are no pieces, or not one length for each.
    """
    if not pieces:
        raise ConfigError("there is nothing to evaluate: the split has no pieces. Prepare the data with another split")
    if len(seconds) != len(pieces):
        raise ConfigError(f"there are {len(pieces)} pieces but {len(seconds)} lengths in seconds; give one for each")


def _ratio(total: float, count: float) -> float:
    return total / count if count else math.nan
