"""Residual convolution blocks over time, and the periodic activation that suits sound.

Axes: B batch · D width · L frames.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

ConvActivation = Literal["gelu", "snake"]


class Snake(nn.Module):
    """``x + sin²(a x) / a`` with a learned frequency a per channel (Ziyin, Hartwig and Ueda 2020), over the last axis.

    Periodic where other activations are monotone, so what repeats in sound need not be learned period by period.

    Parameters
    ----------
    width
        Channels, D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.log_frequency = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to [..., D]."""
        frequency = self.log_frequency.exp()
        result: Tensor = x + torch.sin(frequency * x).square() / frequency
        return result


class ConvNeXtBlock(nn.Module):
    """A residual block, [B, D, L] → [B, D, L]: depthwise convolution, LayerNorm, and a two-layer network per frame.

    Liu et al. 2022, "A ConvNet for the 2020s", in one dimension as in Vocos (Siuzdak 2023, section 3.2). What the block
    adds is scaled by a small learned factor, so a deep stack starts near the identity.

    Parameters
    ----------
    width
        D.
    hidden
        Width between the two layers.
    kernel
        Frames that the convolution sees; odd.
    activation
        "gelu" or "snake".
    scale
        What the learned factor starts at.
    """

    def __init__(
        self, width: int, hidden: int, *, kernel: int = 7, activation: ConvActivation = "gelu", scale: float = 0.1
    ) -> None:
        super().__init__()
        self.mix = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.activation = nn.GELU() if activation == "gelu" else Snake(hidden)
        self.down = nn.Linear(hidden, width)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """Transform [B, D, L]."""
        y: Tensor = self.norm(self.mix(x).transpose(1, 2))
        y = self.scale * self.down(self.activation(self.up(y)))
        return x + y.transpose(1, 2)
