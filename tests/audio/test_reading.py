"""Reading: every kind of sound file, whole and broken, at once and in blocks."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sound_files import noise, sound_bytes, write_sound
from tonada.audio.clip import read_clip, read_mono
from tonada.audio.reading import ClipReader, iterate_blocks, mix_down
from tonada.audio.resampling import resample
from tonada.errors import DataError

LOSSLESS = {
    "u8.wav": ("WAV", "PCM_U8", 1 / 127),
    "16.wav": ("WAV", "PCM_16", 1 / 32_767),
    "24.wav": ("WAV", "PCM_24", 2.0**-22),
    "32.wav": ("WAV", "PCM_32", 2.0**-23),
    "float.wav": ("WAV", "FLOAT", 0.0),
    "double.wav": ("WAV", "DOUBLE", 0.0),
    "extensible.wav": ("WAVEX", "PCM_16", 1 / 32_767),
    "16.flac": ("FLAC", "PCM_16", 1 / 32_767),
    "24.flac": ("FLAC", "PCM_24", 2.0**-22),
    "16.au": ("AU", "PCM_16", 1 / 32_767),
    "law.au": ("AU", "ULAW", 0.02),
    "16.aiff": ("AIFF", "PCM_16", 1 / 32_767),
    "float.aiff": ("AIFF", "FLOAT", 0.0),
    "16.caf": ("CAF", "PCM_16", 1 / 32_767),
    "64.w64": ("W64", "PCM_16", 1 / 32_767),
}
LOSSY = {
    "a.ogg": ("OGG", "VORBIS", 44_100),
    "a.opus": ("OGG", "OPUS", 48_000),
    "low.opus": ("OGG", "OPUS", 16_000),
    "a.mp3": ("MP3", "MPEG_LAYER_III", 44_100),
}


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize(("channels", "sample_rate"), [(1, 22_050), (2, 44_100), (6, 192_000)])
def test_lossless_files_give_their_samples(tmp_path: Path, name: str, channels: int, sample_rate: int) -> None:
    container, encoding, tolerance = LOSSLESS[name]
    wanted = noise(1001, channels=channels)
    clip = read_clip(write_sound(tmp_path / name, wanted, sample_rate, container, encoding))
    assert clip.sample_rate == sample_rate
    assert clip.samples.shape == (channels, 1001)
    assert clip.samples.flags.c_contiguous
    np.testing.assert_allclose(clip.samples, wanted.T.astype(np.float32), atol=tolerance)


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize("channels", [1, 2])
def test_lossy_files_give_their_sound(tmp_path: Path, name: str, channels: int) -> None:
    container, encoding, sample_rate = LOSSY[name]
    tone = np.sin(2 * np.pi * 440 * np.arange(sample_rate) / sample_rate)
    wanted = 0.5 * np.stack([tone] * channels, axis=1)
    clip = read_clip(write_sound(tmp_path / name, wanted, sample_rate, container, encoding))
    assert clip.sample_rate == sample_rate
    assert clip.samples.shape == (channels, sample_rate)
    assert np.abs(clip.samples - wanted.T)[:, 2000:-2000].max() < 0.05


@pytest.mark.parametrize("name", [*LOSSLESS, *LOSSY])
def test_one_sample_is_a_clip(tmp_path: Path, name: str) -> None:
    container, encoding, sample_rate = (LOSSLESS | LOSSY)[name]
    sample_rate = sample_rate if name in LOSSY else 22_050
    path = write_sound(tmp_path / name, np.full((1, 1), 0.5), int(sample_rate), container, encoding)
    assert read_clip(path).samples.shape == (1, 1)
    assert read_mono(path).samples.shape == (1, -(-22_050 // int(sample_rate)))


# --- broken files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"not a sound, only its name\n" * 99, r"not a sound file that can be read \(format not recognised\)"),
        (bytes(5000), "not a sound file"),
        (b"RIFF" + bytes(100), "not a sound file"),
        (b"fLaC" + bytes(100), "not a sound file"),
        (b"OggS" + bytes(100), "not a sound file"),
        (sound_bytes(noise(9000), 44_100, "MP3", "MPEG_LAYER_III")[:50], "that can be read$"),
        (sound_bytes(np.zeros((0, 1)), 8000, "WAV", "PCM_16"), "it has no samples"),
        (sound_bytes(np.zeros((0, 1)), 8000, "OGG", "VORBIS"), "it has no samples"),
        (sound_bytes(np.array([[0.0], [np.nan]]), 8000, "WAV", "FLOAT"), "not numbers, infinite"),
        (sound_bytes(np.array([[0.0], [np.inf]]), 8000, "WAV", "FLOAT"), "not numbers, infinite"),
        (sound_bytes(np.array([[0.0, -np.inf]]), 8000, "AIFF", "DOUBLE"), "not numbers, infinite"),
        (sound_bytes(np.array([[1e300]]), 8000, "WAV", "DOUBLE"), "beyond all measure"),
        (sound_bytes(np.array([[-1e30]]), 8000, "WAV", "FLOAT"), "beyond all measure"),
    ],
)
@pytest.mark.parametrize("suffix", [".wav", ".au", ".raw"])
def test_what_is_no_sound_is_refused(tmp_path: Path, content: bytes, reason: str, suffix: str) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    for read in (read_clip, read_mono, lambda path: list(iterate_blocks(path, 22_050, 1000))):
        with pytest.raises(DataError, match=reason) as caught:
            read(path)
        assert caught.value.path == path
        assert "\n" not in str(caught.value)


def test_nan_after_many_good_samples_is_found(tmp_path: Path) -> None:
    samples = noise(200_000)
    samples[199_000] = np.nan
    with pytest.raises(DataError, match="not numbers"):
        read_mono(write_sound(tmp_path / "late.wav", samples, 44_100, "WAV", "FLOAT"))


def test_folders_and_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(DataError, match="is a directory"):
        read_clip(tmp_path / "folder.wav")
    with pytest.raises(DataError, match="no such file"):
        read_mono(tmp_path / "none.wav")


def test_sample_rates_that_no_music_has(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "slow.wav", noise(50), 10, "WAV", "PCM_16")
    assert read_clip(path).sample_rate == 10
    with pytest.raises(DataError, match="cannot resample from 10 Hz"):
        read_mono(path)


CUTS = {
    "a.wav": ("WAV", "PCM_16", 44_100),
    "a.au": ("AU", "PCM_16", 44_100),
    "a.aiff": ("AIFF", "PCM_16", 44_100),
    "a.flac": ("FLAC", "PCM_16", 44_100),
    **LOSSY,
}


@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("kept", [0.6, -1])
def test_files_that_end_in_the_middle_give_what_there_is(tmp_path: Path, name: str, kept: float) -> None:
    container, encoding, sample_rate = CUTS[name]
    content = sound_bytes(noise(120_000, channels=2), sample_rate, container, encoding)
    path = tmp_path / name
    path.write_bytes(content)
    with ClipReader(path) as reader:
        whole = reader.read()
        assert not reader.is_cut_off
        assert reader.frames == reader.expected_frames == whole.shape[1] == 120_000

    path.write_bytes(content[: int(len(content) * kept)] if kept > 0 else content[: int(kept)])
    with ClipReader(path) as reader:
        rest = reader.read()
        assert reader.is_cut_off
        assert reader.frames == rest.shape[1]
    assert 0.3 * 120_000 < rest.shape[1] < 120_000
    # The decoder of an mp3 rings on, elsewhere what is there is what was there.
    until = rest.shape[1] - (2000 if name == "a.mp3" else 0)
    np.testing.assert_array_equal(rest[:, :until], whole[:, :until])
    np.testing.assert_array_equal(read_clip(path).samples, rest)


def test_damage_in_the_middle_ends_a_flac(tmp_path: Path) -> None:
    content = bytearray(sound_bytes(noise(120_000), 44_100, "FLAC", "PCM_16"))
    whole = read_clip(Path("whole.flac"), file=io.BytesIO(content)).samples
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    with ClipReader(Path("damaged.flac"), file=io.BytesIO(content)) as reader:
        rest = reader.read()
        assert reader.is_cut_off
    assert 40_000 < rest.shape[1] < 80_000
    np.testing.assert_array_equal(rest, whole[:, : rest.shape[1]])


@pytest.mark.parametrize(
    ("size", "is_cut_off"), [(0x7FFF_FFFF, False), (0xFFFF_FFFF, False), (0x7FFF_F000, False), (40_000, True)]
)
def test_a_wav_of_unknown_size_is_whole(size: int, is_cut_off: bool) -> None:
    content = bytearray(sound_bytes(noise(10_000), 44_100, "WAV", "PCM_16"))
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", size)
    with ClipReader(Path("piped.wav"), file=io.BytesIO(content)) as reader:
        assert reader.read().shape == (1, 10_000)
        assert reader.is_cut_off == is_cut_off


@pytest.mark.parametrize(("said", "is_cut_off"), [(0, False), (200_000, True), ((1 << 36) - 1, True)])
def test_a_flac_whose_header_is_wrong_about_its_length(said: int, is_cut_off: bool) -> None:
    content = bytearray(sound_bytes(noise(120_000), 44_100, "FLAC", "PCM_16"))
    content[21] = content[21] & 0xF0 | said >> 32  # 36 bits in the first metadata block
    content[22:26] = struct.pack(">I", said & 0xFFFF_FFFF)
    with ClipReader(Path("said.flac"), file=io.BytesIO(content)) as reader:
        assert reader.expected_frames == said
        assert reader.read().shape == (1, 120_000)
        assert reader.is_cut_off == is_cut_off


# --- from where --------------------------------------------------------------------------------------------------


def test_files_inside_archives(tmp_path: Path) -> None:
    content = sound_bytes(noise(5000), 44_100, "FLAC", "PCM_16")
    with zipfile.ZipFile(tmp_path / "music.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/tone.flac", content)
    wanted = read_clip(Path("tone.flac"), file=io.BytesIO(content))
    with zipfile.ZipFile(tmp_path / "music.zip") as archive, archive.open("a/tone.flac") as member:
        np.testing.assert_array_equal(read_clip(Path("any"), file=member).samples, wanted.samples)
        assert not member.closed
        member.seek(77)
        np.testing.assert_array_equal(read_mono(Path("any"), 44_100, file=member).samples, wanted.samples)
        blocks = list(iterate_blocks(Path("any"), 44_100, 1000, file=member))
        np.testing.assert_array_equal(np.concatenate(blocks), wanted.samples[0])
    with pytest.raises(DataError, match=r"music\.zip/a/text\.wav: not a sound"):
        read_clip(tmp_path / "music.zip" / "a" / "text.wav", file=io.BytesIO(b"text"))


class Failing(io.BytesIO):
    """Cannot be read after its first kilobytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 50_000:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_errors_of_the_disk_are_told() -> None:
    content = sound_bytes(noise(400_000), 44_100, "WAV", "PCM_16")
    with pytest.raises(DataError, match=r"bad\.wav: input/output error"):
        read_clip(Path("bad.wav"), file=Failing(content))


def test_damage_of_an_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "music.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", sound_bytes(noise(100_000), 44_100, "WAV", "PCM_16"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with (
        zipfile.ZipFile(path) as archive,
        archive.open("a.wav") as member,
        pytest.raises(DataError, match=r"music\.zip/a\.wav: it is damaged \(.+\)"),
    ):
        read_clip(path / "a.wav", file=member)


def test_a_header_that_leads_out_of_the_file() -> None:
    content = sound_bytes(noise(1000), 44_100, "AIFF", "PCM_16").replace(b"SSND", b"\xffSND")
    with pytest.raises(DataError, match=r"x\.aiff: it is damaged"):  # the library goes to a place before the file
        read_clip(Path("x.aiff"), file=io.BytesIO(content))


# --- blocks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample_rate", [22_050, 44_100, 48_000])
@pytest.mark.parametrize("block_samples", [1, 999, 110_250, 10_000_000])
def test_blocks_are_the_whole(tmp_path: Path, sample_rate: int, block_samples: int) -> None:
    samples = noise(150_000 if block_samples > 1 else 1000, channels=2)
    path = write_sound(tmp_path / "a.wav", samples, sample_rate, "WAV", "FLOAT")
    clip = read_clip(path)
    wanted = resample(mix_down(clip.samples), sample_rate, 22_050)
    mono = read_mono(path)
    assert mono.sample_rate == 22_050
    np.testing.assert_array_equal(mono.samples, wanted)
    np.testing.assert_array_equal(clip.mono().resampled(22_050).samples, wanted)

    blocks = list(iterate_blocks(path, 22_050, block_samples))
    assert {len(block) for block in blocks[:-1]} <= {block_samples}
    assert 0 < len(blocks[-1]) <= block_samples
    assert all(block.dtype == np.float32 for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), wanted[0])


@pytest.mark.parametrize("name", LOSSY)
def test_blocks_of_lossy_files_are_the_whole(tmp_path: Path, name: str) -> None:
    container, encoding, sample_rate = LOSSY[name]
    path = write_sound(tmp_path / name, noise(150_000, channels=2), sample_rate, container, encoding)
    blocks = list(iterate_blocks(path, 22_050, 4096))
    np.testing.assert_array_equal(np.concatenate(blocks), read_mono(path).samples[0])


def test_channels_have_equal_parts() -> None:
    samples = np.array([[1.0, 0.0], [0.5, 0.0], [0.0, 3.0]], np.float32)
    np.testing.assert_array_equal(mix_down(samples), np.array([[0.5, 1.0]], np.float32))
    np.testing.assert_array_equal(samples, np.array([[1.0, 0.0], [0.5, 0.0], [0.0, 3.0]]))  # untouched
    one = mix_down(samples[:1])
    np.testing.assert_array_equal(one, samples[:1])
    assert not np.shares_memory(one, samples)


def test_memory_is_that_of_the_result(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", noise(3_000_000, channels=2), 44_100, "WAV", "PCM_16")
    next(iterate_blocks(path, 22_050, 1000))  # the filter stays
    tracemalloc.start()
    try:
        result = read_mono(path).samples.nbytes
        assert tracemalloc.get_traced_memory()[1] < result + (8 << 20)
        tracemalloc.reset_peak()
        for _ in iterate_blocks(path, 22_050, 65_536):
            pass
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert result == 6_000_000


def test_real_clips_of_every_genre(data: Path) -> None:
    folders = sorted((data / "audio" / "genres").iterdir())
    for folder in folders:
        path = sorted(folder.glob("*.ogg"))[0]
        with ClipReader(path) as reader:
            samples = reader.read_mono(22_050)
            assert not reader.is_cut_off
        assert samples.shape[1] > 5 * 22_050
        assert 0.001 < np.sqrt(np.mean(samples**2)) < 1
    assert len(folders) >= 3
