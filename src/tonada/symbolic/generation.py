"""Continuing a piece, id by id: several variations at once, note by note as they are finished, for as long as wanted.

All variations (lanes) read the prompt once and then advance together; those that have ended leave the batch. When the
model's context is full, the last half of it, from a note's beginning on, is read anew, and what follows is exactly what
follows on that window alone.

Every random number is a function of (seed, lane, position). So the same call gives the same ids, on one machine,
version and number of threads. A lane gives the same ids whatever lanes are beside it, too, but for rounding: sums are
taken in another order, and where a random number falls that close to a boundary, another id is drawn. Measured on a
trained model that is one id in two hundred thousand in float32, and one in thirty in bfloat16.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from tonada.errors import ConfigError
from tonada.symbolic.constraints import Follower, SlotConstraint
from tonada.symbolic.lanes import Continuation, Event, Lane, StopRule
from tonada.symbolic.models.base import Cache, LanguageModel
from tonada.symbolic.notes import Notes
from tonada.symbolic.rereading import Rereading
from tonada.symbolic.sampling import SamplingConfig, Uniforms, sample
from tonada.symbolic.tokenizers.base import Tokenizer
from tonada.symbolic.tokenizers.grammar import Grammar


def generate(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt_ids: ArrayLike,
    *,
    until: StopRule,
    sampling: SamplingConfig | None = None,
    lanes: int | Sequence[int] = 1,
    prompt: Notes | None = None,
    start_s: float | None = None,
    interrupt: Callable[[], bool] | None = None,
    conditions: Mapping[str, str] | None = None,
    length_s: float | None = None,
    constraint: SlotConstraint | None = None,
) -> Generation:
    """Continue a prompt; nothing is computed until the result is iterated.

    Parameters
    ----------
    model
        Trained on the tokenizer's ids.
    tokenizer
        Of the prompt; its grammar decides which ids are possible.
    prompt_ids
        What is continued, from ``Tokenizer.prompt_ids``; integers [T], T ≥ 1. Of a prompt that is longer than the
        model's context only the last part is read.
    until
        When a continuation ends.
    sampling
        How ids are drawn; the defaults when None.
    lanes
        How many variations, or their numbers: variation 3 alone is ``lanes=[3]``.
    prompt
        The notes that ``prompt_ids`` stand for: the continuation is attached to their exact times, since long rests are
        rounded in ids. None to take the times as the ids have them.
    start_s
        From where the continuation's seconds count, in seconds of the piece; None for where the prompt's ids end.
    interrupt
        Asked before every id; when it says True the generation ends, and what there is stays.
    conditions
        Kind → name: what the model is told; see ``Rereading``. A prompt that begins with conditions needs none.
    length_s
        How long the continuation shall be: the model is told how far off the end is. When it ends, ``until`` says.
    constraint
        What is given of the notes that follow the prompt; after them nothing is.

    Returns
    -------
    Generation
        An iterator of events.

    Raises
    ------
    ConfigError
        The prompt holds no ids or ids that the tokenizer has not, the model has another vocabulary, lanes is no
        positive number and no list of different numbers, or the tokenizer does not know a condition.
    """
    numbers = list(range(lanes)) if isinstance(lanes, int) else list(lanes)
    if not numbers or len(set(numbers)) < len(numbers):
        raise ConfigError(f"lanes must be at least 1, or different numbers; got {lanes}")
    given = np.asarray(prompt_ids).astype(np.int64).reshape(-1)
    if not len(given):
        raise ConfigError(
            "the prompt holds no ids; those that open a piece come from tokenizer.prompt_ids(Notes.empty())"
        )
    if given.min() < 0 or given.max() >= tokenizer.vocabulary_size:
        raise ConfigError(
            f"the prompt holds ids from {given.min()} to {given.max()}; "
            f"those of the tokenizer '{tokenizer.name}' are 0 to {tokenizer.vocabulary_size - 1}"
        )
    if model.config.vocabulary != tokenizer.vocabulary_size:
        raise ConfigError(
            f"the model knows {model.config.vocabulary} ids, the tokenizer '{tokenizer.name}' has "
            f"{tokenizer.vocabulary_size}. Take the tokenizer that the model was trained with"
        )
    sampling = sampling or SamplingConfig()
    rereading = Rereading(tokenizer, model.config.context, conditions, length_s)
    made = [
        Lane(
            number,
            tokenizer,
            given.tolist(),
            prompt=prompt,
            start_s=start_s,
            until=until,
            sampling=sampling,
            follower=None if constraint is None else Follower(constraint, given, prompt),
        )
        for number in numbers
    ]
    return Generation(model, tokenizer, sampling, interrupt, made, rereading)


class Generation(Iterator[Event]):
    """Continuations of one prompt, made as it is iterated; see ``generate``, which checks what it is given.

    Leave it when you like: ``results`` gives what there is. A Ctrl-C while it works ends it in the same way, without an
    exception; the lanes that were not over say "interrupted".

    Parameters
    ----------
    model, tokenizer, sampling, interrupt
        As for ``generate``.
    lanes
        What is made, all with the same prompt.
    rereading
        What of it the model reads.
    """

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        sampling: SamplingConfig,
        interrupt: Callable[[], bool] | None,
        lanes: list[Lane],
        rereading: Rereading,
    ) -> None:
        self._model, self._tokenizer, self._lanes = model, tokenizer, lanes
        self._sampling, self._interrupt, self._rereading = sampling, interrupt, rereading
        self._prompt_ids = list(lanes[0].ids)
        self._events = self._run()

    def __next__(self) -> Event:
        """Work until the next event."""
        return next(self._events)

    def results(self) -> list[Continuation]:
        """Give what there is of every lane; nothing is added afterwards."""
        self._events.close()
        return [lane.result() for lane in self._lanes]

    def run(self) -> list[Continuation]:
        """Work to the end, or to Ctrl-C, and give every lane's continuation."""
        with suppress(KeyboardInterrupt):
            for _ in self:
                pass
        return self.results()

    def _run(self) -> Generator[Event]:
        was_training = self._model.training
        self._model.eval()
        try:
            groups = [self._first_group()]
            while groups:
                if self._interrupt is not None and self._interrupt():
                    break
                for group in groups:
                    yield from group.draw()
                groups = [part for group in groups for part in group.advanced()]
        except KeyboardInterrupt:
            pass
        finally:
            self._model.train(was_training)
        for lane in self._lanes:
            yield from lane.finish("interrupted")

    def _first_group(self) -> _Group:
        model, lanes = self._model, self._lanes
        grammar = self._tokenizer.grammar(1)
        grammar.prime(np.array(self._prompt_ids))
        grammar.select([0] * len(lanes))
        window = self._rereading.window(lanes[0])
        cache = model.start_cache(1)
        logits = _read(model, np.array([window]), cache)
        if len(lanes) > 1:
            cache = cache.selected([0] * len(lanes))
        return _Group(
            model,
            self._rereading,
            list(lanes),
            cache=cache,
            grammar=grammar,
            uniforms=Uniforms(self._sampling.seed, [lane.number for lane in lanes]),
            logits=np.repeat(logits, len(lanes), axis=0),
            sampling=self._sampling,
        )


class _Group:
    """Lanes whose caches are equally long, and that so advance in one batch."""

    def __init__(
        self,
        model: LanguageModel,
        rereading: Rereading,
        lanes: list[Lane],
        *,
        cache: Cache,
        grammar: Grammar,
        uniforms: Uniforms,
        logits: NDArray[np.float32],
        sampling: SamplingConfig,
    ) -> None:
        self._model, self._rereading, self._lanes = model, rereading, lanes
        self._cache, self._grammar, self._uniforms = cache, grammar, uniforms
        self._logits, self._sampling = logits, sampling
        self._position = 0

    def draw(self) -> Iterator[Event]:
        """Give every lane its next id."""
        allowed = self._grammar.allowed()
        for index, lane in enumerate(self._lanes):
            allowed[index] = lane.permit(allowed[index])
        self._chosen = sample(self._logits, allowed, self._sampling, self._uniforms.at(self._position))
        self._position += 1
        self._grammar.advance(self._chosen)
        for lane, token in zip(self._lanes, self._chosen.tolist(), strict=True):
            yield from lane.push(token)

    def advanced(self) -> list[_Group]:
        """Let the model read the ids that were drawn; give the groups that go on: none, this one, or its parts."""
        going = [index for index, lane in enumerate(self._lanes) if lane.reason is None]
        if not going:
            return []
        if len(going) < len(self._lanes):
            self._keep(going)
        if self._cache.length < self._cache.capacity:
            self._logits = _read(self._model, self._chosen[:, None], self._cache)
            return [self]

        windows = [self._rereading.window(lane) for lane in self._lanes]
        by_length: dict[int, list[int]] = {}
        for index, window in enumerate(windows):
            by_length.setdefault(len(window), []).append(index)
        self._cache.clear()
        parts = [self, *(copy.copy(self) for _ in range(len(by_length) - 1))]
        for part, indices in zip(parts, by_length.values(), strict=True):
            if len(by_length) > 1:
                part._keep(indices)
            part._logits = _read(self._model, np.array([windows[index] for index in indices]), part._cache)
        return parts

    def _keep(self, indices: list[int]) -> None:
        self._lanes = [self._lanes[index] for index in indices]
        self._cache = self._cache.selected(indices)
        self._grammar, self._uniforms = copy.deepcopy(self._grammar), copy.copy(self._uniforms)
        self._grammar.select(indices)
        self._uniforms.select(indices)
        self._chosen = self._chosen[indices]


def _read(model: LanguageModel, ids: NDArray[np.int64], cache: Cache) -> NDArray[np.float32]:
    """Let the model read ids [B, T]; give the logits that follow, ``[B, V]``."""
    logits = model.step(torch.from_numpy(ids).to(model.device), cache)
    return logits.cpu().numpy()
