from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tonada.seeding import rng
from tonada.sources import list_sources, read_file
from tonada.symbolic.corpus.duplicates import (
    COMMON,
    INTERVALS,
    LEAST,
    SAME_FROM,
    SAMPLE,
    Overlap,
    find_shared,
    fingerprint,
)
from tonada.symbolic.corpus.kind import MIDI
from tonada.symbolic.midi import read_midi_bytes
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal


def piece(seed: int, chords: int = 600) -> Notes:
    """Random chords of one to three notes, 0.25 s apart."""
    draw = rng(seed, "piece")
    sizes = draw.integers(1, 4, chords)
    onset_s = np.repeat(np.arange(chords) * 0.25, sizes)
    pitch = draw.integers(30, 90, len(onset_s))
    return notes(onset_s, pitch)


def notes(onset_s: NDArray[np.float64], pitch: NDArray[np.int64], velocity: int = 70) -> Notes:
    return Notes(
        onset_s=onset_s, duration_s=np.full(len(pitch), 0.2), pitch=pitch, velocity=np.full(len(pitch), velocity)
    )


def test_one_in_four_ngrams_is_kept_and_the_same_ones_everywhere() -> None:
    whole = piece(1)
    kept = fingerprint(whole)
    assert kept.dtype == np.uint64
    assert np.all(np.diff(kept.astype(np.float64)) > 0)
    assert np.all(kept % np.uint64(SAMPLE) == 0)
    assert len(kept) == pytest.approx((len(whole) - INTERVALS) / SAMPLE, rel=0.15)
    assert set(fingerprint(whole[200:500])) < set(kept)


def test_transposition_tempo_loudness_and_rolled_chords_do_not_matter() -> None:
    plain = piece(1)
    expected = fingerprint(plain)
    rolled = plain.onset_s + 0.03 * (np.arange(len(plain)) % 2)
    for other in (
        notes(plain.onset_s, plain.pitch + 5),
        notes(plain.onset_s * 1.7 + 3, plain.pitch),
        notes(plain.onset_s, plain.pitch, velocity=20),
        notes(rolled, plain.pitch),
    ):
        assert np.array_equal(fingerprint(other), expected)


@pytest.mark.parametrize("count", range(INTERVALS + 2))
def test_a_piece_that_is_too_short_has_no_ngrams(count: int) -> None:
    few = notes(np.arange(count, dtype=np.float64), np.full(count, 60))
    assert len(fingerprint(few)) == (0 if count <= INTERVALS + 1 else 1)


def test_shares_are_those_counted_one_by_one() -> None:
    draw = rng(1, "fingerprints")
    common = np.arange(1000, dtype=np.uint64)
    prints = [np.unique(draw.choice(common, size)) for size in (900, 500, 200, 100, 60, 30, 0)]
    spread = Counter(int(entry) for each in prints for entry in each)
    weight = {entry: math.log1p(len(prints) / count) for entry, count in spread.items()}
    expected = []
    for a, b in itertools.combinations(range(len(prints)), 2):
        both = set(prints[a].tolist()) & set(prints[b].tolist())
        if len(both) >= LEAST:
            least = min(sum(weight[int(entry)] for entry in prints[place]) for place in (a, b))
            expected.append((a, b, sum(weight[entry] for entry in both) / least, len(both)))
    found = find_shared(prints, from_share=0.0)
    assert [(pair.a, pair.b, pair.ngrams) for pair in found] == [(a, b, count) for a, b, _, count in expected]
    assert [pair.share for pair in found] == pytest.approx([share for _, _, share, _ in expected], rel=1e-12)
    assert find_shared(prints, from_share=0.5) == [pair for pair in found if pair.share >= 0.5]


def test_a_copy_shares_everything_and_a_stranger_nothing() -> None:
    prints = [fingerprint(piece(1)), fingerprint(piece(2)), fingerprint(piece(1))]
    assert find_shared(prints) == [Overlap(a=0, b=2, share=pytest.approx(1.0), ngrams=len(prints[0]))]
    assert find_shared(prints[:2]) == []
    assert find_shared([]) == []


def test_a_movement_shares_everything_with_the_whole() -> None:
    whole = piece(1)
    found = find_shared([fingerprint(whole), fingerprint(whole[100:400])])
    assert [round(pair.share, 6) for pair in found] == [1.0]


def test_ngrams_that_many_pieces_have_join_nobody() -> None:
    shared = np.arange(100, dtype=np.uint64)
    assert len(find_shared([shared] * COMMON)) == COMMON * (COMMON - 1) // 2
    assert find_shared([shared] * (COMMON + 1)) == []


def test_few_ngrams_prove_nothing() -> None:
    exercise = np.arange(LEAST - 1, dtype=np.uint64)
    assert find_shared([exercise, exercise]) == []
    assert len(find_shared([np.arange(LEAST, dtype=np.uint64)] * 2)) == 1


def test_performances_of_one_work_are_told_from_other_works(data: Path) -> None:
    """Eleven performances of Chopin's Scherzo Op. 54 and ten of the Ballade Op. 23."""
    listing = list_sources([data / "midi" / "maestro-v3.0.0-midi.zip"], MIDI)
    chosen = [
        (title, file)
        for file in listing.files
        for title in ("Scherzo No. 4", "Ballade No. 1 in G Minor")
        if file.facts["composer"] == "Frédéric Chopin" and file.facts["title"].startswith(title)
    ]
    assert len(chosen) == 21
    prints = [
        fingerprint(fold_pedal(read_midi_bytes(read_file(file, {}, MIDI.largest_bytes), path=Path(file.name))))
        for _, file in chosen
    ]
    shares = {(pair.a, pair.b): pair.share for pair in find_shared(prints, from_share=0.0)}
    for a, b in itertools.combinations(range(len(chosen)), 2):
        share = shares.get((a, b), 0.0)
        assert share >= SAME_FROM if chosen[a][0] == chosen[b][0] else share < SAME_FROM / 2
