"""A piece of music as MIDI files hold it: tracks in ticks, a tempo map, meters and keys."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from tonada.errors import ConfigError
from tonada.symbolic.notes import Floats, Ints, Notes, check_columns, check_range, column_differences, int_column
from tonada.symbolic.signatures import Keys, Meters
from tonada.symbolic.tempo import LARGEST_QUARTER_US, MOST_TICKS, TempoMap

SUSTAIN = 64
"""The control number of the sustain pedal; values from 64 up are down."""

DRUM_CHANNEL = 9
"""The index of channel 10, whose pitches are drums."""

_NOTE_COLUMNS: Final = ("onset_ticks", "duration_ticks", "pitch", "velocity")
_CONTROL_COLUMNS: Final = ("control_ticks", "control_number", "control_value")
_BEND_COLUMNS: Final = ("bend_ticks", "bend_value")
_RANGES: Final = {
    "onset_ticks": (0, MOST_TICKS),
    "duration_ticks": (0, MOST_TICKS),
    "pitch": (0, 127),
    "velocity": (1, 127),
    "control_ticks": (0, MOST_TICKS),
    "control_number": (0, 127),
    "control_value": (0, 127),
    "bend_ticks": (0, MOST_TICKS),
    "bend_value": (-8192, 8191),
}


def _none() -> Ints:
    return int_column([])


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """The notes and controllers that one instrument plays.

    Parameters
    ----------
    name
        What the file calls it; may be empty.
    program
        General MIDI instrument, 0–127; 0 is the grand piano.
    is_drum
        Whether pitches are drums.
    channel
        The channel that it came on, 0–15, and is written to if that is free; None for any. `DRUM_CHANNEL` is for drums
        alone. Where a track goes is no part of what `Score.equals` compares.
    onset_ticks, duration_ticks, pitch, velocity
        The notes; int64 [N]: ≥ 0, ≥ 0, 0–127, 1–127, sorted by (onset, pitch). Overlapping notes of one pitch are kept.
    control_ticks, control_number, control_value
        Every control change; int64 [M]: ≥ 0, 0–127, 0–127, in time order, file order where times tie.
    bend_ticks, bend_value
        The pitch wheel; int64 [P]: ≥ 0, −8192–8191, in time order.

    Raises
    ------
    ValueError
        Columns differ in length or a value is out of range.
    """

    name: str = ""
    program: int = 0
    is_drum: bool = False
    channel: int | None = field(default=None, compare=False)
    onset_ticks: Ints = field(default_factory=_none)
    duration_ticks: Ints = field(default_factory=_none)
    pitch: Ints = field(default_factory=_none)
    velocity: Ints = field(default_factory=_none)
    control_ticks: Ints = field(default_factory=_none)
    control_number: Ints = field(default_factory=_none)
    control_value: Ints = field(default_factory=_none)
    bend_ticks: Ints = field(default_factory=_none)
    bend_value: Ints = field(default_factory=_none)

    def __post_init__(self) -> None:
        """Check the columns, sort them and make them read-only."""
        for names in (_NOTE_COLUMNS, _CONTROL_COLUMNS, _BEND_COLUMNS):
            columns = {name: int_column(getattr(self, name)) for name in names}
            check_columns("Track", **columns)
            for name, column in columns.items():
                check_range(name, column, *_RANGES[name])
            ties = (columns["pitch"],) if "pitch" in columns else ()
            order = np.lexsort((*ties, columns[names[0]]))
            for name, column in columns.items():
                object.__setattr__(self, name, int_column(column[order]))
        if not 0 <= self.program <= 127:
            raise ValueError(f"program must lie in 0 to 127; got {self.program}")
        if self.channel is not None and not (
            0 <= self.channel <= 15 and (self.channel == DRUM_CHANNEL) == self.is_drum
        ):
            raise ValueError(f"channel must lie in 0 to 15, with {DRUM_CHANNEL} for drums alone; got {self.channel}")

    @property
    def end_ticks(self) -> int:
        """When the last note, control change or bend of the track is over; 0 without any."""
        ends = (self.onset_ticks + self.duration_ticks, self.control_ticks, self.bend_ticks)
        return max((int(column.max()) for column in ends if len(column)), default=0)

    def head(self, notes: int, controls: int, bends: int) -> Track:
        """Give the track with the first of its notes and controllers.

        Parameters
        ----------
        notes, controls, bends
            How many of each.
        """
        counts = ((_NOTE_COLUMNS, notes), (_CONTROL_COLUMNS, controls), (_BEND_COLUMNS, bends))
        return replace(self, **{name: getattr(self, name)[:count] for names, count in counts for name in names})


@dataclass(frozen=True, kw_only=True, eq=False)
class Score:
    """A piece: its tracks, and the time that they share.

    Parameters
    ----------
    tracks
        The tracks, in file order.
    tempo_map
        From ticks to seconds.
    meters, keys
        Time and key signatures; may be empty.
    """

    tracks: tuple[Track, ...]
    tempo_map: TempoMap
    meters: Meters = field(default_factory=Meters)
    keys: Keys = field(default_factory=Keys)

    @property
    def ticks_per_quarter(self) -> int:
        """Ticks in a quarter note."""
        return self.tempo_map.ticks_per_quarter

    @property
    def end_ticks(self) -> int:
        """When the last note, control change or bend is over."""
        return max((track.end_ticks for track in self.tracks), default=0)

    @property
    def end_s(self) -> float:
        """When the last note, control change or bend is over, in seconds."""
        return float(self.tempo_map.seconds(self.end_ticks))

    def count_notes(self, *, drums: bool = False) -> int:
        """Count the notes of all tracks, those of drum tracks only if asked."""
        return sum(len(track.onset_ticks) for track in self.tracks if drums or not track.is_drum)

    @property
    def why_silent(self) -> str | None:
        """Why there is nothing to learn from or continue, the reason of a `DataError`; None where there are notes."""
        if self.count_notes():
            return None
        return "only drums: no notes with a pitch" if self.count_notes(drums=True) else "no notes"

    def notes(self, *, drums: bool = False) -> Notes:
        """Give the notes of all tracks merged, as they were played: the pedal is not folded in.

        Parameters
        ----------
        drums
            Whether drum tracks take part.
        """
        tracks = [track for track in self.tracks if drums or not track.is_drum]
        if not tracks:
            return Notes.empty()
        onset_ticks = np.concatenate([track.onset_ticks for track in tracks])
        duration_ticks = np.concatenate([track.duration_ticks for track in tracks])
        onset_s = self.tempo_map.seconds(onset_ticks)
        return Notes(
            onset_s=onset_s,
            duration_s=self.tempo_map.seconds(onset_ticks + duration_ticks) - onset_s,
            pitch=np.concatenate([track.pitch for track in tracks]),
            velocity=np.concatenate([track.velocity for track in tracks]),
        )

    def pedal(self) -> tuple[Floats, Ints]:
        """Give the sustain pedal of all tracks but drums, merged in time order.

        Returns
        -------
        seconds
            When it moves; float64 [P].
        value
            Where to; int64 [P], 0–127, down from 64.
        """
        tracks = [track for track in self.tracks if not track.is_drum]
        sustain = np.concatenate([_none(), *(track.control_number for track in tracks)]) == SUSTAIN
        ticks = np.concatenate([_none(), *(track.control_ticks for track in tracks)])[sustain]
        value = np.concatenate([_none(), *(track.control_value for track in tracks)])[sustain]
        order = np.argsort(ticks, kind="stable")
        return self.tempo_map.seconds(ticks[order]), value[order]

    @classmethod
    def from_notes(
        cls, notes: Notes, *, program: int = 0, bpm: float = 120.0, ticks_per_quarter: int = 480, name: str = ""
    ) -> Score:
        """Build a piece of one track from notes in seconds.

        Onsets and ends move to the nearest tick: by half a tick at most, 0.5 ms with the defaults. A note that sounds
        keeps one tick at least.

        Parameters
        ----------
        notes
            In seconds, none before 0.
        program
            General MIDI instrument, 0–127.
        bpm
            Quarter notes per minute; it decides where bars and beats are drawn, not when notes sound.
        ticks_per_quarter
            Ticks in a quarter note.
        name
            The name of the track.

        Raises
        ------
        ConfigError
            The tempo is not one that a MIDI file can hold (3.576 bpm and up).
        ValueError
            A note begins before 0.
        """
        if not 60e6 / LARGEST_QUARTER_US <= bpm <= 60e6:
            raise ConfigError(f"bpm must lie in 3.6 to 60000000; got {bpm}. Try 120")
        tempo_map = TempoMap.from_events([0], [round(60e6 / bpm)], ticks_per_quarter=ticks_per_quarter)
        return cls(tracks=(), tempo_map=tempo_map).extended(notes, program=program, name=name)

    def extended(self, notes: Notes, *, program: int | None = None, name: str = "") -> Score:
        """Add notes as a further track, through this piece's own tempo map; all else stays as it is.

        Parameters
        ----------
        notes
            What to add, in the seconds of this piece: a continuation begins where the prompt ended.
        program
            The instrument; when None that of the first track that is not drums, else the grand piano.
        name
            The name of the new track.

        Raises
        ------
        ValueError
            A note begins before 0.
        """
        if program is None:
            program = next((track.program for track in self.tracks if not track.is_drum), 0)
        onset_ticks = self.tempo_map.ticks(notes.onset_s)
        end_ticks = self.tempo_map.ticks(notes.onset_s + notes.duration_s)
        track = Track(
            name=name,
            program=program,
            onset_ticks=onset_ticks,
            duration_ticks=np.maximum(end_ticks - onset_ticks, notes.duration_s > 0),
            pitch=notes.pitch,
            velocity=notes.velocity,
        )
        return replace(self, tracks=(*self.tracks, track))

    def cut(self, end_s: float) -> Score:
        """Give what begins before ``end_s``; notes that sound then stay whole."""

        def count(ticks: Ints) -> int:
            return int(np.searchsorted(self.tempo_map.seconds(ticks), end_s, side="left"))

        return Score(
            tracks=tuple(
                track.head(count(track.onset_ticks), count(track.control_ticks), count(track.bend_ticks))
                for track in self.tracks
            ),
            tempo_map=self.tempo_map.head(count(self.tempo_map.start_ticks)),
            meters=self.meters.head(count(self.meters.ticks)),
            keys=self.keys.head(count(self.keys.ticks)),
        )

    def equals(self, other: Score) -> bool:
        """Tell whether both are the same piece, to the last tick and name."""
        return not self.differences(other)

    def differences(self, other: Score) -> list[str]:
        """Say what differs, a line each; nothing where both are the same piece."""
        found = [
            *column_differences("tempo map", self.tempo_map, other.tempo_map),
            *column_differences("meters", self.meters, other.meters),
            *column_differences("keys", self.keys, other.keys),
        ]
        if len(self.tracks) != len(other.tracks):
            found.append(f"tracks: {len(self.tracks)} and {len(other.tracks)}")
        for number, (mine, theirs) in enumerate(zip(self.tracks, other.tracks, strict=False), start=1):
            found += column_differences(f"track {number}", mine, theirs)
        return found
