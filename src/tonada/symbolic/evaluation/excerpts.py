"""Excerpts of pieces that a model is asked to continue, what really follows, and what the model makes of them.

All times count from the excerpt's first onset; the continuations count from its end, the join. Everything has gone
through the tokenizer, the real continuations too, lest its rounding be taken for the model's doing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tonada.data import Piece
from tonada.symbolic.generation import generate
from tonada.symbolic.lanes import StopRule
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.notes import Notes
from tonada.symbolic.sampling import SamplingConfig
from tonada.symbolic.tokenizers.base import Tokenizer

PROMPT_S, CONTINUATION_S = 10.0, 30.0
"""What is given of a piece, and what is made, or really follows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Excerpt:
    """A part of a piece that is continued.

    Attributes
    ----------
    name, composer, work
        As the catalogue has them; the work is the name where it has none.
    start_s
        Where in the piece it begins, from its first onset.
    prompt
        Its notes, from 0.
    join_s
        When the continuation's time begins to count.
    real
        What really follows, for ``CONTINUATION_S`` from the join, counted from there.
    """

    name: str
    composer: str
    work: str
    start_s: float
    prompt: Notes
    join_s: float
    real: Notes


def cut_excerpts(
    piece: Piece,
    tokenizer: Tokenizer,
    *,
    count: int = 1,
    prompt_s: float = PROMPT_S,
    continuation_s: float = CONTINUATION_S,
) -> Iterator[Excerpt]:
    """Cut excerpts out of a piece: the first at its beginning, the others evenly spread to its end.

    Parameters
    ----------
    piece
        Of a data set.
    tokenizer
        Of its ids.
    count
        How many at most: they do not overlap, so a short piece has fewer, and none where it is over too early.
    prompt_s, continuation_s
        Length of the prompt, and of what follows; both hold a note at least, and the piece goes on to the end of both.

    Yields
    ------
    Excerpt
        In the order of the piece.
    """
    notes = tokenizer.decode_notes(piece.array)
    if not len(notes):
        return
    notes = notes.shifted(-float(notes.onset_s[0]))
    whole_s = prompt_s + continuation_s
    room_s = float(notes.onset_s[-1]) - whole_s
    if room_s < 0:
        return
    for wanted_s in np.linspace(0.0, room_s, min(count, 1 + int(room_s // whole_s))).tolist():
        start_s = float(notes.onset_s[np.searchsorted(notes.onset_s, wanted_s, side="right") - 1])
        here = notes.between(start_s, start_s + whole_s).shifted(-start_s)
        prompt, real = here.between(0.0, prompt_s), here.between(prompt_s, whole_s).shifted(-prompt_s)
        if len(real):
            yield Excerpt(
                name=piece.name,
                composer=str(piece.metadata.get("composer", "")),
                work=str(piece.metadata.get("work") or piece.name),
                start_s=start_s,
                prompt=prompt,
                join_s=prompt_s,
                real=real,
            )


def spread(excerpts: Sequence[Excerpt], wanted: int) -> list[Excerpt]:
    """Take so many, evenly spread, in order; all where there are fewer."""
    places = np.linspace(0, len(excerpts) - 1, min(wanted, len(excerpts))).round().astype(int)
    return [excerpts[place] for place in places]


def continue_excerpt(
    model: LanguageModel,
    tokenizer: Tokenizer,
    excerpt: Excerpt,
    sampling: SamplingConfig,
    *,
    lanes: Sequence[int] = (1,),
    continuation_s: float = CONTINUATION_S,
) -> list[Notes]:
    """Continue an excerpt in several variations, without it, counted from the join; as ``compose`` would.

    Parameters
    ----------
    model, tokenizer
        What continues.
    excerpt
        What is continued.
    sampling
        How ids are drawn.
    lanes
        Numbers of the variations.
    continuation_s
        For how long; the model may not close the piece before.
    """
    generation = generate(
        model,
        tokenizer,
        tokenizer.prompt_ids(excerpt.prompt),
        until=StopRule(max_seconds=continuation_s, allow_end=False),
        sampling=sampling,
        lanes=lanes,
        prompt=excerpt.prompt,
        start_s=excerpt.join_s,
    )
    return [made.alone() for made in generation.run()]
