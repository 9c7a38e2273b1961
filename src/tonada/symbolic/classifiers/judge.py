"""The judge: convolutions over the notes of a passage, then mean and spread over all of them.

Axes: B batch · N notes · F features · D width · E width of the embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tonada.errors import ConfigError
from tonada.nn.convnext import ConvNeXtBlock
from tonada.symbolic.classifiers.base import COMPOSER, OTHER, NoteClassifier, check_classifier
from tonada.symbolic.classifiers.features import FEATURES

_SMALLEST_VARIANCE = 1e-5


@dataclass(frozen=True, kw_only=True)
class JudgeConfig:
    """Settings of a judge; each field has its sentence below."""

    classes: tuple[str, ...] = ("bach", "chopin", "rachmaninoff", OTHER)
    """What it tells apart; "other" stands for all that is not named."""
    column: str = COMPOSER
    """The column of the catalogue that says what a piece is."""
    width: int = 96
    """Channels, D."""
    blocks: int = 5
    """Residual convolution blocks."""
    kernel: int = 7
    """Notes that a convolution sees; odd."""
    embedding: int = 64
    """Features of a passage, E: what distances between sets of pieces are measured on."""
    dropout: float = 0.3
    """On what each block adds and on what is pooled, while training; 0 ≤ dropout < 1."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises
        ------
        ConfigError
            A value is out of range.
        """
        sizes = {"width": self.width, "blocks": self.blocks, "kernel": self.kernel, "embedding": self.embedding}
        check_classifier("JudgeConfig", self.classes, self.dropout, **sizes)
        if self.kernel % 2 == 0:
            raise ConfigError(f"JudgeConfig.kernel must be odd; got {self.kernel}. Try {self.kernel + 1}")


def composers() -> JudgeConfig:
    """Tell Bach, Chopin, Rachmaninoff and all others apart."""
    return JudgeConfig()


class Judge(NoteClassifier):
    """A convolutional classifier with statistics pooling (Snyder et al. 2018, "X-vectors", section 2.2).

    Parameters
    ----------
    config
        Its settings.
    """

    Config = JudgeConfig
    config: JudgeConfig
    presets: ClassVar[dict[str, Callable[[], JudgeConfig]]] = {"composers": composers}
    recipes: ClassVar[dict[str, dict[str, Any]]] = {
        "composers": {
            "steps": 1500,
            "batch": 32,
            "learning_rate": 2e-3,
            "schedule": "cosine",
            "weight_decay": 0.2,
            "ema": 0.995,
            "validate_every": 100,
        }
    }

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__(config)
        self.entry = nn.Linear(FEATURES, config.width)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(config.width, 2 * config.width, kernel=config.kernel) for _ in range(config.blocks)
        )
        self.norm = nn.LayerNorm(config.width)
        self.pooled = nn.Linear(2 * config.width, config.embedding)
        self.dropout = nn.Dropout(config.dropout)

    def embed(self, features: Tensor, mask: Tensor) -> Tensor:
        """Give the embedding of passages: float32 ``[B, N, F]`` and bool ``[B, N]`` → float32 ``[B, E]``."""
        heard = mask[:, :, None].to(features.dtype)
        x = (self.entry(features) * heard).transpose(1, 2)
        for block in self.blocks:
            x = (x + self.dropout(block(x) - x)) * heard.transpose(1, 2)
        x = self.norm(x.transpose(1, 2)).float() * heard
        count = heard.sum(dim=1).clamp(min=1.0)
        mean = x.sum(dim=1) / count
        variance = ((x - mean[:, None]).square() * heard).sum(dim=1) / count
        statistics = torch.cat((mean, (variance + _SMALLEST_VARIANCE).sqrt()), dim=1)
        result: Tensor = torch.tanh(self.pooled(self.dropout(statistics)))
        return result.float()
