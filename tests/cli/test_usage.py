"""The grammar: help, wrong usage, where options come from, and what is printed and returned when things go wrong."""

from __future__ import annotations

import errno
import importlib.metadata
import inspect
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

import tonada as package
from conftest import Run
from tonada.cli.app import make_app
from tonada.cli.codes import BROKEN_PIPE
from tonada.errors import TrainingError

COMMANDS = [
    "compose", "config show", "decode", "doctor", "encode", "evaluate", "explore", "finetune", "generate", "lr-find",
    "model import", "model info", "model list", "morph", "perturb", "prepare", "render", "replay", "runs list",
    "runs show", "train",
]  # fmt: skip


def functions(app: App, path: tuple[str, ...] = ()) -> dict[str, App]:
    """Give every command that does something, by its full name."""
    found = {}
    for name in app:
        if not name.startswith("-"):
            below = app[name]
            if below.default_command is not None:
                found[" ".join((*path, name))] = below
            found |= functions(below, (*path, name))
    return found


def test_these_are_the_commands() -> None:
    assert sorted(functions(make_app())) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str, tonada: Run) -> None:
    command = functions(make_app())[name]
    arguments = command.assemble_argument_collection(
        default_parameter=make_app().default_parameter, parse_docstring=True
    )
    shown = [argument for argument in arguments if argument.show]
    assert shown
    assert [argument.name for argument in shown if not argument.parameter.help] == []
    assert inspect.getdoc(command.default_command)
    outcome = tonada(*name.split(), "--help")
    assert (outcome.code, outcome.err) == (0, "")
    text = " ".join(re.sub("[│╭╮╰╯─]", " ", outcome.out).split())
    for argument in shown:
        for spelling in argument.names:
            assert spelling in text
        assert " ".join(str(argument.parameter.help).split()) in text
    assert "``" not in text  # help is plain text, not markup


def test_help_names_every_command(tonada: Run) -> None:
    outcome = tonada("--help")
    assert outcome.code == 0
    for name in COMMANDS:
        assert name.split()[0] in outcome.out
    assert outcome.out == tonada().out
    for name in ("model", "runs", "config"):
        listed = tonada(name, "--help").out
        assert all(verb.split()[1] in listed for verb in COMMANDS if verb.startswith(f"{name} "))


def test_version(tonada: Run) -> None:
    outcome = tonada("--version")
    assert (outcome.code, outcome.out) == (0, importlib.metadata.version("tonada") + "\n")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["compose", "--help"], ["train", "--hlep"]])
def test_the_grammar_alone_imports_nothing_heavy(arguments: list[str]) -> None:
    heavy = {"torch", "symusic", "numpy", "matplotlib", "soundfile", "safetensors"}
    code = (
        f"import sys; from tonada.__main__ import main; main({arguments}); "
        f"print(*sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stderr.splitlines()[-1].strip() == ""


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, tonada; print(*sorted({'torch', 'numpy', 'cyclopts', 'rich'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout.strip() == ""


def test_the_installed_command_returns_its_code() -> None:
    result = subprocess.run([sys.executable, "-m", "tonada", "compsoe"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="tonada")
    assert script.value == "tonada.__main__:main"


# --- wrong usage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compsoe"], ["compsoe", "compose", "tonada --help"]),
        (["compose", "--secnds", "3"], ["--secnds", "--seconds", "tonada compose --help"]),
        (["compose", "--seconds", "long"], ["--seconds", "long"]),
        (["compose", "--seconds"], ["--seconds"]),
        (["compose", "--seed", "1.5"], ["--seed", '"1.5"', "int"]),
        (["compose", "--notes", "2.5"], ["--notes", '"2.5"']),
        (["compose", "-n", "0"], ["variations", "1 to 64"]),
        (["compose", "--seconds", "-3"], ["seconds", "more than 0"]),
        (["compose", "--seconds", "3", "--bars", "2"], ["only one", "seconds", "bars"]),
        (["compose", "--prompt-seconds", "3", "--prompt-bars", "2"], ["only one", "prompt_seconds"]),
        (["compose", "-f", "mdi"], ["format", "mdi", "mid"]),
        (["compose", "-f", ""], ["format"]),
        (["render", "x.mid", "-f", "mid"], ["format", "'mid'"]),
        (["render"], ["MIDI"]),
        (["train", "gpt/tiny"], ["--data", "tonada train --help"]),
        (["config", "show", "gpt/tny"], ["gpt/tny", "gpt/tiny"]),
        (["model", "inof"], ["inof", "info", "tonada model --help"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_wrong_usage_is_one_line_with_a_way_out(arguments: list[str], words: list[str], tonada: Run) -> None:
    outcome = tonada(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith("tonada: ")
    assert [word for word in words if word not in outcome.err] == []


# --- where options come from ---------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Catch what compose and train are asked, in place of doing it."""
    caught: list[dict[str, Any]] = []

    def compose_each(midi: list[str], **given: Any) -> list[Any]:
        caught.append({"midi": midi, **given})
        return []

    def train(*places: Any, **given: Any) -> None:
        caught.append(given)
        raise TrainingError(3, "model", float("nan"))

    monkeypatch.setattr("tonada.api.composing.compose_each", compose_each)
    monkeypatch.setattr("tonada.api.training.train", train)
    return caught


def test_flag_then_environment_then_config_then_default(
    asked: list[dict[str, Any]], tonada: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('[compose]\nseed = 10\nvariations = 10\nnotes = 10\nformats = ["mid", "png"]\n')
    monkeypatch.setenv("TONADA_COMPOSE_SEED", "20")
    monkeypatch.setenv("TONADA_COMPOSE_VARIATIONS", "20")
    assert tonada("compose", "a.mid", "-c", config, "--seed", "30").code == 0
    settings = asked[-1]["settings"]
    assert (settings.seed, settings.variations, settings.notes, settings.top_k) == (30, 20, 10, 0)
    assert settings.formats == ("mid", "png")
    assert asked[-1]["midi"] == ["a.mid"]
    monkeypatch.setenv("TONADA_COMPOSE_FORMATS", "wav,svg")
    assert tonada("compose", "-c", config).code == 0
    assert asked[-1]["settings"].formats == ("wav", "svg")


def test_a_set_option_goes_before_the_environment_and_both_count(
    asked: list[dict[str, Any]], tonada: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONADA_TRAIN_SET", "width=64 trainer.steps=5")
    assert tonada("train", "-d", "data", "-o", "run").code == 5
    assert asked[-1]["settings"] == ("width=64", "trainer.steps=5")
    assert tonada("train", "-d", "data", "-o", "run", "--set", "width=32", "--set", "heads=1").code == 5
    assert asked[-1]["settings"] == ("width=64", "trainer.steps=5", "width=32", "heads=1")


def test_variables_that_are_no_options(
    asked: list[dict[str, Any]], tonada: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TONADA_DATA", "TONADA_PYTHON", "TONADA_TEST_SEED", "TONADA_TRAIN_SEDE", "TONADA_COMPOSER", "TONADA_"):
        monkeypatch.setenv(name, "3")  # none of these is compose's
    monkeypatch.setenv("TONADA_COMPOSE_TOP_K", "3")
    monkeypatch.setenv("TONADA_COMPOSE_N", "2")
    assert tonada("compose").code == 0
    assert (asked[-1]["settings"].top_k, asked[-1]["settings"].variations) == (3, 2)
    monkeypatch.setenv("TONADA_COMPOSE_SEDE", "3")
    outcome = tonada("compose")
    assert (outcome.code, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1
    assert "'TONADA_COMPOSE_SEDE'. Did you mean TONADA_COMPOSE_SEED" in outcome.err
    assert tonada("compose", "--help").code == tonada("--help").code == 0
    assert tonada("train", "-d", "data", "-o", "run").code == 2  # now TONADA_TRAIN_SEDE counts
    monkeypatch.setenv("TONADA_RUNS_LIST_FLODER", "x")
    assert "TONADA_RUNS_LIST_FOLDER" in tonada("runs", "list").err


def test_empty_names_of_folders(
    asked: list[dict[str, Any]], tonada: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text('[compose]\noutput = ""\n')
    for arguments in (
        ("compose", "a.mid", "-o", ""),
        ("compose", "-c", "mine.toml"),
        ("render", "a.mid", "-o", ""),
        ("replay", "a.json", "-o", ""),
        ("train", "-d", "data", "-o", ""),
        ("train", "-d", "", "-o", "run"),
        ("evaluate", "model", "--ref", "data", "--output="),
        ("prepare", "", "-o", "data"),
        ("runs", "list", ""),
    ):
        outcome = tonada(*arguments)
        assert (outcome.code, outcome.out) == (2, "")
        assert len(outcome.err.splitlines()) == 1
        assert "an empty name stands for no file or folder" in outcome.err
    monkeypatch.setenv("TONADA_COMPOSE_OUTPUT", "")
    assert tonada("compose").err.startswith("tonada: TONADA_COMPOSE_OUTPUT: an empty name")
    assert asked == []
    assert tonada("compose", "-o", ".").code == 0
    assert asked[-1]["output"] == Path()


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("[compose]\nsecnds = 3\n", 2, ["secnds"]),
        ("[compose]\nseconds = 'long'\n", 2, ["seconds", "long"]),
        ("[compose\n", 3, ["mine.toml", "TOML"]),
        (None, 3, ["mine.toml", "no such file"]),
    ],
)
def test_config_files_that_do_not_fit(
    text: str | None, code: int, words: list[str], tonada: Run, tmp_path: Path
) -> None:
    config = tmp_path / "mine.toml"
    if text is not None:
        config.write_text(text)
    outcome = tonada("compose", "-c", config)
    assert outcome.code == code
    assert len(outcome.err.splitlines()) == 1
    assert [word for word in words if word not in outcome.err] == []


def test_names_come_from_stdin_and_a_lone_hyphen_is_not_an_option(asked: list[dict[str, Any]], tonada: Run) -> None:
    assert tonada("compose", "first.mid", "-", "-n", "2", stdin="a b.mid\n\nc.mid\r\n").code == 0
    assert asked[-1]["midi"] == ["first.mid", "a b.mid", "c.mid"]
    assert tonada("compose", "--", "-odd.mid").code == 0
    assert asked[-1]["midi"] == ["-odd.mid"]


# --- what went wrong -----------------------------------------------------------------------------------------------


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def doctor() -> None:
        raise error

    monkeypatch.setattr("tonada.api.diagnosis.doctor", doctor)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ZeroDivisionError("division\nby zero"), 1, "internal error, ZeroDivisionError: division by zero"),
        (TrainingError(7, "model", float("inf")), 5, "diverged at step 7"),
        (MemoryError(), 6, "out of memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), 6, "out of memory"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
            6,
            "out of memory",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), 6, "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "secret/x.mid"), 3, "secret/x.mid: permission denied"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_are_one_line_and_a_code(
    error: BaseException, code: int, words: str, tonada: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(error, monkeypatch)
    outcome = tonada("doctor")
    assert (outcome.code, outcome.out) == (code, "")
    assert len(outcome.err.splitlines()) == 1
    assert words in outcome.err


def test_being_terminated_cleans_up_as_ctrl_c_does(tonada: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned = []

    def doctor() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            cleaned.append(True)

    monkeypatch.setattr("tonada.api.diagnosis.doctor", doctor)
    before = signal.getsignal(signal.SIGTERM)
    outcome = tonada("doctor")
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "tonada: interrupted\n")
    assert cleaned
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_traceback_only_when_asked_for(tonada: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(ZeroDivisionError("oh"), monkeypatch)
    assert "TONADA_DEBUG=1" in tonada("doctor").err
    monkeypatch.setenv("TONADA_DEBUG", "1")
    outcome = tonada("doctor")
    assert outcome.code == 1
    assert "Traceback (most recent call last)" in outcome.err
    monkeypatch.setenv("TONADA_DEBUG", "0")
    assert "Traceback" not in tonada("doctor").err


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        [sys.executable, "-m", "tonada", "--help"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (result.returncode, result.stderr) == (BROKEN_PIPE, "")


# --- the functions behind the commands -----------------------------------------------------------------------------


def test_public_names() -> None:
    assert package.__all__ == sorted(package.__all__, key=lambda name: (name.strip("_") != "TonadaError", name))
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package)
    with pytest.raises(AttributeError, match="no attribute 'conpose'"):
        package.conpose  # noqa: B018


@pytest.mark.parametrize(
    ("command", "function"),
    [
        ("compose", "compose"), ("config show", "show_config"), ("decode", "decode"), ("doctor", "doctor"),
        ("encode", "encode"), ("evaluate", "evaluate"), ("explore", "explore"), ("generate", "generate"),
        ("model import", "import_model"), ("model info", "show_model"), ("model list", "list_models"),
        ("morph", "morph"), ("perturb", "perturb"),
        ("prepare", "prepare"), ("render", "render_midi"), ("replay", "replay"), ("runs list", "list_runs"),
        ("runs show", "show_run"), ("train", "train"),
    ],
)  # fmt: skip
def test_each_command_has_its_function_with_the_same_defaults(command: str, function: str) -> None:
    theirs = inspect.signature(getattr(package, function)).parameters
    ours = inspect.signature(functions(make_app())[command].default_command).parameters
    other_names = {"set": "settings"}
    missing = [
        name
        for name in ours
        if other_names.get(name, name) not in theirs and name not in UNSHARED.get(command, {"json"})
    ]
    assert missing == []
    differing = {
        name: (parameter.default, theirs[other_names.get(name, name)].default)
        for name, parameter in ours.items()
        if other_names.get(name, name) in theirs
        and not same(parameter.default, theirs[other_names.get(name, name)].default)
    }
    # compose writes where it is called; its function writes nothing unless it is told where to, and takes the settings
    # by name.
    assert differing.keys() <= {"compose": {"output", "settings"}}.get(command, set())


UNSHARED = {
    "compose": {"json", "config", "settings"},
    "generate": {"json", "settings"},
    "perturb": {"json", "settings"},
}


def same(ours: Any, theirs: Any) -> bool:
    return str(ours) == str(theirs) if isinstance(ours, Path) else bool(ours == theirs)
