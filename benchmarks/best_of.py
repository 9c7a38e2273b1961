"""Whether the critic chooses well: how often what it chooses is nearer to real music than a random candidate is.

The first ten seconds of validation pieces (``--prompts`` of them, spread over the catalogue) are continued for thirty
seconds by ``--candidates`` variations, as ``tonada compose --best-of`` does. Nearness is measured twice, by what the
critic does not see: the objective metrics (mean over metrics of |difference from what really follows the prompt|, in
the deviations of real music), and the judge's features (distance to those of what really follows). The share of the
other candidates of a prompt that are further off than the choice is the probability that the choice is nearer than a
random other one (equally near counts half); 0.5 is chance. Intervals by bootstrap over works.

One Markdown table on stdout; ``--output FILE`` also writes everything as JSON.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tonada.api.loading import Classifier, load_language_model
from tonada.api.ranking import Critic
from tonada.api.settings import CRITIC, JUDGE, NOTES_MODEL
from tonada.data import Dataset
from tonada.errors import TonadaError
from tonada.files import write_text
from tonada.jsontext import to_json
from tonada.statistics.intervals import Estimate, bootstrap_mean
from tonada.symbolic.evaluation.excerpts import continue_excerpt, cut_excerpts, spread
from tonada.symbolic.evaluation.nearness import distances_to_real, estimate_distance
from tonada.symbolic.sampling import SamplingConfig

Floats = NDArray[np.float64]


def nearer(distances: Floats, chosen: NDArray[np.int64]) -> Floats:
    """Give for each prompt the share of the other candidates that are further off than the chosen one; ties a half.

    Parameters
    ----------
    distances
        float64 [prompts, candidates].
    chosen
        Which candidate; int64 [prompts].
    """
    mine = distances[np.arange(len(chosen)), chosen][:, None]
    further = (distances > mine).sum(axis=1) + ((distances == mine).sum(axis=1) - 1) / 2
    shares: Floats = further / (distances.shape[1] - 1)
    return shares


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=NOTES_MODEL, help="a shipped model's name, or a model or run folder")
    parser.add_argument("--critic", default=CRITIC)
    parser.add_argument("--judge", default=JUDGE)
    parser.add_argument("--data", type=Path, required=True, help="what `tonada prepare` wrote")
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--candidates", type=int, default=8)
    parser.add_argument("--temperature", type=float, default=SamplingConfig().temperature)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="a JSON file")
    given = parser.parse_args()
    if given.candidates < 2:
        sys.exit("--candidates must be at least 2: there is nothing to choose")
    try:
        critic, judge = Critic(given.critic), Classifier(given.judge)
        model, tokenizer = load_language_model(given.model)
        pieces = Dataset(given.data).pieces("validation")
    except TonadaError as error:
        sys.exit(str(error))
    excerpts = spread([one for piece in pieces for one in cut_excerpts(piece, tokenizer)], given.prompts)
    sampling, lanes = SamplingConfig(seed=given.seed, temperature=given.temperature), range(1, given.candidates + 1)
    made = []
    for excerpt in excerpts:
        made.append(continue_excerpt(model, tokenizer, excerpt, sampling, lanes=lanes))
        sys.stderr.write(f"\r{len(made)} of {len(excerpts)} prompts")
    sys.stderr.write("\n")
    works, real = [excerpt.work for excerpt in excerpts], [excerpt.real for excerpt in excerpts]
    chosen = np.array([int(np.argmax(critic.scores(candidates))) for candidates in made])
    by_metrics = np.stack(
        [distances_to_real(real, [each[lane] for each in made]) for lane in range(given.candidates)], axis=1
    )
    origin = judge.read(real).embeddings
    by_judge = np.stack(
        [
            np.linalg.norm(judge.read([each[lane] for each in made]).embeddings - origin, axis=1)
            for lane in range(given.candidates)
        ],
        axis=1,
    )
    found: dict[str, dict[str, Estimate]] = {}
    for name, distances in (("objective metrics", by_metrics), ("the judge's features", by_judge)):
        mine = distances[np.arange(len(chosen)), chosen]
        found[name] = {
            "nearer than a random other": bootstrap_mean(nearer(distances, chosen), works),
            "distance of the choice": bootstrap_mean(mine, works),
            "of a random one": bootstrap_mean(distances.mean(axis=1), works),
            "difference": bootstrap_mean(mine - distances.mean(axis=1), works),
        }
    best = [each[place] for each, place in zip(made, chosen.tolist(), strict=True)]
    sets = {
        "the choices": estimate_distance(real, best, works),
        "all candidates": estimate_distance(
            [notes for notes in real for _ in lanes],
            [notes for each in made for notes in each],
            [work for work in works for _ in lanes],
        ),
    }
    lines = [f"| nearness by | {' | '.join(next(iter(found.values())))} |", f"|---|{'---|' * 4}"]
    lines += [f"| {name} | {' | '.join(map(str, row.values()))} |" for name, row in found.items()]
    told = ", ".join(f"{name} {value}" for name, value in sets.items())
    head = f"{given.model}: {len(excerpts)} prompts, {given.candidates} candidates each"
    sys.stdout.write(f"{head}\n\n" + "\n".join(lines) + f"\n\nDistance of the averages from real music: {told}\n")
    if given.output is not None:
        asked = {name: str(value) for name, value in vars(given).items() if value is not None}
        write_text(
            given.output, to_json({"asked": asked, "prompts": len(excerpts), "found": found, "sets": sets}) + "\n"
        )


if __name__ == "__main__":
    main()
