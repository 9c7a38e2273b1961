"""A decoder-only Transformer over ids, with the options that the published piano models differ in.

Pre-norm blocks (Radford et al. 2019). Positions: learned; relative (Shaw et al. 2018, skewed as in Huang et al. 2018);
both; or rotary (Su et al. 2021). With rotary positions, RMSNorm, SwiGLU and no biases it is a Llama-type decoder
(Touvron et al. 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from tonada.errors import ConfigError
from tonada.nn.attention import rotary_table
from tonada.nn.block import Block, check_block_settings
from tonada.nn.cache import KeyValueCache
from tonada.nn.layers import Activation, NormName, make_norm
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.models.decoding import DecodingPlan


@dataclass(frozen=True, kw_only=True)
class GPTConfig:
    """Settings of a GPT; each field has its sentence below."""

    vocabulary: int
    """Number of ids; training sets it to the tokenizer's."""
    context: int = 1024
    """Longest sequence that it attends over, in ids."""
    width: int = 256
    """Size of the residual stream; a multiple of ``heads``."""
    blocks: int = 6
    """Number of Transformer blocks."""
    heads: int = 4
    """Attention heads per block."""
    feedforward_ratio: float = 4.0
    """Hidden width of the feed-forward layers, as a multiple of ``width``."""
    activation: Activation = "gelu"
    """Of the feed-forward layers: "gelu" or "swiglu" (three matrices in place of two)."""
    norm: NormName = "layer"
    """Normalisation: "layer" or "rms"."""
    positions: Literal["learned", "relative", "learned+relative", "rotary"] = "rotary"
    """What tells attention where things are."""
    tied: bool = True
    """Whether the head's matrix is the embedding."""
    bias: bool = False
    """Whether attention and feed-forward layers have biases; the head never has one."""
    qk_norm: bool = False
    """Whether queries and keys are normalised, head by head (Henry et al. 2020)."""
    convolution: int = 0
    """Positions that each block mixes, channel by channel, before it attends (So et al. 2021); 0 for none."""
    dropout: float = 0.0
    """On embeddings, attention weights and residual branches, while training; 0 ≤ dropout < 1."""

    def __post_init__(self) -> None:
        """Check that the sizes fit together.

        Raises
        ------
        ConfigError
            They do not; the text names values that would.
        """
        for name in ("vocabulary", "context", "width", "blocks", "heads"):
            if getattr(self, name) < 1:
                raise ConfigError(f"GPTConfig.{name} must be at least 1; got {getattr(self, name)}")
        if self.width % self.heads:
            below = self.width // self.heads * self.heads
            near = " or ".join(str(width) for width in (below, below + self.heads) if width)
            raise ConfigError(
                f"GPTConfig.width must be a multiple of heads; got width={self.width}, heads={self.heads}. Try {near}."
            )
        if self.positions == "rotary" and self.width // self.heads % 2:
            raise ConfigError(
                f"GPTConfig: rotary positions need an even width per head; got {self.width // self.heads} "
                f"(width={self.width}, heads={self.heads}). Try heads={max(1, self.heads // 2)}."
            )
        check_block_settings(self)


def giga() -> GPTConfig:
    """Size GIGA-Piano's decoder, base of the style fine-tuning thesis: 103 188 480 parameters."""
    return _published(
        vocabulary=128, width=1024, blocks=16, heads=16, feedforward_ratio=1.0, positions="learned+relative"
    )


def from_scratch() -> GPTConfig:
    """Size the piano Transformer trained from scratch on MAESTRO: 20 163 584 parameters without its head."""
    return _published(vocabulary=390, context=2048, width=512, blocks=6, heads=8, positions="learned")


def small() -> GPTConfig:
    """Size Tonada's model for a laptop: under 25 million parameters."""
    return _llama_type(width=512, blocks=7, heads=8)


def tiny() -> GPTConfig:
    """Size Tonada's model for slow machines and tests: under 5 million parameters."""
    return _llama_type(width=256, blocks=6, heads=4)


def _published(**settings: Any) -> GPTConfig:
    return GPTConfig(tied=False, bias=True, dropout=0.1, **settings)


def _llama_type(*, width: int, blocks: int, heads: int) -> GPTConfig:
    return GPTConfig(
        vocabulary=512,
        width=width,
        blocks=blocks,
        heads=heads,
        feedforward_ratio=2.75,
        activation="swiglu",
        norm="rms",
    )


# Measured on MAESTRO: after 0.6 million ids, 12.5 nats per note on validation, where AdamW at 3e-3 had 13.9.
RECIPE: dict[str, str | float] = {
    "optimizer": "muon",
    "learning_rate": 6e-3,
    "schedule": "trapezoid",
    "decay_share": 0.4,
    "weight_decay": 0.1,
}


class GPT(LanguageModel):
    """A decoder-only Transformer.

    Parameters
    ----------
    config
        Its settings.
    """

    Config = GPTConfig
    config: GPTConfig
    presets: ClassVar[dict[str, Callable[[], GPTConfig]]] = {
        "from-scratch": from_scratch,
        "giga": giga,
        "small": small,
        "tiny": tiny,
    }
    recipes: ClassVar[dict[str, dict[str, str | float]]] = {"small": RECIPE, "tiny": RECIPE}

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.positions = nn.Embedding(config.context, config.width) if "learned" in config.positions else None
        self.blocks = nn.ModuleList(self._block() for _ in range(config.blocks))
        self.norm = make_norm(config.norm, config.width)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        if config.tied:
            self.head.weight = self.embedding.weight
        self.dropout = nn.Dropout(config.dropout)
        self.rotary_cosine: Tensor
        self.rotary_sine: Tensor
        if config.positions == "rotary":
            cosine, sine = rotary_table(config.context, config.width // config.heads)
            self.register_buffer("rotary_cosine", cosine, persistent=False)
            self.register_buffer("rotary_sine", sine, persistent=False)
        self._initialise()

    def _block(self) -> Block:
        config = self.config
        return Block(
            config.width,
            config.heads,
            hidden=round(config.width * config.feedforward_ratio),
            activation=config.activation,
            norm=config.norm,
            bias=config.bias,
            dropout=config.dropout,
            relative_context=config.context if "relative" in config.positions else 0,
            qk_norm=config.qk_norm,
            convolution=config.convolution,
        )

    def _initialise(self) -> None:
        """Draw weights as GPT-2 does: normal 0.02, the layers that write to the residual stream ÷ √(2 · blocks)."""
        residual = 0.02 * (2 * self.config.blocks) ** -0.5
        for name, parameter in self.named_parameters():
            if name.endswith(("out.weight", "down.weight")):
                nn.init.normal_(parameter, std=residual)
            elif parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, ids: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Give the logits of the next id at every position.

        Parameters
        ----------
        ids
            int64 ``[B, T]``; with a cache, the ids that follow what it holds.
        cache
            From ``start_cache``; it is advanced.

        Returns
        -------
        Tensor
            float32 ``[B, T, V]``.

        Raises
        ------
        ConfigError
            The sequence is longer than the context, or than the cache's capacity.
        """
        logits: Tensor = self.head(self._hidden(ids, cache))
        return logits.float()

    def _hidden(self, ids: Tensor, cache: KeyValueCache | None) -> Tensor:
        """Give the normalised residual stream ``[B, T, D]``."""
        past, new = (cache.length if cache else 0), ids.shape[1]
        limit = cache.capacity if cache else self.config.context
        if past + new > limit:
            raise ConfigError(f"{past + new} ids do not fit the model's context of {limit}")
        x = self.embedding(ids)
        if self.positions is not None:
            x = x + self.positions.weight[past : past + new]
        rotary = None
        if self.config.positions == "rotary":
            rotary = self.rotary_cosine[past : past + new], self.rotary_sine[past : past + new]
        x = self.dropout(x)
        for index, block in enumerate(self.blocks):
            x = block(x, rotary, cache, index)
        if cache is not None:
            cache.advance(new)
        normalised: Tensor = self.norm(x)
        return normalised

    def start_cache(self, batch: int, capacity: int | None = None) -> KeyValueCache:
        """Allocate an empty cache.

        Parameters
        ----------
        batch
            Number of lanes.
        capacity
            Number of positions; the model's context when None.
        """
        positions = self.config.context if capacity is None else min(capacity, self.config.context)
        return KeyValueCache.for_model(self.config, self.embedding.weight, batch=batch, capacity=positions)

    @torch.inference_mode()
    def step(self, ids: Tensor, cache: KeyValueCache) -> Tensor:
        """Read the next ids and give the logits that follow the last one.

        Parameters
        ----------
        ids
            int64 ``[B, T]``: a whole prompt, or one id per lane, which is fast (without dropout, even while training).
        cache
            From ``start_cache``; it is advanced.

        Returns
        -------
        Tensor
            float32 ``[B, V]``.
        """
        if ids.shape[1] > 1 or cache.length == cache.capacity:
            logits: Tensor = self.head(self._hidden(ids, cache)[:, -1])
            return logits.float()
        if not isinstance(cache.plan, DecodingPlan):
            cache.plan = DecodingPlan(self, cache)
        return cache.plan.step(ids[:, 0], cache)
