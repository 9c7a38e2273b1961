"""Ogg files that are the same every time: their encoder gives each a random serial number (RFC 3533, section 6)."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Protocol

SERIAL = 1
"""The serial number in place of the random one: it only tells streams in one file apart, and there is one."""

_FLAGS_AT, _SERIAL_AT, _CHECKSUM_AT, _COUNT_AT, _HEAD = 5, 14, 22, 26, 27
_LAST_PAGE = 4  # the flag of a stream's last page
_MAX_PAGE = _HEAD + 255 + 255 * 255
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def with_fixed_serial(data: bytes) -> bytes:
    """Give an Ogg file of one stream with ``SERIAL`` as its serial number, and the checksums that go with it."""
    pages, at = bytearray(data), 0
    while at < len(pages):
        sizes_at = at + _HEAD
        sizes_end = sizes_at + pages[at + _COUNT_AT]
        end = sizes_end + sum(pages[sizes_at:sizes_end])
        struct.pack_into("<I", pages, at + _SERIAL_AT, SERIAL)
        struct.pack_into("<I", pages, at + _CHECKSUM_AT, 0)
        struct.pack_into("<I", pages, at + _CHECKSUM_AT, _checksum(pages[at:end]))
        at = end
    return bytes(pages)


class SeekableFile(Protocol):
    """What can be read from any place."""

    def read(self, size: int) -> bytes:
        """Read at most ``size`` bytes."""

    def seek(self, offset: int, whence: int = ...) -> int:
        """Go to a place and give its distance from the beginning."""


def ends_whole(file: SeekableFile) -> bool:
    """Tell whether the last page of an Ogg file is there, whole, and marked as the last; any other file is not."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 2 * _MAX_PAGE))
    tail = file.read(2 * _MAX_PAGE)
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + _HEAD or not tail[at + _FLAGS_AT] & _LAST_PAGE:
        return False
    sizes_end = at + _HEAD + tail[at + _COUNT_AT]
    return len(tail) >= sizes_end + sum(tail[at + _HEAD : sizes_end])


def _checksum(page: bytearray) -> int:
    """Give the checksum of a page: the polynomial of zlib's, but from the highest bit on, from 0, not inverted."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
