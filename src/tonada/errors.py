"""Every error that Tonada raises on purpose, and the exit code each one gets on the command line.

::

    TonadaError                 1   anything of ours
    ├── ConfigError             2   a setting that cannot be
    ├── UnknownNameError        2   a name that no table has; the nearest are offered
    ├── DataError               3   a file that cannot be used: path and reason
    ├── CheckpointError         4   a model or run that is not there, or cannot be loaded
    ├── MissingDependencyError  4   an optional package is absent: the command that brings it
    ├── TrainingError           5   the loss diverged: step, group, value
    └── ResourceError           6   out of memory or disk
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar


class TonadaError(Exception):
    """Base of all errors that Tonada raises on purpose; its text is one line for the user."""

    exit_code: ClassVar[int] = 1


class ConfigError(TonadaError):
    """A setting that cannot be: the text names the field, the value and a value that works."""

    exit_code = 2


def offer(name: str, known: Iterable[str]) -> str:
    """Write a sentence that offers the names nearest to one that is in no table, or else some of those that are.

    Parameters
    ----------
    name
        The name that was given.
    known
        Every name that would have been right.
    """
    names = sorted(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    near = [folded[key] for key in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.4)]
    if near:
        return f"Did you mean {' or '.join(near)}?"
    if not names:
        return "There are none."
    if len(names) <= 12:
        return f"Known: {', '.join(names)}."
    return f"Known, among {len(names)}: {', '.join(names[:8])} …"


class UnknownNameError(ConfigError):
    """A name that is in no table.

    Parameters
    ----------
    kind
        What was looked up, as a user would say it ("model", "tokenizer", "composer", "setting").
    name
        The name that was given.
    known
        Every name that would have been right; the nearest are offered.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        super().__init__(f"unknown {kind} '{name}'. {offer(name, self.known)}")


class DataError(TonadaError):
    """A file or folder that cannot be used.

    Parameters
    ----------
    path
        The file at fault.
    reason
        Why, in one line without a full stop.
    """

    exit_code = 3

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path, self.reason = Path(path), reason
        super().__init__(f"{path}: {reason}")

    def __reduce__(self) -> tuple[type[DataError], tuple[Path, str]]:
        """Rebuild from path and reason: worker processes send their errors home pickled."""
        return type(self), (self.path, self.reason)


class CheckpointError(TonadaError):
    """A model or a run that is not there, or cannot be loaded; the text names the file and the tensor."""

    exit_code = 4


class MissingDependencyError(TonadaError):
    """An optional package is absent.

    Parameters
    ----------
    package
        The package that is missing.
    extra
        The extra of Tonada that brings it, or None when it has to be installed by its own name.
    """

    exit_code = 4

    def __init__(self, package: str, extra: str | None = None) -> None:
        self.package, self.extra = package, extra
        target = f"'tonada[{extra}]'" if extra else package
        super().__init__(f"{package} is not installed. Run: python -m pip install {target}")


class TrainingError(TonadaError):
    """Training diverged.

    Parameters
    ----------
    step
        The optimizer step at which it was seen.
    group
        The parameter group whose loss it was.
    value
        The value of the loss.
    """

    exit_code = 5

    def __init__(self, step: int, group: str, value: float) -> None:
        self.step, self.group, self.value = step, group, value
        super().__init__(
            f"training diverged at step {step}: the loss of '{group}' is {value}. "
            "Resume from the last checkpoint with a lower learning rate."
        )


class ResourceError(TonadaError):
    """Out of memory or out of disk; the text says what to make smaller or free."""

    exit_code = 6
