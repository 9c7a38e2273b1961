"""Whether music quotes what a model was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.inputs import Batch, Failure, find_inputs
from tonada.api.studies.evaluation import Report, Rows
from tonada.errors import ConfigError, DataError

if TYPE_CHECKING:
    from tonada.symbolic.notes import Notes
    from tonada.symbolic.originality.fingerprint import Fingerprint
    from tonada.symbolic.originality.judging import Passage

NEAREST = 5
"""How many pieces are named."""


@dataclass(frozen=True, kw_only=True)
class Originality:
    """What was found in one piece; figures are None where there is nothing to compare with.

    Attributes
    ----------
    name
        The piece.
    notes
        How many it has.
    sentence
        The finding, for anybody.
    corpus
        What it was compared with; None where the fingerprint is absent.
    flagged
        Whether it quotes.
    score, threshold
        The highest score of a passage, and from where on it counts as a quotation.
    nearest
        The most telling passage of each of the nearest pieces, by falling score, flagged or not.
    longest
        The passage of most notes that is shared, commonplaces too.
    """

    name: str
    notes: int
    sentence: str
    corpus: str | None = None
    flagged: bool | None = None
    score: float | None = None
    threshold: float | None = None
    nearest: tuple[Passage, ...] = ()
    longest: Passage | None = None


@dataclass(frozen=True, kw_only=True)
class OriginalityReport(Report):
    """What was found in some files.

    Attributes
    ----------
    pieces
        The findings, a file each.
    skipped
        Files that could not be used, and why.
    """

    pieces: tuple[Originality, ...]
    skipped: Mapping[str, str]

    title = "Originality"
    explanation = (
        "The most telling passage that each file shares with the training music, in any key and at any tempo. Its "
        "score is the rarity of what is shared, up to five times as much where the rhythm is the same: a scale scores "
        "next to nothing. From the threshold on it counts as a quotation; below, it may well be chance."
    )

    def headline(self) -> str:
        """Count the files that quote, and say of each what."""
        told = [f"{piece.name}: {piece.sentence}" for piece in self.pieces]
        flagged = sum(piece.flagged is True for piece in self.pieces)
        counted = f"{flagged} of {len(self.pieces)} files {'quotes' if flagged == 1 else 'quote'} the training music"
        return "\n".join([*told, "" if self.pieces[0].corpus is None else counted]).strip()

    def tables(self) -> dict[str, Rows]:
        """Give the nearest piece of each file."""
        rows: Rows = [
            {
                "file": piece.name,
                "quotes": "–" if piece.flagged is None else "yes" if piece.flagged else "no",
                "score": piece.score,
                "notes shared": best.notes if best is not None else None,
                "from": _clock(best.start_s) if best is not None else None,
                "to": _clock(best.end_s) if best is not None else None,
                "nearest piece": _called(best) if best is not None else None,
                "there": _clock(best.there_s) if best is not None else None,
                "longest shared": piece.longest.notes if piece.longest is not None else None,
            }
            for piece in self.pieces
            for best in [piece.nearest[0] if piece.nearest else None]
        ]
        return {"": rows}

    def facts(self) -> dict[str, str | float]:
        """Say what was compared with, and what was left out."""
        first = self.pieces[0]
        told: dict[str, str | float] = {"compared with": first.corpus or "nothing: there is no fingerprint"}
        if first.threshold is not None:
            told["threshold"] = first.threshold
        if self.skipped:
            told["left out"] = "; ".join(f"{name}: {why}" for name, why in self.skipped.items())
        return told


def report_originality(
    names: Sequence[str | Path], *, progress: Callable[[int, int], None] | None = None
) -> OriginalityReport:
    """Do `check_originality` on files and make a report of it; its errors are that one's."""
    batch = check_originality(*names, progress=progress)
    return OriginalityReport(
        pieces=batch.made, skipped={failure.name: str(failure.error) for failure in batch.failures}
    )


def check_originality(
    *midi: str | Path,
    fingerprint: str | Path | None = None,
    nearest: int = NEAREST,
    progress: Callable[[int, int], None] | None = None,
) -> Batch[Originality]:
    """Look in music for quotations of what a model was trained on, in any key and at any tempo.

    Parameters
    ----------
    *midi
        Files, folders, patterns, names of built-in examples.
    fingerprint
        Of the training music, as ``tools/make_fingerprint.py`` writes it; that of Tonada's own models when None. If it
        did not come with this installation, the result says so.
    nearest
        How many pieces to name, 1 or more.
    progress
        Called with the files done, and all of them.

    Raises
    ------
    ConfigError
        ``nearest`` is below 1, or no file is named.
    DataError
        The only input cannot be used; or the fingerprint that is named is not there, or one is damaged.
    ExceptionGroup
        No input can be used; it holds their errors.
    """
    if nearest < 1:
        raise ConfigError(f"nearest must be at least 1; got {nearest}")
    if not midi:
        raise ConfigError("name at least one file to look for quotations in")
    corpus = find_corpus(fingerprint)
    return Batch.collect(_check_each(midi, corpus, nearest, progress))


def find_corpus(fingerprint: str | Path | None = None) -> Fingerprint | None:
    """Load a fingerprint; None where none is named and Tonada's own did not come with this installation.

    Raises
    ------
    DataError
        The one that is named is not there, or one is damaged.
    """
    from tonada.symbolic.originality.fingerprint import Fingerprint, shipped_path

    if fingerprint is None and not shipped_path().is_file():
        return None
    return Fingerprint.load(None if fingerprint is None else Path(fingerprint))


def check_notes(notes: Notes, corpus: Fingerprint | None, *, name: str, nearest: int = NEAREST) -> Originality:
    """Look in notes for quotations.

    Parameters
    ----------
    notes
        Any notes.
    corpus
        From ``find_corpus``.
    name
        What they are called.
    nearest
        How many pieces to name.
    """
    if corpus is None:
        return Originality(name=name, notes=len(notes), sentence=ABSENT)
    from tonada.symbolic.originality.judging import THRESHOLD, examine

    found = examine(notes, corpus, most=nearest)
    return Originality(
        name=name,
        notes=len(notes),
        sentence=_sentence(found.nearest[0], corpus) if found.flagged else CLEAR.format(corpus=corpus.corpus),
        corpus=corpus.corpus,
        flagged=found.flagged,
        score=found.score,
        threshold=THRESHOLD,
        nearest=found.nearest,
        longest=found.longest,
    )


ABSENT = "Not compared with the training music: its fingerprint did not come with this installation."
CLEAR = "Nothing in it is closer to {corpus} than different works are to each other."


def _sentence(passage: Passage, corpus: Fingerprint) -> str:
    """Say what is quoted, for anybody."""
    where = f"{_clock(passage.start_s)} to {_clock(passage.end_s)}"
    tempo = ""
    if passage.tempo is not None:
        percent = round(100 * abs(passage.tempo - 1))
        tempo = f", {percent} % {'faster' if passage.tempo > 1 else 'slower'}" if percent >= 3 else ", as fast"
    return (
        f"From {where} it repeats {passage.notes} notes of {_called(passage)} "
        f"(there at about {_clock(passage.there_s)}{tempo}), one of {corpus.corpus}."
    )


def _called(passage: Passage) -> str:
    return ", ".join(part for part in (passage.composer, passage.title) if part) or passage.name


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _check_each(
    midi: Sequence[str | Path],
    corpus: Fingerprint | None,
    nearest: int,
    progress: Callable[[int, int], None] | None,
) -> Iterator[Originality | Failure]:
    from tonada.symbolic.midi import read_midi
    from tonada.symbolic.pedal import fold_pedal

    paths = find_inputs(midi)
    for done, path in enumerate(paths, start=1):
        if isinstance(path, Failure):
            yield path
        else:
            try:
                score = read_midi(path)
                if reason := score.why_silent:
                    raise DataError(path, f"{reason}, so there is nothing to compare")
                yield check_notes(fold_pedal(score), corpus, name=str(path), nearest=nearest)
            except DataError as error:
                yield Failure(name=str(path), error=error)
        if progress is not None:
            progress(done, len(paths))
