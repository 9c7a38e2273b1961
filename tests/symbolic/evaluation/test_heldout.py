from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tonada.errors import ConfigError
from tonada.symbolic.evaluation.baselines import fit_baselines
from tonada.symbolic.evaluation.heldout import HeldOut, HeldOutEstimate, estimate_held_out, evaluate_held_out
from tonada.symbolic.evaluation.scoring import Targets, find_targets
from tonada.symbolic.evaluation.windowed import cut_windows
from tonada.symbolic.models.gpt import GPT, GPTConfig
from tonada.symbolic.notes import Notes
from tonada.symbolic.tokenizers.note import NoteTokenizer

TOKENIZER = NoteTokenizer()
VOCABULARY = TOKENIZER.vocabulary_size


def random_piece(seed: int, notes: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return TOKENIZER.encode_notes(
        Notes(
            onset_s=np.cumsum(draw.exponential(0.3, notes)),
            duration_s=draw.exponential(0.5, notes) + 0.01,
            pitch=draw.integers(50, 70, notes),
            velocity=draw.integers(40, 100, notes),
        )
    )


PIECES = [random_piece(seed, notes) for seed, notes in enumerate([61, 3, 0, 40, 25])]
SECONDS = [30.0, 2.0, 0.0, 20.0, 12.5]
TRAINING = [random_piece(seed, 80) for seed in range(10, 14)]


def all_targets(*positions: int) -> Targets:
    position = np.array(positions, dtype=np.int64)
    zero = np.zeros_like(position)
    return Targets(position=position, token=zero, slot=zero, place=zero, previous=zero, width=zero / 1)


def looking_back(count: int) -> Callable[[Tensor], Tensor]:
    """A causal model whose logits are a fixed random function of the last ``count`` ids."""
    table = torch.randn(count, VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(3))

    def model(ids: Tensor) -> Tensor:
        logits = table[0][ids]
        for back in range(1, count):
            if back < ids.shape[1]:
                logits[:, back:] += table[back][ids[:, :-back]]
        return logits

    return model


def uniform(ids: Tensor) -> Tensor:
    return torch.zeros(*ids.shape, VOCABULARY)


# windows


@given(length=st.integers(0, 200), context=st.integers(2, 50))
def test_windows_score_every_id_once_with_half_a_context_before_it(length: int, context: int) -> None:
    targets = all_targets(*range(1, length))
    windows = cut_windows(0, length, targets, context=context)
    scored = np.concatenate([np.arange(0), *(targets.position[window.scored] for window in windows)])
    assert scored.tolist() == list(range(1, length))
    for index, window in enumerate(windows):
        assert window.start == index * (context // 2)
        assert window.length <= context
        last = window.start + window.length  # the id after the last that is read
        assert last <= length - 1
        assert targets.position[window.scored][-1] == last
        if index:
            assert (targets.position[window.scored] - window.start).min() >= context / 2


def test_windows_by_hand() -> None:
    windows = cut_windows(7, 11, all_targets(*range(1, 11)), context=4)
    assert [(window.start, window.length) for window in windows] == [(0, 4), (2, 4), (4, 4), (6, 4)]
    assert [window.scored for window in windows] == [slice(0, 4), slice(4, 6), slice(6, 8), slice(8, 10)]
    assert {window.piece for window in windows} == {7}


def test_windows_without_targets_are_left_out() -> None:
    assert [window.start for window in cut_windows(0, 100, all_targets(3, 99), context=10)] == [0, 90]


# known losses


def test_a_uniform_model_costs_the_logarithm_of_the_vocabulary() -> None:
    held_out = evaluate_held_out(uniform, TOKENIZER, PIECES, seconds=SECONDS, context=16)
    notes = 61 + 3 + 40 + 25
    assert held_out.notes == notes
    assert held_out.ids == 4 * notes + 5  # every end id, begin never
    assert held_out.model.nats_per_id == pytest.approx(math.log(VOCABULARY), rel=1e-6)
    assert held_out.model.nats_per_note == pytest.approx((4 * notes + 5) / notes * math.log(VOCABULARY), rel=1e-6)
    assert held_out.ids_per_note == (4 * notes + 5) / notes
    bits = held_out.ids * math.log2(VOCABULARY)
    assert held_out.model.bits_per_s == pytest.approx(bits / 64.5, rel=1e-6)
    assert [(slot.slot, slot.ids) for slot in held_out.model.slots] == [
        *((slot, notes) for slot in TOKENIZER.slots),
        ("end", 5),
    ]


@pytest.mark.parametrize("context", [8, 30, 1000])
def test_a_unigram_table_as_a_model_has_the_unigrams_figures(context: int) -> None:
    slot_of = TOKENIZER.slot_of.astype(np.int64)
    counts = np.bincount(np.concatenate(TRAINING), minlength=VOCABULARY) + 1.0
    table = torch.full((4, VOCABULARY), -math.inf)
    for place in range(4):
        allowed = slot_of == place
        allowed[TOKENIZER.end_id] |= place == 0
        table[place, allowed] = torch.from_numpy(np.log(counts[allowed] / counts[allowed].sum())).float()
    following = torch.from_numpy((slot_of + 1) % 4 * (slot_of < 4))

    held_out = evaluate_held_out(
        lambda ids: table[following[ids]],
        TOKENIZER,
        PIECES,
        seconds=SECONDS,
        context=context,
        baselines=fit_baselines(TOKENIZER, TRAINING, names=["unigram"]),
    )
    model, unigram = held_out.model, held_out.baselines[0]
    assert unigram.name == "unigram"
    for mine, theirs in zip((model, *model.slots), (unigram, *unigram.slots), strict=True):
        numbers = [{k: v for k, v in vars(row).items() if isinstance(v, int | float)} for row in (mine, theirs)]
        assert mine.slot == theirs.slot
        assert len(numbers[0]) >= 6
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-6)


@pytest.mark.parametrize("context", [8, 9, 64, 1000])
def test_a_bigram_table_as_a_model_has_the_bigrams_figure(context: int) -> None:
    table = np.ones((VOCABULARY, VOCABULARY))
    first = np.ones((4, VOCABULARY))
    for ids in TRAINING:
        body = ids[1:].astype(np.int64)
        first[np.arange(4), body[:4]] += 1
        np.add.at(table, (body[:-4], body[4:]), 1)
    slot_of = TOKENIZER.slot_of.astype(np.int64)
    for rows, places in ((table, slot_of), (first, np.arange(4))):
        for place in range(4):
            allowed = slot_of == place
            allowed[TOKENIZER.end_id] |= place == 0
            rows[np.ix_(places == place, ~allowed)] = 0.0
    rows = torch.from_numpy(np.concatenate([table, first]))
    logits = torch.log(rows / rows.sum(dim=1, keepdim=True)).float().nan_to_num(nan=0.0)

    def model(ids: Tensor) -> Tensor:
        # The id of the same slot of the note before the one to come is the fourth from the end.
        before = torch.cat([VOCABULARY + torch.zeros_like(ids[:, :4]), ids[:, 1:-3]], dim=1)[:, : ids.shape[1]]
        opening = torch.cumsum(torch.where(ids == TOKENIZER.begin_id, -ids.shape[1], 1), dim=1) + ids.shape[1]
        return logits[torch.where(opening < 4, VOCABULARY + opening, before)]

    baselines = fit_baselines(TOKENIZER, TRAINING)
    held_out = evaluate_held_out(model, TOKENIZER, PIECES, seconds=SECONDS, context=context, baselines=baselines)
    unigram, bigram = held_out.baselines
    assert held_out.model.nats_per_note == pytest.approx(bigram.nats_per_note, rel=1e-6)
    assert held_out.model.accuracy == bigram.accuracy
    assert unigram.nats_per_note != pytest.approx(bigram.nats_per_note, rel=1e-3)


def test_what_looks_few_ids_back_has_one_figure_for_all_long_contexts() -> None:
    def nats(count: int, context: int) -> float:
        held_out = evaluate_held_out(looking_back(count), TOKENIZER, PIECES, seconds=SECONDS, context=context)
        return held_out.model.nats_per_note

    whole = nats(3, 1000)
    assert [nats(3, context) for context in (6, 7, 20, 100)] == pytest.approx([whole] * 4, rel=1e-6)
    assert nats(3, 4) == pytest.approx(whole, rel=1e-6)  # windows of 4 give at least 3
    assert nats(3, 2) != pytest.approx(whole, rel=1e-3)  # and of 2 at most 2: the test can tell


@pytest.mark.parametrize("batch_ids", [1, 100, 8192])
def test_batching_changes_nothing(batch_ids: int) -> None:
    model = looking_back(2)
    alone = [
        evaluate_held_out(model, TOKENIZER, [piece], seconds=[1.0], context=20, batch_ids=1).piece_nats[0]
        for piece in PIECES
    ]
    together = evaluate_held_out(model, TOKENIZER, PIECES, seconds=SECONDS, context=20, batch_ids=batch_ids)
    assert together.piece_nats == pytest.approx(alone, rel=1e-6)
    assert together.piece_notes == (61, 3, 0, 40, 25)
    assert sum(together.piece_nats) / together.notes == pytest.approx(together.model.nats_per_note)


def test_a_model_that_knows_the_piece_is_always_right() -> None:
    piece = torch.from_numpy(PIECES[0].astype(np.int64))

    def model(ids: Tensor) -> Tensor:
        return 50.0 * F.one_hot(piece[1 : ids.shape[1] + 1], VOCABULARY).float()[None]

    held_out = evaluate_held_out(model, TOKENIZER, PIECES[:1], seconds=[30.0], context=1000)
    assert held_out.model.accuracy == 1.0
    assert held_out.model.nats_per_note == pytest.approx(0.0, abs=1e-6)


def test_accuracy_of_each_slot() -> None:
    def model(ids: Tensor) -> Tensor:  # always the end
        return 10.0 * F.one_hot(torch.full_like(ids, TOKENIZER.end_id), VOCABULARY).float()

    held_out = evaluate_held_out(model, TOKENIZER, PIECES, seconds=SECONDS, context=16)
    assert [slot.accuracy for slot in held_out.model.slots] == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert held_out.model.accuracy == 5 / held_out.ids


def test_corrected_figures_add_the_logarithm_of_the_bins_width() -> None:
    held_out = evaluate_held_out(uniform, TOKENIZER, PIECES, seconds=SECONDS, context=16)
    widths = np.concatenate([TOKENIZER.bin_width[ids[1:]] for ids in PIECES])
    assert widths.max() > 4.0
    model = held_out.model
    assert model.nats_per_id_corrected - model.nats_per_id == pytest.approx(np.log(widths).mean())
    assert model.nats_per_note_corrected - model.nats_per_note == pytest.approx(np.log(widths).sum() / held_out.notes)
    assert model.bits_per_s_corrected - model.bits_per_s == pytest.approx(np.log2(widths).sum() / 64.5)
    by_slot = {slot.slot: slot for slot in model.slots}
    assert by_slot["velocity"].nats_per_note_corrected - by_slot["velocity"].nats_per_note == pytest.approx(math.log(4))
    assert by_slot["pitch"].nats_per_note_corrected == by_slot["pitch"].nats_per_note
    assert sum(slot.nats_per_note_corrected for slot in model.slots) == pytest.approx(model.nats_per_note_corrected)


def test_conditions_are_given_and_not_scored() -> None:
    notes = Notes.from_rows([(0, 1, 60, 64), (1, 1, 62, 64)])
    plain = TOKENIZER.encode_notes(notes)
    conditioned = TOKENIZER.encode_notes(notes, conditions={"composer": "Bach", "style": "baroque"})
    assert len(conditioned) == len(plain) + 2
    plain_nats, conditioned_nats = (
        evaluate_held_out(looking_back(1), TOKENIZER, [ids], seconds=[2.0], context=64) for ids in (plain, conditioned)
    )
    assert conditioned_nats.ids == plain_nats.ids == 9
    assert conditioned_nats.piece_nats != plain_nats.piece_nats  # the first onset follows "baroque", not the begin id


# networks


@pytest.fixture
def gpt() -> GPT:
    torch.manual_seed(5)
    return GPT(GPTConfig(vocabulary=VOCABULARY, context=24, width=16, blocks=2, heads=2, dropout=0.2))


def test_a_network_agrees_with_one_forward_pass_per_id(gpt: GPT) -> None:
    gpt.eval()
    total, count = 0.0, 0
    for ids in PIECES:
        scored = set(find_targets(TOKENIZER, ids).position.tolist())
        for position in scored:
            # The protocol, said another way: the earliest start on the grid whose window reaches the position.
            start = next(s for s in range(0, len(ids), 12) if position - s <= 24)
            with torch.no_grad():
                logits = gpt(torch.from_numpy(ids[start:position].astype(np.int64))[None])[0, -1]
            total -= float(torch.log_softmax(logits.double(), dim=0)[int(ids[position])])
            count += 1
    held_out = evaluate_held_out(gpt, TOKENIZER, PIECES, seconds=SECONDS)
    assert held_out.context == 24
    assert held_out.stride == 12
    assert held_out.ids == count
    assert held_out.model.nats_per_id == pytest.approx(total / count, rel=1e-5)


def test_a_network_is_left_as_it_was(gpt: GPT) -> None:
    gpt.train()
    gpt.blocks[0].eval()  # type: ignore[no-untyped-call]
    modes = [module.training for module in gpt.modules()]
    first = evaluate_held_out(gpt, TOKENIZER, PIECES, seconds=SECONDS)
    second = evaluate_held_out(gpt, TOKENIZER, PIECES, seconds=SECONDS)
    assert first == second  # no dropout
    assert [module.training for module in gpt.modules()] == modes
    assert all(parameter.grad is None for parameter in gpt.parameters())
    assert torch.is_grad_enabled()


def test_a_network_that_fails_is_left_as_it_was() -> None:
    class Failing(nn.Module):
        def forward(self, ids: Tensor) -> Tensor:
            raise RuntimeError("no")

    failing = Failing()
    with pytest.raises(RuntimeError, match="no"):
        evaluate_held_out(failing, TOKENIZER, PIECES, seconds=SECONDS, context=8)
    assert failing.training
    assert not torch.is_inference_mode_enabled()


def test_bfloat16_is_near_float32(gpt: GPT) -> None:
    full = evaluate_held_out(gpt, TOKENIZER, PIECES, seconds=SECONDS)
    half = evaluate_held_out(gpt, TOKENIZER, PIECES, seconds=SECONDS, precision="bf16")
    assert half.precision == "bf16"
    assert half.model.nats_per_note != full.model.nats_per_note
    assert half.model.nats_per_note == pytest.approx(full.model.nats_per_note, rel=1e-3)


def test_progress_counts_windows() -> None:
    calls: list[tuple[int, int]] = []
    evaluate_held_out(
        uniform,
        TOKENIZER,
        PIECES,
        seconds=SECONDS,
        context=16,
        batch_ids=160,
        progress=lambda *call: calls.append(call),
    )
    done, total = zip(*calls, strict=True)
    assert set(total) == {done[-1]}
    assert list(done) == sorted(set(done))


# results


def test_a_result_is_a_table_and_json() -> None:
    held_out = evaluate_held_out(
        uniform,
        TOKENIZER,
        PIECES,
        seconds=SECONDS,
        context=16,
        baselines=fit_baselines(TOKENIZER, TRAINING),
    )
    table = held_out.table()
    assert [row["name"] for row in table] == ["model", "unigram", "bigram"]
    assert len({tuple(row) for row in table}) == 1
    for row in table:
        slots = [row[name] for name in ("onset", "pitch", "velocity", "duration", "end")]
        assert sum(slots) == pytest.approx(row["nats per note"])
    read = json.loads(held_out.to_json())
    assert read["model"]["nats_per_note"] == held_out.model.nats_per_note
    assert read["baselines"][1]["slots"][3]["slot"] == "duration"
    assert read["piece_notes"] == [61, 3, 0, 40, 25]


def test_what_cannot_be_told_is_null_in_json() -> None:
    begin = PIECES[0][:1]
    held_out = evaluate_held_out(uniform, TOKENIZER, [begin], seconds=[0.0], context=16)
    assert held_out.ids == held_out.notes == 0
    assert json.loads(held_out.to_json())["model"]["nats_per_note"] is None


# estimates


def test_an_estimate_from_all_windows_is_the_full_figure() -> None:
    full = evaluate_held_out(looking_back(2), TOKENIZER, PIECES, seconds=SECONDS, context=16)
    estimate = estimate_held_out(looking_back(2), TOKENIZER, PIECES, windows_per_piece=1000, context=16)
    assert estimate.estimated_nats_per_id == pytest.approx(full.model.nats_per_id)
    assert estimate.estimated_nats_per_note == pytest.approx(full.model.nats_per_note)
    assert estimate.ids == full.ids


def test_an_estimate_depends_on_nothing_but_its_seed() -> None:
    def estimate(seed: int) -> HeldOutEstimate:
        return estimate_held_out(looking_back(2), TOKENIZER, PIECES, windows_per_piece=2, seed=seed, context=16)

    assert estimate(1) == estimate(1)
    assert estimate(1) != estimate(2)
    assert estimate(1).windows == 2 + 1 + 1 + 2 + 2  # two pieces are shorter than the context


def test_an_estimate_shares_no_name_with_the_full_figure() -> None:
    figures = {"nats_per_id", "nats_per_note", "model"}
    assert figures <= set(HeldOut.__dataclass_fields__) | {"nats_per_id", "nats_per_note"}
    assert not figures & set(HeldOutEstimate.__dataclass_fields__)


# errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pieces": [], "seconds": []}, "has no pieces"),
        ({"seconds": [1.0]}, "5 pieces but 1 lengths"),
        ({"context": None}, "does not say its context"),
        ({"context": 1}, "at least 2"),
    ],
)
def test_errors(change: dict[str, object], message: str) -> None:
    arguments = {"pieces": PIECES, "seconds": SECONDS, "context": 16, **change}
    with pytest.raises(ConfigError, match=message):
        evaluate_held_out(uniform, TOKENIZER, **arguments)  # type: ignore[arg-type]


def test_an_estimate_needs_windows() -> None:
    with pytest.raises(ConfigError, match="windows_per_piece must be at least 1; got 0"):
        estimate_held_out(uniform, TOKENIZER, PIECES, windows_per_piece=0, context=16)
