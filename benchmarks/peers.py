"""The peers that several benchmarks measure beside: transformers' Llama in the sizes of one of our decoders."""

from __future__ import annotations

from typing import Any

import transformers

from tonada.symbolic.models.gpt import GPTConfig


def llama_config(config: GPTConfig, **more: Any) -> transformers.LlamaConfig:
    """Give the config of a Llama of the same sizes; ``more`` are settings of the benchmark's own."""
    return transformers.LlamaConfig(
        vocab_size=config.vocabulary,
        hidden_size=config.width,
        intermediate_size=round(config.width * config.feedforward_ratio),
        num_hidden_layers=config.blocks,
        num_attention_heads=config.heads,
        max_position_embeddings=config.context,
        tie_word_embeddings=True,
        eos_token_id=None,
        **more,
    )
