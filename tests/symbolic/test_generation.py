"""The engine: what it samples, beside a plain one without cache or batch; when it ends; what a stop leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tonada import registry
from tonada.errors import CheckpointError, ConfigError
from tonada.symbolic.generation import Generation, generate
from tonada.symbolic.lanes import IDS_PER_NOTE, IDS_PER_SECOND, Continuation, StopRule
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.models.gpt import GPT, GPTConfig
from tonada.symbolic.models.nested import Nested, NestedConfig
from tonada.symbolic.notes import Notes
from tonada.symbolic.rereading import window_start
from tonada.symbolic.sampling import SamplingConfig, Uniforms, sample
from tonada.symbolic.tokenizers.base import Tokenizer, slot_starts
from tonada.symbolic.tokenizers.note import NoteTokenizer

CONTEXT = 32
PROMPT = Notes.from_rows([(0.31 * i, 0.25, 60 + 5 * i % 12, 40 + 7 * i) for i in range(6)])

every_tokenizer = pytest.mark.parametrize("tokenizer", registry.names("tokenizer"), indirect=True)


@pytest.fixture
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    made = registry.resolve("tokenizer", request.param)()
    assert isinstance(made, Tokenizer)
    return made


def make_model(tokenizer: Tokenizer, model_class: type[GPT] = GPT, **settings: Any) -> GPT:
    """Build a model whose weights are random and whose distributions are far from even."""
    sizes = {"vocabulary": tokenizer.vocabulary_size, "context": CONTEXT, "width": 16, "blocks": 2, "heads": 2}
    model = model_class(GPTConfig(**sizes | settings))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def make(
    model: GPT, tokenizer: Tokenizer, *, prompt: Notes = PROMPT, seed: int = 1, top_p: float = 0.98, **arguments: Any
) -> Generation:
    arguments.setdefault("sampling", SamplingConfig(seed=seed, top_p=top_p))
    return generate(model, tokenizer, tokenizer.prompt_ids(prompt), prompt=prompt, **arguments)


def assert_equal(one: Continuation, other: Continuation) -> None:
    assert (one.lane, one.reason, one.start_s) == (other.lane, other.reason, other.start_s)
    assert np.array_equal(one.ids, other.ids)
    assert one.notes.equals(other.notes)


# --- what is sampled -------------------------------------------------------------------------------------------------


def plainly(
    model: LanguageModel, tokenizer: Tokenizer, prompt: np.ndarray, *, lane: int, count: int, sampling: SamplingConfig
) -> list[int]:
    """Sample without cache, batch or views: every id from a forward pass over the window that counts."""
    ids, start = prompt.tolist(), 0
    uniforms, grammar = Uniforms(sampling.seed, [lane]), tokenizer.grammar(1)
    grammar.prime(prompt)
    for position in range(count):
        if len(ids) - start > CONTEXT:
            boundaries = [i for i in tokenizer.window_starts(np.array(ids)).tolist() if i >= len(ids) - CONTEXT // 2]
            start = boundaries[0] if boundaries else len(ids) - CONTEXT // 2
        with torch.no_grad():
            logits = model(torch.tensor([ids[start:]]))[:, -1].numpy()
        chosen = sample(logits, grammar.allowed(), sampling, uniforms.at(position))
        grammar.advance(chosen)
        ids.append(int(chosen[0]))
        if chosen[0] == tokenizer.end_id:
            break
    return ids[len(prompt) :]


@every_tokenizer
@pytest.mark.parametrize("notes_in_prompt", [0, 3, 60])
def test_ids_are_those_of_a_plain_engine_also_beyond_the_context(tokenizer: Tokenizer, notes_in_prompt: int) -> None:
    model, count = make_model(tokenizer), 130
    notes = Notes.from_rows([(0.2 * i, 0.5, 40 + i, 30 + i) for i in range(notes_in_prompt)])
    prompt, sampling = tokenizer.prompt_ids(notes), SamplingConfig(seed=3, temperature=1.2, top_k=50, top_p=0.97)
    made = generate(model, tokenizer, prompt, until=StopRule(max_ids=count), sampling=sampling, lanes=3).run()
    for lane, continuation in enumerate(made):
        expected = plainly(model, tokenizer, prompt, lane=lane, count=count, sampling=sampling)
        assert continuation.ids.tolist() == expected
    assert max(len(continuation.ids) for continuation in made) > 2 * CONTEXT


@pytest.mark.parametrize("positions", ["learned", "relative", "learned+relative", "rotary"])
def test_every_kind_of_position_goes_beyond_the_context(positions: str) -> None:
    tokenizer = NoteTokenizer()
    model, prompt, sampling = make_model(tokenizer, positions=positions), np.array([1]), SamplingConfig(seed=2)
    until = StopRule(max_ids=100)
    (made,) = generate(model, tokenizer, prompt, until=until, sampling=sampling).run()
    assert made.ids.tolist() == plainly(model, tokenizer, prompt, lane=0, count=100, sampling=sampling)
    assert len(made.ids) > CONTEXT


@pytest.mark.parametrize("notes_in_prompt", [0, 3, 60])
def test_a_model_of_one_step_per_note_goes_beyond_the_context(notes_in_prompt: int) -> None:
    tokenizer, count = NoteTokenizer(), 130
    sizes = {"vocabulary": tokenizer.vocabulary_size, "slot_starts": slot_starts(tokenizer), "context": CONTEXT}
    model = Nested(NestedConfig(**sizes, width=16, blocks=2, heads=2)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    notes = Notes.from_rows([(0.2 * i, 0.5, 40 + i, 30 + i) for i in range(notes_in_prompt)])
    prompt, sampling = tokenizer.prompt_ids(notes), SamplingConfig(seed=3, temperature=1.2, top_k=50, top_p=0.97)
    made = generate(model, tokenizer, prompt, until=StopRule(max_ids=count), sampling=sampling, lanes=3).run()
    for lane, continuation in enumerate(made):
        expected = plainly(model, tokenizer, prompt, lane=lane, count=count, sampling=sampling)
        assert continuation.ids.tolist() == expected
    assert max(len(continuation.ids) for continuation in made) > 2 * CONTEXT


@every_tokenizer
@pytest.mark.parametrize("temperature", [0.0, 0.7, 3.0])
def test_the_grammar_is_never_broken(tokenizer: Tokenizer, temperature: float) -> None:
    model, prompt = make_model(tokenizer), tokenizer.prompt_ids(PROMPT)
    sampling = SamplingConfig(temperature=temperature)
    for continuation in make(model, tokenizer, until=StopRule(max_ids=150), lanes=4, sampling=sampling).run():
        grammar = tokenizer.grammar(1)
        grammar.prime(prompt)
        for token in continuation.ids:
            assert grammar.allowed()[0, token]
            grammar.advance(np.array([token]))


@every_tokenizer
def test_a_lane_is_the_same_alone_and_among_others(tokenizer: Tokenizer) -> None:
    model, until = make_model(tokenizer), StopRule(max_ids=120)
    together = make(model, tokenizer, until=until, lanes=5).run()
    assert [continuation.lane for continuation in together] == [0, 1, 2, 3, 4]
    for lane in (0, 3):
        (alone,) = make(model, tokenizer, until=until, lanes=[lane]).run()
        assert_equal(alone, together[lane])
    some = make(model, tokenizer, until=until, lanes=[4, 2]).run()
    assert_equal(some[0], together[4])
    assert_equal(some[1], together[2])
    assert len({continuation.ids.tobytes() for continuation in together}) == 5


@every_tokenizer
def test_the_same_seed_repeats_exactly(tokenizer: Tokenizer) -> None:
    model, until = make_model(tokenizer), StopRule(max_ids=80)
    first, again = (make(model, tokenizer, until=until, lanes=2).run() for _ in range(2))
    other = make(model, tokenizer, until=until, lanes=2, seed=2).run()
    for one, same, different in zip(first, again, other, strict=True):
        assert_equal(one, same)
        assert not np.array_equal(one.ids, different.ids)


def test_temperature_0_needs_no_seed() -> None:
    tokenizer = NoteTokenizer()
    model, until = make_model(tokenizer), StopRule(max_ids=40)
    samplings = [SamplingConfig(temperature=0.0, seed=seed) for seed in (1, 2)]
    one, other = (make(model, tokenizer, until=until, sampling=sampling).run()[0] for sampling in samplings)
    assert_equal(one, other)


@pytest.mark.parametrize(("notes", "limit"), [(1, 3), (2, 2), (3, 1)])
def test_passages_occur_no_more_often_than_they_may(notes: int, limit: int) -> None:
    tokenizer = NoteTokenizer()
    model, until = make_model(tokenizer), StopRule(max_ids=400, allow_end=False)
    loose, strict = (
        SamplingConfig(temperature=0.0),
        SamplingConfig(temperature=0.0, repeat_notes=notes, repeat_limit=limit),
    )

    def most_frequent(sampling: SamplingConfig) -> int:
        (made,) = make(model, tokenizer, until=until, sampling=sampling).run()
        ids = [*tokenizer.prompt_ids(PROMPT).tolist(), *made.ids.tolist()]
        runs = [tuple(ids[i : i + 4 * notes]) for i in range(len(ids) - 4 * notes + 1)]
        return max(runs.count(run) for run in set(runs))

    assert most_frequent(loose) > limit  # the likeliest ids alone run into a loop
    assert most_frequent(strict) == limit


# --- notes -----------------------------------------------------------------------------------------------------------


def rows_of(notes: Notes) -> list[tuple[float, float, int, int]]:
    columns = (notes.onset_s, notes.duration_s, notes.pitch, notes.velocity)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


@every_tokenizer
def test_streamed_notes_are_the_decoded_ones(tokenizer: Tokenizer) -> None:
    model, prompt = make_model(tokenizer), tokenizer.prompt_ids(PROMPT)
    generation = generate(model, tokenizer, prompt, until=StopRule(max_ids=100), lanes=3)
    streamed: dict[int, list[Any]] = {0: [], 1: [], 2: []}
    for event in generation:
        if event.note is not None:
            streamed[event.lane].append(event.note)
    for continuation in generation.results():
        assert sorted(streamed[continuation.lane]) == rows_of(continuation.notes)
        whole = rows_of(tokenizer.decode_notes(np.concatenate((prompt, continuation.ids))))
        alone = rows_of(tokenizer.decode_notes(prompt))
        assert len(alone) == len(PROMPT)
        expected = whole.copy()
        for row in alone:
            expected.remove(row)
        np.testing.assert_allclose(rows_of(continuation.notes), expected, atol=1e-9)


@every_tokenizer
def test_notes_arrive_while_others_are_still_made(tokenizer: Tokenizer) -> None:
    model = make_model(tokenizer)
    events = list(make(model, tokenizer, until=StopRule(max_ids=100), lanes=3))
    lanes = [event.lane for event in events if event.note is not None]
    assert lanes != sorted(lanes)
    ends = [event for event in events if event.reason is not None]
    assert sorted(event.lane for event in ends) == [0, 1, 2]
    for end in ends:
        assert all(event.lane != end.lane for event in events[events.index(end) + 1 :])


def test_notes_follow_the_prompts_exact_times() -> None:
    tokenizer = NoteTokenizer()  # long rests are rounded to 4 %
    model, until = make_model(tokenizer), StopRule(max_ids=40, allow_end=False)
    prompt = Notes.from_rows([(0.0, 0.5, 60, 60), (17.003, 0.5, 64, 60)])
    ids = tokenizer.prompt_ids(prompt)
    decoded_s = float(tokenizer.decode_notes(ids).onset_s[-1])
    assert abs(decoded_s - 17.003) > 0.05
    (exact,) = generate(model, tokenizer, ids, until=until, prompt=prompt).run()
    (decoded,) = generate(model, tokenizer, ids, until=until).run()
    assert (exact.start_s, decoded.start_s) == (pytest.approx(17.003), decoded_s)
    assert np.array_equal(exact.ids, decoded.ids)
    np.testing.assert_allclose(exact.notes.onset_s - 17.003, decoded.notes.onset_s - decoded_s, atol=1e-9)
    np.testing.assert_allclose(exact.alone().onset_s, decoded.alone().onset_s, atol=1e-9)
    assert exact.alone().onset_s.min() >= -1e-9
    assert rows_of(exact.after(prompt)) == sorted([*rows_of(prompt), *rows_of(exact.notes)])


# --- when it ends ----------------------------------------------------------------------------------------------------


@every_tokenizer
@pytest.mark.parametrize("seconds", [0.5, 4.0])
def test_a_limit_in_seconds_keeps_the_notes_that_begin_before_it(tokenizer: Tokenizer, seconds: float) -> None:
    model = make_model(tokenizer)
    long = make(model, tokenizer, until=StopRule(max_ids=400, allow_end=False), lanes=3).run()
    short = make(model, tokenizer, until=StopRule(max_seconds=seconds, allow_end=False), lanes=3).run()
    for whole, part in zip(long, short, strict=True):
        end_s = part.start_s + seconds
        assert part.reason == "length"
        assert np.array_equal(whole.ids[: len(part.ids)], part.ids)
        assert (part.notes.onset_s < end_s).all()
        assert part.notes.onset_s.tolist() == whole.notes.onset_s[whole.notes.onset_s < end_s].tolist()
        assert part.notes.pitch.tolist() == whole.notes.pitch[whole.notes.onset_s < end_s].tolist()


def test_seconds_count_from_where_they_are_told_to() -> None:
    tokenizer = NoteTokenizer()
    model, until = make_model(tokenizer), StopRule(max_seconds=100.0, allow_end=False)
    (later,) = make(model, tokenizer, until=until, start_s=60.0).run()
    (made,) = make(model, tokenizer, until=until).run()
    assert (later.start_s, made.start_s) == (60.0, pytest.approx(1.55))
    assert 101.55 < later.notes.onset_s[-1] < 160.0
    assert later.notes.between(0.0, made.start_s + 100.0).equals(made.notes)


@every_tokenizer
@pytest.mark.parametrize("count", [1, 7])
def test_a_limit_in_notes_is_exact(tokenizer: Tokenizer, count: int) -> None:
    model = make_model(tokenizer)
    for continuation in make(model, tokenizer, until=StopRule(max_notes=count, allow_end=False), lanes=3).run():
        assert len(continuation.notes) == count
        assert continuation.reason == "length"


@every_tokenizer
def test_a_limit_in_ids_is_exact(tokenizer: Tokenizer) -> None:
    model = make_model(tokenizer)
    for continuation in make(model, tokenizer, until=StopRule(max_ids=37, allow_end=False), lanes=3).run():
        assert len(continuation.ids) == 37
        assert continuation.ids.dtype == np.uint16


class Scripted(GPT):
    """A GPT that would rather do one thing: ``wish`` is an id that gets the largest logit."""

    wish = 0

    def step(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        logits = super().step(ids, cache).clone()
        logits[:, self.wish] += 1000.0
        return logits


def test_a_model_that_stands_still_comes_to_an_end() -> None:
    tokenizer = NoteTokenizer()
    model = make_model(tokenizer, Scripted)
    model.wish = int(np.flatnonzero(tokenizer.slot_of == 0)[0])  # no time passes
    (made,) = make(model, tokenizer, until=StopRule(max_seconds=1.0)).run()
    assert len(made.ids) == IDS_PER_SECOND * 2
    assert made.reason == "length"
    assert StopRule(max_notes=5).most_ids == IDS_PER_NOTE * 15
    assert StopRule(max_notes=5, max_seconds=0.5).most_ids == IDS_PER_SECOND * 1.5
    assert StopRule(max_ids=7, max_notes=5).most_ids == 7


def test_the_model_may_close_the_piece() -> None:
    tokenizer = NoteTokenizer()
    model = make_model(tokenizer, Scripted)
    model.wish = tokenizer.end_id
    (made,) = make(model, tokenizer, until=StopRule(max_ids=50)).run()
    assert made.ids.tolist() == [tokenizer.end_id]
    assert (made.reason, len(made.notes)) == ("end", 0)


def test_the_model_may_not_close_the_piece_too_early() -> None:
    tokenizer = NoteTokenizer()
    model = make_model(tokenizer, Scripted)
    model.wish = tokenizer.end_id
    for made in make(model, tokenizer, until=StopRule(max_ids=5000, min_seconds=6.0), lanes=3).run():
        assert made.ids.tolist().count(tokenizer.end_id) == 1
        assert made.reason == "end"
        onsets = made.notes.onset_s - made.start_s
        assert onsets[-1] >= 6.0
        assert (onsets[:-1] < 6.0).all()


@pytest.mark.parametrize("name", ["note", "performance"])
def test_the_model_may_not_close_the_piece_where_that_is_forbidden(name: str) -> None:
    tokenizer = registry.resolve("tokenizer", name)()
    model = make_model(tokenizer, Scripted)
    model.wish = tokenizer.end_id
    (made,) = make(model, tokenizer, until=StopRule(max_ids=60, allow_end=False)).run()
    assert len(made.ids) == 60
    assert tokenizer.end_id not in made.ids


def test_lanes_that_ended_leave_the_others_alone() -> None:
    tokenizer = NoteTokenizer()
    model = make_model(tokenizer)
    free = make(model, tokenizer, until=StopRule(max_ids=300), lanes=6, top_p=1.0).run()
    assert len({len(continuation.ids) for continuation in free}) > 2  # they close at different times
    for continuation in free:
        (alone,) = make(model, tokenizer, until=StopRule(max_ids=300), lanes=[continuation.lane], top_p=1.0).run()
        assert_equal(alone, continuation)


# --- being stopped ---------------------------------------------------------------------------------------------------


def test_an_interruption_keeps_what_there_is() -> None:
    tokenizer = NoteTokenizer()
    model, until = make_model(tokenizer), StopRule(max_ids=100, allow_end=False)
    asked = iter([False] * 30 + [True])
    whole = make(model, tokenizer, until=until, lanes=2).run()
    part = make(model, tokenizer, until=until, lanes=2, interrupt=lambda: next(asked)).run()
    for all_of_it, some in zip(whole, part, strict=True):
        assert some.reason == "interrupted"
        assert some.ids.tolist() == all_of_it.ids[:30].tolist()
        assert rows_of(some.notes) == rows_of(all_of_it.notes[:7])


class Interrupted(GPT):
    """A GPT during whose 20th step somebody presses Ctrl-C."""

    steps = 0

    def step(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        self.steps += 1
        if self.steps == 20:
            raise KeyboardInterrupt
        return super().step(ids, cache)


@every_tokenizer
def test_ctrl_c_keeps_what_there_is(tokenizer: Tokenizer) -> None:
    model = make_model(tokenizer, Interrupted)
    generation = make(model, tokenizer, until=StopRule(max_ids=100, allow_end=False), lanes=2)
    events = list(generation)
    assert [event.reason for event in events if event.reason] == ["interrupted"] * 2
    for lane, made in enumerate(generation.results()):
        assert made.reason == "interrupted"
        assert len(made.ids) == 19
        assert len(made.notes) > 0
        assert sorted(event.note for event in events if event.note and event.lane == lane) == rows_of(made.notes)


def test_ctrl_c_between_events_keeps_what_there_is() -> None:
    tokenizer = NoteTokenizer()
    generation = make(make_model(tokenizer), tokenizer, until=StopRule(max_ids=100, allow_end=False))
    heard: list[Any] = []

    def listen() -> Iterator[None]:
        for event in generation:
            heard.append(event.note)
            if len(heard) == 3:
                raise KeyboardInterrupt
            yield

    with pytest.raises(KeyboardInterrupt):
        list(listen())
    (made,) = generation.results()
    assert made.reason == "interrupted"
    assert sorted(heard) == rows_of(made.notes)
    assert list(generation) == []
    assert_equal(generation.results()[0], made)


def test_results_may_be_taken_before_anything_is_made() -> None:
    tokenizer = NoteTokenizer()
    (made,) = make(make_model(tokenizer), tokenizer, until=StopRule(max_ids=10)).results()
    assert (made.reason, len(made.ids), len(made.notes)) == ("interrupted", 0, 0)


def test_a_model_in_training_is_put_back_to_it() -> None:
    tokenizer = NoteTokenizer()
    model = make_model(tokenizer, dropout=0.5)
    expected = make(model, tokenizer, until=StopRule(max_ids=30)).run()
    model.train()
    made = make(model, tokenizer, until=StopRule(max_ids=30)).run()
    assert model.training
    assert_equal(made[0], expected[0])
    generation = make(model, tokenizer, until=StopRule(max_ids=30))
    next(generation)
    assert not model.training
    generation.results()
    assert model.training


# --- windows and errors ----------------------------------------------------------------------------------------------


def test_windows_begin_with_a_note_in_the_last_half() -> None:
    tokenizer = NoteTokenizer()
    ids = tokenizer.encode_notes(Notes.from_rows([(0.2 * i, 0.5, 40 + i, 30 + i) for i in range(20)])).tolist()
    assert window_start(tokenizer, ids[:32], 32) == 0
    start = window_start(tokenizer, ids[:33], 32)
    assert start == 17  # begin, then four ids a note; the half begins there
    assert window_start(tokenizer, ids[:34], 32) == 21
    no_note = [5] * 40
    assert window_start(tokenizer, no_note, 32) == 24


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "StopRule needs max_ids, max_notes or max_seconds: a model may never close a piece itself"),
        ({"max_ids": 0}, "StopRule.max_ids must be positive and finite; got 0"),
        ({"max_notes": -1}, "StopRule.max_notes must be positive and finite; got -1"),
        ({"max_seconds": float("inf")}, "StopRule.max_seconds must be positive and finite; got inf"),
        ({"max_ids": 1, "min_seconds": -1.0}, "StopRule.min_seconds must be at least 0; got -1.0"),
    ],
)
def test_rules_that_cannot_be_are_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        StopRule(**settings)
    assert str(error.value) == text


def test_prompts_that_cannot_be_are_refused() -> None:
    tokenizer, until = NoteTokenizer(), StopRule(max_ids=4)
    model = make_model(tokenizer)
    with pytest.raises(ConfigError, match=r"^the prompt holds no ids; .*prompt_ids\(Notes\.empty\(\)\)$"):
        generate(model, tokenizer, [], until=until)
    with pytest.raises(ConfigError, match=r"^the prompt holds ids from 1 to 60000; .* 'note' are 0 to \d+$"):
        generate(model, tokenizer, [1, 60000], until=until)
    for lanes in (0, [], [1, 1]):
        with pytest.raises(ConfigError, match=r"^lanes must be at least 1, or different numbers; got "):
            generate(model, tokenizer, [1], until=until, lanes=lanes)
    other = make_model(tokenizer, vocabulary=7)
    with pytest.raises(ConfigError, match=r"^the model knows 7 ids, the tokenizer 'note' has \d+\. Take the tokenizer"):
        generate(other, tokenizer, [1], until=until)


def test_a_model_whose_weights_are_damaged_is_refused() -> None:
    tokenizer = NoteTokenizer()
    model = make_model(tokenizer)
    with torch.no_grad():
        model.norm.weight[0] = float("nan")
    with pytest.raises(CheckpointError, match="logits are not numbers"):
        make(model, tokenizer, until=StopRule(max_ids=4)).run()
