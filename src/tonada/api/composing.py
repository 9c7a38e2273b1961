"""``compose``: continue melodies, or start from nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonada.api.avoiding import avoid_copies
from tonada.api.composer import FROM_NOTHING, Composer, Composition
from tonada.api.hearing import Heard
from tonada.api.inputs import Batch, Failure, check_output, find_inputs, unique_stems
from tonada.api.settings import ComposeSettings
from tonada.config import from_mapping
from tonada.errors import DataError


@dataclass(frozen=True, kw_only=True)
class ComposeProgress:
    """How far it is: the input, the share of all the work that is done, notes and seconds of this input."""

    name: str
    share: float
    notes: int
    seconds: float


def compose(
    *midi: str | Path,
    output: str | Path | None = None,
    stop: Callable[[], bool] | None = None,
    progress: Callable[[ComposeProgress], None] | None = None,
    **settings: Any,
) -> Batch[Composition]:
    """Continue melodies, or start from nothing when none is given.

    Parameters
    ----------
    *midi
        Files, folders, patterns, names of built-in examples.
    output
        Folder for the files, which are named STEM_MODEL_NUMBER; nothing is written when None.
    stop
        Asked before every step; when it says True the music ends there, and what there is is kept.
    progress
        Called after every note.
    **settings
        Those of `tonada.api.settings.ComposeSettings`: ``seconds=30``, ``variations=4``, ``seed=1`` …

    Raises
    ------
    DataError
        The only input cannot be used, or the folder cannot be written.
    ExceptionGroup
        No input can be used; it holds their errors.
    ConfigError
        A setting cannot be; with the nearest name where it is unknown.
    CheckpointError
        There is no such model, or it cannot be loaded.
    ResourceError
        The disk is full.
    """
    told = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    asked = from_mapping(ComposeSettings, told)
    return Batch.collect(compose_each(midi, output=output, settings=asked, stop=stop, progress=progress))


def compose_each(
    midi: Sequence[str | Path],
    *,
    output: str | Path | None = None,
    settings: ComposeSettings,
    stop: Callable[[], bool] | None = None,
    progress: Callable[[ComposeProgress], None] | None = None,
) -> Iterator[Composition | Failure]:
    """Compose input by input, as `compose` does, and give each result when it is there.

    Parameters
    ----------
    midi, output, stop, progress
        As for `compose`.
    settings
        What is asked.

    Yields
    ------
    Composition or Failure
        One for each variation, or for an input that cannot be used.
    """
    if output is not None:
        check_output(Path(output))
    paths: list[Path | Failure | None] = [*find_inputs(midi)] if midi else [None]
    stems = unique_stems([path or Path(FROM_NOTHING) for path in paths])
    composer = None
    for number, (path, stem) in enumerate(zip(paths, stems, strict=True)):
        if isinstance(path, Failure):
            yield path
            continue
        if stop is not None and stop():
            return
        composer = composer or Composer(settings)  # only once there is something to continue
        try:
            task = composer.task(path)
        except DataError as error:
            yield Failure(name=str(path), error=error)
            continue

        def listen(heard: Heard, name: str = stem, before: int = number) -> None:
            if progress is not None:
                share, notes = (before + heard.share) / len(paths), sum(heard.notes.values())
                progress(ComposeProgress(name=name, share=share, notes=notes, seconds=heard.seconds))

        if settings.avoid_copy:
            made = avoid_copies(composer, task, stop=stop, listen=listen)
        else:
            made = composer.continuations(task, stop=stop, listen=listen)
        for continuation in made:
            stem_of_variation = f"{stem}_{composer.name}_{continuation.lane}"
            target = None if output is None else Path(output) / stem_of_variation
            try:
                yield composer.finish(path, task, continuation, target)
            except DataError as error:
                yield Failure(name=str(path or FROM_NOTHING), error=error)
        if any(continuation.reason == "interrupted" for continuation in made):
            return
