"""compose --avoid-copy: what quotes is made again, sidecar and stderr say so, and replay makes the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import Outcome, Run
from made_corpus import fingerprint_of, made_piece
from tonada.api.avoiding import ATTEMPTS, seed_of_attempt
from tonada.api.originality import ABSENT, Originality
from tonada.symbolic.midi import read_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal


@pytest.fixture
def compose(tonada: Run, tiny_model: Path, piece: Path) -> Run:
    def run(*arguments: str | Path) -> Outcome:
        told = ("--model", tiny_model, "--notes", "40", "-n", "2", "--continuation-only")
        return tonada("compose", piece, *told, *arguments)

    return run


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give where the fingerprint is looked for; there is none yet."""
    path = tmp_path / "shipped.safetensors"
    monkeypatch.setattr("tonada.symbolic.originality.fingerprint.shipped_path", lambda: path)
    return path


def ids(folder: str, variation: int) -> str:
    return str(sidecar(folder, variation)["ids_sha256"])


def sidecar(folder: str, variation: int) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(Path(folder, f"piece_tiny_{variation}.json").read_text("utf-8"))
    return told


def test_what_quotes_is_made_again(compose: Run, tonada: Run, shipped: Path) -> None:
    assert compose("-o", "before").code == 0
    copied = fold_pedal(read_midi(Path("before", "piece_tiny_2.mid")))
    fingerprint_of([copied, *(made_piece(seed) for seed in range(15))]).save(shipped)

    outcome = compose("--avoid-copy", "-o", "after")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        "tonada: piece.mid, variation 2: made again, attempt 2: those before it quote",
    ]
    assert ids("after", 1) == ids("before", 1)
    assert ids("after", 2) != ids("before", 2)
    first, second = sidecar("after", 1)["avoid_copy"], sidecar("after", 2)["avoid_copy"]
    assert (first["attempt"], first["flagged"]) == (0, False)
    assert (second["attempt"], second["flagged"]) == (1, False)
    assert sidecar("after", 2)["settings"]["avoid_copy"] is True
    # An attempt is what its seed makes.
    assert compose("--seed", str(seed_of_attempt(1, 1)), "-o", "other").code == 0
    assert ids("after", 2) == ids("other", 2)

    shipped.unlink()  # replay goes by the sidecar, not by what the fingerprint of the day says
    for variation in (1, 2):
        again = tonada("replay", f"after/piece_tiny_{variation}.json", "-o", "again")
        assert again.code == 0
        assert ids("again", variation) == ids("after", variation)
        assert sidecar("again", variation)["avoid_copy"] == sidecar("after", variation)["avoid_copy"]


def test_after_so_many_attempts_the_least_is_kept(compose: Run, shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([99.0, 98.0, 98.5, 95.0, 97.0, 96.0, 98.0, 97.0, 99.0, 99.0])  # of both variations in turn

    def check(notes: Notes, corpus: object, *, name: str, nearest: int) -> Originality:
        return Originality(name=name, notes=len(notes), sentence="It quotes.", flagged=True, score=next(scores))

    monkeypatch.setattr("tonada.api.avoiding.check_notes", check)
    outcome = compose("--avoid-copy", "-o", "out")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        f"tonada: piece.mid, variation {variation}: of {ATTEMPTS} attempts all quote; this one the least. It quotes."
        for variation in (1, 2)
    ]
    assert [sidecar("out", variation)["avoid_copy"]["attempt"] for variation in (1, 2)] == [2, 1]
    assert [sidecar("out", variation)["avoid_copy"]["score"] for variation in (1, 2)] == [97.0, 95.0]


def test_where_there_is_no_fingerprint_it_says_so(compose: Run, shipped: Path) -> None:
    outcome = compose("--avoid-copy", "-o", "out")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [f"tonada: piece.mid, variation {variation}: {ABSENT}" for variation in (1, 2)]
    assert sidecar("out", 1)["avoid_copy"] == {"attempt": 0, "flagged": None, "score": None, "sentence": ABSENT}


def test_without_it_nothing_is_said(compose: Run) -> None:
    assert compose("-o", "out").err == ""
    assert sidecar("out", 1)["avoid_copy"] is None


def test_a_damaged_fingerprint_is_one_line(compose: Run, shipped: Path) -> None:
    shipped.write_bytes(b"damaged")
    outcome = compose("--avoid-copy", "-o", "out")
    assert outcome.code == 3
    assert outcome.err.splitlines() == [
        f"tonada: {shipped}: is no fingerprint of a corpus, or is damaged",
    ]
