"""Make tests/audio/golden/spectral.json: spectra by SciPy, inverse spectra, mel filters and mel magnitudes by librosa.

Run with an interpreter that has librosa and SciPy (tested: 0.11.0, 1.17.1), and nothing of Tonada is imported:
``python tools/make_golden_audio_spectral.py``.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import librosa
import numpy as np
import scipy.signal

TARGET = Path(__file__).parents[1] / "tests" / "audio" / "golden" / "spectral.json"
SIZES = ((600, 128, 32), (601, 100, 20), (37, 64, 16), (1, 64, 16), (128, 32, 4))  # samples, n_fft, hop
BANKS = (  # bands, n_fft, sample rate, low Hz, high Hz
    (128, 2048, 22_050, 20.0, 11_025.0),
    (20, 256, 22_050, 0.0, 11_025.0),
    (40, 512, 44_100, 300.0, 8_000.0),
    (10, 64, 8_000, 100.0, 900.0),
    (64, 128, 16_000, 0.0, 8_000.0),
)


def shortened(values: np.ndarray) -> list:
    """Give nested lists of numbers with 7 digits."""
    return json.loads(json.dumps(values.tolist()), parse_float=lambda text: float(f"{float(text):.7g}"))


def pair(values: np.ndarray) -> dict[str, list]:
    """Give real and imaginary parts."""
    return {"real": shortened(values.real), "imaginary": shortened(values.imag)}


def spectrum(samples: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """Transform with SciPy; it divides by the window's sum, which is undone."""
    window = scipy.signal.get_window("hann", n_fft)
    *_, result = scipy.signal.stft(
        samples, window=window, nperseg=n_fft, noverlap=n_fft - hop, boundary="zeros", padded=False
    )
    return result * window.sum()


def transforms() -> list[dict]:
    """Transform noise, and invert spectra that no waveform has."""
    draw = np.random.default_rng(1)
    found = []
    for size, n_fft, hop in SIZES:
        samples = np.round(draw.normal(0, 0.3, size), 4)
        result = spectrum(samples, n_fft, hop) if size >= n_fft else long_enough(samples, n_fft, hop)
        turned = np.round(result * np.exp(1j * draw.uniform(0, 2, result.shape)), 4)
        found.append(
            {
                "n_fft": n_fft,
                "hop": hop,
                "samples": samples.tolist(),
                "spectrum": pair(result),
                "turned": pair(turned),
                "inverse": shortened(librosa.istft(turned, n_fft=n_fft, hop_length=hop, length=size)),
            }
        )
    return found


def long_enough(samples: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """Transform a waveform shorter than a window, which SciPy refuses: with silence after it, whose frames go."""
    padded = np.pad(samples, (0, 2 * n_fft))
    return spectrum(padded, n_fft, hop)[:, : 1 + len(samples) // hop]


def banks() -> list[dict]:
    """Give filters as (first bin, values) from the first bin that is not 0 to the last."""
    found = []
    for bands, n_fft, sample_rate, low_hz, high_hz in BANKS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about filters between two bins, which are wanted here
            filters = librosa.filters.mel(
                sr=sample_rate, n_fft=n_fft, n_mels=bands, fmin=low_hz, fmax=high_hz, dtype=np.float64
            )
        rows = []
        for row in filters:
            heard = np.flatnonzero(row)
            first, end = (int(heard[0]), int(heard[-1]) + 1) if len(heard) else (0, 0)
            rows.append([first, shortened(row[first:end])])
        found.append({"arguments": [bands, n_fft, sample_rate, low_hz, high_hz], "filters": rows})
    return found


def mel() -> dict:
    """Give the logarithms of mel magnitudes of a chord that fades."""
    time = np.arange(1500) / 22_050
    chord = sum(np.sin(2 * np.pi * hz * time + hz) for hz in (440.0, 554.0, 3000.0))
    samples = np.round(0.2 * np.exp(-20 * time) * chord, 4)
    magnitudes = librosa.feature.melspectrogram(
        y=samples,
        sr=22_050,
        n_fft=512,
        hop_length=128,
        n_mels=30,
        fmin=50.0,
        fmax=10_000.0,
        power=1.0,
        pad_mode="constant",
    )
    return {"samples": samples.tolist(), "nats": shortened(np.log(magnitudes).T)}


def main() -> None:
    """Write the file."""
    found = {"transforms": transforms(), "banks": banks(), "mel": mel()}
    TARGET.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
