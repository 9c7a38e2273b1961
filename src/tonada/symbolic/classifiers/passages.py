"""Passages of pieces: those that a classifier learns from, those that it is measured on, and how a whole piece is cut.

Axes: B batch · N notes · F features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from tonada.errors import ConfigError
from tonada.model import Batch
from tonada.seeding import rng
from tonada.symbolic.augment import fit_transposition
from tonada.symbolic.classifiers.features import FEATURES, describe_notes
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.base import Tokenizer

LONGEST = 300
"""Notes that a classifier reads at once; what is longer is read in parts."""


@dataclass(frozen=True, kw_only=True)
class PassageAugmentation:
    """How passages are drawn and varied; every draw is uniform, lengths and stretches on a logarithmic scale."""

    shortest: int = 60
    """Notes of a passage, at least; all passages of a batch are equally long, where their pieces are long enough."""
    longest: int = LONGEST
    """Notes of a passage, at most."""
    semitones: int = 5
    """Transposition up or down by as many semitones at most."""
    stretch: float = 0.15
    """Slower or faster by this share at most."""
    velocity: int = 12
    """Louder or softer by as much MIDI velocity at most, the same for all notes."""
    dropped: float = 0.2
    """Share of a passage's notes that is left out at most: no figure can then be learned by heart."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises
        ------
        ConfigError
            A value is out of range.
        """
        if not 1 <= self.shortest <= self.longest:
            raise ConfigError(
                f"PassageAugmentation.shortest must lie in 1 to longest; got {self.shortest}, longest={self.longest}"
            )
        for name in ("semitones", "velocity"):
            if not 0 <= getattr(self, name) <= 127:
                raise ConfigError(f"PassageAugmentation.{name} must lie in 0 to 127; got {getattr(self, name)}")
        for name, usual in (("stretch", 0.15), ("dropped", 0.2)):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(
                    f"PassageAugmentation.{name} must lie in 0 to 1; got {getattr(self, name)}. Try {usual}"
                )


class PassageBatches:
    """Batches of passages, each class as often as any other: what is rare counts as much as what is common.

    Equal shares of the classes are the class-balanced loss, by drawing in place of weights. Within a class a piece is
    drawn with its number of notes, and a passage of it begins at any of its notes. Every batch is a function of (seed,
    step) alone.

    Parameters
    ----------
    pieces
        uint16 ids of each piece.
    labels
        The class of each; pieces without one are left out.
    classes
        Names of the classes.
    tokenizer
        Of the ids.
    batch
        Passages of a batch.
    seed
        Of all draws.
    augmentation
        How passages are drawn and varied.

    Raises
    ------
    ConfigError
        A class has no piece.
    """

    def __init__(
        self,
        pieces: Sequence[NDArray[np.uint16]],
        labels: Sequence[int | None],
        classes: Sequence[str],
        tokenizer: Tokenizer,
        *,
        batch: int,
        seed: int,
        augmentation: PassageAugmentation | None = None,
    ) -> None:
        self._size, self._seed = batch, seed
        self._augmentation = augmentation or PassageAugmentation()
        self._notes = cache(lambda place: tokenizer.decode_notes(pieces[place]))
        self._classes = [
            np.array([place for place, label in enumerate(labels) if label == number], dtype=np.int64)
            for number in range(len(classes))
        ]
        counts = np.array([tokenizer.count_notes(ids) for ids in pieces], dtype=np.float64)
        for name, members in zip(classes, self._classes, strict=True):
            if not counts[members].sum():
                raise ConfigError(f"the split 'train' has no piece of the class '{name}': it cannot be learned")
        self._shares = [counts[members] / counts[members].sum() for members in self._classes]

    def batch(self, step: int) -> Batch:
        """Give the batch of a step.

        Parameters
        ----------
        step
            From 0.

        Returns
        -------
        dict
            ``features`` float32 ``[B, N, F]``, ``mask`` bool ``[B, N]`` and ``labels`` int64 ``[B]``.
        """
        told = self._augmentation
        generator = rng(self._seed, "passages", step)
        length = round(math.exp(generator.uniform(math.log(told.shortest), math.log(told.longest))))
        labels = (step * self._size + np.arange(self._size)) % len(self._classes)
        passages = []
        for label in labels.tolist():
            notes = self._notes(int(generator.choice(self._classes[label], p=self._shares[label])))
            start = int(generator.integers(0, max(0, len(notes) - length) + 1))
            passages.append(self._varied(notes[start : start + length], generator))
        return {**collate(passages), "labels": torch.from_numpy(labels)}

    def _varied(self, notes: Notes, generator: np.random.Generator) -> Notes:
        told = self._augmentation
        semitones = fit_transposition(notes, int(generator.integers(-told.semitones, told.semitones, endpoint=True)))
        widest = math.log1p(told.stretch)
        stretch = math.exp(generator.uniform(-widest, widest))
        velocity = int(generator.integers(-told.velocity, told.velocity, endpoint=True))
        share = generator.uniform(0.0, told.dropped)
        notes = notes[generator.random(len(notes)) >= share]
        return replace(
            notes,
            onset_s=notes.onset_s * stretch,
            duration_s=notes.duration_s * stretch,
            pitch=notes.pitch + semitones,
            velocity=np.clip(notes.velocity + velocity, 1, 127),
        )


def collate(passages: Sequence[Notes]) -> Mapping[str, torch.Tensor]:
    """Put passages side by side, filled up to the longest.

    Parameters
    ----------
    passages
        B of them.

    Returns
    -------
    dict
        ``features`` float32 ``[B, N, F]``, 0 where filled up, and ``mask`` bool ``[B, N]``, False there.
    """
    most = max(1, *(len(notes) for notes in passages))
    features = np.zeros((len(passages), most, FEATURES), dtype=np.float32)
    mask = np.zeros((len(passages), most), dtype=np.bool_)
    for row, notes in enumerate(passages):
        features[row, : len(notes)] = describe_notes(notes)
        mask[row, : len(notes)] = True
    return {"features": torch.from_numpy(features), "mask": torch.from_numpy(mask)}


def parts_of(notes: Notes, longest: int = LONGEST) -> list[Notes]:
    """Cut notes into as few parts as can be read at once, about equally long; nothing gives one empty part."""
    count = max(1, math.ceil(len(notes) / longest))
    edges = np.linspace(0, len(notes), count + 1).round().astype(int).tolist()
    return [notes[start:stop] for start, stop in pairwise(edges)]


def spread_passages(notes: Notes, length: int, most: int) -> list[Notes]:
    """Take passages of ``length`` notes, evenly spread over a piece.

    Parameters
    ----------
    notes
        A piece.
    length
        Notes of a passage; a piece that is shorter is one passage.
    most
        How many at most; they never overlap.
    """
    if len(notes) <= length:
        return [notes]
    count = min(most, len(notes) // length)
    starts = (
        np.linspace(0, len(notes) - length, count + 2)[1:-1]
        if count == 1
        else np.linspace(0, len(notes) - length, count)
    )
    return [notes[start : start + length] for start in starts.round().astype(int).tolist()]
