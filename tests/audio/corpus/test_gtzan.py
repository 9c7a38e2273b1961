"""The list of GTZAN's faults, against what its sources say of the fault-filtered partition."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonada.audio.corpus.gtzan import FAULTS, GENRES, gtzan_number, is_faulty
from tonada.sources import SourceFile


def file(name: str) -> SourceFile:
    return SourceFile(name=name, collection="genres", container=Path("genres", name))


def test_the_partition_keeps_930_clips() -> None:
    assert set(FAULTS) < set(GENRES)
    assert all(list(numbers) == sorted(set(numbers)) for numbers in FAULTS.values())
    assert all(0 <= number < 100 for numbers in FAULTS.values() for number in numbers)
    assert 1000 - sum(map(len, FAULTS.values())) == 443 + 197 + 290


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
