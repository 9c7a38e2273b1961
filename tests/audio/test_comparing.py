"""Figures of long sounds, piece by piece."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tonada.audio import metrics
from tonada.audio.clip import Clip
from tonada.audio.comparing import PIECE_S, compare_blocks, log_mel_distance_nats

RATE = 100


def noise(samples: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def test_pieces_count_by_their_length_whatever_the_blocks() -> None:
    piece = round(PIECE_S * RATE)
    seen: list[int] = []

    def measure(first: NDArray[np.float32], second: NDArray[np.float32]) -> dict[str, float]:
        seen.append(len(first))
        assert (second == 2 * first).all()
        return {"first": float(first[0])}

    sound = np.arange(2 * piece + 500, dtype=np.float32)
    found = compare_blocks([sound], np.split(2 * sound, [7, 7, 4000]), RATE, measure)
    assert seen == [piece, piece + 500]  # what is left is part of the last
    assert found == {"first": piece * (piece + 500) / len(sound)}
    seen.clear()
    compare_blocks([sound[:10]], [2 * sound[:10]], RATE, measure)
    assert seen == [10]


def test_short_sounds_have_the_metrics_of_the_whole() -> None:
    sound, other = noise(40_000), noise(40_000, seed=2)
    clips = [Clip(samples=one[None], sample_rate=22_050) for one in (sound, other)]
    assert compare_blocks([sound], [other], 22_050) == pytest.approx(metrics.compare(*clips))
    expected = metrics.log_mel_distance_nats(sound, other)
    assert log_mel_distance_nats(sound, other, 22_050) == pytest.approx(expected)


def test_other_rates_are_taken_to_that_of_the_metrics() -> None:
    sound = noise(20_000)
    assert log_mel_distance_nats(sound, sound, 8_000) == 0
    halved = log_mel_distance_nats(sound, sound / 2, 8_000)
    assert 0.25 < halved < np.log(2)  # above 4 kHz there is nothing to be softer


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        compare_blocks([noise(10_000)], [noise(3_000)], RATE, lambda first, second: {})
