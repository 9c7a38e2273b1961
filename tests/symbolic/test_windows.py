"""Training windows: whole epochs without repetition, aligned to notes, a function of the step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tonada.errors import ConfigError
from tonada.symbolic.augment import Augmentation
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.note import NoteTokenizer
from tonada.symbolic.windows import IGNORED, WindowBatches

TOKENIZER = NoteTokenizer()
CONTEXT = 64


def piece(notes: int, seed: int) -> NDArray[np.uint16]:
    generator = np.random.default_rng(seed)
    rows = [
        (0.11 * number, 0.1, int(generator.integers(40, 80)), int(generator.integers(1, 128)))
        for number in range(notes)
    ]
    return TOKENIZER.encode_notes(Notes.from_rows(rows))


PIECES = [piece(notes, seed) for seed, notes in enumerate((100, 7, 333, 16))]


def batches(**settings: object) -> WindowBatches:
    values = {"context": CONTEXT, "batch": 4, "seed": 1, **settings}
    return WindowBatches(PIECES, TOKENIZER, **values)  # type: ignore[arg-type]


def test_inputs_and_targets_are_one_apart() -> None:
    source = batches()
    for step in range(30):
        batch = source.batch(step)
        inputs, targets = batch["inputs"], batch["targets"]
        assert inputs.shape == targets.shape == (4, CONTEXT)
        for row, target in zip(inputs, targets, strict=True):
            length = int((target != IGNORED).sum())
            assert torch.equal(target[: length - 1], row[1:length])
            assert (target[length:] == IGNORED).all()
            ids = np.append(row[:length].numpy(), target[length - 1].numpy())
            found = any(_occurs(ids, whole) for whole in PIECES)
            assert found
            assert ids[0] == TOKENIZER.begin_id or TOKENIZER.slot_of[ids[0]] == 0


def _occurs(ids: NDArray[np.int64], whole: NDArray[np.uint16]) -> bool:
    views = (
        np.lib.stride_tricks.sliding_window_view(whole, len(ids)) if len(whole) >= len(ids) else np.empty((0, len(ids)))
    )
    return bool((views == ids).all(axis=1).any())


def test_every_epoch_covers_everything_and_differs() -> None:
    source = batches()
    tables = [source._make_epoch(epoch) for epoch in range(3)]
    for table in tables:
        for index, ids in enumerate(PIECES):
            seen = np.zeros(len(ids), dtype=bool)
            for start in table[table[:, 0] == index, 1]:
                seen[start + 1 : start + CONTEXT + 1] = True
            assert seen[1:].all()  # every id but the first is a target
        assert len(np.unique(table, axis=0)) == len(table)
        long = table[table[:, 0] == 2]
        assert (len(PIECES[2]) - 1 - long[:, 1] >= CONTEXT).all()  # no padding where the piece is long enough
    assert not np.array_equal(tables[0], tables[1])


def test_batches_depend_on_seed_and_step_alone() -> None:
    source, again, other = batches(), batches(), batches(seed=2)
    order = [7, 3, 50, 3]
    for step in order:
        assert torch.equal(source.batch(step)["inputs"], again.batch(step)["inputs"])
        assert torch.equal(batches().batch(step)["targets"], source.batch(step)["targets"])
    assert not torch.equal(source.batch(3)["inputs"], other.batch(3)["inputs"])


def test_batches_follow_one_another_through_the_epochs() -> None:
    source = batches(batch=5)
    rows = torch.cat([source.batch(step)["inputs"] for step in range(40)])
    singles = torch.cat([batches(batch=1).batch(step)["inputs"] for step in range(200)])
    assert torch.equal(rows, singles)


def test_augmentation_keeps_shape_and_changes_with_the_lane() -> None:
    plain, varied = batches(), batches(augmentation=Augmentation(semitones=5, stretch=0.1, velocity=8))
    nothing = batches(augmentation=Augmentation(semitones=0, stretch=0.0, velocity=0))
    for step in range(10):
        a, b = plain.batch(step), varied.batch(step)
        assert torch.equal(a["inputs"], nothing.batch(step)["inputs"])
        assert torch.equal(a["targets"] == IGNORED, b["targets"] == IGNORED)
        assert not torch.equal(a["inputs"], b["inputs"])
        assert torch.equal(b["inputs"], varied.batch(step)["inputs"])


def test_no_pieces() -> None:
    with pytest.raises(ConfigError, match="'train' is empty"):
        WindowBatches([], TOKENIZER, context=8, batch=1, seed=1)
