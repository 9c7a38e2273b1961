"""Normalisation and feed-forward layers, chosen by name."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

NormName = Literal["layer", "rms"]
Activation = Literal["gelu", "swiglu"]


def make_norm(name: NormName, width: int) -> nn.LayerNorm | nn.RMSNorm:
    """Build LayerNorm (Ba et al. 2016) or RMSNorm (Zhang & Sennrich 2019) over the last axis.

    Parameters
    ----------
    name
        "layer" or "rms".
    width
        Size of the last axis.
    """
    return nn.LayerNorm(width) if name == "layer" else nn.RMSNorm(width, eps=1e-6)


class FeedForward(nn.Module):
    """The position-wise half of a Transformer block, ``[B, T, D] → [B, T, D]``.

    GELU (Hendrycks & Gimpel 2016): ``down(gelu(up(x)))``. SwiGLU (Shazeer 2020): ``down(silu(gate(x)) · up(x))``, gate
    and up in one matrix.

    Parameters
    ----------
    width
        D.
    hidden
        Width between the two halves.
    activation
        "gelu" or "swiglu".
    bias
        Whether the linear layers have biases.
    """

    def __init__(self, width: int, hidden: int, *, activation: Activation, bias: bool) -> None:
        super().__init__()
        self.gated = activation == "swiglu"
        self.up = nn.Linear(width, 2 * hidden if self.gated else hidden, bias=bias)
        self.down = nn.Linear(hidden, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``[B, T, D]`` position by position."""
        hidden = self.up(x)
        if self.gated:
            gate, value = hidden.chunk(2, dim=-1)
            hidden = F.silu(gate) * value
        else:
            hidden = F.gelu(hidden)
        result: Tensor = self.down(hidden)
        return result
