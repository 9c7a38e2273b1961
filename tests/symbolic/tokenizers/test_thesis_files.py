"""The 150 files of the style fine-tuning, whose sizes in two schemes are known."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tonada import registry
from tonada.symbolic.chunks import covered_share, split_by_work, split_chunks
from tonada.symbolic.corpus.works import work_of
from tonada.symbolic.midi import read_midi_bytes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.giga import GigaConfig, GigaTokenizer
from tonada.symbolic.tokenizers.performance import PerformanceTokenizer

STYLES = {"baroque": "Bach", "romantic": "Chopin", "avant-garde": "Rachmaninoff"}


@pytest.fixture(scope="session")
def thesis(data: Path) -> dict[str, list[Score]]:
    """Read the 150 files, by composer."""
    with (data / "midi" / "thesis-styles.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pieces: dict[str, list[Score]] = {composer: [] for composer in STYLES.values()}
    with zipfile.ZipFile(data / "midi" / "maestro-v3.0.0-midi.zip") as archive:
        for row in rows:
            name = f"maestro-v3.0.0/{row['midi_filename']}"
            pieces[STYLES[row["style"]]].append(read_midi_bytes(archive.read(name), path=Path(name)))
    return pieces


def test_they_are_150_files_with_545_792_notes(thesis: dict[str, list[Score]]) -> None:
    assert [len(pieces) for pieces in thesis.values()] == [50, 50, 50]
    assert sum(len(fold_pedal(score)) for pieces in thesis.values() for score in pieces) == 545_792


@pytest.mark.parametrize("exact", [False, True])
def test_giga_sizes(thesis: dict[str, list[Score]], exact: bool) -> None:
    giga = GigaTokenizer(GigaConfig(exact=exact))
    ids = {composer: [giga.encode(score) for score in pieces] for composer, pieces in thesis.items()}
    whole = {composer: sum(len(piece) // 1024 for piece in pieces) for composer, pieces in ids.items()}
    blocks = {composer: sum(len(giga.training_blocks(piece)) for piece in pieces) for composer, pieces in ids.items()}
    assert whole["Bach"] == 413
    assert blocks == {"Bach": 409, "Chopin": 869, "Rachmaninoff": 776}


def test_the_split_of_the_thesis_leaks_and_one_by_work_does_not(thesis: dict[str, list[Score]], data: Path) -> None:
    giga = GigaTokenizer(GigaConfig(exact=True))
    pieces = [giga.training_blocks(giga.encode(score)).reshape(-1) for score in thesis["Bach"]]
    train, held = split_chunks(pieces)
    assert len(train.ids) == 418_816  # 409 blocks of 256 notes
    assert (len(train), len(held)) == (376_820, 41_868)
    assert covered_share(train, held) == 1.0

    with (data / "midi" / "thesis-styles.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["style"] == "baroque"]
    works = [work_of(row["canonical_composer"], row["canonical_title"], "").key for row in rows]
    train, held = split_by_work(pieces, works)
    assert len(train.ids) + len(held.ids) == 418_816
    assert covered_share(train, held) == 0.0


def test_performance_sizes(thesis: dict[str, list[Score]]) -> None:
    performance = PerformanceTokenizer()
    sizes = {}
    for composer, pieces in thesis.items():
        ids = [performance.encode(score) for score in pieces]
        assert all(piece[0] == piece[-1] == 388 for piece in ids)
        sizes[composer] = sum(len(piece) - 2 for piece in ids)
        for score, piece in zip(pieces, ids, strict=True):
            onset_s = performance.decode_notes(piece).onset_s
            assert abs(onset_s[-1] - score.notes().onset_s[-1]) <= 0.005 + 1e-9
    assert sizes == {"Bach": 501_582, "Chopin": 901_629, "Rachmaninoff": 789_545}


@pytest.mark.parametrize("name", registry.names("tokenizer"))
def test_real_pieces_are_exact_after_the_first_round(thesis: dict[str, list[Score]], name: str) -> None:
    tokenizer = registry.resolve("tokenizer", name)()
    for pieces in thesis.values():
        for score in pieces:
            ids = tokenizer.encode(score)
            assert tokenizer.count_notes(ids) == score.count_notes()
            assert np.array_equal(tokenizer.encode(tokenizer.decode(ids)), ids)


@pytest.mark.parametrize("name", registry.names("tokenizer"))
def test_real_pieces_follow_the_grammar(thesis: dict[str, list[Score]], name: str) -> None:
    tokenizer = registry.resolve("tokenizer", name)()
    scores = [pieces[0] for pieces in thesis.values()]
    for ids in (tokenizer.encode(score)[:4000] for score in scores):
        grammar = tokenizer.grammar(1)
        for index, token in enumerate(ids):
            assert grammar.allowed()[0, token]
            grammar.advance(ids[index : index + 1])
