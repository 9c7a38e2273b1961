"""Sound fonts: reading any, rewriting a preset so that it is played as it is meant, and the piano that is shipped."""

from __future__ import annotations

from pathlib import Path

PIANO = Path(__file__).with_name("piano.sf2")
"""A grand piano, made from FluidR3 GM (MIT licence, see LICENSE-FluidR3.txt) by tools/make_soundfont.py."""
