"""Training windows: whole epochs without repetition, aligned to notes, a function of the step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tonada.errors import ConfigError
from tonada.symbolic.augment import Augmentation
from tonada.symbolic.key_finding import estimate_key
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.giga import GigaTokenizer
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
    plain, varied = batches(), batches(augmentation=Augmentation(conditions=0.0))
    nothing = batches(augmentation=Augmentation(semitones=0, stretch=0.0, velocity=0, conditions=0.0))
    for step in range(10):
        a, b = plain.batch(step), varied.batch(step)
        assert torch.equal(a["inputs"], nothing.batch(step)["inputs"])
        assert torch.equal(a["targets"] == IGNORED, b["targets"] == IGNORED)
        assert not torch.equal(a["inputs"], b["inputs"])
        assert torch.equal(b["inputs"], varied.batch(step)["inputs"])


CATALOGUE = [{"composer": "Frédéric Chopin", "tempo_bpm": "100.0"}, {}, {"composer": "Nobody Known"}, {}]
PLAIN = {"semitones": 0, "stretch": 0.0, "velocity": 0}


def test_a_window_is_told_what_is_known() -> None:
    """Every kind, always: the windows are those of no conditions, with the conditions before their notes."""
    told = batches(catalogue=CATALOGUE, augmentation=Augmentation(**PLAIN, conditions=1.0, each_condition=1.0))
    plain = batches()
    names = TOKENIZER.conditions.ids
    seen = set()
    for step in range(30):
        places = [told._position(4 * step + lane) for lane in range(4)]
        for (epoch, index), row, target, bare in zip(
            places,
            *(batch[name].numpy() for batch, name in ((told.batch(step), "inputs"), (told.batch(step), "targets"))),
            plain.batch(step)["inputs"].numpy(),
            strict=True,
        ):
            number, start = told._epoch(epoch)[index].tolist()
            whole = PIECES[number]
            notes = TOKENIZER.decode_notes(whole)
            here_s = notes.onset_s[(start - 1) // 4] if start else 0.0
            window = TOKENIZER.decode_notes(whole[start : start + CONTEXT + 1])
            whole_notes = (len(whole[start : start + CONTEXT + 1]) + 3 - (start == 0)) // 4
            onsets = notes.onset_s[max(0, start - 1) // 4 :][:whole_notes]
            assert len(window) in (len(onsets), len(onsets) - 1)  # the last note may be cut
            key = estimate_key(notes)
            assert key is not None
            wanted = {
                **({"composer": "Chopin", "style": "romantic", "tempo": "moderate"} if number == 0 else {}),
                **({"composer": "other"} if number == 2 else {}),
                "key": TOKENIZER.conditions.key_name(*key),
                "density": TOKENIZER.conditions.name_of("density", (len(onsets) - 1) / (onsets[-1] - onsets[0])),
                "length": TOKENIZER.conditions.name_of("length", notes.end_s - here_s),
            }
            ids = names(wanted)
            opening = [1] if start == 0 else []
            expected = [*opening, *ids, *whole[start + len(opening) :].tolist()][: CONTEXT + 1]
            assert row[: len(expected)].tolist() == expected[:CONTEXT]
            assert bare[0] == whole[start]
            asked = [IGNORED if token in TOKENIZER.conditions else token for token in expected[1:]]
            assert target.tolist() == asked + [IGNORED] * (CONTEXT - len(asked))
            seen.add((number, start == 0))
    assert len(seen) > 5


def test_the_key_follows_the_transposition_and_tempo_and_length_the_stretch() -> None:
    """A scale in C, in steady quarters at 118 bpm: told apart only by what was done to it."""
    steps = [0, 2, 4, 5, 7, 9, 11, 12] * 8
    rows = [(0.508 * number, 0.5, 60 + step, 64) for number, step in enumerate(steps)]
    ids = TOKENIZER.encode_notes(Notes.from_rows([*rows, (33.0, 2.0, 60, 64)]))
    settings = Augmentation(semitones=5, stretch=0.2, velocity=0, conditions=1.0, each_condition=1.0)
    source = WindowBatches(
        [ids], TOKENIZER, context=512, batch=1, seed=1, augmentation=settings, catalogue=[{"tempo_bpm": "118"}]
    )
    keys, tempos, lengths = set(), set(), set()
    for step in range(40):
        row = source.batch(step)["inputs"][0].numpy()
        pitch = TOKENIZER.decode_notes(row).pitch[0]
        stretch = settings.draw(1, step).variation["stretch"]
        found = row[1:6].tolist()
        wanted = {
            "key": TOKENIZER.conditions.key_name(int(pitch) % 12, "major"),
            "tempo": TOKENIZER.conditions.name_of("tempo", 118 / stretch),
            "density": "very sparse",
            "length": TOKENIZER.conditions.name_of("length", 35.0 * stretch),
        }
        assert found[:4] == TOKENIZER.conditions.ids(wanted)
        keys.add(wanted["key"])
        tempos.add(wanted["tempo"])
        lengths.add(wanted["length"])
    assert len(keys) > 7
    assert tempos == {"moderate", "fast"}
    assert lengths == {"very short", "short"}


def test_conditions_are_drawn_with_the_batch_and_switched_off_by_nothing() -> None:
    told = batches(augmentation=Augmentation(**PLAIN), catalogue=CATALOGUE)
    again = batches(augmentation=Augmentation(**PLAIN), catalogue=CATALOGUE)
    varied, silent = batches(augmentation=Augmentation()), batches(augmentation=Augmentation(conditions=0.0))
    plain = batches()
    shares = []
    for step in (5, 0, 7, *range(60)):
        one, other = told.batch(step), again.batch(step)
        assert torch.equal(one["inputs"], other["inputs"])
        assert torch.equal(one["targets"], other["targets"])
        bare, quiet, loud = (source.batch(step)["inputs"].numpy() for source in (plain, silent, varied))
        for row, before in ((one["inputs"].numpy(), bare), (loud, quiet)):
            for window, without in zip(row, before, strict=True):
                conditions = TOKENIZER.conditions.among(window)
                shares.append(bool(conditions.any()))
                kept = window[~conditions]
                assert np.array_equal(kept, without[: len(kept)])
        assert not TOKENIZER.conditions.among(one["targets"].numpy()).any()
    assert 0.3 < np.mean(shares) < 0.6


def test_tokenizers_without_conditions_are_told_nothing() -> None:
    giga = GigaTokenizer()
    ids = giga.encode_notes(TOKENIZER.decode_notes(PIECES[2]))
    settings = {"context": CONTEXT, "batch": 4, "seed": 1}
    told = WindowBatches([ids], giga, augmentation=Augmentation(**PLAIN, conditions=1.0), **settings)
    plain = WindowBatches([ids], giga, **settings)
    for step in range(5):
        assert torch.equal(told.batch(step)["inputs"], plain.batch(step)["inputs"])


def test_no_pieces() -> None:
    with pytest.raises(ConfigError, match="'train' is empty"):
        WindowBatches([], TOKENIZER, context=8, batch=1, seed=1)
