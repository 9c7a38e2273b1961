"""How far a model follows its conditions: what it makes when it is told something, beside what it makes when not.

The first table: for each name of a kind, ``--count`` continuations of nothing, and as many of the first ten seconds of
validation pieces (spread over the catalogue), told that name, and the same without; a cell is the share whose own key,
density or end is of that name. Key: estimated from the new notes as training windows' are from their pieces'. Density:
new notes per second. Length: the model closes the piece by itself, as many seconds after the join as the name says
(names that end after ``--longest`` seconds are left out). Composer, style and tempo are not measured on what is made:
that takes a judge who is not the model.

The second table holds for all kinds: the loss on the first window of validation pieces, told nothing, what is true, and
something untrue of the same kind (a name that is true of another piece), in nats per note. Being told the truth must
help, and more than the untruth.

Both tables on stdout, as Markdown; ``--output FILE`` also writes them as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from tonada.api.devices import find_device
from tonada.api.settings import NOTES_MODEL
from tonada.data import Dataset, Piece
from tonada.files import write_text
from tonada.runs import find_model, load_model
from tonada.seeding import rng
from tonada.symbolic.augment import UNVARIED
from tonada.symbolic.describing import Describer, notes_per_second
from tonada.symbolic.generation import generate
from tonada.symbolic.key_finding import estimate_key
from tonada.symbolic.lanes import Continuation, StopRule
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.notes import Notes
from tonada.symbolic.sampling import SamplingConfig
from tonada.symbolic.tokenizers.conditions import CONDITIONS
from tonada.symbolic.tokenizers.note import NoteTokenizer

PROMPT_S = 10.0
MEASURED = ("key", "density", "length")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the measurement is made with."""

    model: LanguageModel
    tokenizer: NoteTokenizer
    count: int
    seconds: float
    longest: float
    sampling: SamplingConfig


def start_of(piece: Piece, tokenizer: NoteTokenizer) -> Notes:
    """Give the first seconds of a piece, from its first onset on."""
    notes = tokenizer.decode_notes(piece.array)
    return notes.shifted(-float(notes.onset_s[0])).between(0.0, PROMPT_S)


def continuations(asked: Asked, prompts: Sequence[Notes], kind: str, name: str | None) -> list[Continuation]:
    """Make the continuations of a cell: of each prompt one, of nothing as many as there would be."""
    told = {} if name is None else {kind: name}
    if kind == "length":
        until = StopRule(max_seconds=1.25 * asked.longest)
    else:
        until = StopRule(max_seconds=asked.seconds, allow_end=False)
    length_s = None
    if kind == "length" and name is not None:
        told, length_s = {}, middle_of(asked, name)
    made: list[Continuation] = []
    for number, prompt in enumerate(prompts or [Notes.empty()]):
        generation = generate(
            asked.model,
            asked.tokenizer,
            asked.tokenizer.prompt_ids(prompt),
            until=until,
            sampling=asked.sampling,
            lanes=[number] if prompts else asked.count,
            prompt=prompt,
            start_s=PROMPT_S if prompts else 0.0,
            conditions=told,
            length_s=length_s,
        )
        made.extend(generation.run())
    return made


def middle_of(asked: Asked, name: str) -> float:
    """Give a length in the middle of those that a name stands for."""
    bounds = (0.0, *asked.tokenizer.config.length_bounds_s)
    place = asked.tokenizer.conditions.names["length"].index(name)
    return (bounds[place] + bounds[place + 1]) / 2


def own_name(asked: Asked, kind: str, made: Continuation) -> str | None:
    """Name what a continuation is of itself."""
    notes, conditions = made.alone(), asked.tokenizer.conditions
    if kind == "key":
        key = estimate_key(notes)
        return None if key is None else conditions.key_name(*key)
    if kind == "density":
        found = notes_per_second(len(notes), float(np.ptp(notes.onset_s))) if len(notes) else None
        return None if found is None else conditions.name_of("density", found)
    return conditions.name_of("length", notes.end_s) if made.reason == "end" else None


def adherence(asked: Asked, kinds: Sequence[str], prompts: Sequence[Notes]) -> Iterator[dict[str, str | int | float]]:
    """Give a row for each name of the kinds that are measured on what is made."""
    for kind in kinds:
        names = asked.tokenizer.conditions.names[kind]
        if kind == "length":
            names = names[: sum(bound <= asked.longest for bound in asked.tokenizer.config.length_bounds_s)]
        if not names:
            continue
        plain = {
            place: [own_name(asked, kind, made) for made in continuations(asked, given, kind, None)]
            for place, given in (("unprompted", []), ("prompted", prompts))
        }
        for name in names:
            row: dict[str, str | int | float] = {"kind": kind, "name": name, "n": asked.count}
            for place, given in (("unprompted", []), ("prompted", prompts)):
                told = [own_name(asked, kind, made) for made in continuations(asked, given, kind, name)]
                row[f"{place} without"] = plain[place].count(name) / len(plain[place])
                row[f"{place} with"] = told.count(name) / len(told)
            sys.stderr.write(f"\r{kind}: {name}          ")
            yield row
    sys.stderr.write("\n")


def loss_of(asked: Asked, ids: NDArray[np.uint16], told: dict[str, str]) -> float:
    """Give the nats of a window's ids of notes, told something before them."""
    window = asked.tokenizer.set_conditions(ids, told).astype(np.int64)
    read = torch.from_numpy(window[None, :-1]).to(asked.model.device)
    scored = torch.from_numpy(asked.tokenizer.slot_of[window[1:]] < len(asked.tokenizer.slots))
    with torch.inference_mode():
        logits = asked.model(read)[0].float().cpu()[scored]
    return float(cross_entropy(logits, torch.from_numpy(window[1:])[scored], reduction="sum"))


def understanding(asked: Asked, pieces: Sequence[Piece]) -> Iterator[dict[str, str | int | float]]:
    """Give a row for each kind: the loss on real music, told nothing, the truth, and something untrue."""
    describer = Describer(asked.tokenizer, [piece.array for piece in pieces], [piece.metadata for piece in pieces])
    room = asked.model.config.context - 1
    windows = [np.asarray(piece.array[:room], dtype=np.uint16) for piece in pieces]
    for kind in CONDITIONS:
        truths = [
            describer.describe(index, 0, ids, variation=UNVARIED, kinds=[kind])
            if asked.tokenizer.conditions.names[kind]
            else {}
            for index, ids in enumerate(windows)
        ]
        known = sorted({truth[kind] for truth in truths if truth})
        if len(known) < 2:
            continue
        sums, notes, count = np.zeros(3), 0, 0
        for index, (ids, truth) in enumerate(zip(windows, truths, strict=True)):
            if not truth:
                continue
            others = [name for name in known if name != truth[kind]]
            untrue = {kind: others[int(rng(asked.sampling.seed, kind, index).integers(len(others)))]}
            sums += [loss_of(asked, ids, told) for told in ({}, truth, untrue)]
            notes, count = notes + asked.tokenizer.count_notes(ids), count + 1
        nothing, true, false = (sums / notes).tolist()
        yield {"kind": kind, "pieces": count, "told nothing": nothing, "the truth": true, "an untruth": false}


def table(rows: Sequence[dict[str, str | int | float]]) -> str:
    """Write rows as Markdown."""
    if not rows:
        return "(nothing to measure)"
    lines = [f"| {' | '.join(rows[0])} |", f"|{'---|' * len(rows[0])}"]
    for row in rows:
        cells = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=NOTES_MODEL, help="a shipped model's name, or a model or run folder")
    parser.add_argument("--data", type=Path, required=True, help="what `tonada prepare` wrote")
    parser.add_argument("--kinds", default=",".join(MEASURED), help="of the first table, with commas between")
    parser.add_argument("--count", type=int, default=8, help="continuations of a cell")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a continuation, but for --kinds length")
    parser.add_argument("--longest", type=float, default=60.0, help="lengths beyond this are left out, in seconds")
    parser.add_argument("--pieces", type=int, default=32, help="validation pieces of the second table")
    parser.add_argument("--temperature", type=float, default=SamplingConfig().temperature)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    loaded = load_model(find_model(arguments.model), device=find_device(arguments.device))
    if not isinstance(loaded.model, LanguageModel) or not isinstance(loaded.codec, NoteTokenizer):
        sys.exit(f"{arguments.model} knows no conditions: its tokenizer is not 'note'")
    kinds = [kind for kind in arguments.kinds.split(",") if kind]
    if strange := set(kinds) - set(MEASURED):
        sys.exit(f"--kinds: {', '.join(sorted(strange))} cannot be measured on what is made")
    asked = Asked(
        model=loaded.model,
        tokenizer=loaded.codec,
        count=arguments.count,
        seconds=arguments.seconds,
        longest=arguments.longest,
        sampling=SamplingConfig(seed=arguments.seed, temperature=arguments.temperature),
    )
    pieces = Dataset(arguments.data).pieces("validation")
    spread = np.linspace(0, len(pieces) - 1, min(arguments.count, len(pieces))).round().astype(int)
    prompts = [start_of(pieces[index], asked.tokenizer) for index in spread]
    made = list(adherence(asked, kinds, prompts))
    every = max(1, len(pieces) // max(1, arguments.pieces))
    told = list(understanding(asked, pieces[::every][: arguments.pieces]))
    sys.stdout.write(f"{arguments.model}, temperature {arguments.temperature}, seed {arguments.seed}\n\n")
    sys.stdout.write(f"{table(made)}\n\n{table(told)}\n")
    if arguments.output is not None:
        document = {"model": str(arguments.model), "adherence": made, "understanding": told}
        write_text(arguments.output, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
