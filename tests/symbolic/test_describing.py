"""What is known of pieces: composer, style, key and tempo, and nothing that is not."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tonada.symbolic.describing import STYLE_OF, composer_name, composer_style, notes_per_second
from tonada.symbolic.key_finding import estimate_key
from tonada.symbolic.midi import read_midi_bytes
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.pulse import steady_bpm
from tonada.symbolic.score import Score, Track
from tonada.symbolic.tempo import TempoMap
from tonada.symbolic.tokenizers.conditions import COMPOSERS, STYLES

MAJOR, HARMONIC_MINOR = (0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 11, 12)


def melody(pitches: list[int], durations: list[float] | None = None) -> Notes:
    durations = durations or [0.5] * len(pitches)
    onsets = np.cumsum([0.0, *durations[:-1]])
    return Notes.from_rows(
        [(float(on), off, pitch, 64) for on, off, pitch in zip(onsets, durations, pitches, strict=True)]
    )


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize(("steps", "mode"), [(MAJOR, "major"), (HARMONIC_MINOR, "minor")])
def test_scales_and_triads_have_their_key(tonic: int, steps: tuple[int, ...], mode: str) -> None:
    assert estimate_key(melody([48 + tonic + step for step in steps])) == (tonic, mode)
    assert estimate_key(melody([60 + tonic, 67 + tonic, 60 + tonic + steps[2]])) == (tonic, mode)


def test_notes_count_as_long_as_they_sound() -> None:
    # C and G for long, F# major for short: by number of notes it would be F# major.
    pitches, durations = [60, 67, 64, *(66, 70, 73, 66, 70, 73)], [4.0, 3.0, 3.0, *[0.2] * 6]
    assert estimate_key(melody(pitches, durations)) == (0, "major")
    assert estimate_key(melody(pitches)) == (6, "major")


def test_no_key_where_nothing_tells_one() -> None:
    assert estimate_key(Notes.empty()) is None
    assert estimate_key(melody(list(range(60, 72)))) is None
    assert estimate_key(Notes.from_rows([(0.0, 0.0, 60, 64)])) is None


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Prelude and Fugue in C Major, WTC II, BWV 846", (0, "major")),
        ("Nocturne Op. 27 No. 2 in D-flat Major", (1, "major")),
        ("Polonaise Op. 53 in A-flat Major", (8, "major")),
    ],
)
def test_real_pieces_have_the_key_of_their_title(data: Path, title: str, key: tuple[int, str]) -> None:
    with zipfile.ZipFile(data / "midi/maestro-v3.0.0-midi.zip") as archive:
        table = archive.read("maestro-v3.0.0/maestro-v3.0.0.csv").decode()
        row = next(row for row in csv.DictReader(io.StringIO(table)) if row["canonical_title"].startswith(title))
        score = read_midi_bytes(archive.read(f"maestro-v3.0.0/{row['midi_filename']}"), path=Path("x.midi"))
    assert estimate_key(fold_pedal(score)) == key
    assert steady_bpm(score) is None  # a performance


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Frédéric Chopin", "Chopin"),
        ("Chopin", "Chopin"),
        ("BachJS", "Bach"),
        ("C. P. E. Bach", "other"),
        ("Saint-Saëns, Camille", "Saint-Saëns"),
        ("Burgmuller", "Burgmüller"),
        ("Isaac Albéniz", "Albéniz"),
        ("Sergei Rachmaninov", "Rachmaninoff"),
        ("Alban Berg", "other"),
        ("Johann Strauss / Alfred Grünfeld", "other"),
        ("Franz Schubert / Franz Liszt", None),
        ("Johann Sebastian Bach / Egon Petri", None),
        ("Traditional", None),
        ("", None),
    ],
)
def test_composers_have_the_name_of_the_tokenizer(written: str, name: str | None) -> None:
    assert composer_name(written, COMPOSERS) == name
    assert composer_name(written, ()) is None


def test_the_composers_of_maestro(data: Path) -> None:
    with zipfile.ZipFile(data / "midi/maestro-v3.0.0-midi.zip") as archive:
        table = archive.read("maestro-v3.0.0/maestro-v3.0.0.csv").decode()
    written = sorted({row["canonical_composer"] for row in csv.DictReader(io.StringIO(table))})
    found = {name: composer_name(name, COMPOSERS) for name in written}
    assert len(written) == 60
    alone = {name for name in written if "/" not in name}
    for name in alone:
        surname = name.split()[-1]
        assert found[name] == (surname if surname in COMPOSERS else "other")
    assert sorted(name for name in alone if found[name] == "other") == [
        *("Alban Berg", "Carl Maria von Weber", "César Franck", "George Enescu", "Henry Purcell"),
        *("Jean-Philippe Rameau", "Johann Pachelbel", "Leoš Janáček", "Mily Balakirev", "Orlando Gibbons"),
        "Percy Grainger",
    ]
    assert sorted(name for name in set(written) - alone if found[name] is not None) == [
        *("Georges Bizet / Ferruccio Busoni", "Georges Bizet / Vladimir Horowitz"),
        *("Johann Strauss / Alfred Grünfeld", "Mikhail Glinka / Mily Balakirev"),
    ]


def test_styles_are_those_of_the_tokenizer_and_not_guessed() -> None:
    assert set(STYLE_OF.values()) < set(STYLES)
    found = {name: composer_style(name) for name in ("Bach", "Joseph Haydn", "Saint-Saëns, Camille", "Joplin")}
    assert list(found.values()) == ["baroque", "classical", "romantic", "ragtime"]
    assert composer_style("Robert Schumann / Franz Liszt") == "romantic"
    for name in ("Ludwig van Beethoven", "Johann Sebastian Bach / Franz Liszt", "C. P. E. Bach", "Traditional", ""):
        assert composer_style(name) is None


def score(onsets: list[int], tempi: list[tuple[int, int]] = [(0, 500_000)], ticks: int = 480) -> Score:  # noqa: B006
    track = Track(
        onset_ticks=onsets, duration_ticks=[60] * len(onsets), pitch=[60] * len(onsets), velocity=[64] * len(onsets)
    )  # type: ignore[arg-type]
    return Score(tracks=(track,), tempo_map=TempoMap.from_events(*zip(*tempi, strict=True), ticks_per_quarter=ticks))


def test_a_notated_tempo_is_found_and_a_performance_has_none() -> None:
    quarters = [480 * beat for beat in range(20)]
    assert steady_bpm(score(quarters)) == 120.0
    assert steady_bpm(score([tick // 3 for tick in quarters], [(0, 750_000)])) == 80.0
    assert steady_bpm(score([0, *(tick + 7 for tick in quarters)])) is None
    assert steady_bpm(score(quarters, [(0, 500_000), (4800, 600_000)])) is None
    assert steady_bpm(score(quarters, [(0, 500_000), (99_999, 600_000)])) == 120.0  # after the last note
    assert steady_bpm(score(quarters, [(0, 400_000), (4800, 400_000)])) == 150.0
    assert steady_bpm(score([0, 3, 7, 11], ticks=24)) is None
    assert steady_bpm(score([])) is None


def test_density() -> None:
    assert notes_per_second(5, 2.0) == 2.0
    assert notes_per_second(2, 0.0) is None
