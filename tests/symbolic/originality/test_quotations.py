"""What is found in music that quotes, and what is not in music that does not."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from made_corpus import fingerprint_of, made_corpus, made_piece, melody, quoted, scale, trill
from tonada.symbolic.midi import read_midi_bytes
from tonada.symbolic.notes import Notes
from tonada.symbolic.originality import judging
from tonada.symbolic.originality.figures import find_figures
from tonada.symbolic.originality.fingerprint import Fingerprint
from tonada.symbolic.originality.judging import examine
from tonada.symbolic.originality.matching import find_shared
from tonada.symbolic.pedal import fold_pedal


@pytest.fixture(scope="module")
def corpus() -> Fingerprint:
    return made_corpus()


def whole_chords(notes: Notes, first: int, count: int) -> Notes:
    """Take notes of a line."""
    return notes[np.sort(find_figures(notes).order[first : first + count])]


def planted(count: int, *, semitones: int, tempo: float, piece: int = 5, first: int = 100) -> Notes:
    """Put notes of a piece of the corpus into music that is not of it, at 20 s."""
    around = made_piece(99, 120)
    before = around.between(0.0, 19.0)
    taken = quoted(whole_chords(made_piece(piece), first, count), semitones=semitones, tempo=tempo, start_s=20.0)
    after = around.between(19.0, 1000.0)
    return Notes.concatenate(before, taken, after.shifted(float(taken.onset_s[-1]) + 1.0 - 19.0))


# --- passages ----------------------------------------------------------------------------------------------------


def test_a_passage_is_found_with_its_places() -> None:
    pieces = [made_piece(seed, 80) for seed in range(3)]
    corpus = fingerprint_of(pieces)
    query = melody(np.arange(40) * 0.2, np.concatenate((made_piece(77, 10).pitch, np.zeros(30, dtype=np.int64))))
    line = pieces[1].pitch[find_figures(pieces[1]).order][20:50]
    query = melody(query.onset_s, np.concatenate((query.pitch[:10], line + 3)))
    (shared,) = find_shared([find_figures(query)], corpus)
    best = int(np.argmax(shared.notes))
    begin, notes, place = int(shared.start[best]), int(shared.notes[best]), int(shared.place[best])
    assert place - begin == 80 + 20 - 10
    assert begin <= 10
    assert begin + notes >= 40
    assert shared.piece[best] == 1
    assert 30 <= notes <= 32  # one note in sixteen agrees by chance


def test_a_passage_ends_with_its_piece() -> None:
    pieces = [made_piece(seed, 60) for seed in range(2)]
    corpus = fingerprint_of(pieces)
    line = np.concatenate([notes.pitch[find_figures(notes).order] for notes in pieces])
    (shared,) = find_shared([find_figures(melody(np.arange(120) * 0.2, line))], corpus)
    long = shared[shared.notes > 20]
    assert sorted(zip(long.start.tolist(), long.notes.tolist(), long.piece.tolist(), strict=True)) == [
        (0, 60, 0),
        (60, 60, 1),
    ]


def test_each_figure_counts_once() -> None:
    pattern = np.resize([60, 67, 61, 70], 80)
    corpus = fingerprint_of([melody(np.arange(80) * 0.2, pattern), *(made_piece(seed) for seed in range(7))])
    (shared,) = find_shared([find_figures(melody(np.arange(40) * 0.2, pattern[:40]))], corpus)
    long = shared[shared.notes == 40]
    assert len(long) > 0
    # Four figures, each in one of eight works, of four different notes.
    np.testing.assert_allclose(long.rarity, 4 * 3.0 * 0.875)


def test_scales_in_octaves_are_of_little_variety() -> None:
    pitch = np.repeat(48 + np.arange(8), 4) + np.tile([0, 12, 24, 36], 8)
    variety = find_figures(melody(np.repeat(np.arange(8) * 0.1, 4), pitch)).variety
    np.testing.assert_allclose(variety, 0.5)  # a figure has two different notes
    assert find_figures(melody(np.arange(5) * 0.2, [60, 72, 48, 60, 60])).variety.tolist() == [0.0]
    assert find_figures(melody(np.arange(5) * 0.2, [60, 63, 66, 69, 74])).variety.tolist() == [0.9375]


@pytest.mark.parametrize("count", [0, 3, 8])
def test_few_notes_share_nothing(corpus: Fingerprint, count: int) -> None:
    found = examine(made_piece(5)[:count], corpus)
    assert (found.nearest, found.longest, found.score, found.flagged) == ((), None, 0.0, False)


# --- quotations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("semitones", [-11, -3, 0, 5, 11])
@pytest.mark.parametrize("tempo", [0.9, 1.0, 1.1])
def test_sixteen_notes_are_found_in_any_key_and_at_other_tempi(
    corpus: Fingerprint, semitones: int, tempo: float
) -> None:
    found = examine(planted(16, semitones=semitones, tempo=tempo), corpus)
    assert found.flagged
    best = found.nearest[0]
    assert (best.composer, best.title, best.work, best.name) == ("Composer 5", "Piece 5", "work 5", "5.mid")
    assert best.notes >= 14
    assert best.start_s < 20.7  # one note in sixteen before or after agrees by chance
    assert 20.5 < best.end_s < 30.0
    assert best.tempo == pytest.approx(tempo, rel=0.03)
    there_s = find_figures(made_piece(5)).onset_s[100]
    assert best.there_s == pytest.approx(there_s, abs=2.0)


def test_a_long_passage_is_found_in_another_rhythm(corpus: Fingerprint) -> None:
    line = made_piece(5).pitch[find_figures(made_piece(5)).order][100:140]
    found = examine(melody(np.arange(40) * 0.33, line), corpus)
    assert found.flagged
    assert found.nearest[0].tempo is None
    assert found.longest is not None
    assert found.longest.notes >= 40


def test_the_same_rhythm_says_more_than_another(corpus: Fingerprint) -> None:
    exact = examine(planted(16, semitones=2, tempo=1.1), corpus).score
    line = made_piece(5).pitch[find_figures(made_piece(5)).order][100:116]
    assert exact > 2 * examine(melody(np.arange(16) * 0.33, line), corpus).score


@pytest.mark.parametrize("commonplace", [scale(64, start=41), scale(64, 36, 0.11), trill(), trill(200, 60)])
def test_scales_and_trills_are_no_quotations(corpus: Fingerprint, commonplace: Notes) -> None:
    found = examine(commonplace, corpus)
    assert not found.flagged
    assert found.longest is not None
    assert found.longest.notes >= 40  # they are shared, and long


def test_other_music_is_not_flagged(corpus: Fingerprint) -> None:
    found = examine(made_piece(1234, 400), corpus)
    assert not found.flagged
    assert found.score < 0.7 * judging.THRESHOLD


def test_nearest_pieces_come_by_score_each_once() -> None:
    notes = made_piece(0, 100)
    corpus = fingerprint_of([notes, notes[:60], *(made_piece(seed) for seed in range(1, 15))])
    found = examine(notes, corpus, most=3)
    assert [passage.title for passage in found.nearest[:2]] == ["Piece 0", "Piece 1"]
    assert len(found.nearest) <= 3
    assert found.nearest[0].score > found.nearest[1].score


# --- real music --------------------------------------------------------------------------------------------------


def test_the_shipped_fingerprint_knows_its_pieces(data: Path) -> None:
    corpus = Fingerprint.load()
    source = corpus.sources[400]
    with zipfile.ZipFile(data / "midi" / "maestro-v3.0.0-midi.zip") as archive:
        notes = fold_pedal(read_midi_bytes(archive.read(source.name), path=Path(source.name)))
    taken = notes[len(notes) // 2 : len(notes) // 2 + 60]
    found = examine(quoted(taken, semitones=3, tempo=1.1), corpus)
    assert found.flagged
    assert found.nearest[0].name == source.name
    assert found.nearest[0].there_s == pytest.approx(float(taken.onset_s[0]), abs=10.0)
