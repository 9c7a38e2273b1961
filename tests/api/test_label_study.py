"""Training and measuring a classifier of notes: what can be told apart is, and the matrix counts what it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tonada.api.evaluation import evaluate
from tonada.api.studies.labels import LENGTHS, LabelEvaluation, count_taken
from tonada.api.training import train
from tonada.config import to_mapping
from tonada.data import Piece, write_dataset
from tonada.errors import ConfigError
from tonada.symbolic.classifiers.reading import Reading
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.note import NoteTokenizer

SETTINGS = ("width=16", "embedding=8", "blocks=1", "steps=60", "validate_every=30", "batch=8", "warmup_steps=5")
SETTINGS += ("learning_rate=0.02", "shortest=30", "longest=60", "ema=0", "precision=fp32")


def music(label: str, seed: int) -> Notes:
    """Give chords of four for "real", single notes for "generated": nothing could be told apart more easily."""
    random = np.random.default_rng(seed)
    size = 4 if label == "real" else 1
    return Notes.from_rows(
        (0.25 * step, 0.2, int(pitch), 60)
        for step in range(240 // size)
        for pitch in random.choice(np.arange(40, 80), size, replace=False)
    )


def save_music(folder: Path, labels: tuple[str, ...] = ("real", "generated")) -> Path:
    tokenizer = NoteTokenizer()
    pieces = [
        Piece(
            name=f"{split}-{label}-{number}",
            split=split,
            array=tokenizer.encode_notes(music(label, seed=10 * place + number)),
            metadata={"label": label, "work": f"work {number // 2}"},
        )
        for place, split in enumerate(("train", "validation"))
        for label in labels
        for number in range(4)
    ]
    write_dataset(folder, codec="note", codec_config=to_mapping(tokenizer.config), pieces=pieces)
    return folder


@pytest.mark.parametrize("preset", ["critic/continuations", "judge/composers"])
def test_what_can_be_told_apart_is(preset: str, tmp_path: Path) -> None:
    data = save_music(tmp_path / "data")
    mine = ("classes=['real', 'generated']", "column=label") if preset.startswith("judge") else ("heads=2",)
    result = train(preset, data=data, output=tmp_path / "run", settings=(*SETTINGS, *mine), device="cpu")
    assert result.best < 0.2
    found = evaluate(tmp_path / "run", ref=data, output=tmp_path / "out")
    assert isinstance(found, LabelEvaluation)
    assert [figures.notes for figures in found.figures] == list(LENGTHS)
    assert found.main.balanced_accuracy.value == 1.0
    assert [row.taken_for for row in found.main.classes] == [
        {"real": 4, "generated": 0},
        {"real": 0, "generated": 4},
    ]
    assert [(row.works, row.passages) for row in found.main.classes] == [(2, 4), (2, 4)]
    assert [path.name for path in found.files] == ["evaluation.json", "evaluation.html"]


def test_counts_recalls_and_loss() -> None:
    probability = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7]])
    reading = Reading(classes=("a", "b"), log_probabilities=np.log(probability), embeddings=np.zeros((4, 1)))
    found = count_taken(reading, np.array([0, 0, 0, 1]), ["x", "x", "y", "z"], 50)
    first, second = found.classes
    assert (first.works, first.passages, first.taken_for) == (2, 3, {"a": 2, "b": 1})
    assert first.recall.value == pytest.approx(2 / 3)
    assert (first.recall.low, first.recall.high) == (0.5, 1.0)  # of the works alone: x has a half, y all
    assert (second.recall.value, np.isnan(second.recall.low)) == (1.0, True)
    assert found.balanced_accuracy.value == pytest.approx(5 / 6)
    assert np.isnan(found.balanced_accuracy.low)
    losses = -np.log([0.9, 0.4, 0.8])
    assert found.cross_entropy == pytest.approx((losses.mean() - np.log(0.7)) / 2)


def test_a_class_that_nothing_is_held_out_of() -> None:
    reading = Reading(classes=("a", "b"), log_probabilities=np.log([[0.9, 0.1]]), embeddings=np.zeros((1, 1)))
    found = count_taken(reading, np.array([0]), ["x"], 50)
    assert found.classes[1].passages == 0
    assert found.balanced_accuracy.value == 1.0


def test_data_that_say_nothing_of_the_classes(tmp_path: Path) -> None:
    data = save_music(tmp_path / "data")
    with pytest.raises(ConfigError, match="no piece of the class 'bach'"):
        train("judge/composers", data=data, output=tmp_path / "run", settings=SETTINGS, device="cpu")
