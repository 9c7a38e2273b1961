"""Sound files for tests, written by the library itself."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile


def noise(samples: int, *, channels: int = 1, level: float = 0.3) -> np.ndarray:
    """Give noise [S, C]."""
    return np.random.default_rng(1).uniform(-level, level, (samples, channels))


def sound_bytes(samples: np.ndarray, sample_rate: int, container: str, encoding: str) -> bytes:
    """Give a sound file of samples [S, C]."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", sample_rate, samples.shape[1], encoding, format=container) as file:
        for start in range(0, len(samples), 65_536):
            file.write(samples[start : start + 65_536])
    return buffer.getvalue()


def write_sound(path: Path, samples: np.ndarray, sample_rate: int, container: str, encoding: str) -> Path:
    """Write a sound file of samples [S, C]; give its path."""
    path.write_bytes(sound_bytes(samples, sample_rate, container, encoding))
    return path
