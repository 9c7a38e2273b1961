"""``prepare``: from folders, zips and tables of music to a data set that training reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tonada.symbolic.corpus import PrepareReport


def prepare(
    *sources: str | Path,
    output: str | Path,
    tokenizer: str = "note",
    settings: Sequence[str] = (),
    composer: Sequence[str] = (),
    title: str | None = None,
    where: Sequence[str] = (),
    split: str | None = None,
    min_notes: int = 16,
    validation_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    jobs: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PrepareReport:
    """Turn MIDI files into a data set.

    Parameters
    ----------
    *sources
        Folders, zips (MAESTRO as distributed), MIDI files, and csv tables that select among them.
    output
        Folder of the data set.
    tokenizer
        Registry name: what the notes are turned into.
    settings
        Of the tokenizer, ``key=value``.
    composer
        Only pieces of these composers, by surname or name.
    title
        Only pieces whose title has this in it.
    where
        Only pieces with this value in a column of the tables, ``column=value``.
    split
        Only pieces that a table assigns to this split.
    min_notes
        Skip files with fewer notes.
    validation_share, test_share
        Shares of the works, where no table assigns the splits.
    seed
        Decides, with the work, on its split.
    jobs
        Number of processes; as many as there are cores when None.
    overwrite
        Replace an existing data set.
    progress
        Called with the number of files read, and of all files.

    Returns
    -------
    PrepareReport
        Totals of the splits, and the tables of what was left out and why.

    Raises
    ------
    DataError
        A source cannot be used, the folder is in use, or nothing usable is left.
    UnknownNameError
        No such tokenizer, column, composer or value; the nearest are offered.
    ConfigError
        A setting that cannot be.
    ResourceError
        The disk is full.
    """
    from tonada import registry
    from tonada.config import apply_settings, to_mapping
    from tonada.symbolic.corpus import prepare_corpus

    config = apply_settings(registry.resolve("tokenizer", tokenizer).Config(), settings)
    return prepare_corpus(
        [Path(source) for source in sources],
        Path(output),
        tokenizer=tokenizer,
        tokenizer_config=to_mapping(config),
        composer=list(composer) or None,
        title=title,
        where=list(where),
        split=split,
        min_notes=min_notes,
        validation_share=validation_share,
        test_share=test_share,
        seed=seed,
        jobs=jobs,
        overwrite=overwrite,
        progress=progress,
    )
