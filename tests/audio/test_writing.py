"""Writing block by block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tonada.audio.clip import Clip, read_clip, write_clip
from tonada.audio.formats import FORMATS
from tonada.audio.writing import ClipWriter
from tonada.errors import ConfigError, DataError

SOUND = np.random.default_rng(1).uniform(-0.3, 0.3, (2, 150_000)).astype(np.float32)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("size", [777, 65_536, 140_000])
def test_blocks_give_the_bytes_of_the_whole(tmp_path: Path, suffix: str, size: int) -> None:
    write_clip(Clip(samples=SOUND, sample_rate=22_050), tmp_path / f"whole{suffix}")
    with ClipWriter(tmp_path / f"blocks{suffix}", 22_050, channels=2) as writer:
        for start in range(0, SOUND.shape[1], size):
            writer.write(SOUND[:, start : start + size])
    assert (tmp_path / f"blocks{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_nothing_is_left_after_an_error(tmp_path: Path, suffix: str, error: type[BaseException]) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"what was there")

    def write_and_fail() -> None:
        with ClipWriter(path, 22_050, channels=2) as writer:
            writer.write(SOUND)
            raise error

    with pytest.raises(error):
        write_and_fail()
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"what was there"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_the_disk_does_not_take(tmp_path: Path, suffix: str) -> None:
    resource = pytest.importorskip("resource")
    loud = np.random.default_rng(1).uniform(-1, 1, (2, 400_000)).astype(np.float32)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(DataError, match="file too large"):
            write_clip(Clip(samples=loud, sample_rate=44_100), tmp_path / f"large{suffix}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sample_rate", "written"), [(8000, 8000), (11_025, 12_000), (22_050, 24_000), (44_100, 48_000), (96_000, 48_000)]
)
def test_opus_has_few_sample_rates(tmp_path: Path, sample_rate: int, written: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(sample_rate) / sample_rate)
    write_clip(Clip(samples=tone[None].astype(np.float32), sample_rate=sample_rate), tmp_path / "a.opus")
    clip = read_clip(tmp_path / "a.opus")
    assert clip.sample_rate == written
    assert abs(clip.samples.shape[1] - written) <= 2
    again = clip.resampled(sample_rate).samples[0, : len(tone)]
    middle = slice(sample_rate // 4, sample_rate * 3 // 4)
    assert np.sqrt(np.mean((again[middle] - tone[middle]) ** 2)) < 0.05  # the tone has 0.35


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_samples_are_no_file(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DataError, match="there are no samples to write"):
        write_clip(Clip(samples=np.zeros((1, 0), np.float32), sample_rate=22_050), tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_one_sample_is_a_file(tmp_path: Path, suffix: str) -> None:
    write_clip(Clip(samples=np.full((1, 1), 0.5, np.float32), sample_rate=24_000), tmp_path / f"a{suffix}")
    assert read_clip(tmp_path / f"a{suffix}").samples.shape == (1, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_sound(tmp_path: Path, value: float) -> None:
    with (
        pytest.raises(ValueError, match="samples must be finite"),
        ClipWriter(tmp_path / "a.wav", 22_050) as writer,
    ):
        writer.write(np.array([[0, value]], np.float32))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".ogg", ".opus", ".mp3", ".flac"])
def test_more_channels_than_a_format_knows(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(ConfigError, match="cannot hold 256 channels at 48000 Hz"):
        write_clip(Clip(samples=np.zeros((256, 9), np.float32), sample_rate=48_000), tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []
