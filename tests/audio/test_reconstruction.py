"""The figures of reconstructed sound: exact where the model is known, with intervals over tracks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tonada.audio.evaluation.reconstruction import measure_reconstruction
from tonada.audio.metrics import METRICS, si_sdr_db, stft_distance
from tonada.audio.models.autoencoder import Autoencoder, AutoencoderConfig
from tonada.audio.models.base import AudioAutoencoder
from tonada.audio.transforms.waveform import WaveformTransform
from tonada.audio.validation import LatentUse, decoded_pairs, measure_latent, reconstruct, score_reconstruction
from tonada.data import Piece
from tonada.errors import ConfigError
from tonada.model import Batch, Losses

SAMPLE_RATE = 22_050


@dataclass(frozen=True, kw_only=True)
class KnownConfig:
    sample_rate: int = SAMPLE_RATE


class Known(AudioAutoencoder):
    """Gives back what a function makes of the sound, and remembers the shapes it was given."""

    Config = KnownConfig

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__(KnownConfig())
        self.hop, self.reach, self.latent_channels = 4, 0, 2
        self.change, self.shapes = change, list[tuple[int, ...]]()
        self.factor = nn.Parameter(torch.ones(3))

    def frames(self, samples: int) -> int:
        return samples

    def encode(self, waveform: Tensor) -> Tensor:
        self.shapes.append(tuple(waveform.shape))
        return waveform[:, None]

    def decode(self, latents: Tensor, samples: int) -> Tensor:
        return self.change(latents[:, 0])

    def losses(self, batch: Batch, step: int) -> Losses:
        yield "model", {}


class Sure(Known):
    """Says how sure it is: in its second channel, which does not change, exactly as a standard normal distribution."""

    def posterior(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        mean = torch.stack([waveform, torch.zeros_like(waveform)], dim=1)
        return mean, torch.zeros_like(mean)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def test_score_of_a_known_model() -> None:
    clips = [noise(3000, seed) for seed in range(3)]
    found = score_reconstruction(Known(lambda x: 0.25 * x), clips, "fp32")
    assert found.keys() == {"score", "si_sdr_db", "rms_ratio"}
    assert found["rms_ratio"] == pytest.approx(0.25)
    assert found["si_sdr_db"] == 100.0  # a factor is no distortion
    assert found["score"] == pytest.approx(np.mean([stft_distance(clip, 0.25 * clip) for clip in clips]))
    assert found["score"] > 0.5
    perfect = score_reconstruction(Known(lambda x: x), clips, "fp32")
    assert (perfect["score"], perfect["rms_ratio"]) == (0.0, 1.0)


class Telling(Known):
    """Knows the sound itself when it encodes and decodes at once, as max-unpooling knows where the maxima were."""

    def forward(self, waveform: Tensor) -> Tensor:
        return waveform


def test_latents_are_decoded_without_what_forward_knows_beside_them() -> None:
    clips = [noise(3000, seed) for seed in range(2)]
    model = Telling(lambda x: 0.25 * x)
    assert all(np.array_equal(decoded, 0.25 * clip) for clip, decoded in decoded_pairs(model, clips, "fp32"))
    assert score_reconstruction(model, clips, "fp32")["rms_ratio"] == pytest.approx(0.25)
    config = AutoencoderConfig(size="small", latent_channels=4, width=4, upsampling="max-unpooling")
    published, waveform = Autoencoder(config).eval(), torch.from_numpy(np.stack(clips))
    with torch.no_grad():
        for parameter in published.parameters():
            nn.init.normal_(parameter, std=0.3)
        expected = published.decode(published.encode(waveform), 3000)
        assert not torch.allclose(published(waveform), expected)
    assert torch.equal(reconstruct(published, waveform, "fp32"), expected)


def test_figures_are_the_same_inside_the_trainers_autocast() -> None:
    clips = [noise(3000, seed) for seed in range(3)]
    plain = score_reconstruction(Sure(lambda x: 0.3 * x + x.square()), clips, "fp32")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert score_reconstruction(Sure(lambda x: 0.3 * x + x.square()), clips, "fp32") == plain


def test_silence_has_finite_figures() -> None:
    silence = [np.zeros(3000, dtype=np.float32)]
    assert score_reconstruction(Known(lambda x: x), silence, "fp32") == {
        "score": 0.0,
        "rms_ratio": 1.0,
    }
    collapsed = score_reconstruction(Known(torch.zeros_like), [noise(3000)], "fp32")
    assert collapsed["rms_ratio"] == 0.0
    assert all(np.isfinite(value) for value in collapsed.values())


def test_a_variational_model_tells_of_its_latent() -> None:
    clips = [noise(3000, seed) for seed in range(2)]
    found = score_reconstruction(Sure(lambda x: x), clips, "fp32")
    assert found["active_dimensions"] == 1.0
    expected = 0.5 * np.mean(np.square(np.concatenate(clips), dtype=np.float64))  # of the first channel; 0 of the other
    assert found["kl_nats"] == pytest.approx(expected / 2, rel=1e-5)
    latent = measure_latent(Sure(lambda x: x), iter(clips), "fp32")
    assert latent == LatentUse(active_dimensions=1, kl_nats=(pytest.approx(expected, rel=1e-5), 0.0))
    assert measure_latent(Known(lambda x: x), clips, "fp32") is None


def test_neighbours_of_equal_length_share_a_forward_pass() -> None:
    model = Known(lambda x: -x)
    clips = [noise(length) for length in [50] * 10 + [30] + [50]]
    pairs = list(decoded_pairs(model, iter(clips), "fp32"))
    assert model.shapes == [(8, 50), (2, 50), (1, 30), (1, 50)]
    assert all(pair[0] is clip for pair, clip in zip(pairs, clips, strict=True))
    assert all(np.array_equal(decoded, -original) for original, decoded in pairs)


@pytest.mark.parametrize("around", [False, True])
def test_precision_is_what_was_asked(around: bool) -> None:
    """Inside the trainer's autocast, too; and what comes back is in full precision."""
    seen = []
    layer = nn.Linear(50, 50, bias=False)

    def change(x: Tensor) -> Tensor:
        found = layer(x)
        seen.append(found.dtype)
        return found

    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=around):
        outputs = [reconstruct(Known(change), torch.from_numpy(noise(50))[None], name) for name in ("fp32", "bf16")]
    assert seen == [torch.float32, torch.bfloat16]
    assert [(output.dtype, output.requires_grad) for output in outputs] == [(torch.float32, False)] * 2


def pieces() -> list[Piece]:
    """Give noise: three segments of one track of rock, one of another, two of a track of folk."""
    tracks = [("rock", "a"), ("rock", "a"), ("rock", "a"), ("rock", "b"), ("folk", "c"), ("folk", "c")]
    return [
        Piece(
            name=f"{track}#{number}",
            split="test",
            array=np.round(32_768 * noise(4000, number)).astype(np.int16),
            metadata={"name": f"{track}#{number}", "label": label, "track": track},
        )
        for number, (label, track) in enumerate(tracks)
    ]


def worse(x: Tensor) -> Tensor:
    """Add an error that differs between segments."""
    return x + x[:, :1] * torch.linspace(-1.0, 1.0, x.shape[-1])


def test_measured_over_segments_tracks_and_labels() -> None:
    transform, told = WaveformTransform(), []
    found = measure_reconstruction(
        Known(worse), transform, pieces(), progress=lambda done, total: told.append((done, total))
    )
    assert told == [(number, 6) for number in range(1, 7)]
    assert found.seconds == pytest.approx(6 * 4000 / SAMPLE_RATE)
    assert (found.parameters, found.values_per_second, found.compression) == (3, SAMPLE_RATE / 2, 2.0)
    assert (found.whole.segments, found.whole.tracks) == (6, 3)
    assert [(entry.label, entry.segments, entry.tracks) for entry in found.labels] == [("folk", 2, 1), ("rock", 4, 2)]
    originals = [transform.decode(piece.array).samples[0] for piece in pieces()]
    ratios = [si_sdr_db(x, worse(torch.from_numpy(x)[None]).numpy()[0]) for x in originals]
    assert [row["si_sdr_db"] for row in found.segments] == pytest.approx(ratios)
    assert [row["track"] for row in found.segments] == ["a", "a", "a", "b", "c", "c"]
    assert found.latent is None
    sure = measure_reconstruction(Sure(worse), transform, pieces())
    assert sure.latent == measure_latent(Sure(worse), originals, "fp32")
    whole = found.whole.metrics
    assert list(whole) == list(METRICS)
    assert whole["si_sdr_db"].mean.value == pytest.approx(np.mean(ratios))
    assert whole["si_sdr_db"].median == pytest.approx(np.median(ratios))
    assert found.labels[1].metrics["si_sdr_db"].mean.value == pytest.approx(np.mean(ratios[:4]))
    assert whole["si_sdr_db"].mean.low < np.mean(ratios) < whole["si_sdr_db"].mean.high
    assert found.table()[0]["median"] == whole["si_sdr_db"].median
    assert [row["label"] for row in found.label_table()] == ["folk", "rock"]


def test_the_interval_is_over_tracks_not_segments() -> None:
    """Segments of one track that are all alike say as much as one of them."""
    few, many = pieces()[2:5], pieces()[2:5] * 3
    one, other = (measure_reconstruction(Known(worse), WaveformTransform(), part) for part in (few, many))
    assert one.whole.metrics["stft_distance"].mean.low == pytest.approx(
        other.whole.metrics["stft_distance"].mean.low, rel=1e-6
    )
    alone = measure_reconstruction(Known(worse), WaveformTransform(), pieces()[:3])
    assert (alone.table()[0]["low"], alone.table()[0]["high"]) == (None, None)


def test_silent_segments_are_counted_and_have_no_part_in_the_mean_of_si_sdr() -> None:
    heard, silent = pieces(), replace(pieces()[0], name="s", array=np.zeros(4000, np.int16))
    without = measure_reconstruction(Known(worse), WaveformTransform(), heard).whole.metrics
    found = measure_reconstruction(Known(worse), WaveformTransform(), [silent, *heard])
    ratio = found.whole.metrics["si_sdr_db"]
    assert (ratio.mean, ratio.median) == (without["si_sdr_db"].mean, without["si_sdr_db"].median)
    assert (ratio.undefined, without["si_sdr_db"].undefined) == (1, 0)
    distance = found.whole.metrics["stft_distance"]
    assert distance.mean.value < without["stft_distance"].mean.value
    assert distance.undefined == 0
    assert [row["undefined"] for row in found.table()] == [1, 0, 0, 0]
    nothing = measure_reconstruction(Known(worse), WaveformTransform(), [silent]).table()[0]
    assert nothing == {"metric": "si_sdr_db", "mean": None, "low": None, "high": None, "median": None, "undefined": 1}
    clips = [np.zeros(3000, np.float32), noise(3000)]
    assert score_reconstruction(Known(worse), clips, "fp32")["si_sdr_db"] == pytest.approx(
        score_reconstruction(Known(worse), clips[1:], "fp32")["si_sdr_db"]
    )


def test_nothing_to_evaluate() -> None:
    with pytest.raises(ConfigError, match="nothing to evaluate"):
        measure_reconstruction(Known(worse), WaveformTransform(), [])
