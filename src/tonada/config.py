"""Settings: frozen keyword-only dataclasses to and from mappings and TOML, with errors that name the nearest field.

The file that a run writes is the file that ``--config`` reads.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tonada.errors import ConfigError, DataError, UnknownNameError
from tonada.files import translated_errors, write_text

T = TypeVar("T")


def to_mapping(config: Any) -> dict[str, Any]:
    """Turn a config into a plain mapping that TOML can hold; fields that are None are left out.

    Parameters
    ----------
    config
        An instance of a config dataclass.
    """
    mapping = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value is not None:
            mapping[field.name] = list(value) if isinstance(value, tuple) else value
    return mapping


def from_mapping(config_class: type[T], mapping: Mapping[str, Any], *, base: T | None = None) -> T:
    """Build a config from a mapping, checking every name and type.

    Parameters
    ----------
    config_class
        The dataclass.
    mapping
        Field name → value.
    base
        Where the fields that ``mapping`` does not name come from; the defaults when None.

    Raises
    ------
    UnknownNameError
        A name is no field; the nearest are offered.
    ConfigError
        A value has the wrong type, or the dataclass refuses it.
    """
    hints = typing.get_type_hints(config_class)
    names = [field.name for field in dataclasses.fields(config_class)]  # type: ignore[arg-type]
    values = {}
    for name, value in mapping.items():
        if name not in names:
            raise UnknownNameError(f"setting of {config_class.__name__}", name, names)
        values[name] = _converted(f"{config_class.__name__}.{name}", value, hints[name])
    if base is not None:
        return dataclasses.replace(base, **values)  # type: ignore[type-var]
    required = [
        field.name
        for field in dataclasses.fields(config_class)  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    missing = [name for name in required if name not in values]
    if missing:
        raise ConfigError(f"{config_class.__name__} needs {', '.join(missing)}")
    return config_class(**values)


def apply_settings(config: T, settings: Sequence[str]) -> T:
    """Override fields by ``key=value`` texts, as ``--set`` gives them.

    Parameters
    ----------
    config
        The config to start from.
    settings
        Texts such as ``width=256`` or ``positions=rotary``; values are read as TOML, else as bare words.

    Raises
    ------
    ConfigError
        A text is not ``key=value``, or the value does not fit.
    UnknownNameError
        The key is no field.
    """
    mapping = {}
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator or not name.strip():
            raise ConfigError(f"'{setting}' is not KEY=VALUE. Write, for example, --set width=256")
        mapping[name.strip()] = parse_value(text.strip())
    return from_mapping(type(config), mapping, base=config)


def parse_value(text: str) -> Any:
    """Read a TOML value (``3``, ``0.1``, ``true``, ``"x"``, ``[1, 2]``); anything else is the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    DataError
        The file cannot be read or is not TOML.
    """
    with translated_errors(path):
        data = path.read_bytes()
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(path, f"not a TOML file ({error})") from error


def write_toml(path: Path, mapping: Mapping[str, Any]) -> None:
    """Write a mapping as TOML, atomically.

    Raises
    ------
    DataError
        The folder cannot be written.
    ResourceError
        The disk is full.
    """
    import tomli_w

    write_text(path, tomli_w.dumps(mapping))


def _converted(name: str, value: Any, hint: Any) -> Any:
    """Check ``value`` against a type hint; integers become floats and lists become tuples where the hint says so."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    for option in options:
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin is typing.Literal:
            if value in arguments:
                return value
            if isinstance(value, str):
                raise UnknownNameError(name, value, [str(argument) for argument in arguments])
        elif origin is tuple and isinstance(value, list | tuple):
            return tuple(_converted(name, item, arguments[0]) for item in value)
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif option is type(None):
            if value is None or value == "none":
                return None
        elif isinstance(option, type) and isinstance(value, option) and isinstance(value, bool) == (option is bool):
            return value
    wanted = " or ".join(getattr(option, "__name__", str(option)) for option in options)
    raise ConfigError(f"{name} must be {wanted}; got {value!r}")
