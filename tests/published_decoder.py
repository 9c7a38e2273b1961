"""A GIGA-Piano decoder in plain torch, with the names of the public code's tensors: written from its layout alone.

Relative positions are looked up distance by distance here, and the mask is applied entry by entry, where Tonada skews.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PublishedAttention(nn.Module):
    def __init__(self, width: int, heads: int, context: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)
        self.Er = nn.Parameter(torch.empty(context, width // heads))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        each = width // self.heads
        projected = torch.einsum("btd,ed->bte", x, self.in_proj_weight) + self.in_proj_bias
        q, k, v = (part.reshape(batch, length, self.heads, each) for part in torch.tensor_split(projected, 3, dim=2))
        logits = torch.full((batch, self.heads, length, length), -torch.inf)
        for query in range(length):
            for key in range(query + 1):
                distance = self.Er[len(self.Er) - 1 - (query - key)]
                product = (q[:, query] * (k[:, key] + distance)).sum(-1)
                logits[:, :, query, key] = product / each**0.5
        mixed = torch.einsum("bhqk,bkhe->bqhe", logits.softmax(-1), v)
        attended: Tensor = self.out_proj(mixed.reshape(batch, length, width))
        return attended


class PublishedBlock(nn.Module):
    def __init__(self, width: int, heads: int, context: int, hidden: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = PublishedAttention(width, heads, context)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width), nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln1(x))
        added: Tensor = x + self.mlp(self.ln2(x))
        return added


class PublishedDecoder(nn.Module):
    """Ids ``[B, T]`` to logits ``[B, T, V]``; every weight is drawn, so that none can be left out unnoticed."""

    def __init__(self, *, vocabulary: int, context: int, width: int, blocks: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.tok_emb = nn.Embedding(vocabulary, width)
        self.pos_emb = nn.Parameter(torch.empty(1, context, width))
        self.blocks = nn.Sequential(*(PublishedBlock(width, heads, context, hidden) for _ in range(blocks)))
        self.ln_f = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.3)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tok_emb(ids) + self.pos_emb[0, : ids.shape[1]]
        logits: Tensor = self.head(self.ln_f(self.blocks(x)))
        return logits


def shapes_of_giga(blocks: int) -> dict[str, Tensor]:
    """Give the tensors of the published size, all of their numbers in one: the files are small."""
    with torch.device("meta"):
        decoder = PublishedDecoder(vocabulary=128, context=1024, width=1024, blocks=blocks, heads=16, hidden=1024)
    return {name: torch.zeros(1).expand(tensor.shape) for name, tensor in decoder.state_dict().items()}
