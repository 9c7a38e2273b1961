"""The critic: attention between the notes of a passage, in both directions, then attention of one query to all of them.

It is another network than the judge on purpose: who ranks what is made must not measure what it has ranked.

Axes: B batch · N notes · F features · D width · H heads · E width of the embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from tonada.errors import ConfigError
from tonada.nn.attention import rotary_table, rotate
from tonada.nn.layers import FeedForward
from tonada.symbolic.classifiers.base import NoteClassifier, check_classifier
from tonada.symbolic.classifiers.features import FEATURES

REAL, GENERATED = "real", "generated"
LABEL = "label"
"""The column of a data set of continuations that says which of the two a piece is."""


@dataclass(frozen=True, kw_only=True)
class CriticConfig:
    """Settings of a critic; each field has its sentence below."""

    classes: tuple[str, ...] = (REAL, GENERATED)
    """What it tells apart."""
    column: str = LABEL
    """The column of the catalogue that says what a piece is."""
    width: int = 96
    """D; a multiple of twice the heads."""
    blocks: int = 3
    """Attention blocks."""
    heads: int = 4
    """Attention heads of each, H."""
    embedding: int = 64
    """Features of a passage, E."""
    dropout: float = 0.1
    """On what each block adds and on what is pooled, while training; 0 ≤ dropout < 1."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises
        ------
        ConfigError
            A value is out of range.
        """
        sizes = {"width": self.width, "blocks": self.blocks, "heads": self.heads, "embedding": self.embedding}
        check_classifier("CriticConfig", self.classes, self.dropout, **sizes)
        if self.width % (2 * self.heads):
            nearest = (self.width // (2 * self.heads) + 1) * 2 * self.heads
            raise ConfigError(
                "CriticConfig.width must be a multiple of twice the heads, since positions rotate pairs; "
                f"got width={self.width}, heads={self.heads}. Try {nearest}"
            )


def continuations() -> CriticConfig:
    """Tell real continuations from generated ones."""
    return CriticConfig()


class Critic(NoteClassifier):
    """A classifier by attention, with attention pooling (Lee et al. 2019, "Set Transformer", section 3.2).

    Parameters
    ----------
    config
        Its settings.
    """

    Config = CriticConfig
    config: CriticConfig
    presets: ClassVar[dict[str, Callable[[], CriticConfig]]] = {"continuations": continuations}
    recipes: ClassVar[dict[str, dict[str, Any]]] = {
        "continuations": {
            "steps": 1000,
            "batch": 32,
            "learning_rate": 1e-3,
            "schedule": "cosine",
            "weight_decay": 0.05,
            "ema": 0.995,
            "validate_every": 100,
            "seed": 2,
        }
    }

    def __init__(self, config: CriticConfig) -> None:
        super().__init__(config)
        self.entry = nn.Linear(FEATURES, config.width)
        self.blocks = nn.ModuleList(Mutual(config.width, config.heads, config.dropout) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)
        self.relevance = nn.Linear(config.width, config.heads)
        self.pooled = nn.Linear(config.width, config.embedding)
        self.dropout = nn.Dropout(config.dropout)

    def embed(self, features: Tensor, mask: Tensor) -> Tensor:
        """Give the embedding of passages: float32 ``[B, N, F]`` and bool ``[B, N]`` → float32 ``[B, E]``."""
        batch, notes, _ = features.shape
        config = self.config
        cosine, sine = rotary_table(notes, config.width // config.heads)
        rotary = (cosine.to(features.device), sine.to(features.device))
        mask = mask | ~mask.any(dim=1, keepdim=True)  # of nothing all is empty: attention to no note is no number
        x = self.entry(features)
        for block in self.blocks:
            x = block(x, mask, rotary)
        x = self.norm(x)
        weight = self.relevance(x).float().masked_fill(~mask[:, :, None], float("-inf")).softmax(dim=1)
        parts = x.float().view(batch, notes, config.heads, -1)
        together = (weight[..., None] * parts).sum(dim=1).flatten(1)
        result: Tensor = torch.tanh(self.pooled(self.dropout(together)))
        return result.float()


class Mutual(nn.Module):
    """A pre-norm Transformer block without a direction: ``[B, N, D] → [B, N, D]``.

    Parameters
    ----------
    width, heads
        D and H.
    dropout
        On what is added, while training.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.feedforward_norm = nn.LayerNorm(width)
        self.feedforward = FeedForward(width, 2 * width, activation="gelu", bias=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
        """Attend and transform, each added to what was there.

        Parameters
        ----------
        x
            ``[B, N, D]``.
        mask
            bool ``[B, N]``: which notes are attended to; at least one a row.
        rotary
            Cosine and sine of the N places.
        """
        batch, notes, width = x.shape
        queries, keys, values = (
            part.view(batch, notes, self.heads, -1).transpose(1, 2)
            for part in self.qkv(self.attention_norm(x)).split(width, dim=-1)
        )
        attended = F.scaled_dot_product_attention(
            rotate(queries, *rotary), rotate(keys, *rotary), values, attn_mask=mask[:, None, None, :]
        )
        x = x + self.dropout(self.out(attended.transpose(1, 2).reshape(batch, notes, width)))
        result: Tensor = x + self.dropout(self.feedforward(self.feedforward_norm(x)))
        return result
