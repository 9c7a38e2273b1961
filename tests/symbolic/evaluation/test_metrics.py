from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tonada.symbolic.evaluation.metrics import (
    TIME_EDGES_S,
    describe,
    duration_histogram,
    inter_onset_histogram,
    pitch_class_histogram,
    pitch_class_transitions,
)
from tonada.symbolic.evaluation.repetition import LONGEST_PROFILE_S, profiles
from tonada.symbolic.notes import Notes

GOLDEN = json.loads((Path(__file__).parent / "golden" / "metrics.json").read_text("utf-8"))


def golden_notes(name: str) -> Notes:
    return Notes.from_rows(
        [(on / 100, long / 100, pitch, velocity) for on, long, pitch, velocity in GOLDEN[name]["rows"]]
    )


def melody(*pitches: int, step_s: float = 0.5, length_s: float = 0.5) -> Notes:
    return Notes.from_rows([(index * step_s, length_s, pitch, 64) for index, pitch in enumerate(pitches)])


@pytest.mark.parametrize("name", GOLDEN)
def test_all_metrics_agree_with_muspy_and_plain_loops(name: str) -> None:
    wanted = {key: math.nan if value is None else value for key, value in GOLDEN[name]["metrics"].items()}
    assert describe(golden_notes(name)) == pytest.approx(wanted, rel=1e-12, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", GOLDEN)
def test_histograms_agree_with_counting_one_by_one(name: str) -> None:
    notes, wanted = golden_notes(name), GOLDEN[name]["histograms"]
    assert duration_histogram(notes) == pytest.approx(wanted["duration"], abs=1e-12)
    assert pitch_class_histogram(notes) == pytest.approx(wanted["pitch_class"], abs=1e-12)


def test_two_notes_by_hand() -> None:
    metrics = describe(Notes.from_rows([(1.0, 2.0, 60, 40), (2.0, 2.0, 67, 80)]))
    assert metrics["notes"] == 2
    assert metrics["span_s"] == 3.0
    assert metrics["note_density_per_s"] == pytest.approx(2 / 3)
    assert metrics["polyphony_mean"] == pytest.approx(4 / 3)  # one for 2 s, two for 1 s
    assert metrics["polyphony_max"] == 2
    assert metrics["empty_share"] == 0.0
    assert metrics["pitch_range_semitones"] == 7
    assert metrics["pitch_class_entropy_bits"] == 1.0
    assert metrics["inter_onset_mean_s"] == 1.0
    assert metrics["inter_onset_std_s"] == 0.0
    assert metrics["velocity_std"] == 20.0
    # C alone, C and G, G alone: neighbours share half of what sounds, the outer ones nothing.
    assert metrics["repetition_1s"] == pytest.approx(math.sqrt(0.5))
    assert metrics["repetition_2s"] == 0.0
    assert metrics["self_similarity"] == pytest.approx(2 * math.sqrt(0.5) / 3)


def test_overlapping_notes_of_one_pitch_sound_once_and_for_their_union() -> None:
    within = Notes.from_rows([(0.0, 10.0, 60, 64), (1.0, 1.0, 60, 64), (4.0, 8.0, 60, 64), (2.0, 1.0, 64, 64)])
    metrics = describe(within)
    assert metrics["polyphony_max"] == 2
    assert metrics["polyphony_mean"] == pytest.approx(13 / 12)
    assert metrics["empty_share"] == 0.0


def test_a_note_that_ends_where_the_next_begins_does_not_overlap_it() -> None:
    # 0.1 + 0.2 > 0.3 in binary: without rounding the two would overlap.
    metrics = describe(Notes.from_rows([(0.1, 0.2, 60, 64), (0.3, 0.2, 62, 64)]))
    assert metrics["polyphony_max"] == 1
    assert metrics["polyphony_mean"] == 1.0
    assert metrics["empty_share"] == 0.0


def test_silence_is_not_polyphony() -> None:
    metrics = describe(Notes.from_rows([(0.0, 1.0, 60, 64), (0.0, 1.0, 64, 64), (3.0, 1.0, 60, 64)]))
    assert metrics["polyphony_mean"] == pytest.approx(1.5)
    assert metrics["empty_share"] == pytest.approx(0.5)


def test_chords_are_onsets_within_35_ms_of_the_one_before() -> None:
    rows = [(0.00, 1.0, 60, 64), (0.03, 1.0, 64, 64), (0.06, 1.0, 67, 64), (0.10, 1.0, 72, 64)]
    metrics = describe(Notes.from_rows(rows))
    assert metrics["notes_per_onset_mean"] == 2.0
    assert metrics["chord_share"] == 0.5
    assert metrics["inter_onset_mean_s"] == pytest.approx(0.1)
    assert metrics["top_interval_mean_semitones"] == 5.0


@pytest.mark.parametrize(
    ("pitches", "share"),
    [
        ((60, 62, 64, 65, 67, 69, 71), 1.0),  # C major
        ((61, 63, 64, 66, 68, 69, 71), 1.0),  # C sharp natural minor
        (tuple(range(60, 72)), 7 / 12),
        ((60, 62, 64, 65, 67, 69, 71, 61), 7 / 8),
    ],
)
def test_scale_consistency_is_the_share_in_the_best_scale(pitches: tuple[int, ...], share: float) -> None:
    assert describe(melody(*pitches))["scale_consistency"] == pytest.approx(share)


def test_a_loop_repeats_itself_and_a_row_of_fresh_pitches_does_not() -> None:
    loop, fresh = describe(melody(*[60, 64, 67, 70] * 16)), describe(melody(*range(40, 104)))
    assert loop["repeated_8_note_share"] == pytest.approx(1 - 4 / 57)
    assert fresh["repeated_8_note_share"] == 0.0
    assert loop["repetition_2s"] == pytest.approx(1.0)
    assert loop["repetition_1s"] == pytest.approx(0.0)
    assert loop["groove_consistency"] == 1.0


def test_the_best_and_worst_entropies() -> None:
    assert describe(melody(*range(60, 72)))["pitch_class_entropy_bits"] == pytest.approx(math.log2(12))
    octaves = describe(melody(48, 60, 72, 84))
    assert octaves["pitch_class_entropy_bits"] == 0.0
    assert octaves["pitch_entropy_bits"] == 2.0


def test_nothing_depends_on_where_in_time_a_piece_stands() -> None:
    notes = golden_notes("scattered")
    assert describe(notes.shifted(123.45)) == pytest.approx(describe(notes), rel=1e-12)


def test_transposing_changes_nothing_but_the_mean_pitch() -> None:
    notes = golden_notes("broken chords")
    higher = Notes(onset_s=notes.onset_s, duration_s=notes.duration_s, pitch=notes.pitch + 5, velocity=notes.velocity)
    changed = {"pitch_mean"}
    before, after = describe(notes), describe(higher)
    assert after["pitch_mean"] == before["pitch_mean"] + 5
    assert {k: v for k, v in after.items() if k not in changed} == pytest.approx(
        {k: v for k, v in before.items() if k not in changed}, rel=1e-12
    )


def test_no_notes_have_counts_of_zero_and_nothing_else() -> None:
    metrics = describe(Notes.empty())
    counts = {"notes", "pitches_used", "pitch_classes_used"}
    assert {name: metrics[name] for name in counts} == dict.fromkeys(counts, 0.0)
    assert all(math.isnan(value) for name, value in metrics.items() if name not in counts)
    for histogram in (inter_onset_histogram, duration_histogram, pitch_class_histogram, pitch_class_transitions):
        assert np.isnan(histogram(Notes.empty())).all()


def test_one_note_has_no_gaps_and_no_spread() -> None:
    metrics = describe(Notes.from_rows([(5.0, 0.5, 60, 64)]))
    unknown = {name for name, value in metrics.items() if math.isnan(value)}
    assert unknown == {
        "top_interval_mean_semitones",
        "inter_onset_mean_s",
        "inter_onset_median_s",
        "inter_onset_std_s",
        "groove_consistency",
        *(f"repetition_{lag}s" for lag in (1, 2, 4, 8, 16)),
        "self_similarity",
        "repeated_8_note_share",
    }
    assert metrics["duration_std_s"] == 0.0
    assert metrics["note_density_per_s"] == 2.0
    assert np.isnan(pitch_class_transitions(melody(60))).all()


def test_notes_without_length_sound_nowhere() -> None:
    together = describe(Notes.from_rows([(1.0, 0.0, 60, 64), (1.0, 0.0, 64, 64)]))
    assert math.isnan(together["note_density_per_s"])
    assert math.isnan(together["empty_share"])
    apart = describe(Notes.from_rows([(1.0, 0.0, 60, 64), (3.0, 0.0, 64, 64)]))
    assert apart["note_density_per_s"] == 1.0
    assert apart["empty_share"] == 1.0
    assert math.isnan(apart["polyphony_mean"])


def test_every_value_is_a_plain_float_under_the_same_names() -> None:
    described = [describe(Notes.empty()), describe(golden_notes("scale"))]
    assert list(described[0]) == list(described[1])
    assert all(type(value) is float for metrics in described for value in metrics.values())


def test_time_histograms_open_a_bin_at_its_edge_and_clip_outside() -> None:
    assert len(TIME_EDGES_S) == 25
    assert TIME_EDGES_S[0] == 0.01
    assert TIME_EDGES_S[-1] == pytest.approx(40.96)
    notes = Notes.from_rows(
        [(0.0, 0.001, 60, 64), (0.0, 0.02, 61, 64), (0.0, 0.1 + 0.2 + 0.02, 62, 64), (0.0, 99.0, 63, 64)]
    )
    assert np.flatnonzero(duration_histogram(notes)).tolist() == [0, 2, 10, 23]
    assert duration_histogram(notes).sum() == pytest.approx(1.0)
    assert np.flatnonzero(inter_onset_histogram(melody(60, 62, step_s=0.16))).tolist() == [8]


def test_transitions_count_pairs_in_order() -> None:
    table = pitch_class_transitions(melody(60, 62, 72, 74, 60))
    assert table[0, 2] == 0.5
    assert table[2, 0] == 0.5
    assert table.sum() == 1.0


def test_a_stray_note_days_later_costs_no_memory() -> None:
    far = Notes.from_rows([(0.0, 1.5, 60, 64), (9e8, 1.0, 60, 64)])
    start = np.rint(far.onset_s * 1e6).astype(np.int64)
    windows = profiles(start, start + 1_000_000, far.pitch, first=0, last=int(start[-1]))
    assert len(windows) == LONGEST_PROFILE_S
    assert describe(far)["empty_share"] == pytest.approx(1.0, abs=1e-6)
