from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonada.errors import ConfigError
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score, Track
from tonada.symbolic.signatures import Keys, Meters
from tonada.symbolic.tempo import TempoMap

PIANO = Track(
    name="piano",
    program=3,
    onset_ticks=[0, 480, 960],
    duration_ticks=[960, 480, 0],
    pitch=[60, 64, 67],
    velocity=[64, 65, 66],
    control_ticks=[0, 700, 700, 1000],
    control_number=[64, 64, 64, 7],
    control_value=[127, 0, 100, 90],
    bend_ticks=[480],
    bend_value=[-8192],
)
VIOLIN = Track(
    program=40,
    onset_ticks=[480],
    duration_ticks=[10],
    pitch=[62],
    velocity=[1],
    control_ticks=[480],
    control_number=[64],
    control_value=[1],
)
DRUMS = Track(
    is_drum=True,
    onset_ticks=[240],
    duration_ticks=[1],
    pitch=[36],
    velocity=[9],
    control_ticks=[0],
    control_number=[64],
    control_value=[5],
)
# 120 bpm for two quarter notes, then 60.
SCORE = Score(
    tracks=(PIANO, VIOLIN, DRUMS),
    tempo_map=TempoMap.from_events([960], [1_000_000], ticks_per_quarter=480),
    meters=Meters(ticks=[0, 960], numerator=[3, 6], denominator=[4, 8]),
    keys=Keys(ticks=[0, 960], sharps=[-3, 0], minor=[1, 0]),
)


def test_notes_of_all_tracks_but_drums() -> None:
    expected = [(0.0, 1.0, 60, 64), (0.5, 10 / 960, 62, 1), (0.5, 0.5, 64, 65), (1.0, 0.0, 67, 66)]
    notes = SCORE.notes()
    assert notes.onset_s.tolist() == [row[0] for row in expected]
    assert notes.duration_s.tolist() == pytest.approx([row[1] for row in expected], abs=1e-15)
    assert notes.pitch.tolist() == [row[2] for row in expected]
    assert notes.velocity.tolist() == [row[3] for row in expected]


def test_notes_with_drums() -> None:
    assert SCORE.notes(drums=True).pitch.tolist() == [60, 36, 62, 64, 67]
    assert (SCORE.count_notes(), SCORE.count_notes(drums=True)) == (4, 5)


def test_the_pedal_of_all_tracks_but_drums_in_time_order() -> None:
    seconds, value = SCORE.pedal()
    assert value.tolist() == [127, 1, 0, 100]
    assert seconds.tolist() == [0.0, 0.5, 700 / 960, 700 / 960]
    assert (seconds.dtype, value.dtype) == (np.float64, np.int64)


def test_the_end_is_that_of_what_sounds_or_moves() -> None:
    assert SCORE.end_ticks == 1000
    assert SCORE.end_s == 1.0 + 40 / 480
    assert Track(bend_ticks=[7], bend_value=[0]).end_ticks == 7
    assert Track().end_ticks == 0


def test_a_score_of_nothing() -> None:
    empty = Score(tracks=(), tempo_map=TempoMap.from_events([], [], ticks_per_quarter=96))
    assert (len(empty.notes()), empty.end_s, empty.ticks_per_quarter) == (0, 0.0, 96)
    assert [len(column) for column in empty.pedal()] == [0, 0]
    assert empty.pedal()[1].dtype == np.int64
    assert empty.why_silent == "no notes"


def test_tracks_are_sorted_and_ties_keep_their_order() -> None:
    track = Track(
        onset_ticks=[5, 0, 5, 5],
        duration_ticks=[1, 2, 3, 4],
        pitch=[61, 60, 60, 60],
        velocity=[1, 2, 3, 4],
        control_ticks=[9, 0, 9],
        control_number=[3, 2, 1],
        control_value=[1, 2, 3],
    )
    assert track.velocity.tolist() == [2, 3, 4, 1]
    assert track.control_number.tolist() == [2, 3, 1]


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("onset_ticks", [-1, 0, 1], "onset_ticks must lie in 0"),
        ("duration_ticks", [1, -1, 1], "duration_ticks"),
        ("pitch", [0, 128, 0], "pitch must lie in 0 to 127; got 0 to 128"),
        ("velocity", [0, 1, 1], "velocity"),
        ("velocity", [1, 1], "equally long"),
        ("control_number", [0, 0, 0, 128], "control_number"),
        ("control_value", [0, 0, 0, -1], "control_value"),
        ("bend_value", [8192], "bend_value"),
        ("bend_ticks", [0.5], "whole numbers"),
        ("program", 128, "program must lie in 0 to 127; got 128"),
        ("channel", 16, "channel must lie in 0 to 15, with 9 for drums alone; got 16"),
        ("channel", 9, "channel must lie"),
    ],
)
def test_what_no_track_can_hold_is_refused(column: str, values: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(PIANO, **{column: values})


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"numerator": [0, 1]}, "numerator must lie"),
        ({"denominator": [4, 6]}, "power of two"),
        ({"denominator": [4, 256]}, "denominator must lie"),
        ({"ticks": [5, 4]}, "must rise"),
        ({"ticks": [-1, 4]}, "from 0 on"),
        ({"ticks": [0]}, "equally long"),
    ],
)
def test_meters_that_cannot_be_are_refused(columns: dict[str, list[int]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(SCORE.meters, **columns)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [({"sharps": [8, 0]}, "sharps must lie"), ({"minor": [0, 2]}, "minor must lie"), ({"ticks": [2, 1]}, "must rise")],
)
def test_keys_that_cannot_be_are_refused(columns: dict[str, list[int]], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(SCORE.keys, **columns)


def test_columns_cannot_be_changed() -> None:
    for owner, name in (
        (PIANO, "pitch"),
        (SCORE.meters, "ticks"),
        (SCORE.keys, "minor"),
        (SCORE.tempo_map, "quarter_us"),
    ):
        with pytest.raises(ValueError, match="read-only"):
            getattr(owner, name)[0] = 1


# --- from notes --------------------------------------------------------------------------------------------------


def test_from_notes() -> None:
    notes = Notes.from_rows([(0.0, 0.5, 60, 64), (0.25, 1.0, 64, 65)])
    score = Score.from_notes(notes, program=5, bpm=60, name="tune")
    (track,) = score.tracks
    assert (track.name, track.program, score.ticks_per_quarter) == ("tune", 5, 480)
    assert track.onset_ticks.tolist() == [0, 120]
    assert track.duration_ticks.tolist() == [240, 480]
    assert score.tempo_map.bpm.tolist() == [60.0]
    assert score.notes().equals(notes)
    assert score.end_s == 1.25


@given(st.floats(0, 36_000), st.floats(0, 100), st.floats(20, 400), st.sampled_from([96, 480, 960]))
def test_times_move_by_half_a_tick_at_most(onset_s: float, duration_s: float, bpm: float, resolution: int) -> None:
    score = Score.from_notes(Notes.from_rows([(onset_s, duration_s, 60, 64)]), bpm=bpm, ticks_per_quarter=resolution)
    notes = score.notes()
    half_tick_s = 60 / bpm / resolution / 2 * 1.001
    assert abs(notes.onset_s[0] - onset_s) <= half_tick_s
    at_least_a_tick = duration_s > 0 and score.tracks[0].duration_ticks[0] == 1
    assert abs(notes.end_s - onset_s - duration_s) <= half_tick_s * (3 if at_least_a_tick else 1)


def test_the_shortest_sound_keeps_a_tick_and_silence_none() -> None:
    score = Score.from_notes(Notes.from_rows([(0.0, 1e-6, 60, 64), (1.0, 0.0, 60, 64)]))
    assert score.tracks[0].duration_ticks.tolist() == [1, 0]


@pytest.mark.parametrize("bpm", [0.0, -1.0, 3.5, 1e8, float("nan"), float("inf")])
def test_a_tempo_that_no_file_can_hold_is_refused(bpm: float) -> None:
    with pytest.raises(ConfigError, match=r"bpm must lie in 3\.6 to 60000000; got .*\. Try 120"):
        Score.from_notes(Notes.empty(), bpm=bpm)


def test_notes_before_the_beginning_are_refused() -> None:
    with pytest.raises(ValueError, match="onset_ticks must lie in 0"):
        Score.from_notes(Notes.from_rows([(-1.0, 1.0, 60, 64)]))


# --- cutting and extending ---------------------------------------------------------------------------------------


def test_cutting_keeps_what_begins_before() -> None:
    cut = SCORE.cut(0.5)
    assert [track.onset_ticks.tolist() for track in cut.tracks] == [[0], [], [240]]
    assert cut.tracks[0].duration_ticks.tolist() == [960]
    assert [track.control_ticks.tolist() for track in cut.tracks] == [[0], [], [0]]
    assert cut.tracks[0].bend_ticks.tolist() == []
    assert cut.tempo_map.start_ticks.tolist() == [0]
    assert (cut.meters.ticks.tolist(), cut.keys.ticks.tolist()) == ([0], [0])
    assert (cut.tracks[0].name, cut.tracks[1].program, cut.tracks[2].is_drum) == ("piano", 40, True)


def test_cutting_just_behind_an_onset_keeps_it() -> None:
    assert SCORE.cut(np.nextafter(0.5, 1)).tracks[0].onset_ticks.tolist() == [0, 480]


@pytest.mark.parametrize("end_s", [0.0, -5.0])
def test_cutting_everything(end_s: float) -> None:
    assert SCORE.cut(end_s).end_ticks == 0
    assert SCORE.cut(end_s).tempo_map.quarter_us.tolist() == [500_000]


@pytest.mark.parametrize("end_s", [1.1, 1e9, float("inf")])
def test_cutting_behind_the_end_changes_nothing(end_s: float) -> None:
    assert SCORE.cut(end_s).equals(SCORE)


def test_extending_adds_a_track_through_the_same_tempo_map() -> None:
    more = Notes.from_rows([(2.0, 1.0, 72, 99), (1.5, 0.5, 71, 98)])
    extended = SCORE.extended(more, name="continuation")
    assert extended.tracks[:3] == SCORE.tracks
    assert extended.tempo_map is SCORE.tempo_map
    assert [column.tolist() for column in extended.pedal()] == [column.tolist() for column in SCORE.pedal()]
    added = extended.tracks[3]
    assert (added.name, added.program, added.is_drum) == ("continuation", 3, False)
    assert added.onset_ticks.tolist() == [960 + 240, 960 + 480]
    assert added.duration_ticks.tolist() == [240, 480]
    assert extended.notes().between(1.2, 9.0).equals(more)


def test_extending_with_another_instrument_or_none() -> None:
    note = Notes.from_rows([(0.0, 1.0, 60, 64)])
    assert SCORE.extended(note, program=7).tracks[-1].program == 7
    assert replace(SCORE, tracks=(DRUMS,)).extended(note).tracks[-1].program == 0


# --- comparing ---------------------------------------------------------------------------------------------------


def test_equal_scores() -> None:
    assert SCORE.equals(pickle.loads(pickle.dumps(SCORE)))
    assert SCORE.differences(replace(SCORE, tracks=(replace(PIANO, channel=3), VIOLIN, DRUMS))) == []


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (replace(SCORE, tracks=(PIANO,)), ["tracks: 3 and 1"]),
        (
            replace(SCORE, tracks=(replace(PIANO, name="forte", pitch=[60, 65, 66]), VIOLIN, DRUMS)),
            [
                "track 1, name: 'piano' and 'forte'",
                "track 1, pitch: 2 of 3 values differ, the first at 1: 64 and 65",
            ],
        ),
        (
            replace(SCORE, tracks=(PIANO, replace(VIOLIN, bend_ticks=[1], bend_value=[1]), DRUMS)),
            ["track 2, bend_ticks: 0 values and 1", "track 2, bend_value: 0 values and 1"],
        ),
        (
            replace(SCORE, tempo_map=TempoMap.from_events([960], [999_999], ticks_per_quarter=96)),
            [
                "tempo map, quarter_us: 1 of 2 values differ, the first at 1: 1000000 and 999999",
                "tempo map, ticks_per_quarter: 480 and 96",
            ],
        ),
        (
            replace(SCORE, keys=Keys(), meters=SCORE.meters.head(1)),
            [
                *(f"meters, {name}: 2 values and 1" for name in ("ticks", "numerator", "denominator")),
                *(f"keys, {name}: 2 values and 0" for name in ("ticks", "sharps", "minor")),
            ],
        ),
    ],
)
def test_differences_are_told(other: Score, expected: list[str]) -> None:
    assert SCORE.differences(other) == expected
    assert not SCORE.equals(other)
