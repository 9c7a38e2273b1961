"""Time and memory of ``prepare`` on sound that is synthesised for it: 1000 clips of 30 s, unless told otherwise.

    python benchmarks/audio_preparation.py
    python benchmarks/audio_preparation.py --clips 200 --rate 44100 --channels 2 --transform mel

The clips lie in ten folders, by label; writing them is not in the time. Memory is the peak of the largest process, in
MiB, as the system counted it: that of this one for ``--jobs 1``, else the larger of this one and the largest worker.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from tonada.api.preparation import prepare

LABELS = 10
SECONDS = 30
PITCHES = range(40, 88)


def synthesise(folder: Path, clips: int, rate: int, channels: int) -> None:
    """Write clips of tones that come and go over soft noise, no two alike."""
    beat = rate // 2
    time_s = np.arange(beat) / rate
    tones = [np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time_s) * np.exp(-4 * time_s) for pitch in PITCHES]
    bank = 0.2 * np.array(tones, dtype=np.float32)
    for number in range(clips):
        random = np.random.default_rng(number)
        chords = bank[random.integers(len(bank), size=(2 * SECONDS, 3))].sum(axis=1)
        samples = chords.reshape(-1, 1) + 0.01 * random.standard_normal((len(chords) * beat, channels), np.float32)
        path = folder / f"label{number % LABELS}" / f"label{number % LABELS}.{number // LABELS:05}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, samples, rate)


def processor_s() -> float:
    """Give the processor time of this process and its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=22_050)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--transform", default="waveform")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "genres")
        folder.mkdir()
        synthesise(folder, asked.clips, asked.rate, asked.channels)
        before, before_cpu = time.perf_counter(), processor_s()
        report = prepare(folder, output=Path(name, "data"), transform=asked.transform, jobs=asked.jobs)
        seconds, cpu = time.perf_counter() - before, processor_s() - before_cpu
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    row = {
        "clips": asked.clips,
        "Hz": asked.rate,
        "channels": asked.channels,
        "transform": asked.transform,
        "jobs": asked.jobs,
        "segments": sum(totals.segments for totals in report.splits.values()),
        "seconds": f"{seconds:.1f}",
        "CPU s": f"{cpu:.1f}",
        "× real time": f"{asked.clips * SECONDS / seconds:.0f}",
        "peak MiB: main": f"{peaks[0]:.0f}",
        "worker": f"{peaks[1]:.0f}",
    }
    for line in (row, ["---"] * len(row), row.values()):
        print(f"| {' | '.join(map(str, line))} |")


if __name__ == "__main__":
    main()
