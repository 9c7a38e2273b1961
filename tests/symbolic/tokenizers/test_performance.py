from __future__ import annotations

import numpy as np
import pytest

from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.performance import PerformanceTokenizer

PERFORMANCE = PerformanceTokenizer()
PIECE = 388


def on(pitch: int) -> int:
    return pitch


def off(pitch: int) -> int:
    return 128 + pitch


def shift(steps: int) -> int:
    return 255 + steps


def velocity(bin_number: int) -> int:
    return 355 + bin_number


def encode(*rows: tuple[float, float, int, int]) -> list[int]:
    return PERFORMANCE.encode_notes(Notes.from_rows(rows), begin=False, end=False).tolist()


def decode(*ids: int) -> list[tuple[float, float, int, int]]:
    notes = PERFORMANCE.decode_notes(ids)
    rows = zip(notes.onset_s, notes.duration_s, notes.pitch, notes.velocity, strict=True)
    return [(round(float(onset), 6), round(float(duration), 6), int(p), int(v)) for onset, duration, p, v in rows]


def test_golden_vector() -> None:
    ids = PERFORMANCE.encode_notes(
        Notes.from_rows([(0.0, 0.5, 60, 64), (0.0, 0.25, 64, 64), (0.5, 2.5, 60, 65), (5.0, 0.001, 67, 127)])
    )
    assert ids.tolist() == [
        *(PIECE, velocity(16), on(60), on(64)),
        *(shift(25), off(64), shift(25), off(60), velocity(17), on(60)),
        *(shift(100), shift(100), shift(50), off(60)),
        *(shift(100), shift(100), velocity(32), on(67), shift(1), off(67), PIECE),
    ]
    assert decode(*ids) == [(0.0, 0.5, 60, 61), (0.0, 0.25, 64, 61), (0.5, 2.5, 60, 65), (5.0, 0.01, 67, 125)]


def test_notes_of_one_step_are_in_the_order_of_their_onsets() -> None:
    ids = encode((0.001, 0.1, 64, 64), (0.003, 0.1, 60, 80), (0.004, 0.1, 62, 80))
    assert ids == [
        *(velocity(16), on(64), velocity(20), on(60), on(62)),
        *(shift(10), off(64), off(60), off(62)),
    ]
    assert decode(*ids) == [(0.0, 0.1, 64, 61), (0.00002, 0.09998, 60, 77), (0.00002, 0.09998, 62, 77)]


def test_long_shifts_are_cut_into_the_longest() -> None:
    assert encode((2.0, 1.01, 60, 64)) == [shift(100), shift(100), velocity(16), on(60), shift(100), shift(1), off(60)]


def test_time_does_not_drift() -> None:
    rows = [(index * 0.1249, 0.05, 60, 64) for index in range(1000)]
    decoded = PERFORMANCE.decode_notes(encode(*rows))
    assert np.abs(decoded.onset_s - [row[0] for row in rows]).max() <= 0.005 + 1e-9


def test_of_a_pitch_on_one_step_the_later_note_is_kept() -> None:
    assert encode((0.0, 0.1, 60, 64), (0.004, 0.2, 60, 64)) == [velocity(16), on(60), shift(20), off(60)]


def test_a_repeated_note_ends_before_it_begins_again() -> None:
    assert encode((0.0, 0.5, 60, 64), (0.1, 0.1, 60, 64)) == [
        *(velocity(16), on(60), shift(10), off(60), on(60), shift(10), off(60))
    ]


@pytest.mark.parametrize(
    ("ids", "rows"),
    [
        pytest.param([off(60), shift(10)], [], id="an end without a note"),
        pytest.param([on(60), shift(10)], [(0.0, 0.1, 60, 61)], id="no end, no velocity"),
        pytest.param([on(60)], [(0.0, 0.01, 60, 61)], id="no end at all"),
        pytest.param([on(60), off(60), shift(5)], [(0.0, 0.01, 60, 61)], id="an end at once"),
        pytest.param(
            [on(60), shift(5), velocity(32), on(60), shift(5), off(60)],
            [(0.0, 0.05, 60, 61), (0.05, 0.05, 60, 125)],
            id="struck again",
        ),
        pytest.param([on(60), velocity(1), on(60), shift(5), off(60)], [(0.00002, 0.04998, 60, 1)], id="at once"),
        pytest.param([on(60), PIECE, 389, shift(5), PIECE, off(60)], [(0.0, 0.05, 60, 61)], id="specials inside"),
    ],
)
def test_what_is_no_piece_decodes_to_what_can_be_heard(ids: list[int], rows: list) -> None:
    assert decode(*ids) == rows


def allowed(*ids: int) -> list[int]:
    grammar = PERFORMANCE.grammar(1)
    grammar.prime(np.array(ids, dtype=np.int64))
    return np.flatnonzero(grammar.allowed()[0]).tolist()


SHIFTS, VELOCITIES = list(range(256, 356)), list(range(356, 388))


def test_the_grammar_state_by_state() -> None:
    assert allowed() == [*SHIFTS, *VELOCITIES, PIECE]
    assert allowed(PIECE) == [*SHIFTS, *VELOCITIES, PIECE]
    assert allowed(PIECE, PIECE) == [389]
    assert allowed(PIECE, PIECE, 389) == [389]
    assert allowed(PIECE, shift(99)) == VELOCITIES
    assert allowed(PIECE, shift(100)) == [*SHIFTS, *VELOCITIES]
    assert allowed(PIECE, velocity(5)) == list(range(128))
    others = [token for token in VELOCITIES if token != velocity(5)]
    silent = [pitch for pitch in range(128) if pitch != 60]
    sounding = (PIECE, velocity(5), on(60))
    assert allowed(*sounding) == [*silent, *SHIFTS, *others]
    assert allowed(*sounding, shift(7)) == [*silent, off(60), *others]
    assert allowed(*sounding, shift(100)) == [*silent, off(60), *SHIFTS, *others]
    assert allowed(*sounding, shift(7), off(60)) == [*range(128), *SHIFTS, *others, PIECE]
    assert allowed(*sounding, shift(7), off(60), on(60)) == [*silent, *SHIFTS, *others]
    assert allowed(*sounding, velocity(6)) == silent


def test_no_velocity_when_every_pitch_sounds() -> None:
    assert allowed(PIECE, velocity(5), *range(128)) == SHIFTS


def test_every_note_counts_with_the_width_of_its_velocity() -> None:
    assert PERFORMANCE.bin_width[:128].tolist() == [4.0] * 128
    assert (PERFORMANCE.bin_width[128:] == 1).all()


def test_the_stream_gives_a_note_when_it_ends() -> None:
    stream = PERFORMANCE.stream(start_s=2.0)
    finished = [stream.push(token) for token in (velocity(16), on(60), on(64), shift(50), off(60))]
    assert finished == [[], [], [], [], [(2.0, 0.5, 60, 61)]]
    assert stream.time_s == 2.5
    assert stream.flush() == [(2.0, 0.5, 64, 61)]
    assert stream.flush() == []
