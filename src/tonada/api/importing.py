"""``model import``: weights that others published, as a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tonada.errors import CheckpointError, DataError

if TYPE_CHECKING:
    from tonada.api.inspection import ModelInfo

_CARD = """# {name}

Imported from `{file}` (SHA-256 `{sha256}`): a GIGA-Piano decoder of {blocks} blocks of width {width}, with its tokens
(`giga`, exact). What it was trained on, and how well, its publisher says; Tonada has measured nothing.

| | |
|---|---|
| licence | that of its publisher |
"""


def import_model(checkpoint: str | Path, *, output: str | Path) -> ModelInfo:
    """Turn a published GIGA-Piano checkpoint into a model folder.

    Parameters
    ----------
    checkpoint
        A ``.pth`` file: the model's ``state_dict`` as torch saves it, with 16 blocks, 24, or any other number. It is
        read as plain tensors; a file that needs code to be run is refused.
    output
        The model folder; made when absent, else empty.

    Returns
    -------
    ModelInfo
        What was written.

    Raises
    ------
    DataError
        The file cannot be read, or the folder is in use.
    CheckpointError
        The file holds anything but plain tensors; tensors are missing, left over, or have another shape.
    ResourceError
        The disk is full.
    """
    from tonada.api.inspection import show_model
    from tonada.config import to_mapping
    from tonada.files import write_text
    from tonada.hashing import file_sha256
    from tonada.runs import model_table, save_model
    from tonada.symbolic.models.published import read_published
    from tonada.symbolic.tokenizers.giga import GigaConfig, GigaTokenizer

    source, folder = Path(checkpoint), Path(output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(folder, "exists; choose another folder with -o")
    model = read_published(source)
    tokenizer = GigaTokenizer(GigaConfig(exact=True))
    if model.config.vocabulary != tokenizer.vocabulary_size:
        raise CheckpointError(
            f"{source}: 'tok_emb.weight' is for {model.config.vocabulary} ids; "
            f"those of GIGA-Piano are {tokenizer.vocabulary_size}"
        )
    codec = {"name": tokenizer.name, **to_mapping(tokenizer.config)}
    save_model(folder, model, {"model": model_table("gpt", model.config), "codec": codec})
    card = _CARD.format(
        name=folder.resolve().name,
        file=source.name,
        sha256=file_sha256(source),
        blocks=model.config.blocks,
        width=model.config.width,
    )
    write_text(folder / "card.md", card)
    return show_model(folder)
