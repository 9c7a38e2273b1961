"""The tables of a training run's config file: where their values come from, and that all of them are checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tonada import registry
from tonada.api.studies.base import Study
from tonada.api.studies.choice import study_of
from tonada.config import apply_settings, from_mapping, read_toml, to_mapping
from tonada.errors import ConfigError, UnknownNameError
from tonada.runs import model_table
from tonada.training import TrainerConfig

KNOWN_TABLES = ("model", "codec", "data", "init", "trainer", "augmentation")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What a training run is asked for: a preset or the model of a config file, and what differs from them.

    Attributes
    ----------
    name
        Of the model, in the registry.
    preset
        Its full name, or None.
    tables
        Of the config file; empty without one.
    """

    name: str
    preset: str | None
    tables: Mapping[str, Mapping[str, Any]]


def read_request(preset: str | None, config: Path | None) -> Request:
    """Find out which model is meant.

    Parameters
    ----------
    preset
        Full name of a preset; None to take the model from the file.
    config
        A TOML file with tables ``model``, ``trainer``, ``augmentation``.

    Raises
    ------
    ConfigError
        There is neither, or the file's tables are none.
    UnknownNameError
        The preset or a table is unknown.
    DataError
        The file cannot be read.
    """
    given = read_toml(config) if config else {}
    for table, content in given.items():
        if table not in KNOWN_TABLES:
            if table == "tuning":
                raise ConfigError(
                    f"{config}: is of a fine-tuning. Go on with: tonada finetune MODEL DATA --config FILE"
                )
            raise UnknownNameError(f"table in {config}", table, KNOWN_TABLES)
        if not isinstance(content, Mapping):
            raise ConfigError(f"{config}: '{table}' must be a table; write [{table}] on a line of its own")
    if preset is not None:
        name, _ = registry.preset("model", preset)
    elif "model" in given:
        name = str(given["model"].get("name", ""))
        registry.resolve("model", name)
    else:
        raise ConfigError("name a model preset, for example gpt/tiny, or give --config FILE with a table [model]")
    return Request(name=name, preset=preset, tables=given)


def make_tables(
    request: Request,
    *,
    dictated: Mapping[str, Any],
    settings: Sequence[str] = (),
    smoke: bool = False,
    usual: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    more: Mapping[str, type[Any]] = MappingProxyType({}),
) -> dict[str, dict[str, Any]]:
    """Bring together defaults < preset and its recipe, or what is usual < config file < settings, and check all of it.

    Parameters
    ----------
    request
        What was asked for.
    dictated
        Settings that the data dictate; those that the model's config has come before the preset's.
    settings
        Overrides, ``key=value`` or ``table.key=value``.
    smoke
        Two steps, one validation.
    usual
        Table → settings that are usual for what is asked.
    more
        Further tables, and the classes of their settings.

    Returns
    -------
    dict
        The tables ``model``, ``trainer``, ``augmentation`` and those of ``more``.

    Raises
    ------
    ConfigError
        A value cannot be.
    UnknownNameError
        A name is unknown.
    """
    given, recipe, base = request.tables, {}, None
    if request.preset is not None:
        recipe, base = registry.recipe(request.preset), registry.preset("model", request.preset)[1]
    own = {name: value for name, value in given.get("model", {}).items() if name != "name"}
    model_config = registry.resolve("model", request.name).Config
    dictated = {name: value for name, value in dictated.items() if name in _field_names(model_config)}
    types: dict[str, type[Any]] = {
        "trainer": TrainerConfig,
        "augmentation": study_of(request.name).Augmentation,
        **more,
    }
    parts: dict[str, dict[str, Any]] = {table: {**usual.get(table, {})} for table in types}
    for key, value in recipe.items():
        table, name = _place(key, {table: _field_names(config_class) for table, config_class in types.items()})
        parts[table][name] = value
    configs: dict[str, Any] = {
        "model": from_mapping(model_config, {**dictated, **own}, base=base),
        **{
            table: from_mapping(config_class, {**parts[table], **given.get(table, {})})
            for table, config_class in types.items()
        },
    }
    for setting in settings:
        key, equals, value = setting.partition("=")
        table, name = _place(key, {table: _field_names(config) for table, config in configs.items()})
        configs[table] = apply_settings(configs[table], [f"{name}{equals}{value}"])
    if smoke:
        configs["trainer"] = dataclasses.replace(configs["trainer"], steps=2, validate_every=2)
    return {
        "model": model_table(request.name, configs["model"]),
        **{table: to_mapping(configs[table]) for table in types},
    }


def run_tables(request: Request, study: Study, *, settings: Sequence[str], smoke: bool) -> dict[str, dict[str, Any]]:
    """Make all tables of a run, those of its data too.

    Parameters
    ----------
    request
        What was asked for.
    study
        With the data.
    settings, smoke
        As for ``make_tables``.

    Raises
    ------
    ConfigError
        A value cannot be, or is another than the data dictate.
    UnknownNameError
        A name is unknown.
    """
    dataset, dictated = study.dataset, study.model_settings()
    tables = make_tables(request, dictated=dictated, settings=settings, smoke=smoke)
    for name, value in dictated.items():
        if tables["model"].get(name, value) != value:
            raise ConfigError(f"{name} is {tables['model'][name]} in the model and {value} in {dataset.folder}")
    codec = {"name": dataset.codec_name, **dataset.codec_config}
    data = {"folder": str(dataset.folder), "sha256": dataset.sha256}
    return {
        "model": tables["model"],
        "codec": codec,
        "data": data,
        "trainer": tables["trainer"],
        "augmentation": tables["augmentation"],
    }


def _field_names(config: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(config)]


def _place(key: str, tables: Mapping[str, Iterable[str]]) -> tuple[str, str]:
    """Find table and name of a setting: the table is named before a dot, or the one that has the name."""
    table, dot, name = key.strip().partition(".")
    if dot:
        if table not in tables:
            raise UnknownNameError("table", table, tables)
        return table, name
    owners = {name: table for table, names in tables.items() for name in names}
    if key.strip() not in owners:
        raise UnknownNameError("setting", key.strip(), owners)
    return owners[key.strip()], key.strip()
