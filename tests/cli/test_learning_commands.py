"""prepare, train, evaluate, and what looks at their results: model, runs, config, doctor."""

from __future__ import annotations

import errno
import json
import shutil
import signal
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Run, names
from tonada.api.training import train
from tonada.checkpoint import load_tensors, save_tensors
from tonada.config import read_toml
from tonada.symbolic.midi import write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score
from tonada.training import Progress

SMALL = [
    part
    for setting in ("width=16", "blocks=1", "heads=2", "context=64", "batch=2", "steps=4", "validate_every=2")
    for part in ("--set", setting)
]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of four pieces with a table that splits them, and of a file that is no MIDI file."""
    folder = tmp_path_factory.mktemp("music")
    lines = ["midi_filename,canonical_composer,canonical_title,split"]
    for number, split in enumerate(("train", "train", "validation", "test")):
        random = np.random.default_rng(number)
        rows = [
            (0.25 * step, 0.25, int(pitch), int(velocity))
            for step, (pitch, velocity) in enumerate(random.integers((40, 30), (90, 120), size=(60, 2)))
        ]
        write_midi(Score.from_notes(Notes.from_rows(rows)), folder / f"{number}.mid")
        lines.append(f"{number}.mid,Johann Sebastian Bach,Invention No. {number},{split}")
    (folder / "broken.mid").write_bytes(b"not music")
    (folder / "music.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def prepared(music: Path, tonada: Run) -> Path:
    assert tonada("prepare", music, "-o", "data").code == 0
    return Path("data")


# --- prepare -----------------------------------------------------------------------------------------------------


def test_prepare_lists_what_it_wrote_and_says_what_it_left_out(music: Path, tonada: Run) -> None:
    outcome = tonada("prepare", music, "-o", "data")
    assert outcome.code == 0
    files = ["catalogue.csv", "duplicates.csv", "leakage.csv", "manifest.json", "report.html", "skipped.csv"]
    files += [f"{split}-00000.npy" for split in ("test", "train", "validation")]
    assert names(Path("data")) == sorted(files)
    assert outcome.lines[-9:] == [f"data/{name}" for name in sorted(files)]
    assert [line.split()[:3] for line in outcome.lines[1:4]] == [
        ["train", "2", "120"],
        ["validation", "1", "60"],
        ["test", "1", "60"],
    ]
    assert outcome.err == "tonada: left out, or worth a look: 1 in skipped.csv\n"


def test_prepare_as_json(music: Path, tonada: Run) -> None:
    outcome = tonada("prepare", music, "-o", "data", "--tokenizer", "giga", "--composer", "Bach", "--json")
    told = json.loads(outcome.out)
    assert told["report"]["splits"]["train"]["pieces"] == 2
    assert "data/manifest.json" in told["files"]
    assert json.loads(Path("data/manifest.json").read_text())["codec"]["name"] == "giga"


def test_prepare_lets_no_zip_write_outside(music: Path, tonada: Run) -> None:
    with zipfile.ZipFile("odd.zip", "w") as archive:
        for name in ("../outside.mid", "/absolute.mid", "good/inside.mid"):
            archive.writestr(name, (music / "0.mid").read_bytes())
        archive.write(music / "1.mid", "good/other.mid")
    outcome = tonada("prepare", "odd.zip", "-o", "deep/data", "--validation-share", "0", "--test-share", "0")
    assert outcome.code == 0
    assert [name for name in names(Path()) if not name.startswith("deep")] == ["odd.zip"]
    assert not Path("../outside.mid").exists()
    skipped = Path("deep/data/skipped.csv").read_text()
    assert "outside.mid" in skipped
    assert "inside.mid" in Path("deep/data/catalogue.csv").read_text()


@pytest.mark.parametrize("name", ["folder", "empty.zip", "damaged.zip", "notes.txt", "none.zip"])
def test_prepare_from_nothing(name: str, tonada: Run) -> None:
    Path("folder").mkdir()
    zipfile.ZipFile("empty.zip", "w").close()
    Path("damaged.zip").write_bytes(b"PK not a zip")
    Path("notes.txt").write_text("no music")
    before = names(Path())
    outcome = tonada("prepare", name, "-o", "data")
    assert (outcome.code, outcome.out) == (3, "")
    assert len(outcome.err.splitlines()) == 1
    assert name in outcome.err
    assert names(Path()) == before


def test_prepare_where_something_is(music: Path, tonada: Run) -> None:
    Path("file").write_text("in the way")
    for output in ("file", "file/data"):
        assert tonada("prepare", music, "-o", output).code == 3
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("precious")
    assert tonada("prepare", music, "-o", "mine", "--overwrite").code == 3
    assert names(Path()) == ["file", "mine", "mine/thesis.txt"]
    assert tonada("prepare", music, "-o", "data").code == 0
    outcome = tonada("prepare", music, "-o", "data")
    assert outcome.code == 3
    assert "--overwrite" in outcome.err
    assert tonada("prepare", music, "-o", "data", "--overwrite", "--tokenizer", "giga").code == 0


def test_prepare_on_a_full_disk(music: Path, tonada: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(*rest: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("numpy.save", save)
    outcome = tonada("prepare", music, "-o", "data")
    assert (outcome.code, outcome.out) == (6, "")
    assert "the disk is full" in outcome.err
    assert names(Path()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--composer", "Bahc"], 2, ["composer", "Bahc", "Johann Sebastian Bach"]),
        (["--tokenizer", "notes"], 2, ["tokenizer", "notes", "note"]),
        (["--where", "yaer=2004"], 2, ["column", "yaer"]),
        (["--where", "2004"], 2, ["COLUMN=VALUE"]),
        (["--set", "step=20"], 2, ["step", "step_ms"]),
        (["--min-notes", "100"], 3, ["100"]),
        (["--min-notes", "0"], 2, ["min_notes", "at least 1"]),
        (["--jobs", "0"], 2, ["jobs", "at least 1"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_prepare_refuses(arguments: list[str], code: int, words: list[str], music: Path, tonada: Run) -> None:
    outcome = tonada("prepare", music, "-o", "data", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert len(outcome.err.splitlines()) == 1
    assert [word for word in words if word not in outcome.err] == []
    assert names(Path()) == []


# --- train -------------------------------------------------------------------------------------------------------


def test_train_show_resume(prepared: Path, tonada: Run) -> None:
    outcome = tonada("train", "gpt/tiny", "-d", prepared, "-o", "run", *SMALL)
    assert outcome.code == 0
    files = [line for line in outcome.lines if line.startswith("run/")]
    assert files == [f"run/{name}" for name in names(Path("run")) if (Path("run") / name).is_file()]
    assert {"run/config.toml", "run/log.jsonl", "run/model.safetensors", "run/trainer.safetensors"} <= set(files)
    assert outcome.lines[0].split() == ["ended", "finished"]
    progress = [line for line in outcome.err.splitlines() if line.startswith("step ")]
    assert [line.split(":")[0] for line in progress] == ["step 2 of 4", "step 4 of 4"]

    again = tonada("train", "gpt/tiny", "-d", prepared, "-o", "run")
    assert (again.code, again.out) == (3, "")
    assert "--resume" in again.err
    assert tonada("train", "-d", prepared, "-o", "run", "--resume", "--set", "steps=6").code == 0
    assert read_toml(Path("run/config.toml"))["trainer"]["steps"] == 6
    shown = json.loads(tonada("runs", "show", "run", "--json").out)
    assert (shown["step"], shown["steps"], shown["config"]["model"]["width"]) == (6, 6, 16)
    assert shown["best"] == min(shown["best"], shown["validation"]["score"])
    listed = tonada("runs", "list")
    assert listed.lines[1].split()[:4] == ["run", "gpt", "note", "6/6"]
    assert json.loads(tonada("runs", "list", "--json").out)[0]["name"] == "run"
    assert "6/6" in tonada("runs", "show", "run").out


def test_resuming_under_the_name_of_another_preset(prepared: Path, tonada: Run) -> None:
    assert tonada("train", "gpt/tiny", "-d", prepared, "-o", "run", *SMALL).code == 0
    before = {name: Path("run", name).read_bytes() for name in ("config.toml", "log.jsonl", "trainer.safetensors")}
    other = ("train", "gpt/small", "-d", prepared, "-o", "run", "--resume")
    for arguments, words in (
        (other, ["width is 16 there, 512 in gpt/small", "blocks is 1 there", "Leave the preset out"]),
        (("train", "gpt/tiny", *other[2:]), ["width is 16 there, 256 in gpt/tiny"]),
        (("train", "gpt/tny", *other[2:]), ["gpt/tny", "gpt/tiny"]),
    ):
        outcome = tonada(*arguments)
        assert (outcome.code, outcome.out) == (2, "")
        assert len(outcome.err.splitlines()) == 1
        assert [word for word in words if word not in outcome.err] == []
        assert {name: Path("run", name).read_bytes() for name in before} == before
    assert tonada("train", "gpt/tiny", *other[2:], *SMALL, "--set", "steps=6").code == 0
    assert read_toml(Path("run/config.toml"))["trainer"]["steps"] == 6


def test_train_reports_a_validation_at_once(prepared: Path, tmp_path: Path) -> None:
    reports = []

    def read(progress: Progress) -> None:
        reports.append((tmp_path / "run" / "report.html").read_text())

    settings = [*(text for text in SMALL if text != "--set"), "steps=2", "validate_every=1"]
    train("gpt/tiny", data=prepared, output=tmp_path / "run", settings=settings, progress=read)
    assert "1 steps in" in reports[0]
    assert "2 steps in" in reports[1]


def test_train_from_the_config_that_a_run_wrote(prepared: Path, tonada: Run) -> None:
    assert tonada("train", "gpt/tiny", "-d", prepared, "-o", "one", *SMALL, "--smoke").code == 0
    outcome = tonada("train", "-c", "one/config.toml", "-d", prepared, "-o", "two", "--set", "seed=5", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["result"]["step"] == 2
    one, two = read_toml(Path("one/config.toml")), read_toml(Path("two/config.toml"))
    assert two["trainer"].pop("seed") == 5
    one["trainer"].pop("seed")
    assert one == two


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gpt/tny"], 2, ["preset", "gpt/tny", "gpt/tiny"]),
        ([], 2, ["preset", "--config"]),
        (["gpt/tiny", "--set", "widht=3"], 2, ["widht", "width"]),
        (["gpt/tiny", "--set", "width"], 2, ["KEY=VALUE"]),
        (["gpt/tiny", "--set", "width=33"], 2, ["multiple of heads", "32"]),
        (["gpt/tiny", "--device", "gpu"], 2, ["device", "gpu", "cpu"]),
        (["-c", "bad.toml"], 2, ["bad.toml", "'trianer'", "trainer"]),
        (["-c", "unknown.toml"], 2, ["TrainerConfig", "stpes", "steps"]),
        (["gpt/tiny", "-c", "none.toml"], 3, ["none.toml", "no such file"]),
        (["-c", "no-table.toml"], 2, ["no-table.toml", "'trainer' must be a table", "[trainer]"]),
        (["-c", "no-name.toml"], 2, ["unknown model '3'", "gpt"]),
        (["gpt/tiny", "--max-minutes", "0"], 2, ["max_minutes", "more than 0"]),
        (["gpt/tiny", "--max-minutes", "nan"], 2, ["max_minutes", "more than 0"]),
        (["-c", "unknown.toml", "--resume"], 2, ["--resume", "--config", "--set"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_train_refuses(arguments: list[str], code: int, words: list[str], prepared: Path, tonada: Run) -> None:
    Path("bad.toml").write_text('[model]\nname = "gpt"\n[trianer]\nsteps = 3\n')
    Path("no-table.toml").write_text("trainer = 3\n")
    Path("no-name.toml").write_text("[model]\nname = 3\n")
    Path("unknown.toml").write_text('[model]\nname = "gpt"\n[trainer]\nstpes = 3\n')
    outcome = tonada("train", *arguments, "-d", prepared, "-o", "run")
    assert (outcome.code, outcome.out) == (code, "")
    assert len(outcome.err.splitlines()) == 1
    assert [word for word in words if word not in outcome.err] == []
    assert not Path("run").exists()


def test_train_without_data(tonada: Run) -> None:
    outcome = tonada("train", "gpt/tiny", "-d", "nowhere", "-o", "run")
    assert outcome.code == 3
    assert "tonada prepare" in outcome.err


def test_train_that_diverges(prepared: Path, tonada: Run) -> None:
    outcome = tonada("train", "gpt/tiny", "-d", prepared, "-o", "run", *SMALL, "--set", "learning_rate=1e30",
                     "--set", "steps=50", "--set", "clip_norm=0", "--set", "schedule=constant",
                     "--set", "warmup_steps=0")  # fmt: skip
    assert outcome.code == 5
    assert "diverged at step" in outcome.err.splitlines()[-1]


def test_train_that_is_interrupted_can_be_resumed(prepared: Path, tonada: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tonada.cli import train

    tell = train.tell_step

    def tell_and_press_ctrl_c(progress: Progress, *rest: Any) -> None:
        tell(progress, *rest)
        if progress.step == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(train, "tell_step", tell_and_press_ctrl_c)
    outcome = tonada("train", "gpt/tiny", "-d", prepared, "-o", "run", *SMALL)
    assert outcome.code == 130
    assert outcome.lines[0].split() == ["ended", "interrupted"]
    assert "run/trainer.safetensors" in outcome.lines
    monkeypatch.setattr(train, "tell_step", tell)
    assert tonada("train", "-d", prepared, "-o", "run", "--resume").lines[0].split() == ["ended", "finished"]


def test_train_that_was_killed_before_its_first_step_can_be_resumed(prepared: Path, tonada: Run) -> None:
    assert tonada("train", "gpt/tiny", "-d", prepared, "-o", "run", *SMALL, "--max-minutes", "1e-9").code == 0
    Path("run/log.jsonl").unlink()
    assert tonada("train", "-d", prepared, "-o", "run", "--resume").lines[0].split() == ["ended", "finished"]
    Path("run/trainer.safetensors").unlink()
    outcome = tonada("train", "-d", prepared, "-o", "run", "--resume")
    assert (outcome.code, outcome.out) == (4, "")
    assert "there is no run to resume" in outcome.err


def test_the_train_function_takes_names_and_can_be_stopped(prepared: Path, tmp_path: Path) -> None:
    asked = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) == 2

    settings = [text for text in SMALL if text != "--set"]
    result = train("gpt/tiny", data=str(prepared), output=str(tmp_path / "run"), settings=settings, stop=stop)
    assert (result.reason, result.step) == ("interrupted", 2)
    assert (tmp_path / "run" / "trainer.safetensors").is_file()


def test_train_out_of_memory(prepared: Path, tonada: Run) -> None:
    outcome = tonada("train", "gpt/tiny", "-d", prepared, "-o", "run", "--set", f"width={2**44}", "--set", "heads=1")
    assert outcome.code == 6
    assert "out of memory" in outcome.err


# --- evaluate ----------------------------------------------------------------------------------------------------


def test_evaluate(prepared: Path, tiny_model: Path, tonada: Run) -> None:
    outcome = tonada("evaluate", tiny_model, "--ref", prepared, "-o", "figures")
    assert outcome.code == 0
    assert outcome.lines[0].startswith("1 pieces of validation, 60 notes")
    header = outcome.lines[1]
    assert "corrected" in header
    assert header.split()[-5:] == ["onset", "pitch", "velocity", "duration", "end"]
    assert [line.split()[0] for line in outcome.lines[2:5]] == ["model", "unigram", "bigram"]
    assert outcome.lines[5:] == ["figures/evaluation.json", "figures/evaluation.html"]
    written = json.loads(Path("figures/evaluation.json").read_text())
    printed = json.loads(tonada("evaluate", tiny_model, "--ref", prepared, "--json").out)
    assert written["held_out"] == printed["held_out"]
    assert printed["files"] == []
    figures = printed["held_out"]["model"]
    assert figures["nats_per_note_corrected"] == pytest.approx(
        sum(slot["nats_per_note_corrected"] for slot in figures["slots"])
    )
    page = Path("figures/evaluation.html").read_text()
    assert "http" not in page
    assert f"{figures['nats_per_note_corrected']:.4f}" in page


def test_evaluate_where_nothing_can_be_written(
    prepared: Path, tiny_model: Path, tonada: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object, **__: object) -> None:
        raise AssertionError("evaluating takes minutes: the folder is looked at before")

    monkeypatch.setattr("tonada.runs.load_model", load)
    Path("file").write_text("in the way")
    outcome = tonada("evaluate", tiny_model, "--ref", prepared, "-o", "file/figures")
    assert (outcome.code, outcome.out) == (3, "")
    assert "file/figures: cannot be written" in outcome.err


def test_evaluate_a_part(prepared: Path, tiny_model: Path, tonada: Run) -> None:
    outcome = tonada("evaluate", tiny_model, "--ref", prepared, "--split", "train", "--limit", "1", "--json")
    told = json.loads(outcome.out)
    assert (told["held_out"]["pieces"], told["split"], told["limit"]) == (1, "train", 1)


def test_evaluate_in_half_precision(prepared: Path, tiny_model: Path, tonada: Run) -> None:
    arguments = ("evaluate", tiny_model, "--ref", prepared, "--json", "--precision")
    full, half = (json.loads(tonada(*arguments, precision).out)["held_out"] for precision in ("fp32", "bf16"))
    assert (full["precision"], half["precision"]) == ("fp32", "bf16")
    assert half["model"]["nats_per_note"] != full["model"]["nats_per_note"]
    assert half["model"]["nats_per_note"] == pytest.approx(full["model"]["nats_per_note"], rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["MODEL", "--ref", "data", "--split", "vali"], 2, ["split", "validation"]),
        (["MODEL", "--ref", "data", "--limit", "0"], 2, ["limit"]),
        (["MODEL", "--ref", "data", "--precision", "bf61"], 2, ["precision", "bf61", "bf16"]),
        (["MODEL", "--ref", "nowhere"], 3, ["nowhere", "tonada prepare"]),
        (["pinao", "--ref", "data"], 4, ["model", "pinao"]),
        (["data", "--ref", "data"], 4, ["data", "no model folder"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_evaluate_refuses(
    arguments: list[str], code: int, words: list[str], prepared: Path, tiny_model: Path, tonada: Run
) -> None:
    outcome = tonada("evaluate", *(str(tiny_model) if part == "MODEL" else part for part in arguments))
    assert (outcome.code, outcome.out) == (code, "")
    assert len(outcome.err.splitlines()) == 1
    assert [word for word in words if word not in outcome.err] == []


def test_evaluate_with_another_tokenizer(music: Path, tiny_model: Path, tonada: Run) -> None:
    assert tonada("prepare", music, "-o", "giga", "--tokenizer", "giga").code == 0
    outcome = tonada("evaluate", tiny_model, "--ref", "giga")
    assert outcome.code == 2
    assert "'giga' there, 'note' here. Run: tonada prepare --tokenizer note" in outcome.err


def test_evaluate_with_other_settings_of_the_tokenizer(music: Path, tonada: Run) -> None:
    """The line says what to type."""
    other = ("--set", "lengths=[]", "--set", "length_bounds_s=[]")
    assert tonada("prepare", music, "-o", "data", *other).code == 0
    refused = tonada("evaluate", "piano", "--ref", "data", "--limit", "1")
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert "step_ms" not in refused.err
    told = refused.err.partition("Run: tonada ")[2].split()
    assert tonada(*(word.strip("'") for word in told), music, "-o", "own").code == 0
    assert tonada("evaluate", "piano", "--ref", "own", "--limit", "1").code == 0


def test_train_refuses_data_whose_ids_meant_something_else(prepared: Path, tonada: Run) -> None:
    """Data that a tokenizer prepared before it had a setting: its ids would be read as others."""
    path = prepared / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["codec"]["lengths"]
    path.write_text(json.dumps(manifest))
    outcome = tonada("train", "gpt/tiny", "-d", prepared, "-o", "run", "--smoke")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines() == [
        "tonada: data was prepared by a version without the setting lengths of 'note'. Prepare the data again"
    ]


# --- model, runs, config, doctor -----------------------------------------------------------------------------------


def test_model_info_and_list(tiny_model: Path, tonada: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").symlink_to(tiny_model)
    info = json.loads(tonada("model", "info", tiny_model, "--json").out)
    tensors, _ = load_tensors(tiny_model / "model.safetensors")
    assert info["parameters"] == sum(tensor.numel() for tensor in tensors.values())
    assert (info["architecture"], info["codec"], info["card"], info["licence"]) == ("gpt", "note", None, None)
    assert set(info["sha256"]) == {"config.toml", "model.safetensors"}
    text = tonada("model", "info", tiny_model).out
    assert info["sha256"]["model.safetensors"] in text
    listed = json.loads(tonada("model", "list", tmp_path, "--json").out)
    assert listed[-1]["sha256"] == info["sha256"]
    assert "gpt" in tonada("model", "list", tmp_path).lines[-1]


def test_model_card_and_licence(tiny_model: Path, tonada: Run, tmp_path: Path) -> None:
    folder = tmp_path / "carded"
    folder.mkdir()
    for path in tiny_model.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "card.md").write_text("# Carded\n\n- Licence: CC BY 4.0\n")
    assert json.loads(tonada("model", "info", folder, "--json").out)["licence"] == "CC BY 4.0"
    assert tonada("model", "info", folder).out.endswith("# Carded\n\n- Licence: CC BY 4.0\n")


def change_weights(folder: Path, kind: str) -> None:
    path = folder / "model.safetensors"
    tensors, _ = load_tensors(path)
    name = sorted(tensors)[0]
    if kind == "missing":
        del tensors[name]
    elif kind == "extra":
        tensors["surplus"] = tensors[name].clone()
    elif kind == "wrong shape":
        tensors[name] = tensors[name][:-1]
    save_tensors(path, tensors)
    if kind == "damaged":
        path.write_bytes(path.read_bytes()[:100])
    if kind == "absent":
        path.unlink()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "lacks 1 of the model's tensors"),
        ("extra", "has 1 tensors that the model has not, for example 'surplus'"),
        ("wrong shape", "the model needs"),
        ("damaged", "is damaged"),
        ("absent", "there is no such file of weights"),
    ],
)
def test_weights_that_do_not_fit(kind: str, words: str, tiny_model: Path, piece: Path, tonada: Run) -> None:
    folder = Path("model")
    folder.mkdir()
    for path in tiny_model.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    change_weights(folder, kind)
    outcome = tonada("compose", piece, "-o", "out", "--model", folder)
    assert (outcome.code, outcome.out) == (4, "")
    assert len(outcome.err.splitlines()) == 1
    assert words in outcome.err
    assert "model.safetensors" in outcome.err
    assert not Path("out").exists()


def test_models_that_cannot_be_described(tiny_model: Path, tonada: Run) -> None:
    for name, config in (("no-weights", None), ("damaged", None), ("no-codec", '[model]\nname = "gpt"\n')):
        Path(name).mkdir()
        Path(name, "config.toml").write_text(config or (tiny_model / "config.toml").read_text())
        if name != "no-weights":
            Path(name, "model.safetensors").write_bytes(b"not weights")
    for name, words in (
        ("no-weights", "there is no such file of weights"),
        ("damaged", "is damaged"),
        ("no-codec", "there is no table [codec]"),
    ):
        outcome = tonada("model", "info", name)
        assert (outcome.code, outcome.out) == (4, "")
        assert words in outcome.err


def test_data_that_was_changed(prepared: Path, tiny_model: Path, tonada: Run) -> None:
    shutil.copytree(prepared, "changed")
    shard = Path("changed/train-00000.npy")
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1, whole[-1]]))
    outcome = tonada("train", "gpt/tiny", "-d", "changed", "-o", "run", *SMALL)
    assert (outcome.code, outcome.out) == (3, "")
    assert "train-00000.npy: was changed" in outcome.err
    assert not Path("run").exists()
    outcome = tonada("evaluate", tiny_model, "--ref", "changed", "-o", "figures")
    assert (outcome.code, outcome.out) == (3, "")
    assert "train-00000.npy: was changed" in outcome.err
    assert not Path("figures").exists()


def test_runs_that_cannot_be_described(tiny_model: Path, tonada: Run) -> None:
    Path("run").mkdir()
    config = (tiny_model / "config.toml").read_text()
    for trainer, log, words in (
        ("", "", "config.toml: there is no table [trainer]"),
        ("[trainer]\nsteps = 2\n", "3\n", "log.jsonl: line 1 is no record"),
        ("[trainer]\nsteps = 2\n", "{}\n", "log.jsonl: line 1 is no record"),
        ("[trainer]\nsteps = 2\n", "x\n{}\n", "log.jsonl: line 1 is not JSON"),
        ("[trainer]\nsteps = 2\n", '{"step": 1}\n', "log.jsonl: has a record without the losses"),
        ("[trainer]\nsteps = 2\n", "\xff\n", "log.jsonl: is no log"),
        ("[[trainer]]\nsteps = 2\n", "", "config.toml: there is no table [trainer]"),
    ):
        Path("run/config.toml").write_text(config + trainer)
        Path("run/log.jsonl").write_bytes(log.encode("latin-1"))
        outcome = tonada("runs", "show", "run")
        assert (outcome.code, outcome.out) == (3, "")
        assert words in outcome.err


def test_a_damaged_run_hides_no_other(tiny_model: Path, tonada: Run) -> None:
    config = (tiny_model / "config.toml").read_text() + "[trainer]\nsteps = 2\n"
    for name, log in (("one", ""), ("two", "3\n"), ("three", "")):
        Path("runs", name).mkdir(parents=True)
        Path("runs", name, "config.toml").write_text("[model" if name == "three" else config)
        Path("runs", name, "log.jsonl").write_text(log)
    outcome = tonada("runs", "list", "runs")
    assert (outcome.code, outcome.err) == (7, "")
    assert [line.split()[0] for line in outcome.lines] == ["run", "one", "three", "two"]
    assert "runs/three/config.toml: not a TOML file" in outcome.lines[2]
    assert outcome.lines[3].endswith("runs/two/log.jsonl: line 1 is no record of a step")
    outcome = tonada("runs", "list", "runs", "--json")
    one, three, two = json.loads(outcome.out)
    assert (outcome.code, one["steps"], three["name"]) == (7, 2, "runs/three")
    assert two == {"name": "runs/two", "error": "runs/two/log.jsonl: line 1 is no record of a step"}
    assert tonada("runs", "list", "runs/two").code == 3  # nothing of what was asked for could be described


def test_a_damaged_model_hides_no_other(tiny_model: Path, tonada: Run) -> None:
    for name in ("one", "three", "two"):
        shutil.copytree(tiny_model, Path("models", name))
    Path("models/two/model.safetensors").write_bytes(b"not weights")
    Path("models/three/config.toml").write_text('[model]\nname = "gpt"\n')
    Path("models/one/card.md").write_bytes(b"\xff")
    outcome = tonada("model", "list", "models")
    assert (outcome.code, outcome.err) == (7, "")
    assert [line.split()[0] for line in outcome.lines[-3:]] == ["models/one", "models/three", "models/two"]
    assert "there is no table [codec]" in outcome.lines[-2]
    assert "models/two/model.safetensors: is damaged" in outcome.lines[-1]
    outcome = tonada("model", "list", "models", "--json")
    one, three, two = json.loads(outcome.out)[-3:]
    assert (outcome.code, one["architecture"], three["name"], sorted(two)) == (
        7,
        "gpt",
        "models/three",
        ["error", "name"],
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["runs", "list"], 3, ["tonada train"]),
        (["runs", "list", "nowhere"], 3, ["nowhere"]),
        (["runs", "show", "nowhere"], 3, ["nowhere", "log.jsonl"]),
        (["model", "list", "."], 3, ["config.toml"]),
        (["model", "list", "nowhere"], 3, ["nowhere"]),
        (["model", "info", "."], 4, ["config.toml"]),
        (["model", "info", "no-such-model"], 4, ["there is no model", "no-such-model"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_nothing_to_show(arguments: list[str], code: int, words: list[str], tonada: Run) -> None:
    outcome = tonada(*arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert len(outcome.err.splitlines()) == 1
    assert [word for word in words if word not in outcome.err] == []


def test_config_show_is_a_config_file(tonada: Run, tmp_path: Path) -> None:
    outcome = tonada("config", "show", "gpt/small")
    (tmp_path / "small.toml").write_text(outcome.out)
    tables = read_toml(tmp_path / "small.toml")
    assert sorted(tables) == ["augmentation", "model", "trainer"]
    assert tables["model"]["name"] == "gpt"
    assert json.loads(tonada("config", "show", "gpt/small", "--json").out) == tables


def test_doctor(tonada: Run) -> None:
    checks = {check["name"]: check for check in json.loads(tonada("doctor", "--json").out)}
    assert {"tonada", "python", "torch", "numpy", "device", "threads", "bf16", "disk", "models"} <= set(checks)
    for check in checks.values():
        assert check["state"] in ("ok", "note", "problem")
        assert (check["remedy"] == "") == (check["state"] == "ok")
    outcome = tonada("doctor")
    problems = [check for check in checks.values() if check["state"] == "problem"]
    assert outcome.code == (4 if problems else 0)
    assert len(outcome.lines) == len(checks) + 1


def test_doctor_names_what_is_missing(tonada: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    from tonada.api import diagnosis

    find, needed = diagnosis.version, diagnosis.requires("tonada") or []

    def version(name: str) -> str:
        if name in ("soundfile", "engraver"):
            raise PackageNotFoundError(name)
        return find(name)

    monkeypatch.setattr(diagnosis, "version", version)
    monkeypatch.setattr(diagnosis, "requires", lambda name: [*needed, 'engraver>=1; extra == "scores"'])
    monkeypatch.setattr(diagnosis, "FREE_BYTES", 2**62)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    outcome = tonada("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(outcome.out)}
    assert outcome.code == 4
    assert checks["soundfile"]["state"] == "problem"
    assert checks["soundfile"]["remedy"].startswith("python -m pip install 'soundfile")
    assert checks["engraver (scores)"]["remedy"] == "python -m pip install 'tonada[scores]'"
    assert [checks[name]["state"] for name in ("engraver (scores)", "disk", "OMP_WAIT_POLICY")] == ["note"] * 3


def test_starting_from_a_model_whose_weights_mean_something_else(prepared: Path, tonada: Run) -> None:
    small = ("--set", "width=16", "--set", "blocks=1", "--set", "context=64", "--smoke")
    assert tonada("train", "nested/tiny", "-d", prepared, "-o", "first", "--set", "heads=4", *small).code == 0
    refused = tonada(
        "train", "nested/tiny", "-d", prepared, "-o", "second", "--init", "first", "--set", "heads=2", *small
    )
    assert (refused.code, Path("second").exists()) == (2, False)
    assert refused.err.splitlines() == [
        "tonada: no run can start from first: its model is another: heads is 4 there, 2 here"
    ]
    wider = ("--set", "heads=4", "--set", "width=16", "--set", "blocks=1", "--set", "context=128", "--smoke")
    assert tonada("train", "nested/tiny", "-d", prepared, "-o", "second", "--init", "first", *wider).code == 0
