from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from tonada import registry
from tonada.errors import ConfigError
from tonada.symbolic import augment
from tonada.symbolic.augment import UNVARIED, Augmentation, fit_transposition
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.base import Tokenizer
from tonada.symbolic.tokenizers.conditions import CONDITIONS
from tonada.symbolic.tokenizers.note import NoteTokenizer
from tonada.symbolic.tokenizers.performance import PerformanceTokenizer

NOTE = NoteTokenizer()
every_tokenizer = pytest.mark.parametrize("name", registry.names("tokenizer"))
NOTHING = {"semitones": 0, "stretch": 1.0, "velocity": 0}


def augment_ids(tokenizer: Tokenizer, ids: ArrayLike, **variation: Any) -> np.ndarray:
    return augment.augment_ids(tokenizer, ids, **variation)[0]


def piece(seed: int = 1, count: int = 300) -> Notes:
    """Give a dense piece with chords, repeated notes and a few rests."""
    generator = np.random.default_rng(seed)
    gaps = generator.choice([0.0, 0.003, 0.02, 0.11, 0.25, 3.0], count, p=[0.2, 0.1, 0.1, 0.3, 0.28, 0.02])
    return Notes(
        onset_s=np.cumsum(gaps),
        duration_s=generator.uniform(0.02, 1.5, count),
        pitch=generator.integers(40, 80, count),
        velocity=generator.integers(20, 110, count),
    )


def windows(tokenizer: Tokenizer, ids: np.ndarray, length: int = 400) -> list[np.ndarray]:
    return [ids[start : start + length] for start in tokenizer.window_starts(ids)[::7]]


@every_tokenizer
def test_no_change_gives_the_same_ids(name: str) -> None:
    tokenizer = registry.resolve("tokenizer", name)()
    ids = tokenizer.encode_notes(piece())
    assert np.array_equal(augment_ids(tokenizer, ids, **NOTHING), ids)
    for window in windows(tokenizer, ids):
        same = augment_ids(tokenizer, window, **NOTHING)
        assert same.dtype == np.uint16
        assert np.array_equal(same, window[: len(same)])
        # What is missing is the note, or the silence, that the end of the window cuts.
        assert tokenizer.count_notes(window[len(same) :]) == 0
        assert len(window) - len(same) <= 4


@every_tokenizer
@settings(max_examples=40)
@given(
    semitones=st.integers(-12, 12),
    stretch=st.floats(0.5, 2.0),
    velocity=st.integers(-127, 127),
    seed=st.integers(0, 99),
)
def test_a_window_keeps_its_number_of_notes(
    name: str, semitones: int, stretch: float, velocity: int, seed: int
) -> None:
    tokenizer = registry.resolve("tokenizer", name)()
    ids = tokenizer.encode_notes(piece(seed, 60))
    start = tokenizer.window_starts(ids)[seed % 40]
    window = ids[start : start + 120]
    varied = augment_ids(tokenizer, window, semitones=semitones, stretch=stretch, velocity=velocity)
    before, after = tokenizer.decode_notes(window), tokenizer.decode_notes(varied)
    assert len(after) == len(before) == tokenizer.count_notes(varied)
    moved = after.pitch.astype(int).min() - before.pitch.min()
    assert moved == semitones  # pitches 40 to 79 have room for an octave
    assert np.array_equal(np.sort(after.pitch), np.sort(before.pitch + moved))


def test_the_first_shift_of_a_window_is_kept() -> None:
    rows = [(0.5, 0.2, 60, 64), (0.9, 0.2, 62, 64), (1.1, 0.2, 64, 64)]
    for name, grid_s in (("note", 0.01), ("giga", 0.016), ("performance", 0.01)):
        tokenizer = registry.resolve("tokenizer", name)()
        ids = tokenizer.encode_notes(Notes.from_rows(rows), begin=False, end=False)
        window = ids if name == "performance" else ids[4:]
        onset_s = tokenizer.decode_notes(window).onset_s
        for stretch in (0.5, 1.0, 1.5):
            varied = augment_ids(tokenizer, window, semitones=1, stretch=stretch, velocity=0)
            assert tokenizer.decode_notes(varied).onset_s == pytest.approx(onset_s * stretch, abs=grid_s)


def test_openings_conditions_and_ends_stay() -> None:
    conditions = {"composer": "Chopin", "key": "C minor"}
    ids = NOTE.encode_notes(piece(), conditions=conditions)
    varied = augment_ids(NOTE, ids, semitones=2, stretch=1.01, velocity=3)
    assert varied[:3].tolist() == [1, *NOTE.conditions.ids({"composer": "Chopin", "key": "D minor"})]
    assert varied[-1] == 2
    assert len(varied) == len(ids)
    inside = augment_ids(NOTE, ids[3:-1], semitones=2, stretch=1.01, velocity=3)
    assert np.array_equal(inside, varied[3:-1])
    performance = PerformanceTokenizer()
    ids = performance.encode_notes(piece())
    varied = augment_ids(performance, ids, semitones=2, stretch=1.01, velocity=3)
    assert varied[0] == varied[-1] == 388
    assert (varied[1:-1] != 388).all()
    assert augment_ids(performance, [388], **NOTHING).tolist() == [388]
    assert augment_ids(performance, [388, 388], **NOTHING).tolist() == [388, 388]


def test_events_of_notes_that_sound_at_the_edges_stay() -> None:
    # 60 began before the window, 64 ends after it.
    window = [360, 62, 265, 188, 64, 275, 190]
    assert augment_ids(PerformanceTokenizer(), window, **NOTHING).tolist() == window
    varied = augment_ids(PerformanceTokenizer(), window, semitones=1, stretch=2.0, velocity=4)
    assert varied.tolist() == [361, 63, 275, 189, 65, 295, 191]


def test_velocities_and_times_are_changed_alike() -> None:
    ids = NOTE.encode_notes(Notes.from_rows([(1.0, 0.5, 60, 64), (1.5, 0.25, 64, 100)]))
    varied = NOTE.decode_notes(augment_ids(NOTE, ids, semitones=-3, stretch=0.9, velocity=10))
    assert varied.onset_s == pytest.approx([0.9, 1.35])
    assert varied.duration_s == pytest.approx([0.45, 0.23])
    assert varied.pitch.tolist() == [57, 61]
    assert varied.velocity.tolist() == [70, 106]  # the bins of 62 + 10 and 98 + 10
    loud = NOTE.decode_notes(augment_ids(NOTE, ids, semitones=0, stretch=1.0, velocity=127))
    assert loud.velocity.tolist() == [126, 126]


def test_a_stretch_that_would_lose_a_note_is_left_out() -> None:
    ids = NOTE.encode_notes(Notes.from_rows([(0.01, 0.01, 60, 64), (0.02, 0.01, 60, 64)]))
    varied = NOTE.decode_notes(augment_ids(NOTE, ids, semitones=2, stretch=0.5, velocity=0))
    assert varied.onset_s.tolist() == [0.01, 0.02]
    assert varied.pitch.tolist() == [62, 62]


@pytest.mark.parametrize(
    ("pitches", "semitones", "fitted"),
    [
        ([60], 5, 5),
        ([30, 60], -12, -9),
        ([60, 105], 12, 3),
        ([21, 108], 5, 0),
        ([21, 108], -5, 0),
        ([15, 60], -5, 0),
        ([15, 60], 5, 5),
        ([15, 120], 5, 0),
        ([], 5, 5),
    ],
)
def test_a_transposition_stays_on_the_piano(pitches: list[int], semitones: int, fitted: int) -> None:
    notes = Notes.from_rows([(0.0, 0.5, pitch, 64) for pitch in pitches])
    assert fit_transposition(notes, semitones) == fitted


def test_draws_are_a_function_of_seed_and_counters() -> None:
    augmentation = Augmentation()
    assert augmentation.draw(1, 2, 3) == augmentation.draw(1, 2, 3)
    draws = [augmentation.draw(1, step, lane).variation for step in range(100) for lane in range(5)]
    assert {draw["semitones"] for draw in draws} == set(range(-5, 6))
    assert {draw["velocity"] for draw in draws} == set(range(-8, 9))
    stretches = np.array([draw["stretch"] for draw in draws])
    assert 1 / 1.1 <= stretches.min() < 0.92
    assert 1.08 < stretches.max() <= 1.1
    assert abs(np.log(stretches).mean()) < 0.01


def test_nothing_may_be_drawn() -> None:
    assert Augmentation(semitones=0, stretch=0.0, velocity=0, conditions=0.0).draw(1) == (UNVARIED, ())


def test_conditions_are_dropped_as_often_as_asked() -> None:
    draws = [Augmentation().draw(1, step).conditions for step in range(4000)]
    told = [kinds for kinds in draws if kinds]
    # Half of the windows are to be told something; of those, one in 2⁶ draws nothing.
    assert_binomial(len(told), 4000, 0.5 * (1 - 0.5 ** len(CONDITIONS)))
    for kind in CONDITIONS:
        assert_binomial(sum(kind in kinds for kinds in draws), 4000, 0.25)
    pairs = sum("key" in kinds and "density" in kinds for kinds in draws)
    assert_binomial(pairs, 4000, 0.125)
    assert all(list(kinds) == [kind for kind in CONDITIONS if kind in kinds] for kinds in told)
    assert {Augmentation(conditions=1.0, each_condition=1.0).draw(1, step).conditions for step in range(9)} == {
        CONDITIONS
    }
    assert {Augmentation(conditions=0.0).draw(1, step).conditions for step in range(99)} == {()}


def assert_binomial(count: int, tries: int, share: float) -> None:
    """Check a count against four standard deviations of its binomial."""
    assert abs(count - tries * share) < 4 * np.sqrt(tries * share * (1 - share))


def test_conditions_do_not_disturb_the_variations() -> None:
    for step in range(20):
        assert Augmentation(conditions=0.0).draw(1, step).variation == Augmentation().draw(1, step).variation


def test_what_was_done_is_told() -> None:
    ids = NOTE.encode_notes(piece())
    asked = {"semitones": 2, "stretch": 1.01, "velocity": 3}
    assert augment.augment_ids(NOTE, ids, **asked)[1] == asked
    high = NOTE.encode_notes(Notes.from_rows([(0.01, 0.01, 106, 64), (0.02, 0.01, 106, 64)]))
    done = augment.augment_ids(NOTE, high, semitones=5, stretch=0.5, velocity=0)[1]
    assert done == {"semitones": 2, "stretch": 1.0, "velocity": 0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"semitones": -1}, "Augmentation.semitones must lie in 0 to 127; got -1"),
        ({"velocity": 128}, "Augmentation.velocity must lie in 0 to 127; got 128"),
        ({"stretch": 1.5}, "Augmentation.stretch must lie in 0 to 1; got 1.5. Try 0.1"),
        ({"conditions": -0.5}, "Augmentation.conditions must lie in 0 to 1; got -0.5. Try 0.5"),
        ({"each_condition": 2.0}, "Augmentation.each_condition must lie in 0 to 1; got 2.0. Try 0.5"),
    ],
)
def test_impossible_settings_are_errors(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Augmentation(**settings)
