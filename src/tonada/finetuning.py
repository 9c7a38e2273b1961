"""What of a trained model is trained on: an adapter, groups of its layers that thaw one after the other, or all of it.

Groups of layers are listed from the input to the output. Howard & Ruder 2018 ("Universal language model fine-tuning",
section 3.2 and 3.3) let the last group learn first and fastest; a group that is not thawed yet costs no gradients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from tonada.errors import ConfigError, UnknownNameError
from tonada.optimizers import make_optimizers

Named = list[tuple[str, nn.Parameter]]

BLOCKS = "blocks"
"""The list of a model's Transformer blocks."""
THESIS_BLOCKS = 4
"""Blocks to a group in the division that is called thesis."""


@dataclass(frozen=True, kw_only=True)
class TuningConfig:
    """What of a model is trained on; each field has its sentence below."""

    train: Literal["lora", "groups", "whole"] = "lora"
    """An adapter beside the weights (Hu et al. 2021), groups of layers, or all weights."""
    rank: int = 8
    """Of the adapter: its matrices have so many rows or columns."""
    alpha: float = 16.0
    """Of the adapter: what it adds is multiplied by alpha / rank."""
    targets: tuple[str, ...] = ("attention", "feedforward")
    """Of the adapter: parts of the dotted names of linear layers; those that have one of them are adapted."""
    groups: str = "blocks:1"
    """How layers are grouped, from input to output: blocks:N, thesis, or layers with | between groups."""
    thaw: tuple[float, ...] = (0.0,)
    """Share of the steps from which each group is trained, from the last group back; further groups stay frozen."""
    rates: tuple[float, ...] = (1.0,)
    """Factor on the learning rate of each group, from the last back; a single one holds from each group to the next."""
    norms: bool = False
    """Whether the normalisations of frozen groups are trained, too, as fastai does."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises
        ------
        ConfigError
            A value is out of range.
        """
        if self.rank < 1:
            raise ConfigError(f"TuningConfig.rank must be at least 1; got {self.rank}. Try 8")
        if not 0 < self.alpha < float("inf"):
            raise ConfigError(f"TuningConfig.alpha must be positive and finite; got {self.alpha}. Try {2 * self.rank}")
        for name in ("targets", "thaw", "rates"):
            if not getattr(self, name):
                raise ConfigError(f"TuningConfig.{name} must not be empty")
        if not all(0 <= share < 1 for share in self.thaw) or 0 not in self.thaw:
            raise ConfigError(
                f"TuningConfig.thaw must be shares from 0 to less than 1, and one of them 0; got {list(self.thaw)}"
            )
        if not all(0 < rate <= 1 for rate in self.rates):
            raise ConfigError(f"TuningConfig.rates must be more than 0 and at most 1; got {list(self.rates)}")


def layer_groups(model: nn.Module, groups: str) -> list[tuple[str, list[str]]]:
    """Divide a model's weights into groups of layers, from the input to the output.

    Parameters
    ----------
    model
        The network.
    groups
        ``blocks:N``: what comes before the blocks, every N blocks, and what comes after them; every weight is in a
        group. ``thesis``: every four blocks, then embedding and final norm; other weights are in none, and stay as they
        are. Otherwise for each group the beginnings of its weights' dotted names, with | between the groups:
        ``embedding blocks.0 | blocks.1 | norm head``.

    Returns
    -------
    list
        Group and the names of its weights.

    Raises
    ------
    ConfigError
        A weight would be in two groups, a group is empty, or the model has no blocks.
    UnknownNameError
        No weight has a name that begins so.
    """
    names = [name for name, _ in model.named_parameters()]
    divided: list[tuple[str, list[str]]] = []
    if groups == "thesis":
        divided = _every(names, THESIS_BLOCKS)
        divided.append(("embedding norm", [name for name in names if _begins(name, ("embedding", "norm"))]))
    elif groups.startswith(f"{BLOCKS}:"):
        divided = _every(names, _size(groups))
        first = names.index(divided[0][1][0])
        inside = {name for _, own in divided for name in own}
        before, after = names[:first], [name for name in names[first:] if name not in inside]
        divided = [("before the blocks", before), *divided, ("after the blocks", after)]
        divided = [(group, own) for group, own in divided if own]
    else:
        for text in groups.split("|"):
            beginnings = text.split()
            for beginning in beginnings:
                if not any(_begins(name, (beginning,)) for name in names):
                    raise UnknownNameError("layer", beginning, {_layer(name) for name in names})
            divided.append((" ".join(beginnings), [name for name in names if _begins(name, beginnings)]))
    _check(divided)
    return divided


def _check(divided: Iterable[tuple[str, Sequence[str]]]) -> None:
    owner: dict[str, str] = {}
    for group, own in divided:
        if not own:
            raise ConfigError("a group of layers is empty: name its layers, with | between groups")
        for name in own:
            if owner.setdefault(name, group) != group:
                raise ConfigError(f"the weight {name} is in two groups of layers: '{owner[name]}' and '{group}'")


def _size(text: str) -> int:
    number = text.partition(":")[2]
    if not number.isdecimal() or not int(number):
        raise ConfigError(f"groups={text}: blocks: is followed by the number of blocks to a group. Try blocks:2")
    return int(number)


def _every(names: Sequence[str], size: int) -> list[tuple[str, list[str]]]:
    """Group blocks, so many at a time."""
    count = len({name.split(".")[1] for name in names if name.startswith(f"{BLOCKS}.")})
    if not count:
        raise ConfigError("the model has no blocks: name the layers of each group")
    divided = []
    for first in range(0, count, size):
        last = min(first + size, count) - 1
        beginnings = [f"{BLOCKS}.{number}" for number in range(first, last + 1)]
        label = f"{BLOCKS}.{first}" if first == last else f"{BLOCKS}.{first} to {BLOCKS}.{last}"
        divided.append((label, [name for name in names if _begins(name, beginnings)]))
    return divided


def _begins(name: str, beginnings: Iterable[str]) -> bool:
    return any(f"{name}.".startswith(f"{beginning}.") for beginning in beginnings)


def _layer(name: str) -> str:
    """Give what a user would call the layer of a weight: ``blocks.0``, ``embedding``."""
    first, _, rest = name.partition(".")
    number = rest.partition(".")[0]
    return f"{first}.{number}" if number.isdecimal() else first


class LayerPlan:
    """All weights of a model learn, at one rate: the plan of a training that is no fine-tuning of groups."""

    def optimizers(self, parameters: Named, **settings: Any) -> list[torch.optim.Optimizer]:
        """Make optimizers whose entries have, under ``factor``, that of their part.

        Parameters
        ----------
        parameters
            (name, parameter) pairs.
        **settings
            Of `tonada.optimizers.make_optimizers`.
        """
        made = []
        for part, own in self.parts(parameters):
            for optimizer in make_optimizers(own, **settings):
                for entry in optimizer.param_groups:
                    entry["factor"] = self.factor(part)
                made.append(optimizer)
        return made

    def parts(self, parameters: Named) -> list[tuple[str, Named]]:
        """Divide weights into the parts that ``factor`` tells apart."""
        return [("", parameters)]

    def factor(self, part: str) -> float:
        """Give the factor on the learning rate of a part."""
        return 1.0

    def begin(self, share: float) -> None:
        """Let learn what learns now.

        Parameters
        ----------
        share
            Of the steps that are done, 0 to less than 1.
        """


class GroupPlan(LayerPlan):
    """Groups of layers learn, each at its rate and from its time on.

    Parameters
    ----------
    model
        The network; weights that never learn are frozen at once, all others can be given to optimizers.
    config
        Its groups, when they thaw, and their rates.

    Attributes
    ----------
    groups
        Group → names of its weights, from the input to the output.

    Raises
    ------
    ConfigError
        The groups cannot be, or there are more times or rates than groups.
    UnknownNameError
        There are no such layers.
    """

    def __init__(self, model: nn.Module, config: TuningConfig) -> None:
        divided = layer_groups(model, config.groups)
        self.groups = dict(divided)
        for name in ("thaw", "rates"):
            if len(getattr(config, name)) > len(divided):
                listed = ", ".join(f"'{group}'" for group in self.groups)
                raise ConfigError(f"{name} has more numbers than there are groups of layers: {listed}")
        backwards = [group for group, _ in reversed(divided)]
        self._thaw: Mapping[str, float] = dict(zip(backwards, config.thaw, strict=False))
        rates = config.rates
        if len(rates) == 1:
            rates = tuple(rates[0] ** place for place in range(len(backwards)))
        # Groups that no rate is given for (theirs are frozen, or only their norms learn) have the last one.
        rates += (rates[-1],) * (len(backwards) - len(rates))
        self._rates = dict(zip(backwards, rates, strict=True))
        self._group_of = {name: group for group, names in divided for name in names}
        norms = _norms(model) if config.norms else set()
        self._parameters: list[tuple[nn.Parameter, float]] = []  # and the share at which each begins to learn
        for name, parameter in model.named_parameters():
            since = self._thaw.get(self._group_of.get(name, ""))
            if name in norms and name in self._group_of:
                since = 0.0
            parameter.requires_grad_(since is not None)
            if since is not None:
                self._parameters.append((parameter, since))

    def parts(self, parameters: Named) -> list[tuple[str, Named]]:
        """Divide weights by group."""
        divided: dict[str, Named] = {}
        for name, parameter in parameters:
            divided.setdefault(self._group_of[name], []).append((name, parameter))
        return list(divided.items())

    def factor(self, part: str) -> float:
        """Give the factor on the learning rate of a group."""
        return self._rates[part]

    def begin(self, share: float) -> None:
        """Thaw the groups whose time has come; the others need no gradients."""
        for parameter, since in self._parameters:
            parameter.requires_grad_(share >= since)


def _norms(model: nn.Module) -> set[str]:
    """Give the names of the weights of normalisations."""
    return {
        f"{module_name}.{name}"
        for module_name, module in model.named_modules()
        if isinstance(module, nn.LayerNorm | nn.RMSNorm)
        for name, _ in module.named_parameters(recurse=False)
    }


WHOLE = LayerPlan()
