"""Candidates and a critic: which is kept, what the sidecar says of it, and that replay makes all of it again."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from conftest import Outcome, Run
from tonada.api.composer import Composer
from tonada.api.hearing import Heard
from tonada.api.ranking import Critic as Ranker
from tonada.config import to_mapping
from tonada.runs import model_table, save_model
from tonada.symbolic.classifiers.critic import Critic, CriticConfig
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.note import NoteTokenizer


@pytest.fixture
def critic(tmp_path: Path) -> Path:
    """Give a critic with random weights: it has its whims, but the same ones every time."""
    tokenizer, config = NoteTokenizer(), CriticConfig(width=16, blocks=1, heads=2, embedding=8)
    torch.manual_seed(5)
    model = Critic(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    codec = {"name": tokenizer.name, **to_mapping(tokenizer.config)}
    save_model(tmp_path / "mine", model, {"model": model_table("critic", config), "codec": codec})
    return tmp_path / "mine"


@pytest.fixture
def compose(tonada: Run, tiny_model: Path, piece: Path) -> Run:
    def run(*arguments: str | Path) -> Outcome:
        return tonada("compose", piece, "--model", tiny_model, "--notes", "30", *arguments)

    return run


def test_the_best_candidate_is_kept(compose: Run, critic: Path) -> None:
    assert compose("-n", "6", "-o", "all").code == 0
    assert compose("-n", "2", "--best-of", "3", "--critic", critic, "-o", "best").code == 0
    assert sorted(path.name for path in Path("best").glob("*.mid")) == ["piece_tiny_1.mid", "piece_tiny_2.mid"]
    every = [Path("all", f"piece_tiny_{lane}") for lane in range(1, 7)]
    ranker = Ranker(critic)
    for variation in (1, 2):
        told = json.loads(Path("best", f"piece_tiny_{variation}.json").read_text())
        best = told["best_of"]
        assert (told["settings"]["best_of"], told["settings"]["critic"]) == (3, "../mine")
        assert best["critic"]["name"] == "mine"
        assert len(best["scores"]) == 3
        assert best["scores"][best["candidate"] - 1] == max(best["scores"])
        assert len(set(best["scores"])) == 3
        kept = Path("best", f"piece_tiny_{variation}.mid")
        lane = 3 * (variation - 1) + best["candidate"] - 1
        assert kept.read_bytes() == every[lane].with_suffix(".mid").read_bytes()
        assert best["steps"] == 120
    assert ranker.scores([Notes.empty()]) == [float("-inf")]


def test_replay_ranks_again(compose: Run, critic: Path, tonada: Run) -> None:
    compose("-n", "2", "--best-of", "3", "--critic", critic, "-o", "best")
    outcome = tonada("replay", "best/piece_tiny_2.json")
    assert (outcome.code, outcome.err) == (0, "")
    (critic / "config.toml").write_text((critic / "config.toml").read_text() + "\n")
    assert "critic: config.toml was" in tonada("replay", "best/piece_tiny_2.json").out


def test_what_is_stopped_is_ranked_and_replayed(
    compose: Run, critic: Path, tonada: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    continuations, is_pressed = Composer.continuations, False

    def pressed(self: Composer, prompt: Any, *, stop: Any, listen: Any) -> Any:
        def hear(heard: Heard) -> None:
            nonlocal is_pressed
            if heard.notes[1] == 12 and not is_pressed:
                is_pressed = True
                signal.raise_signal(signal.SIGINT)
            listen(heard)

        return continuations(self, prompt, stop=stop, listen=hear)

    with monkeypatch.context() as patched:
        patched.setattr(Composer, "continuations", pressed)
        assert compose("--best-of", "4", "--critic", critic, "-o", "best").code == 130
    assert tonada("replay", "best/piece_tiny_1.json").code == 0


def test_one_candidate_needs_no_critic(compose: Run) -> None:
    assert compose("--critic", "nobody", "-o", "out").code == 0
    assert json.loads(Path("out/piece_tiny_1.json").read_text())["best_of"] is None


def test_what_cannot_be(compose: Run, critic: Path, tiny_model: Path) -> None:
    outcome = compose("--best-of", "0")
    assert (outcome.code, "best_of must lie in 1 to 256" in outcome.err) == (2, True)
    assert "1 to 64 with 4 variations" in compose("--best-of", "65", "-n", "4").err
    outcome = compose("--best-of", "2", "--critic", "nobody")
    assert (outcome.code, "there is no model 'nobody'" in outcome.err) == (4, True)
    assert "is no classifier of notes" in compose("--best-of", "2", "--critic", tiny_model).err
    judge = compose("--best-of", "2", "--critic", "piano")
    assert (judge.code, "is no classifier of notes" in judge.err) == (2, True)
