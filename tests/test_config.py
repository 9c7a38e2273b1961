"""Settings: what a config file may say, and what its errors say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tonada.config import apply_settings, from_mapping, parse_value, read_toml, to_mapping, write_toml
from tonada.errors import ConfigError, DataError, UnknownNameError


@dataclass(frozen=True, kw_only=True)
class Sample:
    width: int
    rate: float = 0.5
    kind: Literal["a", "b"] = "a"
    names: tuple[str, ...] = ()
    limit: int | None = None
    tied: bool = False


def test_a_config_survives_its_file(tmp_path: Path) -> None:
    config = Sample(width=3, rate=2.0, kind="b", names=("x", "ý"), tied=True)
    write_toml(tmp_path / "config.toml", {"sample": to_mapping(config)})
    assert from_mapping(Sample, read_toml(tmp_path / "config.toml")["sample"]) == config
    assert "limit" not in to_mapping(config)


def test_settings_override_by_text() -> None:
    config = apply_settings(
        Sample(width=3), ["width=4", "rate = 1", 'names=["p", "q"]', "kind=b", "tied=true", "limit=7"]
    )
    assert config == Sample(width=4, rate=1.0, names=("p", "q"), kind="b", tied=True, limit=7)
    assert apply_settings(config, ["limit=none"]).limit is None


@pytest.mark.parametrize(
    ("setting", "error", "text"),
    [
        ("widht=4", UnknownNameError, "Did you mean width"),
        ("width=4.5", ConfigError, "Sample.width must be int; got 4.5"),
        ("width=true", ConfigError, "must be int; got True"),
        ("tied=1", ConfigError, "Sample.tied must be bool"),
        ("kind=c", UnknownNameError, "Known: a, b"),
        ("limit=x", ConfigError, "must be int or NoneType"),
        ("width", ConfigError, "is not KEY=VALUE"),
        ("=3", ConfigError, "is not KEY=VALUE"),
    ],
)
def test_what_cannot_be_is_named(setting: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        apply_settings(Sample(width=3), [setting])


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ConfigError, match="Sample needs width"):
        from_mapping(Sample, {"rate": 1})


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("width = ")
    with pytest.raises(DataError, match="not a TOML file"):
        read_toml(tmp_path / "bad.toml")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    with pytest.raises(DataError, match="not a TOML file"):
        read_toml(tmp_path / "latin.toml")
    with pytest.raises(DataError, match="no such file"):
        read_toml(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("0.1", 0.1), ("true", True), ("word", "word"), ("[1, 2]", [1, 2])]
)
def test_values(text: str, value: object) -> None:
    assert parse_value(text) == value
