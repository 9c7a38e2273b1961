"""Make the data set that a critic learns from: real continuations of a data set's pieces, and those of a model.

    python tools/make_critic_data.py piano --data DATA -o CRITIC
    tonada train critic/continuations -d CRITIC -o RUN
    tonada evaluate RUN --ref CRITIC

Ten seconds of a piece are the prompt; the thirty that follow are real, and the model's are generated. The prompts of
the training split make the training split of the critic, those of the validation split its validation split, so what it
is measured on are works that neither the model nor the critic has seen. The first ``--train`` training excerpts are
taken, evenly spread over the pieces and within them, and so with ``--validation``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from tonada.api.loading import load_language_model
from tonada.api.settings import NOTES_MODEL
from tonada.config import to_mapping
from tonada.data import Dataset, Piece, require_free, write_dataset
from tonada.errors import TonadaError
from tonada.symbolic.classifiers.critic import GENERATED, LABEL, REAL
from tonada.symbolic.evaluation.excerpts import Excerpt, continue_excerpt, cut_excerpts, spread
from tonada.symbolic.notes import Notes
from tonada.symbolic.sampling import SamplingConfig
from tonada.symbolic.tokenizers.base import Tokenizer
from tonada.workers import read_in_order

FEWEST_NOTES = 20
"""A continuation with fewer is left out: there is nothing to tell it by."""


class Continuer:
    """Continues excerpts; every process has its own.

    Parameters
    ----------
    model
        A shipped model's name or a folder.
    variations
        How many continuations of each.
    temperature, seed
        How they are drawn.
    threads
        Of torch.
    """

    def __init__(self, model: str, variations: int, temperature: float, seed: int, threads: int) -> None:
        torch.set_num_threads(threads)
        self._model, self._tokenizer = load_language_model(model)
        self._lanes = list(range(1, variations + 1))
        self._sampling = SamplingConfig(temperature=temperature, seed=seed)

    def read(self, excerpt: Excerpt) -> list[Notes]:
        """Give every variation of an excerpt's continuation."""
        return continue_excerpt(self._model, self._tokenizer, excerpt, self._sampling, lanes=self._lanes)

    def close(self) -> None:
        """There is nothing to let go of."""


def choose(pieces: Sequence[Piece], tokenizer: Tokenizer, wanted: int) -> list[Excerpt]:
    """Take so many excerpts, from all pieces about equally many, evenly spread."""
    each = -(-wanted // max(1, len(pieces)))
    return spread([one for piece in pieces for one in cut_excerpts(piece, tokenizer, count=each)], wanted)


def labelled(split: str, excerpt: Excerpt, label: str, variation: int, notes: Notes, tokenizer: Tokenizer) -> Piece:
    """Make a piece of a continuation, from its first onset on."""
    at_once = notes.shifted(-float(notes.onset_s[0]))
    return Piece(
        name=f"{excerpt.name}@{excerpt.start_s:.2f}/{label}-{variation}",
        split=split,
        array=tokenizer.encode_notes(at_once, end=False),
        metadata={
            LABEL: label,
            "composer": excerpt.composer,
            "work": excerpt.work,
            "notes": len(at_once),
            "seconds": round(at_once.end_s, 3),
        },
    )


def pieces_of(
    split: str, excerpts: Sequence[Excerpt], made: Iterator[list[Notes]], tokenizer: Tokenizer
) -> Iterator[Piece]:
    """Give the real and the generated continuations of a split."""
    for excerpt, variations in zip(excerpts, made, strict=True):
        told = [(REAL, 1, excerpt.real)] + [(GENERATED, number, notes) for number, notes in enumerate(variations, 1)]
        for label, number, notes in told:
            if len(notes) >= FEWEST_NOTES:
                yield labelled(split, excerpt, label, number, notes, tokenizer)


def main() -> None:
    """Read the arguments and write the data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "model", nargs="?", default=NOTES_MODEL, help="a shipped model's name, or a model or run folder"
    )
    parser.add_argument("--data", type=Path, required=True, help="what the model was trained on")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--train", type=int, default=600, help="excerpts of the training split")
    parser.add_argument("--validation", type=int, default=120, help="excerpts of the validation split")
    parser.add_argument("--variations", type=int, default=2, help="continuations of each excerpt")
    parser.add_argument("--temperature", type=float, default=SamplingConfig().temperature)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes, one thread each when there are several")
    given = parser.parse_args()
    try:
        require_free(given.output)
        _, tokenizer = load_language_model(given.model)
        dataset = Dataset(given.data)
        threads = torch.get_num_threads() if given.jobs == 1 else 1
        arguments = (given.model, given.variations, given.temperature, given.seed, threads)
        facts = {"model": str(given.model), "source": dataset.sha256, "temperature": given.temperature}

        def told(done: int, of: int) -> None:
            sys.stderr.write(f"\r{done} of {of} excerpts")

        def every() -> Iterator[Piece]:
            for split, wanted in (("train", given.train), ("validation", given.validation)):
                chosen = choose(dataset.pieces(split), tokenizer, wanted)
                made = read_in_order(chosen, Continuer, arguments, jobs=given.jobs, pool_from=2, progress=told)
                yield from pieces_of(split, chosen, made, tokenizer)
                sys.stderr.write("\n")

        codec = to_mapping(tokenizer.config)
        write_dataset(given.output, codec=tokenizer.name, codec_config=codec, pieces=every(), facts=facts)
    except TonadaError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{given.output}\n")


if __name__ == "__main__":
    main()
