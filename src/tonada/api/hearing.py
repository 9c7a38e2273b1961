"""How far the variations of a prompt are, while they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tonada.symbolic.lanes import Event


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What has been made of a prompt's variations so far.

    Attributes
    ----------
    share
        Of the work that is done, 0–1.
    notes
        Variation → its notes; where it has candidates, those of the longest.
    seconds
        Length of the longest.
    """

    share: float
    notes: Mapping[int, int]
    seconds: float


class Hearing:
    """Follows the lanes of a generation.

    Parameters
    ----------
    variations, best_of
        How many variations there are, and candidates of each; a variation's lanes follow each other.
    join_s
        From where the seconds count.
    length_s
        How long a variation is to be, in seconds; None where that does not say when it is done.
    aimed
        How many notes it is to have, where ``length_s`` is None; None where that is not known, either.
    """

    def __init__(
        self, variations: int, best_of: int, *, join_s: float, length_s: float | None, aimed: int | None
    ) -> None:
        self.lanes = range(1, variations * best_of + 1)
        self._best_of, self._join_s, self._length_s, self._aimed = best_of, join_s, length_s, aimed
        self._shares, self._notes, self._longest_s = dict.fromkeys(self.lanes, 0.0), dict.fromkeys(self.lanes, 0), 0.0

    def add(self, event: Event) -> Heard:
        """Take the next event of any lane, and say how far all are."""
        if event.note is None:
            self._shares[event.lane] = 1.0
        else:
            self._notes[event.lane] += 1
            seconds = event.note[0] - self._join_s
            self._longest_s = max(self._longest_s, seconds)
            if self._length_s is not None:
                self._shares[event.lane] = min(1.0, max(0.0, seconds / self._length_s))
            elif self._aimed is not None:
                self._shares[event.lane] = self._notes[event.lane] / self._aimed
        notes: dict[int, int] = {}
        for lane, count in self._notes.items():
            variation = 1 + (lane - 1) // self._best_of
            notes[variation] = max(count, notes.get(variation, 0))
        return Heard(share=sum(self._shares.values()) / len(self._shares), notes=notes, seconds=self._longest_s)
