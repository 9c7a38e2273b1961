"""Training crops: a function of seed and step, each segment once an epoch, varied as asked, not silent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tonada.audio.batches import CropBatches, SoundAugmentation
from tonada.audio.transforms.waveform import WaveformTransform
from tonada.errors import ConfigError

PLAIN = {"gain_db": 0.0, "flip": False}
TRANSFORM = WaveformTransform(WaveformTransform.Config(sample_rate=8_000))


def crops(pieces: list[NDArray[np.int16]], *, batch: int = 4, seed: int = 1, **augmentation: Any) -> CropBatches:
    settings = SoundAugmentation(**{"crop_samples": 8, **PLAIN, **augmentation})
    return CropBatches(pieces, TRANSFORM, batch=batch, seed=seed, augmentation=settings)


def levels(count: int) -> list[NDArray[np.int16]]:
    """Give segments that are told apart by their constant level: 1000, 2000 … of 32 768."""
    return [np.full(20, 1000 * (number + 1), dtype=np.int16) for number in range(count)]


def values(source: CropBatches, steps: int) -> NDArray[np.float32]:
    return torch.cat([source.batch(step)["waveform"] for step in range(steps)]).numpy()


def as_decoded(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    return TRANSFORM.decode(samples).samples[0]


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    random = np.random.default_rng(1)
    pieces = [random.integers(-20_000, 20_000, size=100).astype(np.int16) for _ in range(6)]
    varied = {"gain_db": 9.0, "flip": True}
    source, other = crops(pieces, **varied), crops(pieces, **varied)
    forward = [source.batch(step)["waveform"] for step in range(6)]
    backward = [other.batch(step)["waveform"] for step in reversed(range(6))][::-1]
    assert all(torch.equal(one, two) for one, two in zip(forward, backward, strict=True))
    assert not torch.equal(forward[0], forward[3])
    assert not torch.equal(forward[0], crops(pieces, seed=2, **varied).batch(0)["waveform"])
    assert (forward[0].dtype, forward[0].shape) == (torch.float32, (4, 8))


def test_an_epoch_takes_every_segment_once() -> None:
    pieces = levels(6)
    order = values(crops(pieces), 9)[:, 0].reshape(6, 6)
    expected = np.array([as_decoded(piece)[0] for piece in pieces])
    for epoch in order:
        assert np.array_equal(np.sort(epoch), expected)
    assert len({tuple(epoch) for epoch in order.tolist()}) > 1


def test_a_crop_is_a_stretch_of_its_segment_from_anywhere() -> None:
    ramp = np.arange(10_000, 10_020, dtype=np.int16)
    found = values(crops([ramp]), 100)
    whole = as_decoded(ramp)
    starts = [int(np.flatnonzero(whole == crop[0])[0]) for crop in found]
    assert set(starts) == set(range(13))  # 20 − 8 samples can stand before it
    assert all(np.array_equal(crop, whole[start : start + 8]) for start, crop in zip(starts, found, strict=True))


def test_a_short_segment_is_padded_with_silence() -> None:
    found = values(crops([np.array([9000, -9000], dtype=np.int16)]), 1)
    assert np.array_equal(found[0], [*as_decoded(np.array([9000, -9000], dtype=np.int16)), 0, 0, 0, 0, 0, 0])


def test_gain_and_polarity() -> None:
    level = float(as_decoded(levels(1)[0])[0])
    found = values(crops(levels(1), gain_db=6.0, flip=True), 100)[:, 0] / level
    assert np.abs(found).max() == pytest.approx(1.0, abs=0.01)
    assert np.abs(found).max() <= 1.0
    assert np.abs(found).min() == pytest.approx(10 ** (-6 / 20), abs=0.01)
    assert 0.4 < np.mean(found < 0) < 0.6
    decibels = -20 * np.log10(np.abs(found))
    assert np.mean(decibels) == pytest.approx(3.0, abs=0.3)  # uniform in decibels


def test_silence_is_avoided_where_there_is_sound() -> None:
    quiet = np.zeros(2000, dtype=np.int16)
    half = quiet.copy()
    half[1000:] = 5000
    found = values(crops([half] * 4), 50)
    # Four draws in the segment and four elsewhere, each in silence with a chance of one half.
    assert np.mean(np.abs(found).max(axis=1) == 0.0) < 0.03
    mixed = values(crops([quiet, *levels(3)]), 50)
    assert np.mean(np.abs(mixed).max(axis=1) == 0.0) < 0.03
    assert not values(crops([quiet]), 2).any()


@pytest.mark.parametrize(("level", "silent"), [(32, True), (34, False)])
def test_silence_is_less_than_60_db_below_full_scale(level: int, silent: bool) -> None:
    pieces = [np.full(20, level, dtype=np.int16), *levels(3)]
    found = values(crops(pieces), 50)[:, 0]
    assert (np.mean(found == as_decoded(pieces[0])[0]) < 0.1) == silent


@pytest.mark.parametrize(("name", "value"), [("crop_samples", 0), ("gain_db", -1.0), ("gain_db", float("inf"))])
def test_settings_out_of_range(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        SoundAugmentation(**{name: value})  # type: ignore[arg-type]


def test_nothing_to_train_on() -> None:
    with pytest.raises(ConfigError, match="'train' is empty"):
        crops([])
