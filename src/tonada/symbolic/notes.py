"""Notes in seconds: the currency of tokenizers, metrics and pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def float_column(values: ArrayLike) -> Floats:
    """Give values as a read-only float64 column, without copying where that is possible."""
    column = np.asarray(values, dtype=np.float64).view()
    column.flags.writeable = False
    return column


def int_column(values: ArrayLike) -> Ints:
    """Give whole numbers as a read-only int64 column, without copying where that is possible.

    Raises
    ------
    ValueError
        A number is not whole.
    """
    given = np.asarray(values)
    column = given.astype(np.int64, copy=False).view()
    if given.dtype.kind == "f" and not np.array_equal(column, given):
        raise ValueError("a column of ticks, pitches, velocities or tempi holds whole numbers")
    column.flags.writeable = False
    return column


def check_columns(owner: str, **columns: NDArray[np.generic]) -> None:
    """Check that columns are one-dimensional and equally long.

    Raises
    ------
    ValueError
        They are not.
    """
    shapes = {name: column.shape for name, column in columns.items()}
    if any(len(shape) != 1 for shape in shapes.values()) or len(set(shapes.values())) > 1:
        raise ValueError(f"the columns of {owner} must be 1-D and equally long; got {shapes}")


def check_range(name: str, column: NDArray[np.generic], low: float, high: float) -> None:
    """Check that every value lies in [low, high]; a NaN does not.

    Parameters
    ----------
    name
        What the values are, for the error.
    column
        The values.
    low, high
        The smallest and the largest allowed.

    Raises
    ------
    ValueError
        One does not.
    """
    if len(column) and not (column.min() >= low and column.max() <= high):
        raise ValueError(f"{name} must lie in {low:g} to {high:g}; got {column.min()} to {column.max()}")


def column_differences(owner: str, mine: DataclassInstance, theirs: DataclassInstance) -> list[str]:
    """Say in which fields two dataclasses of columns differ, a line each.

    Parameters
    ----------
    owner
        What they are, to begin the lines with.
    mine, theirs
        Two of one class. Fields that are left out of its comparison are left out here.
    """
    found = []
    for entry in fields(mine):
        if not entry.compare:
            continue
        one, other = getattr(mine, entry.name), getattr(theirs, entry.name)
        label = f"{owner}, {entry.name}"
        if not isinstance(one, np.ndarray):
            if one != other:
                found.append(f"{label}: {one!r} and {other!r}")
        elif len(one) != len(other):
            found.append(f"{label}: {len(one)} values and {len(other)}")
        elif len(at := np.flatnonzero(one != other)):
            values = f"{one[at[0]]} and {other[at[0]]}"
            found.append(f"{label}: {len(at)} of {len(one)} values differ, the first at {at[0]}: {values}")
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Notes:
    """N notes as equally long, read-only columns, sorted by (onset, pitch); ties keep the order they were given in.

    Parameters
    ----------
    onset_s
        When each note begins; float64 [N], in seconds, finite. Notes that were shifted may begin before 0.
    duration_s
        How long it sounds; float64 [N], in seconds, finite, ≥ 0.
    pitch
        MIDI note number; int64 [N], 0–127, 60 is middle C.
    velocity
        Loudness; int64 [N], 1–127.

    Raises
    ------
    ValueError
        The columns differ in length, or a value is out of range.
    """

    onset_s: Floats
    duration_s: Floats
    pitch: Ints
    velocity: Ints

    def __post_init__(self) -> None:
        """Check the columns, sort them and make them read-only."""
        onset_s, duration_s = float_column(self.onset_s), float_column(self.duration_s)
        pitch, velocity = int_column(self.pitch), int_column(self.velocity)
        check_columns("Notes", onset_s=onset_s, duration_s=duration_s, pitch=pitch, velocity=velocity)
        largest = np.finfo(np.float64).max
        check_range("onset_s", onset_s, -largest, largest)
        check_range("duration_s", duration_s, 0.0, largest)
        check_range("pitch", pitch, 0, 127)
        check_range("velocity", velocity, 1, 127)
        earlier, later = onset_s[:-1], onset_s[1:]
        if not np.all((earlier < later) | ((earlier == later) & (pitch[:-1] <= pitch[1:]))):
            order = np.lexsort((pitch, onset_s))
            onset_s, duration_s = float_column(onset_s[order]), float_column(duration_s[order])
            pitch, velocity = int_column(pitch[order]), int_column(velocity[order])
        for name, column in (
            ("onset_s", onset_s),
            ("duration_s", duration_s),
            ("pitch", pitch),
            ("velocity", velocity),
        ):
            object.__setattr__(self, name, column)

    @classmethod
    def empty(cls) -> Notes:
        """Give no notes at all."""
        return cls.from_rows([])

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[float, float, int, int]]) -> Notes:
        """Build notes from rows of (onset_s, duration_s, pitch, velocity), in any order."""
        table = np.array(list(rows), dtype=np.float64).reshape(-1, 4)
        return cls(onset_s=table[:, 0], duration_s=table[:, 1], pitch=table[:, 2], velocity=table[:, 3])  # type: ignore[arg-type]

    @classmethod
    def concatenate(cls, *parts: Notes) -> Notes:
        """Merge notes into one sorted whole; where onset and pitch tie, earlier parts come first."""
        parts = parts or (cls.empty(),)
        return cls(
            onset_s=np.concatenate([part.onset_s for part in parts]),
            duration_s=np.concatenate([part.duration_s for part in parts]),
            pitch=np.concatenate([part.pitch for part in parts]),
            velocity=np.concatenate([part.velocity for part in parts]),
        )

    def __len__(self) -> int:
        """Give the number of notes."""
        return len(self.onset_s)

    def __getitem__(self, index: slice | NDArray[np.bool_] | NDArray[np.integer]) -> Notes:
        """Give the notes of a slice, a mask [N] or an array of positions.

        Raises
        ------
        TypeError
            The index is a single position: a note alone has no type of its own; write ``notes[i : i + 1]``.
        """
        if isinstance(index, SupportsIndex) and not isinstance(index, np.ndarray):
            raise TypeError("notes are indexed with a slice, a mask or an array of positions; write notes[i : i + 1]")
        return Notes(
            onset_s=self.onset_s[index],
            duration_s=self.duration_s[index],
            pitch=self.pitch[index],
            velocity=self.velocity[index],
        )

    @property
    def end_s(self) -> float:
        """When the last note stops, in seconds; 0.0 without notes."""
        return float((self.onset_s + self.duration_s).max()) if len(self) else 0.0

    def shifted(self, seconds: float) -> Notes:
        """Give the same notes, all later by ``seconds`` (earlier when negative)."""
        return Notes(
            onset_s=self.onset_s + seconds, duration_s=self.duration_s, pitch=self.pitch, velocity=self.velocity
        )

    def between(self, start_s: float, end_s: float) -> Notes:
        """Give the notes whose onset lies in [start_s, end_s), whole and at their own times."""
        start, end = np.searchsorted(self.onset_s, [start_s, end_s], side="left")
        return self[start:end]

    def equals(self, other: Notes) -> bool:
        """Tell whether both hold the same notes, to the last bit."""
        return all(
            np.array_equal(mine, theirs)
            for mine, theirs in (
                (self.onset_s, other.onset_s),
                (self.duration_s, other.duration_s),
                (self.pitch, other.pitch),
                (self.velocity, other.velocity),
            )
        )
