"""Arbitrary scores for Hypothesis: crowded, so that notes collide, overlap and return while the pedal moves."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tonada.symbolic.score import SUSTAIN, Score, Track
from tonada.symbolic.tempo import TempoMap

# Few different ticks and pitches make collisions likely; the far ones make rests of up to minutes.
_ticks = st.one_of(st.integers(0, 12), st.integers(0, 60_000))
_pitches = st.sampled_from([0, 1, 20, 59, 60, 60, 61, 109, 126, 127])
_velocities = st.integers(1, 127)
_notes = st.lists(st.tuples(_ticks, _ticks, _pitches, _velocities), max_size=14)
_controls = st.lists(
    st.tuples(_ticks, st.sampled_from([SUSTAIN, SUSTAIN, SUSTAIN, 1]), st.sampled_from([0, 63, 64, 127])), max_size=6
)


def columns(rows: list[tuple[int, ...]], count: int) -> list[np.ndarray]:
    return list(np.array(rows, dtype=np.int64).reshape(-1, count).T)


def track(notes: list[tuple[int, ...]], controls: list[tuple[int, ...]] = (), *, is_drum: bool = False) -> Track:
    """Build a track from (onset, duration, pitch, velocity) and (tick, control, value), all in ticks."""
    onset, duration, pitch, velocity = columns(notes, 4)
    tick, number, value = columns(sorted(controls, key=lambda control: control[0]), 3)
    return Track(
        is_drum=is_drum,
        onset_ticks=onset,
        duration_ticks=duration,
        pitch=pitch,
        velocity=velocity,
        control_ticks=tick,
        control_number=number,
        control_value=value,
    )


@st.composite
def scores(draw: st.DrawFn) -> Score:
    tempi = draw(st.lists(st.tuples(_ticks, st.integers(1, 2_000_000)), max_size=2))
    tempo_map = TempoMap.from_events(
        *columns(sorted(tempi, key=lambda tempo: tempo[0]), 2),
        ticks_per_quarter=draw(st.sampled_from([1, 24, 384, 480, 32_767])),
    )
    parts = draw(st.lists(st.tuples(_notes, _controls, st.booleans()), max_size=2))
    return Score(
        tracks=tuple(track(notes, controls, is_drum=is_drum) for notes, controls, is_drum in parts),
        tempo_map=tempo_map,
    )
