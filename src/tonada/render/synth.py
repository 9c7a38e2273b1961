"""Playing a score: notes → sound, through symusic's synthesizer and a sound font."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from symusic.core import NoteTick, ScoreTick, Synthesizer, TrackTick

from tonada.audio.clip import Clip
from tonada.errors import ConfigError, DataError
from tonada.files import write_bytes
from tonada.render.limiter import limit
from tonada.render.soundfont import PIANO
from tonada.render.soundfont.plain import plain_preset
from tonada.render.soundfont.reader import SoundFont
from tonada.render.soundfont.writer import pack_preset
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.score import Score

LONGEST_S = 7200.0
"""The longest piece that is played, in seconds: 2 hours of stereo at 44.1 kHz take 2.5 GB of memory."""

LONGEST_NOTE_S = 300.0
"""A note that is held longer is played so long, in seconds."""

SHORTEST_NOTE_S = 0.02
"""A note that is held for less is played so long, in seconds: its hammer strikes all the same."""

SAMPLE_RATES = 8000, 48_000
"""Least and greatest sample rate, in Hz."""

DRUM_BANK = 128

_QUALITY = 2  # band-limited resampling of the font's samples, the fastest kind
_GAIN = 2.8
_TAIL_S = 2.0
_SILENCE = 1e-5
_TICKS_PER_S = 10_000


def synthesize(score: Score, *, sample_rate: int = 44_100, soundfont: Path | None = None) -> Clip:
    """Play a score in stereo, to the end of the last note's sound.

    The pedal is folded into the notes first. A note's amplitude goes with the square of its velocity (SoundFont 2.04,
    8.4.1). A limiter keeps every sample below 0.9; soft pieces are not made louder.

    Parameters
    ----------
    score
        What to play. Volume, expression, pan and pitch bends are not followed.
    sample_rate
        In Hz, 8000–48 000.
    soundfont
        A font (SF2 or SF3) that is to be used instead of the shipped piano. The piano plays every program, and no
        drums; another font plays programs and drums as the score has them: a program that it lacks by its first one,
        drums by its first kit, or not at all when it has none.

    Raises
    ------
    ConfigError
        The sample rate is out of range.
    DataError
        There is nothing to play, the piece is longer than 2 hours, or the font cannot be used.
    """
    low, high = SAMPLE_RATES
    if not low <= sample_rate <= high:
        raise ConfigError(f"sample_rate must lie in {low} to {high} Hz; got {sample_rate}. Try 44100")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        parts = _parts(score, soundfont, Path(folder))
        if not any(len(notes) for _, notes in parts):
            raise DataError("score", "there are no notes to play")
        end_s = max(notes.end_s for _, notes in parts)
        if end_s > LONGEST_S:
            raise DataError(
                "score", f"it is {end_s / 3600:.1f} hours long; up to {LONGEST_S / 3600:g} hours can be played"
            )
        mix = np.zeros((2, round((end_s + _TAIL_S) * sample_rate)), dtype=np.float32)
        held, end = round(end_s * sample_rate), 0
        for font, notes in parts:
            for start, sound in _sounds(font, notes, sample_rate):
                stop = start + sound.shape[1]
                if stop > mix.shape[1]:
                    mix = np.pad(mix, ((0, 0), (0, stop - mix.shape[1] + round(_TAIL_S * sample_rate))))
                mix[:, start:stop] += sound
                end = max(end, stop)
    heard = np.flatnonzero(np.abs(mix[:, held:end]).max(axis=0) > _SILENCE)
    mix = mix[:, : held + (int(heard[-1]) + 1 if len(heard) else 0)]
    limit(mix, sample_rate)
    return Clip(samples=mix, sample_rate=sample_rate)


def _parts(score: Score, soundfont: Path | None, folder: Path) -> list[tuple[Path, Notes]]:
    """Give what is played by what: the file of a plain font of one preset, and notes with the pedal folded in."""
    if soundfont is None:
        return [(PIANO, fold_pedal(score))]
    font = SoundFont(soundfont)
    groups: dict[tuple[int, int], list[int]] = {}
    for number, track in enumerate(score.tracks):
        preset = _preset(font, track.program, drums=track.is_drum)
        if preset is not None and len(track.pitch):
            groups.setdefault(preset, []).append(number)
    parts = []
    for (bank, program), numbers in groups.items():
        path = folder / f"{bank}-{program}.sf2"
        samples, zones = plain_preset(font, bank, program)
        write_bytes(path, pack_preset(samples=samples, zones=zones, info={"INAM": "Tonada"}))
        part = replace(score, tracks=tuple(score.tracks[number] for number in numbers))
        parts.append((path, part.notes(drums=True) if part.tracks[0].is_drum else fold_pedal(part)))
    return parts


def _preset(font: SoundFont, program: int, *, drums: bool) -> tuple[int, int] | None:
    """Give bank and program of a font that play a track, the nearest it has; None for drums when it has no kit."""
    if not drums:
        return min(font.presets, key=lambda preset: (preset != (0, program), preset))
    kits = [preset for preset in font.presets if preset[0] == DRUM_BANK]
    return min(kits, key=lambda preset: (preset[1] != program, preset), default=None)


def _sounds(font: Path, notes: Notes, sample_rate: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Give for each note where it begins, in samples, and its sound; float32 [2, S].

    Notes are played one by one: of notes that share pitch and duration the synthesizer plays all as loud as the first,
    and it knows no velocity but to choose samples by.
    """
    synthesizer = Synthesizer(str(font), sample_rate, _QUALITY)
    starts = np.rint(notes.onset_s * sample_rate).astype(np.int64)
    durations_ticks = np.rint(np.clip(notes.duration_s, SHORTEST_NOTE_S, LONGEST_NOTE_S) * _TICKS_PER_S).astype(
        np.int64
    )
    gains = _GAIN * (notes.velocity / 127) ** 2
    columns = (starts, durations_ticks, notes.pitch, notes.velocity, gains)
    for start, duration, pitch, velocity, gain in zip(*(column.tolist() for column in columns), strict=True):
        single, track = ScoreTick(_TICKS_PER_S // 2), TrackTick()  # 120 bpm
        track.notes.append(NoteTick(0, duration, pitch, velocity))
        single.tracks.append(track)
        yield start, synthesizer.render(single, stereo=True) * np.float32(gain)
