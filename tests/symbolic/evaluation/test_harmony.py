"""Statistics of harmony, by hand."""

from __future__ import annotations

import math

import pytest

from tonada.symbolic.evaluation.harmony import CHORD_TYPES, describe_harmony
from tonada.symbolic.notes import Notes


def chords(*groups: tuple[int, ...], length_s: float = 1.0) -> Notes:
    """Strike groups of pitches, one a second."""
    return Notes.from_rows([(float(i), length_s, pitch, 64) for i, group in enumerate(groups) for pitch in group])


def shares(found: dict[str, float], *, of: str = "chord_") -> dict[str, float]:
    return {name: value for name, value in found.items() if name.startswith(of) and value and name.endswith("share")}


def test_four_chords_by_hand() -> None:
    found = describe_harmony(chords((60, 64, 67), (57, 60, 64), (60, 64, 67, 72), (48, 60)))
    assert found["three_note_share"] == 0.75
    assert shares(found) == {"chord_major_share": 2 / 3, "chord_minor_share": 1 / 3}
    assert found["chord_set_entropy_bits"] == pytest.approx(math.log2(3) - 2 / 3)
    # Each of the three triads holds a minor third, a major third and a fifth.
    assert shares(found, of="interval") == pytest.approx(
        {"interval_class_3_share": 1 / 3, "interval_class_4_share": 1 / 3, "interval_class_5_share": 1 / 3}
    )
    assert found["consonance_share"] == 1.0
    assert (found["two_sounding_share"], found["three_sounding_share"]) == (1.0, 0.75)


@pytest.mark.parametrize("name", CHORD_TYPES)
@pytest.mark.parametrize("root", range(12))
def test_every_type_on_every_root_in_every_inversion(name: str, root: int) -> None:
    steps = CHORD_TYPES[name]
    for inversion in range(len(steps)):
        pitches = [48 + root + step + (12 if place < inversion else 0) for place, step in enumerate(steps)]
        assert shares(describe_harmony(chords(tuple(pitches)))) == {f"chord_{name}_share": 1.0}


def test_doublings_clusters_and_incomplete_chords() -> None:
    found = describe_harmony(chords((48, 60, 72), (48, 60, 67), (60, 61, 62), (60, 64, 70), (60, 62, 67)))
    assert shares(found) == {"chord_dyad_share": 0.4, "chord_other_share": 0.4, "chord_suspended_share": 0.2}


def test_the_vector_of_a_dominant_seventh_and_of_a_cluster() -> None:
    seventh = describe_harmony(chords((55, 59, 62, 65)))  # Forte's 4-27: [0 1 2 1 1 1]
    assert [seventh[f"interval_class_{i}_share"] for i in range(1, 7)] == pytest.approx([0, 1 / 6, 2 / 6] + [1 / 6] * 3)
    assert seventh["consonance_share"] == pytest.approx(4 / 6)  # all but F–G and B–F
    whole = describe_harmony(chords(tuple(range(60, 72))))  # the chromatic aggregate: [12 12 12 12 12 6]
    assert [whole[f"interval_class_{i}_share"] for i in range(1, 7)] == pytest.approx([12 / 66] * 5 + [6 / 66])


def test_consonance_counts_pairs_of_pitches_octaves_too() -> None:
    # C4 C5 D5: the octave is consonant, the ninth and the second are not.
    found = describe_harmony(chords((60, 72, 74)))
    assert found["consonance_share"] == pytest.approx(1 / 3)
    assert found["interval_class_2_share"] == 1.0
    assert describe_harmony(chords((60, 65)))["consonance_share"] == 1.0  # a fourth
    assert describe_harmony(chords((60, 66)))["consonance_share"] == 0.0  # a tritone


def test_a_chord_is_what_is_struck_together_not_what_sounds_on() -> None:
    held = Notes.from_rows([(0.0, 4.0, 60, 64), (1.0, 3.0, 64, 64), (2.0, 2.0, 67, 64)])
    found = describe_harmony(held)
    assert found["three_note_share"] == 0.0
    assert found["two_sounding_share"] == 0.75
    assert found["three_sounding_share"] == 0.5
    assert math.isnan(found["consonance_share"])
    assert math.isnan(found["chord_major_share"])
    spread = Notes.from_rows([(0.0, 4.0, 60, 64), (0.03, 3.0, 64, 64), (0.06, 2.0, 67, 64)])
    assert describe_harmony(spread)["chord_major_share"] == 1.0


def test_one_key_struck_twice_is_one_pitch() -> None:
    found = describe_harmony(Notes.from_rows([(0.0, 1.0, 60, 64), (0.01, 1.0, 60, 64), (0.02, 1.0, 64, 64)]))
    assert found["three_note_share"] == 0.0
    assert found["consonance_share"] == 1.0


def test_silence_is_no_time_in_which_less_sounds() -> None:
    found = describe_harmony(Notes.from_rows([(0.0, 1.0, 60, 64), (0.0, 1.0, 64, 64), (9.0, 1.0, 60, 64)]))
    assert found["two_sounding_share"] == 0.5


def test_the_outermost_keys() -> None:
    assert describe_harmony(chords((0, 127, 4)))["chord_major_share"] == 1.0  # C, E and G


def test_without_notes_nothing_can_be_told() -> None:
    assert all(math.isnan(value) for value in describe_harmony(Notes.empty()).values())
