"""Best of several: candidates of every variation, ranked by the critic; the one that it finds most real is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.loading import Classifier
from tonada.symbolic.classifiers.critic import GENERATED, REAL

if TYPE_CHECKING:
    from tonada.symbolic.lanes import Continuation
    from tonada.symbolic.notes import Notes


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How one variation was chosen.

    Attributes
    ----------
    candidate
        Its number among the candidates, from 1.
    scores
        What the critic finds of each candidate: ln of the odds that it is real.
    steps
        Ids that were drawn of the longest candidate: to make all of them again it takes so many.
    """

    candidate: int
    scores: tuple[float, ...]
    steps: int


class Critic:
    """The network that ranks.

    Parameters
    ----------
    name
        Name of a model that Tonada brings, or path of a model or run folder.
    device
        "cpu", "cuda" or "mps".

    Raises
    ------
    CheckpointError
        There is no such model, or it cannot be loaded.
    ConfigError
        It does not tell real from generated continuations.
    """

    def __init__(self, name: str | Path, device: str = "cpu") -> None:
        self._classifier = Classifier(name, device=device, classes=(REAL, GENERATED))

    @property
    def folder(self) -> Path:
        """Where it was loaded from."""
        return self._classifier.folder

    def scores(self, candidates: Sequence[Notes]) -> list[float]:
        """Give ln of the odds that each continuation is real; −∞ for one without notes."""
        odds: list[float] = self._classifier.read(candidates).log_odds(REAL).tolist()
        return [score if len(notes) else float("-inf") for score, notes in zip(odds, candidates, strict=True)]

    def choose(
        self, continuations: Sequence[Continuation], best_of: int
    ) -> tuple[list[Continuation], dict[int, Choice]]:
        """Keep one of every ``best_of`` continuations, and number what is kept from 1.

        Parameters
        ----------
        continuations
            The candidates of the first variation, then those of the second …
        best_of
            Candidates of each variation.

        Returns
        -------
        tuple
            The variations, and variation → how it was chosen; of equally good candidates the first.
        """
        kept, choices = [], {}
        for variation in range(1, len(continuations) // best_of + 1):
            candidates = continuations[(variation - 1) * best_of : variation * best_of]
            scores = self.scores([one.notes for one in candidates])
            best = scores.index(max(scores))
            kept.append(replace(candidates[best], lane=variation))
            steps = max(len(one.ids) for one in candidates)
            choices[variation] = Choice(candidate=best + 1, scores=tuple(scores), steps=steps)
        return kept, choices
