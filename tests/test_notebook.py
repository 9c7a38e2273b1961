"""The notebook runs from top to bottom, with tiny settings and sounds that the test makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tonada.audio.clip import Clip, write_clip

NOTEBOOK = Path(__file__).parents[1] / "docs" / "music-encoder.ipynb"
RATE = 22_050
TINY = (
    *("batch=2", "crop_samples=4096", "width=8", "encoder_blocks=1", "decoder_blocks=1", "latent_channels=3"),
    *("precision=fp32", "optimizer=adamw"),
)


def code_cells() -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]


def write_song(path: Path, *, seed: int, seconds: float) -> None:
    """Write a tune of a few notes, another for every seed."""
    generator = np.random.default_rng(seed)
    parts = []
    while sum(len(part) for part in parts) < seconds * RATE:
        time = np.arange(int(generator.uniform(0.15, 0.5) * RATE)) / RATE
        tone = np.sin(2 * np.pi * 220 * 2 ** (generator.integers(0, 24) / 12) * time)
        parts.append(0.4 * tone * np.exp(-4 * time))
    samples = np.concatenate(parts)[: int(seconds * RATE)] + 0.01 * generator.standard_normal(int(seconds * RATE))
    write_clip(Clip(samples=samples[None].astype(np.float32), sample_rate=RATE), path)


def test_it_was_saved_without_what_it_printed() -> None:
    for cell in code_cells():
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


def test_the_notebook_trains_stores_explores_encodes_and_makes_a_song(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    for number in range(16):
        label = "calm" if number % 2 else "quick"
        (tmp_path / "genres" / label).mkdir(parents=True, exist_ok=True)
        write_song(tmp_path / "genres" / label / f"{label}.{number:05}.wav", seed=number, seconds=10.5)
    write_song(tmp_path / "outside.wav", seed=99, seconds=3.0)
    tiny = {
        "SOURCE": str(tmp_path / "genres"),
        "OUTSIDE": str(tmp_path / "outside.wav"),
        "WORK": str(tmp_path / "work"),
        "STEPS": 4,
        "SETTINGS": TINY,
    }
    names: dict[str, Any] = {}
    for cell in code_cells():
        exec(compile("".join(cell["source"]), str(NOTEBOOK), "exec"), names)  # what Jupyter does
        if "parameters" in cell["metadata"].get("tags", ()):
            assert tiny.keys() <= names.keys()
            names |= tiny
    work = tmp_path / "work"
    assert (names["winner"] / "model.safetensors").is_file()
    assert any(path.suffix == ".html" for path in names["exploration"].files)
    assert (work / "outside" / "outside.npy").is_file()
    assert len(list((work / "new").glob("*.wav"))) == 2
    out = capsys.readouterr().out
    assert names["proposal"].reason in out
    assert names["winner"].name == names["proposal"].name
    assert {path.parent.name for path in names["songs"]} == {"calm", "quick"}
