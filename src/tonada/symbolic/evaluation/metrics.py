"""Objective metrics of a piece: one number each, computed from its notes in seconds, without bars or beats.

They describe, they do not judge: each says something only beside the same figure for real music (``comparison``).

Conventions
-----------
* When a note sounds, and what an *onset group* is, says ``simultaneity``.
* The span is the time from the first onset to the last note's end; windows are counted from the first onset, so no
  metric depends on where in time a passage stands.
* What cannot be told is NaN: everything but the counts without notes, anything about gaps with one onset group,
  densities over no time, similarity without two windows to compare. Standard deviations are of the population, so one
  note has 0.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.evaluation.repetition import (
    REPEATED_NOTES,
    groove_consistency,
    profiles,
    repeated_share,
    repetition,
    self_similarity,
)
from tonada.symbolic.evaluation.simultaneity import (
    MICROSECONDS_PER_S,
    first_of_each,
    microseconds,
    onset_groups,
    sounding,
    times_of_counts,
)
from tonada.symbolic.notes import Floats, Ints, Notes

LAGS_S = (1, 2, 4, 8, 16)  # whole windows of 1 s
LOCAL_WINDOW_S = 4.0

TIME_EDGES_S: NDArray[np.float64] = 0.01 * 2.0 ** (np.arange(25) / 2)
"""Bin edges of the two time histograms: 10 ms … 40.96 s, two bins an octave."""

_MAJOR = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1], dtype=np.int64)
_NATURAL_MINOR = np.array([1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0], dtype=np.int64)
_SCALES = np.array([np.roll(scale, root) for scale in (_MAJOR, _NATURAL_MINOR) for root in range(12)])


def describe(notes: Notes) -> dict[str, float]:
    """Compute every objective metric of a piece.

    Parameters
    ----------
    notes
        The piece; for polyphony, with the sustain pedal folded in or not, as the comparison wants it.

    Returns
    -------
    dict
        Metric → value; names carry their unit, shares and similarities lie in [0, 1].

        ``notes``
            Number of notes.
        ``span_s``
            From the first onset to the last note's end.
        ``note_density_per_s``
            Notes over span.
        ``polyphony_mean``, ``polyphony_max``
            Number of different pitches sounding at once: its mean over the time in which something sounds, and its
            maximum (Dong et al. 2020, MusPy, "polyphony"; exact times in place of a time grid). Two overlapping notes
            of one pitch count once, so that two hands on one key change nothing. A held pedal makes it large;
            ``notes_per_onset_mean`` is the figure that the pedal does not touch.
        ``empty_share``
            Share of the span in which nothing sounds (Dong et al. 2018, MuseGAN, "empty bars", without the bars).
        ``notes_per_onset_mean``, ``chord_share``
            Notes per onset group, and the share of onset groups with two or more notes.
        ``pitch_range_semitones``, ``pitch_mean``, ``pitch_std``
            Highest minus lowest pitch; mean and standard deviation of MIDI note numbers.
        ``pitches_used``, ``pitch_classes_used``
            Number of different pitches and pitch classes (Dong et al. 2018, MuseGAN, "UPC").
        ``top_interval_mean_semitones``
            Mean size of the step between the highest notes of successive onset groups: the pitch shift of Yang & Lerch
            (2018) on the skyline (Uitdenbogerd & Zobel 1999), since successive notes of a chord are no melody.
        ``pitch_entropy_bits``, ``pitch_class_entropy_bits``
            Entropy of the histograms of pitches and pitch classes, notes counted once each (Wu & Yang 2020, "H").
        ``local_pitch_class_entropy_bits``
            The latter within windows of 4 s (by onset), mean over windows with notes (Wu & Yang 2020, "H4", there over
            4 bars).
        ``scale_consistency``
            Share of the notes in the best fitting of the 24 major and natural minor scales (Mogren 2016).
        ``inter_onset_mean_s``, ``_median_s``, ``_std_s``
            Times between successive onset groups (each stands at its first note).
        ``duration_mean_s``, ``_median_s``, ``_std_s``
            Of the notes' durations.
        ``velocity_mean``, ``velocity_std``
            Of MIDI velocities.
        ``groove_consistency``
            1 − mean Hamming distance, per position, of the onset patterns of successive windows (Wu & Yang 2020, in
            MusPy's form for neighbours): windows of 2 s with 20 positions in place of bars, from the first to the last
            onset. By the clock, not the beat: with a tempo unknown, it falls mostly with density.
        ``repetition_1s`` … ``repetition_16s``
            Mean cosine similarity of pitch-class profiles (time that each class sounds within a whole 1 s window) one
            lag apart, over pairs in which both sound.
        ``self_similarity``
            The same over all pairs of different windows.
        ``repeated_8_note_share``
            Of all runs of 8 successive pitches (notes in order of onset group, then pitch), the share that occurred
            before in the piece: 0 never repeats literally; near 1 is a loop.
    """
    pitch, velocity = notes.pitch, notes.velocity.astype(np.float64)
    start, end = microseconds(notes)
    first, last = (int(start.min()), int(end.max())) if len(notes) else (0, 0)
    span_s = (last - first) / MICROSECONDS_PER_S if len(notes) else math.nan
    group, pitch_in_order = onset_groups(start, pitch)
    sizes = np.bincount(group).astype(np.float64)
    top = np.maximum.reduceat(pitch, first_of_each(group)) if len(notes) else pitch
    classes = np.bincount(pitch % 12, minlength=12)
    heard = sounding(start, end, pitch)
    polyphony_mean, polyphony_max, empty_share = _polyphony(*heard[:2], span=last - first)
    windows = profiles(*heard, first=first, last=last)
    return {
        "notes": float(len(notes)),
        "span_s": span_s,
        "note_density_per_s": len(notes) / span_s if span_s > 0.0 else math.nan,
        "polyphony_mean": polyphony_mean,
        "polyphony_max": polyphony_max,
        "empty_share": empty_share,
        "notes_per_onset_mean": _mean(sizes),
        "chord_share": _mean((sizes >= 2).astype(np.float64)),
        "pitch_range_semitones": float(pitch.max() - pitch.min()) if len(notes) else math.nan,
        "pitch_mean": _mean(pitch.astype(np.float64)),
        "pitch_std": _std(pitch.astype(np.float64)),
        "pitches_used": float(np.count_nonzero(np.bincount(pitch))),
        "pitch_classes_used": float(np.count_nonzero(classes)),
        "top_interval_mean_semitones": _mean(np.abs(np.diff(top)).astype(np.float64)),
        "pitch_entropy_bits": _entropy_bits(np.bincount(pitch)),
        "pitch_class_entropy_bits": _entropy_bits(classes),
        "local_pitch_class_entropy_bits": _local_entropy_bits(start, pitch),
        "scale_consistency": float((_SCALES @ classes).max()) / len(notes) if len(notes) else math.nan,
        **_statistics("inter_onset", _group_gaps_s(start, group)),
        **_statistics("duration", notes.duration_s),
        "velocity_mean": _mean(velocity),
        "velocity_std": _std(velocity),
        "groove_consistency": groove_consistency(start),
        **{f"repetition_{lag}s": repetition(windows, lag) for lag in LAGS_S},
        "self_similarity": self_similarity(windows),
        f"repeated_{REPEATED_NOTES}_note_share": repeated_share(pitch_in_order),
    }


def inter_onset_histogram(notes: Notes) -> Floats:
    """Give the shares of the times between successive onset groups, float64 [24], bins between ``TIME_EDGES_S``.

    Times outside the edges are counted in the first or last bin; NaN throughout with fewer than two onset groups.
    """
    start, _ = microseconds(notes)
    return _time_histogram(_group_gaps_s(start, onset_groups(start, notes.pitch)[0]))


def duration_histogram(notes: Notes) -> Floats:
    """Give the shares of the durations, float64 [24], as ``inter_onset_histogram`` does; all NaN without notes."""
    return _time_histogram(notes.duration_s)


def pitch_class_histogram(notes: Notes) -> Floats:
    """Give the share of the notes in each pitch class, float64 [12] from C (Yang & Lerch 2018, "PCH"); NaN if empty."""
    return _shares(np.bincount(notes.pitch % 12, minlength=12))


def pitch_class_transitions(notes: Notes) -> Floats:
    """Give the shares of the pairs (class, next class), float64 [12, 12] (Yang & Lerch 2018, "PCTM").

    Notes are taken in order of onset group, then pitch; NaN throughout with fewer than two notes.
    """
    start, _ = microseconds(notes)
    classes = onset_groups(start, notes.pitch)[1] % 12
    return _shares(np.bincount(12 * classes[:-1] + classes[1:], minlength=144)).reshape(12, 12)


def _group_gaps_s(start: Ints, group: Ints) -> Floats:
    return np.diff(start[first_of_each(group)]) / MICROSECONDS_PER_S


def _polyphony(start: Ints, end: Ints, *, span: int) -> tuple[float, float, float]:
    """Give the mean while something sounds, the maximum, and the share of the span without sound."""
    count, length = times_of_counts(start, end)
    total = int(length[count > 0].sum())
    empty_share = 1.0 - total / span if span else math.nan
    if not total:
        return math.nan, math.nan, empty_share
    return float((count * length).sum() / total), float(count.max()), empty_share


def _local_entropy_bits(start: Ints, pitch: Ints) -> float:
    if not len(start):
        return math.nan
    _, window = np.unique((start - start[0]) // round(LOCAL_WINDOW_S * MICROSECONDS_PER_S), return_inverse=True)
    counts = np.bincount(12 * window + pitch % 12, minlength=12 * (int(window[-1]) + 1)).reshape(-1, 12)
    share = counts / counts.sum(axis=1, keepdims=True)
    return _mean(-(share * np.log2(share, out=np.zeros_like(share), where=share > 0.0)).sum(axis=1))


def _entropy_bits(counts: Ints) -> float:
    share = counts[counts > 0] / max(1, counts.sum())
    return float(-(share * np.log2(share)).sum()) + 0.0 if len(share) else math.nan


def _time_histogram(times_s: Floats) -> Floats:
    # Microseconds here too: a duration that is an edge but for a rounding error belongs to the bin that the edge opens.
    edges, times = (np.rint(values * MICROSECONDS_PER_S) for values in (TIME_EDGES_S, times_s))
    inside = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, len(edges) - 2)
    return _shares(np.bincount(inside, minlength=len(edges) - 1))


def _shares(counts: Ints) -> Floats:
    total = counts.sum()
    return counts / total if total else np.full(len(counts), math.nan)


def _statistics(name: str, values_s: Floats) -> dict[str, float]:
    median = float(np.median(values_s)) if len(values_s) else math.nan
    return {f"{name}_mean_s": _mean(values_s), f"{name}_median_s": median, f"{name}_std_s": _std(values_s)}


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


def _std(values: Floats) -> float:
    return float(values.std()) if len(values) else math.nan
