"""Runs one command: what goes wrong becomes one line on stderr, with the way out, and an exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tonada.cli.codes import BROKEN_PIPE, INTERRUPTED, STDIN
from tonada.cli.output import say
from tonada.errors import ConfigError, DataError, ResourceError, TonadaError

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


def debugging() -> bool:
    """Tell whether the user asked for tracebacks."""
    return os.environ.get("TONADA_DEBUG", "") not in ("", "0")


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code.

    Parameters
    ----------
    arguments
        Without the program's name.
    """
    from cyclopts import CycloptsError

    from tonada.cli.app import make_app

    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names of files need not be valid text
            stream.reconfigure(errors="surrogateescape" if stream.encoding == "utf-8" else "replace")
    app = make_app()
    tokens = [STDIN if token == "-" else token for token in arguments]
    try:
        with _terminable(), warnings.catch_warnings():
            if not debugging():
                warnings.simplefilter("ignore")
            code = app(tokens)
        sys.stdout.flush()
        return int(code or 0)
    except CycloptsError as error:
        commands, _, _ = app.parse_commands(tokens)
        return _fail(error, ConfigError.exit_code, f"{error} See: {' '.join(['tonada', *commands, '--help'])}")
    except BrokenPipeError:
        # Whoever read our output has seen enough; what is still buffered must not raise again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except SystemExit:
        return BROKEN_PIPE  # rich, which prints the help, ends the process in the same case
    except KeyboardInterrupt as error:
        return _fail(error, INTERRUPTED, "interrupted")
    except Exception as error:  # the last resort: nothing else may reach the user as a traceback
        return _fail(error, *_verdict(error))


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does: temporary files are removed, and what is whole stays."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _verdict(error: Exception) -> tuple[int, str]:
    """Give the exit code and the text of an error."""
    if isinstance(error, TonadaError):
        return error.exit_code, str(error)
    text = str(error)
    if isinstance(error, MemoryError) or any(words in text.casefold() for words in OUT_OF_MEMORY):
        return ResourceError.exit_code, "out of memory. Ask for less at once: fewer variations, a smaller model"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError.exit_code, "the disk is full. Free some space or write elsewhere with -o"
    if isinstance(error, OSError) and error.filename is not None:
        return DataError.exit_code, f"{os.fsdecode(error.filename)}: {(error.strerror or text).lower()}"
    hint = "This is a fault of Tonada; TONADA_DEBUG=1 shows where"
    return TonadaError.exit_code, f"internal error, {type(error).__name__}: {text}. {hint}"


def _fail(error: BaseException, code: int, text: str) -> int:
    if debugging():
        traceback.print_exception(error)
    say(f"tonada: {text}")
    return code
