"""The benchmark of the thesis' experiments: its figures by hand, its rows, and a row from beginning to end."""

from __future__ import annotations

import json
import math
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tonada.config import from_mapping, read_toml
from tonada.finetuning import layer_groups
from tonada.seeding import rng
from tonada.symbolic.chunks import split_by_work, split_chunks
from tonada.training import TrainerConfig

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def thesis() -> dict[str, Any]:
    return runpy.run_path(str(FOLDER / "thesis.py"))


def giga_ids(seed: int, notes: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Notes without any sense, in the shape of the tokens."""
    triples = rng(seed, "notes").integers((0, 1, 40), (20, 9, 60), (notes, 3))
    return np.insert(triples, 0, 127, axis=1).reshape(-1).astype(np.uint16)


def test_figures_are_counted_by_hand(thesis: dict[str, Any]) -> None:
    """Two notes: separators are known for sure, of six other ids three are hit."""
    losses = np.array([0, 1, 2, 3, 0, 1, 1, 1], dtype=np.float32)
    hits = np.array([1, 0, 1, 0, 1, 1, 1, 0], dtype=bool)
    targets = np.array([127, 5, 6, 7, 127, 0, 6, 7])
    found = thesis["figures"](losses, hits, targets)
    assert found == {
        "loss": 9 / 8,
        "accuracy": 5 / 8,
        "perplexity": math.exp(9 / 8),
        "accuracy of notes": 0.5,
        "nats per note": 4.5,
    }


def test_knowing_nothing_but_separators_is_a_quarter(thesis: dict[str, Any]) -> None:
    ids = giga_ids(1, 500)
    losses, hits = np.where(ids == 127, 0.0, math.log(20)), ids == 127
    found = thesis["figures"](losses, hits, ids)
    assert found["accuracy"] == 0.25
    assert found["accuracy of notes"] == 0.0
    assert found["nats per note"] == pytest.approx(3 * math.log(20))


def test_rows_can_be_trained(thesis: dict[str, Any]) -> None:
    asked = read_toml(FOLDER / "thesis.toml")
    rows = thesis["read_rows"](asked)
    assert len({row.name for row in rows}) == 11
    sizes = {name: thesis["fresh"](size) for name, size in asked["sizes"].items()}
    assert {name: (model.config.blocks, model.config.width) for name, model in sizes.items()} == {
        "small": (4, 256),
        "large": (6, 256),
    }
    for row in rows:
        trainer = from_mapping(TrainerConfig, {"learning_rate": 1.0, **row.trainer})
        assert trainer.steps == (600 if "longer" in row.name else 150)
        if row.tuning is not None and row.tuning.train == "groups":
            groups = layer_groups(sizes[row.size], row.tuning.groups)
            assert len(groups) == (5 if row.half_valley else 1)
            assert ("head" in groups[-1][0]) == (not row.half_valley)
        assert row.half_valley == ("recipe" in row.name)
    assert {row.style for row in rows} == set(thesis["STYLES"])


@pytest.mark.parametrize("name", ["whole model, 1e-3", "recipe, romantic", "adapter of rank 8"])
def test_a_row_is_trained_judged_and_shown(thesis: dict[str, Any], tmp_path: Path, name: str) -> None:
    pieces = [giga_ids(seed, 120) for seed in range(8)]
    rest, held = split_by_work(pieces, [str(seed) for seed in range(8)])
    train, chunks = split_chunks([rest.ids])
    style = thesis["Style"](train=train, chunks=chunks, works=held)
    (row,) = [row for row in thesis["read_rows"](read_toml(FOLDER / "thesis.toml")) if row.name == name]
    row.trainer.update(steps=5, batch=2)
    thesis["train_row"].__globals__.update(GLANCED=4, JUDGED=8, FINDER_STEPS=12)
    size = {"width": 16, "blocks": 4, "heads": 2}
    thesis["train_base"](tmp_path / "base", size, {"steps": 3, "batch": 4, "learning_rate": 3e-3}, train)
    thesis["train_row"](row, tmp_path / "row", tmp_path / "base", style)
    found = json.loads((tmp_path / "row" / "judged.json").read_text())
    everything = json.loads((tmp_path / "base" / "judged.json").read_text())["parameters"]
    trained = {"whole model, 1e-3": everything, "recipe, romantic": 128 * 16 + 9 * 32}
    assert found["trained"] == trained.get(name, found["trained"])
    assert found["trained"] <= everything
    assert found["steps"] == 5
    for side in ("chunks", "works"):
        one = found[side]
        assert one["perplexity"] == pytest.approx(math.exp(one["loss"]))
        assert 0 <= one["accuracy"] <= 1
        assert thesis["table"]([{"name": name, "style": row.style, **found}], side).count("\n") == 3
    thesis["draw"]({name: tmp_path / "row"}, tmp_path)
    assert "works held back" in (tmp_path / "thesis-row.svg").read_text()
