"""The set-up that the scripts share, with a stand-in for Python that records what it is asked to install."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Makes virtual environments that hold itself, answers pip's dry run from a file, "installs" by noting the arguments.
PYTHON = """#!/usr/bin/env bash
case "$*" in
    "-m venv "*) mkdir -p "${@: -1}/bin" && cp "$0" "${@: -1}/bin/python" ;;
    "-m pip "*--dry-run*) echo plan >>"$LOG" && cat "$PLAN" ;;
    "-m pip "*) echo "${*:3}" >>"$LOG" ;;
    *) exec REAL "$@" ;;
esac
"""


class Checkout:
    """A copy of what the set-up reads, on a Linux machine of which pip's plan and the GPU can be chosen."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin, self.log, self.plan = folder / "c", folder / "bin", folder / "log", folder / "plan.json"
        (self.root / "scripts").mkdir(parents=True)
        self.bin.mkdir()
        for name in ("scripts/_setup", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.root / name)
        self.tool("python", PYTHON.replace("REAL", sys.executable))
        self.tool("uname", "#!/bin/sh\necho Linux\n")
        self.tool("nvidia-smi", "#!/bin/sh\nexit 9\n")
        self.will_install(("torch", "2.13.0+cpu"), ("numpy", "2.4.6"))

    def tool(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def will_install(self, *packages: tuple[str, str]) -> None:
        items = [{"metadata": {"name": name, "version": version}} for name, version in packages]
        self.plan.write_text(json.dumps({"install": items}))

    def run(self, *extras: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TONADA_", "TORCH_", "PIP_"))}
        kept |= {"PATH": f"{self.bin}:{kept['PATH']}", "LOG": str(self.log), "PLAN": str(self.plan)}
        kept |= {"TONADA_PYTHON": str(self.bin / "python"), **environment}
        script = f"set -euo pipefail; . scripts/_setup; prepare_environment {' '.join(extras)}"
        return subprocess.run(["bash", "-c", script], cwd=self.root, env=kept, capture_output=True, text=True)

    def pip_calls(self) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_installs_the_extra_with_the_constraints(checkout: Checkout) -> None:
    result = checkout.run("dev")
    assert result.returncode == 0, result.stderr
    root = checkout.root
    assert checkout.pip_calls() == ["plan", f"install -qq -c {root}/constraints.txt -e {root}[dev]"]


def test_installs_once(checkout: Checkout) -> None:
    checkout.run("dev")
    checkout.pip_calls()
    assert checkout.run().returncode == 0
    assert checkout.run("dev").returncode == 0
    assert checkout.pip_calls() == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_installs_again_when_the_requirements_change(checkout: Checkout, name: str) -> None:
    checkout.run()
    checkout.pip_calls()
    with (checkout.root / name).open("a") as file:
        file.write("# changed\n")
    checkout.run()
    assert len(checkout.pip_calls()) == 2


def test_installs_again_after_a_failure(checkout: Checkout) -> None:
    checkout.tool("python", PYTHON.replace("REAL", sys.executable).replace('echo "${*:3}" >>"$LOG"', "exit 1"))
    assert checkout.run().returncode != 0
    checkout.tool("python", PYTHON.replace("REAL", sys.executable))
    shutil.copy(checkout.bin / "python", checkout.root / ".venv" / "bin" / "python")
    checkout.pip_calls()
    assert checkout.run().returncode == 0
    assert len(checkout.pip_calls()) == 2


@pytest.mark.parametrize(
    "package",
    [("nvidia-cublas", "13.1.1.3"), ("cuda-toolkit", "13.0.3"), ("triton", "3.7.1"), ("torch", "2.13.0+cu130")],
    ids=lambda package: package[0],
)
def test_cuda_packages_are_refused_without_a_gpu(checkout: Checkout, package: tuple[str, str]) -> None:
    if package[0] == "torch" and os.uname().machine != "x86_64":
        pytest.skip("only x86-64 has builds of torch with and without CUDA under one version")
    checkout.will_install(("numpy", "2.4.6"), package)
    result = checkout.run()
    assert result.returncode == 1
    assert checkout.pip_calls() == ["plan"]
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert "TORCH_INDEX" in error
    assert "TONADA_ALLOW_CUDA=1" in error


def test_cuda_packages_can_be_allowed(checkout: Checkout) -> None:
    checkout.will_install(("nvidia-cublas", "13.1.1.3"))
    assert checkout.run(TONADA_ALLOW_CUDA="1").returncode == 0
    assert len(checkout.pip_calls()) == 1


def test_a_gpu_needs_no_plan(checkout: Checkout) -> None:
    checkout.tool("nvidia-smi", "#!/bin/sh\necho 'GPU 0: one (UUID: GPU-0)'\n")
    assert checkout.run().returncode == 0
    assert len(checkout.pip_calls()) == 1


def test_torch_alone_comes_from_its_index(checkout: Checkout) -> None:
    assert checkout.run(TORCH_INDEX="https://wheels.example/cpu").returncode == 0
    first, second = checkout.pip_calls()
    assert first.startswith("install -qq --index-url https://wheels.example/cpu torch==")
    assert "example" not in second


def test_an_old_python_is_refused(checkout: Checkout) -> None:
    checkout.tool("python", "#!/bin/sh\nexit 1\n")
    result = checkout.run()
    assert result.returncode == 1
    assert "no Python 3.11 or newer" in result.stderr
