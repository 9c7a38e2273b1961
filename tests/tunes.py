"""Made-up music for tests: tones that come and go, a tune of its own for every seed."""

from __future__ import annotations

import numpy as np

from tonada.seeding import rng

RATE = 22_050


def tune(seed: int, seconds: float, sample_rate: int = RATE) -> np.ndarray:
    """Give a tune, float32 [S]: chords of random pitches with overtones, two a second, each with a stroke of noise."""
    random = rng(seed, "tune")
    time_s = np.arange(round(seconds * sample_rate)) / sample_rate
    samples = 0.003 * random.standard_normal(len(time_s))
    for beat in range(int(2 * seconds) + 1):
        here = slice(round(beat / 2 * sample_rate), round((beat / 2 + 0.5) * sample_rate))
        inside_s = time_s[here] - beat / 2
        samples[here] += 0.1 * random.standard_normal(len(inside_s)) * np.exp(-8 * inside_s)
        for pitch in random.integers(40, 76, size=3):
            phases = 2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * inside_s
            wave = sum(np.sin(overtone * phases) / overtone for overtone in range(1, 9))
            samples[here] += 0.06 * wave * np.exp(-2 * inside_s)
    return samples.astype(np.float32)
