"""Melodies to begin with, of works in the public domain, sequenced by tools/make_melody.py."""

from __future__ import annotations

from pathlib import Path


def examples() -> dict[str, Path]:
    """Give the MIDI files that are shipped: name → path."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.mid"))}
