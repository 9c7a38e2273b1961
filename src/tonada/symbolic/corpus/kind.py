"""What a MIDI file is to those who look for music: its suffixes, and the tables that describe such files."""

from __future__ import annotations

from tonada.sources import Columns, Kind
from tonada.symbolic.midi import LARGEST_FILE_BYTES

RENAMED = {"canonical_composer": "composer", "canonical_title": "title"}
"""MAESTRO's columns under the names that the catalogue has."""
MIDI = Kind(
    what="MIDI file",
    suffixes=(".mid", ".midi", ".rmi", ".kar"),
    largest_bytes=LARGEST_FILE_BYTES,
    columns=Columns(file="midi_filename", renamed=RENAMED),
)
