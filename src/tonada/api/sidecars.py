"""The json beside a composition: everything that making it again needs, and what came out."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonada.api.settings import ComposeSettings
from tonada.config import from_mapping, to_mapping
from tonada.errors import ConfigError, DataError
from tonada.examples import examples
from tonada.files import translated_errors, write_text
from tonada.hashing import file_sha256, ids_sha256
from tonada.jsontext import to_json

if TYPE_CHECKING:
    from tonada.api.avoiding import Avoidance
    from tonada.api.ranking import Choice
    from tonada.symbolic.lanes import Continuation

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where compositions come from: the same for all variations of an input.

    Attributes
    ----------
    settings
        As they were asked.
    model
        The model's folder.
    style
        The style's folder; None without one.
    critic
        The folder of the critic that chose among candidates; None without one.
    device
        Where it was computed.
    source
        The MIDI file; None when starting from nothing.
    """

    settings: ComposeSettings
    model: Path
    style: Path | None
    critic: Path | None
    device: str
    source: Path | None


def made_with(device: str) -> dict[str, str | int]:
    """Name what the outcome may depend on beside the settings: versions, device, threads.

    Parameters
    ----------
    device
        Where it is computed.
    """
    import torch

    import tonada

    return {
        "tonada": tonada.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "device": device,
        "threads": torch.get_num_threads(),
    }


def model_sha256(folder: Path) -> dict[str, str]:
    """Give the hashes of the files that a model, or a style, is made of."""
    from tonada.adapters import FILE_NAME, is_adapter

    weights = FILE_NAME if is_adapter(folder) else "model.safetensors"
    return {name: file_sha256(folder / name) for name in ("config.toml", weights)}


def model_reference(model: Path, folder: Path) -> str:
    """Write where a model, or a style, is found from a folder: the name of one that Tonada brings, else its path."""
    from tonada.api.styles import styles_folder
    from tonada.runs import pretrained_folder

    is_ours = model.parent in (pretrained_folder(), styles_folder())
    return model.name if is_ours else relative_path(model, folder)


def write_sidecar(
    path: Path,
    origin: Origin,
    continuation: Continuation,
    files: Sequence[Path],
    *,
    choice: Choice | None = None,
    avoided: Avoidance | None = None,
) -> None:
    """Write a sidecar.

    Parameters
    ----------
    path
        The file.
    origin
        Where the composition comes from.
    continuation
        What the model generated.
    files
        The other files of the composition.
    choice
        How the critic chose it among candidates; None where there were none.
    avoided
        Whether it quotes, and which attempt it is; None where that was not asked.

    Raises
    ------
    DataError
        The folder cannot be written, or a file cannot be read.
    ResourceError
        The disk is full.
    """
    settings = to_mapping(origin.settings)
    settings["model"] = model_reference(origin.model, path.parent)
    style = None
    if origin.style is not None:
        settings["style"] = model_reference(origin.style, path.parent)
        style = {"name": origin.style.resolve().name, "sha256": model_sha256(origin.style)}
    if origin.settings.soundfont is not None:
        settings["soundfont"] = relative_path(Path(origin.settings.soundfont), path.parent)
    best_of = None
    if origin.critic is not None and choice is not None:
        settings["critic"] = model_reference(origin.critic, path.parent)
        critic = {"name": origin.critic.resolve().name, "sha256": model_sha256(origin.critic)}
        best_of = {**vars(choice), "critic": critic}
    source: dict[str, str | bool] | None = None
    if origin.source is not None:
        example = origin.source in examples().values()
        name = origin.source.stem if example else relative_path(origin.source, path.parent)
        source = {"name": name, "example": example, "sha256": file_sha256(origin.source)}
    record = {
        "format": FORMAT,
        "name": path.stem,
        "made_with": made_with(origin.device),
        "model": {"name": origin.model.resolve().name, "sha256": model_sha256(origin.model)},
        "style": style,
        "input": source,
        "settings": settings,
        "variation": continuation.lane,
        "best_of": best_of,
        "avoid_copy": avoided,
        "ended": continuation.reason,
        "notes": len(continuation.notes),
        "ids": len(continuation.ids),
        "ids_sha256": ids_sha256(continuation.ids),
        "files": {file.name: file_sha256(file) for file in files},
    }
    write_text(path, to_json(record) + "\n")


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """A sidecar that was read.

    Attributes
    ----------
    path
        Where it lies.
    settings
        As they were asked; model, style and sound font as they are found from here.
    source
        The MIDI file as it is found from here; None when starting from nothing.
    record
        All of it.
    """

    path: Path
    settings: ComposeSettings
    source: Path | None
    record: Mapping[str, Any]


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar.

    Raises
    ------
    DataError
        The file cannot be read, or is no sidecar.
    """
    from tonada.api.styles import style_names
    from tonada.runs import pretrained_names

    with translated_errors(path):
        data = path.read_bytes()
    try:
        record = json.loads(data)
        if record["format"] != FORMAT:
            raise DataError(path, f"has format {record['format']}; this version reads format {FORMAT}")
        _check_shape(record)
        settings = from_mapping(ComposeSettings, record["settings"])
        if not 1 <= record["variation"] <= settings.variations:
            raise ValueError(f"variation {record['variation']} of {settings.variations}")
        source = _source(path, record["input"])
    except (ValueError, TypeError, KeyError, ConfigError) as error:
        raise DataError(path, f"is no sidecar of a composition ({error})") from error
    if settings.model not in pretrained_names():
        settings = replace(settings, model=str(path.parent / settings.model))
    if settings.style is not None and settings.style not in style_names():
        settings = replace(settings, style=str(path.parent / settings.style))
    if settings.best_of > 1 and settings.critic not in pretrained_names():
        settings = replace(settings, critic=str(path.parent / settings.critic))
    if settings.soundfont is not None:
        settings = replace(settings, soundfont=str(path.parent / settings.soundfont))
    return Sidecar(path=path, settings=settings, source=source, record=record)


def _check_shape(record: Mapping[str, Any]) -> None:
    """Check what replaying relies on, by a KeyError, TypeError or ValueError: a sidecar may come from anywhere."""
    kinds: dict[str, type] = {
        "name": str,
        "made_with": dict,
        "model": dict,
        "settings": dict,
        "variation": int,
        "ids": int,
        "ids_sha256": str,
        "files": dict,
    }
    for name, kind in kinds.items():
        if not isinstance(record[name], kind):
            raise TypeError(f"'{name}' has another type")
    inner: dict[tuple[str, str], type] = {("made_with", "device"): str, ("model", "sha256"): dict}
    if record["settings"].get("style") is not None:
        inner[("style", "sha256")] = dict
    if record["settings"].get("best_of", 1) != 1:
        inner |= {("best_of", "steps"): int, ("best_of", "critic"): dict}
    if record["settings"].get("avoid_copy"):
        inner |= {("avoid_copy", "attempt"): int, ("avoid_copy", "sentence"): str}
    if record["input"] is not None:
        inner |= {("input", "name"): str, ("input", "example"): bool, ("input", "sha256"): str}
    for (table, name), kind in inner.items():
        if not isinstance(record[table][name], kind):
            raise TypeError(f"'{name}' of '{table}' has another type")
    if ("best_of", "critic") in inner and not isinstance(record["best_of"]["critic"]["sha256"], dict):
        raise TypeError("'sha256' of the critic has another type")
    if record["ids"] < 1:
        raise ValueError(f"ids must be at least 1; got {record['ids']}")
    # The new files get this name: as a path it would lead out of their folder.
    if not record["name"] or record["name"] != Path(record["name"]).name:
        raise ValueError(f"'{record['name']}' is no name of a file")


def _source(path: Path, told: Mapping[str, Any] | None) -> Path | None:
    """Find the MIDI file that a sidecar tells of."""
    if told is None:
        return None
    return examples()[told["name"]] if told["example"] else path.parent / str(told["name"])


def relative_path(path: Path, folder: Path) -> str:
    """Write a path as seen from a folder, so that both can be moved together; absolute where that cannot be."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()
