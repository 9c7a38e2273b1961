"""A part of a corpus of MIDI files: read on its own, and put together with the others; see `tonada.parts`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tonada.parts import PartReport, Parts, Shard, names_digest, require_free_for_part, write_part
from tonada.sources import SourceFile
from tonada.symbolic.corpus.listing import check_settings, list_corpus
from tonada.symbolic.corpus.reading import Reading, read_all
from tonada.symbolic.corpus.selection import parse_selection
from tonada.workers import available_cores


def read_corpus_part(
    sources: Sequence[Path],
    folder: Path,
    shard: Shard,
    settings: Mapping[str, Any],
    *,
    jobs: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PartReport:
    """Read every N-th file of the sources, and keep what that gave.

    Parameters
    ----------
    sources
        As for `tonada.symbolic.corpus.prepare_corpus`.
    folder
        Of the part.
    shard
        Which part it is.
    settings
        Every setting of ``prepare_corpus`` that the data depend on, by name.
    jobs
        Number of processes; as many as there are cores when None.
    overwrite
        Replace an existing part.
    progress
        Called with the number of files read and of all files of the part.

    Raises
    ------
    ConfigError
        A setting that cannot be.
    DataError
        A source cannot be used, or the folder is in use.
    UnknownNameError
        A column, or a value in it, that no file has.
    ResourceError
        The disk is full, or a process died.
    """
    check_settings(settings["min_notes"], jobs, (settings["validation_share"], settings["test_share"]))
    require_free_for_part(folder, overwrite=overwrite)
    selection = {name: settings[name] for name in ("composer", "title", "split")}
    files = list_corpus(sources, parse_selection(settings["where"], **selection)).files
    return write_part(
        folder,
        shard,
        kind="notes",
        request={"sources": [str(source.absolute()) for source in sources], "settings": settings},
        files=names_digest(file.name for file in files),
        read=lambda _: read_all(
            shard.of(files),
            tokenizer=settings["tokenizer"],
            config=settings["tokenizer_config"],
            min_notes=settings["min_notes"],
            jobs=available_cores() if jobs is None else jobs,
            progress=progress,
        ),
        overwrite=overwrite,
    )


def readings_of(
    parts: Parts, files: Sequence[SourceFile], progress: Callable[[int, int], None] | None = None
) -> Generator[Reading]:
    """Give what reading the files gave, in their order.

    Parameters
    ----------
    parts
        All of them.
    files
        Of the sources.
    progress
        Called with the number of readings and of all files.

    Raises
    ------
    DataError
        The files are others than when the parts were made, or a part is damaged.
    """
    for _, fields in parts.readings([file.name for file in files], progress):
        yield Reading(**fields)
