"""compose and replay: what is written, how long it is, what differs, and what becomes of inputs that cannot be used."""

from __future__ import annotations

import errno
import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tonada as package
from conftest import Outcome, Run, names
from midi_files import GOOD, MALFORMED, ONE_NOTE, PIECE, midi_file, note_off, note_on, track
from tiny_model import CONTEXT
from tonada.api.composer import Composition
from tonada.errors import ConfigError, DataError
from tonada.render.soundfont import PIANO
from tonada.symbolic.bars import BarLines
from tonada.symbolic.midi import read_midi, write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.prompts import TRACK_NAME
from tonada.symbolic.score import Score


@pytest.fixture
def compose(tonada: Run, tiny_model: Path) -> Run:
    """Compose with the tiny model into the folder "out"; short unless told otherwise."""

    def run(*arguments: str | Path, stdin: str = "") -> Outcome:
        lengths = {"--seconds", "--bars", "--notes"} & set(map(str, arguments))
        length = [] if lengths else ["--notes", "3"]
        return tonada("compose", *arguments, *length, "--model", tiny_model, "-o", "out", stdin=stdin)

    return run


def added(path: Path) -> Notes:
    """Give the notes of the track that a continuation is on."""
    score = read_midi(path)
    (track_,) = (one for one in score.tracks if one.name == TRACK_NAME)
    return Score(tracks=(track_,), tempo_map=score.tempo_map).notes()


def sidecar(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(Path("out", f"{name}.json").read_text("utf-8"))
    return told


# --- what is written -----------------------------------------------------------------------------------------------


def test_every_file_is_listed(piece: Path, compose: Run) -> None:
    outcome = compose(piece, "-n", "2", "-f", "mid,wav,ogg,mp3,flac,png,svg")
    assert (outcome.code, outcome.err) == (0, "")
    suffixes = ["mid", "wav", "flac", "ogg", "mp3", "png", "svg", "json"]
    assert outcome.lines == [f"out/piece_tiny_{number}.{suffix}" for number in (1, 2) for suffix in suffixes]
    assert names(Path("out")) == sorted(line.removeprefix("out/") for line in outcome.lines)


def test_the_prompt_is_untouched_and_the_continuation_follows(piece: Path, compose: Run) -> None:
    assert compose(piece, "--notes", "12").code == 0
    prompt, whole = read_midi(piece), read_midi(Path("out/piece_tiny_1.mid"))
    assert len(whole.tracks) == len(prompt.tracks) + 1
    assert (
        Score(tracks=whole.tracks[:-1], tempo_map=whole.tempo_map, meters=whole.meters, keys=whole.keys).differences(
            prompt
        )
        == []
    )
    new = added(Path("out/piece_tiny_1.mid"))
    assert len(new) == 12
    assert new.onset_s.min() >= fold_pedal(prompt).onset_s.max()


def test_continuation_only(piece: Path, compose: Run) -> None:
    assert compose(piece, "--notes", "5").code == 0
    both = added(Path("out/piece_tiny_1.mid"))
    assert compose(piece, "--notes", "5", "--continuation-only").code == 0
    score = read_midi(Path("out/piece_tiny_1.mid"))
    assert len(score.tracks) == 1
    alone = score.notes()
    assert alone.onset_s[0] == 0.0
    np.testing.assert_array_equal(alone.pitch, both.pitch)
    np.testing.assert_allclose(np.diff(alone.onset_s), np.diff(both.onset_s), atol=2e-3)


def test_from_nothing(compose: Run) -> None:
    assert compose("-n", "2").lines[0] == "out/new_tiny_1.mid"
    assert read_midi(Path("out/new_tiny_2.mid")).count_notes() == 3
    assert sidecar("new_tiny_2")["input"] is None


def test_an_example(compose: Run) -> None:
    assert compose("fur-elise", "-f", "json").lines == ["out/fur-elise_tiny_1.json"]
    assert sidecar("fur-elise_tiny_1")["input"]["name"] == "fur-elise"


def test_json(piece: Path, compose: Run) -> None:
    outcome = compose(piece, "none.mid", "--json")
    one, two = json.loads(outcome.out)
    assert outcome.code == 7
    assert (one["variation"], one["notes"], one["interrupted"]) == (1, 3, False)
    assert one["files"] == ["out/piece_tiny_1.mid", "out/piece_tiny_1.json"]
    assert two["name"] == "none.mid"


def test_names_that_are_no_text(piece: Path, compose: Run, tonada: Run) -> None:
    odd = Path("p\udcff.mid")
    try:
        odd.write_bytes(piece.read_bytes())
    except (OSError, UnicodeError):
        pytest.skip("this file system takes no such names")
    outcome = compose(odd, piece, "--notes", "2", "-f", "mid,svg,png", "--json")
    assert outcome.code == 0
    first, second = json.loads(outcome.out)
    assert [Path(name).stem for name in first["files"]] == ["p\udcff_tiny_1"] * 4
    assert second["source"] == str(piece)
    assert tonada("replay", "out/p\udcff_tiny_1.json").lines == ["identical"]


def test_no_names_on_stdin(compose: Run) -> None:
    outcome = compose("-", stdin="\n")
    assert (outcome.code, outcome.out) == (3, "")
    assert "no names came on stdin" in outcome.err
    assert not Path("out").exists()


def test_equal_stems_do_not_overwrite_each_other(compose: Run) -> None:
    for name in ("a/x.mid", "b/x.mid"):
        Path(name).parent.mkdir()
        Path(name).write_bytes(ONE_NOTE)
    assert compose("a", "-", "-f", "json", stdin="b/x.mid\n").lines == ["out/x_tiny_1.json", "out/x-2_tiny_1.json"]


# --- lengths, seeds, variations --------------------------------------------------------------------------------------


def test_length_in_seconds(compose: Run) -> None:
    write_midi(Score.from_notes(Notes.from_rows([(0.5 * step, 0.4, 60, 64) for step in range(40)])), Path("long.mid"))
    assert compose("long.mid", "--prompt-seconds", "4", "--seconds", "40", "-n", "3").code == 0
    for number in (1, 2, 3):
        path = Path(f"out/long_tiny_{number}.mid")
        new = added(path)
        assert new.onset_s.min() >= 3.5
        assert new.onset_s.max() < 44.0
        assert sidecar(path.stem)["ended"] == "length"
        assert read_midi(path).tracks[0].onset_ticks.max() < read_midi(path).tempo_map.ticks(4.0)


def test_length_and_prompt_in_bars(compose: Run) -> None:
    write_midi(Score.from_notes(Notes.from_rows([(0.5 * step, 0.4, 60, 64) for step in range(40)])), Path("long.mid"))
    assert compose("long.mid", "--prompt-bars", "2", "--bars", "10", "-n", "3").code == 0
    lines = BarLines(read_midi(Path("long.mid")))
    ends = []
    for number in (1, 2, 3):
        score = read_midi(Path(f"out/long_tiny_{number}.mid"))
        assert len(score.tracks[0].onset_ticks) == 8
        ends.append(int(score.tracks[1].onset_ticks.max()))
    assert all(end < lines.tick(12) for end in ends)
    assert sidecar("long_tiny_1")["settings"]["bars"] == 10


def test_the_same_seed_gives_the_same_bytes_and_others_differ(piece: Path, compose: Run) -> None:
    def midi(*arguments: str) -> bytes:
        assert compose(piece, "--notes", "20", *arguments).code == 0
        return Path("out/piece_tiny_1.mid").read_bytes()

    first = midi("--seed", "3")
    assert midi("--seed", "3") == first
    assert midi("--seed", "4") != first
    assert midi("--seed", "3", "--temperature", "0") != first
    assert midi("--temperature", "0", "--seed", "3") == midi("--top-k", "1", "--seed", "8")
    assert midi("--seed", "3", "-n", "3") == first  # variation 1 does not depend on how many there are
    pieces = {Path(f"out/piece_tiny_{number}.mid").read_bytes() for number in (1, 2, 3)}
    assert len(pieces) == 3


def test_sampling_settings_that_cannot_be(piece: Path, compose: Run) -> None:
    for option, value in (("--temperature", "-1"), ("--top-p", "1.5"), ("--min-p", "1"), ("--top-k", "-2")):
        outcome = compose(piece, option, value)
        assert (outcome.code, outcome.out) == (2, "")
        assert option[2:].replace("-", "_") in outcome.err
        assert len(outcome.err.splitlines()) == 1
    assert not Path("out").exists()


def test_defaults_of_sampling_are_those_of_the_sampler() -> None:
    from tonada.api.settings import ComposeSettings
    from tonada.config import to_mapping
    from tonada.symbolic.sampling import SamplingConfig

    ours = to_mapping(ComposeSettings())
    assert {name: ours[name] for name in to_mapping(SamplingConfig())} == to_mapping(SamplingConfig())


def test_progress_is_shown_on_a_terminal_alone(piece: Path, compose: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compose(piece, "--notes", "30").err == ""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    outcome = compose(piece, "--notes", "30")
    assert outcome.lines == ["out/piece_tiny_1.mid", "out/piece_tiny_1.json"]
    assert "piece: 30 notes" in outcome.err


# --- stopping ------------------------------------------------------------------------------------------------------


def press_ctrl_c_after(notes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from tonada.api.composer import Composer
    from tonada.api.hearing import Heard

    continuations, pressed_once = Composer.continuations, False

    def pressed(self: Composer, prompt: Any, *, stop: Any, listen: Any) -> Any:
        def hear(heard: Heard) -> None:
            nonlocal pressed_once
            if max(heard.notes.values()) == notes and not pressed_once:
                pressed_once = True
                signal.raise_signal(signal.SIGINT)
            listen(heard)

        return continuations(self, prompt, stop=stop, listen=hear)

    monkeypatch.setattr(Composer, "continuations", pressed)


def test_ctrl_c_keeps_what_there_is_and_it_can_be_replayed(
    piece: Path, compose: Run, tonada: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        press_ctrl_c_after(7, patch)
        outcome = compose(piece, "fur-elise", "--notes", "500", "-n", "2")
    assert outcome.code == 130
    assert outcome.lines[:2] == ["out/piece_tiny_1.mid", "out/piece_tiny_1.json"]
    assert not any("fur-elise" in line for line in outcome.lines)  # what had not begun is left alone
    assert 6 <= len(added(Path("out/piece_tiny_1.mid"))) <= 8
    assert sidecar("piece_tiny_1")["ended"] == "interrupted"
    for number in (1, 2):
        assert tonada("replay", f"out/piece_tiny_{number}.json").out == "identical\n"


def test_ctrl_c_before_anything(piece: Path, compose: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tonada.api.composer import Composer

    prompt = Composer.task

    def pressed(self: Composer, path: Path | None) -> Any:
        signal.raise_signal(signal.SIGINT)
        return prompt(self, path)

    monkeypatch.setattr(Composer, "task", pressed)
    outcome = compose(piece)
    assert (outcome.code, outcome.out) == (130, "")
    assert not Path("out").exists()


# --- inputs that cannot be used, or only just ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["empty", "text", "cut in a track", "type 2 of two pieces", "time code that stands"])
def test_malformed_files(name: str, piece: Path, compose: Run) -> None:
    data, words = MALFORMED[name]
    Path("bad.mid").write_bytes(data)
    outcome = compose("bad.mid")
    assert (outcome.code, outcome.out) == (3, "")
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith("tonada: bad.mid: ")
    assert words in outcome.err
    assert not Path("out").exists()
    outcome = compose("bad.mid", piece)
    assert outcome.code == 7
    assert names(Path("out")) == ["piece_tiny_1.json", "piece_tiny_1.mid"]


@pytest.mark.parametrize(("name", "words"), [("no notes", "no notes"), ("only drums", "only drums")])
def test_files_without_a_note_to_continue(name: str, words: str, compose: Run) -> None:
    Path("silent.mid").write_bytes(GOOD[name])
    outcome = compose("silent.mid")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith(f"tonada: silent.mid: {words}")
    assert not Path("out").exists()


def test_no_notes_before_the_cut(compose: Run) -> None:
    Path("late.mid").write_bytes(midi_file(track((9600, note_on(60)), (480, note_off(60)))))
    outcome = compose("late.mid", "--prompt-seconds", "2.5")
    assert outcome.code == 3
    assert "no notes in its first 2.5 seconds" in outcome.err
    assert compose("late.mid", "--prompt-bars", "1").code == 3
    assert compose("late.mid", "--prompt-bars", "9").code == 0


def overlapping() -> bytes:
    return midi_file(
        track(
            (0, note_on(60)), (0, note_off(60)),  # no length
            (0, note_on(62)), (100, note_on(62)), (100, note_off(62)), (100, note_off(62)),  # one over the other
            (0, note_on(64)), (0, note_on(64)), (480, note_off(64)),  # twice at once, one never ended
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        ONE_NOTE,
        GOOD["riff"],
        GOOD["time code"],
        GOOD["type 2 of one piece"],
        overlapping(),
        midi_file(track((0, note_on(60)), (0, note_off(60)))),
        midi_file(track((0, note_on(0)), (0, note_on(127, 127)), (1, note_off(0)), (1, note_off(127)))),
    ],
    ids=["one note, no tempo", "riff", "time code", "type 2", "overlapping", "no length", "extremes"],
)
def test_odd_files_that_are_continued(data: bytes, compose: Run) -> None:
    Path("odd.mid").write_bytes(data)
    outcome = compose("odd.mid", "-f", "mid,wav,svg")
    assert (outcome.code, outcome.err) == (0, "")
    assert len(added(Path("out/odd_tiny_1.mid"))) == 3


def test_a_prompt_longer_than_the_context(compose: Run) -> None:
    rows = [(0.1 * step, 0.1, 40 + step % 40, 64) for step in range(CONTEXT)]  # four ids each
    write_midi(Score.from_notes(Notes.from_rows(rows)), Path("long.mid"))
    assert compose("long.mid", "--notes", "40").code == 0
    new = added(Path("out/long_tiny_1.mid"))
    assert len(new) == 40
    assert new.onset_s[0] >= rows[-1][0] - 1e-3


def test_ten_hours_of_silence(compose: Run) -> None:
    gap = [(2**27, note_on(60)), (480, note_off(60))]  # 38 hours at 480 ticks a quarter
    Path("gap.mid").write_bytes(midi_file(track((0, note_on(60)), (480, note_off(60)), *gap)))
    assert compose("gap.mid").code == 0
    assert added(Path("out/gap_tiny_1.mid")).onset_s[0] >= 139_810.0
    outcome = compose("gap.mid", "-f", "wav")
    assert outcome.code == 3
    assert outcome.err.startswith("tonada: gap.mid: ")
    assert names(Path("out")) == ["gap_tiny_1.json", "gap_tiny_1.mid"]


@pytest.mark.slow
def test_a_million_notes(compose: Run) -> None:
    onset = np.arange(1_000_000) * 0.01
    notes = Notes(
        onset_s=onset,
        duration_s=np.full(len(onset), 0.05),
        pitch=np.arange(len(onset)) % 88 + 21,
        velocity=np.full(len(onset), 64),
    )
    write_midi(Score.from_notes(notes), Path("million.mid"))
    assert compose("million.mid").code == 0
    assert len(added(Path("out/million_tiny_1.mid"))) == 3


@pytest.mark.parametrize("output", ["file/out", "file"])
def test_a_folder_that_cannot_be_written(output: str, piece: Path, tonada: Run) -> None:
    Path("file").write_text("in the way")
    outcome = tonada("compose", piece, "-o", output, "--model", "not-even-looked-for")
    assert (outcome.code, outcome.out) == (3, "")
    assert "-o" in outcome.err


@pytest.mark.parametrize("suffix", [".mid", ".json"])
def test_a_full_disk(suffix: str, piece: Path, compose: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def write_bytes(path: Path, data: bytes) -> int:
        if path.suffix == suffix and "_2" in path.name:
            write(path, data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    outcome = compose(piece, "-n", "3")
    assert (outcome.code, outcome.lines) == (6, ["out/piece_tiny_1.mid", "out/piece_tiny_1.json"])
    assert "the disk is full" in outcome.err
    assert names(Path("out")) == ["piece_tiny_1.json", "piece_tiny_1.mid"]


def test_a_sound_font_or_device_or_model_that_is_not_there(
    piece: Path, compose: Run, tonada: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = compose(piece, "--soundfont", "none.sf2")
    assert outcome.code == 3
    assert "none.sf2" in outcome.err
    outcome = compose(piece, "--device", "gpu")
    assert outcome.code == 2
    assert "cpu" in outcome.err
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    outcome = compose(piece, "--device", "cuda")
    assert outcome.code == 2
    assert "sees no CUDA" in outcome.err
    outcome = tonada("compose", piece, "--model", "no-such-model", "-o", "out")
    assert outcome.code == 4
    assert "there is no model 'no-such-model'" in outcome.err
    assert not Path("out").exists()


# --- replay --------------------------------------------------------------------------------------------------------


def test_replay_is_identical(piece: Path, compose: Run, tonada: Run) -> None:
    assert compose(piece, "-n", "3", "--seconds", "20", "-f", "mid,ogg,png,svg").code == 0
    before = {name: Path("out", name).read_bytes() for name in names(Path("out"))}
    for number in (1, 2, 3):
        outcome = tonada("replay", f"out/piece_tiny_{number}.json", "-o", "again")
        assert (outcome.code, outcome.lines[0]) == (0, "identical")
        files = [f"piece_tiny_{number}.{suffix}" for suffix in ("mid", "ogg", "png", "svg", "json")]
        assert outcome.lines[1:] == [f"again/{name}" for name in files]
        assert all(Path("again", name).read_bytes() == before[name] for name in files[:-1])
    assert {name: Path("out", name).read_bytes() for name in names(Path("out"))} == before


def test_replay_writes_nothing_unless_told_where(compose: Run, tonada: Run) -> None:
    assert compose("fur-elise", "--continuation-only").code == 0
    before = names(Path())
    assert tonada("replay", "out/fur-elise_tiny_1.json").out == "identical\n"
    assert names(Path()) == before
    outcome = tonada("replay", "out/fur-elise_tiny_1.json", "-o", "out")
    assert outcome.code == 3
    assert "another folder" in outcome.err


def test_replay_after_the_folder_has_moved(
    piece: Path, compose: Run, tonada: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    piece.rename("piece.mid")
    assert compose("piece.mid").code == 0
    assert sidecar("piece_tiny_1")["input"]["name"] == "../piece.mid"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "project").rename("moved")
    assert tonada("replay", "moved/out/piece_tiny_1.json", "--json").out.startswith('{\n "identical": true')


def test_replay_tells_what_differs(piece: Path, compose: Run, tonada: Run) -> None:
    assert compose(piece, "--notes", "20").code == 0
    path = Path("out/piece_tiny_1.json")
    told = json.loads(path.read_text("utf-8"))
    piece.write_bytes(PIECE.replace(bytes([0x90, 64, 81]), bytes([0x90, 66, 81])))
    told["made_with"]["torch"] = "1.0"
    told["settings"]["seed"] = 2
    told["model"]["sha256"]["model.safetensors"] = "0" * 64
    path.write_text(json.dumps(told))
    outcome = tonada("replay", path)
    assert outcome.code == 1
    assert len(outcome.err.splitlines()) == 1
    assert outcome.lines[0] == "not identical"
    starts = ["ids: ids was", "file: piece_tiny_1.mid was", "made with: torch was 1.0, is", "model: model.safetensors",
              "input: sha256"]  # fmt: skip
    assert [line[: len(start)] for line, start in zip(outcome.lines[1:], starts, strict=True)] == starts


def test_replay_without_its_input_or_model(piece: Path, compose: Run, tonada: Run, tiny_model: Path) -> None:
    assert compose(piece).code == 0
    piece.rename("elsewhere.mid")
    outcome = tonada("replay", "out/piece_tiny_1.json")
    assert (outcome.code, outcome.out) == (3, "")
    assert "--input" in outcome.err
    assert tonada("replay", "out/piece_tiny_1.json", "--input", "elsewhere.mid").out == "identical\n"
    outcome = tonada("replay", "out/piece_tiny_1.json", "--input", "elsewhere.mid", "--model", "no-model")
    assert outcome.code == 4
    again = tonada("replay", "out/piece_tiny_1.json", "--input", "elsewhere.mid", "--model", tiny_model)
    assert again.out == "identical\n"


def test_replay_with_a_sound_font(piece: Path, compose: Run, tonada: Run) -> None:
    Path("mine.sf2").write_bytes(PIANO.read_bytes())
    assert compose(piece, "-f", "wav", "--soundfont", "mine.sf2").code == 0
    assert sidecar("piece_tiny_1")["settings"]["soundfont"] == "../mine.sf2"
    assert tonada("replay", "out/piece_tiny_1.json").out == "identical\n"


def test_replay_that_is_interrupted(piece: Path, compose: Run, tonada: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tonada.symbolic import generation

    assert compose(piece, "--notes", "30").code == 0

    def sample(*rest: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(generation, "sample", sample)
    outcome = tonada("replay", "out/piece_tiny_1.json", "-o", "again")
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "tonada: interrupted\n")
    assert not Path("again").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"format": 1}', '{"format": 9}', "\xff"])
def test_files_that_are_no_sidecars(text: str, tonada: Run) -> None:
    Path("x.json").write_bytes(text.encode("latin-1"))
    outcome = tonada("replay", "x.json")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith("tonada: x.json: ")
    assert len(outcome.err.splitlines()) == 1
    assert tonada("replay", "none.json").code == 3


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("", "name", "../piece"), ("", "name", "/piece"), ("", "name", ""), ("", "name", 3), ("", "variation", 2),
        ("", "variation", "1"), ("", "ids", 0), ("", "ids", "many"), ("", "files", []), ("", "settings", []),
        ("", "made_with", "hands"), ("made_with", "device", 3), ("model", "sha256", ""), ("input", "sha256", None),
        ("input", "name", None),
    ],
)  # fmt: skip
def test_sidecars_that_were_changed(
    table: str, key: str, value: object, piece: Path, compose: Run, tonada: Run, tmp_path: Path
) -> None:
    assert compose(piece, "--notes", "2").code == 0
    record = sidecar("piece_tiny_1")
    (record[table] if table else record)[key] = value
    Path("out/changed.json").write_text(json.dumps(record))
    before = names(tmp_path)
    outcome = tonada("replay", "out/changed.json", "-o", "again")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith("tonada: out/changed.json: is no sidecar of a composition (")
    assert names(tmp_path) == before


# --- the function --------------------------------------------------------------------------------------------------


def test_the_function(piece: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = names(tmp_path)
    told = []
    batch = package.compose(piece, model=tiny_model, notes=4, variations=2, progress=told.append)
    assert names(tmp_path) == before  # nothing is written unless it is told where to
    assert [type(one) for one in batch.made] == [Composition, Composition]
    assert [(one.variation, len(one.continuation), one.files) for one in batch.made] == [(1, 4, ()), (2, 4, ())]
    assert (batch.failures, batch.interrupted) == ((), False)
    assert told[-1].share == 1.0
    assert told[-1].notes == 8
    assert [one.share for one in told] == sorted(one.share for one in told)
    written = package.compose(piece, model=str(tiny_model), notes=4, output=tmp_path / "out").made[0]
    assert written.score.equals(read_midi(tmp_path / "out" / "piece_tiny_1.mid"))
    assert package.replay(written.files[-1]).identical
    with pytest.raises(DataError, match="no such file"):
        package.compose("none.mid", model=str(tiny_model))
    with pytest.raises(ExceptionGroup):
        package.compose("none.mid", "nor-this.mid", model=str(tiny_model))
    with pytest.raises(ConfigError, match=r"secnds.*seconds"):
        package.compose(piece, secnds=3)
    with pytest.raises(ConfigError, match="seconds must be float"):
        package.compose(piece, seconds="3")
    stopped = package.compose(piece, piece, model=str(tiny_model), notes=400, stop=lambda: len(told) > 0)
    assert stopped.made == ()
