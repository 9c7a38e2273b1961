"""Prompts: the part of a piece that is continued, where the continuation begins and ends, how the two are joined."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from tonada.symbolic.bars import BarLines
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import DOWN_FROM, fold_pedal
from tonada.symbolic.score import SUSTAIN, Score, Track
from tonada.symbolic.tempo import TempoMap

RELEASED = 0
"""Value of the pedal when it is let go."""

TRACK_NAME = "continuation"
"""Of the track that is added."""

TICKS_PER_QUARTER = 480
"""Of what is made from nothing: half a millisecond is a tick."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Prompt:
    """What is continued.

    Attributes
    ----------
    score
        The piece up to the cut, its tempo map, pedal and tracks as they were; nothing when starting from nothing.
    notes
        Its notes with the pedal folded in.
    join_s
        Where the continuation's time begins to count: at the cut, or at the last onset of a piece that is taken whole.
    rest
        What the piece goes on with after the cut, the pedal folded in.
    """

    score: Score
    notes: Notes
    join_s: float
    rest: Notes = field(default_factory=Notes.empty)

    def end_s(self, *, seconds: float | None = None, bars: int | None = None) -> float:
        """Give when a continuation of this length ends; infinity without a length.

        Parameters
        ----------
        seconds
            Counted from the join.
        bars
            Whole bars: counted from the first bar line that does not lie before the join.
        """
        if seconds is not None:
            return self.join_s + seconds
        if bars is not None:
            lines = BarLines(self.score)
            first = lines.first_from(int(self.score.tempo_map.ticks(self.join_s)))
            return float(self.score.tempo_map.seconds(lines.tick(first + bars)))
        return math.inf

    def joined(self, continuation: Notes) -> Score:
        """Give the prompt as it is with the continuation on a track of its own.

        Where the prompt ends with the pedal down it is let go at the continuation's first note, whose notes have the
        pedal in their durations.

        Parameters
        ----------
        continuation
            Notes in the seconds of the prompt.
        """
        if not len(continuation):
            return self.score
        first_tick = int(self.score.tempo_map.ticks(continuation.onset_s[0]))
        tracks = tuple(_pedal_let_go(track, first_tick) for track in self.score.tracks)
        return replace(self.score, tracks=tracks).extended(continuation, name=TRACK_NAME)

    def alone(self, continuation: Notes) -> Score:
        """Give the continuation without the prompt, from its first note on, in the prompt's last tempo and meter.

        Parameters
        ----------
        continuation
            Notes in the seconds of the prompt.
        """
        tempo, meters = self.score.tempo_map, self.score.meters
        program = next((track.program for track in self.score.tracks if not track.is_drum), 0)
        bare = replace(
            self.score,
            tracks=(),
            tempo_map=TempoMap(
                start_ticks=np.zeros(1, dtype=np.int64),
                quarter_us=tempo.quarter_us[-1:],
                ticks_per_quarter=tempo.ticks_per_quarter,
            ),
            meters=replace(
                meters,
                ticks=np.zeros_like(meters.ticks[-1:]),
                numerator=meters.numerator[-1:],
                denominator=meters.denominator[-1:],
            ),
            keys=replace(
                self.score.keys,
                ticks=np.zeros_like(self.score.keys.ticks[-1:]),
                sharps=self.score.keys.sharps[-1:],
                minor=self.score.keys.minor[-1:],
            ),
        )
        if not len(continuation):
            return bare
        at_once = continuation.shifted(-float(continuation.onset_s[0]))
        return bare.extended(at_once, program=program, name=TRACK_NAME)


def take_prompt(score: Score, *, seconds: float | None = None, bars: int | None = None) -> Prompt:
    """Cut a piece where it is to be continued.

    Parameters
    ----------
    score
        The whole piece.
    seconds
        Take so many seconds from its beginning.
    bars
        Take so many bars from its beginning. Without either the piece is taken whole.
    """
    cut_s = math.inf
    if seconds is not None:
        cut_s = seconds
    elif bars is not None:
        cut_s = float(score.tempo_map.seconds(BarLines(score).tick(bars)))
    whole = cut_s > score.end_s
    prompt = score if whole else score.cut(cut_s)
    notes = fold_pedal(prompt)
    last_onset_s = float(notes.onset_s[-1]) if len(notes) else 0.0
    return Prompt(score=prompt, notes=notes, join_s=last_onset_s if whole else cut_s)


def part_for_keeping(score: Score, *, seconds: float | None = None, bars: int | None = None) -> Prompt:
    """Cut a piece of whose rest something is to be kept: its tempo map and meters hold to the end.

    Parameters
    ----------
    score
        The whole piece.
    seconds, bars
        What of it is a prompt, and stays as it is: nothing without either, else as for ``take_prompt``.
    """
    prompt = take_prompt(score, seconds=0.0 if seconds is bars is None else seconds, bars=bars)
    if prompt.score is score:
        return prompt
    return replace(
        prompt,
        score=replace(prompt.score, tempo_map=score.tempo_map, meters=score.meters),
        rest=fold_pedal(score).between(prompt.join_s, math.inf),
    )


def nothing() -> Prompt:
    """Give the prompt that holds nothing, at 120 bpm: a continuation of it is a piece of its own."""
    return take_prompt(Score(tracks=(), tempo_map=TempoMap.from_events([], [], ticks_per_quarter=TICKS_PER_QUARTER)))


def _pedal_let_go(track: Track, tick: int) -> Track:
    """Let the pedal of a track go at a tick, or after its last movement, if it is down to the end."""
    moves = np.flatnonzero(track.control_number == SUSTAIN)
    if not len(moves) or track.control_value[moves[-1]] < DOWN_FROM:
        return track
    return replace(
        track,
        control_ticks=np.append(track.control_ticks, max(tick, int(track.control_ticks[moves[-1]]))),
        control_number=np.append(track.control_number, SUSTAIN),
        control_value=np.append(track.control_value, RELEASED),
    )
