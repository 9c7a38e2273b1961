"""Which ids make up a note: the groups that a model with one step per note reads.

Ids of a slot follow in the slots' order; an id that does not begins a new group, so that any ids have groups, and what
group an id is in depends on nothing after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """The groups of ids ``[B, T]``.

    Attributes
    ----------
    note
        int64 ``[B, T]``: running number of each id's group.
    start
        int64 ``[B, T]``: position of the first id of each id's group.
    ends
        int64 ``[B, T]``: 1 where an id is the last of a whole note.
    next_slot
        int64 ``[B, T]``: the slot that is to follow.
    count
        N, the most groups of a row.
    """

    note: Tensor
    start: Tensor
    ends: Tensor
    next_slot: Tensor
    count: int


def slot_of(ids: Tensor, slot_starts: Sequence[int]) -> Tensor:
    """Give the slot of each id, −1 for those in none; int64, in the shape of the ids."""
    return torch.bucketize(ids.contiguous(), torch.tensor(slot_starts, device=ids.device), right=True) - 1


def group_ids(ids: Tensor, slot_starts: Sequence[int]) -> Groups:
    """Find the groups.

    Parameters
    ----------
    ids
        int64 ``[B, T]``.
    slot_starts
        The first id of each slot, rising.
    """
    slot, last = slot_of(ids, slot_starts), len(slot_starts) - 1
    ends = slot == last
    expected = torch.where(ends, 0, slot + 1)
    # After an id in no slot comes another such id or the first slot, in the same group; after a slot the next one.
    follows = (slot[:, 1:] == expected[:, :-1]) | ((slot[:, 1:] < 0) & (slot[:, :-1] < 0))
    begins = torch.ones_like(ends)
    begins[:, 1:] = ends[:, :-1] | ~follows
    note = begins.long().cumsum(dim=1) - 1
    positions = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    start = torch.where(begins, positions, 0).cummax(dim=1).values
    return Groups(note=note, start=start, ends=ends.long(), next_slot=expected, count=int(note.max()) + 1)
