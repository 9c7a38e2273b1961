"""How far a style takes: the lift, from the base to the tuned model, of what the judge takes for the target's music.

The first ten seconds of pieces of the validation split that are not the target's are prompts (``--prompts`` of them,
spread over the catalogue; of long pieces several parts). Base and tuned model continue each for thirty seconds, once,
with the same seed, nothing picked. The judge hears the continuations without their prompts. *Share*: of those that it
takes for the target; *lift*: the tuned model's minus the base's, prompt by prompt; intervals by bootstrap over works.
The shares of what really follows, and of real passages of the target, say what the judge's word is worth.

Beside them how far the objective metrics lie from real music (mean over metrics of |difference of the means|, in the
deviations of real music): from what really follows the prompts, and from real passages of the target.

    python benchmarks/styles.py --data DATA --target bach --style baroque
    python benchmarks/styles.py --data DATA --target bach --tuned RUN

One Markdown table on stdout; ``--output FILE`` also writes all as JSON, and ``--midi FOLDER`` the continuations.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tonada.api.loading import Classifier, load_language_model
from tonada.api.settings import JUDGE, NOTES_MODEL
from tonada.api.styles import find_style
from tonada.data import Dataset
from tonada.errors import TonadaError
from tonada.files import write_text
from tonada.jsontext import to_json
from tonada.statistics.intervals import Estimate, bootstrap_mean
from tonada.symbolic.classifiers.base import NoteClassifier
from tonada.symbolic.evaluation.excerpts import Excerpt, continue_excerpt, cut_excerpts, spread
from tonada.symbolic.evaluation.nearness import estimate_distance
from tonada.symbolic.midi import write_midi
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.notes import Notes
from tonada.symbolic.sampling import SamplingConfig
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.base import Tokenizer

PER_PIECE = 4
"""Excerpts of a piece at most."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was found of one set of continuations."""

    who: str
    share: Estimate
    distance: Estimate | None
    distance_to_target: Estimate | None


def choose(
    dataset: Dataset, tokenizer: Tokenizer, judge: NoteClassifier, wanted: int, *, label: int, inside: bool
) -> list[Excerpt]:
    """Take excerpts of pieces that are, or are not, the target's; those that are nobody's or several's are neither."""
    pieces = [
        piece
        for piece in dataset.pieces("validation")
        if (found := judge.label(piece.metadata)) is not None and (found == label) == inside
    ]
    each = min(PER_PIECE, -(-wanted // max(1, len(pieces))))
    return spread([one for piece in pieces for one in cut_excerpts(piece, tokenizer, count=each)], wanted)


def continued(
    model: LanguageModel, tokenizer: Tokenizer, excerpts: Sequence[Excerpt], sampling: SamplingConfig
) -> list[Notes]:
    """Continue every excerpt once."""
    made = []
    for excerpt in excerpts:
        made += continue_excerpt(model, tokenizer, excerpt, sampling)
        sys.stderr.write(f"\r{len(made)} of {len(excerpts)} prompts")
    sys.stderr.write("\n")
    return made


def table(rows: Sequence[Row], lift: Estimate) -> str:
    """Write the rows and the lift as Markdown."""
    lines = [
        "| continuations | share taken for the target | metrics' distance from real | from the target's |",
        "|---|---|---|---|",
    ]
    for row in rows:
        cells = ["–" if value is None else str(value) for value in (row.distance, row.distance_to_target)]
        lines.append(f"| {row.who} | {row.share} | {cells[0]} | {cells[1]} |")
    return "\n".join([*lines, f"| **lift** | **{lift}** | | |"])


def measure(given: argparse.Namespace) -> tuple[list[Row], Estimate, dict[str, list[Notes]]]:
    """Continue, judge and compare."""
    judge = Classifier(given.judge, classes=(given.target,))
    base, tokenizer = load_language_model(given.model)
    style = None if given.style is None else find_style(given.style)
    tuned, other = load_language_model(given.model if given.tuned is None else given.tuned, style=style)
    if other.vocabulary_size != tokenizer.vocabulary_size or other.name != tokenizer.name:
        sys.exit("base and tuned model read different tokenizers")
    dataset, label = Dataset(given.data), judge.classes.index(given.target)
    excerpts = choose(dataset, tokenizer, judge.model, given.prompts, label=label, inside=False)
    target = choose(dataset, tokenizer, judge.model, given.prompts, label=label, inside=True)
    if not excerpts or not target:
        sys.exit(f"{given.data} has no validation piece that is, or none that is not, of '{given.target}'")
    sampling = SamplingConfig(seed=given.seed, temperature=given.temperature)
    made = {
        "base": continued(base, tokenizer, excerpts, sampling),
        "tuned": continued(tuned, tokenizer, excerpts, sampling),
        "what really follows": [excerpt.real for excerpt in excerpts],
        f"real, of {given.target}": [excerpt.real for excerpt in target],
    }
    works = [excerpt.work for excerpt in excerpts]
    groups = dict.fromkeys(made, works) | {f"real, of {given.target}": [excerpt.work for excerpt in target]}
    taken = {who: (judge.read(notes).chosen == label).astype(np.float64) for who, notes in made.items()}
    real, theirs = made["what really follows"], made[f"real, of {given.target}"]
    rows = [
        Row(
            who=who,
            share=bootstrap_mean(taken[who], groups[who]),
            distance=None if notes is real else estimate_distance(real, notes, groups[who]),
            distance_to_target=None if notes is theirs else estimate_distance(theirs, notes, groups[who]),
        )
        for who, notes in made.items()
    ]
    return rows, bootstrap_mean(taken["tuned"] - taken["base"], works), made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=NOTES_MODEL, help="the base: a shipped model's name, or a folder")
    parser.add_argument("--style", help="an adapter to the base: a shipped style's name, or a folder")
    parser.add_argument("--tuned", help="in place of a style: a model of its own")
    parser.add_argument("--target", required=True, help="the judge's class: bach, chopin, rachmaninoff …")
    parser.add_argument("--data", type=Path, required=True, help="what `tonada prepare` wrote")
    parser.add_argument("--judge", default=JUDGE)
    parser.add_argument("--prompts", type=int, default=120)
    parser.add_argument("--temperature", type=float, default=SamplingConfig().temperature)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="a JSON file")
    parser.add_argument("--midi", type=Path, help="a folder for the continuations: base/, tuned/, real/")
    given = parser.parse_args()
    if (given.style is None) == (given.tuned is None):
        sys.exit("name the tuned model: --style STYLE or --tuned MODEL")
    try:
        rows, lift, made = measure(given)
    except TonadaError as error:
        sys.exit(str(error))
    count = len(made["base"])
    sys.stdout.write(f"{given.style or given.tuned}, target {given.target}: {count} prompts\n\n{table(rows, lift)}\n")
    if given.midi is not None:
        for who, folder in (("base", "base"), ("tuned", "tuned"), ("what really follows", "real")):
            (given.midi / folder).mkdir(parents=True, exist_ok=True)
            for number, notes in enumerate(made[who], 1):
                write_midi(Score.from_notes(notes), given.midi / folder / f"{number:03}.mid")
    if given.output is not None:
        asked = {name: str(value) for name, value in vars(given).items() if value is not None}
        write_text(given.output, to_json({"asked": asked, "prompts": count, "rows": rows, "lift": lift}) + "\n")


if __name__ == "__main__":
    main()
