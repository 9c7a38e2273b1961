"""The outer shape of a Standard MIDI File (RP-001, MIDI Association, 1996): RIFF wrapper, header, tracks.

The file is checked down to its last event before any of it is used: sizes against what is there, statuses, data bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tonada.errors import DataError
from tonada.symbolic.midi.events import Events, decode_track

MOST_TRACKS: Final = 4096
"""Files of more tracks are refused: they are made to keep programs busy."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the header says.

    Parameters
    ----------
    kind
        0 one track, 1 tracks that play together, 2 pieces of their own.
    ticks_per_quarter
        Ticks in a quarter note; in a file with time code, ticks in the quarter note that ``quarter_us`` gives.
    quarter_us
        Microseconds per quarter note if the file counts in time code, which no tempo changes; else None.
    """

    kind: int
    ticks_per_quarter: int
    quarter_us: int | None


def parse(data: bytes, path: Path) -> tuple[Header, list[Events]]:
    """Take a MIDI file apart; one that is wrapped in RIFF (``.rmi``) is unwrapped.

    Raises
    ------
    DataError
        The bytes are not a sound MIDI file; the reason says what is wrong, and at which byte.
    """
    start, end = _unwrap(data, path)
    header, tracks_told, start = _read_header(data, start, end, path)
    tracks = [
        decode_track(data, first, last, number=number, path=path)
        for number, (first, last) in enumerate(_track_chunks(data, start, end, tracks_told, path), start=1)
    ]
    return header, tracks


def _unwrap(data: bytes, path: Path) -> tuple[int, int]:
    """Find the MIDI file inside RIFF chunks, or give all bytes where there are none."""
    if not data:
        raise DataError(path, "the file is empty")
    if data[:4] != b"RIFF":
        return 0, len(data)
    if data[8:12] != b"RMID":
        raise DataError(path, "not a MIDI file: a RIFF file that holds something else")
    position = 12
    while position + 8 <= len(data):
        tag, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        position += 8
        if position + size > len(data):
            break
        if tag == b"data":
            return position, position + size
        position += size + size % 2
    raise DataError(path, "cut short: the RIFF wrapper holds no whole MIDI file")


def _read_header(data: bytes, start: int, end: int, path: Path) -> tuple[Header, int, int]:
    """Read the header; give it, the number of tracks it promises, and where the tracks begin."""
    if not data.startswith(b"MThd", start):
        beginning = data[start : start + 4].hex(" ")
        raise DataError(path, f"not a MIDI file: it begins with {beginning or 'nothing'}, not with 'MThd'")
    if start + 14 > end:
        raise DataError(path, f"cut short in the header, after {end - start} bytes")
    size, kind, tracks, division = struct.unpack_from(">IHHH", data, start + 4)
    if size < 6 or start + 8 + size > end:
        raise DataError(path, f"the header says that it is {size} bytes long; 6 would be right")
    if kind > 2:
        raise DataError(path, f"type {kind} MIDI files do not exist; 0, 1 and 2 do")
    if kind == 2 and tracks > 1:
        raise DataError(path, f"a type 2 MIDI file, which holds {tracks} pieces of their own; split it first")
    ticks_per_quarter, quarter_us = _division(division, path)
    return Header(kind=kind, ticks_per_quarter=ticks_per_quarter, quarter_us=quarter_us), tracks, start + 8 + size


def _division(division: int, path: Path) -> tuple[int, int | None]:
    """Read the unit of time; for time code a quarter note is made to last one second of it."""
    if division < 0x8000:
        if not division:
            raise DataError(path, "0 ticks per quarter note: no time passes in this file")
        return division, None
    frame_rate, ticks_per_frame = 256 - (division >> 8), division & 0xFF
    if frame_rate not in (24, 25, 29, 30) or not ticks_per_frame:
        raise DataError(path, f"time code of {frame_rate} frames of {ticks_per_frame} ticks does not exist")
    # "29" is 29.97: thirty frames that last 1.001 s.
    return (30 * ticks_per_frame, 1_001_000) if frame_rate == 29 else (frame_rate * ticks_per_frame, 1_000_000)


def _track_chunks(data: bytes, start: int, end: int, told: int, path: Path) -> Iterator[tuple[int, int]]:
    """Find the tracks, also more than the header promises; chunks of other kinds are passed over, as RP-001 asks."""
    found, position = 0, start
    while position + 8 <= end:
        tag, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "big")
        position += 8
        if position + size > end:
            if found >= told and tag != b"MTrk":
                return  # not a chunk at all: what some programs leave behind the last track
            left = end - position
            raise DataError(path, f"cut short: track {found + 1} says that it is {size} bytes long, {left} are left")
        if tag == b"MTrk":
            found += 1
            if found > MOST_TRACKS:
                raise DataError(path, f"more than {MOST_TRACKS} tracks, the most that are read")
            yield position, position + size
        position += size
    if found < told:
        raise DataError(path, f"cut short: the header promises {told} tracks, the file ends after {found}")
