"""Exit codes beside those of `tonada.errors`, and the word that stands for stdin."""

from __future__ import annotations

SOME_FAILED = 7
"""Some inputs gave nothing; the others did."""

INTERRUPTED, BROKEN_PIPE = 130, 141
"""As of a process that a signal ended, by Ctrl-C and by a reader that has gone: 128 and the signal's number."""

STDIN = "\0stdin"
"""Stands for a lone ``-``, which the parser would take for an option; no argument can hold a zero."""
