"""What every test shares: the data folder, quiet threads, and a report of what a failure needs to be repeated."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch reads it once, when it is imported

import hypothesis
import pytest
import torch

THREADS = 2

hypothesis.settings.register_profile(
    "tonada",
    deadline=None,  # no timings in tests: a busy machine must not fail them
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
)
hypothesis.settings.load_profile("tonada")
torch.set_num_threads(THREADS)


def pytest_report_header() -> list[str]:
    data = os.environ.get("TONADA_DATA")
    return [
        f"torch {torch.__version__}, {THREADS} threads, GPU: {'yes' if torch.cuda.is_available() else 'no'}; "
        f"Python {sys.version.split()[0]}; seed {seed_of_this_run()}",
        f"TONADA_DATA: {data}" if data else "TONADA_DATA is not set: the tests that need it will skip",
    ]


def seed_of_this_run() -> int:
    return int(os.environ.get("TONADA_TEST_SEED", "1"))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Start every test from the same global generator: new models are initialised from it."""
    torch.manual_seed(seed_of_this_run())


@pytest.fixture(scope="session")
def data() -> Path:
    """Give the folder of development data, with ``midi/`` and ``audio/``; skip the test where there is none."""
    name = os.environ.get("TONADA_DATA")
    if not name:
        pytest.skip("needs the development data: set TONADA_DATA to the folder with midi/ and audio/")
    folder = Path(name)
    if not (folder / "midi").is_dir():
        pytest.fail(f"TONADA_DATA is {folder}, but there is no {folder / 'midi'}")
    return folder
