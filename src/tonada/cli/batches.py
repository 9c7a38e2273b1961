"""What the commands share that take many files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

from cyclopts import CoercionError, Parameter, Token

from tonada.api.inputs import Failure, Wanted
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


def _numbers(kind: type[int] | type[float]) -> Callable[[Any, Sequence[Token]], tuple[float, ...]]:
    """Give what reads numbers with commas between."""

    def convert(hint: Any, tokens: Sequence[Token]) -> tuple[float, ...]:
        values = []
        for token in tokens:
            for part in _split(hint, [token]):
                try:
                    values.append(kind(part))
                except ValueError as error:
                    raise CoercionError(token=token, target_type=kind) from error
        return tuple(values)

    return convert


WholeNumbers = Annotated[tuple[int, ...], Parameter(converter=_numbers(int), n_tokens=1)]
"""An option that takes whole numbers with commas between."""
Numbers = Annotated[tuple[float, ...], Parameter(converter=_numbers(float), n_tokens=1)]
"""An option that takes numbers with commas between."""
Formats = Annotated[tuple[str, ...], Parameter(name="--formats", alias="-f", converter=_split, n_tokens=1)]
"""The option ``-f mid,wav`` of a command."""


def read_names(names: Iterable[str], wanted: Wanted = "MIDI file") -> list[str]:
    """Put the lines of stdin in the place of ``-``; what is wanted is said where there are none.

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
                raise DataError("-", f"no names came on stdin; name a {wanted} on each line")
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


def tell_remarks(remarks: Iterable[str]) -> None:
    """Print on stderr what should be known about a result, a line each."""
    for remark in remarks:
        say(f"tonada: {remark}")


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
