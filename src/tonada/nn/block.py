"""One pre-norm Transformer block (Radford et al. 2019)."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from tonada.errors import ConfigError
from tonada.nn.attention import CausalSelfAttention
from tonada.nn.cache import KeyValueCache
from tonada.nn.layers import Activation, FeedForward, NormName, make_norm
from tonada.nn.shortconv import ShortConvolution


class BlockSettings(Protocol):
    """What configs of models that are made of blocks have in common."""

    @property
    def feedforward_ratio(self) -> float:
        """Hidden width of the feed-forward layers, as a multiple of the width."""

    @property
    def convolution(self) -> int:
        """Positions that a block mixes before it attends."""

    @property
    def dropout(self) -> float:
        """While training."""


def check_block_settings(config: BlockSettings) -> None:
    """Check the ranges.

    Raises
    ------
    ConfigError
        A value is out of its range.
    """
    owner = type(config).__name__
    if config.convolution < 0 or config.convolution == 1:
        raise ConfigError(f"{owner}.convolution must be 0 for none, or at least 2; got {config.convolution}")
    if not 0.0 <= config.dropout < 1.0:
        raise ConfigError(f"{owner}.dropout must be at least 0 and less than 1; got {config.dropout}")
    if config.feedforward_ratio <= 0.0:
        raise ConfigError(f"{owner}.feedforward_ratio must be positive; got {config.feedforward_ratio}")


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
