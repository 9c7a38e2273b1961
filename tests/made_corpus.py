"""Made-up pieces and their fingerprint: shared by the tests of originality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tonada.seeding import rng
from tonada.symbolic.notes import Notes
from tonada.symbolic.originality.building import join_readings, read_piece
from tonada.symbolic.originality.fingerprint import Fingerprint

SCALE = np.array([0, 2, 4, 5, 7, 9, 11])


def made_piece(seed: int, size: int = 300) -> Notes:
    """Give random chords of one to three notes in a rhythm of their own, on the grid of 10 ms."""
    draw = rng(seed, "made piece")
    sizes = draw.integers(1, 4, size)
    gap = np.where(np.arange(size) > 0, draw.choice([0.1, 0.12, 0.2, 0.3, 0.45], size), 0.0)
    onset_s = np.round(np.repeat(np.cumsum(gap), sizes)[:size] + 0.5, 2)
    pitch = draw.integers(36, 84, size)
    return melody(onset_s, pitch)


def melody(onset_s: Sequence[float] | np.ndarray, pitch: Sequence[int] | np.ndarray) -> Notes:
    """Give notes of 0.1 s, all as loud."""
    count = len(onset_s)
    return Notes(
        onset_s=np.asarray(onset_s, dtype=np.float64),
        duration_s=np.full(count, 0.1),
        pitch=np.asarray(pitch, dtype=np.int64),
        velocity=np.full(count, 70),
    )


def scale(count: int = 64, start: int = 36, gap_s: float = 0.12) -> Notes:
    """Give a major scale, up and down three octaves."""
    degrees = np.arange(22)
    turning = np.resize(np.concatenate((degrees, degrees[-2:0:-1])), count)
    return melody(np.arange(count) * gap_s, start + SCALE[turning % 7] + 12 * (turning // 7))


def trill(count: int = 64, start: int = 72, gap_s: float = 0.07) -> Notes:
    """Give a trill."""
    return melody(np.arange(count) * gap_s, start + np.resize([0, 2], count))


def quoted(notes: Notes, *, semitones: int = 0, tempo: float = 1.0, start_s: float = 0.0) -> Notes:
    """Give notes moved, as fast as told, from a time on, on the grid of 10 ms."""
    onset_s = np.round((notes.onset_s - notes.onset_s[0]) / tempo + start_s, 2)
    return melody(onset_s, notes.pitch + semitones)


def fingerprint_of(pieces: Sequence[Notes]) -> Fingerprint:
    """Give the fingerprint of pieces, each a work of its own: Composer 0, Piece 0 and so on."""
    readings = (
        read_piece(notes, composer=f"Composer {i}", title=f"Piece {i}", work=f"work {i}", name=f"{i}.mid")
        for i, notes in enumerate(pieces)
    )
    return join_readings(readings, corpus="the pieces of this test", data_sha256="none")


def made_corpus(works: int = 16) -> Fingerprint:
    """Give the fingerprint of random pieces, each with a scale and a trill after it."""
    pieces = []
    for seed in range(works):
        notes = made_piece(seed)
        end_s = float(notes.onset_s[-1])
        pieces.append(Notes.concatenate(notes, scale(start=30 + seed).shifted(end_s + 1), trill().shifted(end_s + 20)))
    return fingerprint_of(pieces)
