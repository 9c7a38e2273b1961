"""What a piece may be said to be, before its first note: kinds of conditions, and the names each has by default."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tonada.errors import ConfigError, UnknownNameError

CONDITIONS = ("composer", "style", "key", "tempo", "density")
"""Kinds of conditions, in the order in which they stand before the first note; each may be absent."""

COMPOSERS = (
    *("Albéniz", "Bach", "Beethoven", "Brahms", "Burgmüller", "Chaminade", "Chopin", "Clementi", "Czerny", "Debussy"),
    *("Gottschalk", "Granados", "Grieg", "Handel", "Haydn", "Joplin", "Liszt", "MacDowell", "Medtner", "Mendelssohn"),
    *("Moszkowski", "Mozart", "Mussorgsky", "Paderewski", "Rachmaninoff", "Ravel", "Rubinstein", "Saint-Saëns"),
    *("Satie", "Scarlatti", "Schubert", "Schumann", "Scriabin", "Soler", "Tchaikovsky", "other"),
)
_MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
KEYS = (*(f"{tonic} major" for tonic in _MAJOR), *(f"{tonic} minor" for tonic in _MINOR))
_KEY = re.compile(r"[A-G][#b]* \S.*")
_NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
STYLES = ("baroque", "classical", "romantic", "impressionist", "avant-garde", "ragtime", "latin", "other")
TEMPOS = ("very slow", "slow", "moderate", "fast", "very fast")
DENSITIES = ("very sparse", "sparse", "medium", "dense", "very dense")


class Conditions:
    """The ids of conditions, without gaps: kind after kind, name after name.

    Parameters
    ----------
    names
        The names of each of the kinds in ``CONDITIONS``.
    first_id
        The id of the first name.

    Raises
    ------
    ConfigError
        A kind has a name twice, or the name of a key is none.
    """

    def __init__(self, names: Sequence[tuple[str, ...]], *, first_id: int) -> None:
        self.names = dict(zip(CONDITIONS, names, strict=True))
        self._first_id = first_id
        self._ids: dict[tuple[str, str], int] = {}
        for kind, known in self.names.items():
            if len(set(known)) < len(known):
                raise ConfigError(f"the names for the condition '{kind}' must differ; got {', '.join(known)}")
            for name in known:
                if kind == "key" and not _KEY.fullmatch(name):
                    raise ConfigError(f"a key is a tonic and a mode, such as 'Bb major'; got '{name}'")
                self._ids[kind, name] = first_id + len(self._ids)

    def __len__(self) -> int:
        """Give the number of ids."""
        return len(self._ids)

    def ids(self, conditions: Mapping[str, str]) -> list[int]:
        """Give the ids of conditions, kind → name, in the order of the kinds.

        Raises
        ------
        UnknownNameError
            A kind or a name is unknown; the nearest are offered.
        """
        for kind, name in conditions.items():
            if kind not in self.names:
                raise UnknownNameError("condition", kind, self.names)
            if name not in self.names[kind]:
                raise UnknownNameError(kind, name, self.names[kind])
        return [self._ids[kind, conditions[kind]] for kind in CONDITIONS if kind in conditions]

    def __contains__(self, token: int) -> bool:
        """Tell whether an id is a condition."""
        return self._first_id <= token < self._first_id + len(self)

    def transposed(self, token: int, semitones: int) -> list[int]:
        """Give the condition that holds when the notes are ``semitones`` higher; none if a key has no name there."""
        kind, name = list(self._ids)[token - self._first_id]
        if kind != "key":
            return [token]
        tonic, mode = _parse_key(name)
        higher = (tonic + semitones) % 12, mode
        return [self._ids[kind, key] for key in self.names[kind] if _parse_key(key) == higher][:1]

    def kind_of(self, vocabulary_size: int) -> NDArray[np.int64]:
        """Give the index of each id's kind, −1 for ids that are no conditions; int64 [V]."""
        kinds = np.full(vocabulary_size, -1)
        sizes = [len(names) for names in self.names.values()]
        kinds[self._first_id : self._first_id + len(self)] = np.repeat(np.arange(len(sizes)), sizes)
        return kinds


def _parse_key(name: str) -> tuple[int, str]:
    """Read "F# minor" as (6, "minor"): the pitch class of its tonic, and its mode."""
    tonic, _, mode = name.partition(" ")
    return (_NATURALS[tonic[0]] + tonic.count("#") - tonic.count("b")) % 12, mode
