"""What commands print: results on stdout, for people or as JSON, and progress on stderr."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

from cyclopts import Parameter

Json = Annotated[bool, Parameter(name="--json")]
"""The option ``--json`` of a command."""


def say(text: str) -> None:
    """Print one line on stderr."""
    print(" ".join(text.split("\n")).strip(), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print a result as JSON."""
    from tonada.jsontext import to_json

    print(to_json(value))


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows with aligned columns: numbers to the right, with four significant digits behind whole ones."""
    if not rows:
        return
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name)) for name in columns] for row in rows]
    right = [all(isinstance(row.get(name), int | float | None) for row in rows) for name in columns]
    widths = [max(len(name), *(len(line[place]) for line in cells)) for place, name in enumerate(columns)]
    for line in [columns, *cells]:
        parts = [
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(line, widths, right, strict=True)
        ]
        print("  ".join(parts).rstrip())


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values, one pair a line; nested ones are indented below their name."""

    def lines(mapping: Mapping[str, Any], indent: str) -> Iterator[str]:
        width = max((len(name) for name in mapping), default=0)
        for name, value in mapping.items():
            if isinstance(value, Mapping):
                yield f"{indent}{name}"
                yield from lines(value, indent + "  ")
            else:
                yield f"{indent}{name.ljust(width)}  {_cell(value)}".rstrip()

    for line in lines(facts, ""):
        print(line)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1e6 else f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(item) for item in value)
    return str(value)


def clock(seconds: float) -> str:
    """Write a time as 0:05, 12:30 or 1:02:03."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


Show = Callable[[float, float, str], None]
"""Shows progress: done, of how much, and a few words."""


@contextmanager
def progress_bar(title: str, *, is_shown: bool = True) -> Iterator[Show]:
    """Give a function that shows progress on stderr, with the time left; it does nothing where stderr is no terminal.

    Parameters
    ----------
    title
        What is being done.
    is_shown
        False for nothing on the terminal, either.
    """
    if not (is_shown and sys.stderr.isatty()):
        yield lambda done, total, words: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(),
    )
    # What is printed meanwhile goes above the bar; but results stay on stdout where that leads elsewhere.
    on_terminal = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=on_terminal) as progress:
        task = progress.add_task(title, total=None, words="")
        yield lambda done, total, words: progress.update(task, completed=done, total=total, words=words)


@contextmanager
def clean_stop() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C, or SIGTERM, into a wish to stop; the second Ctrl-C interrupts at once.

    Yields
    ------
    callable
        Tells whether to stop.
    """
    wished = False

    def handle(number: int, frame: object) -> None:
        nonlocal wished
        wished = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: wished
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
