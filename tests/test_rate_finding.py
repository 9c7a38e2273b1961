"""The search for a learning rate: curves with known answers, and a network."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from tonada.checkpoint import model_tensors
from tonada.errors import ConfigError
from tonada.model import Model
from tonada.rate_finding import find_rate, find_steepest, find_valley, smooth
from tonada.training import TrainerConfig

RATES = [10 ** (exponent / 10) for exponent in range(-60, 1)]  # 1e-6 … 1, ten to a power of ten


def curve(*points: tuple[float, float]) -> list[float]:
    """Draw straight lines over the power of ten between (power, loss) points."""
    losses = []
    for rate in RATES:
        x = math.log10(rate)
        (x0, y0), (x1, y1) = next((a, b) for a, b in itertools.pairwise(points) if a[0] - 1e-9 <= x <= b[0] + 1e-9)
        losses.append(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
    return losses


def test_smoothing_by_hand() -> None:
    assert smooth([3.0, 3.0, 3.0]) == pytest.approx([3.0, 3.0, 3.0])
    # 0.5·2 / 0.5 = 2; (0.5·1 + 0.5·4) / 0.75 = 10 / 3; (0.5·2.5 + 0.5·6) / 0.875
    assert smooth([2.0, 4.0, 6.0], weight=0.5) == pytest.approx([2.0, 10 / 3, 34 / 7])


def test_the_valley_is_the_middle_of_the_longest_fall() -> None:
    # Flat to 1e-5, down to 1e-2, up again; the flat part's last value begins the fall.
    losses = curve((-6, 3), (-5, 3), (-2, 1), (0, 9))
    assert math.log10(find_valley(RATES, losses)) == pytest.approx(-3.5)
    # A short fall that goes deeper does not count for more than the long one before it.
    losses = curve((-6, 5), (-3, 4), (-2, 9), (-1.5, 0), (0, 9))
    assert math.log10(find_valley(RATES, losses)) == pytest.approx((-6 - 1.5) / 2, abs=0.2)


def test_noise_does_not_end_the_valley() -> None:
    losses = curve((-6, 3), (-5, 3), (-2, 1), (0, 9))
    losses[25] += 0.5  # in the middle of the fall
    losses[32] -= 0.02
    assert math.log10(find_valley(RATES, losses)) == pytest.approx(-3.5)


def test_the_steepest_is_where_it_falls_fastest() -> None:
    losses = [3 - 2 / (1 + math.exp(-4 * (math.log10(rate) + 3))) for rate in RATES]  # a sigmoid around 1e-3
    assert math.log10(find_steepest(RATES, losses)) == pytest.approx(-3)
    losses = curve((-6, 3), (-4, 2.9), (-3, 1), (-2, 0.9), (-1, 5), (0, 0.95))  # the cliff at the end is no advice
    assert -4 < math.log10(find_steepest(RATES, losses)) < -3


@pytest.mark.parametrize("find", [find_valley, find_steepest])
def test_a_loss_that_never_falls_suggests_nothing(find: object) -> None:
    with pytest.raises(ConfigError, match="falls at no learning rate from 1e-06 to 1"):
        find(RATES, curve((-6, 1), (0, 3)))  # type: ignore[operator]


@dataclass(frozen=True, kw_only=True)
class BowlConfig:
    width: int = 4


class Bowl(Model):
    """A weight that should be 1, on batches whose losses differ by more than it ever changes them."""

    Config = BowlConfig

    def __init__(self, config: BowlConfig) -> None:
        super().__init__(config)
        self.weight = nn.Parameter(torch.zeros(config.width))
        self.norm = nn.BatchNorm1d(1)  # a buffer that every forward pass changes

    def losses(self, batch: dict[str, Tensor], step: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
        self.norm(batch["offset"].unsqueeze(-1))
        yield "model", {"bowl": (self.weight - 1).square().mean() + batch["offset"].mean()}


class Offsets:
    def batch(self, step: int) -> dict[str, Tensor]:
        return {"offset": 100 * torch.rand(4, generator=torch.Generator().manual_seed(step))}


def test_a_search_sees_through_the_batches_and_leaves_no_trace() -> None:
    model = Bowl(BowlConfig()).eval()
    before = {name: tensor.clone() for name, tensor in model_tensors(model).items()}
    found = find_rate(model, Offsets(), TrainerConfig(precision="fp32"), low=1e-6, high=10.0, steps=60)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model_tensors(model).items())
    assert not model.training
    assert len(found.rates) == len(found.losses) == len(found.smoothed)
    assert found.rates[0] == 1e-6
    # AdamW moves each weight by about the rate: nothing below 1e-4 matters, and 1 is one step to the target.
    assert 1e-3 < found.valley < 0.5
    assert 1e-3 < found.steepest < 1
    assert max(found.losses[:10]) - min(found.losses[:10]) < 1e-2
    assert found.chart().startswith("<svg")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"low": 0.0}, "the lowest rate must be more than 0"),
        ({"low": 2.0}, "less than the highest"),
        ({"steps": 9}, "at least 10"),
    ],
)
def test_searches_that_cannot_be(settings: dict[str, float], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        find_rate(Bowl(BowlConfig()), Offsets(), TrainerConfig(), **settings)  # type: ignore[arg-type]


def test_a_model_that_is_broken_says_so() -> None:
    model = Bowl(BowlConfig())
    nn.init.constant_(model.weight, float("nan"))
    with pytest.raises(ConfigError, match="no number before the first step"):
        find_rate(model, Offsets(), TrainerConfig(precision="fp32"))
