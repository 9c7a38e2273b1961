"""What a piece may be said to be, before its notes: kinds of conditions, and the names each has by default."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tonada.errors import ConfigError, UnknownNameError

CONDITIONS = ("composer", "style", "key", "tempo", "density", "length")
"""Kinds of conditions, in the order in which they stand before the notes; each may be absent."""

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
LENGTHS = ("ending", "very short", "short", "medium", "long", "very long")


class Conditions:
    """The ids of conditions, without gaps: kind after kind, name after name.

    Parameters
    ----------
    names
        The names of each of the kinds in ``CONDITIONS``; a kind without names does not exist.
    first_id
        The id of the first name.
    bounds
        Of kinds whose names are the parts of a scale, in rising order: where each name ends and the next begins.

    Raises
    ------
    ConfigError
        A kind has a name twice, or the name of a key is none.
    """

    def __init__(
        self,
        names: Sequence[tuple[str, ...]],
        *,
        first_id: int = 0,
        bounds: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self.names = dict(zip(CONDITIONS, names, strict=True))
        self._first_id, self._bounds = first_id, bounds or {}
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

    def find(self, kind: str, text: str) -> str:
        """Find the name that somebody means: in any case, without accents, a key by any of its spellings.

        Raises
        ------
        UnknownNameError
            There is no such kind or name; the nearest are offered.
        """
        if kind not in self.names:
            raise UnknownNameError("condition", kind, self.names)
        fold = _folded_key if kind == "key" else _folded
        for name in self.names[kind]:
            if fold(name) == fold(text):
                return name
        raise UnknownNameError(kind, text, self.names[kind])

    def __contains__(self, token: int) -> bool:
        """Tell whether an id is a condition."""
        return self._first_id <= token < self._first_id + len(self)

    def transposed(self, token: int, semitones: int) -> list[int]:
        """Give the condition that holds when the notes are ``semitones`` higher; none if a key has no name there."""
        kind, name = list(self._ids)[token - self._first_id]
        if kind != "key":
            return [token]
        tonic, mode = parse_key(name)
        key = self.key_name(tonic + semitones, mode)
        return [] if key is None else [self._ids[kind, key]]

    def key_name(self, tonic: int, mode: str) -> str | None:
        """Name a key by the pitch class of its tonic, counted modulo 12, and its mode; None if it has no name."""
        wanted = tonic % 12, mode
        return next((name for name in self.names["key"] if parse_key(name) == wanted), None)

    def name_of(self, kind: str, value: float) -> str | None:
        """Name a value of the kinds that have bounds, in their unit; None if the kind has no names."""
        names = self.names[kind]
        return names[bisect_right(self._bounds[kind], value)] if names else None

    def among(self, ids: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Tell which ids are conditions; bool, in the shape of the ids."""
        found: NDArray[np.bool_] = (ids >= self._first_id) & (ids < self._first_id + len(self))
        return found


def parse_key(name: str) -> tuple[int, str]:
    """Read "F# minor" as (6, "minor"): the pitch class of its tonic, and its mode."""
    tonic, _, mode = name.partition(" ")
    return (_NATURALS[tonic[0]] + tonic.count("#") - tonic.count("b")) % 12, mode


def _folded(text: str) -> str:
    """Take case, accents and superfluous spaces from a name."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())


def _folded_key(text: str) -> str | tuple[int, str]:
    """Read "b-flat Minor" or "A# minor" as (10, "minor"); what is no key stays a text."""
    plain = re.sub(r"[- ]?(flat|sharp)\b", lambda found: {"flat": "b", "sharp": "#"}[found[1]], _folded(text))
    name = plain[:1].upper() + plain[1:]
    return parse_key(name) if _KEY.fullmatch(name) else name
