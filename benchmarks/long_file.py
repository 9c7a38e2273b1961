"""What an hour of sound takes to become latents and sound again: peak memory of the process, and speed.

One table on stdout; ``--output FILE`` writes the same figures as JSON. The sound is synthesised, 44.1 kHz in stereo, so
that reading it means resampling, too. Each step runs in a process of its own, whose peak includes Python and torch; the
first row is what those take alone. Models are presets with fresh weights, or folders.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SAMPLE_RATE = 44_100
MODELS = ("autoencoder/small", "spectral/16x")
BLOCK_S = 10


def synthesize(path: Path, seconds: float) -> None:
    """Write slow chords of decaying partials over a little noise, in stereo, block by block."""
    import numpy as np

    from tonada.audio.writing import ClipWriter

    generator = np.random.default_rng(1)
    with ClipWriter(path, SAMPLE_RATE, channels=2) as writer:
        left = round(seconds * SAMPLE_RATE)
        while left > 0:
            samples = min(left, BLOCK_S * SAMPLE_RATE)
            times_s = np.arange(samples) / SAMPLE_RATE
            block = 0.01 * generator.standard_normal((2, samples))
            for pitch_hz in 110 * 2 ** (generator.integers(0, 36, 12) / 12):
                decay = np.exp(-0.5 * ((times_s - generator.uniform(0, BLOCK_S)) % BLOCK_S))
                block += 0.05 * decay * np.sin(2 * np.pi * pitch_hz * times_s)
            writer.write(block.astype(np.float32))
            left -= samples


def save_preset(name: str, folder: Path) -> Path:
    """Write a model folder of a preset with fresh weights."""
    from tonada import registry
    from tonada.runs import build_model, model_table, save_model

    kind, config = registry.preset("model", name)
    table = model_table(kind, config)
    save_model(folder, build_model(table), {"model": table, "codec": {"name": "waveform"}})
    return folder


def step(verb: str, source: str, model: str, output: str, threads: int) -> dict[str, float]:
    """Do one thing and give its time and this process's peak memory."""
    import torch

    import tonada

    torch.set_num_threads(threads)
    start = time.perf_counter()
    if verb == "encode":
        tonada.encode(source, model=model, output=output)
    elif verb == "decode":
        tonada.decode(source, model=model, output=output)
    elapsed_s = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    return {"seconds": elapsed_s, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20}


def in_a_process(*arguments: str, threads: int) -> dict[str, float]:
    """Run `step` in a new process: a peak can only grow within one."""
    command = [sys.executable, __file__, "--step", *arguments, "--threads", str(threads)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(result.stdout))


def measure(models: list[str], minutes: float, threads: int) -> list[dict[str, Any]]:
    """Give the rows of the table."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        song = folder / "song.wav"
        synthesize(song, 60 * minutes)
        rows.append({"model": "–", "step": "start", **in_a_process("start", "", "", "", threads=threads)})
        for number, name in enumerate(models):
            model = Path(name) if Path(name).is_dir() else save_preset(name, folder / f"model{number}")
            for verb, source in (("encode", song), ("decode", folder / "song.npy")):
                told = in_a_process(verb, str(source), str(model), str(folder), threads=threads)
                rows.append({"model": name, "step": verb, **told, "times_real_time": 60 * minutes / told["seconds"]})
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="presets or model folders")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(step(*options.step, threads=options.threads)))
        return
    rows = measure(options.models, options.minutes, options.threads)
    print(f"{options.minutes:g} minutes of sound, {options.threads} threads")
    print(f"{'model':20} {'step':8} {'seconds':>8} {'× real time':>12} {'peak MiB':>9}")
    for row in rows:
        speed = f"{row['times_real_time']:.1f}" if "times_real_time" in row else ""
        print(f"{row['model']:20} {row['step']:8} {row['seconds']:8.1f} {speed:>12} {row['peak_mib']:9.0f}")
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
