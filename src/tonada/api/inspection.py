"""``model list``, ``model info``, ``runs list``, ``runs show``: what there is, and what is in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tonada.api.inputs import Failure
from tonada.errors import CheckpointError, DataError, TonadaError
from tonada.files import translated_errors

Info = TypeVar("Info")


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A model folder.

    Attributes
    ----------
    name
        Of the folder.
    folder
        Where it lies.
    shipped
        Whether Tonada brings it, so that its name is enough.
    architecture, codec
        Registry names.
    base
        Of a style, the model that it belongs to; None of a whole model.
    parameters
        Number of weights; of a style, of its own.
    size_bytes
        Of the weights on disk.
    licence
        From its card, if that says one.
    sha256
        File → hash of its bytes, for ``config.toml``, the weights, and a fitted prior where there is one.
    config
        The tables of ``config.toml``.
    card
        Text of ``card.md``; None without one.
    """

    name: str
    folder: Path
    shipped: bool
    architecture: str
    codec: str
    parameters: int
    size_bytes: int
    base: str | None = None
    licence: str | None = None
    sha256: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    card: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """A training run.

    Attributes
    ----------
    name
        Of the folder.
    folder
        Where it lies.
    architecture, codec
        Registry names.
    step, steps
        How far it came, and was to go.
    losses
        Group → term → value, at the last step.
    validation
        The last validation's scores.
    best, best_step
        The lowest validation score, and when; None and −1 before the first.
    seconds
        Time spent.
    config
        The tables of ``config.toml``.
    """

    name: str
    folder: Path
    architecture: str
    codec: str
    step: int
    steps: int
    losses: dict[str, dict[str, float]]
    validation: dict[str, float]
    best: float | None
    best_step: int
    seconds: float
    config: dict[str, Any]


def list_models(*folders: str | Path) -> list[ModelInfo | Failure]:
    """List the models and styles that Tonada brings, and those that lie in folders.

    Parameters
    ----------
    *folders
        Model, style or run folders, or folders that hold some.

    Returns
    -------
    list
        A description for each model, or why there is none.

    Raises
    ------
    DataError
        A folder does not exist, or holds no model.
    """
    from tonada.adapters import is_adapter
    from tonada.api.styles import find_style, style_names
    from tonada.runs import pretrained_folder, pretrained_names

    found = [pretrained_folder() / name for name in pretrained_names()]
    found += [find_style(name) for name in style_names()]
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise DataError(folder, "is no folder")
        models = [
            path
            for path in (folder, *sorted(folder.iterdir()))
            if is_adapter(path) or all((path / name).is_file() for name in ("config.toml", "model.safetensors"))
        ]
        if not models:
            raise DataError(folder, "holds no model (a folder with config.toml and model.safetensors)")
        found.extend(models)
    return _each(show_model, found)


def show_model(model: str | Path) -> ModelInfo:
    """Describe a model: card, settings, number of weights, licence, hashes.

    Parameters
    ----------
    model
        Name of a model or style that Tonada brings, or path of a model, style or run folder.

    Raises
    ------
    CheckpointError
        There is no such model, or its files are absent or damaged.
    """
    from safetensors import SafetensorError, safe_open

    from tonada import adapters
    from tonada.api.styles import find_style, style_names, styles_folder
    from tonada.audio.latents.prior_files import FILE_NAME
    from tonada.hashing import file_sha256
    from tonada.runs import find_model, pretrained_folder

    folder = find_style(model) if str(model) in style_names() else find_model(model)
    config, is_style = _config(folder), adapters.is_adapter(folder)
    weights = folder / (adapters.FILE_NAME if is_style else "model.safetensors")
    if not weights.is_file():
        raise CheckpointError(f"{weights}: there is no such file of weights")
    parameters = 0
    try:
        with safe_open(weights, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                size = 1
                for length in file.get_slice(name).get_shape():
                    size *= length
                parameters += size
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{weights}: is damaged or no safetensors file ({error})") from error
    card = folder / "card.md"
    text = card.read_text("utf-8", "replace") if card.is_file() else None
    licence = re.search(r"^\W*licen[cs]e\W+(\w.*?)\s*(?:[*|(]|$)", text or "", re.IGNORECASE | re.MULTILINE)
    return ModelInfo(
        name=folder.resolve().name,
        folder=folder,
        shipped=folder.parent in (pretrained_folder(), styles_folder()),
        architecture=config["model"]["name"],
        codec=config["codec"]["name"],
        parameters=parameters,
        size_bytes=weights.stat().st_size,
        base=str(config.get("init", {}).get("model")) if is_style else None,
        licence=licence[1] if licence else None,
        sha256={
            path.name: file_sha256(path)
            for path in (folder / "config.toml", weights, folder / FILE_NAME)
            if path.is_file()
        },
        config=config,
        card=text,
    )


def list_runs(folder: str | Path = ".") -> list[RunInfo | Failure]:
    """List the training runs directly below a folder.

    Parameters
    ----------
    folder
        That folder, or a run itself.

    Returns
    -------
    list
        A description for each run, or why there is none.

    Raises
    ------
    DataError
        There are no runs.
    """
    from tonada.runs import find_runs

    runs = find_runs(Path(folder))
    if not runs:
        raise DataError(folder, "holds no runs. Make one with: tonada train")
    return _each(show_run, runs)


def show_run(run: str | Path) -> RunInfo:
    """Describe a training run: settings, last losses, best validation, time.

    Parameters
    ----------
    run
        A run folder.

    Raises
    ------
    DataError
        It is no run folder, or its log is damaged.
    """
    from tonada.runs import is_run, read_log

    folder = Path(run)
    if not is_run(folder):
        raise DataError(folder, "is no run folder (it has no config.toml with a log.jsonl)")
    config, records = _config(folder), read_log(folder)
    trainer = config.get("trainer")
    steps = trainer.get("steps") if isinstance(trainer, dict) else None
    if not isinstance(steps, int):
        raise DataError(folder / "config.toml", "there is no table [trainer] with a number of steps")
    if not all(map(_is_whole, records)):
        raise DataError(folder / "log.jsonl", "has a record without the losses, the time or the score of its step")
    scored = [record for record in records if "validation" in record]
    best = min(scored, key=lambda record: record["validation"]["score"], default=None)
    last: dict[str, Any] = records[-1] if records else {"step": 0, "loss": {}, "seconds": 0.0}
    return RunInfo(
        name=folder.resolve().name,
        folder=folder,
        architecture=config["model"]["name"],
        codec=config["codec"]["name"],
        step=last["step"],
        steps=steps,
        losses=last["loss"],
        validation=scored[-1]["validation"] if scored else {},
        best=best["validation"]["score"] if best else None,
        best_step=best["step"] if best else -1,
        seconds=last["seconds"],
        config=config,
    )


def _each(describe: Callable[[Path], Info], folders: Iterable[Path]) -> list[Info | Failure]:
    """Describe each folder; one that is damaged hides none of the others."""
    found: list[Info | Failure] = []
    for folder in folders:
        try:
            with translated_errors(folder):
                found.append(describe(folder))
        except TonadaError as error:
            found.append(Failure(name=str(folder), error=error))
    return found


def _is_whole(record: dict[str, Any]) -> bool:
    """Tell whether a record of a log has all that is told about a run."""
    scores = record.get("validation", {"score": 0.0})
    return (
        isinstance(record["step"], int)
        and isinstance(record.get("loss"), dict)
        and isinstance(record.get("seconds"), int | float)
        and isinstance(scores, dict)
        and isinstance(scores.get("score"), int | float)
    )


def _config(folder: Path) -> dict[str, Any]:
    from tonada.config import read_toml

    config = read_toml(folder / "config.toml")
    for table in ("model", "codec"):
        if not isinstance(config.get(table), dict) or "name" not in config[table]:
            raise CheckpointError(f"{folder / 'config.toml'}: there is no table [{table}] with a name")
    return config
