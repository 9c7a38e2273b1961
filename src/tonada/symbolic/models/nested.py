"""A language model that advances once per note: a Transformer over notes, and a light head that spells each note out.

A tokenizer with a fixed group of ids per note makes sequences four times as long as there are notes. Here the backbone
reads one position a note (the sum of the embeddings of its ids), and the head decodes the next note's ids one after the
other from the backbone's state and the ids of the note so far. The idea is that of compound words (Hsiao et al. 2021)
with the slots made dependent on each other (Ryu et al. 2024, "Nested Music Transformer"); the head here is a
feed-forward network, which is all that a few slots in fixed order need.

Shapes: B batch · T ids · N notes · V vocabulary · D width. Ids that are in no slot (begin, conditions, end) belong to
the note that follows them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from tonada.errors import ConfigError
from tonada.nn.attention import rotary_table
from tonada.nn.block import Block, check_block_settings
from tonada.nn.cache import KeyValueCache
from tonada.nn.layers import FeedForward, make_norm
from tonada.symbolic.models.base import LanguageModel
from tonada.symbolic.models.gpt import RECIPE
from tonada.symbolic.models.grouping import Groups, group_ids
from tonada.symbolic.models.reading import NestedCache


@dataclass(frozen=True, kw_only=True)
class NestedConfig:
    """Settings of a nested model; each field has its sentence below."""

    vocabulary: int
    """Number of ids; training sets it to the tokenizer's."""
    slot_starts: tuple[int, ...]
    """The first id of each slot, rising; ids below are in none. Training sets it to the tokenizer's."""
    context: int = 4096
    """Longest sequence that it attends over, in ids."""
    width: int = 256
    """Size of the residual stream; a multiple of ``heads``."""
    blocks: int = 6
    """Transformer blocks over notes."""
    heads: int = 4
    """Attention heads per block."""
    feedforward_ratio: float = 2.75
    """Hidden width of the feed-forward layers (SwiGLU), as a multiple of ``width``."""
    head_layers: int = 2
    """Feed-forward layers that spell a note out."""
    qk_norm: bool = True
    """Whether queries and keys are normalised, head by head (Henry et al. 2020)."""
    convolution: int = 4
    """Notes that each block mixes, channel by channel, before it attends (So et al. 2021); 0 for none."""
    dropout: float = 0.0
    """On embeddings, attention weights and residual branches, while training; 0 ≤ dropout < 1."""

    def __post_init__(self) -> None:
        """Check that the sizes fit together.

        Raises
        ------
        ConfigError
            They do not; the text names values that would.
        """
        for name in ("vocabulary", "context", "width", "blocks", "heads", "head_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"NestedConfig.{name} must be at least 1; got {getattr(self, name)}")
        if self.width % (2 * self.heads):
            raise ConfigError(
                "NestedConfig.width must be a multiple of twice the heads, since positions rotate pairs; "
                f"got width={self.width}, heads={self.heads}. Try {self.width // (2 * self.heads) * 2 * self.heads}"
            )
        starts = self.slot_starts
        if not starts:
            raise ConfigError(
                "NestedConfig.slot_starts is empty: the tokenizer has no fixed group of ids for a note. Try 'note'"
            )
        if list(starts) != sorted(set(starts)) or not 0 <= starts[0] <= starts[-1] < self.vocabulary:
            raise ConfigError(f"NestedConfig.slot_starts must be rising ids below {self.vocabulary}; got {starts}")
        check_block_settings(self)


NOTE_SLOTS = (87, 233, 361, 393)


def tiny() -> NestedConfig:
    """Size the model for slow machines and tests: under 5 million parameters."""
    return NestedConfig(vocabulary=538, slot_starts=NOTE_SLOTS, width=256, blocks=4, heads=4)


def small() -> NestedConfig:
    """Size the model for a laptop: 11 million parameters, three times as deep as ``tiny``.

    That deep, and no wider, it can be grown from a trained ``tiny``, and most of what a step costs, which is spelling
    notes out, stays as it is.
    """
    return NestedConfig(vocabulary=538, slot_starts=NOTE_SLOTS, width=256, blocks=12, heads=4)


class Nested(LanguageModel):
    """A language model with one step per note.

    Parameters
    ----------
    config
        Its settings.
    """

    Config = NestedConfig
    config: NestedConfig
    presets: ClassVar[dict[str, Callable[[], NestedConfig]]] = {"small": small, "tiny": tiny}
    recipes: ClassVar[dict[str, dict[str, str | float]]] = {"small": RECIPE, "tiny": RECIPE}

    def __init__(self, config: NestedConfig) -> None:
        super().__init__(config)
        hidden = round(config.width * config.feedforward_ratio)
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(
            Block(
                config.width,
                config.heads,
                hidden=hidden,
                activation="swiglu",
                norm="rms",
                bias=False,
                dropout=config.dropout,
                qk_norm=config.qk_norm,
                convolution=config.convolution,
            )
            for _ in range(config.blocks)
        )
        self.norm = make_norm("rms", config.width)
        self.before = nn.Parameter(torch.zeros(config.width))
        self.slot_embedding = nn.Embedding(len(config.slot_starts), config.width)
        self.spelling_embedding = nn.Embedding(config.vocabulary, config.width)
        self.speller = nn.ModuleList(SpellerLayer(config.width, hidden) for _ in range(config.head_layers))
        self.head_norm = make_norm("rms", config.width)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self.rotary_cosine: Tensor
        self.rotary_sine: Tensor
        cosine, sine = rotary_table(config.context, config.width // config.heads)
        self.register_buffer("rotary_cosine", cosine, persistent=False)
        self.register_buffer("rotary_sine", sine, persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        """Draw weights: normal 0.02, layers that write to a residual stream ÷ √(their number); the head's inputs 0.5.

        What the speller adds to is normalised, of size 1, so its embeddings are of that size, too.
        """
        for name, parameter in self.named_parameters():
            if name.startswith(("spelling_embedding", "slot_embedding")):
                nn.init.normal_(parameter, std=0.5)
            elif name.startswith("blocks") and name.endswith(("out.weight", "down.weight")):
                nn.init.normal_(parameter, std=0.02 * (2 * self.config.blocks) ** -0.5)
            elif parameter.ndim == 2 or name == "before":
                nn.init.normal_(parameter, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        """Give the logits of the next id at every position: int64 ``[B, T]`` → float32 ``[B, T, V]``.

        Raises
        ------
        ConfigError
            The sequence is longer than the context.
        """
        groups = group_ids(ids, self.config.slot_starts)
        return self.spell(self.states(self.read_notes(ids, groups)), ids, groups)

    def read_notes(self, ids: Tensor, groups: Groups) -> Tensor:
        """Sum the embeddings of each note's ids: float ``[B, N, D]``."""
        if ids.shape[1] > self.config.context:
            raise ConfigError(f"{ids.shape[1]} ids do not fit the model's context of {self.config.context}")
        embedded = self.embedding(ids)
        notes = embedded.new_zeros(ids.shape[0], groups.count, embedded.shape[-1])
        summed: Tensor = notes.scatter_add(1, groups.note.unsqueeze(-1).expand_as(embedded), embedded)
        return summed

    def states(self, notes: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Run the backbone: embedded notes ``[B, N, D]`` → normalised states after each, ``[B, N, D]``."""
        past, new = (cache.length if cache else 0), notes.shape[1]
        rotary = self.rotary_cosine[past : past + new], self.rotary_sine[past : past + new]
        x = self.dropout(notes)
        for index, block in enumerate(self.blocks):
            x = block(x, rotary, cache, index)
        if cache is not None:
            cache.advance(new)
        normalised: Tensor = self.norm(x)
        return normalised

    def spell(self, states: Tensor, ids: Tensor, groups: Groups) -> Tensor:
        """Give the logits of the next id at every position, float32 ``[B, T, V]``, from the states of all notes."""
        first = self.norm(self.before).expand(states.shape[0], 1, -1).to(states.dtype)
        known = torch.cat((first, states), dim=1)
        # After a note's last id its own state is known; inside a note only that of the note before.
        x = known.gather(1, (groups.note + groups.ends).unsqueeze(-1).expand(-1, -1, known.shape[-1]))
        return self.spell_next(x, self._so_far(ids, groups), groups.next_slot)

    def spell_next(self, states: Tensor, so_far: Tensor, next_slot: Tensor) -> Tensor:
        """Give the logits of one id.

        Parameters
        ----------
        states
            Of the notes before, ``[…, D]``.
        so_far
            Sum of ``spelling_embedding`` over the ids since, ``[…, D]``.
        next_slot
            The slot that is to come, int64 ``[…]``.
        """
        x = states + so_far + self.slot_embedding(next_slot)
        for layer in self.speller:
            x = layer(x)
        logits: Tensor = self.head(self.head_norm(x))
        return logits.float()

    def _so_far(self, ids: Tensor, groups: Groups) -> Tensor:
        """Sum the head's embeddings of the ids of the note that is being spelled: ``[B, T, D]``, 0 after its last."""
        embedded = self.spelling_embedding(ids)
        with torch.autocast(ids.device.type, enabled=False):  # differences of long sums need their digits
            sums = F.pad(embedded.float().cumsum(dim=1), (0, 0, 1, 0))
            before = sums.gather(1, groups.start.unsqueeze(-1).expand_as(embedded))
            so_far = (sums[:, 1:] - before).masked_fill(groups.ends.bool().unsqueeze(-1), 0.0)
        return so_far.to(embedded.dtype)

    def start_cache(self, batch: int, capacity: int | None = None) -> NestedCache:
        """Allocate an empty cache for so many lanes; ``capacity`` in ids, the model's context when None."""
        return NestedCache(self, batch, self.config.context if capacity is None else min(capacity, self.config.context))

    @torch.inference_mode()
    def step(self, ids: Tensor, cache: NestedCache) -> Tensor:
        """Read the next ids and give the logits that follow the last one.

        Parameters
        ----------
        ids
            int64 ``[B, T]``: a whole prompt, or one id per lane, which is fast.
        cache
            From ``start_cache``; it is advanced.

        Returns
        -------
        Tensor
            float32 ``[B, V]``.
        """
        return cache.read(self, ids)


class SpellerLayer(nn.Module):
    """A feed-forward layer, normalised before and added after: ``[…, D] → […, D]``.

    Parameters
    ----------
    width, hidden
        Sizes, outside and inside.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = make_norm("rms", width)
        self.feedforward = FeedForward(width, hidden, activation="swiglu", bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform position by position."""
        transformed: Tensor = x + self.feedforward(self.norm(x))
        return transformed
