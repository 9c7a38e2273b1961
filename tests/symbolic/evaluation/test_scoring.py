from __future__ import annotations

import math

import numpy as np
import pytest

from tonada.registry import names, resolve
from tonada.symbolic.evaluation.baselines import allowed_ids, fit_baselines
from tonada.symbolic.evaluation.scoring import figures, find_targets, slot_names
from tonada.symbolic.notes import Notes

NOTES = Notes.from_rows(
    [(0.0, 0.5, 60, 64), (0.0, 0.5, 64, 64), (0.517, 0.031, 67, 90), (3.0, 6.0, 48, 90), (3.2, 0.1, 67, 20)]
)


def test_giga_is_scored_by_position_since_its_slots_share_ids() -> None:
    tokenizer = resolve("tokenizer", "giga")()
    ids = tokenizer.encode_notes(NOTES)
    targets = find_targets(tokenizer, ids)
    assert slot_names(tokenizer) == ("separator", "onset", "duration", "pitch")
    assert targets.position.tolist() == list(range(1, 20))  # the first separator has nothing before it
    assert targets.slot.tolist() == (list(range(4)) * 5)[1:]
    assert targets.place.tolist() == targets.slot.tolist()
    assert targets.previous.tolist() == [-1, -1, -1, *ids[:16].tolist()]
    assert targets.width.tolist() == ([1.0, 1.6, 3.2, 1.0] * 5)[1:]
    allowed = allowed_ids(tokenizer)
    assert [int(row.sum()) for row in allowed] == [1, 127, 126, 126]


def test_performance_is_scored_as_events_and_its_edge_once() -> None:
    tokenizer = resolve("tokenizer", "performance")()
    ids = tokenizer.encode_notes(NOTES)
    targets = find_targets(tokenizer, ids)
    assert tokenizer.begin_id == tokenizer.end_id == ids[0] == ids[-1]
    assert slot_names(tokenizer) == ("event", "end")
    assert targets.position.tolist() == list(range(1, len(ids)))
    assert targets.slot.tolist() == [0] * (len(ids) - 2) + [1]
    assert set(targets.place.tolist()) == {0}
    assert targets.previous.tolist() == ids[:-1].tolist()
    allowed = allowed_ids(tokenizer)
    assert np.flatnonzero(~allowed[0]).tolist() == [tokenizer.pad_id]


def test_an_id_that_only_opens_is_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = resolve("tokenizer", "performance")()
    monkeypatch.setattr(tokenizer, "begin_id", 17)
    assert np.flatnonzero(~allowed_ids(tokenizer)[0]).tolist() == sorted([17, tokenizer.pad_id])


@pytest.mark.parametrize("name", names("tokenizer"))
def test_baselines_have_figures_with_every_tokenizer(name: str) -> None:
    tokenizer = resolve("tokenizer", name)()
    ids = tokenizer.encode_notes(NOTES)
    targets = [find_targets(tokenizer, ids)]
    for baseline in fit_baselines(tokenizer, [ids]):
        nats, hits = baseline.score(targets[0])
        row = figures(baseline.name, slot_names(tokenizer), targets, [nats], [hits], notes=5, seconds=9.0)
        assert row.ids == len(targets[0]) == sum(slot.ids for slot in row.slots)
        assert row.nats_per_note == pytest.approx(sum(slot.nats_per_note for slot in row.slots))
        assert row.nats_per_note_corrected > row.nats_per_note > 0.0
        assert row.bits_per_s == pytest.approx(row.nats_per_note * 5 / 9 / math.log(2))


@pytest.mark.parametrize("name", names("tokenizer"))
def test_no_ids_have_no_targets(name: str) -> None:
    tokenizer = resolve("tokenizer", name)()
    for ids in (np.zeros(0, dtype=np.uint16), tokenizer.encode_notes(NOTES)[:1]):
        assert len(find_targets(tokenizer, ids)) == 0
