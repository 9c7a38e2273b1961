from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonada.symbolic.notes import Notes

ROWS = [(0.0, 1.0, 60, 64), (0.5, 0.25, 64, 80), (0.5, 3.0, 67, 1), (2.0, 0.0, 60, 127)]
NOTES = Notes.from_rows(ROWS)

rows = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 1.0, 7.25]), st.floats(0, 9), st.integers(0, 127), st.integers(1, 127)),
    max_size=12,
)


def as_rows(notes: Notes) -> list[tuple[float, float, int, int]]:
    columns = (notes.onset_s, notes.duration_s, notes.pitch, notes.velocity)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_columns_have_their_types() -> None:
    assert NOTES.onset_s.dtype == NOTES.duration_s.dtype == np.float64
    assert NOTES.pitch.dtype == NOTES.velocity.dtype == np.int64
    assert as_rows(NOTES) == ROWS
    assert len(NOTES) == 4
    assert NOTES.end_s == 3.5


def test_nothing_is_a_piece_too() -> None:
    empty = Notes.empty()
    assert (len(empty), empty.end_s) == (0, 0.0)
    assert empty.pitch.dtype == np.int64
    assert empty.equals(Notes.concatenate())
    assert empty.equals(empty.shifted(3.0))
    assert empty.equals(NOTES.between(10.0, 20.0))


@given(rows)
def test_notes_are_sorted_by_onset_then_pitch_then_as_given(given_: list[tuple[float, float, int, int]]) -> None:
    assert as_rows(Notes.from_rows(given_)) == sorted(given_, key=lambda row: (row[0], row[2]))


@given(rows, rows)
def test_concatenating_is_sorting_all_rows(first: list[tuple[float, float, int, int]], second: list) -> None:
    together = Notes.concatenate(Notes.from_rows(first), Notes.from_rows(second))
    assert together.equals(Notes.from_rows([*as_rows(Notes.from_rows(first)), *as_rows(Notes.from_rows(second))]))


def test_slices_masks_and_positions() -> None:
    assert as_rows(NOTES[1:3]) == ROWS[1:3]
    assert as_rows(NOTES[NOTES.pitch == 60]) == [ROWS[0], ROWS[3]]
    assert as_rows(NOTES[np.array([3, 0])]) == [ROWS[0], ROWS[3]]
    with pytest.raises(TypeError, match=r"write notes\[i : i \+ 1\]"):
        NOTES[1]  # type: ignore[index]


def test_between_takes_onsets_from_start_to_before_end() -> None:
    assert as_rows(NOTES.between(0.5, 2.0)) == ROWS[1:3]
    assert as_rows(NOTES.between(0.0, 0.5)) == ROWS[:1]


def test_shifting() -> None:
    assert NOTES.shifted(-0.5).onset_s.tolist() == [-0.5, 0.0, 0.0, 1.5]
    assert NOTES.shifted(1.5).shifted(-1.5).equals(NOTES)


@pytest.mark.parametrize(
    "last", [(2.0 + 1e-9, 0.0, 60, 127), (2.0, 1e-9, 60, 127), (2.0, 0.0, 61, 127), (2.0, 0.0, 60, 1)]
)
def test_equality_is_exact(last: tuple[float, float, int, int]) -> None:
    assert NOTES.equals(Notes.from_rows(ROWS))
    assert not NOTES.equals(Notes.from_rows([*ROWS[:3], last]))
    assert not NOTES.equals(NOTES[:3])


def test_columns_cannot_be_changed() -> None:
    for name in ("onset_s", "duration_s", "pitch", "velocity"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(NOTES, name)[0] = 1


def test_the_callers_arrays_stay_writeable() -> None:
    onset_s = np.zeros(1)
    Notes(onset_s=onset_s, duration_s=[1.0], pitch=[60], velocity=[64])
    onset_s[0] = 1.0


def test_notes_travel_between_processes() -> None:
    assert pickle.loads(pickle.dumps(NOTES)).equals(NOTES)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((0, 1, 128, 64), "pitch must lie in 0 to 127; got 128 to 128"),
        ((0, 1, -1, 64), "pitch must lie"),
        ((0, 1, 60, 0), "velocity must lie in 1 to 127"),
        ((0, 1, 60, 128), "velocity must lie"),
        ((0, -0.1, 60, 64), "duration_s must lie"),
        ((float("nan"), 1, 60, 64), "onset_s must lie"),
        ((0, float("inf"), 60, 64), "duration_s must lie"),
        ((0, 1, 60.5, 64), "whole numbers"),
    ],
)
def test_what_cannot_be_is_refused(row: tuple[float, float, int, int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Notes.from_rows([row])


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="equally long"):
        Notes(onset_s=[0.0], duration_s=[1.0, 2.0], pitch=[60], velocity=[64])
    with pytest.raises(ValueError, match="1-D"):
        Notes(onset_s=[[0.0]], duration_s=[[1.0]], pitch=[[60]], velocity=[[64]])
