"""Training by two processes beside one, of one thread each and with the same batch; and the losses of both.

Each round starts a training of both kinds, in turn, on the same generated pieces. What a training takes is read from
its log: the time of its steps without the first ones, so starting and validating do not count. The ratio of the medians
is the speed-up; on a machine with fewer free cores than processes it says nothing.

    python benchmarks/distributed.py
    python benchmarks/distributed.py --model gpt/small --steps 8 --rounds 5
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tonada.api.preparation import prepare
from tonada.runs import read_log
from tonada.symbolic.midi import write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score

WARM = 2
"""Steps at the beginning that are left out."""


def write_data(folder: Path, pieces: int = 12, notes: int = 2000) -> Path:
    """Prepare pieces of random notes."""
    (folder / "music").mkdir()
    for number in range(pieces):
        draw = np.random.default_rng(number)
        rows = [(0.1 * step, 0.1, int(pitch), 64) for step, pitch in enumerate(draw.integers(30, 100, notes))]
        write_midi(Score.from_notes(Notes.from_rows(rows)), folder / "music" / f"{number:02}.mid")
    prepare(folder / "music", output=folder / "data")
    return folder / "data"


def measure(processes: int, arguments: list[str], run: Path) -> tuple[float, list[float]]:
    """Train; give the seconds a step, and the losses."""
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [*start, "-m", "tonada", *arguments, "-o", str(run)], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    records = read_log(run)
    seconds = records[-1]["seconds"] - records[WARM - 1]["seconds"]
    return seconds / (len(records) - WARM), [sum(record["loss"]["model"].values()) for record in records]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="gpt/tiny")
    parser.add_argument("--batch", type=int, default=8, help="windows a step, of all processes together")
    parser.add_argument("--steps", type=int, default=6, help=f"of which the first {WARM} are not timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of both trainings")
    options = parser.parse_args()
    wanted = [f"batch={options.batch}", f"steps={options.steps}", "validate_every=1000000", *options.set]
    seconds: dict[int, list[float]] = {1: [], options.processes: []}
    losses: dict[int, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        data = write_data(Path(name))
        arguments = ["train", options.model, "-d", str(data), "--device", "cpu"]
        arguments += [part for setting in wanted for part in ("--set", setting)]
        for number in range(options.rounds):
            for processes in seconds:
                took, losses[processes] = measure(processes, arguments, Path(name) / f"{processes}-{number}")
                seconds[processes].append(took)
    medians = {processes: statistics.median(took) for processes, took in seconds.items()}
    print(f"{options.model}, batch {options.batch}, {options.steps - WARM} steps a round, {options.rounds} rounds")
    print(f"{'processes':>9}  {'s/step':>8}  {'all rounds':<30}  {'loss at the end':>15}")
    for processes, took in seconds.items():
        rounds = " ".join(f"{value:.3f}" for value in took)
        print(f"{processes:>9}  {medians[processes]:>8.3f}  {rounds:<30}  {losses[processes][-1]:>15.6f}")
    print(f"speed-up: {medians[1] / medians[options.processes]:.2f}")


if __name__ == "__main__":
    main()
