"""What a base model should be: one row a choice, each trained on equally many notes, judged on held-out pieces.

    python benchmarks/choosing.py benchmarks/choices.toml --data FOLDER --runs FOLDER --output rows.json

The file lists the rows: a name, a preset, the data set (a folder below ``--data``), settings, and what it is told
beside. Every row is one command of the command line; rows whose runs are there already are not trained again. Each
learns from the same number of notes, if it does not say another, so rows with more ids for a note take more ids. Judged
is every eighth piece that the data set ``base`` holds out, whole, by *corrected* nats per note. The difference to the
first row is the mean of those pieces' differences with its 95 % interval over pieces, what bins hide taken at its mean
over all; what another seed is worth, rows with another seed say. Notes per second are those of one stream of
continuation in bf16 on one thread, in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch reads it once, when it is imported

import torch

from tonada.api.studies.notes import NotesStudy
from tonada.config import read_toml
from tonada.data import Dataset
from tonada.files import write_text
from tonada.runs import LoadedModel, load_model, read_log
from tonada.statistics.intervals import bootstrap_mean
from tonada.symbolic.evaluation.heldout import evaluate_held_out
from tonada.symbolic.generation import generate
from tonada.symbolic.lanes import StopRule
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.notes import Notes
from tonada.symbolic.sampling import SamplingConfig
from tonada.symbolic.tokenizers.base import Tokenizer

REFERENCE, EVERY = "base", 8
"""The data set whose validation pieces are judged, and of them one in so many."""
TIMED_NOTES, TURNS = 60, 5


@dataclass(frozen=True)
class Row:
    """A choice: how it is called, the preset, the data set's folder, settings, the notes that it learns from."""

    name: str
    preset: str
    data: str
    settings: tuple[str, ...]
    notes: int

    def command(self, data: Path, output: Path, more: Sequence[str] = ()) -> list[str]:
        """Give the arguments of ``tonada`` that train it."""
        settings = [part for setting in (*self.settings, *more) for part in ("--set", setting)]
        return ["train", self.preset, "-d", str(data / self.data), "-o", str(output), *settings]


def read_rows(path: Path) -> list[Row]:
    """Read the rows."""
    table = read_toml(path)
    shared = tuple(map("=".join, _told(table["settings"])))
    rows = []
    for name, row in table["rows"].items():
        own = tuple(map("=".join, _told(row.get("settings", {}))))
        kept = tuple(setting for setting in shared if setting.split("=")[0] not in row.get("settings", {}))
        notes = int(row.get("notes", table["notes"]))
        rows.append(Row(name, row["preset"], row.get("data", REFERENCE), (*kept, *own), notes))
    return rows


def _told(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write settings as ``--set`` reads them."""
    return [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in settings.items()]


def train(row: Row, data: Path, run: Path) -> None:
    """Train a row in a process of its own, and note the processor time that it took."""
    dataset = Dataset(data / row.data)
    pieces = dataset.pieces("train")
    ids_per_note = sum(len(piece.array) for piece in pieces) / sum(int(piece.metadata["notes"]) for piece in pieces)
    settings = dict(setting.split("=", 1) for setting in row.settings)
    steps = max(1, round(row.notes * ids_per_note / (int(settings["batch"]) * int(settings["context"]))))
    scored = [] if "validate_every" in settings else [f"validate_every={steps}"]
    arguments = row.command(data, run, [f"steps={steps}", *scored])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "tonada", *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    write_text(run / "spent.json", json.dumps({"cpu_s": spent, "command": shlex.join(["tonada", *arguments])}) + "\n")


def require_same(row: Row, data: Path, run: Path) -> None:
    """Refuse a run that was trained by another command than the row is now."""
    known = json.loads((run / "spent.json").read_text())["command"]
    wanted = shlex.join(["tonada", *row.command(data, run)])
    if not known.startswith(wanted):
        sys.exit(f"{run} was trained by another command than the row '{row.name}' is. Remove it: {known}")


def judge(row: Row, data: Path, run: Path) -> dict[str, Any]:
    """Measure the held-out loss of a trained row, once."""
    path = run / "judged.json"
    if not path.is_file():
        dataset, loaded = Dataset(data / row.data), load_model(run)
        names = {piece.metadata["name"] for piece in Dataset(data / REFERENCE).pieces("validation")[::EVERY]}
        pieces = [piece for piece in dataset.pieces("validation") if piece.metadata["name"] in names]
        if len(pieces) != len(names):
            sys.exit(f"{data / row.data} lacks validation pieces of {data / REFERENCE}")
        found = evaluate_held_out(
            loaded.model,
            NotesStudy(dataset).codec,
            [piece.array for piece in pieces],
            seconds=[float(piece.metadata["seconds"]) for piece in pieces],
            precision="bf16",
        )
        hidden = found.model.nats_per_note_corrected - found.model.nats_per_note  # by the bins, at its mean over pieces
        by_piece = [nats / notes + hidden for nats, notes in zip(found.piece_nats, found.piece_notes, strict=True)]
        facts = {
            "parameters": loaded.model.parameter_count(),
            "ids_per_note": found.ids_per_note,
            "corrected": found.model.nats_per_note_corrected,
            "nats_per_note": found.model.nats_per_note,
            "corrected_by_piece": dict(zip((piece.metadata["name"] for piece in pieces), by_piece, strict=True)),
            "slots": {slot.slot: slot.nats_per_note for slot in found.model.slots},
        }
        write_text(path, json.dumps(facts, indent=1) + "\n")
    last = read_log(run)[-1]
    return {
        "name": row.name,
        **json.loads(path.read_text()),
        **json.loads((run / "spent.json").read_text()),
        "steps": last["step"],
    }


def speeds(runs: Sequence[Path]) -> list[float]:
    """Measure notes per second of processor time, the rows taking turns."""
    torch.set_num_threads(1)
    models = [load_model(run, dtype=torch.bfloat16) for run in runs]
    found: list[list[float]] = [[] for _ in runs]
    for turn in range(TURNS + 1):
        for place, loaded in enumerate(models):
            spent = time_continuation(loaded, turn)
            if turn:  # the first makes plans and warms caches
                found[place].append(TIMED_NOTES / spent)
    return [statistics.median(rates) for rates in found]


def time_continuation(loaded: LoadedModel, seed: int) -> float:
    """Give the processor time of one continuation of nothing, in seconds."""
    assert isinstance(loaded.model, LanguageModel)
    assert isinstance(loaded.codec, Tokenizer)
    prompt = loaded.codec.prompt_ids(Notes.from_rows([(0.0, 0.5, 60, 64)]))
    until = StopRule(max_notes=TIMED_NOTES, allow_end=False)
    began = time.process_time()
    generate(loaded.model, loaded.codec, prompt, until=until, sampling=SamplingConfig(seed=seed)).run()
    return time.process_time() - began


def table(found: Sequence[dict[str, Any]]) -> str:
    """Write the rows as Markdown."""
    head = "| row | parameters | ids per note | CPU minutes | corrected nats per note | difference to the first "
    lines = [head + "| notes per CPU second |", "|---" * 7 + "|"]
    lines += [
        f"| {row['name']} | {row['parameters'] / 1e6:.2f} M | {row['ids_per_note']:.2f} | {row['cpu_s'] / 60:.1f} "
        f"| {row['corrected']:.3f} | {difference(row, found[0])} | {row['notes_per_cpu_s']:.0f} |"
        for row in found
    ]
    commands = [f"* {row['name']}: `{row['command']}`" for row in found]
    return "\n".join([*lines, "", *commands]) + "\n"


def difference(row: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    """Write how much a row is above another, piece by piece, with the interval."""
    if row is first:
        return ""
    ours, theirs = row["corrected_by_piece"], first["corrected_by_piece"]
    found = bootstrap_mean([ours[name] - theirs[name] for name in theirs])
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def main() -> None:
    """Train what is missing, judge, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("choices", type=Path, help="TOML file with the rows")
    parser.add_argument("--data", type=Path, required=True, help="folder of the prepared data sets")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs, one for each row")
    parser.add_argument("--only", nargs="*", help="names of rows; all when not given")
    parser.add_argument("--table", action="store_true", help="train nothing: the table of the rows that are there")
    parser.add_argument("--output", type=Path, help="JSON with all figures")
    arguments = parser.parse_args()
    rows = [row for row in read_rows(arguments.choices) if arguments.only is None or row.name in arguments.only]
    done = []
    for row in rows:
        run = arguments.runs / row.name.replace(" ", "-")
        if not (run / "spent.json").is_file():
            if arguments.table:
                continue
            train(row, arguments.data, run)
        require_same(row, arguments.data, run)
        done.append((run, judge(row, arguments.data, run)))
        sys.stderr.write(f"{row.name}: {done[-1][1]['corrected']:.3f} nats per note\n")
    if arguments.table or arguments.output:
        for (_, facts), rate in zip(done, speeds([run for run, _ in done]), strict=True):
            facts["notes_per_cpu_s"] = rate
        found = [facts for _, facts in done]
        sys.stdout.write(table(found))
        if arguments.output:
            write_text(arguments.output, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
