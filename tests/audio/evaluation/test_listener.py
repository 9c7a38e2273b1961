"""The listener: its file, its features, and that it learned something."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch

from tonada.audio.clip import Clip
from tonada.audio.evaluation.controls import white_noise
from tonada.audio.evaluation.embeddings import hear
from tonada.audio.evaluation.listener import FEATURES, WEIGHTS, Listener, listen, load_listener

FACTS = json.loads(WEIGHTS.with_suffix(".json").read_text("utf-8"))
RATE = 22_050


def chord(seconds: float = 3.0) -> Clip:
    time = np.arange(round(seconds * RATE)) / RATE
    sound = sum(np.sin(2 * np.pi * hz * time) for hz in (220.0, 277.0, 330.0)) * np.exp(-2.0 * (time % 0.5))
    return Clip(samples=(0.1 * sound).astype(np.float32)[None], sample_rate=RATE)


def test_the_shipped_listener_is_small_and_says_where_it_comes_from() -> None:
    assert WEIGHTS.stat().st_size <= 1_000_000
    assert set(FACTS) >= {"data_sha256", "seed", "labels", "held_out_genre_accuracy", "held_out_tracks"}
    assert FACTS["held_out_genre_accuracy"] > 0.7
    assert FACTS["weights"] == sum(weight.numel() for weight in load_listener().parameters())


def test_everybody_is_named_whose_music_it_learned_from() -> None:
    assert FACTS["licence"].startswith("CC BY")
    with WEIGHTS.with_name(FACTS["attribution"]).open(encoding="utf-8", newline="") as file:
        named = list(csv.DictReader(file))
    assert sum(int(row["segments"]) for row in named) == FACTS["training_segments"]
    assert all(row["licence"] and row["source"] for row in named)
    stated = {row["licence"] for row in named}
    assert not any("NC" in name for name in stated) or "NC" in FACTS["licence"]
    assert not any("SA" in name for name in stated) or "SA" in FACTS["licence"]
    assert "BSD-3-Clause" not in stated or WEIGHTS.with_name("listener-LICENSE-Freedoom.txt").is_file()


def test_features_are_finite_and_the_same_every_time() -> None:
    spectrum = hear(chord())
    first = listen(spectrum)
    assert first.shape == (FEATURES,)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(listen(spectrum), first)


@pytest.mark.parametrize("frames", [1, 2, 31, 33])
def test_short_spectra_have_features(frames: int) -> None:
    assert np.isfinite(listen(hear(chord())[:, :frames])).all()


def test_a_longer_steady_sound_has_the_same_mean_features() -> None:
    # An average over time: a sound that goes on in the same way is heard in the same way.
    short, long = listen(hear(chord(4.0))), listen(hear(chord(8.0)))
    other = listen(hear(white_noise(chord(4.0), 1)))
    assert np.linalg.norm(short - long) < 0.3 * np.linalg.norm(short - other)


def test_a_batch_is_heard_as_its_clips() -> None:
    listener = Listener(3).eval()
    spectra = torch.randn(4, 128, 64)
    with torch.no_grad():
        together = listener.features(spectra)
        alone = torch.cat([listener.features(one[None]) for one in spectra])
    torch.testing.assert_close(together, alone)


def test_gradients_reach_every_weight() -> None:
    listener = Listener(3)
    listener(torch.randn(4, 128, 64)).logsumexp(dim=1).sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in listener.parameters())
