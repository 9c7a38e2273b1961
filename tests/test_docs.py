"""The documents: links lead somewhere, commands parse, Python in them compiles."""

from __future__ import annotations

import ast
import pkgutil
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from cyclopts import App

from tonada import registry
from tonada.cli.app import make_app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
MISSING = re.compile(r"^### Not there yet\n.*?(?=^#|\Z)", re.MULTILINE | re.DOTALL)  # a section of the changelog
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def anchors(page: Path) -> set[str]:
    """Give the names that headings get in a link: lower case, spaces to hyphens, punctuation dropped."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@by_page
def test_links_resolve(page: Path) -> None:
    broken = []
    for link in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"\w+:", link):
            continue  # no network in tests
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        links = [link.partition("#")[0] for link in LINK.findall(without_code(page.read_text(encoding="utf-8")))]
        targets = [(page.parent / link).resolve() for link in links if link.endswith(".md")]
        todo += [target for target in targets if target.is_file()]
    assert [page for page in PAGES if page not in reached] == []


def test_every_picture_and_sound_is_shown() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    media = [path for path in (ROOT / "docs").rglob("*") if path.is_file() and path.suffix != ".md"]
    assert [path for path in media if path.name not in text] == []


def python_names(page: Path) -> set[str]:
    """Give the dotted names of tonada that a page's Python blocks import or use, and those that its text names."""
    text = page.read_text(encoding="utf-8")
    found = set(re.findall(r"`(tonada\.[\w.]+\w)`", FENCE.sub("", text)))
    for language, code in FENCE.findall(text):
        if language != "python":
            continue
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Attribute):
                found.add(ast.unparse(node))
    return {name for name in found if re.fullmatch(r"tonada(\.\w+)+", name)}


@by_page
def test_python_compiles_and_its_names_exist(page: Path) -> None:
    assert [name for name in sorted(python_names(page)) if not exists(name)] == []


def exists(name: str) -> bool:
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def commands(page: Path) -> list[list[str]]:
    """Give the arguments of every command line of a page that calls tonada; continuation lines joined."""
    text = page.read_text(encoding="utf-8")
    blocks = [code for language, code in FENCE.findall(text) if language in {"", "bash", "sh"}]
    lines = [line for code in blocks for line in code.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`((?:[A-Z_]+=\S+ )*tonada [^`\n]+)`", FENCE.sub("", text))
    calls = [re.fullmatch(r"(?:\$ )?(?:[A-Z_]+=\S+ )*tonada (.+)", line.strip()) for line in lines]
    return [shlex.split(call[1], comments=True) for call in calls if call]


def leaves(app: App, *names: str) -> list[tuple[str, ...]]:
    """Give every command of the program, as the words that call it."""
    below = [name for name in app if not name.startswith("-")]
    return [leaf for name in below for leaf in leaves(app[name], *names, name)] if below else [names]


@by_page
def test_commands_parse(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = [code for language, code in FENCE.findall(page.read_text(encoding="utf-8")) if language == "toml"]
    app = make_app()
    for tokens in commands(page):
        if tuple(token for token in tokens if token not in {"--help", "--version"}) in {(), *leaves(app)}:
            continue  # the bare name of a command, or its help
        for option in {"-c", "--config"}.intersection(tokens):
            (tmp_path / tokens[tokens.index(option) + 1]).write_text("".join(files))  # the file that the page shows
        app.parse_args(tokens, print_error=False, exit_on_error=False)


def known_options() -> set[str]:
    app = make_app()
    known = {"--help", "--version", "--all", "--index-url"}  # the last are those of scripts/test and pip
    for leaf in leaves(app):
        below = app
        for name in leaf:
            below = below[name]
        known |= {name for argument in below.assemble_argument_collection() for name in argument.names}
    return known


def named_options(text: str) -> set[str]:
    codes = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    return {word for code in codes for word in re.findall(r"(?<!\S)--[a-z][\w-]*", code)}


@by_page
def test_options_exist(page: Path) -> None:
    text = MISSING.sub("", page.read_text(encoding="utf-8"))
    assert sorted(named_options(text) - known_options()) == []


def test_options_that_are_said_to_be_missing_are() -> None:
    sections = MISSING.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    named = set().union(*map(named_options, sections))
    assert named
    assert sorted(named & known_options()) == []


def test_every_command_is_documented() -> None:
    shown = [tokens for page in PAGES for tokens in commands(page)]
    missing = [leaf for leaf in leaves(make_app()) if not any(tuple(tokens[: len(leaf)]) == leaf for tokens in shown)]
    assert missing == []


def test_every_preset_is_documented() -> None:
    text = (ROOT / "docs" / "train.md").read_text(encoding="utf-8")
    assert [name for name in registry.preset_names("model") if f"`{name}`" not in text] == []
    assert [name for name in registry.names("tokenizer") if f"`{name}`" not in text] == []


def test_architecture_lists_the_layers() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = [re.findall(r"\w+", layer) for contract in settings["contracts"] for layer in contract.get("layers", [])]
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?) \| .+ \|$", text.partition("## The layers")[2].partition("## ")[0], re.MULTILINE)
    assert [re.findall(r"\w+", row) for row in rows] == layers
