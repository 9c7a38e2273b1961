"""Whether what a model makes lies where real music lies: its continuations beside the real ones of the same prompts.

The prompt is the first ten seconds of every piece of the validation split, the continuation the thirty seconds that
follow; the model's is made with seed 1, once, unpicked. A metric's range is that from the 5 % to the 95 % quantile of
the real continuations: of real music nine in ten lie inside. Then seeds 1 to 8 of a built-in melody and of three
validation pieces (the first, the middle and the last of the catalogue), held against the same ranges. The melody's
seed s is what ``tonada compose fur-elise --seed s`` makes.

Two tables on stdout, as Markdown; ``--output FOLDER`` also writes them as JSON, and a piano roll and a MIDI file for
each of the 32 continuations. The same at several temperatures, and beside counted baselines: ``temperatures.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tonada.api.loading import load_language_model
from tonada.api.settings import NOTES_MODEL
from tonada.data import Dataset
from tonada.examples import examples
from tonada.files import write_text
from tonada.render.pictures import draw_roll
from tonada.symbolic.evaluation.comparison import COMPARED, Comparison, compare_continuations, describe_all
from tonada.symbolic.evaluation.excerpts import Excerpt, continue_excerpt, cut_excerpts
from tonada.symbolic.midi import read_midi, write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.prompts import take_prompt
from tonada.symbolic.sampling import SamplingConfig
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.base import Tokenizer

SEEDS = range(1, 9)
MELODY = "fur-elise"


def prompts(dataset: Dataset, tokenizer: Tokenizer) -> Iterator[Excerpt]:
    """Cut the beginning of every validation piece that is long enough; named by composer and title."""
    for piece in dataset.pieces("validation"):
        for excerpt in cut_excerpts(piece, tokenizer):
            yield replace(excerpt, name=f"{piece.metadata['composer']}, {piece.metadata['title']}")


def melody_prompt() -> Excerpt:
    """Take the built-in melody whole, as ``compose`` does; nothing follows it."""
    taken = take_prompt(read_midi(examples()[MELODY]))
    nothing = Notes.empty()
    return Excerpt(
        name=MELODY, composer="", work=MELODY, start_s=0.0, prompt=taken.notes, join_s=taken.join_s, real=nothing
    )


def write_whole(prompt: Excerpt, made: Notes, path: Path) -> Notes:
    """Write a prompt and its continuation as one MIDI file; give its notes."""
    whole = Notes.concatenate(prompt.prompt, made.shifted(prompt.join_s))
    write_midi(Score.from_notes(whole), path)
    return whole


def ranges_table(comparison: Comparison) -> str:
    """Write a row for each metric."""
    rows = [
        "| metric | real 5 % | real median | real 95 % | generated median | inside | share inside (real: 0.90) |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in comparison.metrics:
        figures = (row.real_low, row.real_median, row.real_high, row.generated_median)
        cells = " | ".join(f"{value:.3g}" for value in figures)
        rows.append(f"| {row.metric} | {cells} | {'yes' if row.median_inside else 'NO'} | {row.share_inside:.2f} |")
    return "\n".join(rows)


def seeds_table(found: dict[str, dict[str, list[float]]], comparison: Comparison) -> str:
    """Write a row for each prompt and metric: the values of seeds 1 to 8; those outside the real range in bold."""
    rows = [f"| prompt | metric | {' | '.join(f'seed {seed}' for seed in SEEDS)} |", f"|---|---|{'---|' * len(SEEDS)}"]
    limits = {row.metric: (row.real_low, row.real_high) for row in comparison.metrics}
    for name, metrics in found.items():
        for metric, values in metrics.items():
            low, high = limits[metric]
            cells = [f"{value:.3g}" if low <= value <= high else f"**{value:.3g}**" for value in values]
            rows.append(f"| {name} | {metric} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=NOTES_MODEL, help="a shipped model's name, or a model or run folder")
    parser.add_argument("--data", type=Path, required=True, help="what `tonada prepare` wrote")
    parser.add_argument("--every", type=int, default=1, help="only every n-th validation piece")
    parser.add_argument("--temperature", type=float, default=SamplingConfig().temperature)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    model, tokenizer = load_language_model(arguments.model)

    def continued(prompt: Excerpt, seed: int) -> Notes:
        sampling = SamplingConfig(seed=seed, temperature=arguments.temperature)
        return continue_excerpt(model, tokenizer, prompt, sampling)[0]

    every = list(prompts(Dataset(arguments.data), tokenizer))
    chosen = every[:: arguments.every]
    made = []
    for prompt in chosen:
        made.append(continued(prompt, 1))
        sys.stderr.write(f"\r{len(made)} of {len(chosen)} prompts")
    sys.stderr.write("\n")
    names = [prompt.name for prompt in chosen]
    comparison = compare_continuations([prompt.real for prompt in chosen], made, prompts=names)
    shown = [melody_prompt(), every[0], every[len(every) // 2], every[-1]]
    found: dict[str, dict[str, list[float]]] = {}
    for number, prompt in enumerate(shown):
        versions = [continued(prompt, seed) for seed in SEEDS]
        found[prompt.name] = {metric: list(values) for metric, values in describe_all(versions, COMPARED).items()}
        if arguments.output is not None:
            arguments.output.mkdir(parents=True, exist_ok=True)
            for seed, notes in zip(SEEDS, versions, strict=True):
                path = arguments.output / f"prompt-{number}-seed-{seed}"
                whole = write_whole(prompt, notes, path.with_suffix(".mid"))
                title = f"{prompt.name}, seed {seed}"
                draw_roll(whole, path.with_suffix(".png"), continuation_from_s=prompt.join_s, title=title)
    first = ranges_table(comparison)
    second = seeds_table(found, comparison)
    sys.stdout.write(f"{len(chosen)} prompts, temperature {arguments.temperature}\n\n{first}\n\n{second}\n")
    if arguments.output is not None:
        write_text(arguments.output / "comparison.json", comparison.to_json())
        write_text(arguments.output / "seeds.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        write_text(arguments.output / "tables.md", f"{first}\n\n{second}\n")


if __name__ == "__main__":
    main()
