"""Several processes that train one model together, each with its share of every batch.

What starts them (``torchrun``, mostly) says through the environment how many there are. All hold the same weights, and
each takes its share of the examples; before the optimizer steps, the gradients of all are added up. So a step is that
of one process with the whole batch, to rounding, with two exceptions: numbers that are drawn inside the model (dropout)
are others, and batch norm sees the examples of its own process alone.

Gradients are added up when a backward pass is over, in one flat array for each group of parameters, and not by torch's
DistributedDataParallel. That one joins a backward pass to the ``forward`` of its wrapper and wants a gradient for every
parameter; ``Model.losses`` is a generator that calls what it likes, with a backward pass for every yield, for one group
at a time. What is given up is the overlap of sending with computing; what is won is that every model trains unchanged.
With ``sharding = "fsdp"``, weights, gradients and the optimizer's state are divided, too (``tonada.sharding``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from tonada.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """The processes that train together, as one of them sees them. A process alone needs no others for anything here.

    Every method but `share_of` and `number` is a collective: all processes call it, in the same order.
    """

    rank: int = 0
    """The number of this one, from 0."""
    size: int = 1
    """How many there are."""
    device: str = "cpu"
    """Where this one computes, as torch writes it."""

    @property
    def is_first(self) -> bool:
        """Whether this is the one that validates and writes files."""
        return self.rank == 0

    def share_of(self, batch: int) -> int:
        """Give this process's share of a batch.

        Raises
        ------
        ConfigError
            The batch cannot be divided evenly; the nearest that can are offered.
        """
        if batch % self.size:
            below = batch // self.size * self.size
            near = " or ".join(str(size) for size in (below, below + self.size) if size)
            raise ConfigError(
                "TrainerConfig.batch is shared by all processes and must be a multiple of their number; "
                f"got batch={batch}, {self.size} processes. Try {near}."
            )
        return batch // self.size

    def number(self, batch: int) -> int:
        """Give the running number of this process's share of the batch with a running number.

        Batch n of size b holds the examples n · b … n · b + b − 1 of one endless row; so does a share, and the shares
        of a batch, in the order of the processes, are the batch.
        """
        return batch * self.size + self.rank

    def divisors(self, counts: Sequence[int], accumulate: int) -> list[float]:
        """Give what this process's losses of its shares are divided by, so that those of all add up to the batch's.

        A mean over the batch is the sum of the processes' means, each times its part of what the mean is taken over.

        Parameters
        ----------
        counts
            Of each share, what its mean is taken over (`Model.count`).
        accumulate
            Number of batches that a step takes the mean of.

        Returns
        -------
        list
            One a share; infinite where there is nothing in it to take a mean of.
        """
        if self.size == 1:
            return [accumulate] * len(counts)
        totals = self.added(counts)
        return [accumulate * total / count if count else math.inf for count, total in zip(counts, totals, strict=True)]

    def any(self, flag: bool) -> bool:
        """Tell whether one process at least says yes."""
        return self.added([flag])[0] > 0

    def agreed(self, reason: str | None) -> str | None:
        """Give the reason of the first process that has one."""
        if not self.any(reason is not None):
            return None
        return next(theirs for theirs in self.gathered(reason) if theirs is not None)

    def added(self, values: Sequence[float]) -> list[float]:
        """Add up numbers over all processes, one by one, in float64."""
        if self.size == 1:
            return list(values)
        from torch.distributed import all_reduce

        totals = torch.tensor(values, dtype=torch.float64)
        all_reduce(totals)
        result: list[float] = totals.tolist()
        return result

    def gathered(self, value: T) -> list[T]:
        """Give what every process has, in their order; something small, since it is pickled on the way."""
        if self.size == 1:
            return [value]
        from torch.distributed import all_gather_object

        values: list[Any] = [None] * self.size
        all_gather_object(values, value)
        return values

    def require_same(self, what: str, value: object) -> None:
        """Make sure that all processes have the same.

        Raises
        ------
        ConfigError
            They do not.
        """
        differing = [rank for rank, theirs in enumerate(self.gathered(value)) if theirs != value]
        if differing:
            raise ConfigError(f"process {differing[0]} of this training has another {what} than process {self.rank}")

    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace gradients by their sums over all processes; a parameter that has none anywhere keeps none.

        Parameters
        ----------
        parameters
            Of one dtype.
        """
        if self.size == 1 or not parameters:
            return
        from torch.distributed import all_reduce

        grads = [parameter.grad for parameter in parameters]
        parts = [
            torch.zeros_like(parameter).flatten() if grad is None else grad.flatten()
            for parameter, grad in zip(parameters, grads, strict=True)
        ]
        there = torch.tensor([grad is not None for grad in grads]).to(parts[0])
        flat = torch.cat([*parts, there])
        all_reduce(flat)
        *sums, there = torch.split(flat, [*(len(part) for part in parts), len(parts)])
        for parameter, total, count in zip(parameters, sums, there.tolist(), strict=True):
            parameter.grad = total.view_as(parameter) if count else None

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their means over all processes; those of whole numbers stay."""
        if self.size == 1:
            return
        from torch.distributed import all_reduce

        for tensor in tensors:
            if tensor.is_floating_point():
                all_reduce(tensor)
                tensor.div_(self.size)

    def copy_from_first(self, tensors: Mapping[str, Tensor]) -> None:
        """Overwrite tensors by those of the first process."""
        if self.size == 1:
            return
        from torch.distributed import broadcast

        for tensor in tensors.values():
            broadcast(tensor, src=0)


ALONE = Ranks()
"""One process, on the CPU."""
