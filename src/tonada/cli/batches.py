"""What the commands share that take many files."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

from cyclopts import Parameter, Token

from tonada.api.inputs import Failure
from tonada.cli.codes import SOME_FAILED, STDIN
from tonada.cli.output import say
from tonada.errors import DataError


class HasFiles(Protocol):
    """A result that wrote files."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What was written."""
        ...


Result = TypeVar("Result", bound="HasFiles | Failure")


def _split(kind: Any, tokens: Sequence[Token]) -> tuple[str, ...]:
    return tuple(part.strip() for token in tokens for part in token.value.split(",") if part.strip())


Formats = Annotated[tuple[str, ...], Parameter(name="--formats", alias="-f", converter=_split, n_tokens=1)]
"""The option ``-f mid,wav`` of a command."""


def read_names(names: Iterable[str]) -> list[str]:
    """Put the lines of stdin in the place of ``-``.

    Raises
    ------
    DataError
        There are none: whoever made the list found nothing, and did not ask for nothing.
    """
    found: list[str] = []
    for name in names:
        if name == STDIN:
            lines = [line.rstrip("\r\n") for line in sys.stdin if line.strip()]
            if not lines:
                raise DataError("-", "no names came on stdin; name a MIDI file on each line")
            found.extend(lines)
        else:
            found.append(name)
    return found


def tell(result: Result, *, json: bool) -> Result:
    """Print what a result wrote, a path a line, unless it will be in JSON; a failure goes to stderr.

    Parameters
    ----------
    result
        Of one input.
    json
        Whether all results will be printed as JSON.
    """
    if isinstance(result, Failure):
        say(f"tonada: {result.error}")
    elif not json:
        for path in result.files:
            print(path, flush=True)
    return result


def json_of(result: HasFiles | Failure, **facts: Any) -> dict[str, Any]:
    """Give what JSON says about a result: what it wrote and other facts, or why there is none.

    Parameters
    ----------
    result
        Of one input.
    **facts
        Beside the files.
    """
    if isinstance(result, Failure):
        return {"name": result.name, "error": str(result.error)}
    return {**facts, "files": result.files}


def batch_code(results: Sequence[object]) -> int:
    """Give the exit code of a batch or a list: whether all inputs or entries, some or none could be used."""
    failed = sum(isinstance(result, Failure) for result in results)
    if not failed:
        return 0
    return DataError.exit_code if failed == len(results) else SOME_FAILED
