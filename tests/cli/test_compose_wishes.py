"""What a composition shall be like, and what of a file is kept: options of compose, and what they write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import Outcome, Run
from midi_files import PIECE
from tonada.config import to_mapping
from tonada.runs import model_table, save_model
from tonada.symbolic.arranging import chords
from tonada.symbolic.midi import read_midi, write_midi
from tonada.symbolic.models.gpt import GPT, GPTConfig
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.prompts import TRACK_NAME
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.note import NoteConfig, NoteTokenizer
from tonada.symbolic.tokenizers.performance import PerformanceTokenizer

TUNE = Notes.from_rows([(0.25 * i, 0.4, 60 + 5 * i % 13 + 12 * (i % 3), 50 + i) for i in range(24)])


@pytest.fixture
def compose(tonada: Run, tiny_model: Path) -> Run:
    def run(*arguments: str | Path) -> Outcome:
        write_midi(Score.from_notes(TUNE), Path("tune.mid"))
        model = [] if "--model" in arguments else ["--model", tiny_model]
        return tonada("compose", *arguments, *model, "-o", "out")

    return run


def written(name: str) -> Notes:
    """Give the notes of the track that was made."""
    score = read_midi(Path("out", name))
    (made,) = (track for track in score.tracks if track.name == TRACK_NAME)
    return Score(tracks=(made,), tempo_map=score.tempo_map).notes()


def save(name: str, tokenizer: NoteTokenizer | PerformanceTokenizer, told: float | None) -> Path:
    config = GPTConfig(vocabulary=tokenizer.vocabulary_size, context=32, width=8, blocks=1, heads=1)
    tables = {"model": model_table("gpt", config), "codec": {"name": tokenizer.name, **to_mapping(tokenizer.config)}}
    if told is not None:
        tables["augmentation"] = {"conditions": told}
    save_model(Path(name), GPT(config), tables)
    return Path(name)


# --- conditions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ([], {}),
        (["--composer", "Sergei Rakhmaninov"], {"composer": "Rachmaninoff"}),
        (["--composer", "saint-saens", "--period", "Romantic"], {"composer": "Saint-Saëns", "style": "romantic"}),
        (["--key", "d-flat MINOR", "--tempo", "75"], {"key": "C# minor", "tempo": "slow"}),
        (["--key", "Bb major", "--density", "7"], {"key": "Bb major", "density": "sparse"}),
        (["--density", "Very Dense", "--tempo", "moderate"], {"density": "very dense", "tempo": "moderate"}),
        (["--ending", "--seconds", "5"], {"length": "ending"}),
        (["--ending", "--seconds", "50"], {"length": "short"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wishes_come_before_the_prompt(
    wishes: list[str], told: dict[str, str], compose: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, read = GPT.step, list[list[int]]()

    def listening(self: GPT, ids: torch.Tensor, cache: object) -> torch.Tensor:
        read.append(ids[0].tolist())
        return step(self, ids, cache)

    monkeypatch.setattr(GPT, "step", listening)
    length = [] if "--ending" in wishes else ["--notes", "1"]
    assert compose("tune.mid", "--prompt-seconds", "1", *length, *wishes).code == 0
    tokenizer = NoteTokenizer()
    assert read[0] == tokenizer.prompt_ids(TUNE.between(0.0, 1.0), told).tolist()
    assert [len(ids) for ids in read[1:4]] == [1] * 3


def test_replay_knows_the_wishes(compose: Run, tonada: Run) -> None:
    assert compose("tune.mid", "--seconds", "3", "--composer", "bach", "--ending").code == 0
    assert compose("tune.mid", "--keep", "melody", "--voices", "2", "-n", "2", "--prompt-seconds", "1").code == 0
    assert tonada("replay", "out/tune_tiny_2.json").lines == ["identical"]


def test_an_ending_may_come_and_is_told(compose: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that closes the piece whenever it may: after three quarters of the length, and not without --ending."""
    step = GPT.step

    def eager(self: GPT, ids: torch.Tensor, cache: object) -> torch.Tensor:
        logits = step(self, ids, cache).clone()
        logits[:, NoteTokenizer().end_id] = 99.0
        return logits

    monkeypatch.setattr(GPT, "step", eager)
    assert compose("tune.mid", "--seconds", "200").code == 0
    assert json.loads(Path("out/tune_tiny_1.json").read_text())["ended"] == "length"
    assert compose("tune.mid", "--seconds", "200", "--ending").code == 0
    assert json.loads(Path("out/tune_tiny_1.json").read_text())["ended"] == "end"
    # It closed at the first onset from 150 s on; no shift is longer than 31 s.
    assert 150 <= written("tune_tiny_1.mid").onset_s[-1] - TUNE.onset_s[-1] < 181


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--composer", "Chopn"], ["unknown composer 'Chopn'", "Chopin"]),
        (["--key", "H major"], ["unknown key 'H major'"]),
        (["--density", "-3"], ["density must be more than 0 and finite; got -3"]),
        (["--tempo", "quick"], ["unknown tempo 'quick'"]),
        (["--composer", "Bach", "--ending", "--model", "untold"], ["untold was trained without conditions", "ending"]),
        (["--ending", "--model", "short"], ["short knows no condition of this kind", "ending"]),
        (["--key", "C major", "--model", "events"], ["events knows no condition of this kind", "key"]),
        (["--ending", "--notes", "5"], ["give only one of ending and notes"]),
        (["--ending", "--keep", "rhythm"], ["give only one of ending and keep"]),
        (["--keep", "rythm"], ["unknown thing to keep 'rythm'", "rhythm"]),
        (["--voices", "3"], ["give keep=melody too"]),
        (["--keep", "melody", "--voices", "11"], ["voices must lie in 2 to 10; got 11"]),
        (["--keep", "rhythm", "--model", "events"], ["keep=rhythm needs notes of fixed ids", "'performance'"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wishes_that_cannot_be(arguments: list[str], words: list[str], compose: Run) -> None:
    save("untold", NoteTokenizer(), 0.0)
    save("short", NoteTokenizer(NoteConfig(lengths=(), length_bounds_s=())), 0.5)
    save("events", PerformanceTokenizer(), None)
    outcome = compose("tune.mid", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1
    assert [word for word in words if word not in outcome.err] == []
    assert not Path("out").exists()


def test_nothing_to_keep(compose: Run) -> None:
    outcome = compose("--keep", "rhythm")
    assert (outcome.code, outcome.out) == (2, "")
    assert "keep=rhythm needs a file" in outcome.err
    outcome = compose("tune.mid", "--keep", "rhythm", "--prompt-seconds", "99")
    assert (outcome.code, outcome.out) == (3, "")
    assert "no notes after the prompt, so no rhythm is left to keep" in outcome.err
    write_midi(Score.from_notes(Notes.from_rows([(0.0, 1.0, 1, 64)])), Path("low.mid"))
    outcome = compose("low.mid", "tune.mid", "--keep", "melody")
    assert outcome.code == 7
    assert "low.mid: there is no room for 3 voices at 0.0 s, where the melody is at pitch 1" in outcome.err
    assert outcome.lines == ["out/tune_tiny_1.mid", "out/tune_tiny_1.json"]


# --- what is kept ----------------------------------------------------------------------------------------------------


def sorted_times(notes: Notes) -> np.ndarray:
    return np.array(sorted(zip(notes.onset_s, notes.duration_s, strict=True)))


def test_a_rhythm_is_kept_to_the_tick(compose: Run) -> None:
    """Of a file with tempi, meters and a pedal: every note begins and ends where one did, and none is lost."""
    Path("played.mid").write_bytes(PIECE)
    for name, notes in (("tune", TUNE), ("played", fold_pedal(read_midi(Path("played.mid"))))):
        assert compose(f"{name}.mid", "--keep", "rhythm", "-n", "2").code == 0
        for number in (1, 2):
            made = written(f"{name}_tiny_{number}.mid")
            assert len(made) == len(notes)
            np.testing.assert_allclose(sorted_times(made), sorted_times(notes), atol=0.002)
    assert not np.array_equal(written("tune_tiny_1.mid").pitch, written("tune_tiny_2.mid").pitch)


def test_a_melody_is_kept_after_a_prompt(compose: Run) -> None:
    outcome = compose("tune.mid", "--keep", "melody", "--voices", "4", "--prompt-seconds", "1", "--seconds", "3")
    assert outcome.code == 0
    made, rest = written("tune_tiny_1.mid"), TUNE.between(1.0, 4.0)
    assert [len(chord) for chord in chords(made)] == [4] * len(rest)
    melody = made[np.array([chord[-1] for chord in chords(made)])]
    np.testing.assert_allclose(melody.onset_s, rest.onset_s, atol=0.001)
    assert (melody.pitch.tolist(), melody.velocity.tolist()) == (rest.pitch.tolist(), rest.velocity.tolist())
    whole = read_midi(Path("out/tune_tiny_1.mid"))
    assert whole.tracks[0].pitch.tolist() == TUNE.between(0.0, 1.0).pitch.tolist()


def test_chords_are_kept(compose: Run) -> None:
    assert compose("tune.mid", "--keep", "chords", "--notes", "10", "--continuation-only").code == 0
    made = read_midi(Path("out/tune_tiny_1.mid")).notes()
    assert made.pitch.tolist() == TUNE.pitch[:10].tolist()
    assert (np.diff(made.onset_s) > 0).all()
