"""Classifiers of notes: what they see, what they are taught, and that filling up changes nothing."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch

from tonada.errors import ConfigError
from tonada.symbolic.classifiers.base import NoteClassifier, label_of
from tonada.symbolic.classifiers.critic import Critic, CriticConfig
from tonada.symbolic.classifiers.features import FEATURES, describe_notes
from tonada.symbolic.classifiers.judge import Judge, JudgeConfig
from tonada.symbolic.classifiers.passages import (
    PassageAugmentation,
    PassageBatches,
    collate,
    parts_of,
    spread_passages,
)
from tonada.symbolic.classifiers.reading import read_pieces
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.note import NoteTokenizer

COMPOSERS = ("bach", "chopin", "rachmaninoff", "other")


def random_notes(count: int, seed: int = 1, lowest: int = 40) -> Notes:
    random = np.random.default_rng(seed)
    return Notes(
        onset_s=np.cumsum(random.integers(0, 40, count)) / 100,
        duration_s=random.integers(1, 80, count) / 100,
        pitch=random.integers(lowest, lowest + 40, count),
        velocity=random.integers(20, 110, count),
    )


def classifiers() -> list[NoteClassifier]:
    torch.manual_seed(3)
    made = [
        Judge(JudgeConfig(width=16, blocks=2, embedding=8)),
        Critic(CriticConfig(width=16, blocks=2, heads=2, embedding=8)),
    ]
    for model in made:
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return [model.eval() for model in made]


def test_features_of_three_notes() -> None:
    notes = Notes.from_rows([(5.0, 0.3, 60, 64), (5.0, 2.0, 72, 96), (5.5, 0.3, 55, 80)])
    values = describe_notes(notes)
    assert values.shape == (3, FEATURES)
    assert values[:, 0] == pytest.approx([0.0, 0.0, math.log1p(25) / 4], rel=1e-6)
    assert values[:, 1].tolist() == [0.0, 1.0, 0.0]  # the first has nothing before it
    assert values[:, 2] == pytest.approx([0.0, math.log(2.0 / 0.3) / 2, 0.0], abs=1e-6)
    assert values[:, 3].tolist() == [0.0, 1.0, 0.5]
    assert values[:, 4].tolist() == [-1.0, 1.0, 0.0]
    assert values[:, 5] == pytest.approx([0.0, 0.5, -5 / 24], rel=1e-6)
    assert values[:, 6].tolist() == [0.0, 0.25, 0.25]  # of the chord the first still sounds, then the longer one
    assert values[1, 7] == 1.0
    assert values[1, 8:20].tolist() == [1.0] + [0.0] * 11
    assert values[2, 7] == pytest.approx(-17 / 12)
    assert np.flatnonzero(values[2, 8:20]).tolist() == [7]  # seventeen down is a fifth up
    assert values[2, 20] == pytest.approx(-5 / 12)
    assert not values[0, 7:].any()
    assert not values[:, 33:].any()


def test_features_do_not_know_when_a_passage_stands() -> None:
    notes = random_notes(50)
    assert np.array_equal(describe_notes(notes), describe_notes(notes.shifted(64.0)))
    assert describe_notes(Notes.empty()).shape == (0, FEATURES)


@pytest.mark.parametrize("model", classifiers(), ids=["judge", "critic"])
def test_a_passage_means_the_same_beside_longer_ones(model: NoteClassifier) -> None:
    passages = [random_notes(length, seed=length) for length in (1, 7, 40)]
    batch = collate(passages)
    with torch.no_grad():
        together = model(batch["features"], batch["mask"])
        alone = torch.cat([model(**collate([passage])) for passage in passages])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert (together[0] - together[1]).abs().max() > 1e-3


@pytest.mark.parametrize("model", classifiers(), ids=["judge", "critic"])
def test_reading_pieces_of_any_length(model: NoteClassifier) -> None:
    long = random_notes(700)
    reading = read_pieces(model, [long, random_notes(30, seed=2), Notes.empty()])
    assert reading.log_probabilities.shape == (3, len(model.config.classes))
    assert np.isfinite(reading.log_probabilities).all()
    assert np.exp(reading.log_probabilities[1:]).sum(axis=1) == pytest.approx(1.0)
    parts = read_pieces(model, parts_of(long))
    assert len(parts.chosen) == 3
    assert reading.log_probabilities[0] == pytest.approx(parts.log_probabilities.mean(axis=0), abs=1e-5)
    assert reading.embeddings[0] == pytest.approx(parts.embeddings.mean(axis=0), abs=1e-5)
    name = model.config.classes[0]
    probability = np.exp(reading.log_probabilities[1, 0])
    assert reading.log_odds(name)[1] == pytest.approx(math.log(probability / (1 - probability)), abs=1e-5)


@pytest.mark.parametrize(
    ("composer", "label"),
    [
        ("Johann Sebastian Bach", 0),
        ("Chopin, Frédéric", 1),
        ("Sergei Rachmaninov", 2),
        ("Franz Liszt", 3),
        ("Johann Sebastian Bach / Ferruccio Busoni", None),
        ("Franz Schubert / Franz Liszt", 3),
        ("Bach, Carl Philipp Emanuel", 3),
        ("Traditional", None),
        ("", None),
    ],
)
def test_whose_music_a_piece_is(composer: str, label: int | None) -> None:
    assert label_of({"composer": composer}, "composer", COMPOSERS) == label


def test_other_columns_are_taken_at_their_word() -> None:
    assert label_of({"label": "real"}, "label", ("real", "generated")) == 0
    assert label_of({"label": "Real"}, "label", ("real", "generated")) is None
    assert label_of({"dance": "son"}, "dance", ("cumbia", "other")) == 1
    assert label_of({}, "dance", ("cumbia", "other")) is None


def test_every_class_is_drawn_equally_often() -> None:
    tokenizer = NoteTokenizer()
    pieces = [tokenizer.encode_notes(random_notes(count, seed=count)) for count in (500, 90, 400, 30)]
    source = PassageBatches(pieces, [0, 1, 0, None], ("a", "b"), tokenizer, batch=7, seed=1)
    labels = Counter(label for step in range(10) for label in source.batch(step)["labels"].tolist())
    assert labels == {0: 35, 1: 35}


def test_batches_are_functions_of_seed_and_step() -> None:
    tokenizer = NoteTokenizer()
    pieces = [tokenizer.encode_notes(random_notes(400, seed=seed)) for seed in (1, 2)]

    def batch(seed: int, step: int) -> torch.Tensor:
        return PassageBatches(pieces, [0, 1], ("a", "b"), tokenizer, batch=4, seed=seed).batch(step)["features"]

    assert torch.equal(batch(1, 5), batch(1, 5))
    assert batch(1, 5).shape != batch(1, 6).shape or not torch.equal(batch(1, 5), batch(1, 6))
    assert batch(1, 5).shape != batch(2, 5).shape or not torch.equal(batch(1, 5), batch(2, 5))


def test_without_variation_a_passage_is_of_the_piece() -> None:
    tokenizer = NoteTokenizer()
    notes = tokenizer.decode_notes(tokenizer.encode_notes(random_notes(100)))
    plain = PassageAugmentation(shortest=100, longest=100, semitones=0, stretch=0.0, velocity=0, dropped=0.0)
    ids = tokenizer.encode_notes(notes)
    batch = PassageBatches([ids, ids], [0, 1], ("a", "b"), tokenizer, batch=2, seed=1, augmentation=plain).batch(0)
    assert np.array_equal(batch["features"][0].numpy(), describe_notes(notes))
    assert batch["mask"].all()


def test_passages_are_spread_and_do_not_overlap() -> None:
    notes = random_notes(1000)
    passages = spread_passages(notes, 100, 4)
    starts = [int(np.flatnonzero(notes.onset_s == passage.onset_s[0])[0]) for passage in passages]
    assert [len(passage) for passage in passages] == [100] * 4
    assert starts[0] <= 5
    assert all(later - earlier >= 100 for earlier, later in pairwise(starts))
    assert [len(passage) for passage in spread_passages(notes, 600, 4)] == [600]
    assert spread_passages(notes, 2000, 4)[0].equals(notes)
    assert [len(part) for part in parts_of(notes, 300)] == [250] * 4


def test_a_class_without_a_piece() -> None:
    tokenizer = NoteTokenizer()
    with pytest.raises(ConfigError, match="no piece of the class 'b'"):
        PassageBatches([tokenizer.encode_notes(random_notes(9))], [0], ("a", "b"), tokenizer, batch=2, seed=1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: JudgeConfig(classes=("bach",)), "at least two different names; got bach"),
        (lambda: JudgeConfig(classes=("bach", "bach")), "at least two different names"),
        (lambda: JudgeConfig(dropout=1.0), "dropout must be at least 0 and less than 1"),
        (lambda: JudgeConfig(width=0), "width must be at least 1"),
        (lambda: JudgeConfig(kernel=4), "kernel must be odd; got 4. Try 5"),
        (lambda: CriticConfig(width=20, heads=4), "got width=20, heads=4. Try 24"),
        (lambda: PassageAugmentation(shortest=9, longest=8), "shortest must lie in 1 to longest"),
        (lambda: PassageAugmentation(velocity=-1), "velocity must lie in 0 to 127"),
        (lambda: PassageAugmentation(dropped=-0.1), "dropped must lie in 0 to 1"),
        (lambda: PassageAugmentation(stretch=2.0), "stretch must lie in 0 to 1"),
    ],
)
def test_settings_that_cannot_be(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(ConfigError, match=words):
        make()
