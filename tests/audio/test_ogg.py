"""Ogg files have the same bytes every time, and are still sound Ogg files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tonada.audio.clip import Clip, read_clip, write_clip
from tonada.audio.formats import FORMATS
from tonada.audio.ogg import _checksum, with_fixed_serial

CLIP = Clip(samples=np.random.default_rng(1).uniform(-0.5, 0.5, (2, 50_000)).astype(np.float32), sample_rate=44_100)


def test_checksum_of_a_known_page() -> None:
    # Bit by bit; for the digits the catalogue of CRCs gives 0x765e7680, all bits inverted at the end (CRC-32/CKSUM).
    def slowly(data: bytes) -> int:
        crc = 0
        for byte in data:
            crc ^= byte << 24
            for _ in range(8):
                crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
        return crc

    for data in (b"", b"123456789", bytes(range(256)) * 3):
        assert _checksum(bytearray(data)) == slowly(data)
    assert slowly(b"123456789") == 0x765E7680 ^ 0xFFFFFFFF


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_the_same_clip_gives_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    write_clip(CLIP, tmp_path / f"one{suffix}")
    write_clip(CLIP, tmp_path / f"two{suffix}")
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_the_sound_is_untouched(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "plain.ogg", "w", 44_100, 2, "VORBIS", format="OGG") as file:
        file.write(CLIP.samples.T)
    data = (tmp_path / "plain.ogg").read_bytes()
    fixed = with_fixed_serial(data)
    assert len(fixed) == len(data)
    assert fixed != data
    assert with_fixed_serial(fixed) == fixed
    (tmp_path / "fixed.ogg").write_bytes(fixed)
    plain, again = read_clip(tmp_path / "plain.ogg"), read_clip(tmp_path / "fixed.ogg")
    np.testing.assert_array_equal(plain.samples, again.samples)
