"""Make tests/symbolic/evaluation/golden/metrics.json: metrics of made-up pieces, from MusPy where it has them.

Run with an interpreter that has muspy (tested: 0.5.0): ``python tools/make_golden_metrics.py``. Nothing of Tonada is
imported. Times in the file are whole steps of 10 ms, so that MusPy's time grid and the loops here are exact.
"""

from __future__ import annotations

import json
import math
import random
import statistics
from itertools import pairwise
from pathlib import Path

import muspy

TARGET = Path(__file__).parents[1] / "tests" / "symbolic" / "evaluation" / "golden" / "metrics.json"
Row = tuple[int, int, int, int]  # onset in steps, duration in steps, pitch, velocity


def broken_chords(seed: int) -> list[Row]:
    """Break the chords of a progression, spread, held by a pedal, with a tune above; some of it comes back."""
    draw = random.Random(seed)
    progression = [(48, 60, 64, 67), (45, 57, 60, 64), (41, 57, 60, 65), (43, 59, 62, 67)] * 3
    rows: list[Row] = []
    now = 37
    for chord in progression:
        for index, pitch in enumerate(chord * 2):
            rows.append((now + draw.randint(0, 2), draw.choice([20, 45, 150]), pitch, draw.randint(40, 70)))
            if index % 4 == 0:
                rows.append(
                    (now + draw.randint(0, 3), draw.randint(30, 90), draw.choice(chord) + 24, draw.randint(70, 110))
                )
            now += draw.choice([24, 25, 26])
    return sorted(set(rows), key=lambda row: (row[0], row[2]))


def scattered(seed: int) -> list[Row]:
    """Put notes anywhere, overlapping themselves, with silences."""
    draw = random.Random(seed)
    rows = [
        (
            draw.choice([0, 700, 2600]) + draw.randint(0, 500),
            draw.randint(1, 120),
            draw.randint(50, 74),
            draw.randint(1, 127),
        )
        for _ in range(160)
    ]
    return sorted(rows, key=lambda row: (row[0], row[2]))


def scale() -> list[Row]:
    """Play an octave of G major, touching notes, twice."""
    pitches = [67, 69, 71, 72, 74, 76, 78, 79, 78, 76, 74, 72, 71, 69, 67]
    return [(30 * index, 30, pitch, 64) for index, pitch in enumerate(pitches * 2)]


def from_muspy(rows: list[Row]) -> dict[str, float]:
    """Give what MusPy defines."""
    track = muspy.Track(notes=[muspy.Note(on, pitch, duration, velocity) for on, duration, pitch, velocity in rows])
    music = muspy.Music(resolution=24, tracks=[track])
    first = min(row[0] for row in rows)
    attacks = muspy.Track(notes=[muspy.Note((row[0] - first) // 10, row[2], 0, 64) for row in rows])
    return {
        "polyphony_mean": float(muspy.polyphony(music)),
        "pitch_range_semitones": float(muspy.pitch_range(music)),
        "pitches_used": float(muspy.n_pitches_used(music)),
        "pitch_classes_used": float(muspy.n_pitch_classes_used(music)),
        "pitch_entropy_bits": float(muspy.pitch_entropy(music)),
        "pitch_class_entropy_bits": float(muspy.pitch_class_entropy(music)),
        "scale_consistency": float(muspy.scale_consistency(music)),
        "groove_consistency": float(muspy.groove_consistency(muspy.Music(resolution=24, tracks=[attacks]), 20)),
    }


def entropy(values: list[int]) -> float:
    """Give the entropy of what a list holds, in bits."""
    return -sum(share * math.log2(share) for share in (values.count(value) / len(values) for value in set(values)))


def by_loops(rows: list[Row]) -> dict[str, float]:
    """Compute the rest note by note and step by step."""
    first, last = min(row[0] for row in rows), max(row[0] + row[1] for row in rows)
    sounding = [{row[2] for row in rows if row[0] <= step < row[0] + row[1]} for step in range(first, last)]
    groups: list[list[Row]] = []
    for row in rows:
        if groups and row[0] - groups[-1][-1][0] <= 3:
            groups[-1].append(row)
        else:
            groups.append([row])
    gaps = [(later[0][0] - earlier[0][0]) / 100 for earlier, later in pairwise(groups)]
    durations = [row[1] / 100 for row in rows]
    tops = [max(row[2] for row in group) for group in groups]
    in_order = [row[2] for group in groups for row in sorted(group, key=lambda row: row[2])]
    windows: dict[int, list[int]] = {}
    for row in rows:
        windows.setdefault((row[0] - first) // 400, []).append(row[2] % 12)
    runs = [tuple(in_order[index : index + 8]) for index in range(len(in_order) - 7)]
    result = {
        "notes": float(len(rows)),
        "span_s": (last - first) / 100,
        "note_density_per_s": len(rows) / (last - first) * 100,
        "polyphony_max": float(max(map(len, sounding))),
        "empty_share": sum(not pitches for pitches in sounding) / len(sounding),
        "notes_per_onset_mean": len(rows) / len(groups),
        "chord_share": sum(len(group) > 1 for group in groups) / len(groups),
        "pitch_mean": statistics.fmean(row[2] for row in rows),
        "pitch_std": statistics.pstdev(row[2] for row in rows),
        "top_interval_mean_semitones": statistics.fmean(abs(later - earlier) for earlier, later in pairwise(tops)),
        "local_pitch_class_entropy_bits": statistics.fmean(entropy(values) for values in windows.values()),
        "velocity_mean": statistics.fmean(row[3] for row in rows),
        "velocity_std": statistics.pstdev(row[3] for row in rows),
        "repeated_8_note_share": sum(run in runs[:index] for index, run in enumerate(runs)) / len(runs),
    }
    for name, values in (("inter_onset", gaps), ("duration", durations)):
        result[f"{name}_mean_s"] = statistics.fmean(values)
        result[f"{name}_median_s"] = statistics.median(values)
        result[f"{name}_std_s"] = statistics.pstdev(values)
    return result | similarities(sounding)


def similarities(sounding: list[set[int]]) -> dict[str, float]:
    """Compare the pitch-class profiles of whole windows of 100 steps, counted on the grid."""
    profiles = []
    for start in range(0, len(sounding) - 99, 100):
        classes = [pitch % 12 for pitches in sounding[start : start + 100] for pitch in pitches]
        profiles.append([classes.count(pitch_class) for pitch_class in range(12)])

    def cosine(first: list[int], second: list[int]) -> float:
        return sum(a * b for a, b in zip(first, second, strict=True)) / math.hypot(*first) / math.hypot(*second)

    def mean_of(pairs: list[tuple[int, int]]) -> float | None:
        values = [cosine(profiles[i], profiles[j]) for i, j in pairs if any(profiles[i]) and any(profiles[j])]
        return statistics.fmean(values) if values else None

    count = len(profiles)
    result = {f"repetition_{lag}s": mean_of([(i, i + lag) for i in range(count - lag)]) for lag in (1, 2, 4, 8, 16)}
    return result | {"self_similarity": mean_of([(i, j) for i in range(count) for j in range(i)])}


def histograms(rows: list[Row]) -> dict[str, list[float]]:
    """Count times between 10 ms · 2^(k/2) and pitch classes, one by one."""
    edges = [10 * 2 ** (index / 2) for index in range(25)]
    durations, classes = [0.0] * 24, [0.0] * 12
    for row in rows:
        durations[max(index for index in range(24) if index == 0 or 10 * row[1] >= edges[index] - 1e-9)] += 1 / len(
            rows
        )
        classes[row[2] % 12] += 1 / len(rows)
    return {"duration": durations, "pitch_class": classes}


def main() -> None:
    """Write the file."""
    pieces = {"broken chords": broken_chords(1), "scattered": scattered(2), "scale": scale()}
    golden = {
        name: {"rows": rows, "metrics": from_muspy(rows) | by_loops(rows), "histograms": histograms(rows)}
        for name, rows in pieces.items()
    }
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(
        json.dumps(golden, separators=(",", ":")).replace('"metrics"', '\n"metrics"') + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
