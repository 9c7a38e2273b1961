"""What counted baselines compose."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tonada import registry
from tonada.errors import ConfigError
from tonada.symbolic.evaluation.baselines import BASELINES, Baseline, fit_baselines
from tonada.symbolic.evaluation.counted import CountedModel
from tonada.symbolic.evaluation.scoring import find_targets
from tonada.symbolic.generation import generate
from tonada.symbolic.lanes import StopRule
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.base import Tokenizer
from tonada.symbolic.tokenizers.note import NoteTokenizer

TOKENIZER = NoteTokenizer()


def notes(*pitches: int) -> Notes:
    return Notes.from_rows([(i / 4, 0.25, pitch, 64) for i, pitch in enumerate(pitches)])


def counted(name: str, *pieces: np.ndarray, tokenizer: Tokenizer = TOKENIZER) -> CountedModel:
    (baseline,) = fit_baselines(tokenizer, pieces, names=[name])
    return CountedModel(baseline, tokenizer)


def test_a_bigram_goes_on_as_it_has_seen() -> None:
    (seen,) = fit_baselines(TOKENIZER, [TOKENIZER.encode_notes(notes(*[60, 64, 67] * 9))], names=["bigram"])
    # Counted so often that what adding one gives to the unseen is never drawn.
    certain = Baseline("bigram", TOKENIZER, seen._cells, seen._counts * 10**12)
    model = CountedModel(certain, TOKENIZER)
    prompt = TOKENIZER.prompt_ids(notes(60, 64))
    until = StopRule(max_notes=7, allow_end=False)
    for made in generate(model, TOKENIZER, prompt, until=until, lanes=3).run():
        assert made.notes.pitch.tolist() == [67, 60, 64, 67, 60, 64, 67]
        assert made.notes.duration_s == pytest.approx(0.25)
        assert np.diff(made.notes.onset_s) == pytest.approx(0.25)


def test_a_unigram_draws_each_slot_by_its_frequencies() -> None:
    piece = TOKENIZER.encode_notes(notes(*[60, 60, 60, 72] * 2000))
    until = StopRule(max_notes=1000, allow_end=False)
    (made,) = generate(counted("unigram", piece), TOKENIZER, TOKENIZER.prompt_ids(notes(60)), until=until).run()
    often = np.bincount(made.notes.pitch, minlength=128)
    assert often[60] == pytest.approx(750, abs=60)  # a standard deviation is 14; add-one smoothing takes 12 away
    assert often[72] == pytest.approx(250, abs=60)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("tokenizer_name", ["note", "giga", "performance"])
def test_logits_are_the_losses_that_it_is_scored_with(name: str, tokenizer_name: str) -> None:
    tokenizer = registry.resolve("tokenizer", tokenizer_name)()
    model = counted(name, tokenizer.encode_notes(notes(60, 62, 60, 64, 72)), tokenizer=tokenizer)
    ids = tokenizer.encode_notes(notes(60, 64, 67, 60))
    targets = find_targets(tokenizer, ids)
    logits = model(torch.from_numpy(ids.astype(np.int64))[None])
    at = logits[0, targets.position - 1, targets.token].numpy()
    (baseline,) = fit_baselines(tokenizer, [tokenizer.encode_notes(notes(60, 62, 60, 64, 72))], names=[name])
    assert at == pytest.approx(-baseline.score(targets)[0], rel=1e-6)


def test_reading_id_by_id_is_reading_at_once() -> None:
    model = counted("bigram", TOKENIZER.encode_notes(notes(60, 62, 60, 64)))
    ids = torch.from_numpy(TOKENIZER.encode_notes(notes(62, 60, 64))[:-1].astype(np.int64)).expand(2, -1)
    cache, whole = model.start_cache(2), model(ids)
    for position in range(ids.shape[1]):
        assert torch.equal(model.step(ids[:, position : position + 1], cache), whole[:, position])
    assert (cache.length, cache.batch, cache.selected([1]).batch) == (ids.shape[1], 2, 1)
    cache.clear()
    assert torch.equal(model.step(ids, cache), whole[:, -1])


def test_its_loss_is_that_of_its_logits() -> None:
    model = counted("unigram", TOKENIZER.encode_notes(notes(60, 62)))
    ids = torch.from_numpy(TOKENIZER.encode_notes(notes(62, 60)).astype(np.int64))[None]
    _, terms = next(model.losses({"inputs": ids[:, :-1], "targets": ids[:, 1:]}, 0))
    logits = model(ids[:, :-1])[0]
    mean = -logits[torch.arange(len(logits)), ids[0, 1:]].mean()
    torch.testing.assert_close(terms["cross_entropy"], mean)


def test_what_does_not_fit_its_cache_is_an_error() -> None:
    model = counted("unigram", TOKENIZER.encode_notes(notes(60)))
    with pytest.raises(ConfigError, match="3 ids do not fit"):
        model.step(torch.ones(1, 3, dtype=torch.int64), model.start_cache(1, 2))
