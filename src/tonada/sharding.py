"""Weights that are divided among processes (FSDP2: Zhao et al. 2023; ``torch.distributed.fsdp.fully_shard``).

Each process keeps a part of every weight, of its gradient and of the optimizer's state; a block's weights are brought
together when it computes. Files hold whole weights, whatever made them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


def shard(model: nn.Module, device: torch.device) -> None:
    """Divide a model's weights among all processes, each element of its ``ModuleList``s for itself.

    Its parameters are others afterwards; what points at them (an optimizer) has to be made later. It must compute
    through ``forward``.

    Parameters
    ----------
    model
        The same on every process.
    device
        Where it is.
    """
    from torch.distributed import get_world_size
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (get_world_size(),))
    for module in list(model.modules()):
        if isinstance(module, nn.ModuleList):
            for child in module:
                fully_shard(child, mesh=mesh)
    fully_shard(model, mesh=mesh)


def whole(tensor: Tensor) -> Tensor:
    """Bring a divided tensor together, on every process; another one stays. All processes call it."""
    divided: Any = tensor
    full: Tensor = divided.full_tensor() if hasattr(tensor, "device_mesh") else tensor
    return full


def whole_on_first(tensors: Mapping[str, Tensor], *, is_first: bool) -> dict[str, Tensor]:
    """Bring divided tensors together on the CPU of the first process, one after the other; the rest get nothing.

    Parameters
    ----------
    tensors
        By name, the same names in the same order on every process.
    is_first
        Whether this is the first.
    """
    found = {}
    for name, tensor in tensors.items():
        full = whole(tensor)
        if is_first:
            found[name] = full.detach().cpu()
    return found


def divided_as(tensor: Tensor, template: Tensor) -> Tensor:
    """Bring a whole tensor to where another one is, divided as it is; every process has the whole, and sends nothing.

    Parameters
    ----------
    tensor
        Of the template's (whole) shape.
    template
        Divided or not.
    """
    tensor = tensor.to(template.device)
    if not hasattr(template, "device_mesh"):
        return tensor
    from torch.distributed.tensor import DTensor, Replicate

    assert isinstance(template, DTensor)  # as it has a mesh
    replicated = DTensor.from_local(tensor, template.device_mesh, [Replicate()], run_check=False)
    return replicated.redistribute(placements=template.placements)
