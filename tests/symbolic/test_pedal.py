from __future__ import annotations

from hypothesis import given

from arbitrary_scores import scores, track
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.score import SUSTAIN, Score, Track
from tonada.symbolic.tempo import TempoMap

MILLISECONDS = TempoMap.from_events([], [], ticks_per_quarter=500)
DOWN, UP = 127, 0


def fold(*tracks: Track) -> list[tuple[float, float, int, int]]:
    return rows_of(fold_pedal(Score(tracks=tracks, tempo_map=MILLISECONDS)))


def rows_of(notes: Notes) -> list[tuple[float, float, int, int]]:
    """Give (onset_ms, end_ms, pitch, velocity), to the nearest 0.001 ms."""
    return [
        (round(onset * 1000, 3), round((onset + duration) * 1000, 3), pitch, velocity)
        for onset, duration, pitch, velocity in zip(
            notes.onset_s.tolist(),
            notes.duration_s.tolist(),
            notes.pitch.tolist(),
            notes.velocity.tolist(),
            strict=True,
        )
    ]


def pedal(*events: tuple[int, int]) -> list[tuple[int, int, int]]:
    return [(tick, SUSTAIN, value) for tick, value in events]


def swept(score: Score) -> list[tuple[int, int, int, int]]:
    """Sweep the events one by one, as the rule is written: (onset, end, pitch, velocity) in ticks, sorted."""
    notes, events = [], []
    for part in score.tracks:
        if part.is_drum:
            continue
        for onset, duration, pitch, velocity in zip(
            part.onset_ticks.tolist(),
            part.duration_ticks.tolist(),
            part.pitch.tolist(),
            part.velocity.tolist(),
            strict=True,
        ):
            events.append((onset, 2, len(notes)))
            events.append((onset + duration, 3, len(notes)))
            notes.append((onset, pitch, velocity))
        for tick, number, value in zip(
            part.control_ticks.tolist(), part.control_number.tolist(), part.control_value.tolist(), strict=True
        ):
            if number == SUSTAIN:
                events.append((tick, 0 if value >= 64 else 1, -1))
    events.sort(key=lambda event: event[:2])
    is_down, sounding, released, ends = False, {}, set(), {}
    for tick, kind, index in events:
        if kind == 0:
            is_down = True
        elif kind == 1:
            is_down = False
            for pitch, held in list(sounding.items()):
                if held in released:
                    ends[held] = tick
                    del sounding[pitch]
        elif kind == 2:
            pitch = notes[index][1]
            if pitch in sounding and notes[sounding[pitch]][0] < tick:
                ends[sounding[pitch]] = tick
            sounding[pitch] = index
        elif sounding.get(notes[index][1]) == index:
            if is_down:
                released.add(index)
            else:
                ends[index] = tick
                del sounding[notes[index][1]]
    for held in sounding.values():
        ends[held] = events[-1][0]
    return sorted((notes[index][0], end, *notes[index][1:]) for index, end in ends.items())


@given(scores())
def test_folding_is_the_sweep_of_the_rule(score: Score) -> None:
    wanted = swept(score)
    seconds = score.tempo_map.seconds
    folded = fold_pedal(score)
    onset_s = seconds([row[0] for row in wanted])
    assert Notes(
        onset_s=onset_s,
        duration_s=seconds([row[1] for row in wanted]) - onset_s,
        pitch=[row[2] for row in wanted],
        velocity=[row[3] for row in wanted],
    ).equals(folded)


@given(scores())
def test_no_two_of_a_pitch_overlap(score: Score) -> None:
    last: dict[int, float] = {}
    for onset, end, pitch, _ in rows_of(fold_pedal(score)):
        assert onset >= last.get(pitch, 0.0) - 0.001
        last[pitch] = end


def test_the_pedal_holds_until_it_goes_up() -> None:
    assert fold(track([(0, 100, 60, 64)], pedal((50, DOWN), (300, UP)))) == [(0, 300, 60, 64)]


def test_64_is_down_and_63_is_up() -> None:
    assert fold(track([(0, 100, 60, 64)], pedal((50, 64), (300, 63)))) == [(0, 300, 60, 64)]
    assert fold(track([(0, 100, 60, 64)], pedal((50, 63), (300, 0)))) == [(0, 100, 60, 64)]


def test_the_next_onset_of_the_pitch_ends_a_held_note() -> None:
    notes = [(0, 100, 60, 64), (200, 50, 60, 70), (250, 10, 62, 1)]
    assert fold(track(notes, pedal((50, DOWN), (900, UP)))) == [(0, 200, 60, 64), (200, 900, 60, 70), (250, 900, 62, 1)]


def test_a_note_struck_again_at_its_own_onset_is_left_out() -> None:
    assert fold(track([(0, 100, 60, 64), (0, 50, 60, 70)])) == [(0, 50, 60, 70)]


def test_at_one_tick_the_pedal_goes_down_then_up_then_notes_begin_then_end() -> None:
    assert fold(track([(0, 100, 60, 64)], pedal((100, DOWN), (300, UP)))) == [(0, 300, 60, 64)]
    assert fold(track([(0, 100, 60, 64)], pedal((0, DOWN), (100, UP), (300, UP)))) == [(0, 100, 60, 64)]
    assert fold(track([(0, 100, 60, 64)], pedal((0, DOWN), (100, UP), (100, DOWN), (300, UP)))) == [(0, 100, 60, 64)]
    assert fold(track([(0, 100, 60, 64), (100, 0, 60, 65)])) == [(0, 100, 60, 64), (100, 100, 60, 65)]


def test_what_is_held_at_the_end_stops_at_the_last_event() -> None:
    assert fold(track([(0, 100, 60, 64), (200, 300, 62, 64)], pedal((50, DOWN)))) == [
        (0, 500, 60, 64),
        (200, 500, 62, 64),
    ]
    assert fold(track([(0, 100, 60, 64)], pedal((50, DOWN), (700, DOWN)))) == [(0, 700, 60, 64)]


def test_the_pedal_of_one_hand_holds_the_other() -> None:
    right, left = track([(0, 100, 72, 64)]), track([(0, 100, 48, 64)], pedal((50, DOWN), (300, UP)))
    assert fold(right, left) == [(0, 300, 48, 64), (0, 300, 72, 64)]


def test_drums_neither_sound_nor_hold() -> None:
    drums = track([(0, 900, 36, 64)], pedal((0, DOWN)), is_drum=True)
    assert fold(drums, track([(0, 100, 60, 64)])) == [(0, 100, 60, 64)]
    assert fold(drums) == []


def test_an_empty_score_has_no_notes() -> None:
    assert fold() == []
    assert fold(track([], pedal((0, DOWN)))) == []


def test_times_come_from_the_tempo_map() -> None:
    tempo_map = TempoMap.from_events([0, 480], [500_000, 1_000_000], ticks_per_quarter=480)
    notes = track([(0, 240, 60, 64)], pedal((100, DOWN), (960, UP)))
    assert rows_of(fold_pedal(Score(tracks=(notes,), tempo_map=tempo_map))) == [(0, 1500, 60, 64)]
