"""Reading and writing MIDI files, through symusic."""

from __future__ import annotations

from pathlib import Path

import symusic

from tonada.errors import DataError
from tonada.files import translated_errors
from tonada.symbolic.score import Keys, Meters, Score, Track
from tonada.symbolic.tempo import TempoMap


def read_midi(path: Path) -> Score:
    """Read a MIDI file.

    Raises
    ------
    DataError
        The file cannot be read, or is not a sound MIDI file.
    """
    with translated_errors(path):
        data = path.read_bytes()
    return read_midi_bytes(data, path=path)


def read_midi_bytes(data: bytes, *, path: Path) -> Score:
    """Read the bytes of a MIDI file; ``path`` is where they come from, for the error text.

    Raises
    ------
    DataError
        They are not a sound MIDI file.
    """
    try:
        parsed = symusic.Score.from_midi(data)
    except RuntimeError as error:
        raise DataError(path, f"not a sound MIDI file: {error}") from error
    tempi, meters, keys = parsed.tempos.numpy(), parsed.time_signatures.numpy(), parsed.key_signatures.numpy()
    return Score(
        tracks=tuple(_track(track) for track in parsed.tracks),
        tempo_map=TempoMap.from_events(tempi["time"], tempi["mspq"], ticks_per_quarter=parsed.ticks_per_quarter),
        meters=Meters(ticks=meters["time"], numerator=meters["numerator"], denominator=meters["denominator"]),
        keys=Keys(ticks=keys["time"], sharps=keys["key"], minor=keys["tonality"]),
    )


def _track(track: symusic.core.TrackTick) -> Track:
    notes, controls, bends = track.notes.numpy(), track.controls.numpy(), track.pitch_bends.numpy()
    return Track(
        name=track.name,
        program=track.program,
        is_drum=track.is_drum,
        onset_ticks=notes["time"],
        duration_ticks=notes["duration"],
        pitch=notes["pitch"],
        velocity=notes["velocity"],
        control_ticks=controls["time"],
        control_number=controls["number"],
        control_value=controls["value"],
        bend_ticks=bends["time"],
        bend_value=bends["value"],
    )
