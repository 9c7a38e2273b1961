"""The events of a track in a Standard MIDI File (RP-001, MIDI Association, 1996), from bytes to columns.

Decoding is vectorised. Where an event begins depends on all events before it, so a table says for every byte how long
an event would be that began there, and one short loop hops through the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tonada.errors import DataError
from tonada.symbolic.notes import Ints

LONGEST_TICKS: Final = 2**31 - 1
"""The latest time that is read, in ticks: 51 days at 480 ticks per quarter and 120 bpm."""

END_OF_TRACK: Final = 0x2F
"""The meta event that ends a track; nothing behind it counts."""

NOTE_OFF: Final = 0x8
NOTE_ON: Final = 0x9
CONTROL: Final = 0xB
PROGRAM: Final = 0xC
BEND: Final = 0xE
"""The kinds of channel events: the upper four bits of a status."""

NAME: Final = 0x03
TEMPO: Final = 0x51
METER: Final = 0x58
KEY: Final = 0x59
"""The types of meta events that are read."""
_READ: Final = frozenset((NAME, TEMPO, METER, KEY))

_BLOCK: Final = 1 << 20  # bytes whose event lengths are worked out at once: bounds the memory for large files
_TAIL: Final = 8  # no event without a payload is longer: so near the end the careful path decodes


def _lengths(delta_bytes: int) -> NDArray[np.uint8]:
    """Length of an event by the byte behind its time: a status of two data bytes, or the first of them; else 0."""
    table = np.zeros(256, dtype=np.uint8)
    table[:0x80] = delta_bytes + 2
    for kind in (0x80, 0x90, 0xA0, 0xB0, 0xE0):
        table[kind : kind + 16] = delta_bytes + 3
    return table


_LENGTHS: Final = tuple(_lengths(delta_bytes) for delta_bytes in (1, 2, 3, 4))


Meta = tuple[int, int, bytes]
"""A meta event: when (ticks), its type, its payload."""


@dataclass(frozen=True, kw_only=True)
class Events:
    """The events of one track, in file order.

    Parameters
    ----------
    ticks
        When each channel event happens; int64 [E].
    status
        What it is, in the upper four bits (8 note off … 14 pitch bend), and its channel; uint8 [E].
    first, second
        Its data; uint8 [E], 0–127; ``second`` is 0 where there is none.
    metas
        Names, tempi, meters and keys.
    end_ticks
        When the track ends.
    """

    ticks: NDArray[np.int64]
    status: NDArray[np.uint8]
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    metas: list[Meta]
    end_ticks: int


def decode_track(data: bytes, start: int, end: int, *, number: int, path: Path) -> Events:
    """Decode one track.

    Parameters
    ----------
    data
        The whole file.
    start, end
        Where the track's events lie in it.
    number
        Which track of the file it is, counted from 1, for errors.
    path
        The file, for errors.

    Raises
    ------
    DataError
        The track breaks off in an event, or holds what is none.
    """
    return _Scan(data, start, end, number, path).events()


class _Scan:
    """One track on its way from bytes to events.

    Running status outlives meta and system exclusive events: RP-001 forbids to rely on that, and programs do.
    """

    def __init__(self, data: bytes, start: int, end: int, number: int, path: Path) -> None:
        self.data, self.start, self.end, self.number, self.path = data, start, end, number, path
        self.running = 0  # the status that data bytes without one belong to; 0 before the first
        self.metas: list[tuple[int, int, int, int]] = []  # number of the event, type, payload from and to
        self.ended = False

    def events(self) -> Events:
        """Decode the track."""
        data = np.frombuffer(self.data, dtype=np.uint8)
        starts = self._starts(data)
        delta, at = _variable_lengths(data, starts)
        ticks = np.cumsum(delta)
        end_ticks = int(ticks[-1]) if len(ticks) else 0
        if end_ticks > LONGEST_TICKS:
            raise DataError(
                self.path, f"track {self.number} lasts {end_ticks} ticks; up to {LONGEST_TICKS} can be read"
            )
        metas = [(int(ticks[event]), kind, self.data[first:last]) for event, kind, first, last in self.metas]
        lead = data[at]
        channel = lead < 0xF0
        starts, ticks, at, lead = starts[channel], ticks[channel], at[channel], lead[channel]
        explicit = lead >= 0x80
        status = lead[np.maximum.accumulate(np.where(explicit, np.arange(len(lead)), 0))]
        single = (status >= 0xC0) & (status < 0xE0)
        at += explicit
        first = data[at]
        second = np.where(single, np.uint8(0), data[at + ~single])
        broken = np.flatnonzero((first | second) >= 0x80)
        if len(broken):
            raise self._error(int(starts[broken[0]]), "the data of an event is not data")
        return Events(ticks=ticks, status=status, first=first, second=second, metas=metas, end_ticks=end_ticks)

    def _starts(self, data: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Find where each event begins, meta and system exclusive events among them; int64 [events]."""
        parts = [np.zeros(0, dtype=np.int64)]
        position, events = self.start, 0
        while position < self.end and not self.ended:
            base, size = position, min(_BLOCK, self.end - position)
            lengths, careful = _event_lengths(data, base, size, self.end), bytes(size)
            found: list[int] = []
            append = found.append
            hops = lengths if self._hops() else careful
            offset = 0
            while offset < size and not self.ended:
                append(offset)
                if length := hops[offset]:
                    offset += length
                else:
                    offset = self._step(base + offset, events + len(found) - 1) - base
                    hops = lengths if self._hops() else careful
            position, events = base + offset, events + len(found)
            parts.append(np.array(found, dtype=np.int64) + base)
        return np.concatenate(parts)

    def _hops(self) -> bool:
        """Tell whether the table holds: it takes data bytes without a status for two of them."""
        return 0x80 <= self.running < 0xC0 or self.running >= 0xE0

    def _step(self, start: int, event: int) -> int:
        """Read one event with care; give where the next begins."""
        _, position = self._variable_length(start, start)
        if position >= self.end:
            raise self._cut_short(start)
        status = self.data[position]
        if status == 0xFF:
            kind_at = position + 1
            size, first = self._variable_length(kind_at + 1, start)
            position = first + size
            if position > self.end:
                raise self._cut_short(start)
            kind = self.data[kind_at]
            if kind in _READ:  # a file may hold millions of others
                self.metas.append((event, kind, first, position))
            self.ended = kind == END_OF_TRACK
            return position
        if status in (0xF0, 0xF7):
            size, first = self._variable_length(position + 1, start)
            position = first + size
        elif status > 0xF0:
            raise self._error(start, f"status {status:#x} has no place in a file")
        else:
            if status >= 0x80:
                self.running = status
                position += 1
            elif not self.running:
                raise self._error(start, "an event without a status")
            position += 1 if 0xC0 <= self.running < 0xE0 else 2
        if position > self.end:
            raise self._cut_short(start)
        return position

    def _variable_length(self, position: int, event_start: int) -> tuple[int, int]:
        """Read a number of one to four bytes; give it, and what lies behind it."""
        value = 0
        for index in range(position, position + 4):
            if index >= self.end:
                raise self._cut_short(event_start)
            value = value << 7 | self.data[index] & 0x7F
            if self.data[index] < 0x80:
                return value, index + 1
        raise self._error(event_start, "a number that is longer than four bytes")

    def _cut_short(self, position: int) -> DataError:
        return self._error(position, "cut short in an event")

    def _error(self, position: int, reason: str) -> DataError:
        return DataError(self.path, f"track {self.number}, byte {position}: {reason}")


def _event_lengths(data: NDArray[np.uint8], base: int, size: int, end: int) -> bytes:
    """Say for each of ``size`` bytes from ``base`` how long a plain event is that begins there; 0 where care is due."""
    lengths = np.zeros(size, dtype=np.uint8)
    sure = min(size, end - _TAIL - base)
    if sure > 0:
        window = data[base : base + sure + 4]
        known = np.zeros(sure, dtype=np.uint8)
        for delta_bytes in (4, 3, 2, 1):
            goes_on = window[delta_bytes - 1 : delta_bytes - 1 + sure] >= 0x80
            known = np.where(goes_on, known, _LENGTHS[delta_bytes - 1][window[delta_bytes : delta_bytes + sure]])
        lengths[:sure] = known
    return lengths.tobytes()


def _variable_lengths(
    data: NDArray[np.uint8], starts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read the numbers at ``starts``, known to be whole; give them, and what lies behind each."""
    at = starts.copy()
    values = np.zeros(len(starts), dtype=np.int64)
    open_ = np.arange(len(starts))
    while len(open_):
        byte = data[at[open_]]
        values[open_] = values[open_] << 7 | byte & 0x7F
        at[open_] += 1
        open_ = open_[byte >= 0x80]
    return values, at


def pair_notes(events: Events) -> tuple[Ints, Ints]:
    """Find the notes of a track.

    Per channel and pitch, the k-th release that finds a note sounding ends the k-th note: first in, first out. Releases
    that find none are dropped, and notes that find none end with the track. Where that would keep a note past a release
    of its pitch, releases are missing and counting goes wrong: there, each release ends all that sounds of the pitch.

    Returns
    -------
    begins
        Which channel events begin the notes; int64 [N], rising.
    end_ticks
        Where the notes end; int64 [N].
    """
    kinds = events.status >> 4
    on_off = np.flatnonzero((kinds == NOTE_ON) | (kinds == NOTE_OFF))
    voice = (events.status[on_off] & 0xF).astype(np.int16) << 7 | events.first[on_off]
    order = np.argsort(voice, kind="stable")  # voice by voice, each in file order
    on_off, voice = on_off[order], voice[order]
    is_on = (kinds[on_off] == NOTE_ON) & (events.second[on_off] > 0)
    voice_starts = np.flatnonzero(np.diff(voice, prepend=-1))
    voice_index = np.repeat(np.arange(len(voice_starts)), np.diff(voice_starts, append=len(voice)))
    # Onsets less releases so far. Each voice is put far below the one before it, so that one running minimum serves
    # all of them; a release that sets a new minimum has found nothing sounding.
    step = np.where(is_on, 1, -1)
    balance = np.cumsum(step)
    floor = -2 * (len(voice) + 1) * voice_index
    balance += floor - (balance - step)[voice_starts][voice_index]
    lowest = np.minimum(np.minimum.accumulate(np.concatenate(([0], balance[:-1]))), floor)
    on_at, off_at = np.flatnonzero(is_on), np.flatnonzero(~is_on)
    used_at = off_at[balance[off_at] >= lowest[off_at]]
    on_voice = voice_index[on_at]
    first_on, first_used = (np.searchsorted(at, voice_starts) for at in (on_at, used_at))
    release = first_used[on_voice] + np.arange(len(on_at)) - first_on[on_voice]
    released = release < np.append(first_used, len(used_at))[on_voice + 1]
    next_off = np.searchsorted(off_at, on_at)
    off_follows = np.append(voice_index[off_at], -1)[next_off] == on_voice
    miscounted = np.zeros(len(voice_starts), dtype=np.bool_)
    miscounted[on_voice[~released & off_follows]] = True
    recount = miscounted[on_voice]
    end_ticks = np.full(len(on_at), events.end_ticks)
    for which, release_at in (
        (released & ~recount, used_at[release[released & ~recount]]),
        (off_follows & recount, off_at[next_off[off_follows & recount]]),
    ):
        end_ticks[which] = events.ticks[on_off[release_at]]
    file_order = np.argsort(on_off[on_at])
    return on_off[on_at][file_order], end_ticks[file_order]
