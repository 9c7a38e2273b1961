"""MIDI files to scores and back.

Reading is ours: `tonada.symbolic.smf` takes the bytes apart, this module makes music of them. symusic 0.5.9 would lose
music without saying so (notes that are never released, pedal on channels without notes), double control changes where
programs change, and read beyond the end of malformed files. Writing goes through symusic.

A `Score` keeps notes and velocities, control changes, pitch bends, programs, names of tracks, tempi, meters and keys.
It does not keep texts and lyrics, system exclusive messages, aftertouch and release velocities.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import symusic
from numpy.typing import NDArray

from tonada.errors import DataError
from tonada.files import translated_errors, write_bytes
from tonada.symbolic.midi_events import Events, Meta, pair_notes
from tonada.symbolic.notes import Ints, int_column
from tonada.symbolic.score import Score, Track
from tonada.symbolic.signatures import Keys, Meters
from tonada.symbolic.smf import MOST_TRACKS, Header, parse
from tonada.symbolic.tempo import TempoMap

LARGEST_FILE_BYTES: Final = 32 * 2**20
"""Larger files are refused. The largest of MAESTRO has 0.5 MB; this is room for five million notes."""

LONGEST_WRITTEN_TICKS: Final = 2**28 - 1
"""The longest piece that is written: as long as one pause can be in a MIDI file, 6 days at 480 ticks and 120 bpm."""

_NAME, _TEMPO, _METER, _KEY = 0x03, 0x51, 0x58, 0x59
_CONTROL, _PROGRAM, _BEND = 0xB, 0xC, 0xE
_DRUM_CHANNEL = 9


def read_midi(path: Path) -> Score:
    """Read a MIDI file of type 0 or 1, in beats or in time code, also wrapped in RIFF.

    A file without notes is a sound score; `Score.why_silent` says what is amiss with it.

    Raises
    ------
    DataError
        The file cannot be read, is larger than `LARGEST_FILE_BYTES`, or is not a sound MIDI file.
    """
    with translated_errors(path), path.open("rb") as file:
        data = file.read(LARGEST_FILE_BYTES + 1)
    return read_midi_bytes(data, path=path)


def read_midi_bytes(data: bytes, *, path: Path) -> Score:
    """Read the bytes of a MIDI file.

    Each channel of each track of the file, and each program on it that plays notes, becomes a `Track`. No note is lost:
    how releases find their notes, and what becomes of those never released, is told at `midi_events.pair_notes`; notes
    that end where they begin are kept with duration 0.

    Parameters
    ----------
    data
        The whole file.
    path
        Where the bytes come from, for the text of errors.

    Raises
    ------
    DataError
        They are more than `LARGEST_FILE_BYTES`, or not a sound MIDI file.
    """
    if len(data) > LARGEST_FILE_BYTES:
        raise DataError(path, f"larger than {LARGEST_FILE_BYTES >> 20} MB, the most that is read")
    header, parts = parse(data, path)
    metas = sorted((meta for part in parts for meta in part.metas), key=lambda meta: meta[0])
    return Score(
        tracks=tuple(_tracks(parts, path)),
        tempo_map=_tempo_map(header, metas, path),
        meters=_meters(metas),
        keys=_keys(metas),
    )


def write_midi(score: Score, path: Path) -> None:
    """Write a MIDI file of type 1, whole or not at all.

    Reading it back gives the same score, save that a file cannot tell which of two overlapping notes of one pitch and
    track a release belongs to: it ends the older one.

    Raises
    ------
    DataError
        The file cannot be written, or the piece is longer than a MIDI file can be.
    ResourceError
        The disk is full.
    """
    if score.end_ticks > LONGEST_WRITTEN_TICKS:
        raise DataError(path, f"the piece lasts {score.end_ticks} ticks; up to {LONGEST_WRITTEN_TICKS} can be written")
    out = symusic.core.ScoreTick(score.ticks_per_quarter)
    tempo, meters, keys = score.tempo_map, score.meters, score.keys
    out.tempos = symusic.core.TempoTickList.from_numpy(
        tempo.start_ticks.astype(np.int32), tempo.quarter_us.astype(np.int32)
    )
    out.time_signatures = symusic.core.TimeSignatureTickList.from_numpy(
        meters.ticks.astype(np.int32), meters.numerator.astype(np.uint8), meters.denominator.astype(np.uint8)
    )
    out.key_signatures = symusic.core.KeySignatureTickList.from_numpy(
        keys.ticks.astype(np.int32), keys.sharps.astype(np.int8), keys.minor.astype(np.uint8)
    )
    out.tracks = symusic.core.TrackTickList([_symusic_track(track) for track in score.tracks])
    write_bytes(path, out.dumps_midi())


def _symusic_track(track: Track) -> symusic.core.TrackTick:
    out = symusic.core.TrackTick(track.name, track.program, track.is_drum)
    out.notes = symusic.core.NoteTickList.from_numpy(
        track.onset_ticks.astype(np.int32),
        track.duration_ticks.astype(np.int32),
        track.pitch.astype(np.int8),
        track.velocity.astype(np.int8),
    )
    out.controls = symusic.core.ControlChangeTickList.from_numpy(
        track.control_ticks.astype(np.int32),
        track.control_number.astype(np.uint8),
        track.control_value.astype(np.uint8),
    )
    out.pitch_bends = symusic.core.PitchBendTickList.from_numpy(
        track.bend_ticks.astype(np.int32), track.bend_value.astype(np.int32)
    )
    return out


def _tempo_map(header: Header, metas: list[Meta], path: Path) -> TempoMap:
    """Build the tempo map; a file in time code keeps its own pace whatever its tempi say, as RP-001 has it."""
    if header.quarter_us is not None:
        return TempoMap.from_events([0], [header.quarter_us], ticks_per_quarter=header.ticks_per_quarter)
    ticks, quarter_us = [], []
    for at, kind, payload in metas:
        if kind == _TEMPO:
            if len(payload) != 3 or not any(payload):
                raise DataError(path, f"the tempo at tick {at} is not one: {payload.hex(' ') or 'nothing'}")
            ticks.append(at)
            quarter_us.append(int.from_bytes(payload, "big"))
    return TempoMap.from_events(ticks, quarter_us, ticks_per_quarter=header.ticks_per_quarter)


def _meters(metas: list[Meta]) -> Meters:
    """Collect the meters; one that cannot be (no beats, beats of less than a 128th) is left out: it is silent."""
    rows = [
        (at, payload[0], 1 << payload[1])
        for at, kind, payload in metas
        if kind == _METER and len(payload) >= 2 and payload[0] and payload[1] <= 7
    ]
    ticks, numerator, denominator = _transpose(rows)
    return Meters(ticks=ticks, numerator=numerator, denominator=denominator)


def _keys(metas: list[Meta]) -> Keys:
    """Collect the keys; one that cannot be (nine sharps) is left out: it is silent."""
    rows = [
        (at, int.from_bytes(payload[:1], "big", signed=True), payload[1])
        for at, kind, payload in metas
        if kind == _KEY and len(payload) >= 2
    ]
    ticks, sharps, minor = _transpose([row for row in rows if -7 <= row[1] <= 7 and row[2] <= 1])
    return Keys(ticks=ticks, sharps=sharps, minor=minor)


def _transpose(rows: list[tuple[int, int, int]]) -> tuple[Ints, Ints, Ints]:
    first, second, third = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return first, second, third


def _tracks(parts: list[Events], path: Path) -> Iterator[Track]:
    """Make the tracks, channel by channel."""
    made = 0
    for part in parts:
        name = _name(part.metas)
        note_events, note_ends = pair_notes(part)
        kinds, channels = part.status >> 4, part.status & 0xF
        used = np.isin(kinds, (_CONTROL, _PROGRAM, _BEND))
        used[note_events] = True
        for channel in np.unique(channels[used]):
            here = channels == channel
            mine = here[note_events]
            for track in _channel_tracks(
                part, np.where(here, kinds, 0), note_events[mine], note_ends[mine], name, channel == _DRUM_CHANNEL
            ):
                made += 1
                if made > MOST_TRACKS:
                    raise DataError(path, f"more than {MOST_TRACKS} tracks, the most that are read")
                yield track


def _channel_tracks(
    part: Events, kinds: NDArray[np.uint8], note_events: Ints, note_ends: Ints, name: str, is_drum: bool
) -> Iterator[Track]:
    """Make a track of each program of one channel.

    A note sounds in the program that its onset finds. Controls and bends go with the note before them, those ahead of
    all notes with the first: so none is lost or doubled, and what sets up an instrument arrives at it.

    Parameters
    ----------
    part
        All events of the track in the file, E in number.
    kinds
        What the events of this channel are, 0 for those of others; uint8 [E].
    note_events, note_ends
        Which events begin this channel's notes, in file order, and the ticks of their ends; int64 [N].
    """
    changes = np.flatnonzero(kinds == _PROGRAM)
    programs = np.concatenate(([0], part.first[changes].astype(np.int64)))
    note_programs = programs[np.searchsorted(changes, note_events)]
    controls, bends = np.flatnonzero(kinds == _CONTROL), np.flatnonzero(kinds == _BEND)
    if len(note_events):
        control_programs, bend_programs = (
            note_programs[np.maximum(np.searchsorted(note_events, events) - 1, 0)] for events in (controls, bends)
        )
        used, first_use = np.unique(note_programs, return_index=True)
        used = used[np.argsort(first_use)]
    else:
        control_programs, bend_programs = np.full(len(controls), programs[-1]), np.full(len(bends), programs[-1])
        used = programs[-1:]
    for program in used:
        mine = note_programs == program
        notes, control, bend = note_events[mine], controls[control_programs == program], bends[bend_programs == program]
        yield Track(
            name=name,
            program=int(program),
            is_drum=is_drum,
            onset_ticks=part.ticks[notes],
            duration_ticks=note_ends[mine] - part.ticks[notes],
            pitch=int_column(part.first[notes]),
            velocity=int_column(part.second[notes]),
            control_ticks=part.ticks[control],
            control_number=int_column(part.first[control]),
            control_value=int_column(part.second[control]),
            bend_ticks=part.ticks[bend],
            bend_value=(part.first[bend] | part.second[bend].astype(np.int64) << 7) - 8192,
        )


def _name(metas: list[Meta]) -> str:
    """Give the first name that is not empty; files do not say how text is encoded: UTF-8 if it can be, else Latin-1."""
    for _, kind, payload in metas:
        if kind == _NAME and payload:
            try:
                return payload.decode()
            except UnicodeDecodeError:
                return payload.decode("latin-1")
    return ""
