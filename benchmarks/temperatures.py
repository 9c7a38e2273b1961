"""At which temperature a model's music is nearest to real music, beside counted baselines: every objective metric.

The first ten seconds of pieces of the validation split (``--prompts`` of them, evenly spread over the catalogue) are
continued for thirty seconds at each temperature, and by the unigram and the bigram of the training split; all hold
against the thirty seconds that really follow. A metric's range is that from the 5 % to the 95 % quantile of the real
continuations, so that of real music about nine in ten lie inside. ``--seeds`` variations of a prompt are made in one
batch, variation v being what ``tonada compose --seed 1`` numbers v; nothing is picked. The model is asked through the
interface of language models alone, so any that makes notes will do.

One Markdown table of medians (bold outside the range) and one of shares inside on stdout; ``--output FOLDER`` writes
them, and every figure as JSON; ``--examples FOLDER`` keeps MIDI files: the real continuation and variation 1 of
everybody, for the first prompts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from continuations import prompts, write_whole
from tonada.api.loading import load_language_model
from tonada.api.settings import NOTES_MODEL
from tonada.data import Dataset
from tonada.files import write_text
from tonada.jsontext import to_json
from tonada.symbolic.evaluation.baselines import BASELINES, fit_baselines
from tonada.symbolic.evaluation.comparison import Comparison, compare_continuations, metric_names
from tonada.symbolic.evaluation.counted import CountedModel
from tonada.symbolic.evaluation.excerpts import Excerpt, continue_excerpt, spread
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.notes import Notes
from tonada.symbolic.sampling import SamplingConfig
from tonada.workers import read_in_order

TEMPERATURES = (0.8, 0.9, 1.0, 1.1, 1.2)
MODEL = "model"


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """Who continues, and how: the model, or a baseline, at a temperature."""

    who: str
    temperature: float

    @property
    def label(self) -> str:
        """Name it in the tables and files."""
        return f"temperature {self.temperature:g}" if self.who == MODEL else self.who


class Continuer:
    """Continues prompts, one (entrant, prompt) after the other; every process has its own.

    Parameters
    ----------
    model
        A shipped model's name or a folder.
    data
        Where the baselines are counted, when there is one among the tasks.
    seeds
        Variations of each prompt.
    threads
        Of torch.
    """

    def __init__(self, model: str, data: Path, seeds: int, threads: int) -> None:
        torch.set_num_threads(threads)
        self._data, self._lanes = data, list(range(1, seeds + 1))
        network, self._tokenizer = load_language_model(model)
        self._models: dict[str, LanguageModel] = {MODEL: network}

    def read(self, task: tuple[Entrant, Excerpt]) -> list[Notes]:
        """Give every variation of a prompt's continuation."""
        entrant, prompt = task
        sampling = SamplingConfig(seed=1, temperature=entrant.temperature)
        return continue_excerpt(self._model(entrant.who), self._tokenizer, prompt, sampling, lanes=self._lanes)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _model(self, who: str) -> LanguageModel:
        if who not in self._models:
            pieces = [piece.array for piece in Dataset(self._data).pieces("train")]
            for baseline in fit_baselines(self._tokenizer, pieces):
                self._models[baseline.name] = CountedModel(baseline, self._tokenizer)
        return self._models[who]


def medians_table(found: dict[str, Comparison]) -> str:
    """Write a row for each metric: the real range and median, the median of everybody; bold outside the range."""
    first = next(iter(found.values()))
    rows = [
        f"| metric | real 5 % | real median | real 95 % | {' | '.join(found)} |",
        f"|---|{'---|' * (3 + len(found))}",
    ]
    for index, row in enumerate(first.metrics):
        cells = [f"{value:.3g}" for value in (row.real_low, row.real_median, row.real_high)]
        for comparison in found.values():
            theirs = comparison.metrics[index]
            text = f"{theirs.generated_median:.3g}"
            cells.append(text if theirs.median_inside else f"**{text}**")
        rows.append(f"| {row.metric} | {' | '.join(cells)} |")
    return "\n".join(rows)


def shares_table(found: dict[str, Comparison]) -> str:
    """Write a row for each metric: the share of everybody's continuations inside the real range; their means last."""
    rows = [f"| share inside | real | {' | '.join(found)} |", f"|---|---|{'---|' * len(found)}"]
    real = compare_shares(found)
    for index, (metric, share) in enumerate(real.items()):
        cells = [f"{share:.2f}", *(f"{comparison.metrics[index].share_inside:.2f}" for comparison in found.values())]
        rows.append(f"| {metric} | {' | '.join(cells)} |")
    means = [statistics.mean(real.values())]
    means += [statistics.mean(row.share_inside for row in comparison.metrics) for comparison in found.values()]
    rows.append(f"| **mean of all** | {' | '.join(f'**{mean:.3f}**' for mean in means)} |")
    inside = [sum(row.median_inside for row in comparison.metrics) for comparison in found.values()]
    rows.append(f"| **medians inside, of {len(real)}** | | {' | '.join(f'**{count}**' for count in inside)} |")
    return "\n".join(rows)


def compare_shares(found: dict[str, Comparison]) -> dict[str, float]:
    """Give the share of the real continuations inside their own range, for each metric; one without a value is not."""
    first = next(iter(found.values()))
    limits = {row.metric: (row.real_low, row.real_high) for row in first.metrics}
    inside: dict[str, list[bool]] = {metric: [] for metric in limits}
    for row in first.prompts:
        low, high = limits[row.metric]
        inside[row.metric].append(low <= row.real <= high)
    return {metric: sum(told) / len(told) for metric, told in inside.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=NOTES_MODEL, help="a shipped model's name, or a model or run folder")
    parser.add_argument(
        "--data", type=Path, required=True, help="what `tonada prepare` wrote, by the model's tokenizer"
    )
    parser.add_argument("--prompts", type=int, default=100, help="how many validation pieces")
    parser.add_argument("--seeds", type=int, default=1, help="variations of each prompt, made in one batch")
    parser.add_argument("--temperatures", type=float, nargs="+", default=list(TEMPERATURES))
    parser.add_argument("--metrics", nargs="+", default=list(metric_names()), help="all unless some are named")
    parser.add_argument("--jobs", type=int, default=1, help="processes, one thread each when there are several")
    parser.add_argument("--examples", type=Path, help="keep MIDI files here")
    parser.add_argument("--examples-of", type=int, default=3, help="of the first so many prompts")
    parser.add_argument("--output", type=Path, help="a folder for the tables and every figure")
    given = parser.parse_args()
    entrants = [Entrant(who=MODEL, temperature=temperature) for temperature in given.temperatures]
    entrants += [Entrant(who=name, temperature=1.0) for name in BASELINES]
    chosen = spread(list(prompts(Dataset(given.data), load_language_model(given.model)[1])), given.prompts)
    tasks = [(entrant, prompt) for entrant in entrants for prompt in chosen]
    threads = torch.get_num_threads() if given.jobs == 1 else 1

    def told(done: int, of: int) -> None:
        sys.stderr.write(f"\r{done} of {of} prompts")

    arguments: tuple[Any, ...] = (given.model, given.data, given.seeds, threads)
    made = list(read_in_order(tasks, Continuer, arguments, jobs=given.jobs, pool_from=2, progress=told))
    sys.stderr.write("\n")
    real = [prompt.real for prompt in chosen for _ in range(given.seeds)]
    names = [prompt.name for prompt in chosen for _ in range(given.seeds)]
    found: dict[str, Comparison] = {}
    for index, entrant in enumerate(entrants):
        theirs = made[index * len(chosen) : (index + 1) * len(chosen)]
        versions = [notes for variations in theirs for notes in variations]
        found[entrant.label] = compare_continuations(real, versions, prompts=names, metrics=given.metrics)
        if given.examples is not None:
            for number, (prompt, variations) in enumerate(zip(chosen, theirs, strict=True)):
                if number < given.examples_of:
                    given.examples.mkdir(parents=True, exist_ok=True)
                    write_whole(prompt, prompt.real, given.examples / f"prompt-{number}-real.mid")
                    stem = f"prompt-{number}-{entrant.label.replace(' ', '-')}"
                    write_whole(prompt, variations[0], given.examples / f"{stem}.mid")
    texts = (medians_table(found), shares_table(found))
    sys.stdout.write(f"{given.model}: {len(chosen)} prompts, {given.seeds} of each\n\n{texts[0]}\n\n{texts[1]}\n")
    if given.output is not None:
        given.output.mkdir(parents=True, exist_ok=True)
        asked = {"model": given.model, "prompts": [prompt.name for prompt in chosen], "seeds": given.seeds}
        write_text(given.output / "temperatures.json", to_json({**asked, "found": found}) + "\n")
        write_text(given.output / "temperatures.md", f"{texts[0]}\n\n{texts[1]}\n")


if __name__ == "__main__":
    main()
