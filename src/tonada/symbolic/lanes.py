"""One variation of a continuation: its ids and notes, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tonada.errors import ConfigError
from tonada.symbolic.constraints import Follower
from tonada.symbolic.notes import Notes
from tonada.symbolic.sampling import RepeatGuard, SamplingConfig, without
from tonada.symbolic.tokenizers.base import Row, Tokenizer

Reason = Literal["end", "length", "interrupted"]

IDS_PER_SECOND, IDS_PER_NOTE = 400, 40
"""A lane without a limit in ids gets ten times what dense music needs: a model may stand still, or rest, for ever."""

_EVENT_IDS_PER_NOTE = 4
"""Of schemes whose notes are no fixed group of ids, about."""


@dataclass(frozen=True, kw_only=True)
class StopRule:
    """When a continuation ends; whatever comes first. At least one of the first three is needed."""

    max_ids: int | None = None
    """Ids that are added to the prompt."""
    max_notes: int | None = None
    """Notes that are added to the prompt."""
    max_seconds: float | None = None
    """Seconds after the prompt: notes that begin earlier are kept, and kept whole."""
    min_seconds: float = 0.0
    """Seconds after the prompt before which the model may not close the piece."""
    allow_end: bool = True
    """Whether the model may close the piece at all."""

    def __post_init__(self) -> None:
        """Check that there is a limit, and the ranges.

        Raises
        ------
        ConfigError
            Nothing would stop the continuation, or a value is out of its range.
        """
        limits = {name: getattr(self, name) for name in ("max_ids", "max_notes", "max_seconds")}
        if all(limit is None for limit in limits.values()):
            raise ConfigError(
                "StopRule needs max_ids, max_notes or max_seconds: a model may never close a piece itself"
            )
        for name, limit in limits.items():
            if limit is not None and not 0 < limit < float("inf"):
                raise ConfigError(f"StopRule.{name} must be positive and finite; got {limit}")
        if not self.min_seconds >= 0.0:
            raise ConfigError(f"StopRule.min_seconds must be at least 0; got {self.min_seconds}")

    @property
    def most_ids(self) -> float:
        """The number of ids after which a lane ends whatever it holds."""
        if self.max_ids is not None:
            return self.max_ids
        seconds, notes = self.max_seconds or float("inf"), self.max_notes or float("inf")
        return min(IDS_PER_SECOND * (seconds + 1), IDS_PER_NOTE * (notes + 10))


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened on a lane: a note was finished, or the lane ended."""

    lane: int
    """The lane's number."""
    note: Row | None = None
    """(onset_s, duration_s, pitch, velocity), in seconds of the piece, prompt included; None when the lane ended."""
    reason: Reason | None = None
    """Why the lane ended; None when a note was finished."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Continuation:
    """What one lane made."""

    lane: int
    """The lane's number."""
    ids: NDArray[np.uint16]
    """Everything that was sampled, in order, even a last note past the limit in seconds, which ``notes`` leaves out."""
    notes: Notes
    """Without the prompt's; in seconds of the piece, prompt included."""
    start_s: float
    """From where the continuation's seconds count."""
    reason: Reason
    """Why it ended: the model closed the piece, a limit was reached, or it was interrupted."""

    def alone(self) -> Notes:
        """Give the notes with time counted from the end of the prompt."""
        return self.notes.shifted(-self.start_s)

    def after(self, prompt: Notes) -> Notes:
        """Give the prompt's notes and the continuation's."""
        return Notes.concatenate(prompt, self.notes)


class Lane:
    """A variation while it is made.

    Parameters
    ----------
    number
        Which random numbers it takes.
    tokenizer
        Of the ids.
    prompt_ids
        What it continues.
    prompt
        The notes that the ids stand for, to whose exact times the continuation is attached; None to take the times as
        decoded.
    start_s
        From where seconds count; where the prompt's ids end when None.
    until
        When it ends.
    sampling
        Says what is counted to limit repetition.
    follower
        Of what is given of its notes, None where nothing is.
    """

    def __init__(
        self,
        number: int,
        tokenizer: Tokenizer,
        prompt_ids: list[int],
        *,
        prompt: Notes | None,
        start_s: float | None,
        until: StopRule,
        sampling: SamplingConfig,
        follower: Follower | None = None,
    ) -> None:
        self.number, self._follower = number, follower
        self.reason: Reason | None = None
        self.ids, self._prompt_length = list(prompt_ids), len(prompt_ids)
        self._end_id, self._until, self._most_ids = tokenizer.end_id, until, until.most_ids
        self._stream = tokenizer.stream()
        for token in prompt_ids:
            self._stream.push(token)
        self.offset_s = 0.0
        """What a time that ids decode to lacks to a time of the piece."""
        if prompt is not None and len(prompt):
            self.offset_s = float(prompt.onset_s[-1] - tokenizer.decode_notes(prompt_ids).onset_s[-1])
        self.start_s = self.time_s if start_s is None else start_s
        self._end_s = float("inf") if until.max_seconds is None else self.start_s + until.max_seconds
        self._end_from_s = self.start_s + until.min_seconds
        self._rows: list[Row] = []
        self._guard = None
        if sampling.repeat_notes:
            length = sampling.repeat_notes * (tokenizer.ids_per_note or _EVENT_IDS_PER_NOTE)
            self._guard = RepeatGuard(length, sampling.repeat_limit, prompt_ids)

    @property
    def time_s(self) -> float:
        """Where the ids have come to, in seconds of the piece: no later note begins earlier."""
        return self._stream.time_s + self.offset_s

    def permit(self, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Give what is left of the ids that a grammar allows, bool ``[V]``.

        Without what does not fit what is given, without the end before its time, and without what would repeat a
        passage too often.
        """
        if self._follower is not None:
            allowed = self._follower.permit(allowed)
        banned = self._guard.banned() if self._guard else []
        if self._end_id is not None and not (self._until.allow_end and self.time_s >= self._end_from_s):
            banned.append(self._end_id)
        return without(allowed, banned) if banned else allowed

    def push(self, token: int) -> list[Event]:
        """Take the next id; give what came of it."""
        rows = self._stream.push(token)
        self.ids.append(token)
        if self._guard:
            self._guard.push(token)
        if self._follower is not None:
            self._follower.push(token)
        events = self._keep(rows)
        if token == self._end_id:
            return events + self.finish("end")
        if self._is_full:
            return events + self.finish("length")
        return events

    def finish(self, reason: Reason) -> list[Event]:
        """End the lane, if it has not ended: notes that still sound are closed."""
        if self.reason is not None:
            return []
        self.reason = reason
        return [*self._keep(self._stream.flush()), Event(lane=self.number, reason=reason)]

    def result(self) -> Continuation:
        """Give what was made; a lane that is not over counts as interrupted."""
        self.finish("interrupted")
        return Continuation(
            lane=self.number,
            ids=np.array(self.ids[self._prompt_length :], dtype=np.uint16),
            notes=Notes.from_rows(self._rows),
            start_s=self.start_s,
            reason=self.reason or "interrupted",
        )

    @property
    def _is_full(self) -> bool:
        added, most_notes = len(self.ids) - self._prompt_length, self._until.max_notes
        return (
            added >= self._most_ids
            or (most_notes is not None and len(self._rows) >= most_notes)
            or self.time_s >= self._end_s
        )

    def _keep(self, rows: list[Row]) -> list[Event]:
        events = []
        for onset_s, duration_s, pitch, velocity in rows:
            row = (onset_s + self.offset_s, duration_s, pitch, velocity)
            if row[0] < self._end_s and len(self._rows) != self._until.max_notes:
                self._rows.append(row)
                events.append(Event(lane=self.number, note=row))
        return events
