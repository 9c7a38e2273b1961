"""What a training window is told about itself: conditions that are known, or follow from the notes, and no guesses.

composer   the catalogue's, under the tokenizer's name for it
style      that of a composer who is usually put into one, see ``STYLE_OF``
key        estimated from the whole piece's notes, moved with the window's transposition
tempo      the notated one of a score that keeps it (``tonada.symbolic.pulse``); performances have none
density    notes per second of the window
length     from the window's start to the piece's end
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.augment import Variation
from tonada.symbolic.corpus.composers import composer_keys
from tonada.symbolic.key_finding import estimate_key
from tonada.symbolic.tokenizers.base import Ids
from tonada.symbolic.tokenizers.note import NoteTokenizer

_STYLES = {
    "baroque": "bach buxtehude byrd couperin froberger gibbons handel pachelbel purcell rameau scarlatti telemann "
    "vivaldi",
    "classical": "boccherini cimarosa clementi dussek haydn mozart soler",
    "romantic": "alkan brahms burgmuller chaminade chopin dvorak gottschalk grieg liszt macdowell mendelssohn "
    "moszkowski mussorgsky paderewski rubinstein saint-saens schumann tchaikovsky thalberg",
    "impressionist": "debussy ravel",
    "ragtime": "joplin turpin",
}
STYLE_OF: Mapping[str, str] = {
    surname.replace("-", " "): style for style, surnames in _STYLES.items() for surname in surnames.split()
}
"""Surname key → style, for composers whom histories of music put into one period as a matter of course (as the headings
of Grove Music Online do). Who stands between two (Beethoven, Schubert), who changed (Scriabin) or who wrote late in a
style that others had left (Rachmaninoff, Medtner) is in none: the table does not decide what is disputed."""


class _Facts(NamedTuple):
    """What holds for a whole piece, as it was prepared."""

    key: tuple[int, str] | None
    opening: int
    """Position of the first note's first id."""
    onset_ms: NDArray[np.int32]
    """Of each note; an id of a note is found without looking at those before it."""
    end_ms: int


class Describer:
    """Finds the conditions of windows of pieces.

    What must be computed from all of a piece's notes is computed once, when a window of it is first asked for.

    Parameters
    ----------
    tokenizer
        Of the ids; a kind for which it has no names is never told.
    pieces
        uint16 ids of each piece.
    catalogue
        The row of each piece; the columns "composer" and "tempo_bpm" are read where they are there.
    """

    def __init__(
        self,
        tokenizer: NoteTokenizer,
        pieces: Sequence[NDArray[np.uint16]],
        catalogue: Sequence[Mapping[str, str]],
    ) -> None:
        self._tokenizer, self._pieces, self._catalogue = tokenizer, pieces, catalogue
        self._onset_ids, self._shift_ms = tokenizer.slot_values(0)
        self._facts = cache(self._find_facts)

    def describe(
        self, piece: int, start: int, ids: Ids, *, variation: Variation, kinds: Collection[str]
    ) -> dict[str, str]:
        """Find what is known of a window.

        Parameters
        ----------
        piece
            Its number.
        start
            Where in the piece it starts; one of the tokenizer's ``window_starts``.
        ids
            The window as it is learned from, varied.
        variation
            How it was varied.
        kinds
            The kinds that are asked for.

        Returns
        -------
        dict
            Kind → name, for those of ``kinds`` that are known.
        """
        found = {kind: self._find(kind, piece, start, ids, variation) for kind in kinds}
        return {kind: name for kind, name in found.items() if name is not None}

    def _find(self, kind: str, piece: int, start: int, ids: Ids, variation: Variation) -> str | None:
        conditions, row = self._tokenizer.conditions, self._catalogue[piece]
        if kind == "composer":
            return composer_name(row.get("composer", ""), conditions.names["composer"])
        if kind == "style":
            style = composer_style(row.get("composer", ""))
            return style if style in conditions.names["style"] else None
        if kind == "key":
            key = self._facts(piece).key
            return None if key is None else conditions.key_name(key[0] + variation["semitones"], key[1])
        if kind == "tempo":
            bpm = row.get("tempo_bpm", "")
            return conditions.name_of("tempo", float(bpm) / variation["stretch"]) if bpm else None
        if kind == "density":
            first = int(np.argmax(self._tokenizer.slot_of[ids[:2]] == 0))
            later = np.bincount(ids[first + 1 :], minlength=self._tokenizer.vocabulary_size)[self._onset_ids]
            density = notes_per_second(int(later.sum()) + 1, int(later @ self._shift_ms) / 1000)
            return None if density is None else conditions.name_of("density", density)
        # The shift at the start itself led here, and is not to come.
        facts = self._facts(piece)
        here_ms = int(facts.onset_ms[(start - facts.opening) // 4]) if start else 0
        return conditions.name_of("length", (facts.end_ms - here_ms) / 1000 * variation["stretch"])

    def _find_facts(self, piece: int) -> _Facts:
        ids = self._pieces[piece]
        notes = self._tokenizer.decode_notes(ids)
        return _Facts(
            key=estimate_key(notes),
            opening=int(np.argmax(self._tokenizer.slot_of[ids] == 0)),
            onset_ms=np.rint(notes.onset_s * 1000).astype(np.int32),
            end_ms=round(notes.end_s * 1000),
        )


def notes_per_second(count: int, span_s: float) -> float | None:
    """Give the density of notes whose first and last onset lie ``span_s`` apart; None where that is no time."""
    return (count - 1) / span_s if span_s > 0 else None


@cache
def composer_name(name: str, known: tuple[str, ...]) -> str | None:
    """Find which of the tokenizer's composers a catalogue means.

    Parameters
    ----------
    name
        As a catalogue writes it: "Frédéric Chopin", "Saint-Saëns, Camille", "Franz Schubert / Franz Liszt".
    known
        The tokenizer's names.

    Returns
    -------
    str or None
        One of ``known``: "other", if that is among them, for a composer who is not. None for nobody (no name,
        "Traditional"), and for a work by several of whom at least one is known: whose hand is heard is not said.
    """
    surnames = composer_keys(name)
    matches = [composer for composer in known if composer_keys(composer) & surnames]
    if matches:
        return matches[0] if len(surnames) == 1 else None
    return "other" if surnames and "other" in known else None


@cache
def composer_style(name: str) -> str | None:
    """Give the style of all who are named, as a catalogue writes it; None where they differ or one is in none."""
    styles = {STYLE_OF.get(surname) for surname in composer_keys(name)}
    return styles.pop() if len(styles) == 1 else None
