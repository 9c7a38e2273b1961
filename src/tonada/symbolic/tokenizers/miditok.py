"""What the tokenizers that come through miditok share: one adapter to the contract of tokenizers.

A performance has no beats, so these schemes are given a tempo of 120 bpm throughout and bars of four beats: a beat is
half a second, a bar two. What goes to miditok is what goes to every tokenizer here, notes with the pedal folded into
them. Onsets, durations and velocities are first moved to values that the scheme has ids for, so that miditok loses
nothing and rounds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tonada.errors import ConfigError
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.base import REFERENCE_MS, Ids, Tokenizer
from tonada.symbolic.tokenizers.bins import steps_to_repeat
from tonada.symbolic.tokenizers.grammar import TableGrammar
from tonada.symbolic.tokenizers.kinds import START, Follows, Kind, KindStream, rules
from tonada.symbolic.tokenizers.merges import Merges, learn_pairs
from tonada.symbolic.tokenizers.peer import (
    BEATS_PER_BAR,
    BEATS_PER_S,
    LONGEST_S,
    TICKS_PER_QUARTER,
    MidiTokConfig,
    Peer,
)


class MidiTokTokenizer(Tokenizer):
    """What the schemes share.

    Notes are sorted by (onset step, pitch); of several of a pitch on one step the last is kept. A duration is the
    nearest that has an id, and no longer than the time to the next onset of its pitch. Decoding takes a pitch, a
    velocity and a duration that follow each other for a note, time never goes back whatever the ids say, and what is no
    whole note is left out. Of what miditok wrote that is miditok's own reading.

    The widths by which losses are corrected: a duration and a velocity have that of their bins, and the grid of onsets
    counts once for each note, with its pitch (in Octuple with its position); ids that let time pass have none, since
    notes share them. A learned id has the product of the widths of what it stands for.

    Parameters
    ----------
    config
        Settings; the defaults when None.

    Raises
    ------
    MissingDependencyError
        miditok is not installed.
    ConfigError
        There would be more ids than 16 bits hold, the merges cannot be, or the scheme cannot have any.
    """

    Config = MidiTokConfig
    config: MidiTokConfig
    ticks_per_quarter = TICKS_PER_QUARTER
    begin_id: int
    end_id: int

    scheme: ClassVar[str]
    """The class in miditok."""
    group: ClassVar[tuple[Kind, ...]] = (Kind.PITCH, Kind.VELOCITY, Kind.DURATION)
    """The kinds of ids that make a note, in order."""
    follows: ClassVar[Follows]
    opening: ClassVar[tuple[Kind, ...]] = (Kind.BAR,)
    """The kinds of ids at which a window may start."""

    def __init__(self, config: MidiTokConfig | None = None) -> None:
        super().__init__(config)
        config = self.config
        fixed = Kind.POSITION in self.group
        if fixed and (config.vocabulary or config.merges):
            raise ConfigError(f"{self.name} has no byte-pair encoding: MidiTokConfig.vocabulary must be 0")
        self._peer = Peer(self.scheme, self.group, config)
        self._kind, self._value = self._peer.kind, self._peer.value
        self._merges = Merges(len(self._kind), config.merges)
        self._rate = BEATS_PER_S * config.steps_per_beat[0]
        self._bar_steps = BEATS_PER_BAR * config.steps_per_beat[0]
        last_bar = config.bars if fixed else LONGEST_S * BEATS_PER_S // BEATS_PER_BAR
        self._farthest = last_bar * self._bar_steps - 1

        self.vocabulary_size = len(self._merges)
        self.pad_id, self.begin_id, self.end_id = (
            int(np.flatnonzero(self._kind == kind)[0]) for kind in (Kind.PAD, Kind.BEGIN, Kind.END)
        )
        self.slots = tuple(kind.name.lower() for kind in self.group) if fixed else ()
        self.ids_per_note = len(self.slots) or None
        self.slot_of = np.full(self.vocabulary_size, len(self.slots), dtype=np.uint8)
        for slot in range(len(self.slots)):
            self.slot_of[: len(self._kind)][self._kind == self.group[slot]] = slot
        self._durations = np.sort(self._value[self._kind == Kind.DURATION])
        self._velocities = np.sort(self._value[self._kind == Kind.VELOCITY])
        self.bin_width = self._widths(Kind.POSITION if fixed else Kind.PITCH)

    def encode_notes(self, notes: Notes, *, begin: bool = True, end: bool = True) -> Ids:
        """Turn notes into ids.

        Parameters
        ----------
        notes
            Any notes; what begins before 0 s is moved there.
        begin, end
            Whether the piece is opened and closed.

        Returns
        -------
        ndarray
            uint16 [T].
        """
        step = self._steps(notes.onset_s)
        key = step * 128 + notes.pitch
        order = np.argsort(key, kind="stable")
        order = order[np.append(np.diff(key[order]) != 0, True)[: len(order)]]
        step, pitch = step[order], notes.pitch[order]
        room = np.searchsorted(self._durations, steps_to_repeat(step, pitch), side="right") - 1
        duration = np.minimum(_nearest(self._durations, self._steps(notes.duration_s[order])), room)
        body = self._peer.write(
            step=step,
            duration=self._durations[duration],
            pitch=pitch,
            velocity=self._velocities[_nearest(self._velocities, notes.velocity[order])],
        )
        opened, closed = [self.begin_id] * begin, [self.end_id] * end
        return np.concatenate((opened, self._merges.apply(body, self._cuts(body)), closed)).astype(np.uint16)

    def decode_notes(self, ids: ArrayLike) -> Notes:
        """Turn any ids into notes."""
        base = self._expanded(ids)
        first = self._whole(base)
        pitch, velocity, duration = (self._value[base[first + len(self.group) - back]] for back in (3, 2, 1))
        return Notes(
            onset_s=self._onsets(base, first) / self._rate,
            duration_s=duration / self._rate,
            pitch=pitch,
            velocity=velocity,
        )

    def edit_notes(self, ids: ArrayLike, change: Callable[[Notes], Notes]) -> Ids:
        """Change the notes of a window of a piece; see ``Tokenizer.edit_notes``.

        In REMI times count from the bar in which the window starts, in Octuple from the start of the piece.
        """
        given = np.asarray(ids, dtype=np.uint16)
        return self.encode_notes(
            change(self.decode_notes(given)),
            begin=bool((given[:1] == self.begin_id).any()),
            end=bool((given[-1:] == self.end_id).any()),
        )

    def prompt_ids(self, notes: Notes) -> Ids:
        """Turn notes into the ids that a continuation follows: opened, not closed."""
        return self.encode_notes(notes, end=False)

    def count_notes(self, ids: ArrayLike) -> int:
        """Count the notes that ``decode_notes`` would give."""
        return len(self._whole(self._expanded(ids)))

    def window_starts(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Give 0 and the positions, rising, where after a note a bar begins; in TSD, where the next note does."""
        given = np.asarray(ids).astype(np.int64)
        starts = np.isin(self._kind[self._merges.first[given]], self.opening)
        starts[1:] &= self._kind[self._merges.last[given[:-1]]] == Kind.DURATION
        starts[:1] = True
        return np.flatnonzero(starts)

    def grammar(self, batch: int) -> TableGrammar:
        """Give the rules: which kind of id may follow which. They let time be told to go back, which then stands."""
        masks, next_state = self._rules
        return TableGrammar(batch, masks=masks, next_state=next_state, start=START)

    def stream(self, *, start_s: float = 0.0) -> KindStream:
        """Give a decoder for ids that come one by one: a note is finished by its duration."""
        return KindStream(
            self._kind,
            self._value,
            self._merges,
            group=self.group,
            bar_steps=self._bar_steps,
            rate=self._rate,
            start_s=start_s,
            farthest=self._farthest,
        )

    def learned(self, pieces: Iterable[Ids]) -> MidiTokTokenizer:
        """Learn ids for what stands together often, if the settings ask for it and do not hold it yet.

        Parameters
        ----------
        pieces
            The training pieces, in ids of this tokenizer.

        Raises
        ------
        ConfigError
            The vocabulary is not larger than what there is without learning.
        """
        size = self.config.vocabulary
        if not size or self.config.merges:
            return self
        if size <= self.vocabulary_size:
            raise ConfigError(
                f"MidiTokConfig.vocabulary must be 0 or more than the {self.vocabulary_size} ids that {self.name} has "
                f"without learning; got {size}. Try {self.vocabulary_size + 1024}"
            )
        bodies = (self._expanded(ids) for ids in pieces)
        pairs = learn_pairs(((body, self._cuts(body)) for body in bodies), base=self.vocabulary_size, size=size)
        return type(self)(replace(self.config, merges=tuple(pairs)))

    def respell(self, ids: Ids) -> Ids:
        """Give the ids of a piece that this tokenizer wrote before it had learned."""
        base = np.asarray(ids).astype(np.int64)
        first = int((base[:1] == self.begin_id).any())
        stop = len(base) - int((base[-1:] == self.end_id).any())
        body = self._merges.apply(base[first:stop], self._cuts(base[first:stop]))
        return np.concatenate((base[:first], body, base[stop:])).astype(np.uint16)

    def _steps(self, times_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """Round times to the grid, halves up."""
        steps = np.floor(np.clip(times_s, 0.0, self.farthest_s) * self._rate + 0.5).astype(np.int64)
        return np.minimum(steps, self._farthest)

    def _cuts(self, body: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the positions that no learned id reaches across: bars, as miditok has it unless told otherwise."""
        return np.flatnonzero(self._kind[body] == Kind.BAR)

    def _expanded(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Give what ids stand for, without special ids; int64."""
        base = self._merges.expand(self.known_ids(ids))
        return base[self._kind[base] < Kind.BEGIN]

    def _whole(self, base: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find where whole notes begin; int64 [N]."""
        count = max(0, len(base) - len(self.group) + 1)
        kind = self._kind[base]
        whole = np.ones(count, dtype=np.bool_)
        for place, wanted in enumerate(self.group):
            whole &= kind[place : place + count] == wanted
        return np.flatnonzero(whole)

    def _onsets(self, base: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the steps at which the notes from these positions on begin; int64 [N]."""
        kind, value = self._kind[base], self._value[base]
        if self.slots:
            told, at = value[first] * self._bar_steps + value[first + 1], np.arange(len(first))
        elif Kind.SHIFT in self.opening:
            told, at = np.cumsum(np.where(kind == Kind.SHIFT, value, 0)), first
        else:
            bar = np.maximum(np.cumsum(kind == Kind.BAR) - 1, 0) * self._bar_steps
            told, at = np.where(kind <= Kind.POSITION, bar + value, 0), first
        return np.minimum(np.maximum.accumulate(told)[at], self._farthest)

    def _widths(self, onset: Kind) -> NDArray[np.float64]:
        step = 1000 / self._rate / REFERENCE_MS
        base = np.ones(len(self._kind))
        base[self._kind == onset] = step
        for kind, values, unit, first, last in (
            (Kind.DURATION, self._durations, step, 1, None),
            (Kind.VELOCITY, self._velocities, 1.0, 1, 127),
        ):
            here = self._kind == kind
            base[here] = _sizes(values, first, last)[np.searchsorted(values, self._value[here])] * unit
        return np.array([base[list(expansion)].prod() for expansion in self._merges.expansions])

    @cached_property
    def _rules(self) -> tuple[NDArray[np.bool_], NDArray[np.int16]]:
        return rules(self.follows, self._kind, self._merges)


def _nearest(values: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the place of the value nearest to each of these, the larger of two; ``values`` rise."""
    return np.searchsorted((values[1:] + values[:-1] + 1) // 2, wanted, side="right")


def _sizes(values: NDArray[np.int64], first: int, last: int | None) -> NDArray[np.float64]:
    """Count the whole numbers from ``first`` to ``last`` whose nearest value each is.

    Without a last one, the last value has as many as if there was one more, as far away as the one before.
    """
    edges = (values[1:] + values[:-1] + 1) // 2
    end = edges[-1] + values[-1] - values[-2] if last is None else last + 1
    return np.diff(edges, prepend=first, append=end).astype(np.float64)
