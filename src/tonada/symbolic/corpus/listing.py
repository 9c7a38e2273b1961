"""Which MIDI files the sources hold, and which of them are wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tonada.errors import ConfigError, DataError
from tonada.sources import SourceFile, list_sources
from tonada.sources.listing import check_shares
from tonada.symbolic.corpus.composers import composer_in_path
from tonada.symbolic.corpus.kind import MIDI
from tonada.symbolic.corpus.selection import select
from tonada.workers import check_jobs


@dataclass(frozen=True, kw_only=True)
class CorpusListing:
    """The files of a corpus, in a fixed order.

    Attributes
    ----------
    files
        Those that are wanted.
    elsewhere
        Those that are not, or that a table given as a source does not list.
    skipped
        Rows (name, collection, reason) of what cannot be used.
    """

    files: Sequence[SourceFile]
    elsewhere: Sequence[SourceFile]
    skipped: Sequence[Mapping[str, str]]


def check_settings(min_notes: int, jobs: int | None, shares: tuple[float, float]) -> None:
    """Check what preparing is asked for, before minutes go by.

    Parameters
    ----------
    min_notes
        Files with fewer notes are skipped.
    jobs
        Number of processes, or None.
    shares
        Of validation and test.

    Raises
    ------
    ConfigError
        One of them cannot be.
    """
    check_shares(*shares)
    check_jobs(jobs)
    if min_notes < 1:
        raise ConfigError(f"min_notes must be at least 1; got {min_notes}")


def list_corpus(sources: Sequence[Path], wanted: Mapping[str, Sequence[str]]) -> CorpusListing:
    """List the files of the sources; composer and title come from the path where no table gives them.

    Parameters
    ----------
    sources
        Folders, zips, MIDI files and csv tables; see `tonada.sources.list_sources`.
    wanted
        What `tonada.symbolic.corpus.selection.parse_selection` gave.

    Raises
    ------
    DataError
        A source cannot be used, or there is no MIDI file.
    UnknownNameError
        A column, or a value in it, that no file has.
    """
    listing = list_sources(sources, MIDI)
    if not listing.files:
        raise DataError(sources[0] if sources else "", "holds no MIDI file")
    everything = [_with_names(file) for file in listing.files]
    files = select(everything, wanted)
    chosen = {file.name for file in files}
    elsewhere = [file for file in (*everything, *listing.others) if file.name not in chosen]
    return CorpusListing(files=files, elsewhere=elsewhere, skipped=listing.skipped)


def _with_names(file: SourceFile) -> SourceFile:
    """Fill in composer and title from the path where no table gives them."""
    inside = file.name.partition("/")[2] or file.name
    facts = {"composer": composer_in_path(inside), "title": Path(inside).stem.replace("_", " "), **file.facts}
    return replace(file, facts={column: text for column, text in facts.items() if text})
