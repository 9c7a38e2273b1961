"""Make tests/audio/golden/metrics.json: the paired metrics of sound, by other people's implementations.

Run with an interpreter that has librosa, SciPy, auraloss and torchmetrics (tested: 0.11.0, 1.17.1, 0.4.0, 1.9.0):
``python tools/make_golden_audio_metrics.py``. Nothing of Tonada is imported. SI-SDR is torchmetrics'; the STFT distance
is auraloss' where sound begins and ends in silence (it mirrors the sound at its ends, Tonada sees silence there), and a
second time, for every case, the formula over librosa's spectra; the rest are formulas over librosa's spectra and mel
filters, and SciPy's cosine transform.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import auraloss
import librosa
import numpy as np
import torch
from scipy.fft import dct
from scipy.signal import butter, lfilter
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

TARGET = Path(__file__).parents[1] / "tests" / "audio" / "golden" / "metrics.json"
RATE = 22_050
SAMPLES = 5_000
WINDOWS = (2048, 1024, 512, 256, 128)
FLOOR, MEL_FLOOR = 1e-5, 1e-4


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Draw pairs of waveforms, int16 [S]."""
    draw = np.random.default_rng(1)
    time = np.arange(SAMPLES) / RATE
    chord = sum(0.15 * np.sin(2 * np.pi * hz * time + hz) for hz in (220.0, 277.18, 329.63, 1760.0))
    plucked = chord * np.exp(-8.0 * time)
    noise = draw.normal(0.0, 0.1, SAMPLES)
    bordered = chord * np.pad(np.hanning(SAMPLES - 2400), 1200)
    faded = (noise * np.pad(np.ones(SAMPLES - 2400), 1200)) * 0.2
    pairs = {
        "noise added": (plucked, plucked + 0.05 * noise),
        "band-limited": (noise, lfilter(*butter(4, 0.3), noise)),
        "unrelated": (chord, noise),
        "half as loud and inverted": (plucked, -0.5 * plucked + 0.2),
        "silence around": (bordered, bordered + faded),
        "silence around, quieter": (bordered + faded, 0.3 * bordered),
        "very quiet": (0.0005 * noise, 0.0005 * noise[::-1]),
        "one sample": (chord[7:8], 0.5 * chord[7:8]),
        "few samples": (noise[:100], noise[:100] + 0.1 * chord[:100]),
    }
    return {name: tuple(np.round(x * 32767).astype("<i2") for x in pair) for name, pair in pairs.items()}


def magnitudes(samples: np.ndarray, n_fft: int) -> np.ndarray:
    """Give librosa's magnitudes; silence outside the sound."""
    return np.abs(librosa.stft(samples, n_fft=n_fft, hop_length=n_fft // 4, center=True, pad_mode="constant"))


def stft_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Average over the windows."""
    terms = []
    for n_fft in WINDOWS:
        r, e = (np.maximum(magnitudes(x, n_fft), FLOOR) for x in (first, second))
        terms.append(np.linalg.norm(r - e) / np.linalg.norm(r) + np.mean(np.abs(np.log(r / e))))
    return float(np.mean(terms))


def auraloss_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Let auraloss do it; its arguments are estimate, reference."""
    loss = auraloss.freq.MultiResolutionSTFTLoss(
        fft_sizes=list(WINDOWS), hop_sizes=[n // 4 for n in WINDOWS], win_lengths=list(WINDOWS), eps=FLOOR**2
    )
    for one in loss.stft_losses:
        one.window = torch.hann_window(one.win_length, dtype=torch.float64)
    return float(loss(torch.from_numpy(second)[None, None], torch.from_numpy(first)[None, None]))


def log_spectral_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Over librosa's decibels, their floor 80 dB below the reference's maximum."""
    r, e = (magnitudes(x, 2048) for x in (first, second))
    floor = max(FLOOR, r.max() * 1e-4)
    difference = librosa.amplitude_to_db(np.maximum(r, floor), top_db=None) - librosa.amplitude_to_db(
        np.maximum(e, floor), top_db=None
    )
    return float(np.mean([np.sqrt(np.mean(frame**2)) for frame in difference.T]))


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Give ln of librosa's mel magnitudes."""
    mel = librosa.feature.melspectrogram(
        S=magnitudes(samples, 2048), sr=RATE, n_mels=128, fmin=0.0, fmax=RATE / 2, dtype=np.float64
    )
    return np.log(np.maximum(mel, MEL_FLOOR))


def mel_cepstral_distortion(first: np.ndarray, second: np.ndarray) -> float:
    """Take SciPy's cepstra; its transform is 2 Σ, of M bands."""
    r, e = (dct(2 * log_mel(x), type=2, axis=0)[1:14] / (2 * 128) for x in (first, second))
    return float(np.mean(10 / np.log(10) * np.sqrt(2 * np.sum((r - e) ** 2, axis=0))))


def level_error(first: np.ndarray, second: np.ndarray) -> float:
    """Go block by block."""
    block, errors = 8820, []
    for start in range(0, len(first), block):
        levels = [max(-80.0, 20 * np.log10(np.sqrt(np.mean(x[start : start + block] ** 2)))) for x in (first, second)]
        errors.append(abs(levels[0] - levels[1]))
    return float(np.mean(errors))


def golden(name: str, reference: np.ndarray, estimate: np.ndarray) -> dict[str, object]:
    """Measure a pair."""
    first, second = (x / 32768.0 for x in (reference, estimate))
    tensors = (torch.from_numpy(x) for x in (second, first))
    values = {
        "si_sdr_db": float(scale_invariant_signal_distortion_ratio(*tensors, zero_mean=True)),
        "stft_distance": stft_distance(first, second),
        "log_spectral_distance_db": log_spectral_distance(first, second),
        "mel_cepstral_distortion_db": mel_cepstral_distortion(first, second),
        "log_mel_distance_nats": float(np.mean(np.abs(log_mel(first) - log_mel(second)))),
        "level_error_db": level_error(first, second),
    }
    if len(first) == 1:
        del values["si_sdr_db"]  # a single sample is its own mean: silence, where torchmetrics' epsilon decides
    if name.startswith("silence around"):
        values["auraloss"] = auraloss_distance(first, second)
    coded = [base64.b64encode(x.tobytes()).decode() for x in (reference, estimate)]
    return {"reference": coded[0], "estimate": coded[1], "values": values}


def main() -> None:
    """Write the file."""
    table = {name: golden(name, *pair) for name, pair in cases().items()}
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(table, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
