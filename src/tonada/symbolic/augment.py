"""Variations of training windows: transposed, faster or slower, louder or softer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from tonada.errors import ConfigError
from tonada.seeding import rng
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.base import Ids, Tokenizer
from tonada.symbolic.tokenizers.conditions import CONDITIONS

LOWEST_PITCH, HIGHEST_PITCH = 21, 108
"""The keys of a piano."""


class Variation(TypedDict):
    """What ``augment_ids`` does to a window."""

    semitones: int
    stretch: float
    velocity: int


UNVARIED = Variation(semitones=0, stretch=1.0, velocity=0)


class Draw(NamedTuple):
    """What to do with a window: how to vary it, and the kinds of conditions that it is told where they are known."""

    variation: Variation
    conditions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far training windows are varied; every draw is uniform, that of the stretch on a logarithmic scale."""

    semitones: int = 5
    """Transposition up or down by as many semitones at most."""
    stretch: float = 0.1
    """Slower or faster by this share at most: 0.1 is between 1.1 and 1 / 1.1 times as long."""
    velocity: int = 8
    """Louder or softer by as much MIDI velocity at most, the same for all notes."""
    conditions: float = 0.5
    """Share of windows that are told something about themselves (composer, key, density …); 0 tells none anything."""
    each_condition: float = 0.5
    """Share of what is known that such a window is told; drawn for each kind of condition."""

    def __post_init__(self) -> None:
        """Check what the types do not say."""
        for name in ("semitones", "velocity"):
            if not 0 <= getattr(self, name) <= 127:
                raise ConfigError(f"Augmentation.{name} must lie in 0 to 127; got {getattr(self, name)}")
        for name, usual in (("stretch", 0.1), ("conditions", 0.5), ("each_condition", 0.5)):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"Augmentation.{name} must lie in 0 to 1; got {getattr(self, name)}. Try {usual}")

    def draw(self, seed: int, *counters: int) -> Draw:
        """Draw what to do with a window: a function of the seed and the counters (the step and lane, say)."""
        generator = rng(seed, "augment", *counters)
        widest = math.log1p(self.stretch)
        variation = Variation(
            semitones=int(generator.integers(-self.semitones, self.semitones, endpoint=True)),
            stretch=math.exp(generator.uniform(-widest, widest)),
            velocity=int(generator.integers(-self.velocity, self.velocity, endpoint=True)),
        )
        told, *each = generator.random(1 + len(CONDITIONS)).tolist()
        drawn = zip(CONDITIONS, each, strict=True)
        kinds = tuple(kind for kind, share in drawn if told < self.conditions and share < self.each_condition)
        return Draw(variation, kinds)


def augment_ids(
    tokenizer: Tokenizer, ids: ArrayLike, *, semitones: int, stretch: float, velocity: int
) -> tuple[Ids, Variation]:
    """Vary a window of a piece's ids.

    Parameters
    ----------
    tokenizer
        Of the ids.
    ids
        uint16 [T], a window that starts at one of the tokenizer's ``window_starts``; a note that its end cuts is left
        out.
    semitones
        Transposition; if a note would leave the keys of a piano, the nearest that fits.
    stretch
        All times are multiplied by it, the shift of the first note too; must be positive.
    velocity
        Added to every velocity, then moved into 1 to 127.

    Returns
    -------
    ids
        uint16, with as many notes as ``ids``. A window in which the stretch would move two notes of a pitch onto one
        step of the grid is not stretched. A condition that names the key follows the transposition.
    variation
        What was done in the end.
    """
    fitted = 0

    def vary(notes: Notes) -> Notes:
        nonlocal fitted
        fitted = fit_transposition(notes, semitones)
        return replace(
            notes,
            onset_s=notes.onset_s * stretch,
            duration_s=notes.duration_s * stretch,
            pitch=notes.pitch + fitted,
            velocity=np.clip(notes.velocity + velocity, 1, 127),
        )

    result = tokenizer.edit_notes(ids, vary)
    if stretch < 1 and tokenizer.count_notes(result) < tokenizer.count_notes(ids):
        return augment_ids(tokenizer, ids, semitones=semitones, stretch=1.0, velocity=velocity)
    return (
        tokenizer.transpose_conditions(result, fitted),
        Variation(semitones=fitted, stretch=stretch, velocity=velocity),
    )


def fit_transposition(notes: Notes, semitones: int) -> int:
    """Give the transposition nearest to ``semitones`` that moves no note off the piano, nor one off it further away."""
    if not len(notes):
        return semitones
    lowest, highest = int(notes.pitch.min()), int(notes.pitch.max())
    return min(max(semitones, min(0, LOWEST_PITCH - lowest)), max(0, HIGHEST_PITCH - highest))
