"""Reading ids one by one with a model that steps once per note: what is remembered, and when the backbone is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tonada.errors import ConfigError
from tonada.nn.attention import KeyValueCache
from tonada.symbolic.models.grouping import group_ids, slot_of

if TYPE_CHECKING:
    from tonada.symbolic.models.nested import Nested

_SPARE_NOTES = 16


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
        self._notes = KeyValueCache(
            blocks=config.blocks,
            batch=batch,
            heads=config.heads,
            capacity=min(capacity, capacity // len(config.slot_starts) + _SPARE_NOTES),
            head_width=config.width // config.heads,
            # A CPU attends from one query to bfloat16 keys eight times more slowly than to float32 ones.
            dtype=torch.float32 if weight.device.type == "cpu" else weight.dtype,
            device=weight.device,
        )
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
        self._notes.clear()

    def selected(self, lanes: Sequence[int]) -> NestedCache:
        """Copy these lanes, in this order, into a cache of their own; a lane may be named more than once."""
        chosen = list(lanes)
        copy = object.__new__(NestedCache)
        copy._ids, copy._notes = self._ids[chosen], self._notes.selected(chosen)
        copy.length, copy._begun = self.length, self._begun
        copy._last_slot, copy._in_step = self._last_slot, self._in_step
        copy._state = None if self._state is None else self._state[chosen]
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
        if ids.shape[1] == 1 and self._in_step and self._take(model, ids[:, 0]):
            return self._logits(model)
        if self._in_step and self._take_all(model):
            return self._logits(model)
        self._in_step = False
        return model(self._ids[:, :end])[:, -1]  # type: ignore[no-any-return]

    def _take(self, model: Nested, column: Tensor) -> bool:
        """Take one id per lane; False where they do not go on with the note that is being read, or not all alike."""
        slots = slot_of(column, model.config.slot_starts).tolist()
        slot, begins = slots[0], self._begun == self.length - 1
        goes_on = begins or slot == self._last_slot + 1 or slot < 0 > self._last_slot
        if not goes_on or any(other != slot for other in slots):
            return False
        if slot == len(model.config.slot_starts) - 1:
            if self._notes.length == self._notes.capacity:
                return False
            note = model.embedding(self._ids[:, self._begun : self.length]).sum(dim=1, keepdim=True)
            self._state = model.states(note, self._notes)[:, -1]
            self._begun, slot = self.length, -1
        self._last_slot = slot
        return True

    def _take_all(self, model: Nested) -> bool:
        """Read everything anew; False where lanes are not in step, or hold too many notes that are none."""
        ids = self._ids[:, : self.length]
        groups = group_ids(ids, model.config.slot_starts)
        whole = int(groups.note[0, -1] + groups.ends[0, -1])
        if not bool((groups.note == groups.note[0]).all()) or whole > self._notes.capacity:
            return False
        # Lanes in step have the same slots, too: where they differ, one begins a group or ends it and the other not.
        if not bool((groups.next_slot == groups.next_slot[0]).all()):
            return False
        self._notes.clear()
        self._state = None
        if whole:
            self._state = model.states(model.read_notes(ids, groups)[:, :whole], self._notes)[:, -1]
        ended = bool(groups.ends[0, -1])
        self._begun = self.length if ended else int(groups.start[0, -1])
        self._last_slot = -1 if ended else int(slot_of(ids[:1, -1], model.config.slot_starts))
        return True

    def _logits(self, model: Nested) -> Tensor:
        state = self._state if self._state is not None else model.norm(model.before).expand(self.batch, -1)
        so_far = model.spelled(self._ids[:, self._begun : self.length]).sum(dim=1)
        next_slot = torch.tensor(self._last_slot + 1, device=self._ids.device)
        return model.spell_next(state, so_far, next_slot)
