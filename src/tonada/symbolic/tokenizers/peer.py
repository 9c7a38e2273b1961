"""miditok, as far as it is needed: a scheme's vocabulary, and writing notes that lie on its grid."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.errors import ConfigError, MissingDependencyError
from tonada.symbolic.tokenizers.kinds import Kind

BEATS_PER_S, BEATS_PER_BAR = 2, 4
LONGEST_S = 6 * 3600
"""Later onsets are moved there."""
TICKS_PER_QUARTER = 25_200
"""Of decoded scores: what every number of steps per beat divides."""
_NAMES = {
    "Bar": Kind.BAR,
    "Position": Kind.POSITION,
    "TimeShift": Kind.SHIFT,
    "Pitch": Kind.PITCH,
    "Velocity": Kind.VELOCITY,
    "Duration": Kind.DURATION,
    "BOS": Kind.BEGIN,
    "EOS": Kind.END,
    "PAD": Kind.PAD,
}
_UNUSED = ("chords", "rests", "tempos", "time_signatures", "sustain_pedals", "pitch_bends", "programs")


@dataclass(frozen=True, kw_only=True)
class MidiTokConfig:
    """Settings of the tokenizers that come through miditok.

    The grid of onsets is that of the first range of durations. ``until_beats=[4, 12]`` with ``steps_per_beat=[8, 4]``
    are miditok's own defaults: a grid of 62.5 ms, and durations of at most 6 s.
    """

    until_beats: tuple[int, ...] = (2, 4, 8, 16, 60)
    """Where each range of durations ends, in beats of half a second; nothing is longer than the last."""
    steps_per_beat: tuple[int, ...] = (50, 25, 10, 5, 2)
    """How finely each range is divided, in steps per beat; they divide the first, which divides 25200 and is not 1."""
    velocities: int = 32
    """How many velocities there are."""
    bars: int = 2048
    """Octuple: how many bars of 2 s have an id; what begins later is moved to the end of the last one."""
    vocabulary: int = 0
    """Number of ids, with those that byte-pair encoding learns from the training pieces; 0 learns none."""
    merges: tuple[int, ...] = ()
    """What was learned: pairs of ids, one after the other; filled in when data is prepared."""

    def __post_init__(self) -> None:
        """Check what the types do not say."""
        until, steps = self.until_beats, self.steps_per_beat
        if not until or len(until) != len(steps) or list((0, *until)) != sorted({0, *until}):
            raise ConfigError(
                "MidiTokConfig.until_beats must be rising numbers from 1 on, as many as steps_per_beat; "
                f"got {until} and {steps}. Try [4, 12] and [8, 4]"
            )
        if min(steps) < 1 or steps[0] < 2 or any(steps[0] % step for step in steps) or TICKS_PER_QUARTER % steps[0]:
            raise ConfigError(
                "MidiTokConfig.steps_per_beat must be dividers of the first of them, and that one, 2 or more, "
                f"of {TICKS_PER_QUARTER}; got {steps}. Try [8, 4]"
            )
        for name, low, high in (("velocities", 1, 127), ("bars", 1, LONGEST_S // 2), ("vocabulary", 0, 1 << 16)):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"MidiTokConfig.{name} must lie in {low} to {high}; got {getattr(self, name)}")


class Peer:
    """One of miditok's tokenizers, for one piano at an unchanging tempo.

    Where a scheme has a vocabulary for each slot of a note, its ids are counted through: the special ones first, then
    slot after slot in the order of ``group``.

    Parameters
    ----------
    scheme
        The class in miditok.
    group
        The kinds of ids that make a note, in our order.
    config
        The grid, and how many velocities and bars there are.

    Attributes
    ----------
    kind
        What each id says; uint8 [V].
    value
        Steps, pitch, velocity or bar; int64 [V].

    Raises
    ------
    MissingDependencyError
        miditok is not installed.
    """

    def __init__(self, scheme: str, group: tuple[Kind, ...], config: MidiTokConfig) -> None:
        try:
            miditok = importlib.import_module("miditok")
        except ImportError as error:
            raise MissingDependencyError("miditok", "miditok") from error
        ranges = zip((0, *config.until_beats[:-1]), config.until_beats, strict=True)
        settings = miditok.TokenizerConfig(
            pitch_range=(0, 127),
            beat_res=dict(zip(ranges, config.steps_per_beat, strict=True)),
            num_velocities=config.velocities,
            special_tokens=["PAD", "BOS", "EOS"],
            encode_ids_split="no",
            time_signature_range={BEATS_PER_BAR: [BEATS_PER_BAR]},
            use_pitchdrum_tokens=False,
            max_bar_embedding=config.bars if Kind.BAR in group else None,
            **{f"use_{name}": False for name in _UNUSED},
        )
        self.tokenizer: Any = getattr(miditok, scheme)(settings)
        self._steps = config.steps_per_beat[0]
        vocabulary = self.tokenizer.vocab
        if isinstance(vocabulary, list):
            parts = {_NAMES[list(part)[-1].partition("_")[0]]: part for part in vocabulary}
            special = list(vocabulary[0])[:3]
            self._columns = [list(parts).index(kind) for kind in group]
            sizes = [len(parts[kind]) - len(special) for kind in group]
            self._offsets = np.cumsum([0, *sizes[:-1]])
            names = special + [name for kind in group for name in list(parts[kind])[len(special) :]]
        else:
            self._columns = []
            names = sorted(vocabulary, key=vocabulary.__getitem__)
        self.kind = np.array([_NAMES[name.partition("_")[0]] for name in names], dtype=np.uint8)
        self.value = np.array([self._read_value(name.partition("_")[2]) for name in names], dtype=np.int64)

    def write(
        self,
        *,
        step: NDArray[np.int64],
        duration: NDArray[np.int64],
        pitch: NDArray[np.int64],
        velocity: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Turn notes into ids, neither opened nor closed.

        Parameters
        ----------
        step, duration
            Onsets and durations in steps of the grid, int64 [N]; the notes are sorted by onset and pitch, and there is
            an id for each duration.
        pitch, velocity
            int64 [N]; there is an id for each velocity.

        Returns
        -------
        ndarray
            int64 [T].
        """
        if not len(step):
            return np.zeros(0, dtype=np.int64)
        symusic = importlib.import_module("symusic")
        track = symusic.Track(program=0, is_drum=False)
        track.notes = symusic.Note.from_numpy(
            time=step.astype(np.int32),
            duration=duration.astype(np.int32),
            pitch=pitch.astype(np.int8),
            velocity=velocity.astype(np.int8),
        )
        score = symusic.Score(self._steps)
        score.time_signatures.append(symusic.TimeSignature(0, BEATS_PER_BAR, 4))
        score.tracks.append(track)
        (sequence,) = self.tokenizer.encode(score, encode_ids=False, no_preprocess_score=True)
        ids = np.array(sequence.ids, dtype=np.int64)
        return (ids[:, self._columns] + self._offsets).reshape(-1) if self._columns else ids

    def _read_value(self, text: str) -> int:
        if "." in text:  # beats, position and resolution of a time
            beats, position, resolution = map(int, text.split("."))
            return (beats * resolution + position) * self._steps // resolution
        return int(text) if text != "None" else 0
