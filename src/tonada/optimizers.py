"""Optimizers by name: AdamW from torch, and Muon for the weight matrices of the blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tonada.sharding import divided_as, whole

OptimizerName = Literal["adamw", "muon"]


def orthogonalised(matrix: Tensor, *, dtype: torch.dtype = torch.float32, iterations: int = 5) -> Tensor:
    """Bring the singular values of a matrix near 1 by a quintic Newton–Schulz iteration (Jordan et al. 2024, "Muon").

    Parameters
    ----------
    matrix
        ``[rows, columns]``, any floating dtype.
    dtype
        Of the iteration; bf16 is enough (Jordan et al. 2024) and faster where the hardware has it.
    iterations
        Five bring singular values into about 0.7 … 1.2.

    Returns
    -------
    Tensor
        Same shape, in ``dtype``.
    """
    x: Tensor = matrix.to(dtype)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised (Jordan et al. 2024), scaled to the update size of AdamW (Liu et al. 2025, section 2.2).

    With that scale the learning rate and weight decay of AdamW carry over.

    Parameters
    ----------
    parameters
        Matrices only.
    learning_rate
        Peak rate.
    momentum
        Of the Nesterov momentum.
    weight_decay
        Decoupled.
    dtype
        Of the orthogonalisation.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        learning_rate: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(parameters, {"lr": learning_rate, "momentum": momentum, "weight_decay": weight_decay})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient.

        Parameters
        ----------
        closure
            Unused; part of torch's interface.
        """
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                buffer = state["momentum_buffer"]
                buffer.lerp_(parameter.grad, 1.0 - group["momentum"])
                # Singular values are those of the whole matrix: processes that have divided it all compute them.
                blend = whole(parameter.grad.lerp(buffer, group["momentum"]))
                update = divided_as(orthogonalised(blend, dtype=self.dtype).to(parameter.dtype), parameter)
                parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * 0.2 * max(parameter.shape) ** 0.5)


def make_optimizers(
    parameters: list[tuple[str, nn.Parameter]],
    *,
    name: OptimizerName,
    learning_rate: float,
    weight_decay: float,
    betas: tuple[float, ...],
    dtype: torch.dtype = torch.float32,
) -> list[torch.optim.Optimizer]:
    """Build the optimizers of one parameter group.

    Weight decay goes to weight matrices (and filters) alone; norms, biases and embeddings have none.

    Parameters
    ----------
    parameters
        (name, parameter) pairs.
    name
        "adamw" (Loshchilov & Hutter 2019) for everything, or "muon" for the matrices of hidden layers and AdamW for the
        rest.
    learning_rate
        Peak rate; the trainer scales each optimizer's ``lr`` from it.
    weight_decay
        Decoupled.
    betas
        Of AdamW.
    dtype
        In which Muon orthogonalises; the state is always kept in the parameters' own.

    Returns
    -------
    list
        One or two torch optimizers.
    """
    matrices = [p for n, p in parameters if p.ndim >= 2 and not _is_table(n)]
    others = [p for n, p in parameters if p.ndim < 2 or _is_table(n)]
    optimizers: list[torch.optim.Optimizer] = []
    adam = [{"params": others, "weight_decay": 0.0}]
    if name == "muon":
        flat = [p for p in matrices if p.ndim == 2]
        adam.append({"params": [p for p in matrices if p.ndim > 2], "weight_decay": weight_decay})
        if flat:
            optimizers.append(Muon(flat, learning_rate=learning_rate, weight_decay=weight_decay, dtype=dtype))
    else:
        adam.append({"params": matrices, "weight_decay": weight_decay})
    adam = [group for group in adam if group["params"]]
    if adam:
        # In one pass over the weights it is seven times as fast on a CPU. Elsewhere torch chooses by itself.
        plain = all(type(p) is nn.Parameter and p.device.type == "cpu" for _, p in parameters)
        optimizers.append(
            torch.optim.AdamW(adam, lr=learning_rate, betas=(betas[0], betas[1]), fused=True if plain else None)
        )
    return optimizers


def _is_table(name: str) -> bool:
    """Tell whether a parameter is a table that is looked up, or the output head: no orthogonal update fits those."""
    return any(part in name for part in ("embedding", "positions", "head.weight", "relative"))
