"""How fast ids are sampled, beside ``transformers``: the same sizes, precision, prompt and filters, in one run.

Ours is ``tonada.symbolic.generation.generate`` with all that it does: grammar, note events, lanes. The peer is
``LlamaForCausalLM.generate`` with its cache, which does no more than sample ids. Weights are random. Each gets the
number of threads, 1 or 2, that is faster for it; then they take turns, and medians are given: of the time that passed,
and of the processor time, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch reads it once, when it is imported

import numpy as np
import torch
import transformers

from peers import llama_config
from tonada.registry import preset
from tonada.symbolic.generation import generate
from tonada.symbolic.lanes import StopRule
from tonada.symbolic.models.gpt import GPT, GPTConfig
from tonada.symbolic.sampling import SamplingConfig
from tonada.symbolic.tokenizers.note import NoteTokenizer

THREADS = (1, 2)
TEMPERATURE, TOP_P = 1.0, 0.95
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def make_ours(config: GPTConfig, dtype: torch.dtype, prompt: np.ndarray, lanes: int, new: int) -> Callable[[], int]:
    """Give a function that samples with Tonada and counts the ids."""
    model = GPT(config).to(dtype)
    tokenizer = NoteTokenizer()
    until = StopRule(max_ids=new, allow_end=False)
    sampling = SamplingConfig(temperature=TEMPERATURE, top_p=TOP_P)

    def run() -> int:
        results = generate(model, tokenizer, prompt, until=until, sampling=sampling, lanes=lanes).run()
        return sum(len(result.ids) for result in results)

    return run


def make_peer(config: GPTConfig, dtype: torch.dtype, prompt: np.ndarray, lanes: int, new: int) -> Callable[[], int]:
    """Give a function that samples with transformers and counts the ids."""
    peer = transformers.LlamaForCausalLM(llama_config(config, bos_token_id=1, pad_token_id=0))
    model = peer.to(dtype).eval()
    ids = torch.from_numpy(prompt.astype(np.int64)).expand(lanes, -1)

    def run() -> int:
        output = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=new,
            do_sample=True,
            temperature=TEMPERATURE,
            top_k=0,
            top_p=TOP_P,
            use_cache=True,
        )
        return int(output.shape[1] - ids.shape[1]) * lanes

    return run


def measure(run: Callable[[], int]) -> tuple[float, float]:
    """Measure one run: ids per second, and ids per second of processor time, which busy neighbours disturb less."""
    start, start_cpu = time.perf_counter(), time.process_time()
    count = run()
    return count / (time.perf_counter() - start), count / (time.process_time() - start_cpu)


def best_threads(run: Callable[[], int]) -> int:
    """Find the number of threads with which a function is faster, after a run to warm up."""
    run()
    speeds = {}
    for threads in THREADS:
        torch.set_num_threads(threads)
        speeds[threads] = max(measure(run)[0] for _ in range(2))
    return max(speeds, key=speeds.__getitem__)


def random_prompt(tokenizer: NoteTokenizer, length: int) -> np.ndarray:
    """Draw legal ids that open a piece and do not close it."""
    grammar, prompt = tokenizer.grammar(1), [tokenizer.begin_id]
    generator = np.random.default_rng(1)
    grammar.prime(prompt)
    while len(prompt) < length:
        legal = np.flatnonzero(grammar.allowed()[0])
        prompt.append(int(generator.choice(legal[legal != tokenizer.end_id])))
        grammar.advance(np.array(prompt[-1:]))
    return np.array(prompt)


def compare(name: str, precision: str, lanes: int, *, repeats: int, prompt_ids: int, new: int) -> dict[str, Any]:
    """Measure both on one configuration, taking turns."""
    tokenizer = NoteTokenizer()
    config = replace(preset("model", name)[1], vocabulary=tokenizer.vocabulary_size)
    torch.manual_seed(1)
    arguments = (config, PRECISIONS[precision], random_prompt(tokenizer, prompt_ids), lanes, new)
    runs = {"tonada": make_ours(*arguments), "transformers": make_peer(*arguments)}
    threads = {who: best_threads(run) for who, run in runs.items()}
    measured: dict[str, list[tuple[float, float]]] = {who: [] for who in runs}
    for _ in range(repeats):
        for who, run in runs.items():
            torch.set_num_threads(threads[who])
            measured[who].append(measure(run))
    speeds = {who: statistics.median(pair[0] for pair in pairs) for who, pairs in measured.items()}
    cpu_speeds = {who: statistics.median(pair[1] for pair in pairs) for who, pairs in measured.items()}
    return {
        "model": name,
        "precision": precision,
        "lanes": lanes,
        "threads": threads,
        "ids_per_second": speeds,
        "ids_per_cpu_second": cpu_speeds,
        "notes_per_second": speeds["tonada"] / 4,
        "ratio": speeds["tonada"] / speeds["transformers"],
        "cpu_ratio": cpu_speeds["tonada"] / cpu_speeds["transformers"],
        "measured": measured,
    }


def main() -> None:
    """Measure and print one table; write every figure with ``--output``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["gpt/tiny", "gpt/small"])
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=list(PRECISIONS))
    parser.add_argument("--lanes", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--prompt", type=int, default=256, help="ids of the prompt")
    parser.add_argument("--new", type=int, default=400, help="ids that are added")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, help="a JSON file for every figure")
    given = parser.parse_args()
    transformers.logging.set_verbosity_error()

    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {os.cpu_count()} cores")
    print(f"prompt {given.prompt} ids, {given.new} new ids, top-p {TOP_P}; medians of {given.repeats}, taking turns")
    titles = ("model", "precision", "lanes", "ids/s", "notes/s", "peer ids/s", "ratio", "of CPU time")
    print("{:10} {:9} {:>5} {:>8} {:>8} {:>10} {:>6} {:>11}  threads".format(*titles))
    rows = []
    for name in given.models:
        for precision in given.precisions:
            for lanes in given.lanes:
                row = compare(name, precision, lanes, repeats=given.repeats, prompt_ids=given.prompt, new=given.new)
                rows.append(row)
                ours, peer = row["ids_per_second"].values()
                threads = " and ".join(map(str, row["threads"].values()))
                print(
                    f"{name:10} {precision:9} {lanes:5} {ours:8.0f} {row['notes_per_second']:8.0f} {peer:10.0f} "
                    f"{row['ratio']:6.2f} {row['cpu_ratio']:11.2f}  {threads}",
                    flush=True,
                )
    if given.output:
        given.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {given.output}")


if __name__ == "__main__":
    main()
