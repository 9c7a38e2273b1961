"""The tool that makes shipped models: what it writes for an autoencoder of sound, and whom it names."""

from __future__ import annotations

import csv
import importlib
import json
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tiny_autoencoder import SAMPLE_RATE, tones
from tonada.api.evaluation import evaluate
from tonada.api.generating import generate
from tonada.api.inspection import show_model
from tonada.api.training import train
from tonada.audio.latents.prior_files import load_prior
from tonada.checkpoint import load_tensors
from tonada.config import read_toml
from tonada.data import Piece, write_dataset

TOOLS = Path(__file__).parents[1] / "tools"
FREEDOOM = "https://github.com/freedoom/freedoom"
MADE_BY = (
    ("Anna", "CC BY-SA 4.0 (assets)", "https://a.example"),
    ("", "BSD-3-Clause (COPYING)", FREEDOOM),
    ("Ben", "CC-BY-3.0", "https://b.example"),
    ("Anna", "CC BY-SA 3.0 or GPLv3", "https://a.example"),
)
SETTINGS = ("width=8", "encoder_blocks=1", "decoder_blocks=1", "steps=4", "validate_every=2", "batch=2")
SETTINGS += ("crop_samples=2048", "precision=fp32", "warmup_steps=1")
Ship = Callable[..., list[str]]


@pytest.fixture
def rights(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("shipping.rights")


@pytest.fixture
def ship(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ship:
    """Run the tool in this process; give the names of the files that it says it wrote."""
    monkeypatch.syspath_prepend(str(TOOLS))
    tool = SimpleNamespace(**runpy.run_path(str(TOOLS / "ship_model.py"), run_name="ship_model"))

    def run(*arguments: str | Path) -> list[str]:
        given = [*arguments, "--name", "net", "--data", tmp_path / "data", "-o", tmp_path / "shipped"]
        monkeypatch.setattr(sys, "argv", ["ship_model.py", *map(str, given)])
        tool.main()
        return [Path(line).name for line in capsys.readouterr().out.splitlines()]

    return run


def credited(split: str) -> Iterator[Piece]:
    """Give tones that somebody made, two segments a track."""
    for number, piece in enumerate(tones(8, split)):
        artist, licence, source = MADE_BY[number // 2]
        told = {"artist": artist, "licence": licence, "source": source, "kind": "rendered FluidR3_GM"}
        yield replace(piece, metadata={**piece.metadata, **told})


def save_credited(folder: Path) -> None:
    write_dataset(
        folder,
        codec="waveform",
        codec_config={"sample_rate": SAMPLE_RATE},
        pieces=[piece for split in ("train", "validation", "test") for piece in credited(split)],
        facts={"prepare": {"segment_s": 0.5, "seed": 7, "collections": ["tones"]}},
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a data set, and the run of a very small variational autoencoder."""
    folder = tmp_path_factory.mktemp("trained")
    save_credited(folder / "data")
    train("vae/16x", data=folder / "data", output=folder / "run", settings=SETTINGS)
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """Give a copy of the run, with its data set beside it."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path / "run"


def test_a_shipped_autoencoder(run: Path, tmp_path: Path, ship: Ship) -> None:
    folder, data = tmp_path / "shipped" / "net", tmp_path / "data"
    beside = ["ATTRIBUTION.csv", "LICENSE-Freedoom.txt"]
    assert ship(run, "--draft") == [*beside, "config.toml", "model.safetensors", "prior.safetensors"]
    weights, _ = load_tensors(folder / "model.safetensors")
    full, _ = load_tensors(run / "model.safetensors")
    assert all(torch.equal(weights[name], tensor.to(torch.bfloat16)) for name, tensor in full.items())
    assert read_toml(folder / "config.toml")["data"].keys() == {"sha256"}
    prior = (folder / "prior.safetensors").stat()
    assert load_prior(folder / "prior.safetensors", weights_sha256=show_model(folder).sha256["model.safetensors"])
    assert [clip.prior for clip in generate(model=folder, output=tmp_path / "out", seconds=0.2).made] == ["fitted"]

    with pytest.raises(SystemExit, match=r"or give --draft"):
        ship(run)
    paths = []
    for split in ("validation", "test"):
        evaluate(folder, ref=data, split=split, output=tmp_path / split)
        paths.append(tmp_path / split / "evaluation.json")
    with pytest.raises(SystemExit, match="that of the validation and that of the test split"):
        ship(run, paths[0])
    written = ship(run, *paths, "--cpu-minutes", "3")
    assert written == [*beside, "card.md", "config.toml", "model.safetensors", "prior.safetensors"]
    assert (folder / "prior.safetensors").stat().st_mtime_ns == prior.st_mtime_ns  # it is of the same weights

    info, card = show_model(folder), (folder / "card.md").read_text()
    assert info.licence == "CC BY-SA 4.0"
    assert list(info.sha256) == ["config.toml", "model.safetensors", "prior.safetensors"]
    assert f"| parameters | {info.parameters:,} |" in card
    assert "16 values every 256 samples: 500 a second, 16.0 samples to a value" in card
    assert "| `vae/16x`, sample_rate" not in card  # the data say that
    assert "`vae/16x`, width 8, encoder_blocks 1, decoder_blocks 1 |" in card
    assert all(f" --set {setting}" in card for setting in SETTINGS)
    assert "4 optimizer steps of 2 crops of 0.26 s" in card
    assert "3 minutes of processor time" in card
    assert [line[:5] for line in card.splitlines() if line.startswith(("| 2 |", "| 4 |"))] == ["| 2 |", "| 4 |"]
    for split, path in zip(("validation", "test"), paths, strict=True):
        reconstruction = json.loads(path.read_text())["reconstruction"]
        mean = reconstruction["whole"]["metrics"]["si_sdr_db"]["mean"]
        cell = f"{mean['value']:.2f} ({mean['low']:.2f} to {mean['high']:.2f})"
        assert f"| {split} | 8 | 4 | {cell} |" in card
        assert f"| {split} | high | 4 | 2 | " in card
        assert f"On the {split} split {reconstruction['latent']['active_dimensions']} of 16 dimensions are" in card
    assert "| [CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/) | 1 | 2 | Anna |" in card
    assert "| 1 | 2 | Contributors to the Freedoom project |" in card
    assert max(map(len, card.splitlines())) < 300
    with (folder / "ATTRIBUTION.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["track"], row["artist"], row["stated_as"]) for row in rows} == {
        (f"train-{number}.wav", artist or "Contributors to the Freedoom project", licence)
        for number, (artist, licence, _) in enumerate(MADE_BY)
    }


def test_a_model_of_two_stages(run: Path, tmp_path: Path, ship: Ship) -> None:
    data, second, folder = tmp_path / "data", tmp_path / "second", tmp_path / "shipped" / "net"
    settings = [setting for setting in SETTINGS if not setting.startswith("batch")]
    train("vae/16x", data=data, output=second, settings=[*settings, "batch=3", "adversarial_weight=0.5"], init=run)
    ship(second, "--draft")
    shipped = load_tensors(folder / "model.safetensors")[0]
    full = load_tensors(second / "model.safetensors")[0]
    assert {name for name in full if name.startswith("discriminator.")} == full.keys() - shipped.keys() != set()
    paths = []
    for split in ("validation", "test"):
        evaluate(folder, ref=data, split=split, output=tmp_path / split)
        paths.append(tmp_path / split / "evaluation.json")
    ship(second, *paths, "--first", run, "--first-cpu-minutes", "3")
    card = (folder / "card.md").read_text()
    commands = [line.strip() for line in card.splitlines() if line.startswith("    tonada train")]
    assert [command.split()[2:7] for command in commands] == [
        ["vae/16x", "-d", "DATA", "-o", "FIRST"],
        ["vae/16x", "-d", "DATA", "-o", "RUN"],
    ]
    assert "equalise" not in card
    (second / "equalised.json").touch()  # as equalise_run.py leaves it
    ship(second, *paths, "--first", run, "--first-cpu-minutes", "3")
    equalised = (folder / "card.md").read_text()
    assert "python tools/equalise_run.py RAW -d DATA -o RUN" in equalised
    assert ", equalised, rounded to bf16" in equalised
    assert commands[1].endswith("--init FIRST")
    assert card.index("4 optimizer steps of 2 crops") < card.index("4 optimizer steps of 3 crops")
    assert "against a discriminator of spectra, weight 0.5" in card
    assert f"| parameters | {show_model(run).parameters:,} |" in card


def test_figures_of_other_weights_are_refused(run: Path, tmp_path: Path, ship: Ship) -> None:
    ship(run, "--draft")
    evaluate(run, ref=tmp_path / "data", output=tmp_path / "of-the-run")  # not rounded
    with pytest.raises(SystemExit, match="figures of other weights"):
        ship(run, tmp_path / "of-the-run" / "evaluation.json")
    evaluate(tmp_path / "shipped" / "net", ref=tmp_path / "data", output=tmp_path / "part", limit=2)
    with pytest.raises(SystemExit, match="or of a part of it"):
        ship(run, tmp_path / "part" / "evaluation.json")
    (tmp_path / "data").rename(tmp_path / "old")
    write_dataset(
        tmp_path / "data", codec="waveform", codec_config={"sample_rate": SAMPLE_RATE}, pieces=[*tones(2, "train")]
    )
    with pytest.raises(SystemExit, match="is not the data set that"):
        ship(run, "--draft")


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("CC BY 3.0 (per ATTRIBUTIONS.md)", "CC BY 3.0"),
        ("CC-BY-3.0", "CC BY 3.0"),
        ("CC BY 4.0 (GiantMIDI-Piano README)", "CC BY 4.0"),
        ("CC BY-SA 4.0+", "CC BY-SA 4.0"),
        ("CC-BY-SA-3.0", "CC BY-SA 3.0"),
        ("CC BY-SA 3.0 or GPLv3", "CC BY-SA 3.0"),
        ("CC BY-NC-SA 4.0", "CC BY-NC-SA 4.0"),
        ("CC0", "CC0 1.0"),
        ("Public Domain (ID3 copyright tag)", "public domain"),
        ("BSD-3-Clause (COPYING)", "BSD-3-Clause"),
    ],
)
def test_licences_that_are_known(rights: Any, stated: str, name: str) -> None:
    licence = rights.read_licence(stated)
    assert licence.name == name
    assert (licence.share_alike, licence.non_commercial) == ("-SA" in name, "-NC" in name)
    if name.startswith("CC BY"):
        assert licence.link == f"https://creativecommons.org/licenses/{name[3:].lower().replace(' ', '/')}/"


@pytest.mark.parametrize("stated", ["", "GPLv3", "CC BY-ND 4.0", "CC BY-NC-ND 4.0", "CC BY-SA 2.0", "free", "BSD"])
def test_licences_that_are_not_known_stop_the_tool(rights: Any, stated: str) -> None:
    with pytest.raises(SystemExit, match="does not know"):
        rights.read_licence(stated)


def test_weights_carry_what_the_strictest_licence_asks(rights: Any) -> None:
    def weights(*stated: str) -> str:
        return str(rights.licence_of_weights(map(rights.read_licence, stated)).name)

    assert weights("CC0", "BSD-3-Clause") == weights("CC BY 3.0", "Public Domain") == "CC BY 4.0"
    assert weights("CC BY 4.0", "CC BY-SA 3.0", "CC0") == "CC BY-SA 4.0"
    assert weights("CC BY-NC-SA 4.0", "CC BY 3.0") == "CC BY-NC-SA 4.0"
    assert weights("CC BY-NC 4.0", "CC BY-NC-SA 4.0") == "CC BY-NC-SA 4.0"
    assert weights("CC BY-NC 4.0", "CC0") == "CC BY-NC 4.0"
    for other in ("CC BY-NC-SA 4.0", "CC BY-NC 3.0"):
        with pytest.raises(SystemExit, match="no licence does justice"):
            weights("CC BY-SA 4.0", other)


def test_works_without_an_author_or_notice(rights: Any) -> None:
    with pytest.raises(SystemExit, match="artist, kind, licence, source"):
        rights.works_of([{"label": "a", "track": "b"}])
    row = {"label": "a", "track": "b", "artist": "", "licence": "BSD-3-Clause", "source": "elsewhere", "kind": "real"}
    works = rights.works_of([row, row, {**row, "track": "c"}])
    assert [(work.track, work.segments) for work in works] == [("b", 2), ("c", 1)]
    with pytest.raises(SystemExit, match="elsewhere: its BSD licence"):
        rights.notices_for(works)
