from __future__ import annotations

import numpy as np
import pytest

from arbitrary_scores import track
from tonada import config
from tonada.errors import UnknownNameError
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score
from tonada.symbolic.tempo import TempoMap
from tonada.symbolic.tokenizers.giga import GigaConfig, GigaTokenizer

GIGA = GigaTokenizer()
EXACT = GigaTokenizer(GigaConfig(exact=True))
MILLISECONDS = TempoMap.from_events([], [], ticks_per_quarter=500)
GOLDEN = [(0, 500, 60), (0, 500, 64), (517, 31, 67), (3000, 6000, 48)]
GOLDEN_IDS = [127, 0, 15, 64, 127, 0, 15, 60, 127, 32, 1, 67, 127, 126, 126, 48]


def score_of(*rows: tuple[int, int, int]) -> Score:
    """Give a score of (onset ms, duration ms, pitch)."""
    return Score(tracks=(track([(*row, 64) for row in rows]),), tempo_map=MILLISECONDS)


@pytest.mark.parametrize("tokenizer", [GIGA, EXACT], ids=["plain", "exact"])
def test_golden_vector(tokenizer: GigaTokenizer) -> None:
    assert tokenizer.encode(score_of(*GOLDEN)).tolist() == GOLDEN_IDS


def test_decoding_the_golden_vector() -> None:
    notes = GIGA.decode_notes(GOLDEN_IDS)
    assert notes.onset_s.tolist() == [0.0, 0.0, 0.512, 2.528]
    assert notes.duration_s.tolist() == [0.48, 0.48, 0.032, 4.032]
    assert notes.pitch.tolist() == [60, 64, 67, 48]
    assert notes.velocity.tolist() == [90] * 4


def test_whole_units_stay_whole() -> None:
    rows = [(16 * unit, 32 * unit, 60 + unit % 12) for unit in range(1, 100)]
    group = GIGA.encode(score_of(*rows)).reshape(-1, 4)
    assert group[:, 2].tolist() == list(range(1, 100))
    assert group[:, 1].tolist() == [0] + [1] * 98


def test_what_is_too_long_or_high_is_moved() -> None:
    assert GIGA.encode(score_of((0, 0, 0), (10_000, 90_000, 127))).tolist() == [127, 0, 1, 1, 127, 126, 126, 126]


def test_the_pedal_is_ignored_and_overlaps_are_kept() -> None:
    notes = [(0, 320, 60, 64), (160, 32, 60, 64)]
    score = Score(tracks=(track(notes, [(0, 64, 127), (900, 64, 0)]),), tempo_map=MILLISECONDS)
    assert GIGA.encode(score).tolist() == [127, 0, 10, 60, 127, 10, 1, 60]
    assert GIGA.encode(GIGA.decode(GIGA.encode(score))).tolist() == [127, 0, 10, 60, 127, 10, 1, 60]


def test_notes_of_one_unit_keep_their_order() -> None:
    ids = GIGA.encode(score_of((0, 32, 60), (1, 32, 64), (2, 32, 62)))
    assert ids[3::4].tolist() == [60, 64, 62]
    assert GIGA.encode(GIGA.decode(ids))[3::4].tolist() == [60, 64, 62]
    assert GIGA.decode_notes(ids).onset_s.max() < 0.001


def test_only_groups_of_three_are_notes() -> None:
    ids = [5, 5, 60, 127, 1, 1, 127, 127, 1, 2, 61, 9, 127, 4, 3, 62]
    notes = GIGA.decode_notes(ids)
    assert notes.pitch.tolist() == [60, 62]
    assert notes.onset_s.tolist() == [0.08, 0.144]


def test_simulated_velocities_follow_pitch_and_chord() -> None:
    rows = [(0.0, 0.5, 60, 1), (0.0, 0.5, 64, 1), (1.0, 0.5, 67, 1), (2.0, 0.5, 120, 1), (2.0, 0.5, 20, 1)]
    simulated = GigaTokenizer(GigaConfig(velocity="simulated"))
    notes = simulated.decode_notes(simulated.encode_notes(Notes.from_rows(rows)))
    assert notes.velocity.tolist() == [94, 94, 77, 127, 127]


def test_a_prompt_ends_with_one_more_separator() -> None:
    notes = Notes.from_rows([(0.0, 0.5, 60, 64)])
    assert GIGA.prompt_ids(notes).tolist() == [127, 0, 15, 60, 127]
    assert GIGA.prompt_ids(notes).dtype == np.uint16
    grammar = GIGA.grammar(1)
    grammar.prime(GIGA.prompt_ids(notes))
    assert np.flatnonzero(grammar.allowed()[0]).tolist() == list(range(127))


def test_slots_and_widths_are_counted_from_the_separator() -> None:
    ids = [7, 127, 0, 15, 60, 3, 127, 9, 127, 127, 1]
    assert GIGA.slots_of(ids).tolist() == [4, 0, 1, 2, 3, 4, 0, 1, 0, 0, 1]
    assert GIGA.widths_of(ids).tolist() == [1, 1, 1.6, 3.2, 1, 1, 1, 1.6, 1, 1, 1.6]


def test_exact_mode_rounds_the_time_between_any_two_events() -> None:
    # At 384 ticks per quarter of 500 ms a tick is 1.3021 ms; every step of 48 ticks is 62.5 ms, and halves go to even.
    tempo_map = TempoMap.from_events([0], [500_000], ticks_per_quarter=384)
    notes = [(48 * index, 48, 60, 64) for index in range(4)]
    score = Score(tracks=(track(notes),), tempo_map=tempo_map)
    assert GIGA.encode(score).tolist() == [127, 0, 1, 60, 127, 3, 1, 60, 127, 4, 1, 60, 127, 4, 1, 60]
    # 62 + 62 + 62: units 3, 7, 11.
    assert EXACT.encode(score).tolist() == [127, 0, 1, 60, 127, 3, 1, 60, 127, 4, 1, 60, 127, 4, 1, 60]
    # A control change after every tick of 1.3021 ms: 47 deltas of 1 ms and the last 1 ms.
    controls = [(tick, 1, 0) for tick in range(144)]
    score = Score(tracks=(track(notes, controls),), tempo_map=tempo_map)
    assert GIGA.encode(score)[1::4].tolist() == [0, 3, 4, 4]
    assert EXACT.encode(score)[1::4].tolist() == [0, 3, 3, 3]


def test_exact_mode_follows_the_tempo_inside_a_delta() -> None:
    # 100 ticks of 1 ms, then 100 ticks of 2.4 ms: 340 ms, 21 units and a bit.
    tempo_map = TempoMap.from_events([0, 100], [500_000, 1_200_000], ticks_per_quarter=500)
    score = Score(tracks=(track([(0, 50, 60, 64), (200, 50, 62, 64)]),), tempo_map=tempo_map)
    assert EXACT.encode(score).tolist() == [127, 0, 1, 60, 127, 21, 3, 62]
    assert GIGA.encode(score).tolist() == [127, 0, 1, 60, 127, 21, 3, 62]


def test_exact_mode_of_nothing_is_nothing() -> None:
    drums = track([(0, 100, 36, 64)], is_drum=True)
    assert EXACT.encode(Score(tracks=(drums,), tempo_map=MILLISECONDS)).tolist() == []


def blocks(*groups: tuple[int, int, int], count: int = 256) -> np.ndarray:
    """Give the training blocks of groups, repeated until there are ``count`` notes."""
    rows = np.resize(np.array(groups), (count, 3))
    return GIGA.training_blocks(np.insert(rows, 0, 127, axis=1).astype(np.uint16).reshape(-1))


def test_training_blocks_are_rich_and_whole() -> None:
    rich = [(shift, duration, 60) for shift in (0, 4) for duration in range(1, 29)]
    assert blocks(*rich).shape == (1, 1024)
    assert blocks(*rich, count=511).shape == (1, 1024)
    assert blocks(*rich, count=255).shape == (0, 1024)
    assert len(blocks(*rich[:27], *rich[28:55])) == 0  # 54 distinct triples
    assert len(blocks(*[(4, duration, 60) for duration in range(1, 60)])) == 0  # no chord
    assert len(blocks(*[(index % 2, duration, 60) for index, duration in enumerate(range(1, 61))])) == 0  # too short
    assert len(blocks((0, 1, 60), *[(50, duration, 60) for duration in range(1, 60)])) == 1
    assert len(blocks((0, 1, 60), *[(126, duration, 60) for duration in range(1, 60)])) == 0  # too long
    assert blocks(*rich, count=0).shape == (0, 1024)


def test_unknown_velocity_rules_are_errors() -> None:
    with pytest.raises(UnknownNameError, match="simulated"):
        config.from_mapping(GigaConfig, {"velocity": "simulate"})


def test_ids_of_notes_as_they_are() -> None:
    giga = GigaTokenizer()
    notes = Notes.from_rows([(0.5, 0.5, 60, 64), (0.5, 0.1, 64, 64), (1.017, 9.0, 67, 64)])
    order, ids = giga.note_ids(notes)
    assert order.tolist() == [1, 0, 2]  # a chord from the highest to the lowest
    assert ids.tolist() == [[127, 0, 3, 64], [127, 0, 15, 60], [127, 32, 126, 67]]
    assert np.array_equal(ids.reshape(-1), giga.encode_notes(notes))
    assert giga.note_ids(notes, after_s=0.34)[1][0].tolist() == [127, 10, 3, 64]
    assert giga.note_ids(notes, after_s=0.7)[1][0, 1] == 0


def test_slots_say_what_their_ids_stand_for() -> None:
    giga = GigaTokenizer()
    found = [tuple(values[[0, -1]].tolist() for values in giga.slot_values(slot)) for slot in range(4)]
    assert found == [*(([127, 127], [127, 127]), ([0, 126], [0, 2016]), ([1, 126], [32, 4032]), ([1, 126], [1, 126]))]
