"""encode, decode, morph, perturb, generate: what they write, what they say, and input that cannot be used."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import strided_autoencoder
import tonada as package
from conftest import Outcome, Run, names
from midi_files import ONE_NOTE
from tonada import registry
from tonada.api.inputs import Failure
from tonada.api.settings import NOTES_MODEL, SOUND_MODEL
from tonada.audio.clip import Clip, read_clip, write_clip
from tonada.audio.latents.editing import replace_dimensions, safe_radius
from tonada.audio.latents.files import facts_path, read_facts
from tonada.audio.latents.streaming import decode_whole, encode_whole
from tonada.checkpoint import load_tensors, save_tensors
from tonada.errors import CheckpointError, ConfigError, DataError
from tonada.hashing import file_sha256
from tonada.seeding import rng

RATE = strided_autoencoder.SAMPLE_RATE


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.TABLE["model"], strided_autoencoder.NAME, strided_autoencoder.ENTRY)


@pytest.fixture
def model(tonada: Run, tmp_path: Path) -> Path:
    """Give a model folder, as it is named from where the commands run."""
    strided_autoencoder.save_strided_model(tmp_path / "net")
    return Path("net")


def tone(name: str, seconds: float = 0.5, pitch_hz: float = 300, *, rate: int = RATE, channels: int = 1) -> Path:
    times_s = np.arange(round(seconds * rate)) / rate
    wave = (0.4 * np.sin(2 * np.pi * pitch_hz * times_s)).astype(np.float32)
    path = Path(name)
    write_clip(Clip(samples=np.tile(wave, (channels, 1)), sample_rate=rate), path)
    return path


def samples_of(path: Path | str) -> NDArray[np.float32]:
    return read_clip(Path(path)).samples[0]


def one_line(outcome: Outcome, code: int, *words: str) -> None:
    assert (outcome.code, outcome.out) == (code, "")
    assert len(outcome.err.splitlines()) == 1
    assert [word for word in words if word not in outcome.err] == []


# --- encode and decode -------------------------------------------------------------------------------------------


def test_latents_and_what_they_are_of(model: Path, tonada: Run) -> None:
    song = tone("song.wav")
    outcome = tonada("encode", song, "--model", model, "-o", "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.lines == ["out/song.npy", "out/song.npy.json"]
    assert names(Path("out")) == ["song.npy", "song.npy.json"]
    latents = np.load("out/song.npy")
    net = strided_autoencoder.build()
    np.testing.assert_allclose(latents, encode_whole(net, samples_of(song)), atol=1e-6)
    assert (latents.dtype, latents.shape) == (np.float32, (net.frames(4000), 3))
    facts = read_facts(facts_path(Path("out/song.npy")))
    assert facts is not None
    assert (facts.model, facts.model_folder, facts.source) == ("net", "../net", "../song.wav")
    assert (facts.sample_rate, facts.samples, facts.hop, facts.frames, facts.channels) == (RATE, 4000, 8, 500, 3)
    assert facts.values_per_second == 3 * RATE / 8
    assert facts.compression == 4000 / 1500


def test_back_to_sound_of_the_same_length(model: Path, tonada: Run) -> None:
    song = tone("song.wav", seconds=0.4999)
    tonada("encode", song, "--model", model, "-o", "out")
    outcome = tonada("decode", "out/song.npy", "--model", model, "-o", "back", "-f", "wav,flac,svg")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.lines == ["back/song_decoded.wav", "back/song_decoded.flac", "back/song_decoded.svg"]
    net = strided_autoencoder.build()
    expected = decode_whole(net, np.load("out/song.npy"), len(samples_of(song)))
    np.testing.assert_allclose(samples_of("back/song_decoded.wav"), np.clip(expected, -1, 1), atol=1e-4)
    assert len(samples_of("back/song_decoded.flac")) == len(samples_of(song))


def test_without_the_json_the_sound_is_as_long_as_the_frames(model: Path, tonada: Run) -> None:
    np.save("found.npy", np.zeros((100, 3)))
    assert tonada("decode", "found.npy", "--model", model).lines == ["found_decoded.wav"]
    assert len(samples_of("found_decoded.wav")) == 800


def test_any_rate_and_channels_become_the_models(model: Path, tonada: Run) -> None:
    tone("wide.wav", seconds=1.0, rate=48_000, channels=6)
    tonada("encode", "wide.wav", "--model", model)
    assert np.load("wide.npy").shape == (1000, 3)
    tone("plain.wav", seconds=1.0)
    tonada("encode", "plain.wav", "--model", model)
    np.testing.assert_allclose(np.load("wide.npy")[50:-50], np.load("plain.npy")[50:-50], atol=0.02)


def test_the_check_measures_what_it_writes(model: Path, tonada: Run) -> None:
    tone("song.wav", seconds=1.5)
    outcome = tonada("encode", "song.wav", "--model", model, "--check", "-f", "wav,svg")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.lines[:4] == ["song.npy", "song.npy.json", "song_decoded.wav", "song_decoded.svg"]
    assert outcome.lines[4].split()[:3] == ["song", "si_sdr_db", "stft_distance"]
    (told,) = json.loads(tonada("encode", "song.wav", "--model", model, "--check", "--json").out)
    from tonada.audio.metrics import compare

    measured = compare(read_clip(Path("song.wav")), read_clip(Path("song_decoded.wav")))
    assert told["metrics"].keys() == measured.keys()
    for name, value in measured.items():  # 16 bits lie between
        assert told["metrics"][name] == pytest.approx(value, rel=0.02, abs=0.02)
    assert json.loads(tonada("encode", "song.wav", "--model", model, "--json").out)[0]["metrics"] is None


def test_formats_without_a_check_are_refused(model: Path, tonada: Run) -> None:
    tone("song.wav")
    one_line(tonada("encode", "song.wav", "--model", model, "-o", "out", "-f", "flac,svg"), 2, "flac, svg", "--check")
    assert not Path("out").exists()


def test_opus_is_offered(model: Path, tonada: Run) -> None:
    tone("song.wav")
    outcome = tonada("encode", "song.wav", "--model", model, "--check", "-f", "opus")
    assert outcome.lines[2] == "song_decoded.opus"
    assert read_clip(Path("song_decoded.opus")).samples.shape[1] == 4000
    for verb in ("encode", "decode", "morph", "perturb", "generate", "render", "compose"):
        assert "opus" in tonada(verb, "--help").out


def test_the_help_of_generate_names_what_it_takes(tonada: Run) -> None:
    assert tonada("generate", "--help").lines[0] == "Usage: tonada generate [OPTIONS] [SONGS...]"


def test_one_sample_is_a_song(model: Path, tonada: Run) -> None:
    write_clip(Clip(samples=np.full((1, 1), 0.5, np.float32), sample_rate=RATE), Path("one.wav"))
    assert tonada("encode", "one.wav", "--model", model, "--check").code == 0
    assert len(samples_of("one_decoded.wav")) == 1


def test_folders_patterns_stdin_and_equal_stems(model: Path, tonada: Run) -> None:
    for name in ("a/x.wav", "a/deep/y.FLAC", "b/x.wav"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        tone(name, seconds=0.1)
    Path("a/notes.txt").write_text("no sound")
    outcome = tonada("encode", "a", "b/*.wav", "-", "--model", model, "-o", "out", stdin="a/x.wav\n")
    assert (outcome.code, outcome.err) == (0, "")
    assert [name for name in names(Path("out")) if name.endswith("npy")] == ["x-2.npy", "x-3.npy", "x.npy", "y.npy"]
    assert len(tonada("decode", "out", "--model", model, "-o", "back").lines) == 4
    one_line(tonada("encode", "-", "--model", model, stdin="\n"), 3, "name a sound file on each line")
    one_line(tonada("decode", "-", "--model", model, stdin="\n"), 3, "name a file of latents on each line")
    one_line(tonada("decode", "b", "--model", model), 3, "holds no file of latents")
    one_line(tonada("encode", "none", "--model", model), 3, "none: there is no such file")


def bad_songs() -> dict[str, str]:
    """Write files that are no songs, and give what is said of each."""
    rate = np.float32
    Path("text.wav").write_text("not sound")
    Path("empty.wav").write_bytes(b"")
    import soundfile

    soundfile.write("nan.wav", np.full(800, np.nan, rate), RATE, subtype="FLOAT")
    soundfile.write("none.wav", np.zeros((0, 1), rate), RATE)
    return {
        "text.wav": "not a sound file",
        "empty.wav": "the file is empty",
        "nan.wav": "not numbers",
        "none.wav": "no samples",
        "missing.wav": "no such file",
    }


def test_one_bad_song_does_not_stop_the_others(model: Path, tonada: Run) -> None:
    tone("good.wav")
    words = bad_songs()
    for verb in ("encode", "perturb"):
        outcome = tonada(verb, *words, "good.wav", "--model", model, "-o", verb)
        assert outcome.code == 7
        assert [line.split(": ")[1] for line in outcome.err.splitlines()] == list(words)
        assert all(word in line for word, line in zip(words.values(), outcome.err.splitlines(), strict=True))
        assert {name.partition(".")[0].partition("_")[0] for name in names(Path(verb))} == {"good"}
    told = json.loads(tonada("encode", "text.wav", "good.wav", "--model", model, "--json").out)
    assert [set(entry) & {"error", "source"} for entry in told] == [{"error"}, {"source"}]
    one_line(tonada("encode", "text.wav", "--model", model, "-o", "only"), 3, "text.wav: not a sound file")
    assert not Path("only").exists()


def test_a_song_that_ends_before_its_time_is_used_and_said(model: Path, tonada: Run) -> None:
    whole = tone("song.wav").read_bytes()
    Path("cut.wav").write_bytes(whole[:-3001])
    outcome = tonada("encode", "cut.wav", "--model", model)
    assert outcome.code == 0
    assert outcome.err == "tonada: cut.wav: ends before its time; what there is of it was used\n"
    assert len(np.load("cut.npy")) == -(-(4000 - 1501) // 8)
    assert json.loads(tonada("encode", "cut.wav", "--model", model, "--json").out)[0]["remarks"]


def test_latents_that_cannot_be_decoded(model: Path, tonada: Run) -> None:
    np.save("good.npy", np.zeros((10, 3), np.float32))
    bad: dict[str, tuple[NDArray[Any], str]] = {
        "narrow.npy": (np.zeros((10, 2), np.float32), "has 2 values in each frame; net takes 3"),
        "flat.npy": (np.zeros(30, np.float32), "shape [frames, channels]"),
        "whole.npy": (np.zeros((10, 3), np.int16), "int16"),
        "nan.npy": (np.full((10, 3), np.nan, np.float32), "NaN"),
    }
    for name, (array, _) in bad.items():
        np.save(name, array)
    Path("text.npy").write_text("no latents")
    outcome = tonada("decode", *bad, "text.npy", "good.npy", "--model", model, "-o", "out")
    assert (outcome.code, outcome.lines) == (7, ["out/good_decoded.wav"])
    assert names(Path("out")) == ["good_decoded.wav"]
    lines = outcome.err.splitlines()
    assert [line.split(": ")[1] for line in lines] == [*bad, "text.npy"]
    assert all(words in line for (_, words), line in zip(bad.values(), lines[:-1], strict=True))
    assert tonada("decode", *bad, "--model", model).code == 3


def test_latents_of_other_weights_are_decoded_and_that_is_said(model: Path, tonada: Run) -> None:
    tone("song.wav", seconds=0.3)
    tonada("encode", "song.wav", "--model", model)
    shutil.copytree(model, "other")
    tensors, _ = load_tensors(Path("other/model.safetensors"))
    save_tensors(Path("other/model.safetensors"), {name: tensor * 0.5 for name, tensor in tensors.items()})
    outcome = tonada("decode", "song.npy", "--model", "other")
    assert (outcome.code, outcome.lines) == (0, ["song_decoded.wav"])
    assert outcome.err == "tonada: song.npy: was encoded with net, whose weights are others than those of other\n"
    # Another hop: the length that the json tells is of no use, and that of the frames is taken.
    strided_autoencoder.save_strided_model(Path("longer"), hop=16)
    assert tonada("decode", "song.npy", "--model", "longer").code == 0
    assert len(samples_of("song_decoded.wav")) == 300 * 16


def test_a_json_that_belongs_to_other_latents(model: Path, tonada: Run) -> None:
    tone("song.wav")
    tonada("encode", "song.wav", "--model", model)
    np.save("song.npy", np.load("song.npy")[:-1])
    one_line(tonada("decode", "song.npy", "--model", model), 3, "has 499 frames", "4000 samples, which have 500")
    Path("song.npy.json").write_text("[]")
    one_line(tonada("decode", "song.npy", "--model", model), 3, "song.npy.json: does not describe latents")


@pytest.mark.parametrize("verb", ["encode", "decode", "morph", "perturb", "generate"])
def test_models_that_cannot_be(verb: str, model: Path, tiny_model: Path, tonada: Run) -> None:
    tone("song.wav")
    np.save("song.npy", np.zeros((10, 3), np.float32))
    given = {"decode": ["song.npy"], "morph": ["song.wav", "song.wav"], "generate": []}.get(verb, ["song.wav"])
    one_line(tonada(verb, *given, "--model", tiny_model, "-o", "out"), 2, "has no latents of sound", "--model")
    one_line(tonada(verb, *given, "--model", "none", "-o", "out"), 4, "there is no model 'none'")
    one_line(tonada(verb, *given, "--model", model, "-o", "out", "-f", "mid"), 2, "format", "'mid'")
    one_line(tonada(verb, *given, "--model", model, "-o", "out", "--device", "tpu"), 2, "'tpu'")
    one_line(tonada(verb, *given, "--model", model, "-o", "song.wav"), 3, "-o")
    assert not Path("out").exists()


def test_where_no_model_is_named(model: Path, tonada: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the model that Tonada brings for sound is meant, and for notes another."""
    tone("song.wav")
    brought = tmp_path / "pretrained"
    brought.mkdir()
    monkeypatch.setattr("tonada.runs.pretrained_folder", lambda: brought)
    one_line(tonada("encode", "song.wav", "-o", "out"), 4, f"there is no model '{SOUND_MODEL}'")
    model.rename(brought / SOUND_MODEL)
    for arguments in (["encode", "song.wav"], ["decode", "out/song.npy"], ["perturb", "song.wav"]):
        assert tonada(*arguments, "-o", "out").code == 0
    assert tonada("morph", "song.wav", "song.wav", "-o", "out").code == 0
    assert tonada("generate", "-o", "out", "--seconds", "0.1").lines[0] == f"out/{SOUND_MODEL}_normal_1.wav"
    facts = read_facts(facts_path(Path("out/song.npy")))
    assert facts is not None
    assert facts.model_folder == SOUND_MODEL  # by name: it is found wherever the package lies
    with pytest.raises(CheckpointError, match=f"'{NOTES_MODEL}'"):  # it is not brought here
        package.compose(output="out")


def test_an_autoencoder_composes_nothing(model: Path, tonada: Run) -> None:
    Path("piece.mid").write_bytes(ONE_NOTE)
    one_line(tonada("compose", "piece.mid", "--model", model), 2, "net makes no notes")


def test_weights_that_give_no_numbers(model: Path, tonada: Run) -> None:
    tone("song.wav")
    np.save("song.npy", np.zeros((10, 3), np.float32))
    tensors, _ = load_tensors(model / "model.safetensors")
    tensors["mix.bias"][:] = float("nan")
    tensors["up.bias"][:] = float("inf")
    save_tensors(model / "model.safetensors", tensors)
    for arguments in (["encode", "song.wav"], ["decode", "song.npy"], ["morph", "song.wav", "song.wav"], ["generate"]):
        one_line(tonada(*arguments, "--model", model, "-o", "out"), 3, "NaN or infinite")
    assert not Path("out").exists()


def test_latents_beyond_what_the_model_can_decode(model: Path, tonada: Run) -> None:
    tone("song.wav")
    np.save("far.npy", np.full((10, 3), 3e38, np.float32))
    tensors, _ = load_tensors(model / "model.safetensors")
    save_tensors(model / "model.safetensors", {name: tensor * 100 for name, tensor in tensors.items()})
    one_line(tonada("decode", "far.npy", "--model", model, "-o", "out"), 3, "beyond what it can decode")
    assert not Path("out").exists()


def test_ctrl_c_leaves_what_is_whole(model: Path, tonada: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        tone(name)
    from tonada.audio.reading import ClipReader

    blocks = ClipReader.mono_blocks

    def interrupted(self: ClipReader, sample_rate: int) -> Any:
        for block in blocks(self, sample_rate):
            yield block
            if self.path.name == "b.wav":
                raise KeyboardInterrupt

    monkeypatch.setattr(ClipReader, "mono_blocks", interrupted)
    outcome = tonada("encode", "a.wav", "b.wav", "c.wav", "--model", model, "-o", "out", "--check")
    assert outcome.code == 130
    assert outcome.lines == [f"out/a{ending}" for ending in (".npy", ".npy.json", "_decoded.wav")]
    assert names(Path("out")) == ["a.npy", "a.npy.json", "a_decoded.wav"]


def test_a_full_disk(model: Path, tonada: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    tone("song.wav")
    monkeypatch.setattr("tonada.audio.latents.files.write_text", lambda *_: (_ for _ in ()).throw(full()))

    def full() -> OSError:
        return OSError(errno.ENOSPC, "No space left on device")

    one_line(tonada("encode", "song.wav", "--model", model, "-o", "out"), 6, "the disk is full")
    assert names(Path("out")) == []  # the latents without their json are removed again


# --- morph -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["linear", "spherical"])
def test_steps_beside_the_cross_fade(way: str, model: Path, tonada: Run) -> None:
    tone("a.wav", pitch_hz=300)
    tone("b.wav", pitch_hz=900, seconds=0.4)
    outcome = tonada("morph", "a.wav", "b.wav", "--model", model, "--way", way, "--steps", "3", "-o", "out")
    assert (outcome.code, outcome.err) == (0, "")
    written = [f"out/a-b_{word}_{number}.wav" for number in (1, 2, 3) for word in (way, "crossfade")]
    assert outcome.lines[:7] == [*written, f"out/a-b_{way}.json"]
    assert outcome.lines[7].split() == ["share", "nats", "from", "the", "cross-fade", "novelty"]
    assert {len(samples_of(name)) for name in written} == {3200}  # both end with the shorter one
    for number in (1, 3):  # at the ends the two are the same: the songs as the model gives them back
        np.testing.assert_array_equal(samples_of(written[2 * number - 2]), samples_of(written[2 * number - 1]))
    net = strided_autoencoder.build()
    first, second = (decode_whole(net, encode_whole(net, samples_of(name)[:3200]), 3200) for name in ("a.wav", "b.wav"))
    np.testing.assert_allclose(samples_of("out/a-b_crossfade_2.wav"), (first + second) / 2, atol=1e-4)
    told = json.loads(Path(f"out/a-b_{way}.json").read_text())
    assert [step["share"] for step in told["steps"]] == [0, 0.5, 1]
    assert [step["novelty"] for step in told["steps"]][::2] == [0, 0]
    assert told["steps"][1]["novelty"] == told["steps"][1]["distance_nats"] / told["distance_nats"] > 0
    assert told["model"]["name"] == "net"
    assert [song["name"] for song in told["songs"]] == ["../a.wav", "../b.wav"]


def test_to_the_end_of_the_longer_song(model: Path, tonada: Run) -> None:
    tone("a.wav", seconds=0.2)
    tone("b.wav", seconds=0.5)
    tonada("morph", "a.wav", "b.wav", "--model", model, "--whole", "--steps", "2")
    assert len(samples_of("a-b_linear_1.wav")) == 4000


def test_a_song_and_itself(model: Path, tonada: Run) -> None:
    tone("a.wav")
    outcome = tonada("morph", "a.wav", "a.wav", "--model", model, "--json")
    steps = json.loads(outcome.out)["steps"]
    assert [step["novelty"] for step in steps] == [None] * 5
    assert max(step["distance_nats"] for step in steps) < 1e-3


def test_what_cannot_be_morphed(model: Path, tonada: Run) -> None:
    tone("a.wav")
    Path("text.wav").write_text("not sound")
    given = ["--model", model, "-o", "out"]
    one_line(tonada("morph", "a.wav", "text.wav", *given), 3, "text.wav")
    one_line(tonada("morph", "a.wav", "none.wav", *given), 3, "none.wav: there is no such file")
    Path("many").mkdir()
    tone("many/x.wav")
    tone("many/y.wav")
    one_line(tonada("morph", "many", "a.wav", *given), 3, "stands for 2 sound files")
    one_line(tonada("morph", "a.wav", "a.wav", *given, "--steps", "1"), 2, "steps", "2 to 100")
    one_line(tonada("morph", "a.wav", "a.wav", *given, "--way", "sperical"), 2, "spherical")
    one_line(tonada("morph", "a.wav", *given), 2, "SECOND")
    assert not Path("out").exists()


# --- perturb -----------------------------------------------------------------------------------------------------


def test_a_curve_and_a_range(model: Path, tonada: Run) -> None:
    tone("song.wav")
    given = ["perturb", "song.wav", "--model", model, "--dimensions", "0,2", "--range", "0.75", "--threshold", "0.2"]
    outcome = tonada(*given, "-o", "out")
    assert (outcome.code, outcome.err) == (0, "")
    words = ["range0.75", "strength0.1", "strength0.3", "strength1", "strength3"]
    assert outcome.lines[:6] == [*(f"out/song_{word}.wav" for word in words), "out/song_perturb.json"]
    told = json.loads(Path("out/song_perturb.json").read_text())
    assert told["settings"]["dimensions"] == [0, 2]
    curve = [clip["distance_nats"] for clip in told["clips"][1:]]
    assert curve == sorted(curve)
    assert curve[0] < curve[-1]
    assert told["safe_radius"] == pytest.approx(safe_radius([0.1, 0.3, 1, 3], curve, 0.2))
    assert told["reconstruction_nats"] > 0
    first = samples_of("out/song_strength1.wav")
    tonada(*given, "-o", "again")
    np.testing.assert_array_equal(samples_of("again/song_strength1.wav"), first)
    tonada(*given, "-o", "other", "--seed", "2")
    assert (samples_of("other/song_strength1.wav") != first).any()


def test_only_what_is_asked_for(model: Path, tonada: Run) -> None:
    tone("song.wav")
    lines = tonada("perturb", "song.wav", "--model", model, "--strength", "0.5", "-f", "flac").lines
    assert lines[:2] == ["song_strength0.5.flac", "song_perturb.json"]
    told = json.loads(tonada("perturb", "song.wav", "--model", model, "--strength=", "--range", "1", "--json").out)
    assert [clip["strength"] for clip in told[0]["clips"]] == [None]
    assert (told[0]["safe_radius"], told[0]["threshold_reached"]) == (None, False)


def test_a_threshold_that_no_strength_reaches(model: Path, tonada: Run) -> None:
    tone("song.wav")
    outcome = tonada("perturb", "song.wav", "--model", model, "--strength", "0.01,0.5", "--threshold", "50")
    assert outcome.lines[-1].endswith("≥ 0.5")
    told = json.loads(Path("song_perturb.json").read_text())
    assert (told["safe_radius"], told["threshold_reached"]) == (0.5, False)


def test_latents_of_one_frame_have_no_safe_radius(model: Path, tonada: Run) -> None:
    write_clip(Clip(samples=np.full((1, 1), 0.5, np.float32), sample_rate=RATE), Path("one.wav"))
    outcome = tonada("perturb", "one.wav", "--model", model)
    assert (outcome.code, outcome.lines[-1].split()[-1]) == (0, "–")
    assert outcome.err.startswith("tonada: one.wav: its latents do not vary, so noise")
    assert json.loads(Path("one_perturb.json").read_text())["safe_radius"] is None


def test_dimensions_that_are_not_asked_for_stay(model: Path, tonada: Run) -> None:
    tone("song.wav")
    tonada("perturb", "song.wav", "--model", model, "--dimensions", "1", "--range", "0.75", "--strength=")
    net = strided_autoencoder.build()
    latents = encode_whole(net, samples_of("song.wav"))
    expected = decode_whole(net, replace_dimensions(latents, [1], 0.75, generator=rng(1, "replace")), 4000)
    np.testing.assert_allclose(samples_of("song_range0.75.wav"), np.clip(expected, -1, 1), atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dimensions", "0,3"], ["dimensions", "0 to 2; got 3"]),
        (["--dimensions", "0,x"], ["--dimensions", "0,x"]),
        (["--dimensions", "0.5"], ["--dimensions", "0.5"]),
        (["--range", "-1"], ["range", "more than 0"]),
        (["--add"], ["--range"]),
        (["--strength", "0"], ["strength", "more than 0"]),
        (["--strength", "1,1"], ["strength", "differ"]),
        (["--strength", "1,nan"], ["strength", "nan"]),
        (["--strength="], ["nothing to do"]),
        (["--threshold", "0"], ["threshold"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_perturbations_that_cannot_be(arguments: list[str], words: list[str], model: Path, tonada: Run) -> None:
    tone("song.wav")
    one_line(tonada("perturb", "song.wav", "--model", model, "-o", "out", *arguments), 2, *words)
    assert not Path("out").exists()


# --- generate ----------------------------------------------------------------------------------------------------


def test_variations_from_a_seed(model: Path, tonada: Run) -> None:
    given = ["generate", "--model", model, "--seconds", "0.25", "--prior", "uniform"]
    outcome = tonada(*given, "-n", "2", "-f", "wav,npy", "-o", "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.lines == [f"out/net_uniform_{number}.{kind}" for number in (1, 2) for kind in ("wav", "npy", "json")]
    first, second = (np.load(f"out/net_uniform_{number}.npy") for number in (1, 2))
    assert (first != second).any()
    assert np.abs(first).max() <= 1
    assert len(samples_of("out/net_uniform_1.wav")) == 2000
    tonada(*given, "-f", "wav,npy", "-o", "again")
    np.testing.assert_array_equal(np.load("again/net_uniform_1.npy"), first)
    assert Path("again/net_uniform_1.wav").read_bytes() == Path("out/net_uniform_1.wav").read_bytes()
    tonada(*given, "--seed", "2", "-f", "npy", "-o", "other")
    assert names(Path("other")) == ["net_uniform_1.json", "net_uniform_1.npy"]
    assert (np.load("other/net_uniform_1.npy") != first).any()
    told = json.loads(Path("out/net_uniform_2.json").read_text())
    assert (told["variation"], told["settings"]["prior"], told["settings"]["seed"]) == (2, "uniform", 1)
    assert told["files"].keys() == {"net_uniform_2.wav", "net_uniform_2.npy"}


def test_a_prior_that_is_fitted_stored_and_found_again(model: Path, tonada: Run) -> None:
    for number in range(3):
        tone(f"song{number}.wav", seconds=0.6, pitch_hz=300 * (number + 1))
    Path("text.wav").write_text("not sound")
    given = ["--model", model, "--seconds", "0.2"]
    assert tonada("generate", *given).lines == ["net_normal_1.wav", "net_normal_1.json"]
    one_line(tonada("generate", *given, "--prior", "fitted"), 4, "has no fitted prior", "--prior normal")
    songs = ["song0.wav", "song1.wav", "song2.wav"]
    outcome = tonada("generate", *songs, "text.wav", *given, "--save-prior", "net/prior.safetensors", "-n", "2")
    assert outcome.code == 7
    assert outcome.err.startswith("tonada: text.wav: ")
    clips = [f"net_fitted_{number}.{kind}" for number in (1, 2) for kind in ("wav", "json")]
    assert outcome.lines == ["net/prior.safetensors", *clips]
    told = json.loads(Path("net_fitted_1.json").read_text())
    prior_sha256 = file_sha256(Path("net/prior.safetensors"))
    assert told["prior_sha256"] == prior_sha256
    assert json.loads(Path("net_normal_1.json").read_text())["prior_sha256"] is None
    assert [song["name"] for song in told["songs"]] == songs
    fitted = samples_of("net_fitted_1.wav")
    again = tonada("generate", *given, "-o", "again")  # now the model has one, and auto takes it
    assert again.lines == ["again/net_fitted_1.wav", "again/net_fitted_1.json"]
    np.testing.assert_array_equal(samples_of("again/net_fitted_1.wav"), fitted)
    assert json.loads(Path("again/net_fitted_1.json").read_text())["prior_sha256"] == prior_sha256
    tensors, _ = load_tensors(model / "model.safetensors")
    save_tensors(model / "model.safetensors", {name: tensor * 0.5 for name, tensor in tensors.items()})
    one_line(tonada("generate", *given), 4, "prior.safetensors", "other weights")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-n", "0"], ["variations", "1 to 1000"]),
        (["--seconds", "0"], ["seconds", "more than 0"]),
        (["--seconds", "nan"], ["seconds"]),
        (["--prior", "unifrom"], ["prior", "uniform"]),
        (["song.wav", "--prior", "normal"], ["normal", "fitted"]),
        (["--save-prior", "p.safetensors"], ["name the songs"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_generations_that_cannot_be(arguments: list[str], words: list[str], model: Path, tonada: Run) -> None:
    tone("song.wav")
    one_line(tonada("generate", "--model", model, "-o", "out", *arguments), 2, *words)
    assert not Path("out").exists()


def test_songs_that_no_prior_can_be_fitted_to(model: Path, tonada: Run) -> None:
    write_clip(Clip(samples=np.zeros((1, 5), np.float32), sample_rate=RATE), Path("short.wav"))
    outcome = tonada("generate", "short.wav", "none.wav", "--model", model, "-o", "out")
    assert (outcome.code, outcome.out) == (3, "")
    assert "short.wav: is too short" in outcome.err
    assert "none.wav: there is no such file" in outcome.err


# --- the functions behind the commands -----------------------------------------------------------------------------


def test_the_functions(model: Path, tmp_path: Path) -> None:
    song = tone("song.wav")
    encoded = package.encode(song, "none.wav", model=model, output=tmp_path / "out", check=True)
    assert encoded.made[0].metrics is not None
    assert isinstance(encoded.failures[0], Failure)
    decoded = package.decode(encoded.made[0].files[0], model=model, output=tmp_path / "back")
    assert decoded.made[0].seconds == 0.5
    morphed = package.morph(song, song, model=model, output=tmp_path / "out", steps=2)
    assert [step.share for step in morphed.steps] == [0, 1]
    perturbed = package.perturb(song, model=model, output=tmp_path / "out", dimensions=[0], range=0.5, strength=[1])
    assert [clip.strength for clip in perturbed.made[0].clips] == [None, 1]
    generated = package.generate(model=model, output=tmp_path / "out", seconds=0.1, variations=2)
    assert [one.variation for one in generated.made] == [1, 2]
    with pytest.raises(DataError, match="name a sound file"):
        package.encode(model=model)
    with pytest.raises(DataError, match="name a file of latents"):
        package.decode(model=model)
    with pytest.raises(DataError, match="name a sound file"):
        package.perturb(model=model)
    with pytest.raises(ConfigError, match="variations"):
        package.generate(model=model, variations=0)


def test_progress_goes_on_to_the_end(model: Path, tonada: Run) -> None:
    song = tone("song.wav")
    heard: list[float] = []
    package.encode(song, song, model=model, check=True, progress=lambda done, total, name: heard.append(done / total))
    assert heard == sorted(heard)
    assert (heard[0], heard[-1]) == (0, 1)
    heard.clear()
    package.decode("song.npy", model=model, progress=lambda done, total, name: heard.append(done / total))
    assert (heard[0], heard[-1]) == (0, 1)
