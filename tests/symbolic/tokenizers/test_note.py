from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from arbitrary_scores import scores
from tonada import config
from tonada.errors import ConfigError, UnknownNameError
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.conditions import CONDITIONS, KEYS
from tonada.symbolic.tokenizers.note import NoteConfig, NoteTokenizer

NOTE = NoteTokenizer()
ONSET, PITCH, VELOCITY, DURATION = 87, 233, 361, 393
"""First ids of the slots."""


def encode(*rows: tuple[float, float, int, int]) -> list[list[int]]:
    """Give the groups of four, each counted from the first id of its slot."""
    ids = NOTE.encode_notes(Notes.from_rows(rows), begin=False, end=False).astype(int).reshape(-1, 4)
    return (ids - [ONSET, PITCH, VELOCITY, DURATION]).tolist()


def test_the_ids_have_their_places() -> None:
    """Weights that are trained depend on every one of these numbers."""
    assert NOTE.vocabulary_size == 538
    assert [int(np.argmax(NOTE.slot_of == slot)) for slot in range(4)] == [ONSET, PITCH, VELOCITY, DURATION]
    assert (NOTE.pad_id, NOTE.begin_id, NOTE.end_id) == (0, 1, 2)
    first = {kind: NOTE.conditions.ids({kind: NOTE.conditions.names[kind][0]})[0] for kind in CONDITIONS}
    assert first == {"composer": 3, "style": 39, "key": 47, "tempo": 71, "density": 76, "length": 81}
    assert NOTE.conditions.ids({"composer": "Tchaikovsky", "key": "B minor"}) == [37, 70]


def test_golden_vector() -> None:
    rows = [(0.0, 0.5, 60, 1), (0.0, 0.5, 64, 4), (0.517, 0.031, 67, 5), (3.0, 6.0, 48, 127)]
    assert encode(*rows) == [[0, 60, 0, 49], [0, 64, 0, 49], [52, 67, 1, 2], [112, 48, 31, 123]]
    ids = NOTE.encode_notes(Notes.from_rows(rows))
    assert (ids[0], ids[-1], len(ids)) == (1, 2, 18)
    decoded = NOTE.decode_notes(ids)
    assert decoded.onset_s.tolist() == [0.0, 0.0, 0.52, 2.96]
    assert decoded.duration_s.tolist() == [0.5, 0.5, 0.03, 6.17]
    assert decoded.velocity.tolist() == [2, 2, 6, 126]


def test_every_step_up_to_a_second_has_its_own_id() -> None:
    for step in range(101):
        group = encode((1.0, 1.0, 60, 64), (1.0 + step / 100, max(step, 1) / 100, 64, 64))[1]
        assert (group[0], group[3]) == (step, max(step, 1) - 1)


def test_steps_are_rounded_halves_up() -> None:
    assert [encode((second, 1.0, 60, 64))[0][0] for second in (0.0049, 0.0051, 0.015, 0.025)] == [0, 1, 2, 3]
    assert [encode((0.0, second, 60, 64))[0][3] for second in (0.0, 0.004, 0.0149, 0.0151)] == [0, 0, 0, 1]


def test_long_times_are_right_to_4_percent_and_not_cut_below_30_s() -> None:
    for second in np.geomspace(1.001, 30.0, 200):
        decoded = NOTE.decode_notes(NOTE.encode_notes(Notes.from_rows([(second, second, 60, 64)])))
        assert decoded.onset_s[0] == pytest.approx(second, rel=0.04, abs=0.005)
        assert decoded.duration_s[0] == pytest.approx(second, rel=0.04, abs=0.005)
    cut = NOTE.decode_notes(NOTE.encode_notes(Notes.from_rows([(500.0, 500.0, 60, 64)])))
    assert 30 < cut.onset_s[0] < 33
    assert 30 < cut.duration_s[0] < 33


def test_velocities_are_right_to_2() -> None:
    rows = [(float(velocity), 0.5, 60, velocity) for velocity in range(1, 128)]
    decoded = NOTE.decode_notes(NOTE.encode_notes(Notes.from_rows(rows)))
    assert np.abs(decoded.velocity - np.arange(1, 128)).max() == 2


@settings(max_examples=60)
@given(scores())
def test_short_times_are_right_to_10_ms(score: Score) -> None:
    real, decoded = fold_pedal(score), NOTE.decode_notes(NOTE.encode(score))
    step = np.floor(real.onset_s * 100 + 0.5).astype(int)
    last = {key: index for index, key in enumerate(zip(step.tolist(), real.pitch.tolist(), strict=True))}
    real = real[np.array(sorted(last.values()), dtype=np.int64)]
    step = np.floor(real.onset_s * 100 + 0.5).astype(int)
    order = np.lexsort((real.pitch, step))
    assert np.array_equal(decoded.pitch, real.pitch[order])
    assert np.abs(decoded.velocity - real.velocity[order]).max(initial=0) <= 2
    shift, decoded_shift = (np.diff(onset_s, prepend=0) for onset_s in (real.onset_s[order], decoded.onset_s))
    short = shift < 1
    assert np.abs(shift - decoded_shift)[short].max(initial=0) <= 0.01 + 1e-9
    duration_s = real.duration_s[order]
    short = duration_s < 1
    assert np.abs(duration_s - decoded.duration_s)[short].max(initial=0) <= 0.01 + 1e-9


def test_of_a_pitch_on_one_step_the_later_note_is_kept() -> None:
    assert encode((0.496, 0.2, 60, 10), (0.504, 0.3, 60, 20)) == [[50, 60, 4, 29]]


def test_a_duration_ends_before_its_pitch_returns() -> None:
    assert encode((0.0, 5.0, 60, 64), (0.1, 0.5, 62, 64), (0.21, 1.0, 60, 64)) == [
        [0, 60, 15, 20],
        [10, 62, 15, 49],
        [11, 60, 15, 99],
    ]


def test_the_first_shift_counts_from_the_start_of_the_piece() -> None:
    assert encode((0.25, 0.5, 60, 64))[0][0] == 25


def test_widths_are_in_units_of_10_ms_and_velocities() -> None:
    widths = NOTE.bin_width
    assert (widths[:ONSET] == 1).all()
    assert (widths[ONSET : ONSET + 101] == 1).all()
    assert widths[ONSET + 101] == 8
    assert (widths[PITCH:VELOCITY] == 1).all()
    assert widths[VELOCITY:DURATION].tolist() == [4.0] * 31 + [3.0]
    assert widths[DURATION + 100] == 8
    assert widths[ONSET:PITCH].sum() == 3231  # steps 0 … 3230
    assert widths[DURATION:].sum() == 3230
    assert (np.diff(widths[DURATION:]) >= 0).all()


def test_times_are_as_wide_as_their_grid_is_coarse() -> None:
    coarse = NoteTokenizer(NoteConfig(step_ms=25))
    widths = [coarse.bin_width[coarse.slot_of == slot] for slot in range(4)]
    assert widths[0][:41].tolist() == [2.5] * 41  # 0 to 1 s, in steps of 25 ms, told in units of 10 ms
    assert widths[3][:40].tolist() == [2.5] * 40
    assert (widths[1] == 1).all()
    assert widths[2].tolist() == [4.0] * 31 + [3.0]


def test_conditions_stand_before_the_first_note_in_their_order() -> None:
    notes = Notes.from_rows([(0.0, 0.5, 60, 64)])
    conditions = {"density": "dense", "composer": "Chopin", "key": "C# minor"}
    ids = NOTE.encode_notes(notes, conditions=conditions)
    assert ids.tolist()[:4] == [1, *NOTE.conditions.ids(conditions)]
    assert sorted(ids.tolist()[1:4]) == ids.tolist()[1:4]
    assert NOTE.decode_notes(ids).equals(NOTE.decode_notes(NOTE.encode_notes(notes)))
    score = Score.from_notes(notes)
    assert np.array_equal(NOTE.encode(score, conditions), ids)
    assert np.array_equal(NOTE.prompt_ids(notes, conditions), ids[:-1])
    assert NOTE.window_starts(ids).tolist() == [0, 4]
    assert NOTE.count_notes(ids) == 1


def test_the_grammar_understands_conditions_and_never_makes_them_up() -> None:
    conditions = {"composer": "Chopin", "style": "romantic", "key": "C# minor", "tempo": "slow", "length": "ending"}
    ids = NOTE.encode_notes(Notes.from_rows([(0.0, 0.5, 60, 64)]), conditions=conditions)
    onsets = range(ONSET, PITCH)
    for opened in (ids, ids[1:]):  # a window from the middle of a piece has no begin id
        grammar = NOTE.grammar(1)
        for token in opened[:-5]:
            allowed = np.flatnonzero(grammar.allowed()[0]).tolist()
            assert set(onsets) < set(allowed) <= {NOTE.begin_id, NOTE.end_id, *onsets}
            grammar.advance(np.array([token]))
        for token in opened[-5:]:
            assert grammar.allowed()[0, token]
            grammar.advance(np.array([token]))
        assert np.flatnonzero(grammar.allowed()[0]).tolist() == [NOTE.pad_id]
    after_note = NOTE.grammar(1)
    after_note.prime(ids[:-1])
    assert np.flatnonzero(after_note.allowed()[0]).tolist() == [NOTE.end_id, *onsets]
    after_note.prime(ids[1:4])  # said once more, as where a window slides
    assert np.flatnonzero(after_note.allowed()[0]).tolist() == [NOTE.end_id, *onsets]


def test_conditions_are_set_in_place_of_others() -> None:
    notes = Notes.from_rows([(0.0, 0.5, 60, 64), (1.0, 0.5, 62, 64)])
    plain = NOTE.encode_notes(notes)
    told = NOTE.set_conditions(plain, {"length": "short", "composer": "Bach"})
    assert np.array_equal(told, NOTE.encode_notes(notes, conditions={"composer": "Bach", "length": "short"}))
    assert told.dtype == np.uint16
    assert np.array_equal(NOTE.set_conditions(told, {}), plain)
    inside = NOTE.set_conditions(plain[1:], {"key": "C major"})
    assert inside.tolist() == [*NOTE.conditions.ids({"key": "C major"}), *plain[1:].tolist()]
    assert NOTE.set_conditions(plain[[0, -1]], {"key": "C major"}).tolist() == [1, inside[0], 2]
    with pytest.raises(UnknownNameError, match="unknown condition 'mood'"):
        NOTE.set_conditions(plain, {"mood": "sad"})


def test_a_kind_without_names_does_not_exist() -> None:
    """The ids of a model that was trained before there was a kind stay what they were."""
    tokenizer = NoteTokenizer(NoteConfig(lengths=(), length_bounds_s=()))
    assert tokenizer.vocabulary_size == 532
    assert int(np.argmax(tokenizer.slot_of == 0)) == 81
    assert tokenizer.conditions.name_of("length", 3.0) is None
    with pytest.raises(UnknownNameError, match="unknown length 'ending'"):
        tokenizer.encode_notes(Notes.empty(), conditions={"length": "ending"})


def test_slots_say_what_their_ids_stand_for() -> None:
    (onsets, shift_ms), (pitches, pitch), (velocities, velocity), (durations, duration_ms) = map(
        NOTE.slot_values, range(4)
    )
    assert (onsets[0], pitches[0], velocities[0], durations[0]) == (ONSET, PITCH, VELOCITY, DURATION)
    assert durations[-1] == NOTE.vocabulary_size - 1
    assert (shift_ms[:3].tolist(), shift_ms[100], duration_ms[:2].tolist()) == ([0, 10, 20], 1000, [10, 20])
    assert (pitch.tolist(), velocity[:2].tolist()) == (list(range(128)), [2, 6])


def test_ids_of_notes_as_they_are() -> None:
    rows = [(0.5, 0.2, 60, 64), (0.502, 9.0, 60, 64), (1.0, 0.0, 60, 127)]
    order, ids = NOTE.note_ids(Notes.from_rows(rows))
    assert order.tolist() == [0, 1, 2]
    # What encode_notes would drop (two of a pitch on a step) and shorten (to the next onset) is there, and whole.
    assert (ids - [ONSET, PITCH, VELOCITY, DURATION])[:, :3].tolist() == [[50, 60, 15], [0, 60, 15], [50, 60, 31]]
    assert NOTE.decode_notes(ids[1:2].reshape(-1)).duration_s == pytest.approx(9.0, rel=0.05)
    later = NOTE.note_ids(Notes.from_rows(rows), after_s=0.3)[1]
    assert (later[0, 0] - ONSET, later[1:].tolist()) == (20, ids[1:].tolist())
    assert NOTE.note_ids(Notes.from_rows(rows), after_s=2.0)[1][0, 0] == ONSET
    apart = Notes.from_rows([(0.3 * i, 0.2, 60 + i, 64) for i in range(9)])
    assert np.array_equal(NOTE.note_ids(apart)[1].reshape(-1), NOTE.encode_notes(apart, begin=False, end=False))


@pytest.mark.parametrize(
    ("key", "semitones", "moved"),
    [("C major", 2, "D major"), ("C major", -2, "Bb major"), ("Bb minor", 3, "C# minor"), ("F# major", 0, "F# major")],
)
def test_a_key_is_transposed(key: str, semitones: int, moved: str) -> None:
    ids = NOTE.conditions.ids({"key": key})
    assert NOTE.conditions.transposed(ids[0], semitones) == NOTE.conditions.ids({"key": moved})


def test_a_key_without_a_name_is_left_out() -> None:
    tokenizer = NoteTokenizer(NoteConfig(keys=("C major", "Db major")))
    ids = tokenizer.encode_notes(
        Notes.from_rows([(0.0, 0.5, 60, 64)]), conditions={"composer": "Bach", "key": "C major", "tempo": "slow"}
    )
    moved = tokenizer.transpose_conditions(ids, 1)
    assert moved.dtype == np.uint16
    assert moved[2] == ids[2] + 1
    assert np.array_equal(tokenizer.transpose_conditions(ids, 2), np.delete(ids, 2))


def test_tempi_densities_and_lengths_have_names() -> None:
    assert [NOTE.conditions.name_of("tempo", bpm) for bpm in (20, 60, 100, 149, 150, 400)] == [
        *("very slow", "slow", "moderate", "fast", "very fast", "very fast")
    ]
    assert [NOTE.conditions.name_of("density", density) for density in (0, 6.5, 10.4, 10.5, 99)] == [
        *("very sparse", "sparse", "medium", "dense", "very dense")
    ]
    assert [NOTE.conditions.name_of("length", seconds) for seconds in (0, 14.99, 15, 59, 60, 299, 300, 9999)] == [
        *("ending", "ending", "very short", "short", "medium", "long", "very long", "very long")
    ]


def test_all_24_keys_differ() -> None:
    assert len(KEYS) == 24
    assert {NOTE.conditions.transposed(47, semitones)[0] for semitones in range(12)} == set(range(47, 59))


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        ("composer", "  saint-saens ", "Saint-Saëns"),
        ("composer", "ALBENIZ", "Albéniz"),
        ("key", "bb major", "Bb major"),
        ("key", "B-flat Major", "Bb major"),
        ("key", "a sharp major", "Bb major"),
        ("key", "b minor", "B minor"),
        ("key", "Cb major", "B major"),
        ("density", "Very  Dense", "very dense"),
    ],
)
def test_names_are_found_in_any_spelling(kind: str, text: str, name: str) -> None:
    assert NOTE.conditions.find(kind, text) == name


def test_names_that_are_not_found() -> None:
    for kind, text, words in (
        ("composer", "Chopn", "unknown composer 'Chopn'. Did you mean Chopin"),
        ("key", "H minor", "unknown key 'H minor'"),
        ("key", "", "unknown key ''"),
        ("mood", "sad", "unknown condition 'mood'"),
    ):
        with pytest.raises(UnknownNameError, match=words):
            NOTE.conditions.find(kind, text)


def test_unknown_conditions_are_errors() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown condition 'composr'. Did you mean composer"):
        NOTE.encode_notes(Notes.empty(), conditions={"composr": "Bach"})
    with pytest.raises(UnknownNameError, match=r"unknown composer 'Bahc'. Did you mean Bach"):
        NOTE.prompt_ids(Notes.empty(), {"composer": "Bahc"})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"step_ms": 0}, "NoteConfig.step_ms must be at least 1; got 0"),
        ({"exact_ms": 1005}, "exact_ms must be a multiple of step_ms"),
        ({"longest_ms": 500}, "at most longest_ms"),
        ({"growth": 0.0}, "growth must lie between 0 and 1; got 0.0"),
        ({"velocity_step": 128}, "velocity_step must be at most 127; got 128"),
        ({"styles": ("a", "b", "a")}, "the names for the condition 'style' must differ; got a, b, a"),
        ({"keys": ("H major",)}, "a key is a tonic and a mode, such as 'Bb major'; got 'H major'"),
        ({"tempos": ("slow", "fast")}, "tempo_bounds_bpm must be 1 rising numbers"),
        ({"density_bounds": (3.0, 2.0, 4.0, 5.0)}, "density_bounds must be 4 rising numbers"),
        ({"step_ms": 1, "exact_ms": 30_000, "growth": 1e-9, "longest_ms": 60_000}, "there are 65536"),
    ],
)
def test_impossible_settings_are_errors(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        NoteTokenizer(NoteConfig(**settings))


def test_the_config_survives_a_file() -> None:
    assert config.from_mapping(NoteConfig, config.to_mapping(NoteConfig())) == NoteConfig()
