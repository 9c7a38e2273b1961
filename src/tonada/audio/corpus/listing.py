"""Which sound files the sources hold, and which of them are left out by their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tonada.audio.corpus.excerpts import Row
from tonada.audio.corpus.gtzan import REASON, gtzan_number, is_faulty
from tonada.audio.corpus.kind import AUDIO
from tonada.errors import ConfigError, DataError
from tonada.sources import SourceFile, list_sources
from tonada.sources.listing import check_shares
from tonada.workers import check_jobs


def check_settings(segment_s: float, min_s: float, jobs: int | None, shares: tuple[float, float]) -> None:
    """Check what preparing is asked for, before minutes go by.

    Parameters
    ----------
    segment_s, min_s
        Length of a segment, and of the shortest file, in seconds.
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
    if not 0.1 <= segment_s <= 3600 or not 0 < min_s <= 3600:
        raise ConfigError(
            f"segment_seconds must lie between 0.1 and 3600, min_seconds above 0; got {segment_s:g} and {min_s:g}"
        )


def list_sounds(sources: Sequence[Path], *, gtzan_filter: bool) -> tuple[list[SourceFile], list[Row]]:
    """List the files of the sources.

    Parameters
    ----------
    sources
        Folders, zips, sound files and csv tables; see `tonada.sources.list_sources`.
    gtzan_filter
        Leave out the known faults of the GTZAN collection.

    Returns
    -------
    tuple
        The files in a fixed order, and rows (name, collection, reason) of what is left out.

    Raises
    ------
    DataError
        A source cannot be used, or there is no sound file.
    ConfigError
        The filter is asked for, and no file is named as those of GTZAN.
    """
    listing = list_sources(list(sources), AUDIO)
    if not listing.files:
        raise DataError(sources[0] if sources else "", "holds no sound file")
    if gtzan_filter and not any(gtzan_number(file) for file in listing.files):
        raise ConfigError("--gtzan-filter: no file is named like those of GTZAN, blues.00000 … rock.00099")
    files = [file for file in listing.files if not (gtzan_filter and is_faulty(file))]
    faulty = [skipped_row(file, REASON) for file in listing.files if gtzan_filter and is_faulty(file)]
    return files, [*listing.skipped, *faulty]


def skipped_row(file: SourceFile, reason: str) -> Row:
    """Say why a file is skipped."""
    return {"name": file.name, "collection": file.collection, "reason": reason}
