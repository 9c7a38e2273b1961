"""The list of GTZAN's faults, against what its sources say of the fault-filtered partition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tonada.audio.corpus.gtzan import FAULTS, GENRES, gtzan_number, is_faulty
from tonada.sources import SourceFile


def file(name: str) -> SourceFile:
    return SourceFile(name=name, collection="genres", container=Path("genres", name))


def published() -> dict[str, set[tuple[str, int]]]:
    """Read the three lists of the fault-filtered partition, as they were published: list → clips."""
    lists = json.loads((Path(__file__).parent / "golden" / "gtzan_partition.json").read_text())["lists"]
    return {
        name: {(GENRES[(number - 1) // 100], (number - 1) % 100) for a, b in runs for number in range(a, b + 1)}
        for name, runs in lists.items()
    }


def test_faults_are_what_the_published_partition_leaves_out() -> None:
    lists = published()
    counts = {name: len(clips) for name, clips in lists.items()}
    assert counts == {"train_filtered.txt": 443, "valid_filtered.txt": 197, "test_filtered.txt": 290}
    inside = set.union(*lists.values())
    assert len(inside) == 930  # no clip is on two lists
    left_out = {(genre, number) for genre in GENRES for number in range(100)} - inside
    assert {(genre, number) for genre, numbers in FAULTS.items() for number in numbers} == left_out


@pytest.mark.parametrize("suffix", ["au", "wav", "mp3"])
def test_clips_in_and_out_of_the_partition(suffix: str) -> None:
    """First and last lines of the three published lists, and gaps in them."""
    inside = ["blues.00000", "blues.00099", "country.00051", "jazz.00032", "jazz.00047", "jazz.00054", "rock.00099"]
    outside = ["classical.00042", "country.00052", "jazz.00033", "jazz.00046", "pop.00087", "reggae.00091"]
    assert [name for name in inside if is_faulty(file(f"{name}.{suffix}"))] == []
    assert [name for name in outside if not is_faulty(file(f"{name}.{suffix}"))] == []


@pytest.mark.parametrize("name", ["jazz.33.wav", "folk.00033.wav", "jazz.00033.take2.wav", "jazz00033.wav", "33.wav"])
def test_other_names_are_not_those_of_gtzan(name: str) -> None:
    assert gtzan_number(file(name)) is None
    assert not is_faulty(file(name))


def test_members_of_zips_count_by_their_own_name() -> None:
    inside = SourceFile(name="x", collection="g.zip", container=Path("g.zip"), member="genres/jazz/jazz.00033.au")
    assert gtzan_number(inside) == ("jazz", 33)
    assert is_faulty(inside)
