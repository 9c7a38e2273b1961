"""Running the command line inside the test's own process, and the folders that it works on."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from midi_files import PIECE
from tiny_model import save_tiny_model
from tonada.__main__ import main


@dataclass(frozen=True)
class Outcome:
    """What a command did: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Run = Callable[..., Outcome]


@pytest.fixture
def tonada(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in an empty folder and give what it did; none of the user's own TONADA_ variables counts."""
    import os

    for name in [name for name in os.environ if name.startswith("TONADA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, stdin: str = "") -> Outcome:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Outcome(code, out, err)

    return run


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a model folder with random weights."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def piece(tmp_path: Path) -> Path:
    """Give a small MIDI file."""
    path = tmp_path / "piece.mid"
    path.write_bytes(PIECE)
    return path


def names(folder: Path) -> list[str]:
    """List everything in a folder and below it, hidden and temporary files too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
