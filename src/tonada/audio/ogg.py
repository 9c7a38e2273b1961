"""Ogg files that are the same every time: their encoder gives each a random serial number (RFC 3533, section 6)."""

from __future__ import annotations

import struct
import zlib

SERIAL = 1
"""The serial number in place of the random one: it only tells streams in one file apart, and there is one."""

_SERIAL_AT, _CHECKSUM_AT, _COUNT_AT, _HEAD = 14, 22, 26, 27
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


def _checksum(page: bytearray) -> int:
    """Give the checksum of a page: the polynomial of zlib's, but from the highest bit on, from 0, not inverted."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
