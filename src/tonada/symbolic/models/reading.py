"""Reading ids one by one with a model that steps once per note: what is remembered, and when the backbone is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from tonada.errors import ConfigError
from tonada.nn.cache import KeyValueCache
from tonada.nn.streaming import plan_layer
from tonada.symbolic.models.decoding import BackbonePlan, gated, plan_rotation
from tonada.symbolic.models.grouping import group_ids, slot_of

if TYPE_CHECKING:
    from tonada.symbolic.models.nested import Nested, SpellerLayer

_SPARE_NOTES = 16
_NO_SLOT = 1 << 30  # nothing follows it, so the next id makes everything be read anew


class NestedCache:
    """What a nested model remembers of the ids that it has read; all lanes hold the same number of ids.

    While all lanes are at the same slot, as they are when notes are made, the backbone reads each note once. Lanes that
    get out of step (ids that are no notes) are read anew as a whole every time: right, but slow.

    Parameters
    ----------
    model
        Gives sizes, dtype and device.
    batch
        Number of lanes.
    capacity
        The most ids that it can hold.

    Attributes
    ----------
    length
        How many ids of each lane it holds.
    """

    def __init__(self, model: Nested, batch: int, capacity: int) -> None:
        config, weight = model.config, model.embedding.weight
        self._ids = torch.zeros(batch, capacity, dtype=torch.int64, device=weight.device)
        notes = min(capacity, capacity // len(config.slot_starts) + _SPARE_NOTES)
        self._notes = KeyValueCache.for_model(config, weight, batch=batch, capacity=notes)
        self._plan: NestedPlan | None = None
        self.clear()

    @property
    def capacity(self) -> int:
        """How many ids fit."""
        return self._ids.shape[1]

    @property
    def batch(self) -> int:
        """Number of lanes."""
        return self._ids.shape[0]

    def clear(self) -> None:
        """Forget all ids; memory stays."""
        self.length = 0
        self._begun = 0  # position of the first id of the note that is not whole yet
        self._last_slot = -1
        self._in_step = True
        self._state: Tensor | None = None
        self._so_far: Tensor | None = None
        self._notes.clear()

    def selected(self, lanes: Sequence[int]) -> NestedCache:
        """Copy these lanes, in this order, into a cache of their own; a lane may be named more than once."""
        chosen = list(lanes)
        copy = object.__new__(NestedCache)
        copy._ids, copy._notes = self._ids[chosen], self._notes.selected(chosen)
        copy.length, copy._begun = self.length, self._begun
        copy._last_slot, copy._in_step = self._last_slot, self._in_step
        if not self._in_step:  # the lane that was out of step may be gone: what is left is tried anew
            copy._in_step, copy._begun, copy._last_slot = True, 0, _NO_SLOT
        copy._state = None if self._state is None else self._state[chosen]
        copy._so_far = None if self._so_far is None else self._so_far[chosen]
        # A plan for one lane does not suit more.
        copy._plan = self._plan if self.batch > 1 or len(chosen) == 1 else None
        return copy

    def read(self, model: Nested, ids: Tensor) -> Tensor:
        """Take the next ids, int64 ``[B, T]``; give the logits that follow the last one, float32 ``[B, V]``.

        Raises
        ------
        ConfigError
            They do not fit.
        """
        end = self.length + ids.shape[1]
        if end > self.capacity:
            raise ConfigError(f"{end} ids do not fit the model's context of {self.capacity}")
        self._ids[:, self.length : end] = ids
        self.length = end
        if self._plan is None:
            self._plan = NestedPlan(model, self._notes)
        if self._in_step and ((ids.shape[1] == 1 and self._take(self._plan, ids[:, 0])) or self._take_all(model)):
            state = self._plan.first(self.batch) if self._state is None else self._state
            return self._plan.spell(state, self._so_far, self._last_slot + 1)
        self._in_step = False
        logits: Tensor = model(self._ids[:, :end])[:, -1]
        return logits

    def _take(self, plan: NestedPlan, column: Tensor) -> bool:
        """Take one id per lane; False where they do not go on with the note that is being read, or not all alike."""
        slots = slot_of(column, plan.slot_starts).tolist()
        slot, begins = slots[0], self._begun == self.length - 1
        goes_on = begins or slot == self._last_slot + 1 or slot < 0 > self._last_slot
        if not goes_on or any(other != slot for other in slots):
            return False
        if slot < len(plan.slot_starts) - 1:
            spelled = plan.spelling(column)
            self._so_far = spelled if self._so_far is None else self._so_far + spelled
        elif self._notes.length == self._notes.capacity:
            return False
        else:
            self._state = plan.read(self._ids[:, self._begun : self.length], self._notes)
            self._begun, self._so_far, slot = self.length, None, -1
        self._last_slot = slot
        return True

    def _take_all(self, model: Nested) -> bool:
        """Read everything anew; False where lanes are not in step, or hold too many notes that are none."""
        ids = self._ids[:, : self.length]
        groups = group_ids(ids, model.config.slot_starts)
        whole = int(groups.note[0, -1] + groups.ends[0, -1])
        if not bool((groups.note == groups.note[0]).all()) or whole > self._notes.capacity:
            return False
        for facts in (groups.next_slot, groups.ends):
            if not bool((facts == facts[0]).all()):
                return False
        self._notes.clear()
        self._state = self._so_far = None
        if whole:
            self._state = model.states(model.read_notes(ids, groups)[:, :whole], self._notes)[:, -1].float()
        ended = bool(groups.ends[0, -1])
        self._begun = self.length if ended else int(groups.start[0, -1])
        self._last_slot = -1 if ended else int(slot_of(ids[:1, -1], model.config.slot_starts))
        if not ended:
            self._so_far = model.spelling_embedding(ids[:, self._begun :]).float().sum(dim=1)
        return True


class NestedPlan:
    """A nested model on one id or one note of every lane: weights laid out for few rows, looked up once.

    Parameters
    ----------
    model
        Its weights as they are now.
    cache
        Of the notes; one like those that ``read`` will get.
    """

    def __init__(self, model: Nested, cache: KeyValueCache) -> None:
        self.slot_starts = model.config.slot_starts
        self._embedding = model.embedding.weight.detach()
        self._spelling = model.spelling_embedding.weight.detach()
        self._slots = model.slot_embedding.weight.detach().float()
        self._first = model.norm(model.before.detach()).float()
        rotation = plan_rotation(model.rotary_cosine, model.rotary_sine)
        self._backbone = BackbonePlan(model.blocks, cache, rotation, self._embedding.dtype)
        self._scale, self._eps = model.norm.weight.detach().float(), model.norm.eps
        self._speller = [
            (
                plan_layer(layer.feedforward.up, cache.batch, layer.norm),
                plan_layer(layer.feedforward.down, cache.batch),
            )
            for layer in cast("list[SpellerLayer]", list(model.speller))
        ]
        self._head = plan_layer(model.head, cache.batch, model.head_norm)

    def spelling(self, ids: Tensor) -> Tensor:
        """Embed ids ``[B]`` for the head: float32 ``[B, D]``."""
        return F.embedding(ids, self._spelling).float()

    def read(self, ids: Tensor, cache: KeyValueCache) -> Tensor:
        """Read the ids of one note, int64 ``[B, K]``: the state after it, float32 ``[B, D]``; the cache is advanced."""
        note = F.embedding(ids, self._embedding).sum(dim=1).float()
        x = self._backbone.run(note, cache)
        state: Tensor = F.rms_norm(x, x.shape[-1:], self._scale, self._eps)
        return state

    def first(self, lanes: int) -> Tensor:
        """Give the state before the first note, float32 ``[B, D]``."""
        first: Tensor = self._first.expand(lanes, -1)
        return first

    def spell(self, state: Tensor, so_far: Tensor | None, next_slot: int) -> Tensor:
        """Give the logits of the next id, float32 ``[B, V]``.

        Parameters
        ----------
        state
            After the last whole note, float32 ``[B, D]``.
        so_far
            Sum of what ``spelling`` gave for the ids since; None for none.
        next_slot
            The slot that is to come.
        """
        x = state + self._slots[next_slot]
        if so_far is not None:
            x += so_far
        for up, down in self._speller:
            x += down(gated(up(x)))
        return self._head(x).float()
