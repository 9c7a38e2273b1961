"""MIDI files to scores and back: `tonada.symbolic.midi.smf` takes the bytes apart, this module makes music of them.

All of it is ours, because symusic 0.5.9 loses music without saying so. Reading, it drops notes that are never released
and pedal on channels without notes, doubles control changes where programs change, and looks beyond the end of
malformed files; writing, it puts a tempo that precedes a key or meter 2²⁸ ticks behind it. On sound files both agree,
which a test shows.

A `Score` keeps notes and velocities, control changes, pitch bends, programs, names of tracks, tempi, meters and keys.
It does not keep texts and lyrics, system exclusive messages, aftertouch and release velocities.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tonada.errors import DataError
from tonada.files import translated_errors, write_bytes
from tonada.symbolic.midi.encoding import encode
from tonada.symbolic.midi.events import (
    BEND,
    CONTROL,
    KEY,
    LONGEST_TICKS,
    METER,
    NAME,
    PROGRAM,
    TEMPO,
    Events,
    Meta,
    pair_notes,
)
from tonada.symbolic.midi.smf import MOST_TRACKS, Header, parse
from tonada.symbolic.notes import Ints, int_column
from tonada.symbolic.score import DRUM_CHANNEL, Score, Track
from tonada.symbolic.signatures import Keys, Meters
from tonada.symbolic.tempo import TempoMap

LARGEST_FILE_BYTES: Final = 16 * 2**20
"""Larger files are refused. The largest of MAESTRO has 0.5 MB; this is room for two million notes."""


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
    how releases find their notes, and what becomes of those never released, is told at `events.pair_notes`; notes
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
        The file cannot be written, or is too long to be read.
    ResourceError
        The disk is full.
    """
    last = max(
        int(ticks.max(initial=0))
        for ticks in (np.array(score.end_ticks), score.tempo_map.start_ticks, score.meters.ticks, score.keys.ticks)
    )
    if last > LONGEST_TICKS:
        raise DataError(path, f"the piece lasts {last} ticks; up to {LONGEST_TICKS} could be read back")
    write_bytes(path, encode(score))


def _tempo_map(header: Header, metas: list[Meta], path: Path) -> TempoMap:
    """Build the tempo map; a file in time code keeps its own pace whatever its tempi say, as RP-001 has it."""
    if header.quarter_us is not None:
        return TempoMap.from_events([0], [header.quarter_us], ticks_per_quarter=header.ticks_per_quarter)
    ticks, quarter_us = [], []
    for at, kind, payload in metas:
        if kind == TEMPO:
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
        if kind == METER and len(payload) >= 2 and payload[0] and payload[1] <= 7
    ]
    ticks, numerator, denominator = _transpose(rows)
    return Meters(ticks=ticks, numerator=numerator, denominator=denominator)


def _keys(metas: list[Meta]) -> Keys:
    """Collect the keys; one that cannot be (nine sharps) is left out: it is silent."""
    rows = [
        (at, int.from_bytes(payload[:1], "big", signed=True), payload[1])
        for at, kind, payload in metas
        if kind == KEY and len(payload) >= 2
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
        used = np.isin(kinds, (CONTROL, PROGRAM, BEND))
        used[note_events] = True
        for channel in np.unique(channels[used]):
            here = channels == channel
            mine = here[note_events]
            for track in _channel_tracks(
                part, np.where(here, kinds, 0), note_events[mine], note_ends[mine], name, int(channel)
            ):
                made += 1
                if made > MOST_TRACKS:
                    raise DataError(path, f"more than {MOST_TRACKS} tracks, the most that are read")
                yield track


def _channel_tracks(
    part: Events, kinds: NDArray[np.uint8], note_events: Ints, note_ends: Ints, name: str, channel: int
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
    changes = np.flatnonzero(kinds == PROGRAM)
    programs = np.concatenate(([0], part.first[changes].astype(np.int64)))
    note_programs = programs[np.searchsorted(changes, note_events)]
    controls, bends = np.flatnonzero(kinds == CONTROL), np.flatnonzero(kinds == BEND)
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
            is_drum=channel == DRUM_CHANNEL,
            channel=channel,
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
        if kind == NAME and payload:
            try:
                return payload.decode()
            except UnicodeDecodeError:
                return payload.decode("latin-1")
    return ""
