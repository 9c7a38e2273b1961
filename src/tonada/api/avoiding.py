"""Variations that do not quote the training music: what does is made again from another seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tonada.api.originality import check_notes, find_corpus
from tonada.seeding import key

if TYPE_CHECKING:
    from tonada.api.composer import Composer, Task
    from tonada.api.hearing import Heard
    from tonada.symbolic.lanes import Continuation

ATTEMPTS = 5
"""How often a variation is made at most."""


@dataclass(frozen=True, kw_only=True)
class Avoidance:
    """What became of a variation that is not to quote.

    Attributes
    ----------
    attempt
        Which attempt was kept, from 0; `seed_of_attempt` says from which seed it was made.
    flagged
        Whether it quotes all the same; None where there was no fingerprint to compare with.
    score
        As of `tonada.api.originality.Originality`.
    sentence
        The finding, for anybody.
    """

    attempt: int
    flagged: bool | None
    score: float | None
    sentence: str

    @property
    def remark(self) -> str | None:
        """What should be known of it; None where the first attempt was kept and quotes nothing."""
        if self.flagged is None:
            return self.sentence
        if self.flagged:
            return f"of {ATTEMPTS} attempts all quote; this one the least. {self.sentence}"
        return f"made again, attempt {self.attempt + 1}: those before it quote" if self.attempt else None


def seed_of_attempt(seed: int, attempt: int) -> int:
    """Give the seed that all variations of an attempt are made from: at first the one that was asked for."""
    return seed if attempt == 0 else key(seed, "avoid-copy", attempt) % 2**32


def avoid_copies(
    composer: Composer,
    task: Task,
    *,
    stop: Callable[[], bool] | None = None,
    listen: Callable[[Heard], None] | None = None,
) -> list[Continuation]:
    """Continue a prompt in all variations; what quotes is made again, up to `ATTEMPTS` times.

    Every attempt makes all variations side by side, as the first does, and those that quoted take theirs from it: so
    each can be made again by itself. Of attempts that all quote the one with the lowest score is kept. What came of it
    is left in ``composer.avoided``.

    Parameters
    ----------
    composer, task
        Who makes them, and of what.
    stop, listen
        As for ``Composer.continuations``.

    Raises
    ------
    DataError
        The fingerprint is damaged.
    """
    corpus = find_corpus()
    kept: dict[int, Continuation] = {}
    avoided: dict[int, Avoidance] = {}
    choices = {}
    for attempt in range(ATTEMPTS):
        made = composer.continuations(task, stop=stop, listen=listen, attempt=attempt)
        interrupted = any(one.reason == "interrupted" for one in made)
        if attempt and interrupted:
            break
        for one in made:
            before = avoided.get(one.lane)
            if before is not None and not before.flagged:
                continue
            found = check_notes(one.notes, corpus, name=str(one.lane), nearest=1)
            if before is None or found.score is None or before.score is None or found.score < before.score:
                kept[one.lane] = one
                choices[one.lane] = composer.choices.get(one.lane)
                avoided[one.lane] = Avoidance(
                    attempt=attempt, flagged=found.flagged, score=found.score, sentence=found.sentence
                )
        if interrupted or not any(told.flagged for told in avoided.values()):
            break
    composer.avoided = avoided
    composer.choices = {lane: choice for lane, choice in choices.items() if choice is not None}
    return [kept[lane] for lane in sorted(kept)]
