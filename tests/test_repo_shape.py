"""The shape of the repository: sizes, imports, docstrings, and what must not be in it."""

from __future__ import annotations

import ast
import graphlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
PACKAGE = SRC / "tonada"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = [*sorted((ROOT / "scripts").iterdir()), ROOT / ".ci" / "run"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MEDIA_SUFFIXES = {".png", ".svg", ".jpg", ".gif", ".wav", ".ogg", ".mp3", ".flac", ".mid"}

by_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(SRC).as_posix())


def tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of the repository's files")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def texts() -> dict[str, str]:
    """Give every text file of the repository: name → content."""
    found = {}
    for path in tracked_files():
        try:
            found[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


# --- modules -----------------------------------------------------------------------------------------------------


@by_module
def test_module_is_not_oversized(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 300


@by_module
def test_only_the_command_line_prints(module: Path) -> None:
    if "cli" in module.relative_to(PACKAGE).parts:
        return
    tree = ast.parse(module.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    assert [call.lineno for call in calls if call.func.id == "print"] == []


def imported_modules(path: Path) -> set[str]:
    """Give the modules of tonada that a module imports when it runs, at the top or inside functions."""

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    names: set[str] = set()
    visit(ast.parse(path.read_text(encoding="utf-8")))
    return {target for name in names if (target := owner(name)) is not None}


def owner(name: str) -> str | None:
    """Give the module that a dotted name belongs to: itself, or what it is imported from; None outside tonada."""
    if name.split(".")[0] != "tonada":
        return None
    path = SRC.joinpath(*name.split("."))
    if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file():
        return name
    return owner(name.rpartition(".")[0])


def module_name(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_import_cycle() -> None:
    graph = {module_name(path): imported_modules(path) - {module_name(path)} for path in MODULES}
    assert len(graph) > 10
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


@pytest.mark.parametrize("name", ["model", "trainer", "symbolic.sampling"])
def test_models_training_and_sampling_import_little(name: str) -> None:
    path = SRC.joinpath("tonada", *name.split("."))
    if not (path.with_suffix(".py").is_file() or path.is_dir()):
        pytest.fail(f"tonada.{name} is gone; mend this list")
    heavy = {"symusic", "matplotlib", "soundfile", "cyclopts", "rich", "miditok"}
    code = f"import sys, tonada.{name}; print(*sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout.split() == []


# --- docstrings --------------------------------------------------------------------------------------------------


def public_functions(tree: ast.Module) -> list[tuple[str, ast.FunctionDef, ast.ClassDef | None]]:
    """Give the public functions, methods and constructors of a module: name, definition, class."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found.append((node.name, node, None))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and (not item.name.startswith("_") or item.name == "__init__"):
                    found.append((f"{node.name}.{item.name}", item, node))
    return found


def parameter_names(function: ast.FunctionDef, *, method: bool) -> list[str]:
    arguments = function.args
    names = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args]]
    static = any(isinstance(item, ast.Name) and item.id == "staticmethod" for item in function.decorator_list)
    names = names[1:] if method and not static else names
    names += [argument.arg for argument in (arguments.vararg, *arguments.kwonlyargs, arguments.kwarg) if argument]
    # The command line spreads such a parameter's fields over options, each with its own sentence.
    return [name for name in names if f"{name}: Annotated[Options," not in ast.unparse(arguments)]


def documented_parameters(docstring: str) -> list[str] | None:
    """Give the names in the Parameters section; None when there is no such section."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)", docstring, re.MULTILINE | re.DOTALL)
    if section is None:
        return None
    heads = re.findall(r"^([\w*][\w*, ]*?)(?: :.*)?$", section.group(1), re.MULTILINE)
    return [name.strip(" *") for head in heads for name in head.split(",")]


@pytest.fixture(scope="module")
def documented_methods() -> set[str]:
    """Give the names of the methods that some class documents; a class that inherits from it need not say it again."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in MODULES]
    methods = [function for tree in trees for _, function, owner_class in public_functions(tree) if owner_class]
    return {method.name for method in methods if documented_parameters(ast.get_docstring(method) or "")}


@by_module
def test_docstrings_describe_the_parameters(module: Path, documented_methods: set[str]) -> None:
    faults = []
    for name, function, owner_class in public_functions(ast.parse(module.read_text(encoding="utf-8"))):
        # A class's docstring documents its constructor.
        is_constructor = function.name == "__init__" and owner_class is not None
        docstring = ast.get_docstring(owner_class if is_constructor else function) or ""
        inherits = owner_class is not None and bool(owner_class.bases) and function.name in documented_methods
        parameters = parameter_names(function, method=owner_class is not None)
        documented = documented_parameters(docstring)
        if documented is None:
            # One or two parameters can be told in the docstring's sentence.
            if len(parameters) > 2 and not inherits:
                faults.append(f"{name}: no Parameters section for {', '.join(parameters)}")
        elif sorted(documented) != sorted(parameters):
            faults.append(f"{name}: has {parameters}, documents {documented}")
    assert faults == []


# --- what must not be in the repository -----------------------------------------------------------------------------


def test_no_registry_hosts() -> None:
    # Written in two halves, so that this file does not hold them either.
    hosts = ["py" + "pi.org", "pythonhosted" + ".org", "download.py" + "torch.org", "conda" + ".anaconda.org"]
    found = [(name, host) for name, text in texts().items() for host in hosts if host in text]
    assert found == []


def test_no_paths_of_one_machine() -> None:
    pattern = re.compile(r"(?<![\w.)}$/:])/(?:work|root|farm|home|tmp|Users|mnt|opt)/[A-Za-z_.]")
    found = [(name, match.group()) for name, text in texts().items() for match in pattern.finditer(text)]
    assert found == []


def test_no_secrets_or_leftovers() -> None:
    suffixes = {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".pyc", ".orig", ".rej", ".zip"}
    assert [path for path in tracked_files() if path.suffix in suffixes] == []


def test_documentation_media_are_small() -> None:
    sizes = {path: path.stat().st_size for path in (ROOT / "docs").rglob("*") if path.suffix in MEDIA_SUFFIXES}
    assert {path: size for path, size in sizes.items() if size > 300_000} == {}
    assert sum(sizes.values()) <= 20_000_000


def test_shipped_weights_are_small() -> None:
    assert sum(path.stat().st_size for path in PACKAGE.rglob("*.safetensors")) <= 90_000_000


# --- packages ----------------------------------------------------------------------------------------------------


def installed() -> set[str]:
    return {canonicalize_name(item.metadata["Name"]) for item in distributions()}


def test_no_package_that_breaks_others() -> None:
    assert installed() & {"torchvision", "torchaudio", "torchcodec", "pedalboard"} == set()


def test_no_cuda_packages_on_a_cpu_machine() -> None:
    if torch.cuda.is_available() or shutil.which("nvidia-smi") or os.environ.get("TONADA_ALLOW_CUDA") == "1":
        pytest.skip("this machine has an NVIDIA GPU, or its user asked for CUDA packages")
    assert sorted(name for name in installed() if name.startswith(("nvidia-", "cuda-")) or "triton" in name) == []
    assert torch.version.cuda is None


def requirements_of_the_scripts() -> dict[str, str]:
    """Give name → installed version of everything that tonada[app,dev] needs, directly or not."""
    found: dict[str, str] = {}
    extras = PROJECT["optional-dependencies"]
    todo = [Requirement(line) for line in [*PROJECT["dependencies"], *extras["app"], *extras["dev"]]]
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name in found or name.startswith(("nvidia-", "cuda-")) or "triton" in name:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            pytest.fail(f"{name} is not installed; run scripts/test, which installs it")
        found[name] = package.version.partition("+")[0]
        for line in package.requires or []:
            child = Requirement(line)
            wanted = [{"extra": extra} for extra in ["", *requirement.extras]]
            if child.marker is None or any(child.marker.evaluate(environment) for environment in wanted):
                todo.append(child)
    return found


def test_constraints_pin_every_package_that_the_scripts_install() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    names = [canonicalize_name(pin.name) for pin in pins]
    peers = {canonicalize_name(Requirement(line).name) for line in PROJECT["optional-dependencies"]["bench"]}
    needed = requirements_of_the_scripts()
    assert names == sorted(set(names))
    assert sorted((needed.keys() | peers) - set(names)) == []
    shared = [(name, pin) for name, pin in zip(names, pins, strict=True) if name in needed]
    assert [f"{pin}, tested {needed[name]}" for name, pin in shared if needed[name] not in pin.specifier] == []


def test_changelog_gives_a_reason_for_every_base_dependency() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for line in PROJECT["dependencies"]:
        name = Requirement(line).name
        assert re.search(rf"^\s*- \*\*{re.escape(name)}\*\*: \S.{{20,}}", changelog, re.MULTILINE), f"{name}: no reason"


# --- scripts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("script", [path for path in SCRIPTS if path.name != "_setup"], ids=lambda path: path.name)
def test_scripts_can_be_run_and_stop_at_the_first_error(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    assert os.access(script, os.X_OK)
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines


def test_continuous_integration_runs_the_readme_commands() -> None:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"^scripts/test$", text, re.MULTILINE)
    assert re.search(r"^scripts/demo ", text, re.MULTILINE)
