"""Resampling to 22 050 Hz beside soxr: time, flatness, aliases; and an hour of sound read as a stream.

One table on stdout; ``--output FILE`` writes the same figures as JSON. The sound is 30 s: a real clip where TONADA_DATA
has one, else noise, brought to each rate by repeating or leaving out samples, which fills the whole band. Runs
alternate; each time is the smallest, in processor time, and neither side uses threads. Ripple and aliases are measured
with sines: the largest change of level of 25 up to 0.91 of the band that stays, and the highest level that is left of
25 beyond it. "difference": of Tonada's result from soxr's, up to 0.9 of the band, against the sound.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tonada.audio.clip import read_clip, read_mono
from tonada.audio.reading import iterate_blocks
from tonada.audio.resampling import PASS_BAND, resample
from tonada.audio.writing import ClipWriter

TO_HZ = 22_050
RATES = (8_000, 16_000, 32_000, 44_099, 44_100, 48_000, 96_000, 192_000)
SECONDS = 30
Convert = Callable[[np.ndarray, int], np.ndarray]


def entrants() -> dict[str, Convert]:
    """Give what resamples [S] from a rate; soxr only where it is installed."""
    found: dict[str, Convert] = {"tonada": lambda samples, rate: resample(samples[None], rate, TO_HZ)[0]}
    try:
        import soxr
    except ImportError:
        return found
    for quality in ("HQ", "VHQ"):
        found[f"soxr {quality}"] = lambda samples, rate, quality=quality: soxr.resample(samples, rate, TO_HZ, quality)
    return found


def sound(rate: int) -> np.ndarray:
    """Give 30 s of sound at a rate."""
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, SECONDS * rate).astype(np.float32)
    data = os.environ.get("TONADA_DATA")
    if data:
        path = sorted(Path(data, "audio", "genres").glob("*/*.ogg"))[0]
        clip = read_clip(path).mono().samples[0]
        samples = clip[np.arange(SECONDS * rate) * TO_HZ // rate % len(clip)]
    return samples


def level_db(samples: np.ndarray) -> float:
    """Give the level, 0 for a sine of full scale."""
    return float(10 * np.log10(2 * np.mean(samples.astype(float) ** 2) + 1e-20))


def converted(convert: Convert, rate: int, frequency_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Give what half a second of a sine becomes, ends left out, and the times of its samples in s."""
    made = convert(np.sin(2 * np.pi * frequency_hz * np.arange(rate // 2) / rate).astype(np.float32), rate)
    middle = slice(len(made) // 4, -len(made) // 4)
    return made[middle], np.arange(len(made))[middle] / TO_HZ


def gain_db(convert: Convert, rate: int, frequency_hz: float) -> float:
    """Give the gain of a sine that stays."""
    made, at = converted(convert, rate, frequency_hz)
    waves = np.stack([np.sin(2 * np.pi * frequency_hz * at), np.cos(2 * np.pi * frequency_hz * at)], axis=1)
    return float(20 * np.log10(np.hypot(*np.linalg.lstsq(waves, made, rcond=None)[0])))


def difference_db(ours: np.ndarray, theirs: np.ndarray, rate: int) -> float:
    """Give the level of the difference against theirs, up to 0.9 of the band."""
    length = min(len(ours), len(theirs))
    kept = np.fft.rfftfreq(length, 1 / TO_HZ) < 0.9 * min(rate, TO_HZ) / 2
    difference, whole = (np.fft.rfft(samples[:length])[kept] for samples in (ours[:length] - theirs[:length], theirs))
    return float(20 * np.log10(np.linalg.norm(difference) / np.linalg.norm(whole)))


def qualities(convert: Convert, rate: int) -> dict[str, float | None]:
    """Measure ripple and aliases in dB; there are no aliases from lower rates."""
    edge_hz = min(rate, TO_HZ) / 2
    gains = [gain_db(convert, rate, part * edge_hz) for part in np.linspace(0.02, PASS_BAND, 25)]
    beyond = np.linspace(1.002 * edge_hz, 0.998 * rate / 2, 25) if rate > TO_HZ else []
    return {
        "ripple_db": max(map(abs, gains)),
        "alias_db": max((level_db(converted(convert, rate, hz)[0]) for hz in beyond), default=None),
    }


def measure(rate: int, *, repeats: int) -> list[dict[str, object]]:
    """Measure all entrants at one rate."""
    samples, found = sound(rate), entrants()
    times: dict[str, list[float]] = {name: [] for name in found}
    made = {}
    for name in list(found) * (repeats + 1):
        start = time.process_time()
        made[name] = found[name](samples, rate)
        times[name].append(time.process_time() - start)
    rows = []
    for name, convert in found.items():
        rows.append(
            {
                "from_hz": rate,
                "name": name,
                "ms": 1000 * min(times[name][1:]),
                "difference_db": difference_db(made["tonada"], made[name], rate) if name != "tonada" else None,
                **qualities(convert, rate),
            }
        )
    return rows


def peak_mib() -> float:
    """Give the most memory this process had, in MiB, as Linux tells it: getrusage would give the parent's."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def read_hour(path: Path, how: str) -> None:
    """Read a file at once or in blocks, and print the memory used beyond the program's, and the time."""
    before, start = peak_mib(), time.process_time()
    if how == "read_mono":
        read_mono(path, TO_HZ)
    else:
        for _ in iterate_blocks(path, TO_HZ, 65_536):
            pass
    print(json.dumps({"name": how, "peak_mib": peak_mib() - before, "seconds": time.process_time() - start}))


def measure_hour() -> list[dict[str, object]]:
    """Write an hour of 44.1 kHz stereo, and read it in processes of their own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hour.wav"
        second = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 44_100)).astype(np.float32)
        with ClipWriter(path, 44_100, channels=2) as writer:
            for _ in range(3600):
                writer.write(second)
        commands = [[sys.executable, __file__, "--read", how, str(path)] for how in ("read_mono", "iterate_blocks")]
        return [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for command in commands]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7, help="runs per time (7)")
    parser.add_argument("--output", type=Path, help="also write the figures here, as JSON")
    parser.add_argument("--read", nargs=2, metavar=("HOW", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        read_hour(Path(arguments.read[1]), arguments.read[0])
        return
    rows = [row for rate in RATES for row in measure(rate, repeats=arguments.repeats)]
    print(f"{SECONDS} s to {TO_HZ} Hz, processor time, the least of {arguments.repeats} alternating runs")
    print(f"{'from Hz':>8}  {'':<10}{'ms':>8}{'ripple dB':>12}{'aliases dB':>12}{'difference dB':>15}")
    for row in rows:
        aliases, difference = ("" if row[key] is None else f"{row[key]:.1f}" for key in ("alias_db", "difference_db"))
        name = f"{row['from_hz']:>8}  {row['name']:<10}"
        print(f"{name}{row['ms']:>8.1f}{row['ripple_db']:>12.5f}{aliases:>12}{difference:>15}")
    if len(entrants()) == 1:
        print("soxr is not installed, so there is nothing to compare with: python -m pip install 'tonada[bench]'")
    hour = measure_hour()
    for row in hour:
        used = f"{row['peak_mib']:.0f} MiB more, {row['seconds']:.1f} s of processor time"
        print(f"an hour of 44.1 kHz stereo, {row['name']}: {used}")
    if arguments.output:
        arguments.output.write_text(json.dumps({"rows": rows, "hour": hour}, indent=1) + "\n", "utf-8")
        print(arguments.output)


if __name__ == "__main__":
    main()
