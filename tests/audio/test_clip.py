"""Clips and their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tonada.audio.clip import Clip, read_clip, write_clip
from tonada.audio.formats import FORMATS
from tonada.errors import ConfigError, DataError


def tone(seconds: float, *, sample_rate: int = 44_100, channels: int = 2) -> Clip:
    at = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = 0.5 * np.sin(2 * np.pi * 440 * at)
    return Clip(
        samples=np.array([wave / (1 + channel) for channel in range(channels)], np.float32), sample_rate=sample_rate
    )


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(10, np.float32),
        np.zeros((0, 10), np.float32),
        np.zeros((1, 10)),
        np.full((1, 10), np.nan, np.float32),
        np.array([[0, np.inf]], np.float32),
    ],
)
def test_clip_rejects_what_is_no_sound(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="samples must be"):
        Clip(samples=samples, sample_rate=44_100)


def test_clip_rejects_a_sample_rate_of_zero() -> None:
    with pytest.raises(ValueError, match="sample_rate"):
        Clip(samples=np.zeros((1, 10), np.float32), sample_rate=0)


def test_duration() -> None:
    assert Clip(samples=np.zeros((2, 300), np.float32), sample_rate=100).duration_s == 3.0
    assert Clip(samples=np.zeros((2, 0), np.float32), sample_rate=100).duration_s == 0.0


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
def test_lossless_formats_hold_16_bits(tmp_path: Path, suffix: str) -> None:
    clip, path = tone(0.5), tmp_path / f"tone{suffix}"
    write_clip(clip, path)
    again = read_clip(path)
    assert again.sample_rate == 44_100
    assert again.samples.shape == clip.samples.shape
    assert np.abs(again.samples - clip.samples).max() <= 1 / 32_767
    assert soundfile.info(path).subtype == "PCM_16"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".ogg", ".mp3"])
def test_lossy_formats_sound_the_same(tmp_path: Path, suffix: str) -> None:
    clip, path = tone(1.0), tmp_path / f"tone{suffix}"
    write_clip(clip, path)
    again = read_clip(path)
    assert again.sample_rate == 44_100
    assert len(again.samples) == 2
    assert again.duration_s == pytest.approx(1.0, abs=0.06)
    middle = again.samples[:, 10_000:30_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(20_000)))
    assert np.argmax(spectrum, axis=1) * 44_100 / 20_000 == pytest.approx(440, abs=3)
    assert np.sqrt((middle**2).mean(axis=1)) == pytest.approx([0.354, 0.177], rel=0.03)


def test_long_ogg_is_written(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, (1, 3_000_000)).astype(np.float32)
    write_clip(Clip(samples=noise, sample_rate=44_100), tmp_path / "long.ogg")
    assert soundfile.info(tmp_path / "long.ogg").frames == 3_000_000


def test_what_is_beyond_full_scale_is_clipped_not_wrapped(tmp_path: Path) -> None:
    write_clip(Clip(samples=np.array([[1.5, -1.5, 1.0, -1.0]], np.float32), sample_rate=8000), tmp_path / "loud.wav")
    assert read_clip(tmp_path / "loud.wav").samples[0] == pytest.approx([1, -1, 1, -1], abs=1e-4)


def test_unknown_suffix_lists_what_works(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'\.aac'. Try \.wav, \.flac, \.ogg, \.opus, \.mp3"):
        write_clip(tone(0.1), tmp_path / "tone.aac")
    assert list(FORMATS) == [".wav", ".flac", ".ogg", ".opus", ".mp3"]


def test_sample_rate_that_a_format_lacks(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"MP3 cannot hold 1 channels at 12345 Hz.*Try \.wav"):
        write_clip(Clip(samples=np.zeros((1, 100), np.float32), sample_rate=12_345), tmp_path / "tone.mp3")
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError):
        write_clip(tone(0.1), tmp_path / "file" / "tone.wav")


def test_reading_what_is_not_there_or_no_sound(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_clip(tmp_path / "none.wav")
    (tmp_path / "text.wav").write_text("not a sound")
    with pytest.raises(DataError, match="not a sound file"):
        read_clip(tmp_path / "text.wav")


def test_reading_samples_that_are_no_numbers(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    with pytest.raises(DataError, match="not numbers"):
        read_clip(tmp_path / "nan.wav")
