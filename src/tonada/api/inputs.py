"""The files that a command is given: names, patterns, folders, built-in examples; and what became of each."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from tonada.errors import DataError, TonadaError
from tonada.examples import examples
from tonada.files import translated_errors

Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An input that gave nothing, or an entry of a list that cannot be described; the others went on.

    Attributes
    ----------
    name
        As it was given.
    error
        Why.
    """

    name: str
    error: TonadaError


@dataclass(frozen=True, kw_only=True)
class Batch(Generic[Made]):
    """What became of all inputs.

    Attributes
    ----------
    made
        One entry for each thing that was made, in order.
    failures
        The inputs that gave nothing.
    interrupted
        Whether it was stopped before the end; what there was is in ``made``.
    """

    made: tuple[Made, ...]
    failures: tuple[Failure, ...] = ()
    interrupted: bool = False

    @classmethod
    def collect(cls, results: Iterable[Made | Failure]) -> Batch[Made]:
        """Collect results as they come.

        Raises
        ------
        TonadaError
            The only input failed; this is its error.
        ExceptionGroup
            All inputs failed; it holds their errors.
        """
        made: list[Made] = []
        failures: list[Failure] = []
        for result in results:
            if isinstance(result, Failure):
                failures.append(result)
            else:
                made.append(result)
        if failures and not made:
            errors = [failure.error for failure in failures]
            raise errors[0] if len(errors) == 1 else ExceptionGroup("no input could be used", errors)
        interrupted = any(getattr(item, "interrupted", False) for item in made)
        return cls(made=tuple(made), failures=tuple(failures), interrupted=interrupted)


Wanted = Literal["MIDI file", "sound file", "file of latents"]
"""What a command takes."""


def find_inputs(names: Sequence[str | Path], wanted: Wanted = "MIDI file") -> list[Path | Failure]:
    """Find the files that names stand for, in order.

    Parameters
    ----------
    names
        Files; folders, which stand for the files in them and below that have a suffix of the kind; patterns with
        ``*``, ``?`` or ``[…]``, where no shell has expanded them; names of built-in examples, which are MIDI files,
        where no file has that name.
    wanted
        The kind of file.

    Returns
    -------
    list
        A path for each file; a failure for each name that stands for none.
    """
    found: list[Path | Failure] = []
    for name in map(str, names):
        try:
            with translated_errors(Path(name)):  # too long, or in a folder that may not be read
                found.extend(_find(name, wanted))
        except DataError as error:
            found.append(Failure(name=name, error=error))
    return found


def _is_wanted(wanted: Wanted) -> Callable[[str], bool]:
    """Give what tells by a file's name whether it is of a kind."""
    if wanted == "MIDI file":
        from tonada.symbolic.corpus.kind import MIDI

        return MIDI.has
    if wanted == "sound file":
        from tonada.audio.corpus.kind import AUDIO

        return AUDIO.has
    from tonada.audio.latents.files import SUFFIX

    return lambda name: Path(name).suffix.casefold() == SUFFIX


def _find(name: str, wanted: Wanted) -> list[Path]:
    """Find the files that one name stands for, one at least."""
    path = Path(name)
    if not name:  # pathlib takes it for the folder that one is in, but it is an empty variable of a shell
        raise DataError(name, "an empty name stands for no file")
    if path.is_dir():
        is_wanted = _is_wanted(wanted)
        files = sorted(item for item in path.rglob("*") if is_wanted(item.name) and item.is_file())
        if not files:
            raise DataError(path, f"holds no {wanted}")
        return files
    if path.exists():
        return [path]
    known = examples() if wanted == "MIDI file" else {}
    if name in known:
        return [known[name]]
    if glob.has_magic(name):
        matches = sorted(Path(match) for match in glob.glob(name, recursive=True))  # noqa: PTH207 - whole patterns
        if not matches:
            raise DataError(path, "no file matches this pattern")
        return matches
    raise DataError(path, "there is no such file" + (f". Built-in examples: {', '.join(known)}" if known else ""))


def unique_stems(paths: Sequence[Path | Failure]) -> list[str]:
    """Give each path a stem for the names of its output: its own, with a number where an earlier one has it."""
    stems: list[str] = []
    taken: set[str] = set()
    for path in paths:
        stem = own = "" if isinstance(path, Failure) else path.stem
        number = 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{own}-{number}"
        if stem:
            taken.add(stem.casefold())
        stems.append(stem)
    return stems


def check_output(folder: Path) -> None:
    """Check that a folder can be written, before any work is done; nothing is made.

    Raises
    ------
    DataError
        It cannot be written, or cannot be made.
    """
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise DataError(folder, f"cannot be written: {there} is a file. Choose another folder with -o")
    if not os.access(there, os.W_OK | os.X_OK):
        raise DataError(folder, f"cannot be written: no permission for {there}. Choose another folder with -o")
