"""train, evaluate and config show with a model that learns from sound."""

from __future__ import annotations

import json
import signal
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from conftest import Run, names
from tiny_autoencoder import SAMPLE_RATE, SEGMENT, TinyAutoencoder, register, save_tones
from tonada.api.training import train
from tonada.audio.clip import read_clip
from tonada.checkpoint import load_tensors, save_tensors
from tonada.config import read_toml
from tonada.runs import read_log
from tonada.training import Progress

SHORT = ["steps=6", "validate_every=3", "batch=4"]
SMALL = [part for setting in SHORT for part in ("--set", setting)]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


@pytest.fixture
def sound(tonada: Run) -> Path:
    """Give a data set of tones, in the empty folder that commands run in."""
    return save_tones(Path("data")).folder


def test_train_writes_a_run_that_can_be_heard(sound: Path, tonada: Run) -> None:
    outcome = tonada("train", "tiny/plain", "-d", sound, "-o", "run", *SMALL)
    assert (outcome.code, outcome.lines[0].split()) == (0, ["ended", "finished"])
    samples = [f"original-{number}.ogg" for number in (1, 2)]
    samples += [f"step-{step:06}-{number}{end}" for step in (3, 6) for number in (1, 2) for end in (".ogg", ".svg")]
    assert names(Path("run/samples")) == sorted(samples)
    assert {f"run/samples/{name}" for name in samples} < set(outcome.lines)
    clip = read_clip(Path("run/samples/step-000006-2.ogg"))
    assert (clip.samples.shape, clip.sample_rate) == ((1, SEGMENT), SAMPLE_RATE)
    scores = [record["validation"] for record in read_log(Path("run")) if "validation" in record]
    assert [sorted(score) for score in scores] == [["rms_ratio", "score", "si_sdr_db"]] * 2
    assert scores[1]["score"] < scores[0]["score"]
    page = Path("run/report.html").read_text()
    assert page.count("<audio controls") == 6
    assert "Waveform and spectrogram of step-000006-1" in page
    assert "Sound of original-1" in page
    assert "Piano roll" not in page
    assert "http://" not in page.replace("http://www.w3.org/", "")


def test_the_recipe_sets_trainer_and_augmentation(sound: Path, tonada: Run) -> None:
    shown = json.loads(tonada("config", "show", "tiny/plain", "--json").out)
    assert shown["augmentation"] == {"crop_samples": 256, "gain_db": 9.0, "flip": True}
    assert (shown["trainer"]["learning_rate"], shown["trainer"]["steps"]) == (0.02, 2000)
    changes = ("--set", "crop_samples=128", "--set", "augmentation.gain_db=3")
    assert tonada("train", "tiny/plain", "-d", sound, "-o", "run", "--smoke", *changes).code == 0
    tables = read_toml(Path("run/config.toml"))
    assert tables["augmentation"] == {"crop_samples": 128, "gain_db": 3.0, "flip": True}
    assert (tables["trainer"]["learning_rate"], tables["trainer"]["steps"]) == (0.02, 2)
    assert tables["codec"] == {"name": "waveform", "sample_rate": SAMPLE_RATE}


def test_a_config_file_comes_before_the_recipe(sound: Path, tonada: Run) -> None:
    assert tonada("train", "tiny/plain", "-d", sound, "-o", "one", "--smoke").code == 0
    Path("mine.toml").write_text("[trainer]\nlearning_rate = 0.5\n[augmentation]\nflip = false\n")
    assert tonada("train", "tiny/plain", "-c", "mine.toml", "-d", sound, "-o", "two", "--smoke").code == 0
    one, two = (read_toml(Path(name, "config.toml")) for name in ("one", "two"))
    assert two["trainer"].pop("learning_rate") == 0.5
    assert two["augmentation"].pop("flip") is False
    assert one["trainer"].pop("learning_rate") == 0.02
    assert one["augmentation"].pop("flip") is True
    assert one == two
    assert tonada("train", "-c", "two/config.toml", "-d", sound, "-o", "three").code == 0
    assert Path("three/config.toml").read_bytes() == Path("two/config.toml").read_bytes()


def stopped_after(step: int, run: Path, sound: Path, *, resume: bool = False) -> None:
    done = [0]

    def note(progress: Progress) -> None:
        done[0] = progress.step

    preset = None if resume else "tiny/plain"
    train(preset, data=sound, output=run, settings=SHORT, resume=resume, stop=lambda: done[0] == step, progress=note)


def told(run: Path) -> list[dict[str, object]]:
    return [{key: value for key, value in record.items() if key != "seconds"} for record in read_log(run)]


@pytest.mark.parametrize("step", [1, 3, 5])
def test_resume_is_bit_exact(sound: Path, step: int) -> None:
    stopped_after(6, Path("whole"), sound)
    stopped_after(step, Path("parts"), sound)
    assert len(told(Path("parts"))) == step
    stopped_after(6, Path("parts"), sound, resume=True)
    for name in ("model.safetensors", "config.toml"):
        assert Path("parts", name).read_bytes() == Path("whole", name).read_bytes()
    assert told(Path("parts")) == told(Path("whole"))
    assert names(Path("parts/samples")) == names(Path("whole/samples"))
    for name in names(Path("whole/samples")):
        assert Path("parts/samples", name).read_bytes() == Path("whole/samples", name).read_bytes()


@pytest.mark.parametrize("what", ["optimizer/", "model/"])
def test_resume_depends_on_what_is_saved(sound: Path, what: str) -> None:
    """Negative control: with one part of the state disturbed, the end is another one."""
    stopped_after(6, Path("whole"), sound)
    stopped_after(3, Path("parts"), sound)
    tensors, metadata = load_tensors(Path("parts/trainer.safetensors"))
    for name in tensors:
        if name.startswith(what) and tensors[name].ndim:
            tensors[name] += 0.01
    save_tensors(Path("parts/trainer.safetensors"), tensors, metadata)
    stopped_after(6, Path("parts"), sound, resume=True)
    assert told(Path("parts"))[:3] == told(Path("whole"))[:3]
    assert told(Path("parts"))[5]["loss"] != told(Path("whole"))[5]["loss"]
    assert Path("parts/model.safetensors").read_bytes() != Path("whole/model.safetensors").read_bytes()


@pytest.mark.parametrize("change", ["seed=2", "gain_db=3", "crop_samples=128"])
def test_another_setting_ends_elsewhere(sound: Path, tonada: Run, change: str) -> None:
    """Negative control: the comparison of weights can fail, and the settings arrive."""
    assert tonada("train", "tiny/plain", "-d", sound, "-o", "one", *SMALL).code == 0
    assert tonada("train", "tiny/plain", "-d", sound, "-o", "other", *SMALL, "--set", change).code == 0
    assert Path("one/model.safetensors").read_bytes() != Path("other/model.safetensors").read_bytes()


def test_interrupted_and_resumed_by_the_commands(sound: Path, tonada: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tonada.cli import train as command

    tell = command.tell_step

    def tell_and_press_ctrl_c(progress: Progress, *rest: object) -> None:
        tell(progress, *rest)  # type: ignore[arg-type]
        if progress.step == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(command, "tell_step", tell_and_press_ctrl_c)
    assert tonada("train", "tiny/plain", "-d", sound, "-o", "run", *SMALL).code == 130
    monkeypatch.setattr(command, "tell_step", tell)
    assert tonada("train", "-d", sound, "-o", "run", "--resume").lines[0].split() == ["ended", "finished"]
    assert tonada("train", "tiny/plain", "-d", sound, "-o", "run", "--resume", "--max-minutes", "1").code == 0


def test_a_time_limit(sound: Path, tonada: Run) -> None:
    outcome = tonada("train", "tiny/plain", "-d", sound, "-o", "run", *SMALL, "--max-minutes", "1e-9")
    assert (outcome.code, outcome.lines[0].split()) == (0, ["ended", "time"])


def test_a_run_without_held_out_sound(tonada: Run) -> None:
    save_tones(Path("data"), validation=0)
    outcome = tonada("train", "tiny/plain", "-d", "data", "-o", "run", *SMALL)
    assert outcome.code == 0
    assert not Path("run/samples").exists()
    assert {"run/model.safetensors", "run/report.html"} < set(outcome.lines)


def test_an_output_that_is_nearly_silent_is_told(sound: Path, tonada: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = TinyAutoencoder.decode
    monkeypatch.setattr(TinyAutoencoder, "decode", lambda *arguments: 0.01 * forward(*arguments))
    outcome = tonada("train", "tiny/plain", "-d", sound, "-o", "run", "--smoke")
    assert outcome.code == 0
    assert "nearly silent" in outcome.err
    assert "The output is nearly silent" in Path("run/report.html").read_text()
    assert read_log(Path("run"))[-1]["validation"]["rms_ratio"] < 0.05


def write_notes() -> Path:
    from tonada.config import to_mapping
    from tonada.data import Piece, write_dataset
    from tonada.symbolic.tokenizers.note import NoteTokenizer

    piece = Piece(name="a", split="train", array=np.arange(100, dtype=np.uint16), metadata={"seconds": 1})
    config = to_mapping(NoteTokenizer.Config())
    return write_dataset(Path("notes"), codec=NoteTokenizer.name, codec_config=config, pieces=[piece]).folder


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["tiny/plain", "-d", "notes"], 2, ["learns from sound", "notes", "'note'"]),
        (["gpt/tiny", "-d", "data"], 2, ["learns from notes", "data", "'waveform'"]),
        (["tiny/plain", "-d", "data", "--set", "sample_rate=22050"], 2, ["sample_rate is 22050", "8000 in data"]),
        (["tiny/plain", "-d", "data", "--set", "crop_samples=0"], 2, ["crop_samples", "at least 1"]),
        (["tiny/plain", "-d", "data", "--set", "semitones=3"], 2, ["semitones"]),
        (["gpt/tiny", "-d", "notes", "--set", "gain_db=3"], 2, ["gain_db"]),
        (["tiny/plain", "-d", "data", "--set", "augment.flip=false"], 2, ["augment", "augmentation"]),
        (["-c", "other.toml", "-d", "data"], 2, ["SoundAugmentation", "semitones"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_train_refuses(arguments: list[str], code: int, words: list[str], sound: Path, tonada: Run) -> None:
    write_notes()
    Path("other.toml").write_text('[model]\nname = "tiny"\n[augmentation]\nsemitones = 3\n')
    outcome = tonada("train", *arguments, "-o", "run")
    assert (outcome.code, outcome.out) == (code, "")
    assert len(outcome.err.splitlines()) == 1
    assert [word for word in words if word not in outcome.err] == []
    assert not Path("run").exists()


# --- evaluate ----------------------------------------------------------------------------------------------------


@pytest.fixture
def trained(sound: Path, tonada: Run) -> Path:
    assert tonada("train", "tiny/plain", "-d", sound, "-o", "run", *SMALL).code == 0
    return Path("run")


def test_evaluate(trained: Path, sound: Path, tonada: Run) -> None:
    outcome = tonada("evaluate", trained, "--ref", sound, "-o", "figures")
    assert outcome.code == 0
    assert outcome.lines[0].startswith(
        "4 segments of 2 tracks of validation, 2 s; 280 parameters, 4000 values per second"
    )
    assert "compression 2.00" in outcome.lines[0]
    assert outcome.lines[2] == "All segments"
    assert outcome.lines[3].split() == ["metric", "mean", "low", "high", "median", "undefined"]
    metrics = ["si_sdr_db", "stft_distance", "log_spectral_distance_db", "mel_cepstral_distortion_db"]
    assert [line.split()[0] for line in outcome.lines[4:8]] == metrics
    assert outcome.lines[10].split() == ["label", "segments", "tracks", *metrics]
    assert [line.split()[:3] for line in outcome.lines[11:13]] == [["high", "2", "1"], ["low", "2", "1"]]
    assert outcome.lines[13:] == ["figures/evaluation.json", "figures/evaluation.html"]
    written = json.loads(Path("figures/evaluation.json").read_text())
    printed = json.loads(tonada("evaluate", trained, "--ref", sound, "--json").out)
    assert written["reconstruction"] == printed["reconstruction"]
    assert (written["split"], written["limit"], printed["files"]) == ("validation", None, [])
    assert written["weights_sha256"] == sha256((trained / "model.safetensors").read_bytes()).hexdigest()
    page = Path("figures/evaluation.html").read_text()
    assert "http" not in page
    whole = written["reconstruction"]["whole"]["metrics"]
    assert f"{whole['stft_distance']['mean']['value']:.4f}" in page
    assert "<dt>parameters</dt><dd>280</dd>" in page
    rows = written["reconstruction"]["segments"]
    assert whole["si_sdr_db"]["mean"]["value"] == pytest.approx(np.mean([row["si_sdr_db"] for row in rows]))
    assert whole["si_sdr_db"]["median"] == pytest.approx(np.median([row["si_sdr_db"] for row in rows]))


def test_evaluate_a_part_in_half_precision(trained: Path, sound: Path, tonada: Run) -> None:
    arguments = ("evaluate", trained, "--ref", sound, "--split", "train", "--limit", "3", "--json", "--precision")
    full, half = (json.loads(tonada(*arguments, name).out)["reconstruction"] for name in ("fp32", "bf16"))
    assert (full["precision"], half["precision"], full["whole"]["segments"]) == ("fp32", "bf16", 3)
    one, other = (found["whole"]["metrics"]["stft_distance"]["mean"]["value"] for found in (full, half))
    assert one != other
    assert one == pytest.approx(other, rel=0.05)


def test_evaluate_one_track_has_no_interval(trained: Path, sound: Path, tonada: Run) -> None:
    outcome = tonada("evaluate", trained, "--ref", sound, "--limit", "2")
    assert outcome.lines[4].split()[2:4] == ["–", "–"]


def test_evaluate_refuses(trained: Path, sound: Path, tiny_model: Path, tonada: Run) -> None:
    save_tones(Path("faster"), sample_rate=16_000)
    write_notes()
    for arguments, words in (
        ((trained, "--ref", "faster"), ["16000", "8000", "tonada prepare --transform waveform"]),
        ((trained, "--ref", "notes"), ["learns from sound", "'note'"]),
        ((tiny_model, "--ref", sound), ["learns from notes", "'waveform'"]),
        ((trained, "--ref", sound, "--split", "test"), ["nothing to evaluate"]),
    ):
        outcome = tonada("evaluate", *arguments)
        assert (outcome.code, outcome.out) == (2, "")
        assert len(outcome.err.splitlines()) == 1
        assert [word for word in words if word not in outcome.err] == []


def test_train_starts_from_the_weights_of_a_model(sound: Path, tonada: Run) -> None:
    assert tonada("train", "tiny/plain", "-d", sound, "-o", "first", *SMALL).code == 0
    still = (*SMALL, "--set", "learning_rate=1e-9")
    assert tonada("train", "tiny/plain", "-d", sound, "-o", "second", "--init", "first", *still).code == 0
    (first, _), (second, _) = (load_tensors(Path(run, "model.safetensors")) for run in ("first", "second"))
    assert all(np.allclose(first[name], second[name], atol=1e-6) for name in first)
    table = read_toml(Path("second/config.toml"))["init"]
    assert table == {
        "model": "first",
        "weights_sha256": sha256(Path("first/model.safetensors").read_bytes()).hexdigest(),
    }
    # The config says it all; so the run can be had again, and be resumed when the model that it began with is gone.
    assert tonada("train", "-c", "second/config.toml", "-d", sound, "-o", "third").code == 0
    assert Path("third/model.safetensors").read_bytes() == Path("second/model.safetensors").read_bytes()
    save_tensors(Path("first/model.safetensors"), {name: tensor + 1 for name, tensor in first.items()})
    refused = tonada("train", "-c", "second/config.toml", "-d", sound, "-o", "fourth")
    assert (refused.code, Path("fourth").exists()) == (4, False)
    assert "other weights than those that the config's table [init] means" in refused.err
    Path("first").rename("gone")
    assert tonada("train", "--resume", "-d", sound, "-o", "second", "--set", "steps=7").code == 0
    assert read_toml(Path("second/config.toml"))["init"] == table


def test_weights_to_start_from_that_cannot_be(sound: Path, tonada: Run) -> None:
    cases = {
        "there is no model 'nowhere'": ("--init", "nowhere"),
        "no run can start from piano: its model is another": ("--init", "piano"),
        "Leave --init out": ("--init", "piano", "--resume"),
    }
    for text, options in cases.items():
        refused = tonada("train", "tiny/plain", "-d", sound, "-o", "run", *options, *SMALL)
        assert refused.code in (2, 4)
        assert text in refused.err
    Path("run.toml").write_text('[model]\nname = "tiny"\n[init]\nmodel = 3\n')
    refused = tonada("train", "-c", "run.toml", "-d", sound, "-o", "run", *SMALL)
    assert (refused.code, "[init] has no text 'model'" in refused.err) == (2, True)
    assert not Path("run").exists()
