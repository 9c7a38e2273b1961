"""A short causal convolution: each channel mixes the last few positions, so that attention need not do that."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

EPS = 1e-6


class ShortConvolution(nn.Module):
    """A convolution of each channel by itself over the last positions (So et al. 2021, "Primer", section 3.2).

    It begins as nothing: its weights are 0, and what it gives is added to the residual stream.

    Parameters
    ----------
    width
        D, channels.
    positions
        K, how many it sees, the present one included.
    """

    def __init__(self, width: int, positions: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width, 1, positions))

    @staticmethod
    def normalise(x: Tensor) -> Tensor:
        """Divide by the root mean square, without a scale: the weights are one."""
        return F.rms_norm(x, x.shape[-1:], eps=EPS)

    def forward(self, x: Tensor, past: Tensor | None = None) -> Tensor:
        """Mix ``[B, T, D]``; ``past`` are the K − 1 positions before, ``[B, K − 1, D]``, zeros when None."""
        reach = self.weight.shape[-1] - 1
        known = F.pad(x, (0, 0, reach, 0)) if past is None else torch.cat((past.to(x.dtype), x), dim=1)
        mixed: Tensor = F.conv1d(known.transpose(1, 2), self.weight, groups=len(self.weight)).transpose(1, 2)
        return mixed
