"""Files against a reference set: what is the same comes out the same, and what is far off does not."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tonada.api.evaluation import evaluate
from tonada.api.judging import FilesEvaluation
from tonada.api.passages import Passages
from tonada.config import to_mapping
from tonada.data import Piece, write_dataset
from tonada.errors import CheckpointError, ConfigError, DataError
from tonada.runs import model_table, save_model
from tonada.symbolic.classifiers.judge import Judge, JudgeConfig
from tonada.symbolic.midi import write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.note import NoteTokenizer

PIECES = 14


def piece(seed: int, lowest: int = 50) -> Notes:
    random = np.random.default_rng(seed)
    return Notes.from_rows(
        (0.25 * step, 0.05 * length, lowest + int(pitch), int(velocity))
        for step, (length, pitch, velocity) in enumerate(random.integers((1, 0, 40), (5, 20, 80), size=(40, 3)))
    )


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a judge with random weights."""
    folder, tokenizer = tmp_path_factory.mktemp("models") / "judge", NoteTokenizer()
    config = JudgeConfig(width=8, blocks=1, embedding=4)
    torch.manual_seed(1)
    codec = {"name": tokenizer.name, **to_mapping(tokenizer.config)}
    save_model(folder, Judge(config), {"model": model_table("judge", config), "codec": codec})
    return folder


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a data set, the same pieces as files, and files an octave higher."""
    folder, tokenizer = tmp_path_factory.mktemp("music"), NoteTokenizer()
    write_dataset(
        folder / "data",
        codec="note",
        codec_config=to_mapping(tokenizer.config),
        pieces=[
            Piece(
                name=str(number),
                split="validation",
                array=tokenizer.encode_notes(piece(number)),
                metadata={"work": f"work {number}"},
            )
            for number in range(PIECES)
        ],
    )
    for name, lowest in (("same", 50), ("high", 74)):
        (folder / name).mkdir()
        for number in range(PIECES):
            score = Score.from_notes(piece(number, lowest), ticks_per_quarter=500)
            write_midi(score, folder / name / f"{number:02}.mid")
    return folder


def measured(music: Path, judge: Path, *names: str, **settings: object) -> FilesEvaluation:
    found = evaluate(*(music / name for name in names), ref=music / "data", judge=judge, **settings)  # type: ignore[arg-type]
    assert isinstance(found, FilesEvaluation)
    return found


def test_the_same_pieces_are_the_same(music: Path, judge: Path, tmp_path: Path) -> None:
    found = measured(music, judge, "same", output=tmp_path / "out")
    assert (found.passages, found.pieces, found.reference_passages) == (PIECES,) * 3
    told = {row.metric: row for row in found.metrics}
    assert max(abs(row.shift.value) for row in found.metrics if not math.isnan(row.shift.value)) < 1e-9
    assert told["pitch_mean"].mean.low < told["pitch_mean"].mean.value < told["pitch_mean"].mean.high
    assert 0.7 < told["pitch_mean"].share_inside.value < 1.0
    assert found.embedding["frechet"].value == pytest.approx(0.0, abs=1e-9)
    assert (found.embedding["precision"].value, found.embedding["coverage"].value) == (1.0, 1.0)
    assert found.real_embedding == {}  # fewer than two sets of pieces for a control
    assert found.styles == found.real_styles
    assert sum(share.value for share in found.styles.values()) == pytest.approx(1.0)
    # Of a set with itself the distances between hold those within, and every piece's distance to itself.
    overlaps = {one.row.feature: one.overlap for one in found.features}
    assert 0.8 < overlaps["velocity_mean"].value <= 1.0
    assert overlaps["velocity_mean"].low <= overlaps["velocity_mean"].value <= overlaps["velocity_mean"].high

    assert [path.name for path in found.files] == ["evaluation.json", "evaluation.html"]
    page = found.files[1].read_text()
    assert page.count("<svg") == 3
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    document = json.loads(found.files[0].read_text())
    assert document["passages"] == PIECES
    assert len(document["metrics"]) == len(found.metrics)


def test_an_octave_higher_is_further_off(music: Path, judge: Path) -> None:
    found = measured(music, judge, "high")
    told = {row.metric: row for row in found.metrics}
    pitches = [float(np.mean(piece(number).pitch)) for number in range(PIECES)]
    assert told["pitch_mean"].shift.value == pytest.approx(24 / np.std(pitches))
    assert told["pitch_mean"].share_inside.value == 0.0
    assert told["velocity_mean"].shift.value == pytest.approx(0.0, abs=1e-9)
    assert found.embedding["frechet"].value > 1e-3


def test_a_folder_of_files_is_a_reference_too(music: Path, judge: Path) -> None:
    found = evaluate(music / "high" / "00.mid", ref=music / "same", judge=judge)
    assert isinstance(found, FilesEvaluation)
    assert (found.pieces, found.reference_pieces, found.split) == (1, PIECES, "")
    assert found.embedding == {}  # of one piece
    assert all(math.isnan(one.overlap.low) for one in found.features)
    assert found.tables()["Objective metrics"][0]["metric"] == "notes"


def test_what_gives_no_passage_is_named(music: Path, judge: Path, tmp_path: Path) -> None:
    write_midi(Score.from_notes(piece(1)[:5]), tmp_path / "short.mid")
    (tmp_path / "bad.mid").write_bytes(b"no music")
    found = evaluate(
        tmp_path / "short.mid", tmp_path / "bad.mid", music / "same" / "00.mid", ref=music / "data", judge=judge
    )
    assert isinstance(found, FilesEvaluation)
    assert found.pieces == 1
    assert found.skipped[str(tmp_path / "short.mid")] == "has fewer than 20 notes"
    assert set(found.skipped) == {str(tmp_path / "short.mid"), str(tmp_path / "bad.mid")}
    with pytest.raises(DataError, match="has fewer than 20 notes"):
        evaluate(tmp_path / "short.mid", ref=music / "data", judge=judge)


def test_passages_are_spread() -> None:
    ten = Passages(notes=[piece(number) for number in range(10)], pieces=list("aabbccddee"))
    assert ten.count == 5
    assert ten.spread(4).pieces == ["a", "b", "d", "e"]
    assert ten.spread(1).pieces == ["a"]
    assert ten.spread(40).pieces == ten.pieces


def test_what_cannot_be_evaluated(music: Path, judge: Path, tmp_path: Path) -> None:
    same = music / "same"
    with pytest.raises(ConfigError, match="name a model, or MIDI files"):
        evaluate(ref=music / "data")
    with pytest.raises(ConfigError, match="--ref DATA"):
        evaluate(same)
    with pytest.raises(ConfigError, match="seconds must be more than 0"):
        evaluate(same, ref=music / "data", judge=judge, seconds=0.0)
    with pytest.raises(ConfigError, match=r"the split 'train' of .* holds no music"):
        evaluate(same, ref=music / "data", judge=judge, split="train")
    with pytest.raises(ConfigError, match="seconds and judge are for MIDI files"):
        evaluate("piano", ref=music / "data", seconds=3.0)
    with pytest.raises(ConfigError, match="piano is no classifier of notes"):
        evaluate(same, ref=music / "data", judge="piano")
    with pytest.raises(CheckpointError, match="there is no model 'nothing'"):
        evaluate("nothing", ref=music / "data")
