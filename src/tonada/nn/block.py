"""One pre-norm Transformer block (Radford et al. 2019)."""

from __future__ import annotations

from torch import Tensor, nn

from tonada.nn.attention import CausalSelfAttention
from tonada.nn.cache import KeyValueCache
from tonada.nn.layers import Activation, FeedForward, NormName, make_norm
from tonada.nn.shortconv import ShortConvolution


class Block(nn.Module):
    """Attention, then a feed-forward layer, each normalised before and added after: ``[B, T, D] → [B, T, D]``.

    Parameters
    ----------
    width, heads
        D and H; D is a multiple of H.
    hidden
        Width inside the feed-forward layer.
    activation
        Of the feed-forward layer.
    norm
        Which normalisation.
    bias
        Whether the linear layers have biases.
    dropout
        On the attention weights and on what is added, while training.
    relative_context
        Number of distances of the relative table; 0 for none.
    qk_norm
        Whether queries and keys are normalised.
    convolution
        Positions that a short convolution before attention mixes; 0 for none.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        hidden: int,
        activation: Activation,
        norm: NormName,
        bias: bool,
        dropout: float,
        relative_context: int = 0,
        qk_norm: bool = False,
        convolution: int = 0,
    ) -> None:
        super().__init__()
        self.convolution = ShortConvolution(width, convolution) if convolution else None
        self.attention_norm = make_norm(norm, width)
        self.attention = CausalSelfAttention(
            width, heads, bias=bias, dropout=dropout, relative_context=relative_context, qk_norm=qk_norm
        )
        self.feedforward_norm = make_norm(norm, width)
        self.feedforward = FeedForward(width, hidden, activation=activation, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, rotary: tuple[Tensor, Tensor] | None, cache: KeyValueCache | None = None, block: int = 0
    ) -> Tensor:
        """Mix, attend, transform, each added to the residual stream."""
        if self.convolution is not None:
            normalised = self.convolution.normalise(x)
            x = x + self.convolution(normalised, None if cache is None else cache.recent(block))
            if cache is not None:
                cache.remember(block, normalised)
        attended = self.attention(self.attention_norm(x), rotary=rotary, cache=cache, block=block)
        x = x + self.dropout(attended)
        x = x + self.dropout(self.feedforward(self.feedforward_norm(x)))
        return x
