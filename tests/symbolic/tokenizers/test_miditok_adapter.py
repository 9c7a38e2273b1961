"""What the tokenizers that come through miditok promise: tested as it is stated, beside miditok itself."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_laws as laws
from hypothesis import given, settings
from hypothesis import strategies as st

from arbitrary_scores import scores
from tonada import registry
from tonada.config import from_mapping, to_mapping
from tonada.data import Dataset
from tonada.errors import ConfigError, MissingDependencyError
from tonada.symbolic.corpus import prepare_corpus
from tonada.symbolic.evaluation.baselines import fit_baselines
from tonada.symbolic.evaluation.scoring import figures, find_targets, slot_names
from tonada.symbolic.midi import write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.pedal import fold_pedal
from tonada.symbolic.score import Score
from tonada.symbolic.tokenizers.base import Tokenizer
from tonada.symbolic.tokenizers.grammar import Grammar
from tonada.symbolic.tokenizers.kinds import Kind
from tonada.symbolic.tokenizers.merges import Merges, learn_pairs

MISSING = importlib.util.find_spec("miditok") is None
needs_miditok = pytest.mark.skipif(MISSING, reason="needs miditok: python -m pip install 'tonada[miditok]'")

SCHEMES = ("octuple", "remi", "tsd")
DEFAULTS = {"until_beats": [4, 12], "steps_per_beat": [8, 4]}  # miditok's
EXAMPLES = 25


def piece(seed: int = 1, count: int = 200) -> Notes:
    """Give chords, ornaments, repeated notes, a few rests, and notes of up to 20 s."""
    draw = np.random.default_rng(seed)
    gaps = draw.choice([0.0, 0.003, 0.02, 0.11, 0.25, 3.0, 41.0], count, p=[0.2, 0.1, 0.1, 0.3, 0.27, 0.02, 0.01])
    notes = Notes(
        onset_s=np.cumsum(gaps),
        duration_s=np.exp(draw.uniform(np.log(0.02), np.log(20), count)),
        pitch=draw.integers(40, 80, count),
        velocity=draw.integers(1, 127, count, endpoint=True),
    )
    return fold_pedal(Score.from_notes(notes, ticks_per_quarter=500))


def build(name: str, **values: Any) -> Any:
    tokenizer_class = registry.resolve("tokenizer", name)
    return tokenizer_class(from_mapping(tokenizer_class.Config, values))


def learned(name: str) -> Any:
    tokenizer = build(name, vocabulary=1000)
    return tokenizer.learned([tokenizer.encode_notes(piece(seed)) for seed in range(3)])


MAKERS = {
    **{name: lambda name=name: build(name) for name in SCHEMES},
    **{f"{name} default": lambda name=name: build(name, **DEFAULTS) for name in SCHEMES},
    "remi learned": lambda: learned("remi"),
    "tsd learned": lambda: learned("tsd"),
}


@pytest.fixture(scope="module", params=MAKERS)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    if MISSING:
        pytest.skip("needs miditok: python -m pip install 'tonada[miditok]'")
    return MAKERS[request.param]()


def base_ids(tokenizer: Any, notes: Notes) -> np.ndarray:
    """Give a piece without its opening and end, and without learned ids."""
    return tokenizer._merges.expand(tokenizer.encode_notes(notes, begin=False, end=False).astype(np.int64))


# --- without miditok --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMES)
def test_without_miditok_the_error_says_what_to_install(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "miditok", None)
    assert name not in registry.names("tokenizer")
    with pytest.raises(MissingDependencyError, match=r"python -m pip install 'tonada\[miditok\]'"):
        registry.resolve("tokenizer", name)()
    with pytest.raises(MissingDependencyError):
        prepare_corpus([tmp_path], tmp_path / "data", tokenizer=name)


# --- what is written --------------------------------------------------------------------------------------------------

GOLDEN = Notes.from_rows(
    [(0.0, 0.5, 60, 64), (0.0, 0.25, 64, 66), (0.013, 40.0, 50, 1), (2.51, 1.03, 67, 127), (130.0, 0.001, 60, 8)]
)
WRITTEN = {
    "remi": [
        *("BEGIN", "BAR 0", "POSITION 0", "PITCH 60", "VELOCITY 63", "DURATION 50"),
        *("PITCH 64", "VELOCITY 67", "DURATION 25"),
        *("POSITION 1", "PITCH 50", "VELOCITY 3", "DURATION 3000"),
        *("BAR 0", "POSITION 51", "PITCH 67", "VELOCITY 127", "DURATION 104"),
        *["BAR 0"] * 64,
        *("POSITION 0", "PITCH 60", "VELOCITY 7", "DURATION 1", "END"),
    ],
    "tsd": [
        *("BEGIN", "PITCH 60", "VELOCITY 63", "DURATION 50", "PITCH 64", "VELOCITY 67", "DURATION 25"),
        *("SHIFT 1", "PITCH 50", "VELOCITY 3", "DURATION 3000"),
        *("SHIFT 250", "PITCH 67", "VELOCITY 127", "DURATION 104"),
        *["SHIFT 3000"] * 4,
        *("SHIFT 740", "SHIFT 9", "PITCH 60", "VELOCITY 7", "DURATION 1", "END"),
    ],
    "octuple": [
        *("BEGIN", "BAR 0", "POSITION 0", "PITCH 60", "VELOCITY 63", "DURATION 50"),
        *("BAR 0", "POSITION 0", "PITCH 64", "VELOCITY 67", "DURATION 25"),
        *("BAR 0", "POSITION 1", "PITCH 50", "VELOCITY 3", "DURATION 3000"),
        *("BAR 1", "POSITION 51", "PITCH 67", "VELOCITY 127", "DURATION 104"),
        *("BAR 65", "POSITION 0", "PITCH 60", "VELOCITY 7", "DURATION 1", "END"),
    ],
}


@needs_miditok
@pytest.mark.parametrize("name", SCHEMES)
def test_golden_vector(name: str) -> None:
    tokenizer = build(name)
    ids = tokenizer.encode_notes(GOLDEN)
    said = [f"{Kind(tokenizer._kind[token]).name} {tokenizer._value[token]}" for token in ids]
    assert [text.removesuffix(" 0") if text.startswith(("BEGIN", "END")) else text for text in said] == WRITTEN[name]


def theirs(tokenizer: Any, notes: Notes) -> Notes:
    """Decode a piece with miditok."""
    peer = tokenizer._peer
    ids = base_ids(tokenizer, notes)
    if peer._columns:
        rows = np.empty((len(notes), len(peer._columns)), dtype=np.int64)
        rows[:, peer._columns] = ids.reshape(len(notes), -1) - peer._offsets
        ids = rows
    columns = peer.tokenizer.decode([ids.tolist()]).tracks[0].notes.numpy()
    return Notes(
        onset_s=columns["time"] / tokenizer._rate,
        duration_s=columns["duration"] / tokenizer._rate,
        pitch=columns["pitch"].astype(np.int64),
        velocity=columns["velocity"].astype(np.int64),
    )


def test_miditok_reads_the_same_notes(tokenizer: Any) -> None:
    decoded = tokenizer.decode_notes(tokenizer.encode_notes(piece()))
    assert len(decoded) > 150
    assert theirs(tokenizer, decoded).equals(decoded)


@needs_miditok
@pytest.mark.parametrize("name", SCHEMES)
def test_no_note_is_lost_and_what_is_rounded_is_as_stated(name: str) -> None:
    tokenizer, notes = build(name), piece(count=600)
    notes = notes[np.sort(np.unique(np.floor(notes.onset_s * 100 + 0.5) * 128 + notes.pitch, return_index=True)[1])]
    decoded = tokenizer.decode_notes(tokenizer.encode_notes(notes))
    assert notes.end_s > 200  # far more than 60 bars
    assert len(decoded) == len(notes)
    order = np.lexsort((notes.pitch, np.floor(notes.onset_s * 100 + 0.5)))
    assert np.array_equal(decoded.pitch, notes.pitch[order])
    assert np.abs(decoded.onset_s - notes.onset_s[order]).max() <= 0.005 + 1e-9
    assert np.abs(decoded.velocity - notes.velocity[order]).max() <= 2
    wanted = np.maximum(notes.duration_s[order], 0.01)
    # A duration is no longer than the time to the next onset of its pitch, so those may be a bin shorter.
    error = (decoded.duration_s - wanted) / wanted
    assert (np.abs(decoded.duration_s - wanted)[wanted < 0.99] <= 0.01 + 1e-9).all()
    assert np.abs(error[wanted >= 0.99]).max() <= 0.035


# --- laws -------------------------------------------------------------------------------------------------------------


def test_it_says_what_its_ids_are(tokenizer: Tokenizer) -> None:
    laws.test_it_says_what_its_ids_are(tokenizer)
    laws.test_ids_outside_the_vocabulary_are_skipped(tokenizer)
    laws.test_lanes_of_a_grammar_are_independent(tokenizer)
    laws.test_a_prompt_is_opened_but_not_closed(tokenizer)
    laws.test_drums_are_left_out(tokenizer)
    laws.test_nothing_is_a_piece_too(tokenizer)


def whole_group(tokenizer: Any) -> st.SearchStrategy[list[int]]:
    """Give the ids of a note, and of a bar or a time before it."""
    before = () if tokenizer.slots else (Kind.BAR if Kind.BAR in tokenizer._kind else Kind.SHIFT,)
    kinds = [np.flatnonzero(tokenizer._kind == kind).tolist() for kind in (*before, *tokenizer.group)]
    return st.tuples(*(st.sampled_from(ids) for ids in kinds)).map(list)


@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_any_ids_decode_at_once_and_one_by_one(tokenizer: Any, data: st.DataObject) -> None:
    anything = st.lists(st.integers(0, tokenizer.vocabulary_size - 1), max_size=12)
    parts = data.draw(st.lists(st.one_of(anything, whole_group(tokenizer)), max_size=15))
    ids = [token for part in parts for token in part]
    notes = tokenizer.decode_notes(np.array(ids, dtype=np.uint16))
    assert tokenizer.count_notes(ids) == len(notes)
    assert laws.played(tokenizer, ids).equals(notes)
    score = tokenizer.decode(ids)
    assert np.allclose(score.notes().onset_s, notes.onset_s, rtol=0, atol=1e-9)
    assert np.allclose(score.notes().duration_s, notes.duration_s, rtol=0, atol=1e-9)
    once = tokenizer.encode(score)
    assert np.array_equal(tokenizer.encode(tokenizer.decode(once)), once)
    grammar = tokenizer.grammar(1)
    grammar.prime(ids)
    assert grammar.allowed().any()


@settings(max_examples=EXAMPLES)
@given(score=scores())
def test_every_piece_is_exact_after_the_first_round_and_follows_the_grammar(tokenizer: Any, score: Score) -> None:
    ids = tokenizer.encode(score)
    assert ids.dtype == np.uint16
    decoded = tokenizer.decode(ids)
    assert np.array_equal(tokenizer.encode(decoded), ids)
    assert fold_pedal(decoded).equals(decoded.notes())
    laws.check_grammar_accepts(tokenizer, ids)
    laws.check_windows(tokenizer, ids)
    laws.check_slots(tokenizer, ids)


def test_sampling_under_the_grammar_gives_whole_notes(tokenizer: Any) -> None:
    draw = np.random.default_rng(1)
    grammar: Grammar = tokenizer.grammar(8)
    columns = []
    for _ in range(120):
        columns.append(np.array([draw.choice(np.flatnonzero(row)) for row in grammar.allowed()]))
        grammar.advance(columns[-1])
    for ids in np.array(columns).T:
        ends = np.count_nonzero(tokenizer._kind[tokenizer._merges.expand(ids)] == Kind.DURATION)
        assert tokenizer.count_notes(ids) == ends
        if (ended := np.flatnonzero(ids == tokenizer.end_id)).size:
            assert (ids[ended[0] + 1 :] == tokenizer.pad_id).all()


def test_windows_keep_their_notes_and_without_a_change_their_ids(tokenizer: Any) -> None:
    ids = tokenizer.encode_notes(piece(count=300))
    starts = tokenizer.window_starts(ids).tolist()
    assert len(starts) > 20
    # Windows that end with a whole note: then nothing is cut, and nothing may differ.
    for start, stop in [(0, len(ids)), *zip(starts[:-9:9], starts[9::9], strict=False)]:
        window = ids[start:stop]
        assert np.array_equal(tokenizer.edit_notes(window, lambda notes: notes), window)
        varied = tokenizer.edit_notes(window, louder_and_higher)
        before, after = tokenizer.decode_notes(window), tokenizer.decode_notes(varied)
        assert len(after) == len(before) == tokenizer.count_notes(varied)
        assert np.array_equal(after.pitch, before.pitch + 3)
        assert after.onset_s == pytest.approx(before.onset_s * 1.5, abs=0.5 / tokenizer._rate + 1e-9)
        assert (varied[0] == tokenizer.begin_id, varied[-1] == tokenizer.end_id) == (start == 0, stop == len(ids))


@pytest.mark.parametrize("length", [97, 180])
def test_of_a_window_that_cuts_a_note_the_rest_is_kept(tokenizer: Any, length: int) -> None:
    ids = tokenizer.encode_notes(piece(count=300))
    for start in tokenizer.window_starts(ids).tolist()[::9]:
        window = ids[start : start + length]
        same = tokenizer.edit_notes(window, lambda notes: notes)
        assert tokenizer.decode_notes(same).equals(tokenizer.decode_notes(window))
        whole, kept = (tokenizer._merges.expand(part.astype(np.int64)) for part in (window, same))
        assert np.array_equal(whole[: len(kept)], kept)


def louder_and_higher(notes: Notes) -> Notes:
    return Notes(
        onset_s=notes.onset_s * 1.5,
        duration_s=notes.duration_s,
        pitch=notes.pitch + 3,
        velocity=np.minimum(notes.velocity + 9, 127),
    )


def test_times_that_no_bar_has_are_moved(tokenizer: Any) -> None:
    notes = Notes.from_rows([(-5.0, 1.0, 60, 64), (0.0, 1e300, 62, 64), (1e300, 1.0, 64, 64), (4e4, 1.0, 65, 64)])
    ids = tokenizer.encode_notes(notes)
    decoded = tokenizer.decode_notes(ids)
    last_s = 4096.0 if tokenizer.slots else 21_600.0  # 2048 bars, or six hours
    assert decoded.onset_s.tolist() == [0.0, 0.0, *[last_s - 1 / tokenizer._rate] * 2]
    assert decoded.duration_s[1] == decoded.duration_s.max() == tokenizer.config.until_beats[-1] / 2
    assert np.array_equal(tokenizer.encode(tokenizer.decode(ids)), ids)


# --- the correction ---------------------------------------------------------------------------------------------------


def bin_sizes(values: list[int], whole: range) -> dict[int, int]:
    """Count, one by one, the whole numbers that each value is the nearest to, the larger of two."""
    falling = np.array(values[::-1])
    nearest = falling[np.abs(np.array(whole)[:, None] - falling).argmin(axis=1)].tolist()
    return {value: nearest.count(value) for value in values}


def correction(tokenizer: Any, notes: Notes) -> float:
    """Sum ln(width) over decoded notes, from the settings alone: onset and duration in 10 ms, velocity in 1."""
    steps, until = tokenizer.config.steps_per_beat, (0, *tokenizer.config.until_beats)
    step = 1000 / (2 * steps[0]) / 10
    times = {
        (beat * fine + place) * steps[0] // fine
        for fine, low, high in zip(steps, until, until[1:], strict=False)
        for beat in range(low, high)
        for place in range(fine)
    } - {0} | {until[-1] * steps[0]}
    longest, coarse = max(times), steps[0] // steps[-1]  # as many count to the longest as if the last range went on
    durations = bin_sizes(sorted({*times, longest + coarse}), range(1, longest + coarse))
    velocities = bin_sizes([int(value) for value in np.linspace(0, 127, 33)[1:]], range(1, 128))
    total = len(notes) * np.log(step)
    for duration_s, velocity in zip(notes.duration_s, notes.velocity, strict=True):
        total += np.log(durations[round(duration_s * 2 * steps[0])] * step) + np.log(velocities[int(velocity)])
    return float(total)


def test_the_correction_is_that_of_the_notes(tokenizer: Any) -> None:
    ids = tokenizer.encode_notes(piece(seed=7))
    notes = tokenizer.decode_notes(ids)
    targets = find_targets(tokenizer, ids)
    assert len(targets) == len(ids) - 1
    assert np.log(targets.width).sum() == pytest.approx(correction(tokenizer, notes), abs=1e-6)
    loss, hit = np.ones(len(targets)), np.ones(len(targets), dtype=np.bool_)
    row = figures("x", slot_names(tokenizer), [targets], [loss], [hit], notes=len(notes), seconds=9.0)
    extra = row.nats_per_note_corrected - row.nats_per_note
    assert extra == pytest.approx(correction(tokenizer, notes) / len(notes), abs=1e-9)


def test_a_note_at_the_fine_grid_is_known_to_10_ms_and_four_velocities() -> None:
    if MISSING:
        pytest.skip("needs miditok: python -m pip install 'tonada[miditok]'")
    tokenizer = build("remi")
    ids = tokenizer.encode_notes(Notes.from_rows([(0.3, 0.5, 60, 64), (0.3, 9.0, 64, 64)]))
    assert tokenizer.widths_of(ids).tolist() == [1, 1, 1, 1, 4, 1, 1, 4, 25, 1]
    coarse = build("remi", **DEFAULTS)
    ids = coarse.encode_notes(Notes.from_rows([(0.3, 0.5, 60, 64), (0.3, 4.0, 64, 64)]))
    assert coarse.widths_of(ids).tolist() == [1, 1, 1, 6.25, 4, 6.25, 6.25, 4, 12.5, 1]


def test_baselines_have_figures(tokenizer: Any) -> None:
    pieces = [tokenizer.encode_notes(piece(seed, 60)) for seed in range(3)]
    for baseline in fit_baselines(tokenizer, pieces[:2]):
        nats, _ = baseline.score(find_targets(tokenizer, pieces[2]))
        assert (nats > 0).all()


# --- byte-pair encoding -----------------------------------------------------------------------------------------------


@needs_miditok
@pytest.mark.parametrize("name", ["remi", "tsd"])
def test_learning_makes_pieces_shorter_and_changes_no_note(name: str) -> None:
    plain, short = build(name), learned(name)
    assert short.vocabulary_size == 1000
    for seed in (1, 9):  # one that was learned from, and one that was not
        ids = plain.encode_notes(piece(seed))
        fewer = short.encode_notes(piece(seed))
        assert len(fewer) < 0.95 * len(ids)
        assert np.array_equal(short.respell(ids), fewer)
        assert short.decode_notes(fewer).equals(plain.decode_notes(ids))
    again = type(short)(from_mapping(short.Config, to_mapping(short.config)))
    assert np.array_equal(again.encode_notes(piece()), short.encode_notes(piece()))
    assert again.learned([]) is again


@needs_miditok
@pytest.mark.parametrize("name", ["remi", "tsd"])
def test_what_is_learned_and_applied_is_what_miditok_learns_and_applies(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    short = learned(name)
    peer = build(name)._peer.tokenizer

    def bars(seed: int) -> list[str]:
        ids = base_ids(short, piece(seed))
        return ["".join(peer._vocab_base_id_to_byte[token] for token in bar) for bar in np.split(ids, short._cuts(ids))]

    peer.train(vocab_size=1000, model="BPE", iterator=[bar for seed in range(3) for bar in bars(seed) if bar])
    capfd.readouterr()  # its progress
    assert len(peer._model.get_vocab()) == short.vocabulary_size
    for seed in (1, 9):
        encoded = peer._model.encode([bar for bar in bars(seed) if bar], is_pretokenized=True).tokens
        ours = short.encode_notes(piece(seed), begin=False, end=False)
        assert [len(token) for token in encoded] == [len(short._merges.expansions[token]) for token in ours]


def test_merges_by_hand() -> None:
    pytest.importorskip("tokenizers", reason="needs miditok: python -m pip install 'tonada[miditok]'")
    ids, nowhere = np.array([0, 1, 2, 0, 1, 2, 0, 1, 1]), np.zeros(0, dtype=np.int64)
    pairs = learn_pairs([(ids, np.array([3, 6]))], base=3, size=5)
    assert pairs == [0, 1, 3, 2]
    merges = Merges(3, pairs)
    assert merges.expansions == [(0,), (1,), (2,), (0, 1), (0, 1, 2)]
    assert merges.apply(ids, nowhere).tolist() == [4, 4, 3, 1]
    assert merges.apply(ids, np.array([2, 5])).tolist() == [3, 2, 3, 2, 3, 1]
    assert merges.expand(np.array([4, 4, 3, 1])).tolist() == ids.tolist()
    assert merges.first.tolist() == [0, 1, 2, 0, 0]
    assert merges.last.tolist() == [0, 1, 2, 1, 2]
    same = Merges(3, [0, 1, 1, 2, 3, 2, 0, 4])  # two ways to 0 1 2 are one id
    assert same.expansions[3:] == [(0, 1), (1, 2), (0, 1, 2)]


@pytest.mark.parametrize("pairs", [(0, 1, 2), (0, 3), (-1, 0)])
def test_merges_that_cannot_be(pairs: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="merges must be pairs"):
        Merges(3, pairs)


@needs_miditok
def test_a_data_set_holds_what_was_learned_from_its_training_pieces(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "music").mkdir()
    for seed in range(5):
        write_midi(Score.from_notes(piece(seed), ticks_per_quarter=500), tmp_path / "music" / f"{seed}.mid")
    report = prepare_corpus(
        [tmp_path / "music"], tmp_path / "data", tokenizer="remi", tokenizer_config={"vocabulary": 900}, jobs=1
    )
    assert capfd.readouterr().out == ""
    dataset = Dataset(tmp_path / "data")
    tokenizer = build("remi", **dataset.codec_config)
    assert tokenizer.vocabulary_size == 900
    plain = build("remi", vocabulary=900)
    training = [
        plain.respell(tokenizer._merges.expand(entry.array).astype(np.uint16)) for entry in dataset.pieces("train")
    ]
    assert plain.learned(training).config == tokenizer.config
    assert report.splits["train"].ids == sum(len(entry.array) for entry in dataset.pieces("train"))
    for split in ("train", "validation", "test"):
        for entry in dataset.pieces(split):
            notes = piece(int(Path(entry.name).stem))
            assert np.array_equal(tokenizer.encode_notes(notes), entry.array)


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"until_beats": [4]}, "until_beats must be rising"),
        ({"until_beats": [4, 4], "steps_per_beat": [8, 4]}, "until_beats must be rising"),
        ({"until_beats": [4, 12], "steps_per_beat": [8, 3]}, "steps_per_beat must be dividers"),
        ({"until_beats": [4], "steps_per_beat": [11]}, "steps_per_beat must be dividers"),
        ({"velocities": 0}, "velocities must lie in 1 to 127"),
        ({"bars": 0}, "bars must lie in 1"),
        ({"vocabulary": -1}, "vocabulary must lie in 0"),
    ],
)
def test_settings_that_cannot_be(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_mapping(registry.resolve("tokenizer", "remi").Config, values)


@needs_miditok
def test_learning_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="octuple has no byte-pair encoding"):
        build("octuple", vocabulary=5000)
    with pytest.raises(ConfigError, match="more than the 682 ids that remi has"):
        build("remi", vocabulary=682).learned([])
