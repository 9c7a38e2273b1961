"""Run folders and model folders: where everything that belongs to a training run, or to a trained model, lives.

::

    RUN/                                      MODEL/ (what ships, what export writes)
      config.toml         what was asked        config.toml         model and codec
      model.safetensors   the best weights      model.safetensors
      trainer.safetensors to resume             card.md
      log.jsonl           one line a record
      report.html  samples/

A run folder is a model folder, too. Every file but the log, which is appended, is written to a temporary name and
renamed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from tonada import registry
from tonada.adapters import attach, is_adapter
from tonada.checkpoint import load_into, load_tensors, model_tensors, save_tensors
from tonada.codec import Codec
from tonada.config import from_mapping, read_toml, to_mapping, write_toml
from tonada.errors import CheckpointError, ConfigError, DataError, offer
from tonada.files import translated_errors, write_text
from tonada.model import Model


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model with the codec that it was trained on.

    Attributes
    ----------
    name
        Its folder's name.
    model
        In evaluation mode.
    codec
        The tokenizer or transform.
    config
        The tables of ``config.toml``.
    folder
        Where it was loaded from.
    """

    name: str
    model: Model
    codec: Codec[Any]
    config: dict[str, Any]
    folder: Path


def model_table(name: str, config: Any) -> dict[str, Any]:
    """Make the ``[model]`` table of a config file."""
    return {"name": name, **to_mapping(config)}


def build_codec(table: Mapping[str, Any]) -> Codec[Any]:
    """Build a codec from its ``[codec]`` table: ``name`` and the codec's settings.

    Raises
    ------
    UnknownNameError
        The name or a setting is unknown.
    """
    codec_class = registry.resolve_codec(_name_of("codec", table))
    settings = {key: value for key, value in table.items() if key != "name"}
    return codec_class(from_mapping(codec_class.Config, settings))  # type: ignore[no-any-return]


def build_model(table: Mapping[str, Any]) -> Model:
    """Build a model, with fresh weights, from its ``[model]`` table.

    Raises
    ------
    UnknownNameError
        The name or a setting is unknown.
    """
    model_class = registry.resolve("model", _name_of("model", table))
    settings = {key: value for key, value in table.items() if key != "name"}
    return model_class(from_mapping(model_class.Config, settings))  # type: ignore[no-any-return]


def _name_of(kind: str, table: Mapping[str, Any], key: str = "name") -> str:
    if not isinstance(table.get(key), str):
        raise ConfigError(f"the table [{kind}] has no {key}")
    return str(table[key])


def save_model(
    folder: Path, model: Model, tables: Mapping[str, Any], *, weights: Mapping[str, Any] | None = None
) -> None:
    """Write a model folder.

    Parameters
    ----------
    folder
        Where to; made when absent.
    model
        The network.
    tables
        At least ``model`` and ``codec``.
    weights
        In place of the model's own (its moving average, say).
    """
    write_toml(folder / "config.toml", tables)
    save_tensors(folder / "model.safetensors", weights or model_tensors(model))


def load_model(
    folder: Path, *, device: str = "cpu", dtype: torch.dtype = torch.float32, style: Path | None = None
) -> LoadedModel:
    """Load a model folder or a run folder; one of an adapter is its model with it.

    Parameters
    ----------
    folder
        The folder.
    device
        Where to.
    dtype
        Of the weights in memory.
    style
        Folder of an adapter that the model shall have.

    Raises
    ------
    CheckpointError
        The folder is no model folder, its weights do not fit its config, or the adapter belongs to other weights.
    """
    if not (folder / "config.toml").is_file():
        raise CheckpointError(f"{folder}: is no model folder (it has no config.toml)")
    try:
        config = read_toml(folder / "config.toml")
        for table in ("model", "codec", *(["init"] if is_adapter(folder) else [])):
            if not isinstance(config.get(table), dict):
                raise ConfigError(f"there is no table [{table}]")
        if is_adapter(folder):
            if style is not None:
                raise ConfigError("is a style itself, so it can have no other. Name its model")
            base = load_model(
                find_model(_name_of("init", config["init"], "model")), device=device, dtype=dtype, style=folder
            )
            return dataclasses.replace(base, name=folder.name, config=config, folder=folder)
        codec, model = build_codec(config["codec"]), build_model(config["model"])
    except (ConfigError, DataError) as error:
        raise CheckpointError(f"{folder / 'config.toml'}: {error}") from error
    path = folder / "model.safetensors"
    tensors, _ = load_tensors(path)
    load_into(model, tensors, path, optional=model.training_only)
    if style is not None:
        attach(model, style, folder)
    model = model.to(device=device, dtype=dtype).eval()
    return LoadedModel(name=folder.name, model=model, codec=codec, config=config, folder=folder)


def read_log(run: Path) -> list[dict[str, Any]]:
    """Read the records of a run's log; a last line that was cut off is left out.

    Raises
    ------
    DataError
        The folder has no log, or a line of it is no record.
    """
    return list(_records(run / "log.jsonl"))


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with translated_errors(path):
        data = path.read_bytes()
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(path, f"is no log ({error})") from error
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            if number < len(lines):
                raise DataError(path, f"line {number} is not JSON") from error
            return
        if not isinstance(record, dict) or "step" not in record:
            raise DataError(path, f"line {number} is no record of a step")
        yield record


def append_log(run: Path, record: Mapping[str, Any], *, is_first: bool = True) -> None:
    """Add a record to a run's log.

    Parameters
    ----------
    run
        The run folder.
    record
        With the number of a step, under ``step``.
    is_first
        Whether this is the process that writes.

    Raises
    ------
    DataError
        The folder cannot be written.
    ResourceError
        The disk is full.
    """
    if is_first:
        path = run / "log.jsonl"
        with translated_errors(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def rewind_log(run: Path, step: int) -> None:
    """Drop the records that a resumed run will write again: those of optimizer steps beyond ``step``."""
    path = run / "log.jsonl"
    if path.is_file():
        kept = [json.dumps(record) for record in _records(path) if record["step"] <= step]
        write_text(path, "".join(line + "\n" for line in kept))


def is_run(folder: Path) -> bool:
    """Tell whether a folder is a run folder."""
    return (folder / "config.toml").is_file() and (folder / "log.jsonl").is_file()


def find_runs(folder: Path) -> list[Path]:
    """List the run folders directly below a folder, or the folder itself if it is one, by name."""
    if is_run(folder):
        return [folder]
    if not folder.is_dir():
        raise DataError(folder, "is no folder")
    return sorted(child for child in folder.iterdir() if child.is_dir() and is_run(child))


def pretrained_folder() -> Path:
    """Give the folder of the models that Tonada ships."""
    return Path(__file__).parent / "pretrained"


def pretrained_names() -> list[str]:
    """List the shipped models."""
    return sorted(path.parent.name for path in pretrained_folder().glob("*/config.toml"))


def find_model(name: str | Path) -> Path:
    """Find a model's folder: a shipped model's name, or the path of a model or run folder.

    Raises
    ------
    CheckpointError
        It is neither; the nearest shipped names are offered.
    """
    if str(name) in pretrained_names():
        return pretrained_folder() / str(name)
    if (Path(name) / "config.toml").is_file():
        return Path(name)
    if Path(name).exists():
        raise CheckpointError(f"{name}: is no model folder (it has no config.toml)")
    nearest = offer(str(name), pretrained_names())
    raise CheckpointError(f"there is no model '{name}': it is no folder, and none that Tonada brings. {nearest}")
