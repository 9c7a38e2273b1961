"""The tool that trains the listener: what it makes of clips, and what it writes."""

from __future__ import annotations

import csv
import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tonada.checkpoint import load_tensors
from tonada.data import Piece, write_dataset

TOOLS = Path(__file__).parents[3] / "tools"
with pytest.MonkeyPatch.context() as patched:
    patched.syspath_prepend(str(TOOLS))  # where Python finds the tool's own modules when it is run
    tool = SimpleNamespace(**runpy.run_path(str(TOOLS / "train_listener.py"), run_name="train_listener"))
FREEDOOM = "https://github.com/freedoom/freedoom"
RIGHTS = {
    "low": {"artist": "Anna", "licence": "CC BY-SA 3.0", "source": "https://a.example", "kind": "real"},
    "high": {"artist": "", "licence": "BSD-3-Clause (COPYING)", "source": FREEDOOM, "kind": "real"},
}


def crop(seed: int = 1) -> torch.Tensor:
    """Give something that moves: bands that swell one after the other."""
    places, time = torch.linspace(0.0, 6.0, 128)[:, None], torch.linspace(0.0, 40.0, tool.CROP_FRAMES)
    return torch.sin(places + time) - 4.0 + 0.1 * torch.randn(128, tool.CROP_FRAMES, generator=torch.manual_seed(seed))


def power(spectrum: torch.Tensor) -> torch.Tensor:
    return spectrum.exp().square()


@pytest.mark.parametrize("name", list(tool.SPOILERS))
def test_spoiled_crops_keep_shape_and_are_no_music(name: str) -> None:
    spoiled = tool.SPOILERS[name](crop(), np.random.default_rng(1))
    assert spoiled.shape == (128, tool.CROP_FRAMES)
    assert spoiled.isfinite().all()
    lag = 3  # frames: what swells is still alike, what was spoiled is not, or never changes
    deviation = (power(spoiled).std(dim=1) / power(spoiled).mean(dim=1)).mean()
    centred = spoiled - spoiled.mean(dim=1, keepdim=True)
    likeness = (centred[:, lag:] * centred[:, :-lag]).mean() / centred.square().mean()
    assert likeness < 0.7 or deviation < 0.35


def test_scrambling_keeps_the_mean_power() -> None:
    spoiled = tool.scrambled(crop(), np.random.default_rng(2))
    torch.testing.assert_close(power(spoiled).mean(dim=1), power(crop()).mean(dim=1), rtol=0.25, atol=0.0)


def test_short_spectra_are_repeated_to_a_crop() -> None:
    assert tool.varied(crop()[:, :7], np.random.default_rng(1)).shape == (128, tool.CROP_FRAMES)


def test_it_trains_on_the_training_split_and_says_how_well_it_hears_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def sound(label: str, seed: int) -> np.ndarray:
        draw = np.random.default_rng(seed)
        time = np.arange(22_050) / 22_050
        hz = draw.uniform(200, 400) * (1 if label == "low" else 16)
        tone = np.sin(2 * np.pi * hz * time) * np.exp(-3.0 * (time % 0.25)) + 0.01 * draw.normal(size=len(time))
        return np.round(8000 * tone).astype(np.int16)

    pieces = [
        Piece(
            name=f"{split}{seed}",
            split=split,
            array=sound(label, seed),
            metadata={"label": label, "track": f"{seed}", **RIGHTS[label]},
        )
        for split, start, count in (("train", 0, 24), ("validation", 100, 8))
        for seed in range(start, start + count)
        for label in ["low" if seed % 2 else "high"]
    ]
    dataset = write_dataset(tmp_path / "data", codec="waveform", codec_config={"sample_rate": 22_050}, pieces=pieces)
    target = tmp_path / "listener.safetensors"
    command = ["train_listener.py", "-d", str(tmp_path / "data"), "--epochs", "3", "-o", str(target)]
    monkeypatch.setattr(sys, "argv", command)
    tool.main()
    names = ["listener.safetensors", "listener.json", "listener-ATTRIBUTION.csv", "listener-LICENSE-Freedoom.txt"]
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / name) for name in names]
    facts = json.loads(target.with_suffix(".json").read_text("utf-8"))
    assert facts["data_sha256"] == dataset.sha256
    assert (facts["training_segments"], facts["held_out_segments"], facts["held_out_tracks"]) == (24, 8, 8)
    assert (facts["licence"], facts["attribution"]) == ("CC BY-SA 4.0", "listener-ATTRIBUTION.csv")
    with (tmp_path / "listener-ATTRIBUTION.csv").open(encoding="utf-8", newline="") as file:
        named = list(csv.DictReader(file))
    assert sorted(int(row["track"]) for row in named) == list(range(24))  # nothing was learned from the others
    assert {row["artist"] for row in named} == {"Anna", "Contributors to the Freedoom project"}
    assert "Redistribution and use" in (tmp_path / "listener-LICENSE-Freedoom.txt").read_text("utf-8")
    confusion = facts["held_out_genre_confusion"]
    assert sum(map(sum, confusion)) == 8
    assert facts["held_out_genre_accuracy"] == (confusion[0][0] + confusion[1][1]) / 8
    assert load_tensors(target)[1]["labels"].splitlines() == ["high", "low", *tool.SPOILERS] == facts["labels"]
