"""What is kept is kept, exactly: whatever the model, the temperature, the prompt, and how often its context slides."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from tonada.errors import ConfigError
from tonada.symbolic.arranging import HIGHEST, LOWEST, Arrangement, chords, keep_chords, keep_melody, keep_rhythm
from tonada.symbolic.constraints import FREE, Follower, SlotConstraint
from tonada.symbolic.generation import generate
from tonada.symbolic.lanes import StopRule
from tonada.symbolic.models.gpt import GPT, GPTConfig
from tonada.symbolic.notes import Notes
from tonada.symbolic.sampling import SamplingConfig
from tonada.symbolic.tokenizers.base import Tokenizer
from tonada.symbolic.tokenizers.giga import GigaTokenizer
from tonada.symbolic.tokenizers.note import NoteTokenizer
from tonada.symbolic.tokenizers.performance import PerformanceTokenizer

CONTEXT = 40
TOKENIZERS: list[Tokenizer] = [NoteTokenizer(), GigaTokenizer()]
every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: tokenizer.name)
every_prompt = pytest.mark.parametrize("prompt_notes", [0, 25])
every_temperature = pytest.mark.parametrize("temperature", [0.0, 1.0])


def piece(count: int = 26, seed: int = 3) -> Notes:
    """Give chords, notes a few milliseconds apart, held and repeated ones and long rests; no pitch overlaps itself."""
    random = np.random.default_rng(seed)
    onsets = np.cumsum(random.choice([0.0, 0.004, 0.08, 0.31, 4.0], count, p=[0.3, 0.1, 0.3, 0.28, 0.02]))
    rows: list[tuple[float, float, int, int]] = []
    for onset in onsets.tolist():
        busy = {pitch for begin, length, pitch, _ in rows if begin + length > onset or begin == onset}
        pitch = int(random.choice([pitch for pitch in range(36, 96) if pitch not in busy]))
        rows.append((onset, float(random.uniform(0.003, 1.7)), pitch, int(random.integers(1, 128))))
    return Notes.from_rows(rows)


def prompt_of(count: int) -> Notes:
    return Notes.from_rows([(0.13 * i, 0.4, 50 + 7 * i % 30, 30 + i) for i in range(count)])


def make(
    tokenizer: Tokenizer, arrange: Callable[[float | None], Arrangement], *, prompt: Notes, temperature: float
) -> tuple[Arrangement, list[Notes]]:
    """Let a random model make the rest, in two variations."""
    torch.manual_seed(4)
    model = GPT(GPTConfig(vocabulary=tokenizer.vocabulary_size, context=CONTEXT, width=16, blocks=1, heads=2))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    arrangement = arrange(float(prompt.onset_s[-1]) if len(prompt) else None)
    prompt_ids = tokenizer.prompt_ids(prompt)
    made = generate(
        model,
        tokenizer,
        prompt_ids,
        until=StopRule(max_ids=arrangement.constraint.count_ids(prompt_ids), allow_end=False),
        sampling=SamplingConfig(temperature=temperature, repeat_notes=1, repeat_limit=1),
        lanes=2,
        prompt=prompt,
        constraint=arrangement.constraint,
    ).run()
    assert [one.reason for one in made] == ["length"] * 2
    return arrangement, [arrangement.notes(prompt_ids, one.ids) for one in made]


def overlaps(notes: Notes) -> int:
    """Count notes that begin while their pitch sounds."""
    found = 0
    for pitch in np.unique(notes.pitch):
        same = notes[notes.pitch == pitch]
        found += int(((same.onset_s + same.duration_s)[:-1] > same.onset_s[1:] + 1e-9).sum())
    return found


def times(notes: Notes) -> list[tuple[float, float]]:
    return sorted(zip(notes.onset_s.tolist(), notes.duration_s.tolist(), strict=True))


@every_tokenizer
@every_prompt
@every_temperature
def test_a_rhythm_is_kept(tokenizer: Tokenizer, prompt_notes: int, temperature: float) -> None:
    prompt = prompt_of(prompt_notes)
    notes = piece().shifted(3.3 if prompt_notes else 0.0)
    arrangement, made = make(
        tokenizer,
        lambda after_s: keep_rhythm(notes, tokenizer, after_s=after_s),
        prompt=prompt,
        temperature=temperature,
    )
    assert len(arrangement) == len(notes)
    assert 4 * len(notes) > 2 * CONTEXT  # the window slides
    for version in made:
        assert times(version) == times(notes)  # to the last bit
        assert overlaps(version) == 0
        assert not np.array_equal(version.pitch, notes.pitch)
        assert LOWEST <= version.pitch.min() <= version.pitch.max() <= HIGHEST
    assert (len({version.pitch.tobytes() for version in made}) == 1) == (temperature == 0.0)


@every_tokenizer
@every_prompt
@every_temperature
@pytest.mark.parametrize("voices", [2, 5])
def test_a_melody_is_kept_and_gets_its_voices(
    tokenizer: Tokenizer, prompt_notes: int, temperature: float, voices: int
) -> None:
    notes = piece().shifted(3.3 if prompt_notes else 0.0)
    top = [max(chord, key=lambda index: int(notes.pitch[index])) for chord in chords(notes)]
    assert len(top) < len(notes)
    _, made = make(
        tokenizer,
        lambda after_s: keep_melody(notes, tokenizer, voices=voices, after_s=after_s),
        prompt=prompt_of(prompt_notes),
        temperature=temperature,
    )
    for version in made:
        parts = [version[version.onset_s == onset] for onset in notes.onset_s[top]]
        assert [len(part) for part in parts] == [voices] * len(top)  # exactly so many notes begin with each of its own
        assert len(version) == voices * len(top)
        melody = Notes.concatenate(*(part[-1:] for part in parts))
        # Giga knows no velocities; all else of the melody is as it was, exactly.
        expected = notes[np.array(top)]
        assert melody.equals(expected if "velocity" in tokenizer.slots else replace(expected, velocity=melody.velocity))
        assert all(len(set(part.pitch.tolist())) == voices for part in parts)
        assert overlaps(version) == 0
        for part, following in itertools.pairwise(parts):
            assert ((part.onset_s + part.duration_s)[:-1] <= following.onset_s[0] + 1e-9).all()


@every_tokenizer
@every_prompt
@every_temperature
def test_chords_are_kept_in_their_order(tokenizer: Tokenizer, prompt_notes: int, temperature: float) -> None:
    notes = piece().shifted(3.3 if prompt_notes else 0.0)
    expected = [sorted(set(notes.pitch[chord].tolist())) for chord in chords(notes)]
    prompt = prompt_of(prompt_notes)
    _, made = make(
        tokenizer,
        lambda after_s: keep_chords(notes, tokenizer, after_s=after_s),
        prompt=prompt,
        temperature=temperature,
    )
    for version in made:
        onsets = np.unique(version.onset_s)
        assert [version.pitch[version.onset_s == onset].tolist() for onset in onsets] == expected
        assert overlaps(version) == 0
        if prompt_notes:
            assert onsets[0] > prompt.onset_s[-1]


@every_tokenizer
def test_chords_are_laid_under_given_times(tokenizer: Tokenizer) -> None:
    notes = piece()
    wanted = 0.37 * np.arange(len(chords(notes)))
    _, made = make(
        tokenizer,
        lambda after_s: keep_chords(notes, tokenizer, onsets_s=wanted, after_s=after_s),
        prompt=Notes.empty(),
        temperature=1.0,
    )
    for version in made:
        assert np.unique(version.onset_s).tolist() == wanted.tolist()
        assert len(version) == sum(len(set(notes.pitch[chord].tolist())) for chord in chords(notes))
    for times_s in ([0.0], wanted[::-1]):
        with pytest.raises(ConfigError, match=rf"^the onsets must be {len(wanted)} rising times"):
            keep_chords(notes, tokenizer, onsets_s=times_s)


@every_tokenizer
def test_any_slots_of_any_notes_may_be_given(tokenizer: Tokenizer) -> None:
    """Every slot of every other note, and nothing but the pitch of the rest."""
    apart = Notes.from_rows([(0.2 * i, 0.1, 40 + i, 64) for i in range(20)])
    kept = np.zeros((20, 4), dtype=bool)
    kept[::2] = True
    kept[:, tokenizer.slots.index("pitch")] = True
    constraint = SlotConstraint.keeping(apart, tokenizer, kept)
    torch.manual_seed(4)
    model = GPT(GPTConfig(vocabulary=tokenizer.vocabulary_size, context=CONTEXT, width=16, blocks=1, heads=2))
    prompt_ids = tokenizer.prompt_ids(Notes.empty())
    until = StopRule(max_ids=constraint.count_ids(prompt_ids) + 12, allow_end=False)
    made = generate(model, tokenizer, prompt_ids, until=until, lanes=2, constraint=constraint).run()
    begun = constraint.begun(prompt_ids)
    assert begun == (tokenizer.name == "giga")
    for one in made:
        table = np.append(prompt_ids[len(prompt_ids) - begun :], one.ids)[: 4 * 20].reshape(20, 4)
        ids = tokenizer.note_ids(apart)[1]
        assert np.array_equal(table[kept], ids[kept])
        assert (table[~kept] != ids[~kept]).any()
        assert len(one.notes) >= 20  # and three more, of which nothing is given


def test_what_sounds_or_is_taken_is_not_chosen() -> None:
    """A chord of three over a held note: each pitch leaves room for those that follow, and none doubles."""
    tokenizer = NoteTokenizer()
    notes = Notes.from_rows([(0.0, 9.0, 62, 64), *((1.0, 0.5, pitch, 64) for pitch in (60, 61, 63))])
    constraint = SlotConstraint.keeping(notes, tokenizer, [True, False, True, True])
    constraint.given[0] = tokenizer.note_ids(notes)[1][0]
    constraint.low[:, 1], constraint.high[:, 1] = 60, 64
    assert constraint.to_come.tolist() == [0, 2, 1, 0]
    follower = Follower(constraint, [tokenizer.begin_id])
    everything = np.ones(tokenizer.vocabulary_size, dtype=bool)
    pitches = int(np.argmax(tokenizer.slot_of == 1))
    choices = []
    for row in constraint.given.tolist():
        for slot, token in enumerate(row):
            choice = np.flatnonzero(follower.permit(everything))
            if slot == 1 and token == FREE:
                choices.append((choice - pitches).tolist())
                token = int(choice[0])
            assert token in choice
            follower.push(token)
    # 60 to 64 without the 62 that sounds: the first of three notes must leave two above it.
    assert choices == [[60, 61], [61, 63], [63, 64]]
    assert follower.permit(everything).all()  # nothing is given any more


def test_what_asks_too_much_still_gives_a_note() -> None:
    tokenizer = NoteTokenizer()
    notes = Notes.from_rows([(0.0, 9.0, 60, 64), (0.0, 9.0, 61, 64), (1.0, 0.5, 62, 64)])
    constraint = SlotConstraint.keeping(notes, tokenizer, [True, False, True, True])
    constraint.low[:, 1] = constraint.high[:, 1] = 60
    constraint.low[2, 1], constraint.high[2, 1] = 200, 300  # no pitch at all: the nearest
    pitches = int(np.argmax(tokenizer.slot_of == 1))
    follower = Follower(constraint, [tokenizer.begin_id])
    found = []
    for row in constraint.given.tolist():
        for slot, token in enumerate(row):
            choice = np.flatnonzero(follower.permit(np.ones(tokenizer.vocabulary_size, dtype=bool)))
            if slot == 1:
                found.append((choice - pitches).tolist())
            follower.push(int(choice[0]) if token == FREE else token)
    assert found == [[60], [60], [127]]


def test_chords_are_notes_that_begin_together() -> None:
    rows = [(0.0, 1, 64, 64), (0.02, 1, 60, 64), (0.034, 1, 67, 64), (0.036, 1, 50, 64), (1.0, 1, 40, 64)]
    assert [chord.tolist() for chord in chords(Notes.from_rows(rows))] == [[1, 0, 2], [3], [4]]
    assert chords(Notes.empty()) == []


def test_a_low_melody() -> None:
    tokenizer = NoteTokenizer()
    low = Notes.from_rows([(0.0, 5.0, 22, 64), (1.0, 0.5, 24, 64)])
    (pitch,) = {int(value) for value in keep_melody(low, tokenizer, voices=3).constraint.low[:, 1]}
    assert pitch == 0  # below the keys of a piano, since there is no room on them
    with pytest.raises(ConfigError, match=r"no room for 3 voices at 1\.0 s, where the melody is at pitch 1"):
        keep_melody(Notes.from_rows([(0.0, 5.0, 40, 64), (1.0, 0.5, 1, 64)]), tokenizer, voices=3)


def test_what_cannot_be_kept() -> None:
    note = NoteTokenizer()
    for keep in (keep_rhythm, keep_melody, keep_chords):
        with pytest.raises(ConfigError, match=r"^there are no notes to keep anything of$"):
            keep(Notes.empty(), note)
        with pytest.raises(ConfigError, match=r"^the tokenizer 'performance' has no fixed ids for a note"):
            keep(piece(), PerformanceTokenizer())
    with pytest.raises(ConfigError, match="voices must be at least 2"):
        keep_melody(piece(), note, voices=1)
    one = SlotConstraint.keeping(piece(1), note, [True] * 4)
    for given in (one.given + 300, one.given[:, :3]):
        with pytest.raises(ConfigError, match=r"^what is given for the slot '.*' must be 1 of its ids, or -1$"):
            replace(one, given=given)
