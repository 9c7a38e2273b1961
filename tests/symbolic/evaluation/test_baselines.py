from __future__ import annotations

import math

import numpy as np
import pytest

from tonada.errors import ConfigError
from tonada.symbolic.evaluation.baselines import BASELINES, Baseline, allowed_ids, fit_baselines
from tonada.symbolic.evaluation.scoring import Targets, find_targets, slot_names
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.note import NoteTokenizer

TOKENIZER = NoteTokenizer()


def piece(*pitches: int, velocity: int = 64) -> np.ndarray:
    return TOKENIZER.encode_notes(Notes.from_rows([(i / 2, 0.5, pitch, velocity) for i, pitch in enumerate(pitches)]))


def fit(*pieces: np.ndarray) -> dict[str, Baseline]:
    return {baseline.name: baseline for baseline in fit_baselines(TOKENIZER, pieces)}


def losses(baseline: Baseline, ids: np.ndarray, slot: str) -> list[float]:
    targets = find_targets(TOKENIZER, ids)
    return baseline.score(targets)[0][targets.slot == slot_names(TOKENIZER).index(slot)].tolist()


def test_targets_of_the_note_tokenizer() -> None:
    ids = TOKENIZER.encode_notes(Notes.from_rows([(0, 1, 60, 64), (1, 1, 62, 64)]), conditions={"composer": "Bach"})
    targets = find_targets(TOKENIZER, ids)
    assert slot_names(TOKENIZER) == ("onset", "pitch", "velocity", "duration", "end")
    assert targets.position.tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 10]  # neither begin nor the composer
    assert targets.token.tolist() == ids[2:].tolist()
    assert targets.slot.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4]
    assert targets.place.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert targets.previous.tolist() == [-1, -1, -1, -1, *ids[2:7].tolist()]
    assert targets.width.tolist() == TOKENIZER.bin_width[ids[2:]].tolist()


def test_unigram_by_hand() -> None:
    unigram = fit(piece(60, 60, 62), piece(60))["unigram"]
    # Pitch: 128 ids; 60 three times, 62 once, 61 never.
    assert losses(unigram, piece(60, 61, 62), "pitch") == pytest.approx(
        [-math.log(4 / 132), -math.log(1 / 132), -math.log(2 / 132)]
    )
    # Where a note begins: the onsets, and the end, which came twice in six.
    begins = int((TOKENIZER.slot_of == 0).sum()) + 1
    assert losses(unigram, piece(60), "end") == pytest.approx([-math.log(3 / (6 + begins))])


def test_bigram_by_hand() -> None:
    bigram = fit(piece(60, 62, 60, 62, 60, 64), piece(60))["bigram"]
    # First notes have a row of their own: twice 60. After 60: 62 twice and 64 once. After 61: nothing is known.
    assert losses(bigram, piece(60, 62), "pitch") == pytest.approx([-math.log(3 / 130), -math.log(3 / 131)])
    assert losses(bigram, piece(61, 62), "pitch") == pytest.approx([-math.log(1 / 130), -math.log(1 / 128)])


@pytest.mark.parametrize("name", BASELINES)
def test_probabilities_of_what_is_allowed_sum_to_one(name: str) -> None:
    baseline = fit(piece(60, 62, 60, 64, 72))[name]
    allowed = allowed_ids(TOKENIZER)
    first = piece(60)[1:5].astype(np.int64)
    for place in range(4):
        for previous in (-1, first[place], np.flatnonzero(TOKENIZER.slot_of == place)[-1]):
            token = np.flatnonzero(allowed[place])
            same = np.ones_like(token)
            targets = Targets(
                position=same,
                token=token,
                slot=same * place,
                place=same * place,
                previous=same * previous,
                width=same / 1,
            )
            nats, hits = baseline.score(targets)
            assert np.exp(-nats).sum() == pytest.approx(1.0, abs=1e-12)
            assert hits.sum() == 1


@pytest.mark.parametrize("name", BASELINES)
def test_log_probabilities_are_those_of_the_scores(name: str) -> None:
    baseline = fit(piece(60, 62, 60, 64, 72))[name]
    targets = find_targets(TOKENIZER, piece(60, 61, 62, 60))
    found = baseline.log_probabilities(targets.place, targets.previous)
    assert found[np.arange(len(targets)), targets.token] == pytest.approx(-baseline.score(targets)[0], abs=1e-12)
    assert np.exp(found).sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert np.array_equal(np.isfinite(found), allowed_ids(TOKENIZER)[targets.place])


def test_what_may_stand_in_a_slot() -> None:
    allowed = allowed_ids(TOKENIZER)
    for place in range(4):
        wanted = TOKENIZER.slot_of == place
        wanted[TOKENIZER.end_id] |= place == 0
        assert np.array_equal(allowed[place], wanted)


def test_the_most_frequent_id_counts_as_right() -> None:
    fitted = fit(piece(60, 62, 60, 62, 60, 64))
    targets = find_targets(TOKENIZER, piece(60, 62, 64))
    pitch = targets.slot == 1
    assert fitted["unigram"].score(targets)[1][pitch].tolist() == [True, False, False]
    assert fitted["bigram"].score(targets)[1][pitch].tolist() == [True, True, False]


def test_counting_in_parts_is_counting_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [piece(*range(60, 60 + count)) for count in (3, 9, 5, 20)]
    wanted = fit(*pieces)
    monkeypatch.setattr("tonada.symbolic.evaluation.baselines._BUFFER", 30)
    found = fit(*pieces)
    targets = find_targets(TOKENIZER, piece(60, 61, 65, 90))
    for name in BASELINES:
        assert np.array_equal(found[name].score(targets)[0], wanted[name].score(targets)[0])


def test_no_training_ids_are_an_error() -> None:
    with pytest.raises(ConfigError, match="no ids"):
        fit_baselines(TOKENIZER, [])
    with pytest.raises(ConfigError, match="no ids"):
        fit_baselines(TOKENIZER, [np.zeros(0, dtype=np.uint16)])


def test_an_id_in_the_wrong_slot_is_an_error() -> None:
    targets = find_targets(TOKENIZER, piece(60))
    wrong = Targets(
        position=targets.position,
        token=targets.token[::-1],
        slot=targets.slot,
        place=targets.place,
        previous=targets.previous,
        width=targets.width,
    )
    with pytest.raises(ConfigError, match=r"position 2 cannot stand in the slot 'pitch'"):
        fit(piece(60))["unigram"].score(wrong)
