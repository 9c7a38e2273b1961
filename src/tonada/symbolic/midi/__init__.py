"""MIDI files: bytes to scores and back."""

from tonada.symbolic.midi.conversion import LARGEST_FILE_BYTES, read_midi, read_midi_bytes, write_midi

__all__ = ["LARGEST_FILE_BYTES", "read_midi", "read_midi_bytes", "write_midi"]
