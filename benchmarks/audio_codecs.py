"""How fast sound becomes latents and sound again, beside EnCodec 24 kHz: same clips, precision and threads, in one run.

Ours is what ``tonada encode`` and ``tonada decode`` compute, from samples in memory to latents and back, chunk by
chunk. The peer is ``transformers.EncodecModel`` of the default configuration, which is the 24 kHz model, at its lowest
bandwidth, 1.5 kbit/s, with the fewest codebooks to search; its weights are random, and so are ours unless a model
folder is given: neither side's speed depends on them. Each takes a second of sound at its own sample rate.

One table on stdout: seconds of sound per second, of the time that passed and of processor time, which other work on the
machine disturbs less. Entrants take turns, and medians are given. ``--output FILE`` writes every figure as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch reads it once, when it is imported

import numpy as np
import torch
import transformers

from tonada.audio.latents.streaming import decode_whole, encode_whole
from tonada.audio.models.base import AudioAutoencoder
from tonada.registry import preset, preset_names
from tonada.runs import build_model, find_model, load_model, model_table
from tonada.training import precision_of

MODELS = ("vae/16x", "autoencoder/small", "autoencoder/middle", "autoencoder/large")
PEER = "EnCodec 24 kHz"
LEAST_REPEATS = 5
Samples = np.ndarray


@dataclass(frozen=True)
class Entrant:
    """What is measured: float32 [S] at ``sample_rate`` to whatever it makes of it, and back."""

    name: str
    sample_rate: int
    parameters: int
    encode: Callable[[Samples], Any]
    decode: Callable[[Any, int], Any]


def ours(name: str) -> Entrant:
    """Build a preset with random weights, or load a model by name or folder."""
    if name in preset_names("model"):
        kind, config = preset("model", name)
        model = build_model(model_table(kind, config)).eval()
    else:
        model = load_model(find_model(name)).model
    if not isinstance(model, AudioAutoencoder):
        raise SystemExit(f"{name} is no autoencoder of sound")
    return Entrant(
        name=name,
        sample_rate=model.sample_rate,
        parameters=model.parameter_count(),
        encode=lambda samples: encode_whole(model, samples),
        decode=lambda latents, samples: decode_whole(model, latents, samples),
    )


def peer() -> Entrant:
    """Build EnCodec from its default configuration; nothing is downloaded."""
    model = transformers.EncodecModel(transformers.EncodecConfig()).eval()

    @torch.inference_mode()
    def encode(samples: Samples) -> Any:
        return model.encode(torch.from_numpy(samples)[None, None])

    @torch.inference_mode()
    def decode(encoded: Any, samples: int) -> Samples:
        decoded: Samples = model.decode(encoded.audio_codes, encoded.audio_scales)[0][0, 0, :samples].float().numpy()
        return decoded

    return Entrant(
        name=PEER,
        sample_rate=model.config.sampling_rate,
        parameters=sum(tensor.numel() for tensor in model.parameters()),
        encode=encode,
        decode=decode,
    )


def sound(seconds: float, sample_rate: int) -> Samples:
    """Make chords of decaying partials over a little noise, float32 [S]."""
    time_s = np.arange(round(seconds * sample_rate)) / sample_rate
    tones = [np.sin(2 * np.pi * hz * time_s) for hz in (110.0, 138.6, 164.8, 220.0, 659.3)]
    noise = np.random.default_rng(1).normal(0.0, 0.01, len(time_s))
    return (0.1 * sum(tones) * np.exp(-3 * (time_s % 1)) + noise).astype(np.float32)


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Do it; give the result, the time that passed and the processor time, in s."""
    start, start_cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - start, time.process_time() - start_cpu


def measure(
    entrants: list[Entrant], *, seconds: float, threads: int, precision: str, repeats: int
) -> list[dict[str, Any]]:
    """Let all entrants encode and decode a clip by turns; give a row for each."""
    torch.set_num_threads(threads)
    clips = {entrant.name: sound(seconds, entrant.sample_rate) for entrant in entrants}
    steps = ("encode_s", "encode_cpu_s", "decode_s", "decode_cpu_s")
    times: dict[str, list[dict[str, float]]] = {entrant.name: [] for entrant in entrants}
    computing: AbstractContextManager[Any] = nullcontext()
    if precision == "bf16":
        computing = torch.autocast("cpu", dtype=torch.bfloat16)
    with computing:
        for _ in range(repeats + 1):
            for entrant in entrants:
                clip = clips[entrant.name]
                encoded, *encoding = timed(lambda entrant=entrant, clip=clip: entrant.encode(clip))
                decoded, *decoding = timed(
                    lambda entrant=entrant, clip=clip, encoded=encoded: entrant.decode(encoded, len(clip))
                )
                if decoded.shape != clip.shape or not np.isfinite(decoded).all():
                    raise SystemExit(f"{entrant.name} gives {decoded.shape} for {clip.shape}, or what is no sound")
                times[entrant.name].append(dict(zip(steps, (*encoding, *decoding), strict=True)))
    rows = []
    for entrant in entrants:
        runs = times[entrant.name][1:]  # the first was to warm up
        found = {step: statistics.median(run[step] for run in runs) for step in steps}
        found["both_s"] = statistics.median(run["encode_s"] + run["decode_s"] for run in runs)
        found["both_cpu_s"] = statistics.median(run["encode_cpu_s"] + run["decode_cpu_s"] for run in runs)
        told = {"model": entrant.name, "parameters": entrant.parameters, "sample_rate": entrant.sample_rate}
        case = {"clip_s": seconds, "threads": threads, "precision": precision}
        rows.append({**told, **case, "times_real_time": {step: seconds / took for step, took in found.items()}})
        rows[-1]["runs"] = runs
    reference = next(row for row in rows if row["model"] == PEER)["times_real_time"]
    for row in rows:
        row["times_peer"] = row["times_real_time"]["both_s"] / reference["both_s"]
        row["times_peer_cpu"] = row["times_real_time"]["both_cpu_s"] / reference["both_cpu_s"]
    return rows


def main() -> None:
    """Measure and print one table; write every figure with ``--output``."""
    precisions = ["fp32", "bf16"] if precision_of("auto", "cpu") is torch.bfloat16 else ["fp32"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="presets, shipped models, model folders")
    parser.add_argument("--seconds", nargs="+", type=float, default=[5.0, 30.0], help="lengths of clips (5 30)")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="(1 2)")
    parser.add_argument(
        "--precisions", nargs="+", default=precisions, choices=["fp32", "bf16"], help="bf16 is autocast, for all"
    )
    parser.add_argument("--repeats", type=int, default=LEAST_REPEATS, help=f"runs per median, at least {LEAST_REPEATS}")
    parser.add_argument("--output", type=Path, help="a JSON file for every figure")
    given = parser.parse_args()
    transformers.logging.set_verbosity_error()
    torch.manual_seed(1)
    entrants = [*map(ours, given.models), peer()]
    repeats = max(LEAST_REPEATS, given.repeats)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {os.cpu_count()} cores")
    print(f"seconds of sound per second; medians of {repeats}, taking turns; “peer” is {PEER}")
    titles = ("clip s", "threads", "precision", "encode", "decode", "both", "× peer", "both/CPU", "× peer")
    print("{:20} {:>6} {:>7} {:>9} {:>7} {:>7} {:>7} {:>7} {:>8} {:>7}".format("model", *titles))
    rows = []
    for seconds in given.seconds:
        for threads in given.threads:
            for precision in given.precisions:
                case = measure(entrants, seconds=seconds, threads=threads, precision=precision, repeats=repeats)
                for row in case:
                    speed = row["times_real_time"]
                    print(
                        f"{row['model'][-20:]:20} {seconds:6g} {threads:7} {precision:>9} {speed['encode_s']:7.1f} "
                        f"{speed['decode_s']:7.1f} {speed['both_s']:7.1f} {row['times_peer']:7.2f} "
                        f"{speed['both_cpu_s']:8.1f} {row['times_peer_cpu']:7.2f}",
                        flush=True,
                    )
                rows += case
    if given.output:
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        document = {"versions": versions, "cores": os.cpu_count(), "repeats": repeats, "rows": rows}
        given.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {given.output}")


if __name__ == "__main__":
    main()
