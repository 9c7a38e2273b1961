"""A fitted prior finds the process behind data again, and what it draws has the data's statistics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tonada.audio.latents.autoregression import Autoregression, fit_autoregression
from tonada.audio.latents.kmeans import nearest_centres, spread_centres
from tonada.audio.latents.prior_files import FILE_NAME, load_prior, make_prior, save_prior
from tonada.audio.latents.priors import FittedPrior, NormalPrior, UniformPrior, fit_prior
from tonada.checkpoint import load_tensors, save_tensors
from tonada.errors import CheckpointError, ConfigError, UnknownNameError

KNOWN = np.array([[[0.5, 0.3, 0.0], [-0.2, 0.6, 0.1], [0.0, 0.2, 0.4]], [[0.2, 0, 0], [0, -0.3, 0.2], [0.1, 0, 0.3]]])
SURPRISE = np.array([[1.0, 0, 0], [0.5, 0.8, 0], [-0.3, 0.2, 0.5]])


def known_courses(count: int = 12, frames: int = 4000) -> list[NDArray[np.float64]]:
    process = Autoregression(KNOWN, SURPRISE)
    return [process.sample(frames, np.random.default_rng(seed)) for seed in range(count)]


def autocovariance(courses: list[NDArray[np.float64]], lag: int) -> NDArray[np.float64]:
    return np.mean([course[lag:].T @ course[: len(course) - lag] / len(course) for course in courses], axis=0)


# --- the process -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [2, None])
def test_a_known_process_is_recovered_and_its_order_found(order: int | None) -> None:
    found = fit_autoregression(known_courses(), order=order)
    assert len(found.coefficients) == 2
    np.testing.assert_allclose(found.coefficients, KNOWN, atol=0.02)
    np.testing.assert_allclose(found.surprise @ found.surprise.T, SURPRISE @ SURPRISE.T, atol=0.02)


def test_samples_have_the_covariances_of_the_data_at_every_lag_up_to_the_order() -> None:
    # Not from a process of this kind: squares and products of noise that was smoothed.
    generator = np.random.default_rng(3)
    courses = []
    for _ in range(20):
        smooth = np.apply_along_axis(np.convolve, 0, generator.standard_normal((2000, 2)), np.hanning(9), "same")
        three = np.column_stack([smooth, smooth[:, 0] * smooth[:, 1]])
        courses.append((three - three.mean(axis=0)) / three.std(axis=0))
    process = fit_autoregression(courses, order=6)
    drawn = [process.sample(10_000, np.random.default_rng(seed)) for seed in range(10)]
    for lag in range(7):
        np.testing.assert_allclose(autocovariance(drawn, lag), autocovariance(courses, lag), atol=0.05)
    assert np.abs(autocovariance(courses, 1)).max() > 0.8  # there is something to match


def test_the_process_runs_from_its_steady_state() -> None:
    slow = Autoregression(np.array([[[0.98]]]), np.array([[np.sqrt(1 - 0.98**2)]]))
    firsts = [slow.sample(1, np.random.default_rng(seed))[0, 0] for seed in range(200)]
    assert np.std(firsts) == pytest.approx(1.0, abs=0.15)


def test_the_run_in_forgets_the_beginning_of_the_slowest_process() -> None:
    slow = Autoregression(np.array([[[0.9995]]]), np.eye(1))
    surprises = np.zeros((slow.run_in + 1, 1))
    surprises[0] = 1
    assert 0 < slow.run(surprises)[0, 0] <= 1e-3


@pytest.mark.parametrize(
    "courses",
    [
        [np.cumsum(np.random.default_rng(1).standard_normal((300, 2)), axis=0)],  # a random walk has no steady state
        [np.ones((50, 2))],
        [np.zeros((50, 2))],
        [np.repeat(np.random.default_rng(2).standard_normal((200, 1)), 3, axis=1)],  # three copies
        [np.random.default_rng(4).standard_normal((3, 8))],  # fewer frames than dimensions
        [np.sin(np.arange(400.0))[:, None]],  # nothing is a surprise
    ],
    ids=["random walk", "constant", "zero", "copies", "short", "sine"],
)
def test_every_fit_is_stable_and_finite(courses: list[NDArray[np.float64]]) -> None:
    process = fit_autoregression(courses)
    assert process.radius < 1
    drawn = process.sample(2000, np.random.default_rng(1))
    assert np.isfinite(drawn).all()
    assert drawn.std() <= 2 * np.sqrt(np.mean(np.square(courses[0]))) + 1e-6


def test_a_process_that_is_not_stable_is_refused() -> None:
    with pytest.raises(ValueError, match="not stable"):
        Autoregression.of_arrays({"coefficients": np.array([[[1.01]]]), "surprise": np.eye(1)})
    with pytest.raises(ValueError, match="do not fit"):
        Autoregression.of_arrays({"coefficients": np.zeros((1, 2, 2)), "surprise": np.eye(3)})


# --- clusters ----------------------------------------------------------------------------------------------------


def test_separate_heaps_are_found() -> None:
    generator = np.random.default_rng(5)
    heaps = np.array([[0.0, 0.0], [10, 0], [0, 10]])
    points = np.concatenate([heap + generator.standard_normal((30, 2)) * 0.5 for heap in heaps])
    centres = spread_centres(points, 3)
    assert sorted(np.round(centres).tolist()) == sorted(heaps.tolist())
    nearest = nearest_centres(points, centres)
    assert [len(set(nearest[start : start + 30].tolist())) for start in (0, 30, 60)] == [1, 1, 1]


def test_fewer_points_than_centres() -> None:
    assert len(spread_centres(np.ones((5, 2)), 3)) == 1
    assert len(spread_centres(np.array([[0.0], [1.0]]), 3)) == 2


# --- the prior ---------------------------------------------------------------------------------------------------


def clips_of_two_kinds(count: int = 60, frames: int = 400) -> list[NDArray[np.float32]]:
    """Loud slow clips and soft quick ones, around means of their own."""
    generator = np.random.default_rng(6)
    slow = Autoregression(np.array([np.diag([0.95, 0.9])]), np.array([[0.3, 0], [0.2, 0.4]]))
    quick = Autoregression(np.array([np.diag([-0.5, 0.1])]), np.array([[0.8, 0], [0, 1.0]]))
    clips = []
    for number in range(count):
        process, place, size = ((slow, 5.0, 2.0), (quick, -5.0, 0.2))[number % 2]
        course = process.sample(frames, np.random.default_rng(number))
        mean = place + generator.standard_normal(2) * 0.5
        clips.append((mean + size * course).astype(np.float32))
    return clips


@pytest.fixture(scope="module")
def fitted() -> FittedPrior:
    return fit_prior(clips_of_two_kinds(), clusters=2)


def test_what_is_drawn_differs_from_clip_to_clip_as_the_clips_do(fitted: FittedPrior) -> None:
    clips = clips_of_two_kinds()
    drawn = [fitted.sample(400, seed) for seed in range(300)]
    assert all(one.shape == (400, 2) and one.dtype == np.float32 for one in drawn)
    for of_clip in (lambda one: one.mean(axis=0), lambda one: np.log(one.std(axis=0))):
        theirs, ours = (np.array([of_clip(one) for one in many]) for many in (clips, drawn))
        np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=0.35 * theirs.std())
        np.testing.assert_allclose(np.cov(ours.T), np.cov(theirs.T), atol=0.25 * theirs.var())


def test_each_kind_keeps_its_own_course(fitted: FittedPrior) -> None:
    assert sorted(set(fitted.cluster.tolist())) == [0, 1]
    for seed in range(40):
        one = fitted.sample(400, seed).astype(np.float64)
        course = one - one.mean(axis=0)
        correlation = (course[1:] * course[:-1]).sum(axis=0) / (course**2).sum(axis=0)
        if one.mean() > 2:
            assert correlation.min() > 0.6
        elif one.mean() < -2:
            assert correlation.max() < 0.5


def test_values_stay_where_they_were_seen(fitted: FittedPrior) -> None:
    clips = np.concatenate(clips_of_two_kinds())
    for seed in range(20):
        drawn = fitted.sample(400, seed)
        assert (drawn >= clips.min(axis=0)).all()
        assert (drawn <= clips.max(axis=0)).all()


@pytest.mark.parametrize("prior", [UniformPrior(3), NormalPrior(3), fit_prior([np.eye(9, 3)])], ids=type)
def test_the_seed_decides(prior: UniformPrior) -> None:
    once = prior.sample(50, 1)
    assert once.shape == (50, prior.channels)
    np.testing.assert_array_equal(once, prior.sample(50, 1))
    assert (once != prior.sample(50, 2)).any()


def test_uniform_and_normal() -> None:
    uniform, normal = UniformPrior(4).sample(20_000, 1), NormalPrior(4).sample(20_000, 1)
    assert 0.999 < np.abs(uniform).max() <= 1
    np.testing.assert_allclose([uniform.std(), normal.mean(), normal.std()], [1 / np.sqrt(3), 0, 1], atol=0.01)


def test_one_clip_and_clips_all_alike() -> None:
    (clip, *_) = clips_of_two_kinds()
    for clips in ([clip], [clip] * 5):
        drawn = fit_prior(clips).sample(1000, 1)
        np.testing.assert_allclose(drawn.mean(axis=0), clip.mean(axis=0), atol=2.0)
        assert np.isfinite(drawn).all()


def test_nothing_to_fit_to() -> None:
    for clips in ([], [np.zeros((1, 3))], [np.zeros((5, 3)), np.zeros((5, 2))]):
        with pytest.raises(ConfigError, match="at least one clip"):
            fit_prior(clips)


def test_saved_and_loaded(fitted: FittedPrior, tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    save_prior(fitted, path, weights_sha256="abc")
    loaded = load_prior(path, weights_sha256="abc")
    np.testing.assert_allclose(loaded.sample(300, 4), fitted.sample(300, 4), atol=1e-3)
    assert make_prior("fitted", 2, path=path, weights_sha256="abc").channels == 2
    with pytest.raises(CheckpointError, match="other weights"):
        load_prior(path, weights_sha256="abd")
    with pytest.raises(CheckpointError, match="2 channels; the model has 3"):
        make_prior("fitted", 3, path=path, weights_sha256="abc")
    save_prior(fit_prior([clips_of_two_kinds()[0]]), path, weights_sha256="abc")
    assert np.isfinite(load_prior(path, weights_sha256="abc").sample(10, 1)).all()


def test_priors_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="uniform"):
        make_prior("unifrom", 2, path=tmp_path, weights_sha256="")
    with pytest.raises(CheckpointError, match="has no fitted prior"):
        make_prior("fitted", 2, path=tmp_path / FILE_NAME, weights_sha256="")
    (tmp_path / FILE_NAME).write_bytes(b"not tensors")
    with pytest.raises(CheckpointError, match="damaged"):
        load_prior(tmp_path / FILE_NAME, weights_sha256="")
    save_tensors(tmp_path / FILE_NAME, {}, {"format": "0"})
    with pytest.raises(CheckpointError, match="is no prior that this version reads"):
        load_prior(tmp_path / FILE_NAME, weights_sha256="")
    save_tensors(tmp_path / FILE_NAME, {}, {"format": "1", "weights_sha256": ""})
    with pytest.raises(CheckpointError, match="is no prior"):
        load_prior(tmp_path / FILE_NAME, weights_sha256="")


def damaged(name: str, tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.clone()
    if name == "negative":
        tensor.view(-1)[0] = -1
    elif name == "not a number":
        tensor.view(-1)[0] = torch.nan
    elif name == "great":
        tensor.view(-1)[0] = 1e30
    elif name == "short":
        tensor = tensor[:-1]
    elif name == "scalar":
        tensor = tensor.view(-1)[0]
    elif name == "none":
        tensor = tensor[:0]
    elif name == "half":
        tensor = tensor[..., : tensor.shape[-1] // 2]
    elif name == "floating":
        tensor = tensor.double()
    return tensor.contiguous()


TENSORS = ["centre", "axes", "places", "cluster", "middles", "kernels", "bandwidths", "low", "high"]
PARTS = ["linear.coefficients", "linear.surprise", "volatility.coefficients", "volatility.deviation"]
PROCESS = [f"processes.1.{name}" for name in (*PARTS, "volatility.variance")]


@pytest.mark.parametrize(
    ("tensor", "damage"),
    [
        *((tensor, damage) for tensor in (*TENSORS, *PROCESS) for damage in ("scalar", "none")),
        *((tensor, "half") for tensor in ("axes", "kernels", *PROCESS[:2])),
        *((tensor, "not a number") for tensor in (*TENSORS, *PROCESS) if tensor != "cluster"),
        *((tensor, "short") for tensor in TENSORS),
        *((tensor, "negative") for tensor in ("cluster", "bandwidths", "processes.1.volatility.variance")),
        *((tensor, "great") for tensor in ("low", "processes.1.linear.coefficients")),
        ("cluster", "floating"),
    ],
)
def test_a_damaged_prior_is_refused(tensor: str, damage: str, fitted: FittedPrior, tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    save_prior(fitted, path, weights_sha256="")
    tensors, metadata = load_tensors(path)
    save_tensors(path, {**tensors, tensor: damaged(damage, tensors[tensor])}, metadata)
    with pytest.raises(CheckpointError, match="is no prior"):
        load_prior(path, weights_sha256="")
