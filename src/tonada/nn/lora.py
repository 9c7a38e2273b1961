"""Low-rank adapters: a small correction of a network's linear layers, learned while the network itself stays as it is.

Hu et al. 2021, "LoRA": a layer ``x Wᵀ`` becomes ``x (W + s·B·A)ᵀ`` with A ``[rank, D]``, B ``[K, rank]`` and
s = alpha / rank. B begins at 0, so an adapted network begins as it was. What is learned is A and B alone: one network
in memory can have one adapter after the other, and each is a small file.

While training, the correction is computed beside the layer; in evaluation mode it is merged into the weight, so that
whatever reads weights (decoding plans, see `tonada.symbolic.models.decoding`) reads the right ones.

Shapes: D inputs, K outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from tonada.errors import ConfigError, UnknownNameError

DOWN, UP = "lora_down", "lora_up"
"""Names of A and B in a layer."""


class LowRankLinear(nn.Linear):
    """A linear layer with a low-rank correction; its weight and bias are those of the layer that it replaces.

    Parameters
    ----------
    layer
        What is corrected; its weight and bias are shared, and no longer trained.
    rank
        Of the correction.
    alpha
        The correction is multiplied by alpha / rank.
    """

    def __init__(self, layer: nn.Linear, *, rank: int, alpha: float) -> None:
        super().__init__(layer.in_features, layer.out_features, bias=False, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.scale = alpha / rank
        self.lora_down = nn.Parameter(layer.weight.new_empty(rank, layer.in_features))
        self.lora_up = nn.Parameter(layer.weight.new_zeros(layer.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_down, a=math.sqrt(5))
        self._plain: tuple[Tensor] | None = None  # the weight itself, while another stands in its place
        self.train(layer.training)

    @property
    def is_merged(self) -> bool:
        """Whether the weight holds the correction."""
        return self._plain is not None

    @torch.no_grad()
    def effective_weight(self) -> Tensor:
        """Give W + s·B·A, ``[K, D]``, in the dtype of W."""
        if self._plain is not None:
            return self.weight.detach()
        correction = self.scale * (self.lora_up.float() @ self.lora_down.float())
        merged: Tensor = (self.weight.float() + correction).to(self.weight.dtype)
        return merged

    def merge(self) -> None:
        """Let the weight hold the correction; the weight itself is kept aside, to the bit."""
        if self._plain is None:
            plain, self.weight = self.weight, nn.Parameter(self.effective_weight(), requires_grad=False)
            self._plain = (plain,)

    def unmerge(self) -> None:
        """Put the weight itself back."""
        if self._plain is not None:
            (plain,), self._plain = self._plain, None
            self.weight = plain

    def train(self, mode: bool = True) -> Self:
        """Unmerge for training, merge for evaluation."""
        super().train(mode)
        self.unmerge() if mode else self.merge()
        return self

    def forward(self, input: Tensor) -> Tensor:
        """Transform ``[…, D]`` to ``[…, K]``."""
        result = super().forward(input)
        if self._plain is None:
            result = result + self.scale * F.linear(F.linear(input, self.lora_down), self.lora_up)
        return result

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move or convert the weight itself; the merged one follows from it."""
        was_merged = self.is_merged
        self.unmerge()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if was_merged:
            self.merge()
        return self


def adapt(model: nn.Module, *, rank: int, alpha: float, targets: Sequence[str]) -> list[str]:
    """Put a fresh adapter on linear layers of a model, and let nothing else of it be trained.

    Parameters
    ----------
    model
        The network; its layers are replaced, its other weights are no longer trained.
    rank
        Of the corrections.
    alpha
        They are multiplied by alpha / rank.
    targets
        Parts of the layers' dotted names, each between dots: ``attention``, ``feedforward``, ``blocks.0``, ``head``. A
        layer that one of them names is adapted.

    Returns
    -------
    list
        Names of the adapted layers.

    Raises
    ------
    ConfigError
        The rank cannot be, there are no targets, or the model is adapted already.
    UnknownNameError
        No linear layer has this in its name; the nearest are offered.
    """
    if rank < 1:
        raise ConfigError(f"rank must be at least 1; got {rank}. Try 8")
    if not targets:
        raise ConfigError("an adapter needs targets: parts of the names of linear layers, such as attention")
    if any(_adapted(model)):
        raise ConfigError("the model has an adapter already; remove it first")
    layers = {name: layer for name, layer in model.named_modules() if type(layer) is nn.Linear}
    for target in targets:
        if not any(_is_in(target, name) for name in layers):
            parts = {part for name in layers for part in name.split(".") if not part.isdecimal()}
            raise UnknownNameError("target", target, parts)
    model.requires_grad_(False)
    chosen = [name for name in layers if any(_is_in(target, name) for target in targets)]
    for name in chosen:
        _replace(model, name, LowRankLinear(layers[name], rank=rank, alpha=alpha))
    return chosen


def adapter_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Give what an adapter consists of: A and B of every adapted layer, by name."""
    return {f"{name}.{part}": getattr(layer, part).detach() for name, layer in _adapted(model) for part in (DOWN, UP)}


@torch.no_grad()
def swap(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give an adapted model another adapter of the same rank and targets.

    Where the corrections are merged, the new ones are, too. Caches that were begun before hold what the old adapter
    made of their ids: begin new ones.

    Parameters
    ----------
    model
        The network, adapted.
    tensors
        Exactly the names and shapes of ``adapter_tensors(model)``; any floating dtype.

    Raises
    ------
    ConfigError
        They do not fit.
    """
    own = adapter_tensors(model)
    if differing := sorted(own.keys() ^ tensors.keys()):
        raise ConfigError(f"the adapter has other layers than the model's, for example '{differing[0]}'")
    for name, tensor in own.items():
        if tensor.shape != tensors[name].shape:
            raise ConfigError(
                f"the adapter's '{name}' has shape {tuple(tensors[name].shape)}; the model needs {tuple(tensor.shape)}"
            )
    for name, tensor in own.items():
        tensor.copy_(tensors[name])
    for _, layer in _adapted(model):
        if layer.is_merged:
            layer.unmerge()
            layer.merge()


def merge(model: nn.Module) -> None:
    """Let the weights of an adapted model hold the corrections; evaluation mode does so, too."""
    for _, layer in _adapted(model):
        layer.merge()


def unmerge(model: nn.Module) -> None:
    """Put the weights of an adapted model back, to the bit; the corrections are computed beside them."""
    for _, layer in _adapted(model):
        layer.unmerge()


def remove(model: nn.Module, *, keep: bool = False) -> None:
    """Take the adapter off: the model has its own layers again.

    Parameters
    ----------
    model
        The network, adapted.
    keep
        Whether the weights hold the corrections from now on, for good.
    """
    for name, layer in list(_adapted(model)):
        (layer.merge if keep else layer.unmerge)()
        plain = nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
        plain.weight, plain.bias = layer.weight, layer.bias
        _replace(model, name, plain.train(layer.training))


def _adapted(model: nn.Module) -> Iterator[tuple[str, LowRankLinear]]:
    for name, module in model.named_modules():
        if isinstance(module, LowRankLinear):
            yield name, module


def _is_in(target: str, name: str) -> bool:
    """Tell whether a dotted name has these parts, one after the other."""
    return f".{target}." in f".{name}."


def _replace(model: nn.Module, name: str, layer: Any) -> None:
    above, _, own = name.rpartition(".")
    setattr(model.get_submodule(above), own, layer)
