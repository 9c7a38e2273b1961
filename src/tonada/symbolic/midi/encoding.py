"""Scores as the bytes of a Standard MIDI File (RP-001, MIDI Association, 1996) of type 1."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.midi.events import BEND, CONTROL, END_OF_TRACK, KEY, METER, NAME, NOTE_OFF, NOTE_ON, PROGRAM, TEMPO
from tonada.symbolic.notes import Ints
from tonada.symbolic.score import DRUM_CHANNEL, Score, Track

_LONGEST_PAUSE: Final = 2**28 - 1  # between two events: four bytes of seven bits
_RELEASE_VELOCITY: Final = 64  # what the standard gives to keys that do not measure it
_EMPTY_TEXT: Final = b"\xff\x01\x00"  # an event that does nothing: longer pauses are made of several


def encode(score: Score) -> bytes:
    """Give the bytes of a file: a first track of tempi, meters and keys, then one for each track of the score."""
    channels = assign_channels(score.tracks)
    bodies = [
        _conductor(score),
        *(_instrument(track, channel) for track, channel in zip(score.tracks, channels, strict=True)),
    ]
    chunks = [_chunk(b"MTrk", body + _meta(0, END_OF_TRACK, b"")) for body in bodies]
    return _chunk(b"MThd", struct.pack(">HHH", 1, len(chunks), score.ticks_per_quarter)) + b"".join(chunks)


def assign_channels(tracks: Iterable[Track]) -> list[int]:
    """Choose a channel for every track, such that no channel has to play two programs while channels last.

    Tracks that came on one channel and play the same program stay together, on that channel if it is free.
    """
    taken: dict[int, tuple[object, int]] = {}
    chosen = []
    free = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    for number, track in enumerate(tracks):
        if track.is_drum:
            chosen.append(DRUM_CHANNEL)
            continue
        player = (number if track.channel is None else f"channel {track.channel}", track.program)
        wished = [] if track.channel is None else [track.channel]
        mine = [channel for channel, owner in taken.items() if owner == player]
        open_ = [channel for channel in [*wished, *free] if channel not in taken]
        alike = [channel for channel, owner in taken.items() if owner[1] == track.program]
        channel = [*mine, *open_, *alike, *wished, *free][0]
        taken.setdefault(channel, player)
        chosen.append(channel)
    return chosen


def _chunk(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack(">I", len(body)) + body


def _number(value: int) -> bytes:
    """Write a number of one to four bytes: seven bits in each, the highest bit set on all but the last."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


def _meta(delta: int, kind: int, payload: bytes) -> bytes:
    return _number(delta) + bytes([0xFF, kind]) + _number(len(payload)) + payload


def _conductor(score: Score) -> bytes:
    """Write tempi, meters and keys."""
    tempo, meters, keys = score.tempo_map, score.meters, score.keys
    events = [
        *((at, TEMPO, us.to_bytes(3, "big")) for at, us in _rows(tempo.start_ticks, tempo.quarter_us)),
        # 24 clocks to a beat of the metronome and eight 32nds to a quarter are what everyone means.
        *(
            (at, METER, bytes([numerator, denominator.bit_length() - 1, 24, 8]))
            for at, numerator, denominator in _rows(meters.ticks, meters.numerator, meters.denominator)
        ),
        *(
            (at, KEY, struct.pack("bB", sharps, minor))
            for at, sharps, minor in _rows(keys.ticks, keys.sharps, keys.minor)
        ),
    ]
    parts, now = [], 0
    for at, kind, payload in sorted(events, key=lambda event: event[0]):
        delta = at - now
        while delta > _LONGEST_PAUSE:
            parts.append(_number(_LONGEST_PAUSE) + _EMPTY_TEXT)
            delta -= _LONGEST_PAUSE
        parts.append(_meta(delta, kind, payload))
        now = at
    return b"".join(parts)


def _rows(*columns: Ints) -> Iterable[tuple[int, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)


def _instrument(track: Track, channel: int) -> bytes:
    """Write name, program and channel events; at one tick notes end, then controls and bends, then notes begin."""
    name = _meta(0, NAME, track.name.encode("utf-8", "replace")) if track.name else b""
    bends = track.bend_value + 8192
    # What happens, in the order that it has at one tick; a note without length ends after it has begun.
    groups = (
        (track.onset_ticks + track.duration_ticks, NOTE_OFF, track.pitch, np.full_like(track.pitch, _RELEASE_VELOCITY)),
        (track.control_ticks, CONTROL, track.control_number, track.control_value),
        (track.bend_ticks, BEND, bends & 0x7F, bends >> 7),
        (track.onset_ticks, NOTE_ON, track.pitch, track.velocity),
    )
    ticks = np.concatenate([group[0] for group in groups])
    order_at_tick = np.concatenate([np.full(len(group[0]), rank) for rank, group in enumerate(groups)])
    order_at_tick[: len(track.pitch)][track.duration_ticks == 0] = len(groups)
    messages = np.empty((len(ticks), 3), dtype=np.uint8)
    messages[:, 0] = np.concatenate([np.full(len(group[0]), group[1] << 4 | channel) for group in groups])
    messages[:, 1] = np.concatenate([group[2] for group in groups])
    messages[:, 2] = np.concatenate([group[3] for group in groups])
    order = np.lexsort((order_at_tick, ticks))
    return name + _number(0) + bytes([PROGRAM << 4 | channel, track.program]) + _events(ticks[order], messages[order])


def _events(ticks: Ints, messages: NDArray[np.uint8]) -> bytes:
    """Write E events of three bytes each, uint8 [E, 3], at rising ticks."""
    deltas = np.diff(ticks, prepend=0)
    for index in np.flatnonzero(deltas > _LONGEST_PAUSE)[::-1]:
        fillers = int(deltas[index] - 1) // _LONGEST_PAUSE
        deltas[index] -= fillers * _LONGEST_PAUSE
        deltas = np.insert(deltas, index, np.full(fillers, _LONGEST_PAUSE))
        messages = np.insert(messages, index, np.tile(np.frombuffer(_EMPTY_TEXT, dtype=np.uint8), (fillers, 1)), axis=0)
    table = np.empty((len(deltas), 7), dtype=np.uint8)
    written = np.ones_like(table, dtype=np.bool_)
    for column, shift in enumerate((21, 14, 7, 0)):
        table[:, column] = deltas >> shift & 0x7F | (0x80 if shift else 0)
        written[:, column] = (deltas >> shift > 0) | (shift == 0)
    table[:, 4:] = messages
    return table[written].tobytes()
