"""Causal self-attention with a key–value cache, and what tells it where things are.

Shapes: B batch, H heads, T new positions, N all positions so far (cached + new), D width, E = D / H.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from tonada.nn.cache import KeyValueCache
from tonada.nn.causal import CausalAttention, suits

QK_EPS = 1e-6
"""Added to the mean square of queries and keys where they are normalised."""


def rotary_table(positions: int, head_width: int, *, base: float = 10_000.0) -> tuple[Tensor, Tensor]:
    """Tabulate rotary position embedding (Su et al. 2021, section 3.4.2): cosines and sines, ``[positions, E / 2]``.

    Parameters
    ----------
    positions
        Number of positions, from 0.
    head_width
        E, even.
    base
        The longest wavelength is 2π·base.
    """
    frequency = base ** (-torch.arange(0, head_width, 2, dtype=torch.float64) / head_width)
    angle = torch.outer(torch.arange(positions, dtype=torch.float64), frequency)
    return angle.cos().float(), angle.sin().float()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate queries or keys; the first half of E pairs with the second half.

    Parameters
    ----------
    x
        ``[B, H, T, E]``.
    cosine, sine
        Of the T positions, ``[T, E / 2]``, from ``rotary_table``.
    """
    first, second = x.chunk(2, dim=-1)
    cosine, sine = cosine.to(x.dtype), sine.to(x.dtype)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


def normalise(x: Tensor, scale: Tensor) -> Tensor:
    """Divide queries or keys ``[B, H, T, E]`` by their root mean square, head by head, times a scale ``[E]``."""
    return F.rms_norm(x, x.shape[-1:], scale.to(x.dtype), QK_EPS)


def relative_logits(queries: Tensor, table: Tensor, positions: int) -> Tensor:
    """Logits of relative positions (Shaw et al. 2018) by skewing (Huang et al. 2018, section 3.4.1).

    Parameters
    ----------
    queries
        ``[B, H, T, E]``, the last T of ``positions`` positions.
    table
        ``[context, E]``; row ``context − 1 − d`` belongs to distance d, shared by the heads.
    positions
        N.

    Returns
    -------
    Tensor
        ``[B, H, T, N]``: entry (t, j) is the query's product with the row of its distance to key j; entries of keys
        that come later hold other rows' products and have to be masked.
    """
    batch, heads, new, _ = queries.shape
    products = queries @ table[table.shape[0] - positions :].T
    return F.pad(products, (1, 0)).flatten(2)[:, :, new:].view(batch, heads, new, positions)


class CausalSelfAttention(nn.Module):
    """Multi-head causal self-attention (Vaswani et al. 2017), built in or, where it is faster, in blocks (``causal``).

    Parameters
    ----------
    width, heads
        D and H; D is a multiple of H.
    bias
        Whether the linear layers have biases.
    dropout
        On the attention weights, while training.
    relative_context
        Number of distances of the relative table; 0 for none.
    qk_norm
        Whether queries and keys are normalised, head by head, before they meet (Henry et al. 2020): by their root mean
        square, with scales that are learned.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        bias: bool,
        dropout: float,
        relative_context: int = 0,
        qk_norm: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)
        self.relative = nn.Parameter(torch.zeros(relative_context, width // heads)) if relative_context else None
        self.query_scale = nn.Parameter(torch.ones(width // heads)) if qk_norm else None
        self.key_scale = nn.Parameter(torch.ones(width // heads)) if qk_norm else None

    def forward(
        self,
        x: Tensor,
        *,
        rotary: tuple[Tensor, Tensor] | None = None,
        cache: KeyValueCache | None = None,
        block: int = 0,
    ) -> Tensor:
        """Attend from ``[B, T, D]`` to itself and, with a cache, to everything before it.

        Parameters
        ----------
        x
            ``[B, T, D]``, already normalised.
        rotary
            Cosine and sine ``[T, E / 2]`` of the new positions.
        cache
            Holds the past; the new keys and values are stored in it.
        block
            This layer's place in the cache.
        """
        batch, new, width = x.shape
        queries, keys, values = (
            part.view(batch, new, self.heads, -1).transpose(1, 2) for part in self.qkv(x).split(width, dim=-1)
        )
        if self.query_scale is not None and self.key_scale is not None:
            queries, keys = normalise(queries, self.query_scale), normalise(keys, self.key_scale)
        if rotary is not None:
            queries, keys = rotate(queries, *rotary), rotate(keys, *rotary)
        if cache is not None:
            keys, values = cache.append(block, keys, values)
        dtype, positions = queries.dtype, keys.shape[2]
        queries = queries.to(keys.dtype)  # the cache's, which may be wider
        mask = None
        if self.relative is not None:
            mask = relative_logits(queries, self.relative.to(queries.dtype), positions) * queries.shape[-1] ** -0.5
        if new > 1 and (mask is not None or positions > new):
            later = torch.ones(new, positions, dtype=torch.bool, device=x.device).triu(positions - new + 1)
            mask = (queries.new_zeros(new, positions) if mask is None else mask).masked_fill(later, float("-inf"))
        dropout = self.dropout if self.training else 0.0
        if cache is None and mask is None and suits(queries, dropout):
            attended = CausalAttention.apply(queries, keys, values, dropout)  # type: ignore[no-untyped-call]
        else:
            attended = F.scaled_dot_product_attention(
                queries, keys, values, attn_mask=mask, dropout_p=dropout, is_causal=mask is None and new > 1
            )
        result: Tensor = self.out(attended.transpose(1, 2).reshape(batch, new, width).to(dtype))
        return result
