"""A model folder with random weights, small enough to compose in no time: shared by the tests of api and cli."""

from __future__ import annotations

from pathlib import Path

import torch

from tonada.config import to_mapping
from tonada.runs import model_table, save_model
from tonada.symbolic.models.gpt import GPT, GPTConfig
from tonada.symbolic.tokenizers.note import NoteTokenizer

CONTEXT = 64


def save_tiny_model(folder: Path) -> Path:
    """Write the folder, the same every time."""
    tokenizer = NoteTokenizer()
    config = GPTConfig(vocabulary=tokenizer.vocabulary_size, context=CONTEXT, width=16, blocks=1, heads=2)
    torch.manual_seed(7)
    codec = {"name": tokenizer.name, **to_mapping(tokenizer.config)}
    save_model(folder, GPT(config), {"model": model_table("gpt", config), "codec": codec})
    return folder
