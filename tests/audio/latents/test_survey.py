"""What a model makes of many clips, and of songs from outside; whether its latent is used."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cosine_autoencoder import SAMPLE_RATE, CosineAutoencoder, CosineConfig, kinds
from tonada.audio.clip import Clip
from tonada.audio.latents.between import go_between
from tonada.audio.latents.exploration import Song, choose, cut_parts, describe, explore_model, first_of_each
from tonada.audio.latents.findings import Source
from tonada.audio.latents.health import count_active, measure_health
from tonada.audio.latents.pooling import pool
from tonada.audio.latents.survey import survey
from tonada.audio.metrics import METRICS, compare
from tonada.errors import CheckpointError


def clips(count: int) -> list[Clip]:
    arrays = [piece.array.astype(np.float32)[None] / 32_768 for piece in kinds(count, "test")]
    return [Clip(samples=array, sample_rate=SAMPLE_RATE) for array in arrays]


def sources(count: int) -> list[Source]:
    pieces = list(kinds(count, "test"))
    return [
        Source(
            name=piece.name,
            label=str(piece.metadata["label"]),
            track=str(piece.metadata["track"]),
            start_s=0.0,
            clip=clip,
        )
        for piece, clip in zip(pieces, clips(count), strict=True)
    ]


def model(width: int = 8) -> CosineAutoencoder:
    return CosineAutoencoder(CosineConfig(width=width)).eval()


# --- choosing ----------------------------------------------------------------------------------------------------


def test_clips_are_chosen_evenly_over_labels_and_tracks() -> None:
    labels = ["a"] * 10 + ["b"] * 4
    tracks = ["a1"] * 8 + ["a2"] * 2 + ["b1"] * 2 + ["b2"] * 2
    assert choose(labels, tracks, 4) == [0, 8, 10, 12]  # the first of each track
    assert choose(labels, tracks, 2) == [0, 10]  # of each label
    assert choose(labels, tracks, 6) == [0, 1, 8, 10, 11, 12]
    assert choose(labels, tracks, 99) == list(range(14))


def test_the_first_of_each_label_are_shown() -> None:
    assert first_of_each(["a", "a", "b", "a", "b"], 1) == [0, 2]
    assert first_of_each(["a", "a", "b", "a", "b"], 2) == [0, 1, 2, 4]


def test_songs_are_cut_into_segments_spread_evenly() -> None:
    ramp = Clip(samples=np.arange(1000, dtype=np.float32)[None] / 1000, sample_rate=10)
    parts = cut_parts(ramp, 4.0)  # 25 segments of 40 samples
    assert [part.samples.shape for part in parts] == [(1, 40)] * 12
    firsts = [round(float(part.samples[0, 0]) * 1000) for part in parts]
    assert (firsts[0], firsts[-1]) == (0, 960)
    assert set(np.diff(firsts)) == {80, 120}
    assert [part.samples.shape[1] for part in cut_parts(ramp, 40.0)] == [400, 400]
    assert [part.samples.shape[1] for part in cut_parts(ramp, 400.0)] == [1000]


def test_what_is_known_of_the_clips() -> None:
    names, told = describe(sources(12))
    assert names == ["hum", "noise", "whistle"]
    assert told.labels.tolist() == [0, 0, 1, 1, 2, 2] * 2
    assert told.tracks.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    brightness = told.properties["brightness"]
    assert brightness[told.labels == 0].max() < brightness[told.labels == 2].min()


# --- a survey ----------------------------------------------------------------------------------------------------


def test_a_survey_is_what_encoding_each_clip_gives() -> None:
    given, net = clips(6), model()
    given[5] = Clip(samples=given[5].samples[:, :3000].copy(), sample_rate=SAMPLE_RATE)
    found = survey(net, given, keep={1})
    assert found.pooled.shape == (6, 24)
    assert found.flat_rows.tolist() == [0, 1, 2, 3, 4]
    with torch.inference_mode():
        latents = net.encode(torch.from_numpy(given[1].samples))
        decoded = net(torch.from_numpy(given[1].samples)).numpy()
    np.testing.assert_allclose(found.pooled[1], pool(latents[0].T.numpy()), atol=1e-6)
    np.testing.assert_allclose(found.flattened[1], latents[0].T.numpy().ravel(), atol=1e-6)
    assert list(found.decoded) == [1]
    np.testing.assert_allclose(found.decoded[1].samples, decoded, atol=1e-6)
    direct = compare(given[1], found.decoded[1])
    assert {name: values[1] for name, values in found.scores.items()} == pytest.approx(
        {name: direct[name] for name in METRICS}
    )


def test_sound_of_another_rate_is_resampled() -> None:
    time_s = np.arange(22_050) / 22_050
    clip = Clip(samples=np.sin(2 * np.pi * 200 * time_s)[None].astype(np.float32) / 2, sample_rate=22_050)
    found = survey(model(), [clip], keep={0})
    assert found.decoded[0].samples.shape == (1, SAMPLE_RATE)
    assert found.scores["si_sdr_db"][0] > 15
    assert found.health is None


def test_a_broken_model_is_told() -> None:
    net = model()
    with torch.no_grad():
        net.basis[0, 0] = float("nan")
    with pytest.raises(CheckpointError, match="NaN or infinite"):
        survey(net, clips(2))


# --- health ------------------------------------------------------------------------------------------------------


def test_a_used_latent_and_one_that_is_not() -> None:
    used = survey(model(), clips(6)).health
    assert used is not None
    assert used.used
    assert used.active == 8

    class Deaf(CosineAutoencoder):
        def decode(self, latents: torch.Tensor, samples: int) -> torch.Tensor:
            return super().decode(latents, samples) * 0 + 0.01

    unused = survey(Deaf(CosineConfig()).eval(), clips(6)).health
    assert unused is not None
    assert not unused.used


def test_dead_channels_and_effective_dimensions() -> None:
    random = np.random.default_rng(1)
    frames = [(random.normal(size=(4000, 4)) * (2, 2, 2, 0.001)).astype(np.float32) for _ in range(3)]
    distances = {"own": [1.0], "another": [3.0], "mean": [2.0]}
    found = measure_health(frames, distances)
    assert (found.channels, found.active) == (4, 3)
    assert found.effective == pytest.approx(3, rel=0.01)
    assert found.spread == pytest.approx((2, 2, 2, 0.001), rel=0.05)
    assert measure_health([0.01 * clip for clip in frames], distances).active == 3
    assert measure_health([0.01 * clip for clip in frames], distances, variational=True).active == 0
    assert measure_health([np.zeros((5, 2), np.float32)], distances).active == 0


def test_a_channel_is_active_against_the_prior_or_else_the_greatest_one() -> None:
    deviation = np.array([0.05, 0.3, 40.0, 0.0])
    assert count_active(deviation, variational=True) == 2
    assert count_active(deviation, variational=False) == 1
    assert count_active(deviation[:2], variational=False) == 2


def test_variational_models_are_measured_against_their_prior() -> None:
    class Quiet(CosineAutoencoder):
        """Its latents are small, and its prior says that this is too small."""

        def posterior(self, waveform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.encode(waveform), torch.zeros(())

        def encode(self, waveform: torch.Tensor) -> torch.Tensor:
            return super().encode(waveform) * 1e-3

    found = survey(Quiet(CosineConfig()).eval(), clips(6)).health
    assert found is not None
    assert found.active == 0


# --- everything about one model ----------------------------------------------------------------------------------


def test_songs_from_outside_are_placed_and_judged() -> None:
    given = sources(24)
    labels, told = describe(given)
    hum, noise = given[6].clip, np.random.default_rng(1).uniform(-0.9, 0.9, (1, 4000)).astype(np.float32)
    songs = [
        Song(name="hum", seconds=0.5, parts=[hum]),
        Song(name="hiss", seconds=0.5, parts=[Clip(samples=noise, sample_rate=SAMPLE_RATE)]),
    ]
    steps: list[int] = []
    found, judged = explore_model("m", "folder", model(), given, told, songs, shown=[0], seed=1, done=steps.append)
    assert steps == list(range(1, 25))
    assert found.pooled.at_labels is not None
    assert found.pooled.at_labels.agreement["homogeneity"].value > 0.95
    assert found.compression == 8
    assert {label for _, label in judged[0].nearest[:3]} == {"hum"}
    own = found.pooled.plane[6]
    np.testing.assert_allclose(judged[0].places["components"], own, atol=1e-6)
    np.testing.assert_allclose(judged[0].places["flattened"], found.flattened.plane[6], atol=1e-4)
    assert judged[0].better_than > 0.3
    assert labels == ["hum", "noise", "whistle"]


def test_between_two_clips() -> None:
    first, second = clips(6)[0], clips(6)[4]
    steps = go_between(model(), first, second)
    assert [step.share for step in steps] == [0, 0.25, 0.5, 0.75, 1]
    for step in steps:  # this decoder is linear: the straight way is the cross-fade, the turning one is not
        np.testing.assert_allclose(step.ways["linear"].samples, step.crossfade.samples, atol=1e-5)
        assert step.novelty["linear"] < 0.01
    assert steps[2].novelty["spherical"] > 0.02
    assert steps[0].novelty["spherical"] < 1e-6
