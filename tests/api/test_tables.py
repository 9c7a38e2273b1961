"""The tables of a run: every preset gives them, and where a value comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiny_autoencoder import TinyAutoencoder, register
from tonada import registry
from tonada.api.tables import make_tables, read_request
from tonada.errors import ConfigError, UnknownNameError
from tonada.runs import build_model


@pytest.mark.parametrize("full_name", registry.preset_names("model"))
def test_every_preset_gives_tables(full_name: str) -> None:
    tables = make_tables(read_request(full_name, None), dictated={})
    assert list(tables) == ["model", "trainer", "augmentation"]
    assert tables["model"]["name"] == full_name.partition("/")[0]
    settings = {name: value for table in ("trainer", "augmentation") for name, value in tables[table].items()}
    for name, value in registry.recipe(full_name).items():
        assert settings[name.rpartition(".")[2]] == (list(value) if isinstance(value, tuple) else value)


def test_small_pianists_are_trained_by_muon() -> None:
    optimizers = {
        name: make_tables(read_request(f"gpt/{name}", None), dictated={})["trainer"]["optimizer"]
        for name in ("giga", "small", "tiny")
    }
    assert optimizers == {"giga": "adamw", "small": "muon", "tiny": "muon"}


def test_what_comes_before_what(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    register(monkeypatch)
    file = tmp_path / "mine.toml"
    file.write_text("[model]\nwidth = 4\n[trainer]\nsteps = 7\nseed = 3\n[augmentation]\ngain_db = 1\n")
    tables = make_tables(
        read_request("tiny/plain", file),
        dictated={"sample_rate": 44_100},
        settings=["seed=5", "augmentation.flip=false"],
    )
    assert tables["model"] == {"name": "tiny", "sample_rate": 44_100, "width": 4}
    assert tables["augmentation"] == {"crop_samples": 256, "gain_db": 1.0, "flip": False}
    trainer = tables["trainer"]
    assert (trainer["steps"], trainer["seed"], trainer["learning_rate"], trainer["batch"]) == (7, 5, 0.02, 8)
    assert isinstance(build_model(tables["model"]), TinyAutoencoder)


@pytest.mark.parametrize(
    ("recipe", "words"), [({"semitones": 3}, "unknown setting 'semitones'"), ({"width": 3}, "unknown setting 'width'")]
)
def test_a_recipe_is_of_trainer_and_augmentation(
    recipe: dict[str, int], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch)
    monkeypatch.setattr(TinyAutoencoder, "recipes", {"plain": recipe})
    with pytest.raises(UnknownNameError, match=words):
        make_tables(read_request("tiny/plain", None), dictated={})


def test_a_recipe_may_name_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    monkeypatch.setattr(TinyAutoencoder, "recipes", {"plain": {"augmentation.gain_db": 2.0, "trainer.seed": 9}})
    tables = make_tables(read_request("tiny/plain", None), dictated={})
    assert (tables["augmentation"]["gain_db"], tables["trainer"]["seed"]) == (2.0, 9)


def test_neither_preset_nor_file() -> None:
    with pytest.raises(ConfigError, match="name a model preset"):
        read_request(None, None)
