"""A process is found again with the course of its loudness, and what it draws comes and goes as the data does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tonada.audio.latents.autoregression import Autoregression
from tonada.audio.latents.priors import fit_prior
from tonada.audio.latents.processes import Process, fit_process
from tonada.audio.latents.volatility import Volatility, _log_power_variance, fit_volatility

Array = NDArray[np.float64]

CHANNELS, VARIANCE, MEMORY = 8, 0.8, 0.9
LINEAR = Autoregression(np.array([0.6 * np.eye(CHANNELS), -0.3 * np.eye(CHANNELS)]), np.eye(CHANNELS))
SWELL = Volatility(
    coefficients=np.array([[[MEMORY]]]),
    deviation=np.array([[math.sqrt(VARIANCE * (1 - MEMORY**2))]]),
    variance=np.array([VARIANCE]),
)
STEADY = Volatility(np.zeros((1, 1, 1)), np.zeros((1, 1)), np.zeros(1))


def drawn(process: Process, count: int = 20, frames: int = 1500) -> list[Array]:
    return [process.sample(frames, np.random.default_rng(seed)) for seed in range(count)]


def levels(courses: list[Array]) -> Array:
    """Autocovariance of the frames' log power, at some lags."""
    found = []
    for course in courses:
        level = np.log(np.square(LINEAR.surprises_of(course)).mean(axis=1))
        level -= level.mean()
        found.append([np.mean(level[lag:] * level[: len(level) - lag]) for lag in (1, 2, 4, 8, 16)])
    return np.mean(found, axis=0)


def test_the_variance_of_a_log_power_is_the_trigamma_function() -> None:
    exact = [math.pi**2 / 2, math.pi**2 / 6, math.pi**2 / 2 - 4, math.pi**2 / 6 - 1, math.pi**2 / 2 - 4 - 4 / 9]
    np.testing.assert_allclose([_log_power_variance(channels) for channels in range(1, 6)], exact)
    noise = np.random.default_rng(1).standard_normal((200_000, 16))
    assert np.log(np.square(noise).mean(axis=1)).var() == pytest.approx(_log_power_variance(16), rel=0.02)


def test_surprises_come_back_from_a_course() -> None:
    root = np.array([[1.0, 0, 0], [0.5, 0.8, 0], [-0.3, 0.2, 0.5]])
    process = Autoregression(np.array([np.diag([0.5, -0.4, 0.2]), 0.1 * np.ones((3, 3))]), root)
    white = np.random.default_rng(2).standard_normal((process.run_in + 300, 3))
    found = process.surprises_of(process.run(white @ root.T))
    assert found.shape == (298, 3)
    # White again, up to a rotation, which keeps the length of each frame.
    np.testing.assert_allclose(np.square(found).sum(axis=1), np.square(white[-298:]).sum(axis=1))
    assert process.surprises_of(np.zeros((2, 3))).shape == (0, 3)


def test_a_known_swell_is_found() -> None:
    found = fit_process(drawn(Process(LINEAR, SWELL), 40)).volatility
    assert found.variance[0] == pytest.approx(VARIANCE, rel=0.15)
    course = Autoregression(found.coefficients, found.deviation).sample(40_000, np.random.default_rng(3))[:, 0]
    for lag in (1, 4, 10):
        correlation = np.corrcoef(course[lag:], course[:-lag])[0, 1]
        assert correlation == pytest.approx(MEMORY**lag, abs=0.1)


def test_steady_surprises_have_no_swell() -> None:
    found = fit_process(drawn(Process(LINEAR, STEADY)))
    assert found.volatility.variance[0] < 0.02
    np.testing.assert_allclose(found.linear.coefficients, LINEAR.coefficients, atol=0.02)


def test_what_is_drawn_swells_as_the_data_does_and_an_autoregression_alone_does_not() -> None:
    data = drawn(Process(LINEAR, SWELL))
    fitted = fit_process(data)
    np.testing.assert_allclose(levels(drawn(fitted)), levels(data), atol=0.08)
    assert levels(data)[0] > 0.5
    assert np.abs(levels(drawn(Process(fitted.linear, STEADY)))).max() < 0.02
    powers = [np.mean([np.square(course).mean() for course in courses]) for courses in (drawn(fitted), data)]
    assert powers[0] == pytest.approx(powers[1], rel=0.08)


def test_factors_leave_the_mean_power_as_it_is() -> None:
    factors = SWELL.sample(200_000, np.random.default_rng(4))
    assert np.square(factors).mean() == pytest.approx(1.0, abs=0.05)
    assert factors.std() > 0.3
    np.testing.assert_array_equal(STEADY.sample(10, np.random.default_rng(5)), np.ones(10))


@pytest.mark.parametrize(
    "course",
    [np.zeros((60, 3)), np.ones((60, 3)), np.eye(60, 3), np.random.default_rng(6).standard_normal((2, 3))],
    ids=["zero", "constant", "one onset", "two frames"],
)
def test_every_fit_is_finite(course: Array) -> None:
    process = fit_process([course])
    assert np.isfinite(process.sample(300, np.random.default_rng(7))).all()
    assert np.isfinite(fit_volatility([course]).variance).all()


def test_taken_apart_and_put_together() -> None:
    process = Process(LINEAR, SWELL)
    again = Process.of_arrays(process.arrays())
    same = [one.sample(50, np.random.default_rng(8)) for one in (process, again)]
    np.testing.assert_array_equal(same[0], same[1])
    with pytest.raises(ValueError, match="not stable"):
        Process.of_arrays(process.arrays() | {"volatility.coefficients": np.array([[[1.1]]])})
    with pytest.raises(ValueError, match="do not fit"):
        Process.of_arrays(process.arrays() | {"volatility.variance": np.zeros(2)})
    with pytest.raises(KeyError):
        Process.of_arrays(LINEAR.arrays())


def test_clips_of_other_spectra_have_other_processes() -> None:
    # Equal means and deviations: only how frames follow from each other tells the two kinds apart.
    kinds = [Autoregression(np.array([[[memory]]]), np.array([[math.sqrt(1 - memory**2)]])) for memory in (0.9, -0.9)]
    clips = [kinds[number % 2].sample(300, np.random.default_rng(number)) for number in range(40)]
    prior = fit_prior(clips, clusters=2)
    assert len({(number % 2, cluster) for number, cluster in enumerate(prior.cluster.tolist())}) == 2
    found = sorted(process.linear.coefficients[0, 0, 0] for process in prior.processes)
    np.testing.assert_allclose(found, [-0.9, 0.9], atol=0.15)
