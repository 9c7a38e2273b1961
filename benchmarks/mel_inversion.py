"""From mel bands, or from true magnitudes, back to sound: Tonada beside librosa, at equal iterations, in one run.

Ours is ``tonada.audio.inversion``: multiplicative updates, then fast Griffin–Lim. The peer is librosa's: non-negative
least squares (``mel_to_stft``), then ``griffinlim``, the fast one too, but from random phases. Both get the same
magnitudes, the same number of iterations and threads, and take turns; times are medians for each clip, averaged over
the clips, of the time that passed and of the processor time, which other work on the machine disturbs less. One
yardstick measures both: log-spectral distance, and spectral convergence (what is missing of the magnitudes' energy).

With TONADA_DATA the clips are two of every genre, from 10 s on; else they are made.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch reads it once, when it is imported

import librosa
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from tonada.audio.clip import read_mono
from tonada.audio.inversion import UPDATES, griffin_lim, invert_mel
from tonada.audio.metrics import log_spectral_distance_db
from tonada.audio.spectral import mel_filter_bank, stft

RATE, N_FFT, HOP = 22_050, 2048, 512
SECONDS, START_S = 6, 10
PER_GENRE = (3, 17)
"""Which files of a genre, in the order of their names."""

Inversion = Callable[[torch.Tensor, int, int], torch.Tensor]
"""Gives a waveform [S] for magnitudes or mel magnitudes [F, L], S, and the number of iterations."""


def real_clips(data: Path) -> dict[str, np.ndarray]:
    """Cut clips out of music, two of every genre; name → float32 [S]."""
    folders = sorted(path for path in (data / "audio" / "genres").iterdir() if path.is_dir())
    files = [sorted(folder.iterdir())[number] for folder in folders for number in PER_GENRE]
    cut = slice(START_S * RATE, (START_S + SECONDS) * RATE)
    return {file.stem: read_mono(file, RATE).samples[0, cut] for file in files}


def made_clips() -> dict[str, np.ndarray]:
    """Make a row of plucked chords, and the same with noise."""
    time_s = np.arange(SECONDS * RATE) / RATE
    root = 110 * 2 ** (np.array([0, 5, 7, 3, 0, 8])[time_s.astype(int)] / 12)
    tones = [np.sin(2 * np.pi * np.cumsum(root * ratio) / RATE) / ratio for ratio in (1, 1.25, 1.5, 2, 4, 8, 12)]
    chords = 0.2 * sum(tones) * np.exp(-3 * (time_s % 1))
    noise = np.random.default_rng(1).normal(0, 0.02, len(time_s))
    return {"chords": chords.astype(np.float32), "chords and noise": (chords + noise).astype(np.float32)}


def tonada_magnitude(magnitude: torch.Tensor, samples: int, iterations: int) -> torch.Tensor:
    """Find phases with Tonada."""
    return griffin_lim(magnitude[None], N_FFT, HOP, samples, iterations=iterations)[0]


def librosa_magnitude(magnitude: torch.Tensor, samples: int, iterations: int) -> torch.Tensor:
    """Find phases with librosa."""
    settings = {"n_iter": iterations, "n_fft": N_FFT, "hop_length": HOP, "length": samples, "random_state": 1}
    return torch.from_numpy(librosa.griffinlim(magnitude.numpy(), momentum=0.99, **settings))


def tonada_mel(mel: torch.Tensor, samples: int, iterations: int) -> torch.Tensor:
    """Find magnitudes and phases with Tonada."""
    filters = mel_filter_bank(len(mel), N_FFT, RATE, 0.0, RATE / 2)
    return tonada_magnitude(invert_mel(mel[None], filters)[0], samples, iterations)


def librosa_mel(mel: torch.Tensor, samples: int, iterations: int) -> torch.Tensor:
    """Find magnitudes and phases with librosa."""
    magnitude = librosa.feature.inverse.mel_to_stft(mel.numpy(), sr=RATE, n_fft=N_FFT, power=1.0)
    return librosa_magnitude(torch.from_numpy(magnitude), samples, iterations)


def convergence_db(reference: torch.Tensor, estimate: torch.Tensor) -> float:
    """Give how much of the magnitudes is missing, in dB of their energy."""
    wanted, found = (stft(waveform[None], N_FFT, HOP).abs() for waveform in (reference, estimate))
    return float(20 * torch.log10((wanted - found).norm() / wanted.norm()))


def compare(
    clips: dict[str, np.ndarray], entrants: dict[str, Inversion], bands: int | None, *, repeats: int, iterations: int
) -> list[dict[str, Any]]:
    """Measure the entrants on every clip, taking turns; one row each."""
    found: dict[str, list[dict[str, Any]]] = {who: [] for who in entrants}
    for name, samples in clips.items():
        waveform = torch.from_numpy(samples.copy())
        given = stft(waveform[None], N_FFT, HOP)[0].abs()
        if bands:
            given = mel_filter_bank(bands, N_FFT, RATE, 0.0, RATE / 2) @ given
        times: dict[str, list[tuple[float, float]]] = {who: [] for who in entrants}
        made = {who: invert(given, len(waveform), iterations) for who, invert in entrants.items()}  # warms up, too
        for _ in range(repeats):
            for who, invert in entrants.items():
                start, start_cpu = time.perf_counter(), time.process_time()
                invert(given, len(waveform), iterations)
                times[who].append((time.perf_counter() - start, time.process_time() - start_cpu))
        for who, result in made.items():
            passed, processor = (statistics.median(values) for values in zip(*times[who], strict=True))
            found[who].append(
                {
                    "clip": name,
                    "log_spectral_distance_db": log_spectral_distance_db(samples, result.numpy()),
                    "spectral_convergence_db": convergence_db(waveform, result),
                    "ms": 1000 * passed,
                    "cpu_ms": 1000 * processor,
                }
            )
    figures = ("log_spectral_distance_db", "spectral_convergence_db", "ms", "cpu_ms")
    return [
        {
            "from": f"{bands} mels" if bands else "true magnitudes",
            "by": who,
            **{figure: statistics.mean(row[figure] for row in rows) for figure in figures},
            "clips": rows,
        }
        for who, rows in found.items()
    ]


def main() -> None:
    """Measure and print one table; write every figure with ``--output``."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--iterations", type=int, default=32, help="of Griffin–Lim, on both sides (32)")
    parser.add_argument("--repeats", type=int, default=5, help="runs per median, at least 5 (5)")
    parser.add_argument("--threads", type=int, default=1, help="for both (1)")
    parser.add_argument("--output", type=Path, help="a JSON file for every figure")
    given = parser.parse_args()
    data = os.environ.get("TONADA_DATA")
    clips = real_clips(Path(data)) if data else made_clips()
    repeats = max(5, given.repeats)
    torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, librosa {librosa.__version__}, {os.cpu_count()} cores, threads: {given.threads}")
    print(
        f"{len(clips)} clips of {SECONDS} s, {RATE} Hz, n_fft {N_FFT}, hop {HOP}; {given.iterations} iterations of "
        f"Griffin–Lim, {UPDATES} multiplicative updates; medians of {repeats}, taking turns"
    )
    print(f"{'from':<17}{'by':<9}{'LSD dB':>8}{'conv. dB':>10}{'ms':>8}{'CPU ms':>8}{'× faster':>10}{'by CPU':>8}")
    tasks: list[tuple[int | None, dict[str, Inversion]]] = [
        (None, {"tonada": tonada_magnitude, "librosa": librosa_magnitude}),
        (128, {"tonada": tonada_mel, "librosa": librosa_mel}),
        (64, {"tonada": tonada_mel, "librosa": librosa_mel}),
    ]
    rows = []
    with threadpool_limits(given.threads):
        for bands, entrants in tasks:
            pair = compare(clips, entrants, bands, repeats=repeats, iterations=given.iterations)
            rows += pair
            for row in pair:
                row["times_faster"], row["times_faster_cpu"] = (pair[1][key] / row[key] for key in ("ms", "cpu_ms"))
                print(
                    f"{row['from']:<17}{row['by']:<9}{row['log_spectral_distance_db']:8.2f}"
                    f"{row['spectral_convergence_db']:10.2f}{row['ms']:8.1f}{row['cpu_ms']:8.1f}"
                    f"{row['times_faster']:10.1f}{row['times_faster_cpu']:8.1f}",
                    flush=True,
                )
    if given.output:
        given.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {given.output}")


if __name__ == "__main__":
    main()
