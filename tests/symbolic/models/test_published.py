"""Reading published GIGA-Piano checkpoints: the same logits as an independent decoder, and what is refused."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from published_decoder import PublishedDecoder, shapes_of_giga
from tonada.errors import CheckpointError, DataError
from tonada.symbolic.models.gpt import giga
from tonada.symbolic.models.published import read_published

SIZES = {"vocabulary": 20, "context": 12, "width": 16, "heads": 4, "hidden": 24}


def save(path: Path, state: dict[str, Tensor]) -> Path:
    torch.save(state, path)
    return path


@pytest.mark.parametrize(("blocks", "prefix"), [(1, ""), (16, "module."), (24, "module.")])
@torch.no_grad()
def test_the_logits_are_those_of_the_decoder(tmp_path: Path, blocks: int, prefix: str) -> None:
    decoder = PublishedDecoder(**SIZES, blocks=blocks)
    state = {f"{prefix}{name}": tensor for name, tensor in decoder.state_dict().items()}
    model = read_published(save(tmp_path / "x.pth", state))
    assert len(model.blocks) == blocks
    assert model.parameter_count() == sum(tensor.numel() for tensor in state.values())
    for length in (1, 7, 12):
        ids = torch.randint(0, SIZES["vocabulary"], (2, length))
        torch.testing.assert_close(model(ids), decoder(ids), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_every_tensor_counts(tmp_path: Path) -> None:
    """Changing any one tensor of the file changes the logits: none is dropped or read twice."""
    state = PublishedDecoder(**SIZES, blocks=2).state_dict()
    ids = torch.randint(0, SIZES["vocabulary"], (1, 9))
    before = read_published(save(tmp_path / "x.pth", state))(ids)
    for name, tensor in state.items():
        changed = state | {name: tensor + torch.randn_like(tensor)}
        after = read_published(save(tmp_path / "x.pth", changed))(ids)
        assert (after - before).abs().max() > 1e-3, name


@pytest.mark.parametrize(("blocks", "parameters"), [(16, 103_188_480), (24, 154_126_336)])
def test_published_sizes_are_the_preset(tmp_path: Path, blocks: int, parameters: int) -> None:
    model = read_published(save(tmp_path / "x.pth", shapes_of_giga(blocks)))
    assert model.config == dataclasses.replace(giga(), blocks=blocks)
    assert model.parameter_count() == parameters


def test_what_does_not_fit_is_named_in_one_line(tmp_path: Path) -> None:
    state = PublishedDecoder(**SIZES, blocks=2).state_dict()
    del state["blocks.1.ln2.bias"]
    state["blocks.1.attn.mask"] = torch.zeros(3)
    state["head.weight"] = torch.zeros(20, 17)
    with pytest.raises(CheckpointError) as caught:
        read_published(save(tmp_path / "x.pth", state))
    assert str(caught.value) == (
        f"{tmp_path / 'x.pth'}: lacks 'blocks.1.ln2.bias'; has 'blocks.1.attn.mask' too many; "
        "'head.weight' has shape (20, 17) and needs (20, 16)"
    )
    for name in [name for name in state if name.startswith("blocks.1.mlp")]:
        del state[name]
    with pytest.raises(CheckpointError, match=r"lacks .*, .*, .* and 2 more; has .* too many"):
        read_published(save(tmp_path / "x.pth", state))


class Harmful:
    """Runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_pickled_code_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "was-here"
    state: dict[str, Any] = {**PublishedDecoder(**SIZES, blocks=1).state_dict(), "extra": Harmful(mark)}
    for path in (tmp_path / "x.pth", tmp_path / "plain.pth"):
        if path.stem == "plain":
            path.write_bytes(pickle.dumps(state["extra"]))
        else:
            torch.save(state, path)
        with pytest.raises(CheckpointError, match="is no file of plain tensors") as caught:
            read_published(path)
        assert "\n" not in str(caught.value)
    assert not mark.exists()
    pickle.loads((tmp_path / "plain.pth").read_bytes())  # what it would have done
    assert mark.exists()


def damaged(state: dict[str, Tensor]) -> dict[str, tuple[Any, str]]:
    """Name → what is saved, and words of the error."""
    return {
        "a list": ([1, 2], "no table of tensors by name"),
        "nested": ({"model": state}, "no table of tensors by name"),
        "empty": ({}, r"lacks 'tok_emb\.weight'"),
        "another model": ({"embedding.weight": torch.zeros(2, 2)}, r"lacks 'tok_emb\.weight'"),
        "axes": (state | {"pos_emb": torch.zeros(12, 16)}, r"'pos_emb' has shape \(12, 16\)"),
        "heads": (state | {"blocks.0.attn.Er": torch.zeros(12, 5)}, "heads of width 5"),
    }


@pytest.mark.parametrize("kind", damaged({}))
def test_other_files_are_refused(tmp_path: Path, kind: str) -> None:
    content, words = damaged(PublishedDecoder(**SIZES, blocks=1).state_dict())[kind]
    with pytest.raises(CheckpointError, match=words):
        read_published(save(tmp_path / "x.pth", content))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    whole = save(tmp_path / "x.pth", PublishedDecoder(**SIZES, blocks=1).state_dict()).read_bytes()
    for content in (b"", b"not a model", whole[: len(whole) // 2]):
        (tmp_path / "y.pth").write_bytes(content)
        with pytest.raises(CheckpointError, match="no file of plain tensors"):
            read_published(tmp_path / "y.pth")
    with pytest.raises(DataError, match="no such file"):
        read_published(tmp_path / "absent.pth")
