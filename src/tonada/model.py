"""The second contract: a model yields its losses, group by group, and one trainer serves every kind of model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

Batch = Mapping[str, Tensor]
Losses = Iterator[tuple[str, dict[str, Tensor]]]


class Model(nn.Module, ABC):
    """A network that can be trained and that makes something.

    ``losses`` is a generator function: a language model or a VAE yields once; a GAN yields "discriminator", then
    "generator", and the trainer takes an optimizer step between the yields. What is yielded decides order and
    frequency; local values (the fake batch, say) survive between the halves, so the algorithm reads top to bottom as
    in a paper.

    Parameters
    ----------
    config
        The model's settings, an instance of its ``Config``.
    """

    Config: ClassVar[type[Any]]
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Preset → settings of the trainer and of the augmentation that it is trained with unless others are asked for, by
    the names that ``--set`` takes."""
    adjustable: ClassVar[tuple[str, ...]] = ()
    """Settings in which a model may differ from the one whose weights it starts from: they change no weight's sense."""
    training_only: ClassVar[tuple[str, ...]] = ()
    """Submodules that nothing but training needs (an opponent, say): a model folder may do without their weights."""
    shardable: ClassVar[bool] = False
    """Whether ``losses`` computes through ``forward`` alone: then its weights can be divided among processes."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Name the parameter groups that ``losses`` yields; one optimizer each.

        Returns
        -------
        dict
            Group name → its parameters. The default is one group, "model", with all of them.
        """
        return {"model": [parameter for parameter in self.parameters() if parameter.requires_grad]}

    @abstractmethod
    def losses(self, batch: Batch, step: int) -> Losses:
        """Yield ``(group, terms)``: the terms are summed, differentiated, and the group's optimizer takes a step.

        Parameters
        ----------
        batch
            Tensors by name, as the data set collates them.
        step
            The optimizer step, from 0; warm-ups inside a loss depend on it.

        Yields
        ------
        tuple
            The group's name and its loss terms, each a scalar tensor.
        """

    def count(self, batch: Batch) -> int:
        """Count what the means in ``losses`` are taken over; processes that share a batch weigh their losses by it.

        Examples, the length of the first axis, unless a model says otherwise.

        Parameters
        ----------
        batch
            As for ``losses``.
        """
        return len(next(iter(batch.values())))

    def parameter_count(self) -> int:
        """Count the weights, shared ones once, without those that only training needs."""
        needless = tuple(f"{part}." for part in self.training_only)
        return sum(p.numel() for name, p in self.named_parameters() if not name.startswith(needless))
