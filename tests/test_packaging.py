"""The wheel holds everything that runs from an installed package, and nothing else."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tonada.api.inspection import show_model
from tonada.api.settings import NOTES_MODEL, SOUND_MODEL
from tonada.audio.latents.prior_files import FILE_NAME, load_prior
from tonada.audio.models.base import AudioAutoencoder
from tonada.runs import load_model, pretrained_folder, pretrained_names

ROOT = Path(__file__).parents[1]
DATA_PATTERNS = (
    "render/soundfont/*",
    "examples/*.mid",
    "pretrained/**/*",
    "audio/evaluation/listener.*",
    "audio/evaluation/listener-*",
)


def data_files() -> set[str]:
    """Give the files beside the code that an installed Tonada needs, as the wheel names them."""
    package = ROOT / "src" / "tonada"
    found = {path for pattern in DATA_PATTERNS for path in package.glob(pattern) if path.is_file()}
    found = {path for path in found if "__pycache__" not in path.parts}
    return {path.relative_to(ROOT / "src").as_posix() for path in found} | {"tonada/py.typed"}


@pytest.mark.parametrize("pattern", DATA_PATTERNS)
def test_there_is_something_to_ship(pattern: str) -> None:
    assert [path for path in (ROOT / "src" / "tonada").glob(pattern) if path.is_file()]


def test_the_model_that_is_meant_where_none_is_named_is_shipped() -> None:
    assert {NOTES_MODEL, SOUND_MODEL} <= set(pretrained_names())


@pytest.mark.parametrize("name", pretrained_names())
def test_shipped_models_are_whole(name: str) -> None:
    info = show_model(name)
    assert info.size_bytes <= 50e6
    assert info.licence is not None
    assert info.licence.startswith("CC BY")
    assert info.config["data"].keys() == {"sha256"}  # no folder of the machine that trained it
    if isinstance(load_model(info.folder).model, AudioAutoencoder):
        load_prior(info.folder / FILE_NAME, weights_sha256=info.sha256["model.safetensors"])
        assert (info.folder / "ATTRIBUTION.csv").is_file()


def test_shipped_models_are_small() -> None:
    assert sum(path.stat().st_size for path in pretrained_folder().rglob("*")) <= 90e6


def test_package_is_imported_from_this_checkout() -> None:
    spec = importlib.util.find_spec("tonada")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin) == ROOT / "src" / "tonada" / "__init__.py"


def copy_shortened(source: str, target: str) -> None:
    """Copy a file, large ones without their content: names are what is tested, and weights take long to compress."""
    if Path(source).stat().st_size > 1_000_000:
        Path(target).touch()
    else:
        shutil.copyfile(source, target)


def test_wheel_holds_code_and_data(tmp_path: Path) -> None:
    source = tmp_path / "source"  # building writes beside the sources, so it does so in a copy
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", source / "src", ignore=unwanted, copy_function=copy_shortened)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "-w", str(tmp_path), str(source)], check=True)

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    code = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src" / "tonada").rglob("*.py")}
    shipped = {name for name in names if ".dist-info/" not in name}
    assert shipped == code | data_files()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "tonada = tonada.__main__:main" in entry_points
