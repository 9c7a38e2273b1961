"""check_originality: findings in words and figures, and what becomes of what cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from made_corpus import made_corpus, made_piece, quoted
from midi_files import ONE_NOTE
from tonada.api.evaluation import evaluate
from tonada.api.originality import ABSENT, check_notes, check_originality
from tonada.errors import ConfigError, DataError
from tonada.jsontext import to_json
from tonada.symbolic.midi import write_midi
from tonada.symbolic.originality.judging import THRESHOLD
from tonada.symbolic.prompts import nothing


@pytest.fixture(scope="module")
def fingerprint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fingerprint") / "made.safetensors"
    made_corpus().save(path)
    return path


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "copy.mid"
    notes = quoted(made_piece(5)[100:140], semitones=4, tempo=1.1, start_s=2.0)
    write_midi(nothing().joined(notes), path)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.mid"
    write_midi(nothing().joined(made_piece(1234, 60)), path)
    return path


def test_findings_are_told_in_one_sentence(copy: Path, own: Path, fingerprint: Path) -> None:
    seen: list[tuple[int, int]] = []
    batch = check_originality(
        copy, own, fingerprint=fingerprint, nearest=2, progress=lambda done, total: seen.append((done, total))
    )
    quoting, clean = batch.made
    assert (quoting.flagged, clean.flagged) == (True, False)
    best = quoting.nearest[0]
    assert quoting.sentence == (
        f"From 0:02 to 0:{int(best.end_s):02} it repeats {best.notes} notes of Composer 5, Piece 5 "
        f"(there at about 0:{int(best.there_s):02}, 10 % faster), one of the pieces of this test."
    )
    assert clean.sentence == (
        "Nothing in it is closer to the pieces of this test than different works are to each other."
    )
    assert quoting.score is not None
    assert clean.score is not None
    assert quoting.score >= THRESHOLD > clean.score
    assert seen == [(1, 2), (2, 2)]


def test_a_finding_is_json(copy: Path, fingerprint: Path) -> None:
    (found,) = check_originality(copy, fingerprint=fingerprint).made
    told = json.loads(to_json(found))
    assert told["nearest"][0]["name"] == "5.mid"
    assert told["longest"]["notes"] >= 30
    assert told["threshold"] == THRESHOLD


def test_where_there_is_no_fingerprint_the_result_says_so(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tonada.symbolic.originality.fingerprint.shipped_path", lambda: copy.parent / "none")
    (found,) = check_originality(copy).made
    assert (found.sentence, found.flagged, found.score, found.corpus, found.nearest) == (ABSENT, None, None, None, ())
    assert found.notes == 40


def test_a_piece_without_a_name_is_called_by_its_file(fingerprint: Path) -> None:
    from tonada.symbolic.originality.building import join_readings, read_piece

    notes = made_piece(5)
    readings = [
        read_piece(made_piece(i) if i else notes, composer="", title="", work=str(i), name=f"{i}.mid")
        for i in range(12)
    ]
    corpus = join_readings(readings, corpus="these", data_sha256="none")
    assert "notes of 0.mid (there" in check_notes(notes[50:120], corpus, name="it").sentence


def test_a_file_that_cannot_be_used_does_not_stop_the_others(copy: Path, fingerprint: Path) -> None:
    bad = copy.parent / "bad.mid"
    bad.write_bytes(b"no music")
    batch = check_originality(bad, copy, fingerprint=fingerprint)
    assert [failure.name for failure in batch.failures] == [str(bad)]
    assert [found.name for found in batch.made] == [str(copy)]
    with pytest.raises(DataError):
        check_originality(bad, fingerprint=fingerprint)


def test_one_note_shares_nothing(tmp_path: Path, fingerprint: Path) -> None:
    path = tmp_path / "one.mid"
    path.write_bytes(ONE_NOTE)
    (found,) = check_originality(path, fingerprint=fingerprint).made
    assert (found.notes, found.flagged, found.score, found.longest) == (1, False, 0.0, None)


def test_what_cannot_be_asked(copy: Path) -> None:
    with pytest.raises(ConfigError, match="nearest must be at least 1; got 0"):
        check_originality(copy, nearest=0)
    with pytest.raises(ConfigError, match="name at least one file"):
        check_originality()
    with pytest.raises(DataError, match="no such file"):
        check_originality(copy, fingerprint=copy.parent / "none.safetensors")


def test_evaluate_reports_originality(
    copy: Path, own: Path, fingerprint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonada.symbolic.originality.fingerprint.shipped_path", lambda: fingerprint)
    bad = copy.parent / "bad.mid"
    bad.write_bytes(b"no music")
    found = evaluate(copy, own, bad, originality=True, output=copy.parent / "out")
    assert found.headline().splitlines()[0].startswith(f"{copy}: From 0:02 to ")
    assert found.headline().splitlines()[-1] == "1 of 2 files quotes the training music"
    (rows,) = found.tables().values()
    assert [(row["file"], row["quotes"]) for row in rows] == [(str(copy), "yes"), (str(own), "no")]
    assert rows[0]["nearest piece"] == "Composer 5, Piece 5"
    assert found.facts()["compared with"] == "the pieces of this test"
    assert str(bad) in str(found.facts()["left out"])
    assert [path.name for path in found.files] == ["evaluation.json", "evaluation.html"]
    told = json.loads(found.files[0].read_text("utf-8"))
    assert [piece["flagged"] for piece in told["pieces"]] == [True, False]
    assert "Composer 5, Piece 5" in found.files[1].read_text("utf-8")


def test_a_report_without_a_fingerprint_says_so(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tonada.symbolic.originality.fingerprint.shipped_path", lambda: copy.parent / "none")
    found = evaluate(copy, originality=True)
    assert found.headline() == f"{copy}: {ABSENT}"
    assert found.facts() == {"compared with": "nothing: there is no fingerprint"}
    (rows,) = found.tables().values()
    assert (rows[0]["quotes"], rows[0]["score"]) == ("–", None)
