"""A piece of music as MIDI files hold it: tracks in ticks, a tempo map, meters and keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace

import numpy as np

from tonada.errors import ConfigError
from tonada.symbolic.notes import Floats, Ints, Notes, check_columns, check_range, int_column
from tonada.symbolic.tempo import LARGEST_QUARTER_US, TempoMap

SUSTAIN = 64
"""The control number of the sustain pedal; values from 64 up are down."""


def _none() -> Ints:
    return int_column([])


def _columns(owner: Track | Meters | Keys) -> Iterator[tuple[str, Ints]]:
    for entry in fields(owner):
        value = getattr(owner, entry.name)
        if isinstance(value, np.ndarray):
            yield entry.name, value


def _freeze(owner: Track | Meters | Keys) -> None:
    for entry in fields(owner):
        if entry.type == "Ints":
            object.__setattr__(owner, entry.name, int_column(getattr(owner, entry.name)))


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
        Whether it is on the percussion channel (10, index 9), where pitches are drums.
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
        _freeze(self)
        groups = (
            ("onset_ticks", "duration_ticks", "pitch", "velocity"),
            ("control_ticks", "control_number", "control_value"),
            ("bend_ticks", "bend_value"),
        )
        for names in groups:
            columns = {name: getattr(self, name) for name in names}
            check_columns("Track", **columns)
            ticks = columns[names[0]]
            ties = (columns["pitch"],) if "pitch" in columns else ()
            order = np.lexsort((*ties, ticks))
            for name, column in columns.items():
                object.__setattr__(self, name, int_column(column[order]))
        longest = np.iinfo(np.int32).max
        for name, low, high in (
            ("onset_ticks", 0, longest),
            ("duration_ticks", 0, longest),
            ("pitch", 0, 127),
            ("velocity", 1, 127),
            ("control_ticks", 0, longest),
            ("control_number", 0, 127),
            ("control_value", 0, 127),
            ("bend_ticks", 0, longest),
            ("bend_value", -8192, 8191),
        ):
            check_range(name, getattr(self, name), low, high)
        if not 0 <= self.program <= 127:
            raise ValueError(f"program must lie in 0 to 127; got {self.program}")

    @property
    def end_ticks(self) -> int:
        """When the last note, control change or bend of the track is over; 0 without any."""
        ends = (self.onset_ticks + self.duration_ticks, self.control_ticks, self.bend_ticks)
        return max((int(column.max()) for column in ends if len(column)), default=0)

    def before(self, end_ticks: int) -> Track:
        """Give the track with what begins before ``end_ticks``; notes that sound then stay whole."""
        notes, controls, bends = (
            int(np.searchsorted(ticks, end_ticks, side="left"))
            for ticks in (self.onset_ticks, self.control_ticks, self.bend_ticks)
        )
        return replace(
            self,
            onset_ticks=self.onset_ticks[:notes],
            duration_ticks=self.duration_ticks[:notes],
            pitch=self.pitch[:notes],
            velocity=self.velocity[:notes],
            control_ticks=self.control_ticks[:controls],
            control_number=self.control_number[:controls],
            control_value=self.control_value[:controls],
            bend_ticks=self.bend_ticks[:bends],
            bend_value=self.bend_value[:bends],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Meters:
    """Time signatures: ``ticks`` in time order, ``numerator``, ``denominator`` (2 for half, 4 for quarter …); int64 [K]."""

    ticks: Ints = field(default_factory=_none)
    numerator: Ints = field(default_factory=_none)
    denominator: Ints = field(default_factory=_none)

    def __post_init__(self) -> None:
        """Check the columns and make them read-only."""
        _freeze(self)
        check_columns("Meters", **dict(_columns(self)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Keys:
    """Key signatures: ``ticks`` in time order, ``sharps`` (−7–7, negative for flats), ``minor`` (0 or 1); int64 [K]."""

    ticks: Ints = field(default_factory=_none)
    sharps: Ints = field(default_factory=_none)
    minor: Ints = field(default_factory=_none)

    def __post_init__(self) -> None:
        """Check the columns and make them read-only."""
        _freeze(self)
        check_columns("Keys", **dict(_columns(self)))


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
        """Count the notes of all tracks, those of drum tracks only if asked: 0 means that there is nothing to learn or play."""
        return sum(len(track.onset_ticks) for track in self.tracks if drums or not track.is_drum)

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
        masks = [track.control_number == SUSTAIN for track in tracks]
        ticks = np.concatenate([_none(), *(track.control_ticks[mask] for track, mask in zip(tracks, masks, strict=True))])
        value = np.concatenate([_none(), *(track.control_value[mask] for track, mask in zip(tracks, masks, strict=True))])
        order = np.argsort(ticks, kind="stable")
        return self.tempo_map.seconds(ticks[order]), value[order]

    @classmethod
    def from_notes(
        cls, notes: Notes, *, program: int = 0, bpm: float = 120.0, ticks_per_quarter: int = 480, name: str = ""
    ) -> Score:
        """Build a piece of one track from notes in seconds.

        Onsets and ends move to the nearest tick: by half a tick at most, 0.5 ms with the defaults.

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
        track = Track(
            name=name,
            program=program,
            onset_ticks=onset_ticks,
            duration_ticks=self.tempo_map.ticks(notes.onset_s + notes.duration_s) - onset_ticks,
            pitch=notes.pitch,
            velocity=notes.velocity,
        )
        return replace(self, tracks=(*self.tracks, track))

    def cut(self, end_s: float) -> Score:
        """Give what begins before ``end_s``: notes (whole, even if they sound longer), controls, tempi, meters and keys."""
        near = int(self.tempo_map.ticks(end_s))
        candidates = np.arange(near - 1, near + 2)
        end_ticks = int(candidates[np.searchsorted(self.tempo_map.seconds(candidates), end_s, side="left")])
        tempo, meters, keys = self.tempo_map, self.meters, self.keys
        tempi_kept = max(1, int(np.searchsorted(tempo.start_ticks, end_ticks, side="left")))
        meters_kept = meters.ticks < end_ticks
        keys_kept = keys.ticks < end_ticks
        return Score(
            tracks=tuple(track.before(end_ticks) for track in self.tracks),
            tempo_map=TempoMap(
                start_ticks=tempo.start_ticks[:tempi_kept],
                quarter_us=tempo.quarter_us[:tempi_kept],
                ticks_per_quarter=tempo.ticks_per_quarter,
            ),
            meters=Meters(
                ticks=meters.ticks[meters_kept],
                numerator=meters.numerator[meters_kept],
                denominator=meters.denominator[meters_kept],
            ),
            keys=Keys(ticks=keys.ticks[keys_kept], sharps=keys.sharps[keys_kept], minor=keys.minor[keys_kept]),
        )
