"""The model that steps once per note: groups of ids, an independent reading of its definition, and its cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from tonada.errors import ConfigError
from tonada.registry import preset
from tonada.symbolic.models.grouping import group_ids
from tonada.symbolic.models.nested import Nested, NestedConfig
from tonada.symbolic.tokenizers.base import slot_starts
from tonada.symbolic.tokenizers.note import NoteTokenizer

VOCABULARY, STARTS = 30, (6, 12, 20, 25)
A, B, C, D = 6, 12, 20, 25  # the first id of each slot


def make_model(**settings: Any) -> Nested:
    torch.manual_seed(3)
    sizes: dict[str, Any] = {"vocabulary": VOCABULARY, "slot_starts": STARTS, "context": 64, "width": 16}
    model = Nested(NestedConfig(**sizes | {"blocks": 2, "heads": 2} | settings)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def notes_of(lanes: int, count: int, *, opened: bool) -> Tensor:
    """Draw lanes of whole notes, after a begin id and a condition if they are opened."""
    torch.manual_seed(5)
    ends = (*STARTS[1:], VOCABULARY)
    columns = [
        torch.randint(start, end, (lanes,)) for _ in range(count) for start, end in zip(STARTS, ends, strict=True)
    ]
    return torch.stack([torch.full((lanes,), 1), torch.full((lanes,), 4), *columns][0 if opened else 2 :], dim=1)


def groups_by_hand(ids: Sequence[int]) -> list[list[int]]:
    """Part ids into groups, as the module's text says, one after the other."""
    groups: list[list[int]] = []
    for token in ids:
        slot = sum(token >= start for start in STARTS) - 1
        last = sum(groups[-1][-1] >= start for start in STARTS) - 1 if groups else 3
        fits = slot in (-1, 0) if last == -1 else slot == last + 1
        if groups and last != 3 and fits:
            groups[-1].append(token)
        else:
            groups.append([token])
    return groups


def test_groups_of_a_piece_and_of_what_is_none() -> None:
    ids = [1, 4, A, B, C, D, A, B, C, D, A, B, A, 2, 1, C, D, D]
    groups = group_ids(torch.tensor([ids]), STARTS)
    assert groups.note[0].tolist() == [0] * 6 + [1] * 4 + [2] * 2 + [3] + [4] * 2 + [5] * 2 + [6]
    assert groups.start[0].tolist() == [0] * 6 + [6] * 4 + [10] * 2 + [12] + [13] * 2 + [15] * 2 + [17]
    assert groups.ends[0].nonzero().flatten().tolist() == [5, 9, 16, 17]
    assert groups.next_slot[0].tolist() == [0, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 1, 0, 0, 3, 0, 0]
    assert groups.count == 7


@pytest.mark.parametrize("opened", [True, False])
def test_the_model_is_what_it_says(opened: bool) -> None:
    model = make_model()
    ids = torch.cat((notes_of(1, 4, opened=opened), torch.tensor([[A, C, 2, 1, B, C, D, 7]])), dim=1)
    with torch.no_grad():
        logits = model(ids)[0]
        for end in range(1, ids.shape[1] + 1):
            groups = groups_by_hand(ids[0, :end].tolist())
            whole = groups if groups[-1][-1] >= D else groups[:-1]
            open_ids = [] if whole is groups else groups[-1]
            state = model.norm(model.before)
            if whole:
                notes = torch.stack([model.embedding.weight[group].sum(dim=0) for group in whole])
                x = notes[None]
                rotary = model.rotary_cosine[: len(whole)], model.rotary_sine[: len(whole)]
                for block in model.blocks:
                    x = block(x, rotary)
                state = model.norm(x)[0, -1]
            last = open_ids[-1] if open_ids else D
            slot = 0 if last >= D else sum(last >= start for start in STARTS)
            x = state + model.spelling_embedding.weight[open_ids].sum(dim=0) + model.slot_embedding.weight[slot]
            for layer in model.speller:
                x = x + layer.feedforward(layer.norm(x))
            expected = model.head(model.head_norm(x))
            torch.testing.assert_close(logits[end - 1], expected, atol=1e-5 * float(logits.abs().max()), rtol=0)


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_notes_are_read_once_and_as_they_are_at_once(lanes: int, dtype: torch.dtype, monkeypatch: Any) -> None:
    model, ids = make_model().to(dtype), notes_of(lanes, 5, opened=True)
    cache = model.start_cache(lanes)
    with torch.no_grad():
        expected = model(ids)
    model.step(ids[:, :3], cache)  # a prompt that ends inside a note
    monkeypatch.setattr(Nested, "forward", lambda *_: pytest.fail("read anew"))
    for position in range(3, ids.shape[1]):
        logits = model.step(ids[:, position : position + 1], cache)
        scale = float(expected.abs().max())
        torch.testing.assert_close(
            logits, expected[:, position], atol=(1e-5 if dtype is torch.float32 else 0.05) * scale, rtol=0
        )


def test_lanes_that_are_chosen_go_on_by_themselves() -> None:
    model, ids = make_model(), notes_of(3, 5, opened=False)
    with torch.no_grad():
        expected = model(ids)
    cache = model.start_cache(3)
    model.step(ids[:, :10], cache)
    chosen = cache.selected([2, 0])
    assert (chosen.batch, chosen.length, chosen.capacity) == (2, 10, 64)
    for position in range(10, 20):
        logits = model.step(ids[[2, 0], position : position + 1], chosen)
        torch.testing.assert_close(logits, expected[[2, 0], position], atol=1e-4, rtol=0)
    chosen.clear()
    torch.testing.assert_close(model.step(ids[:2, :7], chosen), expected[:2, 6], atol=1e-4, rtol=0)


def test_one_lane_becomes_several() -> None:
    model, ids = make_model(), notes_of(1, 3, opened=True)
    with torch.no_grad():
        expected = model(ids)
    cache = model.start_cache(1)
    model.step(ids[:, :6], cache)
    wide = cache.selected([0, 0, 0])
    for position in range(6, ids.shape[1]):
        logits = model.step(ids[:, position : position + 1].expand(3, 1), wide)
        torch.testing.assert_close(logits, expected[:, position].expand(3, -1), atol=1e-4, rtol=0)


def test_more_than_fits_is_refused() -> None:
    model = make_model(context=8)
    with pytest.raises(ConfigError, match="9 ids do not fit the model's context of 8"):
        model(notes_of(1, 3, opened=False)[:, :9])
    cache = model.start_cache(1)
    model.step(notes_of(1, 2, opened=False), cache)
    with pytest.raises(ConfigError, match="9 ids do not fit the model's context of 8"):
        model.step(torch.tensor([[A]]), cache)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"width": 18, "heads": 4}, "got width=18, heads=4. Try 16"),
        ({"slot_starts": ()}, "no fixed group of ids"),
        ({"slot_starts": (6, 5)}, r"slot_starts must be rising ids below 30; got \(6, 5\)"),
        ({"slot_starts": (6, 30)}, "slot_starts must be rising ids below 30"),
        ({"head_layers": 0}, "head_layers must be at least 1; got 0"),
        ({"convolution": 1}, "convolution must be 0 for none, or at least 2; got 1"),
        ({"dropout": 1.0}, "dropout must be at least 0 and less than 1; got 1.0"),
        ({"feedforward_ratio": 0.0}, "feedforward_ratio must be positive; got 0.0"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        NestedConfig(**{"vocabulary": VOCABULARY, "slot_starts": STARTS, **settings})


@pytest.mark.parametrize(("name", "most"), [("nested/tiny", 5_000_000), ("nested/small", 25_000_000)])
def test_presets_are_of_the_note_tokenizer_and_as_small_as_they_say(name: str, most: int) -> None:
    _, config = preset("model", name)
    tokenizer = NoteTokenizer()
    assert (config.vocabulary, config.slot_starts) == (tokenizer.vocabulary_size, slot_starts(tokenizer))
    with torch.device("meta"):
        assert Nested(config).parameter_count() <= most


def test_lanes_of_which_one_ends_a_note_alone() -> None:
    model = make_model()
    ids = torch.tensor([[A, B, C, D, D], [A, B, C, D, 1]])
    cache = model.start_cache(2)
    with torch.no_grad():
        expected = model(ids)
    torch.testing.assert_close(model.step(ids, cache), expected[:, -1], atol=1e-4, rtol=0)
    alone = cache.selected([1])
    more = torch.cat((ids[1:], torch.tensor([[A]])), dim=1)
    with torch.no_grad():
        torch.testing.assert_close(model.step(more[:, -1:], alone), model(more)[:, -1], atol=1e-4, rtol=0)
