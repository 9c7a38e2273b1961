"""Styles by name: adapters that make a model compose in a certain way, those that Tonada brings and yours."""

from __future__ import annotations

from pathlib import Path

from tonada.adapters import FILE_NAME, is_adapter
from tonada.errors import CheckpointError, offer
from tonada.runs import pretrained_folder


def styles_folder() -> Path:
    """Give the folder of the styles that Tonada brings."""
    return pretrained_folder() / "styles"


def style_names() -> list[str]:
    """List the styles that Tonada brings."""
    return sorted(path.parent.name for path in styles_folder().glob(f"*/{FILE_NAME}"))


def find_style(name: str | Path) -> Path:
    """Find a style's folder: the name of one that Tonada brings, or the path of what ``finetune`` wrote.

    Raises
    ------
    CheckpointError
        It is neither; the nearest names are offered.
    """
    if str(name) in style_names():
        return styles_folder() / str(name)
    folder = Path(name)
    if is_adapter(folder):
        return folder
    if (folder / "model.safetensors").is_file():
        raise CheckpointError(f"{name}: is no style but a whole model: give it as --model")
    if folder.exists():
        raise CheckpointError(f"{name}: is no style (it has no {FILE_NAME})")
    nearest = offer(str(name), style_names())
    raise CheckpointError(f"there is no style '{name}': it is no folder, and none that Tonada brings. {nearest}")
