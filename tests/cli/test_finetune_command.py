"""finetune, lr-find and compose --style, from a folder of MIDI files to music in the style that they make."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import Run, names
from tonada.api.finetuning import finetune
from tonada.checkpoint import load_tensors, model_tensors, save_tensors
from tonada.config import read_toml, to_mapping, write_toml
from tonada.runs import load_model, model_table, read_log, save_model
from tonada.symbolic.midi import write_midi
from tonada.symbolic.models.nested import Nested, NestedConfig
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.base import slot_starts
from tonada.symbolic.tokenizers.note import NoteTokenizer
from tonada.training import Progress

SHORT = ("--set", "steps=4", "--set", "batch=2", "--set", "validate_every=2", "--set", "learning_rate=0.01")


def write_tune(path: Path, seed: int, notes: int = 60) -> Path:
    """Write a tune that leaps about in eighths, another one for every seed."""
    random = np.random.default_rng(seed)
    rows = [
        (0.25 * step, 0.25, int(pitch), int(velocity))
        for step, (pitch, velocity) in enumerate(random.integers((40, 30), (90, 120), size=(notes, 2)))
    ]
    write_midi(Score.from_notes(Notes.from_rows(rows)), path)
    return path


@pytest.fixture(scope="module", autouse=True)
def _short_samples() -> Iterator[None]:
    """Let runs continue held-out openings for a moment only: a model of random weights makes many notes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tonada.api.studies.notes.CONTINUATION_S", 0.2)
        yield


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of five MIDI files, and of a file that is none."""
    folder = tmp_path_factory.mktemp("latin")
    for number, name in enumerate(("bolero", "cueca", "danzon", "milonga", "zamba")):
        write_tune(folder / f"{name}.mid", number)
    (folder / "broken.mid").write_bytes(b"not music")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a nested model with random weights."""
    folder = tmp_path_factory.mktemp("models") / "base"
    tokenizer = NoteTokenizer()
    config = NestedConfig(
        vocabulary=tokenizer.vocabulary_size,
        slot_starts=tuple(slot_starts(tokenizer)),
        context=64,
        width=16,
        blocks=2,
        heads=2,
    )
    torch.manual_seed(3)
    codec = {"name": tokenizer.name, **to_mapping(tokenizer.config)}
    save_model(folder, Nested(config), {"model": model_table("nested", config), "codec": codec})
    return folder


@pytest.fixture(scope="module")
def style(base: Path, music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a style of that model: an adapter."""
    folder = tmp_path_factory.mktemp("styles") / "latin"
    short = [text for text in SHORT if text != "--set"]
    finetune(base, music, output=folder, settings=short)
    return folder


def test_five_files_make_a_style_to_compose_in(base: Path, music: Path, tonada: Run) -> None:
    outcome = tonada("finetune", base, music, "--style", "latin", "-o", "out/latin", *SHORT)
    assert outcome.code == 0, outcome.err
    facts = dict(line.split("  ", 1) for line in outcome.lines if "  " in line)
    assert facts["held out"].strip() == "1 of 5 works held out"
    assert float(facts["loss after"]) <= float(facts["loss before"])
    assert "tonada: 1 files gave no music to learn from; skipped.csv in the data set says why" in outcome.err
    written = [line for line in outcome.lines if line.startswith("out/")]
    assert written == [f"out/{name}" for name in names(Path("out")) if Path("out", name).is_file()]
    assert {"adapter.safetensors", "card.md", "config.toml", "report.html"} <= {Path(line).name for line in written}
    assert not Path("out/latin/model.safetensors").exists()
    tensors, _ = load_tensors(Path("out/latin/adapter.safetensors"))
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    config = read_toml(Path("out/latin/config.toml"))
    assert config["init"]["model"] == str(base)
    assert config["style"]["name"] == "latin"
    assert config["augmentation"]["semitones"] == 5  # so few pieces are transposed
    card = Path("out/latin/card.md").read_text()
    assert config["init"]["weights_sha256"] in card
    assert config["data"]["sha256"] in card
    assert f"`tonada compose --style latin --model {config['init']['model']}`" in card
    assert [record["step"] for record in read_log(Path("out/latin"))] == [0, 1, 2, 3, 4]

    # A few steps change little; so much that it is heard.
    louder = {name: 300 * tensor if "lora_up" in name else tensor for name, tensor in tensors.items()}
    save_tensors(Path("out/latin/adapter.safetensors"), louder)
    made = tonada("compose", "fur-elise", "--model", base, "--style", "out/latin", "--notes", "8", "-o", "music")
    assert made.code == 0, made.err
    assert made.lines == ["music/fur-elise_base-latin_1.mid", "music/fur-elise_base-latin_1.json"]
    sidecar = json.loads(Path("music/fur-elise_base-latin_1.json").read_text())
    assert sidecar["style"]["name"] == "latin"
    assert set(sidecar["style"]["sha256"]) == {"config.toml", "adapter.safetensors"}
    assert tonada("replay", "music/fur-elise_base-latin_1.json").lines == ["identical"]
    # The style's folder is a model, too: its model with it.
    assert tonada("compose", "fur-elise", "--model", "out/latin", "--notes", "8", "-o", "more").code == 0
    assert Path("more/fur-elise_latin_1.mid").read_bytes() == Path("music/fur-elise_base-latin_1.mid").read_bytes()
    plain = tonada("compose", "fur-elise", "--model", base, "--notes", "8", "-o", "more")
    assert Path(plain.lines[0]).read_bytes() != Path("music/fur-elise_base-latin_1.mid").read_bytes()


def test_a_composition_says_that_its_style_was_changed(base: Path, style: Path, tonada: Run) -> None:
    shutil.copytree(style, "mine")
    asked = ("--model", base, "--notes", "6", "-o", "music")
    sidecar = tonada("compose", "fur-elise", "--style", "mine", *asked).lines[-1]
    with Path("mine/config.toml").open("a") as file:
        file.write("# changed\n")
    outcome = tonada("replay", sidecar)
    assert outcome.lines[0] == "identical"
    assert outcome.lines[1].startswith("style: config.toml was ")
    Path("mine").rename("moved")
    outcome = tonada("replay", sidecar)
    assert (outcome.code, outcome.err.count("\n")) == (4, 1)
    assert tonada("replay", sidecar, "--style", "moved").lines[0] == "identical"
    without = tonada("compose", "fur-elise", *asked).lines[-1]
    outcome = tonada("replay", without, "--style", "moved")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "was composed without a style" in outcome.err


def test_a_style_of_other_weights_is_refused_in_one_line(style: Path, tiny_model: Path, tonada: Run) -> None:
    outcome = tonada("compose", "fur-elise", "--model", tiny_model, "--style", style, "--notes", "4")
    assert (outcome.code, outcome.err.count("\n")) == (4, 1)
    assert "the style was made for the model" in outcome.err
    assert "Name its model with --model" in outcome.err


def test_an_unknown_style_is_refused_with_the_list(
    base: Path, style: Path, tonada: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(style, "shipped/styles/baroque")
    monkeypatch.setattr("tonada.api.styles.pretrained_folder", lambda: Path("shipped").resolve())
    outcome = tonada("compose", "fur-elise", "--model", base, "--style", "rococo", "--notes", "4")
    assert (outcome.code, outcome.err.count("\n")) == (4, 1)
    assert "there is no style 'rococo'" in outcome.err
    assert "Known: baroque." in outcome.err
    outcome = tonada("compose", "fur-elise", "--model", base, "--style", base, "--notes", "4")
    assert "is no style but a whole model: give it as --model" in outcome.err
    Path("empty").mkdir()
    assert "is no style (it has no adapter" in tonada("compose", "--model", base, "--style", "empty").err
    # One that is shipped goes by its name, and so does its sidecar's.
    made = tonada("compose", "fur-elise", "--model", base, "--style", "baroque", "--notes", "4", "-o", "music")
    assert json.loads(Path(made.lines[-1]).read_text())["settings"]["style"] == "baroque"
    assert tonada("replay", made.lines[-1]).lines == ["identical"]
    rows = [line.split() for line in tonada("model", "list").lines]
    assert ["baroque", "style", "of"] in [row[:3] for row in rows]
    assert "weights SHA-256" in tonada("model", "info", "baroque").out
    assert any(row[0] == str(style) for row in [line.split() for line in tonada("model", "list", style).lines])


def test_a_style_with_another_is_refused(base: Path, style: Path, music: Path, tonada: Run) -> None:
    outcome = tonada("compose", "fur-elise", "--model", style, "--style", style, "--notes", "4")
    assert (outcome.code, outcome.err.count("\n")) == (4, 1)
    assert "is a style itself, so it can have no other" in outcome.err
    outcome = tonada("finetune", style, music, "-o", "again")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "is a style itself: fine-tune the model that it belongs to" in outcome.err


def test_one_file_is_enough_and_it_says_what_is_held_out(base: Path, music: Path, tonada: Run) -> None:
    outcome = tonada("finetune", base, music / "zamba.mid", "-o", "one", *SHORT)
    assert outcome.code == 0, outcome.err
    assert "the last 20% of the only work held out" in outcome.out
    assert "the last 20% of the only work" in Path("one/card.md").read_text()
    outcome = tonada("finetune", base, write_tune(Path("short.mid"), 1, notes=3), "-o", "short")
    assert outcome.code == 3


@pytest.mark.slow
def test_training_pieces_of_a_table_are_held_out_where_it_holds_out_none(base: Path, music: Path, tonada: Run) -> None:
    files = sorted(path for path in music.iterdir() if path.stem != "broken")
    lines = ["midi_filename,canonical_composer,canonical_title,split"]
    for number, path in enumerate(files):
        shutil.copy(path, path.name)
        lines.append(f"{path.name},Ariel Ramírez,Song No. {number},train")
    Path("songs.csv").write_text("\n".join(lines) + "\n")
    outcome = tonada("finetune", base, "songs.csv", "-o", "songs", *SHORT)
    assert outcome.code == 0, outcome.err
    assert "1 of 5 works held out" in outcome.out


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["groups", "whole"])
def test_other_weights_make_a_model(base: Path, music: Path, tonada: Run, kind: str) -> None:
    outcome = tonada("finetune", base, music, "-o", "out", "--train", kind, *SHORT)
    assert outcome.code == 0, outcome.err
    before, after = (model_tensors(load_model(folder).model) for folder in (base, Path("out")))
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    trained = {"norm", "before", "slot_embedding", "spelling_embedding", "speller", "head_norm", "head"}
    assert changed <= (trained if kind == "groups" else trained | {"embedding", "blocks"})
    assert "head" in changed
    assert not Path("out/adapter.safetensors").exists()
    assert tonada("compose", "fur-elise", "--model", "out", "--notes", "4", "-o", "music").code == 0


def test_an_interrupted_run_resumes_to_the_same_adapter(
    base: Path, style: Path, music: Path, tonada: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = [text for text in SHORT if text != "--set"]
    seen: list[int] = []

    def stop() -> bool:
        return seen[-1] == 3

    def progress(at: Progress) -> None:
        seen.append(at.step)

    result = finetune(base, music, output="half", style="latin", settings=short, stop=stop, progress=progress)
    assert (result.training.reason, result.training.step) == ("interrupted", 3)
    outcome = tonada("finetune", "--resume", "-o", "half")
    assert outcome.code == 0, outcome.err
    whole, _ = load_tensors(style / "adapter.safetensors")
    half, _ = load_tensors(Path("half/adapter.safetensors"))
    assert all(torch.equal(whole[name], half[name]) for name in whole)
    assert "loss before" in outcome.out
    outcome = tonada("finetune", base, music, "-o", "half")
    assert (outcome.code, outcome.err.count("\n")) == (3, 1)
    outcome = tonada("finetune", base, "--resume", "-o", "half")
    assert "goes on with the run's own model" in outcome.err
    assert tonada("finetune", "--resume", "-o", "nowhere").code == 4


@pytest.mark.slow
def test_a_base_with_other_weights_ends_a_run(base: Path, music: Path, tonada: Run) -> None:
    shutil.copytree(base, "base")
    assert tonada("finetune", "base", music, "-o", "out", *SHORT).code == 0
    model = load_model(Path("base"))
    with torch.no_grad():
        model.model.head.weight.add_(1.0)  # type: ignore[operator,union-attr]
    save_model(Path("base"), model.model, model.config)
    outcome = tonada("finetune", "--resume", "-o", "out")
    assert (outcome.code, outcome.err.count("\n")) == (4, 1)
    assert "has other weights than those that the run began with" in outcome.err


def test_a_data_set_and_a_config_file(base: Path, style: Path, music: Path, tonada: Run) -> None:
    data = style / "data"
    outcome = tonada("finetune", base, data, "-o", "again", "--config", style / "config.toml")
    assert outcome.code == 0, outcome.err
    assert not Path("again/data").exists()
    first, _ = load_tensors(style / "adapter.safetensors")
    second, _ = load_tensors(Path("again/adapter.safetensors"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    outcome = tonada("train", "-c", style / "config.toml", "--data", data, "-o", "trained")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "tonada finetune" in outcome.err
    assert tonada("prepare", music, "-o", "giga", "--tokenizer", "giga").code == 0
    outcome = tonada("finetune", base, "giga", "-o", "wrong")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "was prepared with another tokenizer" in outcome.err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--set", "targets=['attn']"), "unknown target 'attn'"),
        (("--set", "model.width=32"), "width is 16 in the model"),
        (("--set", "thaw=[0.5]"), "one of them 0"),
        (("--lr", "fast"), "lr must be a number or auto; got fast"),
        (("--set", "sharding=fsdp"), "an adapter is small"),
        (("--max-minutes", "0"), "max_minutes must be more than 0"),
    ],
)
def test_settings_that_cannot_be(base: Path, style: Path, tonada: Run, options: tuple[str, ...], text: str) -> None:
    outcome = tonada("finetune", base, style / "data", "-o", "out", *options)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert text in outcome.err
    assert tonada("finetune", base, "-o", "out").code == 2


def test_a_damaged_adapter_is_refused(base: Path, style: Path, tonada: Run) -> None:
    def refused(change: Callable[[dict[str, dict[str, object]]], object]) -> str:
        shutil.rmtree("mine", ignore_errors=True)
        shutil.copytree(style, "mine")
        config = read_toml(Path("mine/config.toml"))
        change(config)
        write_toml(Path("mine/config.toml"), config)
        outcome = tonada("compose", "fur-elise", "--model", base, "--style", "mine", "--notes", "4")
        assert (outcome.code, outcome.err.count("\n")) == (4, 1)
        return outcome.err

    assert "there is no table [init] or [tuning]" in refused(lambda config: config.pop("tuning"))
    assert "the model needs (4, 16)" in refused(lambda config: config["tuning"].update(rank=4))
    assert "has other layers than the model's" in refused(lambda config: config["tuning"].update(targets=["head"]))


def test_rates_are_searched_and_drawn(base: Path, style: Path, tonada: Run) -> None:
    searched = ("--steps", "20", "--low", "1e-4", "--set", "batch=2")
    outcome = tonada("lr-find", base, style / "data", *searched, "-o", "rates.svg")
    assert outcome.code == 0, outcome.err
    assert [line.split()[0] for line in outcome.lines] == ["valley", "steepest", "rates.svg"]
    assert Path("rates.svg").read_text().startswith("<svg")
    told = json.loads(tonada("lr-find", base, style / "data", *searched, "--json").out)
    assert f"{told['curve']['valley']:.3g}" == outcome.lines[0].split()[1]
    small = [part for name in ("width=16", "blocks=1", "heads=2", "context=64") for part in ("--set", name)]
    assert tonada("lr-find", "gpt/tiny", style / "data", *searched, *small).code == 0
    outcome = tonada("lr-find", "gpt/tiny", style / "data", style / "data")
    assert "is trained on one data set" in outcome.err


@pytest.mark.slow
def test_the_rate_may_be_found_by_itself(base: Path, style: Path, tonada: Run) -> None:
    short = ("--set", "steps=2", "--set", "batch=2", "--set", "validate_every=2")
    assert tonada("finetune", base, style / "data", "-o", "out", "--lr", "auto", *short).code == 0
    assert 1e-5 < read_toml(Path("out/config.toml"))["trainer"]["learning_rate"] < 1
    small = [part for name in ("width=16", "blocks=1", "heads=2", "context=64") for part in ("--set", name)]
    asked = ("train", "gpt/tiny", "--data", style / "data", *small, *short)
    assert tonada(*asked, "-o", "run", "--lr", "auto").code == 0
    assert read_toml(Path("run/config.toml"))["trainer"]["learning_rate"] != 6e-3
    assert tonada(*asked, "-o", "other", "--lr", "0.002").code == 0
    assert read_toml(Path("other/config.toml"))["trainer"]["learning_rate"] == 0.002
    assert "Leave --lr out" in tonada("train", "--data", style / "data", "-o", "other", "--resume", "--lr", "1").err
