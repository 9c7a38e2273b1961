"""Passages of files and of data sets, as sets that are compared with each other."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.errors import ConfigError, DataError

if TYPE_CHECKING:
    from tonada.api.loading import Classifier
    from tonada.symbolic.notes import Notes

FEWEST_NOTES = 20
"""Of a passage."""


@dataclass(frozen=True, kw_only=True)
class Passages:
    """A set of passages, and the piece that each is of."""

    notes: Sequence[Notes]
    pieces: Sequence[Hashable]

    @property
    def count(self) -> int:
        """How many pieces there are passages of."""
        return len(set(self.pieces))

    def spread(self, most: int) -> Passages:
        """Take at most so many, evenly spread."""
        count = min(most, len(self.notes))
        places = [round(place * (len(self.notes) - 1) / max(1, count - 1)) for place in range(count)]
        return Passages(notes=[self.notes[place] for place in places], pieces=[self.pieces[place] for place in places])


def read_files(
    names: Sequence[str | Path], classifier: Classifier, seconds: float, most: int, skipped: dict[str, str]
) -> Passages:
    """Cut MIDI files into passages.

    Parameters
    ----------
    names
        Files, folders, patterns.
    classifier
        Its tokenizer rounds the notes, lest its rounding be taken for a difference.
    seconds
        Length of a passage.
    most
        Passages of all files together; some are left out, evenly spread, where there are more.
    skipped
        Files that give none are added, with the reason.

    Raises
    ------
    DataError
        No file gives a passage.
    """
    from tonada.api.inputs import Failure, find_inputs
    from tonada.symbolic.evaluation.sets import passages_of
    from tonada.symbolic.midi import read_midi
    from tonada.symbolic.pedal import fold_pedal

    notes: list[Notes] = []
    pieces: list[Hashable] = []
    paths = find_inputs(names)
    for path in paths:
        if isinstance(path, Failure):
            skipped[path.name] = str(path.error)
            continue
        try:
            cut = passages_of(
                classifier.rounded(fold_pedal(read_midi(path))),
                seconds,
                -(-most // len(paths)),
                fewest_notes=FEWEST_NOTES,
            )
        except DataError as error:
            skipped[str(path)] = error.reason
            continue
        if not cut:
            skipped[str(path)] = f"has fewer than {FEWEST_NOTES} notes"
        notes += cut
        pieces += [str(path)] * len(cut)
    if not notes:
        raise DataError(
            Path(names[0]), "; ".join(f"{name}: {why}" for name, why in skipped.items()) or "holds no music"
        )
    return Passages(notes=notes, pieces=pieces).spread(most)


def read_data(folder: Path, split: str, classifier: Classifier, seconds: float, most: int) -> Passages:
    """Cut the pieces of a data set into passages, grouped by work.

    Parameters
    ----------
    folder
        What ``prepare`` wrote.
    split
        Which pieces.
    classifier, seconds, most
        As for ``read_files``.

    Raises
    ------
    ConfigError
        The split holds no music.
    """
    from tonada.api.studies.notes import tokenizer_of
    from tonada.data import Dataset
    from tonada.symbolic.evaluation.sets import passages_of

    dataset = Dataset(folder)
    tokenizer, found = tokenizer_of(dataset), dataset.pieces(split)
    notes: list[Notes] = []
    pieces: list[Hashable] = []
    for piece in found:
        whole = classifier.rounded(tokenizer.decode_notes(piece.array))
        cut = passages_of(whole, seconds, -(-most // len(found)), fewest_notes=FEWEST_NOTES)
        notes += cut
        pieces += [piece.metadata.get("work") or piece.name] * len(cut)
    if not notes:
        raise ConfigError(f"the split '{split}' of {folder} holds no music")
    return Passages(notes=notes, pieces=pieces).spread(most)
