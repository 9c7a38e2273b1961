"""Sequence the melodies that Tonada ships: openings of works in the public domain, as MIDI files.

Each piece is written out here, voice by voice. A voice is words of pitch and length in sixteenths ("E5:2"; without a
number the length stays), "-" for a rest, "|" for a bar line, which is checked::

    python tools/make_melody.py                     # writes src/tonada/examples/*.mid
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tonada.symbolic.midi import write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import SUSTAIN, Keys, Meters, Score

FOLDER = Path(__file__).parents[1] / "src" / "tonada" / "examples"
TICKS_PER_QUARTER = 480
SIXTEENTH = TICKS_PER_QUARTER // 4
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

Event = tuple[int, int, int]
"""A note: onset and length in sixteenths, pitch."""


def pitch(name: str) -> int:
    """Give the MIDI number of a name like F#4 or Bb3; C4 is middle C, 60."""
    letter, accidental, octave = name[0], name[1:-1], int(name[-1])
    return 12 * (octave + 1) + STEPS[letter] + {"": 0, "#": 1, "b": -1}[accidental]


def voice(text: str, *, bars: Iterable[int], bar: int) -> list[Event]:
    """Read a voice.

    Parameters
    ----------
    text
        Its words.
    bars
        Lengths in sixteenths of the first bars, where they are not whole: an upbeat.
    bar
        Length of all other bars but the last.

    Raises
    ------
    ValueError
        A bar is too short or too long.
    """
    events: list[Event] = []
    now, length, expected, end = 0, 1, iter(bars), 0
    for word in text.split():
        if word == "|":
            end += next(expected, bar)
            if now != end:
                raise ValueError(f"a bar line at sixteenth {now} should be at {end}")
            continue
        name, _, given = word.partition(":")
        length = int(given) if given else length
        if name != "-":
            events.append((now, length, pitch(name)))
        now += length
    return events


def sequence(
    right: list[tuple[Event, int]],
    left: list[tuple[Event, int]],
    *,
    name: str,
    bpm: float,
    meters: list[tuple[int, int, int]],
    sharps: int,
    minor: bool,
    pedal: Iterable[tuple[int, int]] = (),
    held: float = 0.95,
) -> Score:
    """Put hands together.

    Parameters
    ----------
    right, left
        Notes with their velocities.
    name
        Of the piece.
    bpm
        Quarters per minute.
    meters
        From which sixteenth, numerator, denominator.
    sharps, minor
        The key.
    pedal
        From and to which sixteenth it is down.
    held
        Which part of its length a note is held.
    """
    score = Score.from_notes(Notes.empty(), bpm=bpm, ticks_per_quarter=TICKS_PER_QUARTER)
    second = 60 / bpm / 4
    for hand, part in (("right", right), ("left", left)):
        rows = [(at * second, length * held * second, key, velocity) for (at, length, key), velocity in part]
        if rows:
            score = score.extended(Notes.from_rows(rows), program=0, name=f"{name}, {hand} hand")
    moves = [(at * SIXTEENTH, value) for down, up in pedal for at, value in ((down, 127), (up, 0))]
    first = replace(
        score.tracks[1],
        control_ticks=np.array([tick for tick, _ in moves], dtype=np.int64),
        control_number=np.full(len(moves), SUSTAIN, dtype=np.int64),
        control_value=np.array([value for _, value in moves], dtype=np.int64),
    )
    return replace(
        score,
        tracks=(first, *score.tracks[2:]),
        meters=Meters(
            ticks=np.array([at * SIXTEENTH for at, _, _ in meters]),
            numerator=np.array([numerator for _, numerator, _ in meters]),
            denominator=np.array([denominator for _, _, denominator in meters]),
        ),
        keys=Keys(ticks=np.array([0]), sharps=np.array([sharps]), minor=np.array([int(minor)])),
    )


def fur_elise() -> Score:
    """Beethoven, Bagatelle in A minor WoO 59, "Für Elise": the upbeat and the first eight bars, first ending."""
    right = voice(
        "E5:1 D#5 | E5 D#5 E5 B4 D5 C5 | A4:2 -:1 C4 E4 A4 | B4:2 -:1 E4 G#4 B4 | C5:2 -:1 E4 E5 D#5 | "
        "E5 D#5 E5 B4 D5 C5 | A4:2 -:1 C4 E4 A4 | B4:2 -:1 E4 C5 B4 | A4:4",
        bars=[2],
        bar=6,
    )
    left = voice(
        "-:2 | -:6 | A2:1 E3 A3 -:3 | E2:1 E3 G#3 -:3 | A2:1 E3 A3 -:3 | "
        "-:6 | A2:1 E3 A3 -:3 | E2:1 E3 G#3 -:3 | A2:1 E3 A3 -",
        bars=[2],
        bar=6,
    )
    # Poco moto, pp: the turning figure falls off, the answers swell towards their last note, bar lines lean a little.
    figure = [64, 60, 66, 60, 64, 58, 62, 59]
    swell = {0: 68, 3: 56, 4: 60, 5: 64}
    strong = []
    for at, length, key in right:
        number, place = divmod(at - 2, 6)
        turning = at < 8 or (number == 3 and place >= 4) or number == 4
        velocity = figure[at if at < 8 else at - 24] if turning else swell[place]
        strong.append(((at, length, key), velocity - (6 if number == 7 else 0)))
    soft = [(event, (54, 47, 50)[(event[0] - 2) % 6]) for event in left]
    return sequence(
        strong,
        soft,
        name="Für Elise",
        bpm=72,
        meters=[(0, 1, 8), (2, 3, 8)],
        sharps=0,
        minor=True,
        pedal=[(2 + 6 * number, 2 + 6 * number + 5) for number in (1, 2, 3, 5, 6)] + [(44, 48)],
    )


def prelude_in_c() -> Score:
    """Bach, Prelude in C major BWV 846: the first eight bars."""
    chords = [
        "C4 E4 G4 C5 E5",
        "C4 D4 A4 D5 F5",
        "B3 D4 G4 D5 F5",
        "C4 E4 G4 C5 E5",
        "C4 E4 A4 E5 A5",
        "C4 D4 F#4 A4 D5",
        "B3 D4 G4 D5 G5",
        "B3 C4 E4 G4 C5",
    ]
    loudness = [62, 60, 60, 62, 68, 64, 66, 58]
    right: list[tuple[Event, int]] = []
    left: list[tuple[Event, int]] = []
    for half, (chord, loud) in enumerate(
        (chord, loud) for chord, loud in zip(chords, loudness, strict=True) for _ in "12"
    ):
        bass, tenor, *upper = (pitch(name) for name in chord.split())
        start = 8 * half
        loud -= 3 * (half % 2)  # the second half of a bar repeats the first as an echo
        left += [((start, 8, bass), loud), ((start + 1, 7, tenor), loud - 6)]
        right += [((start + 2 + place, 1, upper[place % 3]), loud - 8 + 2 * (place % 3)) for place in range(6)]
    bars = [(16 * bar, 16 * bar + 15) for bar in range(len(chords))]
    return sequence(
        right, left, name="Prelude in C", bpm=72, meters=[(0, 4, 4)], sharps=0, minor=False, pedal=bars, held=1.0
    )


def ode_to_joy() -> Score:
    """Beethoven, Symphony No. 9 op. 125, finale: the tune in D major, right hand alone."""
    phrase = "F#4:4 F#4 G4 A4 | A4 G4 F#4 E4 | D4 D4 E4 F#4 |"
    right = voice(f"{phrase} F#4:6 E4:2 E4:8 | {phrase} E4:6 D4:2 D4:8", bars=[], bar=16)
    loud = [(event, 66 + (6 if event[0] % 16 == 0 else 0) + (event[2] - 66)) for event in right]
    return sequence(loud, [], name="Ode to Joy", bpm=112, meters=[(0, 4, 4)], sharps=2, minor=False)


MELODIES = {"fur-elise": fur_elise, "ode-to-joy": ode_to_joy, "prelude-in-c": prelude_in_c}


def main() -> int:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER, help="folder; default: the package's own")
    arguments = parser.parse_args()
    for name, make in MELODIES.items():
        path = arguments.output / f"{name}.mid"
        write_midi(make(), path)
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
