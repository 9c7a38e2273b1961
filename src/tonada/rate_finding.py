"""Which learning rate: train for a moment at rising rates, and look where the loss falls (Smith 2017, section 3.3)."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from tonada.charts import Line, line_chart
from tonada.checkpoint import model_tensors
from tonada.errors import ConfigError
from tonada.finetuning import WHOLE, LayerPlan
from tonada.model import Model
from tonada.prefetching import BatchSource
from tonada.schedules import HIGHEST_RATE, LOWEST_RATE, RATES_TRIED
from tonada.seeding import key
from tonada.training import TrainerConfig, precision_of

SMOOTHING = 0.9
"""Weight of what came before in the smoothed loss."""
LEVELS = 50
"""Steps between the first and the lowest loss in which a fall is counted."""
DIVERGED = 4.0
"""Times the lowest smoothed loss: from there on no higher rate is tried."""


@dataclass(frozen=True, kw_only=True)
class RateCurve:
    """The loss at rising learning rates, and what it suggests.

    Attributes
    ----------
    rates
        Rising, at equal ratios.
    losses
        At each rate, of one batch, less what the model as it was lost on that batch, plus its mean loss: batches differ
        by more than most rates change, and that difference says nothing about rates.
    smoothed
        The same without most of the batches' noise; see `smooth`.
    valley, steepest
        Suggested rates; see the functions of these names.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    valley: float
    steepest: float

    def chart(self) -> str:
        """Draw the losses over the logarithm of the rate, with the valley marked, as SVG."""
        x = [math.log10(rate) for rate in self.rates]
        lines = [Line(name="one batch", x=x, y=self.losses), Line(name="smoothed", x=x, y=self.smoothed)]
        title = f"Learning rates: valley {self.valley:.2g}, steepest {self.steepest:.2g}"
        return line_chart(
            lines, x_label="learning rate, power of 10", y_label="loss", title=title, at=math.log10(self.valley)
        )


def smooth(losses: Sequence[float], weight: float = SMOOTHING) -> list[float]:
    """Give the exponential moving average, as if there had been nothing before the first (Kingma & Ba 2015, section 3).

    Parameters
    ----------
    losses
        One a step.
    weight
        Of what came before, 0 to less than 1.
    """
    smoothed, average = [], 0.0
    for count, loss in enumerate(losses, 1):
        average = weight * average + (1 - weight) * loss
        smoothed.append(average / (1 - weight**count))
    return smoothed


def find_valley(rates: Sequence[float], losses: Sequence[float]) -> float:
    """Give the rate in the middle of the longest fall of the loss.

    The longest fall is the longest subsequence of falling losses (of several, the one that ends first): noise does not
    end it. Losses count in steps of a fiftieth of what is between the first and the lowest: what falls less than that
    does not fall. The middle, half way between the rates of its ends on a logarithmic scale, lies well below the rates
    at which the loss rises again.

    Parameters
    ----------
    rates
        Rising, more than 0.
    losses
        Smoothed.

    Raises
    ------
    ConfigError
        The loss never falls.
    """
    ends: list[int] = []  # −level of the last of the best fall of each length …
    places: list[int] = []  # … and its place
    before: list[int | None] = []
    last, most = 0, 0
    unit = (losses[0] - min(losses)) / LEVELS or 1.0
    for place, loss in enumerate(losses):
        level = math.floor((loss - losses[0]) / unit + 0.5)
        length = bisect_left(ends, -level)
        ends[length : length + 1], places[length : length + 1] = [-level], [place]
        before.append(places[length - 1] if length else None)
        if length > most:
            last, most = place, length
    if not most:
        raise ConfigError(f"the loss falls at no learning rate from {rates[0]:g} to {rates[-1]:g}: try others")
    first = last
    while (previous := before[first]) is not None:
        first = previous
    return math.sqrt(rates[first] * rates[last])


def find_steepest(rates: Sequence[float], losses: Sequence[float]) -> float:
    """Give the rate at which the loss falls fastest with the logarithm of the rate, before it is lowest.

    Parameters
    ----------
    rates
        Rising, more than 0.
    losses
        Smoothed.

    Raises
    ------
    ConfigError
        The loss never falls.
    """
    lowest = min(range(len(losses)), key=losses.__getitem__)
    slopes = [
        (losses[place + 1] - losses[place - 1]) / math.log(rates[place + 1] / rates[place - 1])
        for place in range(1, min(lowest + 1, len(losses) - 1))
    ]
    if not slopes or min(slopes) >= 0:
        raise ConfigError(f"the loss falls at no learning rate from {rates[0]:g} to {rates[-1]:g}: try others")
    return rates[1 + min(range(len(slopes)), key=slopes.__getitem__)]


def find_rate(
    model: Model,
    source: BatchSource,
    config: TrainerConfig,
    *,
    low: float = LOWEST_RATE,
    high: float = HIGHEST_RATE,
    steps: int = RATES_TRIED,
    plan: LayerPlan = WHOLE,
    progress: Callable[[int, int], None] | None = None,
) -> RateCurve:
    """Train through rising rates, one batch each, and put the weights back as they were.

    Every batch is looked at by the model as it is before, for comparison; see `RateCurve`. It ends early where the
    smoothed loss is several times its lowest, or no number.

    Parameters
    ----------
    model
        On its device.
    source
        Of the batches.
    config
        Optimizer, weight decay, clipping, precision and seed are taken from it.
    low, high
        The first and the last rate.
    steps
        Number of rates.
    plan
        Which weights learn.
    progress
        Called with the steps that are done, and of how many.

    Raises
    ------
    ConfigError
        The rates cannot be, or the loss never falls.
    """
    if not 0 < low < high < math.inf:
        raise ConfigError(f"the lowest rate must be more than 0 and less than the highest; got {low:g} and {high:g}")
    if steps < 10:
        raise ConfigError(f"steps must be at least 10; got {steps}. Try {RATES_TRIED}")
    device = next(model.parameters()).device
    dtype = precision_of(config.precision, device.type)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = model.groups()
    optimizers = {
        group: plan.optimizers(
            [(names[id(parameter)], parameter) for parameter in parameters],
            name=config.optimizer,
            learning_rate=low,
            weight_decay=config.weight_decay,
            betas=config.betas,
            dtype=dtype,
        )
        for group, parameters in groups.items()
    }
    was_training = model.training
    model.train()
    begun = {name: tensor.clone() for name, tensor in model_tensors(model).items()}
    plan.begin(0.0)

    def learn(step: int, rate: float | None) -> float:
        """Take a step at a rate, or none; give the loss before it."""
        torch.manual_seed(key(config.seed, "model", step) & (2**63 - 1))
        batch = {name: tensor.to(device) for name, tensor in source.batch(step).items()}
        generator, loss = model.losses(batch, step), 0.0
        while True:
            with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
                item = next(generator, None)
            if item is None:
                return loss
            group, terms = item
            total = torch.stack(list(terms.values())).sum()
            loss += total.item()
            if rate is not None:
                total.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(groups[group], config.clip_norm or torch.inf)
                for optimizer in optimizers[group]:
                    for entry in optimizer.param_groups:
                        entry["lr"] = rate * entry["factor"]
                    optimizer.step()
                model.zero_grad(set_to_none=True)

    def restore() -> None:
        with torch.no_grad():
            for name, tensor in model_tensors(model).items():
                tensor.copy_(begun[name])

    rates: list[float] = []
    losses: list[float] = []
    try:
        with torch.no_grad():
            usual = [learn(step, None) for step in range(steps)]
        restore()  # what a forward pass counts, too
        for step in range(steps):
            rate = low * (high / low) ** (step / (steps - 1))
            loss = learn(step, rate) - usual[step] + sum(usual) / steps
            if not math.isfinite(loss):
                break
            rates.append(rate)
            losses.append(loss)
            if progress is not None:
                progress(step + 1, steps)
            smoothed = smooth(losses)
            if smoothed[-1] > DIVERGED * min(smoothed):
                break
    finally:
        restore()
        model.train(was_training)
    if not losses:
        raise ConfigError("the loss is no number before the first step: the model or the data are broken")
    smoothed = smooth(losses)
    return RateCurve(
        rates=tuple(rates),
        losses=tuple(losses),
        smoothed=tuple(smoothed),
        valley=find_valley(rates, smoothed),
        steepest=find_steepest(rates, smoothed),
    )
