"""Small MIDI files, good and malformed, built byte by byte: shared by the tests of everything that reads MIDI."""

from __future__ import annotations

import struct
from typing import Final

END: Final = b"\xff\x2f\x00"


def number(value: int) -> bytes:
    """A number as MIDI files hold times and sizes: seven bits a byte, the highest bit set on all but the last."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


def note_on(pitch: int, velocity: int = 64, channel: int = 0) -> bytes:
    return bytes([0x90 | channel, pitch, velocity])


def note_off(pitch: int, channel: int = 0) -> bytes:
    return bytes([0x80 | channel, pitch, 0])


def control(number_: int, value: int, channel: int = 0) -> bytes:
    return bytes([0xB0 | channel, number_, value])


def pedal(value: int, channel: int = 0) -> bytes:
    return control(64, value, channel)


def program(value: int, channel: int = 0) -> bytes:
    return bytes([0xC0 | channel, value])


def bend(value: int, channel: int = 0) -> bytes:
    return bytes([0xE0 | channel, value + 8192 & 0x7F, value + 8192 >> 7])


def meta(kind: int, payload: bytes) -> bytes:
    return bytes([0xFF, kind]) + number(len(payload)) + payload


def tempo(quarter_us: int) -> bytes:
    return meta(0x51, quarter_us.to_bytes(3, "big"))


def meter(numerator: int, exponent: int) -> bytes:
    return meta(0x58, bytes([numerator, exponent, 24, 8]))


def key(sharps: int, minor: int = 0) -> bytes:
    return meta(0x59, struct.pack("bB", sharps, minor))


def name(text: str | bytes) -> bytes:
    return meta(0x03, text if isinstance(text, bytes) else text.encode())


def sysex(payload: bytes, status: int = 0xF0) -> bytes:
    return bytes([status]) + number(len(payload)) + payload


def chunk(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack(">I", len(body)) + body


def track(*events: tuple[int, bytes], end: bytes = b"\x00" + END) -> bytes:
    """A track of (ticks since the event before, event), closed by ``end``."""
    return chunk(b"MTrk", b"".join(number(delta) + event for delta, event in events) + end)


def header(kind: int, tracks: int, division: int) -> bytes:
    return chunk(b"MThd", struct.pack(">HHH", kind, tracks, division))


def midi_file(*tracks: bytes, kind: int = 1, division: int = 480) -> bytes:
    return header(kind, len(tracks), division) + b"".join(tracks)


def time_code(frames: int, ticks: int) -> int:
    """The division of a file that counts in frames of a film instead of quarter notes."""
    return 256 - frames << 8 | ticks


def riff(*chunks: tuple[bytes, bytes], form: bytes = b"RMID", told: int | None = None) -> bytes:
    """RIFF around (tag, content); ``told`` replaces the size that each chunk says it has."""
    parts = [
        tag + struct.pack("<I", len(content) if told is None else told) + content + b"\0" * (len(content) % 2)
        for tag, content in chunks
    ]
    body = form + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


NOTE: Final = ((0, note_on(60, 70)), (480, note_off(60)))
ONE_NOTE: Final = midi_file(track(*NOTE))

PIECE: Final = midi_file(
    track((0, name("Tonada")), (0, meter(3, 2)), (0, key(-3, 1)), (0, tempo(500_000)), (960, tempo(250_000))),
    track(
        (0, name("right")),
        (0, program(4)),
        (0, pedal(127)),
        (0, note_on(60, 80)),
        (240, note_on(64, 81)),
        (240, note_off(60)),
        (0, bend(-200)),
        (480, pedal(0)),
        (960, note_off(64)),
    ),
    track((0, name("left")), (480, note_on(36, 50, 1)), (480, note_off(36, 1)), (0, control(7, 100, 1))),
    track((0, note_on(38, 100, 9)), (120, note_off(38, 9))),
)
"""Four notes on three tracks and a drum, pedal, two tempi, a meter and a key."""

GOOD: Final = {
    "one note": ONE_NOTE,
    "a piece": PIECE,
    "no notes": midi_file(track((0, tempo(400_000)))),
    "no tracks": midi_file(),
    "only drums": midi_file(track((0, note_on(36, 90, 9)), (60, note_off(36, 9)))),
    "type 0": midi_file(track(*NOTE), kind=0),
    "type 2 of one piece": midi_file(track(*NOTE), kind=2),
    "no end of track": midi_file(track(*NOTE, end=b"")),
    "more tracks than told": header(1, 1, 480) + track(*NOTE) + track(*NOTE),
    "rubbish behind the last track": ONE_NOTE + b"\0" * 5,
    "more rubbish behind the last track": ONE_NOTE + b"\x1a" * 50,
    "unknown chunk": header(1, 1, 480) + chunk(b"XFIH", b"abc") + track(*NOTE),
    "long header": chunk(b"MThd", struct.pack(">HHHH", 1, 1, 480, 7)) + track(*NOTE),
    "riff": riff((b"INFO", b"odd"), (b"data", ONE_NOTE)),
    "time code": midi_file(track(*NOTE), division=time_code(25, 40)),
}
"""Files that are in order, odd as some of them are."""

MALFORMED: Final = {
    "empty": (b"", "the file is empty"),
    "text": (b"not music at all, but text", "not a MIDI file: it begins with 6e 6f 74 20"),
    "zeros": (b"\0" * 100, "not a MIDI file"),
    "a wave file": (riff((b"fmt ", b"1234"), form=b"WAVE"), "a RIFF file that holds something else"),
    "riff without music": (riff((b"INFO", b"none")), "the RIFF wrapper holds no whole MIDI file"),
    "riff cut short": (riff((b"data", ONE_NOTE))[:-2], "the RIFF wrapper holds no whole MIDI file"),
    "riff with nothing in it": (riff((b"data", b"")), "it begins with nothing"),
    "riff of another thing": (riff((b"data", b"hello world!")), "not a MIDI file"),
    "only a tag": (b"MThd", "cut short in the header, after 4 bytes"),
    "half a header": (ONE_NOTE[:11], "cut short in the header, after 11 bytes"),
    "short header": (b"MThd" + struct.pack(">IHHH", 4, 1, 1, 480) + track(*NOTE), "says that it is 4 bytes long"),
    "endless header": (b"MThd" + struct.pack(">IHHH", 2**32 - 1, 1, 1, 480), "says that it is 4294967295 bytes long"),
    "type 3": (midi_file(track(*NOTE), kind=3), "type 3 MIDI files do not exist"),
    "type 2 of two pieces": (midi_file(track(*NOTE), track(*NOTE), kind=2), "holds 2 pieces of their own"),
    "no division": (midi_file(track(*NOTE), division=0), "0 ticks per quarter note"),
    "unheard-of time code": (midi_file(track(*NOTE), division=time_code(26, 4)), "time code of 26 frames of 4 ticks"),
    "time code that stands": (midi_file(track(*NOTE), division=time_code(25, 0)), "time code of 25 frames of 0 ticks"),
    "track missing": (
        midi_file(track(*NOTE), track(*NOTE))[: len(ONE_NOTE)],
        "promises 2 tracks, the file ends after 1",
    ),
    "cut in a chunk's head": (ONE_NOTE[:20], "promises 1 tracks, the file ends after 0"),
    "cut in a track": (ONE_NOTE[:-4], "track 1 says that it is 13 bytes long, 9 are left"),
    "endless track": (header(1, 1, 480) + b"MTrk\xff\xff\xff\xff" + b"\0" * 9, "4294967295 bytes long, 9 are left"),
    "event cut short": (midi_file(track((0, b"\x90\x3c"), end=b"")), "track 1, byte 22: cut short in an event"),
    "time without event": (midi_file(track(*NOTE, end=b"\x83\x60")), "track 1, byte 31: cut short in an event"),
    "time cut short": (midi_file(track(*NOTE, end=b"\x83")), "track 1, byte 31: cut short in an event"),
    "time too long": (midi_file(track(end=b"\xff\xff\xff\xff\x7f" + END)), "longer than four bytes"),
    "text cut short": (midi_file(track((0, b"\xff\x01\x20only"), end=b"")), "cut short in an event"),
    "meta without size": (midi_file(track((0, b"\xff\x01"), end=b"")), "cut short in an event"),
    "endless exclusive": (midi_file(track((0, b"\xf0\x87\xff\xff\x7f\x01"))), "cut short in an event"),
    "data without status": (midi_file(track((0, b"\x3c\x40"))), "track 1, byte 22: an event without a status"),
    "status inside an event": (
        midi_file(track((0, b"\x90\x3c\x90"), *NOTE)),
        "byte 22: the data of an event is not data",
    ),
    "status of wires": (midi_file(track((0, b"\xf8"), *NOTE)), "status 0xf8 has no place in a file"),
    "tempo 0": (midi_file(track((7, tempo(0)), *NOTE)), "the tempo at tick 7 is not one: 00 00 00"),
    "tempo of two bytes": (midi_file(track((0, meta(0x51, b"\7\1")), *NOTE)), "the tempo at tick 0 is not one: 07 01"),
    "tempo of nothing": (midi_file(track((0, meta(0x51, b"")), *NOTE)), "the tempo at tick 0 is not one: nothing"),
    "second track broken": (midi_file(track(*NOTE), track((0, b"\xf4"))), "track 2, byte 43: status 0xf4"),
    "too long": (
        midi_file(track(*((2**28 - 1, note_on(60)) for _ in range(9)))),
        "track 1 lasts 2415919095 ticks; up to 2147483647 can be read",
    ),
}
"""Files that cannot be read: bytes, and what the reason says."""
