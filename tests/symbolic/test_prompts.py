"""Prompts: where they are cut, where the continuation ends, how the two are joined."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from midi_files import PIECE, control, midi_file, note_off, note_on, pedal, tempo, track
from tonada.symbolic.midi import read_midi_bytes
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.prompts import nothing, part_for_keeping, take_prompt
from tonada.symbolic.score import SUSTAIN, Score


def score(data: bytes) -> Score:
    return read_midi_bytes(data, path=Path("test.mid"))


def quarters(count: int, *, quarter_us: int = 500_000) -> Score:
    """Quarter notes one after the other."""
    events = [event for _ in range(count) for event in ((0, note_on(60)), (480, note_off(60)))]
    return score(midi_file(track((0, tempo(quarter_us)), *events)))


QUARTERS = [event for _ in range(4) for event in ((0, note_on(60)), (480, note_off(60)))]
NEW = Notes.from_rows([(4.25, 0.5, 72, 80), (4.5, 0.25, 74, 80)])


def test_a_whole_piece_is_joined_at_its_last_onset() -> None:
    prompt = take_prompt(quarters(8))
    assert prompt.join_s == 3.5
    assert len(prompt.notes) == 8
    assert prompt.score.equals(quarters(8))


def test_a_cut_by_seconds() -> None:
    prompt = take_prompt(quarters(8), seconds=1.7)
    assert prompt.join_s == 1.7
    np.testing.assert_array_equal(prompt.notes.onset_s, [0.0, 0.5, 1.0, 1.5])


def test_a_cut_behind_the_end_takes_the_whole() -> None:
    prompt = take_prompt(quarters(8), seconds=100.0)
    assert prompt.join_s == 3.5
    assert len(prompt.notes) == 8


def test_a_cut_by_bars_follows_meter_and_tempo() -> None:
    # 3/4; 500 ms a quarter for two quarters, then 250 ms: the first bar lasts 1.25 s, the second 0.75 s.
    longer = score(PIECE).extended(Notes.from_rows([(1.75, 0.1, 61, 60), (2.25, 0.1, 62, 60)]))
    assert [take_prompt(longer, bars=bars).join_s for bars in (1, 2, 3)] == [1.25, 2.0, 2.25]
    assert [int(take_prompt(longer, bars=bars).notes.pitch[-1]) for bars in (1, 2, 3)] == [36, 61, 62]


def test_what_follows_a_prompt_is_there_to_be_kept() -> None:
    two_tempi = score(midi_file(track((0, tempo(500_000)), *QUARTERS, (0, tempo(250_000)), *QUARTERS)))
    kept = part_for_keeping(two_tempi, seconds=1.2)
    assert kept.notes.onset_s.tolist() == [0.0, 0.5, 1.0]
    assert kept.rest.onset_s.tolist() == [1.5, 2.0, 2.25, 2.5, 2.75]
    assert kept.join_s == 1.2
    assert kept.score.tempo_map.bpm.tolist() == [120.0, 240.0]  # to the end, not to the cut
    alone = part_for_keeping(two_tempi)
    assert (len(alone.notes), len(alone.rest), alone.join_s) == (0, 8, 0.0)
    assert alone.score.count_notes() == 0
    whole = part_for_keeping(two_tempi, seconds=99.0)
    assert (len(whole.notes), len(whole.rest)) == (8, 0)


def test_lengths_in_seconds_and_bars() -> None:
    prompt = take_prompt(quarters(8), seconds=2.0)  # just at a bar line
    assert prompt.end_s(seconds=3.0) == 5.0
    assert prompt.end_s(bars=2) == 6.0
    assert take_prompt(quarters(8), seconds=2.1).end_s(bars=2) == 8.0  # the bar that was begun is finished first
    assert prompt.end_s() == math.inf


def test_bars_behind_the_prompt_have_its_last_tempo() -> None:
    assert take_prompt(quarters(4, quarter_us=1_000_000), bars=1).end_s(bars=1) == 8.0


def test_joining_leaves_the_prompt_alone() -> None:
    piece = score(PIECE)
    joined = take_prompt(piece).joined(NEW)
    assert joined.tempo_map.start_ticks.tolist() == piece.tempo_map.start_ticks.tolist()
    assert len(joined.tracks) == len(piece.tracks) + 1
    for before, after in zip(piece.tracks, joined.tracks, strict=False):
        assert before.onset_ticks.tolist() == after.onset_ticks.tolist()
        assert before.control_ticks.tolist() == after.control_ticks.tolist()
        assert before.program == after.program
    added = joined.tracks[-1]
    assert added.program == 4  # the first track that is not drums
    np.testing.assert_allclose(joined.tempo_map.seconds(added.onset_ticks), NEW.onset_s, atol=5e-4)


def test_a_pedal_that_stays_down_is_let_go_at_the_first_new_note() -> None:
    held = score(midi_file(track((0, pedal(127)), (0, control(7, 90)), (0, note_on(60)), (480, note_off(60)))))
    joined = take_prompt(held).joined(NEW)
    first = joined.tracks[0]
    at = joined.tempo_map.ticks(4.25)
    assert first.control_ticks[first.control_number == SUSTAIN].tolist() == [0, at]
    assert first.control_value[first.control_number == SUSTAIN].tolist() == [127, 0]
    folded = fold_pedal(joined)
    np.testing.assert_allclose(folded.duration_s[folded.pitch >= 72], [0.5, 0.25], atol=1e-3)
    # Without the join nothing is added: the piece is given as it was.
    assert take_prompt(held).joined(Notes.empty()).equals(held)


def test_a_pedal_that_is_up_is_left_alone() -> None:
    up = score(midi_file(track((0, pedal(127)), (0, note_on(60)), (480, pedal(0)), (0, note_off(60)))))
    assert take_prompt(up).joined(NEW).tracks[0].control_ticks.tolist() == [0, 480]


def test_alone_begins_at_once_in_the_last_tempo_and_meter() -> None:
    alone = take_prompt(score(PIECE)).alone(NEW)
    assert len(alone.tracks) == 1
    np.testing.assert_allclose(alone.notes().onset_s, [0.0, 0.25], atol=1e-3)
    assert alone.tempo_map.quarter_us.tolist() == [250_000]
    assert (alone.meters.ticks.tolist(), alone.meters.numerator.tolist()) == ([0], [3])
    assert alone.keys.sharps.tolist() == [-3]
    assert alone.tracks[0].program == 4


def test_alone_without_notes() -> None:
    assert take_prompt(score(PIECE)).alone(Notes.empty()).tracks == ()


def test_nothing() -> None:
    prompt = nothing()
    assert (len(prompt.notes), prompt.join_s, prompt.score.tracks) == (0, 0.0, ())
    assert prompt.end_s(bars=2) == 4.0
    assert len(prompt.joined(NEW).tracks) == 1


@pytest.mark.parametrize("bars", [1, 2])
def test_no_notes_before_the_cut(bars: int) -> None:
    late = score(midi_file(track((480 * 40, note_on(60)), (480, note_off(60)))))
    assert len(take_prompt(late, bars=bars).notes) == 0
