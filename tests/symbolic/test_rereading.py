"""What a model is told before its notes: in front of every window, as in training, with the length that is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tonada.errors import ConfigError, UnknownNameError
from tonada.symbolic.generation import generate
from tonada.symbolic.lanes import Continuation, StopRule
from tonada.symbolic.models.gpt import GPT, GPTConfig
from tonada.symbolic.notes import Notes
from tonada.symbolic.rereading import Rereading
from tonada.symbolic.sampling import SamplingConfig, Uniforms, sample
from tonada.symbolic.tokenizers.giga import GigaTokenizer
from tonada.symbolic.tokenizers.note import NoteConfig, NoteTokenizer

NOTE = NoteTokenizer()
CONTEXT = 32
WISHES = {"key": "D minor", "composer": "Bach"}
TOLD = NOTE.conditions.ids(WISHES)


def make_model() -> GPT:
    """Build a model whose weights are random and whose distributions are far from even."""
    model = GPT(GPTConfig(vocabulary=NOTE.vocabulary_size, context=CONTEXT, width=16, blocks=2, heads=2))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def make(model: GPT, prompt: Notes, **settings: Any) -> list[Continuation]:
    until, sampling = StopRule(max_ids=90, allow_end=False), SamplingConfig(seed=2)
    ids = NOTE.prompt_ids(prompt)
    return generate(model, NOTE, ids, until=until, sampling=sampling, prompt=prompt, **settings).run()


def plainly(model: GPT, prompt: np.ndarray, *, lane: int, length_s: float | None) -> tuple[list[int], list[int]]:
    """Sample from forward passes over windows that are written by hand; gives the ids, and the length ids told."""
    ids, start = prompt.tolist(), 0
    room = CONTEXT - len(TOLD) - (length_s is not None)
    end_s = 0.0 if length_s is None else float(NOTE.decode_notes(prompt).onset_s[-1:].sum()) + length_s
    uniforms, grammar, lengths = Uniforms(2, [lane]), NOTE.grammar(1), []
    grammar.prime(prompt)
    for position in range(90):
        if len(ids) - start > room:
            start = next(i for i in range(len(ids) - room // 2, len(ids)) if NOTE.slot_of[ids[i]] == 0)
        told = list(TOLD)
        if length_s is not None:
            before = NOTE.decode_notes(ids[: start + 4]).onset_s
            rest_s = end_s - (float(before[-1]) if start else 0.0)
            told += NOTE.conditions.ids({"length": NOTE.conditions.name_of("length", rest_s) or ""})
            lengths.append(told[-1])
        window = [1, *told, *ids[1:]] if start == 0 else [*told, *ids[start:]]
        with torch.no_grad():
            logits = model(torch.tensor([window]))[:, -1].numpy()
        allowed = grammar.allowed().copy()
        allowed[0, NOTE.end_id] = False
        chosen = sample(logits, allowed, SamplingConfig(seed=2), uniforms.at(position))
        grammar.advance(chosen)
        ids.append(int(chosen[0]))
    return ids[len(prompt) :], lengths


@pytest.mark.parametrize("length_s", [None, 40.0])
@pytest.mark.parametrize("notes_in_prompt", [0, 3, 60])
def test_conditions_stand_before_every_window(notes_in_prompt: int, length_s: float | None) -> None:
    model = make_model()
    prompt = Notes.from_rows([(0.2 * i, 0.5, 40 + i, 30 + i) for i in range(notes_in_prompt)])
    made = make(model, prompt, conditions=WISHES, length_s=length_s, lanes=2)
    for lane, continuation in enumerate(made):
        ids, lengths = plainly(model, NOTE.prompt_ids(prompt), lane=lane, length_s=length_s)
        assert continuation.ids.tolist() == ids
        if length_s is not None:
            assert len(set(lengths)) > 1  # it changes while the end comes nearer
            assert lengths == sorted(lengths, reverse=True)


def test_what_is_told_matters_and_is_never_sampled() -> None:
    model = make_model()
    plain, told, other = (
        make(model, Notes.empty(), conditions=conditions)[0].ids
        for conditions in (None, WISHES, {**WISHES, "key": "E minor"})
    )
    assert len({ids.tobytes() for ids in (plain, told, other)}) == 3
    for ids in (plain, told, other):
        assert not NOTE.conditions.among(ids).any()


def test_conditions_in_a_prompt_stay_where_nothing_else_is_told() -> None:
    model = make_model()
    ids = NOTE.prompt_ids(Notes.empty(), WISHES)
    until, sampling = StopRule(max_ids=20, allow_end=False), SamplingConfig(seed=2)
    (made,) = generate(model, NOTE, ids, until=until, sampling=sampling).run()
    (told,) = make(model, Notes.empty(), conditions=WISHES)
    assert made.ids.tolist() == told.ids[:20].tolist()


def test_what_cannot_be_told() -> None:
    with pytest.raises(UnknownNameError, match="unknown key 'H minor'"):
        Rereading(NOTE, CONTEXT, {"key": "H minor"})
    with pytest.raises(UnknownNameError, match="unknown composer 'Bach'"):
        Rereading(GigaTokenizer(), CONTEXT, {"composer": "Bach"})
    silent = NoteTokenizer(NoteConfig(lengths=(), length_bounds_s=()))
    with pytest.raises(ConfigError, match="'note' has no names for lengths"):
        Rereading(silent, CONTEXT, length_s=30.0)
    with pytest.raises(ConfigError, match="a context of 3 ids has no room for so many conditions"):
        Rereading(NOTE, 3, WISHES)
