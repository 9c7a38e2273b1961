"""What every tokenizer in the registry promises, whatever the scheme."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbitrary_scores import scores, track
from tonada import registry
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.score import Score
from tonada.symbolic.tempo import TempoMap
from tonada.symbolic.tokenizers.base import Tokenizer
from tonada.symbolic.tokenizers.giga import GigaConfig, GigaTokenizer
from tonada.symbolic.tokenizers.note import NoteConfig, NoteTokenizer

TOKENIZERS = {
    **{name: registry.resolve("tokenizer", name)() for name in registry.names("tokenizer")},
    "giga simulated": GigaTokenizer(GigaConfig(velocity="simulated")),
    "note coarse": NoteTokenizer(
        NoteConfig(step_ms=25, exact_ms=250, growth=0.3, longest_ms=4000, velocity_step=10, composers=(), keys=())
    ),
}
EXAMPLES = 60
every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)


def any_ids(tokenizer: Tokenizer) -> st.SearchStrategy[list[int]]:
    """Give ids that are partly noise and partly groups, so that many of them mean notes."""
    anything = st.lists(st.integers(0, tokenizer.vocabulary_size - 1), max_size=12)
    width = len(tokenizer.slots)
    slots = [np.flatnonzero(tokenizer.slot_of == slot).tolist() for slot in range(width)]
    if width and all(slots):
        group = st.tuples(*(st.sampled_from(slot) for slot in slots)).map(list)
    elif width:
        group = st.tuples(st.just(tokenizer.pad_id), *[st.integers(0, 126)] * 3).map(list)
    else:  # on, a shift, off
        group = st.tuples(st.integers(55, 60), st.integers(256, 270), st.integers(183, 188)).map(list)
    return st.lists(st.one_of(anything, group), max_size=20).map(
        lambda parts: [token for part in parts for token in part]
    )


def played(tokenizer: Tokenizer, ids: list[int], *, start_s: float = 0.0) -> Notes:
    stream = tokenizer.stream(start_s=start_s)
    rows, time_s = [], start_s
    for token in ids:
        rows += stream.push(token)
        assert stream.time_s >= time_s
        time_s = stream.time_s
    return Notes.from_rows([*rows, *stream.flush()])


@every_tokenizer
def test_it_says_what_its_ids_are(tokenizer: Tokenizer) -> None:
    size = tokenizer.vocabulary_size
    assert size <= 1 << 16
    assert tokenizer.slot_of.shape == tokenizer.bin_width.shape == (size,)
    assert tokenizer.slot_of.dtype == np.uint8
    assert tokenizer.bin_width.dtype == np.float64
    assert (tokenizer.bin_width > 0).all()
    assert tokenizer.slot_of.max() <= len(tokenizer.slots)
    assert tokenizer.ids_per_note == (len(tokenizer.slots) or None)
    specials = [tokenizer.pad_id, tokenizer.begin_id, tokenizer.end_id]
    assert all(special is None or 0 <= special < size for special in specials)


@every_tokenizer
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_any_ids_decode_at_once_and_one_by_one(tokenizer: Tokenizer, data: st.DataObject) -> None:
    ids = data.draw(any_ids(tokenizer))
    notes = tokenizer.decode_notes(np.array(ids, dtype=np.uint16))
    assert tokenizer.count_notes(ids) == len(notes)
    score = tokenizer.decode(ids)
    assert score.count_notes() == len(notes)
    assert np.allclose(score.notes().onset_s, notes.onset_s, rtol=0, atol=1e-9)
    assert np.allclose(score.notes().duration_s, notes.duration_s, rtol=0, atol=1e-9)
    once = tokenizer.encode(score)
    assert np.array_equal(tokenizer.encode(tokenizer.decode(once)), once)
    assert played(tokenizer, ids).equals(notes)
    later = played(tokenizer, ids, start_s=10.0)
    assert np.allclose(later.onset_s, notes.onset_s + 10, rtol=0, atol=1e-9)
    assert np.allclose(later.duration_s, notes.duration_s, rtol=0, atol=1e-9)
    grammar = tokenizer.grammar(1)
    grammar.prime(ids)
    assert grammar.allowed().any()


@every_tokenizer
def test_ids_outside_the_vocabulary_are_skipped(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode_notes(Notes.from_rows([(0.5, 0.25, 60, 64), (0.5, 1.0, 64, 64)]))
    noisy = np.insert(ids, np.arange(len(ids)), 65_535)
    assert tokenizer.decode_notes(noisy).equals(tokenizer.decode_notes(ids))
    assert played(tokenizer, noisy.tolist()).equals(tokenizer.decode_notes(ids))


@every_tokenizer
@settings(max_examples=EXAMPLES)
@given(score=scores())
def test_every_piece_is_exact_after_the_first_round_and_follows_the_grammar(tokenizer: Tokenizer, score: Score) -> None:
    ids = tokenizer.encode(score)
    assert ids.dtype == np.uint16
    assert ids.max(initial=0) < tokenizer.vocabulary_size
    decoded = tokenizer.decode(ids)
    assert np.array_equal(tokenizer.encode(decoded), ids)
    if tokenizer.name != "giga":  # which keeps overlaps: it does not fold
        assert fold_pedal(decoded).equals(decoded.notes())
    check_grammar_accepts(tokenizer, ids)
    check_grammar_accepts(tokenizer, tokenizer.encode_notes(fold_pedal(score), begin=False, end=False))
    check_windows(tokenizer, ids)
    check_slots(tokenizer, ids)


def check_grammar_accepts(tokenizer: Tokenizer, ids: np.ndarray) -> None:
    grammar = tokenizer.grammar(1)
    for index, token in enumerate(ids):
        assert grammar.allowed()[0, token]
        grammar.advance(ids[index : index + 1])


def check_windows(tokenizer: Tokenizer, ids: np.ndarray) -> None:
    starts = tokenizer.window_starts(ids)
    assert starts.dtype == np.int64
    assert (np.diff(starts) > 0).all()
    assert not len(ids) or starts[0] == 0
    notes = tokenizer.count_notes(ids)
    for start in starts[1:]:
        assert tokenizer.count_notes(ids[:start]) + tokenizer.count_notes(ids[start:]) == notes


def check_slots(tokenizer: Tokenizer, ids: np.ndarray) -> None:
    slots, widths = tokenizer.slots_of(ids), tokenizer.widths_of(ids)
    assert slots.shape == widths.shape == ids.shape
    if tokenizer.slots:
        inside = slots[slots < len(tokenizer.slots)]
        assert inside.tolist() == list(range(len(tokenizer.slots))) * tokenizer.count_notes(ids)


@every_tokenizer
@pytest.mark.parametrize("begun", [False, True])
def test_sampling_under_the_grammar_gives_whole_notes(tokenizer: Tokenizer, begun: bool) -> None:
    generator, batch = np.random.default_rng(1), 16
    grammar = tokenizer.grammar(batch)
    columns = []
    if begun:
        prompt = tokenizer.prompt_ids(Notes.from_rows([(0.5, 0.25, 60, 64), (0.5, 1.0, 64, 90)]))
        grammar.prime(prompt)
        columns = [np.full(batch, token) for token in prompt]
    for _ in range(80):
        allowed = grammar.allowed()
        assert allowed.shape == (batch, tokenizer.vocabulary_size)
        assert allowed.any(axis=1).all()
        columns.append(np.array([generator.choice(np.flatnonzero(row)) for row in allowed]))
        grammar.advance(columns[-1])
    for ids in np.array(columns).T:
        whole = len(ids) // 4 if tokenizer.name == "giga" else np.count_nonzero(finishing(tokenizer)[ids])
        assert tokenizer.count_notes(ids) == len(tokenizer.decode_notes(ids)) == whole
        if (ended := np.flatnonzero(ids[1:] == tokenizer.end_id)).size:
            assert (ids[ended[0] + 2 :] == tokenizer.pad_id).all()


def finishing(tokenizer: Tokenizer) -> np.ndarray:
    """Tell which ids stand for exactly one note: the last slot, or NOTE_ON."""
    if tokenizer.slots:
        return tokenizer.slot_of == len(tokenizer.slots) - 1
    return np.arange(tokenizer.vocabulary_size) < 128


@every_tokenizer
def test_lanes_of_a_grammar_are_independent(tokenizer: Tokenizer) -> None:
    generator, batch = np.random.default_rng(5), 4
    together = tokenizer.grammar(batch)
    alone = [tokenizer.grammar(1) for _ in range(batch)]
    histories = np.zeros((batch, 0), dtype=np.int64)
    for step in range(60):
        if step == 30:
            together.select([2, 0, 0, 3])
            again = tokenizer.grammar(1)
            again.prime(histories[0])
            alone = [alone[2], alone[0], again, alone[3]]
            histories = histories[[2, 0, 0, 3]]
        rows = together.allowed()
        assert all(np.array_equal(row, grammar.allowed()[0]) for row, grammar in zip(rows, alone, strict=True))
        ids = np.array([generator.choice(np.flatnonzero(row)) for row in rows])
        together.advance(ids)
        for lane, grammar in enumerate(alone):
            grammar.advance(ids[lane : lane + 1])
        histories = np.concatenate((histories, ids[:, None]), axis=1)
    primed = tokenizer.grammar(batch)
    primed.prime(histories)
    assert np.array_equal(primed.allowed(), together.allowed())
    together.select([1])
    assert together.allowed().shape == (1, tokenizer.vocabulary_size)


@every_tokenizer
def test_a_prompt_is_opened_but_not_closed(tokenizer: Tokenizer) -> None:
    notes = Notes.from_rows([(0.5, 0.25, 60, 64), (0.5, 1.0, 64, 64)])
    prompt = tokenizer.prompt_ids(notes)
    assert tokenizer.count_notes(prompt) == 2
    if tokenizer.begin_id is not None:
        assert prompt[0] == tokenizer.begin_id
        assert np.array_equal(np.append(prompt, np.uint16(tokenizer.end_id)), tokenizer.encode_notes(notes))
        bare = tokenizer.encode_notes(notes, begin=False, end=False)
        assert np.array_equal(np.insert(bare, 0, tokenizer.begin_id), prompt)


@every_tokenizer
def test_drums_are_left_out(tokenizer: Tokenizer) -> None:
    tempo_map = TempoMap.from_events([], [], ticks_per_quarter=500)
    piano, drums = track([(0, 100, 60, 64)]), track([(0, 100, 36, 64)], is_drum=True)
    both = tokenizer.encode(Score(tracks=(drums, piano), tempo_map=tempo_map))
    assert np.array_equal(both, tokenizer.encode(Score(tracks=(piano,), tempo_map=tempo_map)))


@every_tokenizer
def test_times_that_no_score_can_hold_are_moved(tokenizer: Tokenizer) -> None:
    notes = Notes.from_rows([(-5.0, 1.0, 60, 64), (0.0, 1e300, 62, 64), (1e300, 1.0, 64, 64), (4e4, 1.0, 65, 64)])
    ids = tokenizer.encode_notes(notes)
    assert tokenizer.count_notes(ids) == 4
    assert np.array_equal(tokenizer.encode(tokenizer.decode(ids)), ids)
    longest = {"note": tokenizer.vocabulary_size - 1, "giga": 126, "performance": 355}[tokenizer.name]
    assert len(tokenizer.decode_notes(np.full(8, longest, dtype=np.uint16))) == 0


@every_tokenizer
def test_nothing_is_a_piece_too(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode_notes(Notes.empty())
    assert ids.tolist() == [special for special in (tokenizer.begin_id, tokenizer.end_id) if special is not None]
    assert len(tokenizer.decode_notes(ids)) == 0
    assert len(tokenizer.decode_notes([])) == 0
    assert tokenizer.window_starts(ids[:0]).size <= 1
