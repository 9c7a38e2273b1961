"""Figures and the fingerprint: what does not matter, what is stored, and files that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from made_corpus import fingerprint_of, made_corpus, made_piece, melody, quoted
from tonada.config import to_mapping
from tonada.data import Dataset, Piece, write_dataset
from tonada.errors import ConfigError, DataError
from tonada.symbolic.originality.building import build_fingerprint
from tonada.symbolic.originality.figures import find_all_figures, find_figures
from tonada.symbolic.originality.fingerprint import Fingerprint, packed, shipped_path, unpacked
from tonada.symbolic.tokenizers.note import NoteTokenizer


def data_set(folder: Path, pieces: int) -> Dataset:
    tokenizer = NoteTokenizer()
    made = (
        Piece(
            name=f"{seed}.mid",
            split="train",
            array=tokenizer.encode_notes(made_piece(seed, 60)),
            metadata={"composer": "C", "title": f"T{seed}", "work": f"w{seed // 2}"},
        )
        for seed in range(pieces)
    )
    config = to_mapping(tokenizer.config)
    return write_dataset(folder, codec="note", codec_config=config, pieces=made)


# --- figures -----------------------------------------------------------------------------------------------------


def test_key_and_tempo_do_not_matter() -> None:
    notes = made_piece(1)
    here, there = find_figures(notes), find_figures(quoted(notes, semitones=-7, tempo=0.8, start_s=3.0))
    assert len(here.hashes) == len(notes) - 4
    np.testing.assert_array_equal(here.hashes, there.hashes)
    assert not np.array_equal(here.steps, there.steps)


def test_another_interval_is_another_figure() -> None:
    pitch = [60, 64, 67, 72, 76, 79]
    here = find_figures(melody(np.arange(6) * 0.2, pitch)).hashes
    there = find_figures(melody(np.arange(6) * 0.2, [*pitch[:5], 80])).hashes
    assert (here == there).tolist() == [True, False]


def test_the_order_inside_a_chord_does_not_matter() -> None:
    together = melody([0.0, 0.0, 0.0, 0.3, 0.6], [60, 64, 67, 72, 71])
    rolled = melody([0.0, 0.03, 0.06, 0.3, 0.6], [67, 60, 64, 72, 71])
    assert find_figures(together).hashes.tolist() == find_figures(rolled).hashes.tolist()
    assert find_figures(rolled).order.tolist() == [1, 2, 0, 3, 4]


def test_gaps_at_the_edge_of_a_chord_are_tried_in_every_way() -> None:
    notes = melody([0.0, 0.04, 1.0, 1.04, 2.0, 2.05, 3.0], [64, 60, 64, 60, 64, 60, 50])
    found = {tuple(notes.pitch[line.order].tolist()) for line in find_all_figures(notes)}
    parted, met = (64, 60), (60, 64)
    wanted = [
        (parted, parted, parted),
        (met, parted, parted),
        (parted, met, parted),
        (met, met, parted),
        (met, met, met),
    ]
    assert found == {(*first, *second, *third, 50) for first, second, third in wanted}


def test_steps_are_those_between_onsets_modulo_sixteen() -> None:
    notes = melody([0.5, 0.5, 0.62, 0.62 + 0.16, 0.62 + 0.16 + 1.0], [60, 64, 62, 61, 63])
    assert find_figures(notes).steps.tolist() == [0, 0, 12, 0, 100 % 16]


@pytest.mark.parametrize("count", [0, 1, 4])
def test_few_notes_have_no_figures(count: int) -> None:
    found = find_figures(melody(np.arange(count) * 0.2, [60] * count))
    assert (len(found), len(found.hashes), len(found.steps)) == (count, 0, count)


# --- what is stored ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 7])
def test_two_numbers_fit_in_a_byte(count: int) -> None:
    values = (np.arange(count) * 5 % 16).astype(np.uint8)
    column = packed(values)
    assert len(column) == -(-count // 2)
    assert unpacked(column, np.arange(count)).tolist() == values.tolist()


@pytest.mark.parametrize("sizes", [(40, 41), (41, 40)])
def test_codes_are_four_figures_in_a_row(sizes: tuple[int, int]) -> None:
    corpus = fingerprint_of([made_piece(seed, size) for seed, size in enumerate(sizes)])
    bits = unpacked(corpus.bits, np.arange(sum(sizes))).astype(np.int64)
    wanted = [sum(int(bits[i + k]) << 4 * k for k in range(4)) for i in range(sum(sizes) - 3)]
    assert corpus.codes[: len(wanted)].tolist() == wanted
    assert len(corpus.codes) == sum(sizes)


def test_rarity_is_log_of_works_by_those_that_have_the_figure() -> None:
    shared, alone = melody(np.arange(5) * 0.2, [60, 67, 61, 70, 58]), made_piece(3, 60)
    corpus = fingerprint_of([shared] * 7 + [alone])
    assert corpus.work_count == 8
    rare = corpus.rarities(find_figures(alone).hashes)
    np.testing.assert_allclose(rare, 3.0)
    common = corpus.rarities(find_figures(shared).hashes)
    np.testing.assert_allclose(common, 3.0 - 0.6 * 5)  # log₂ 7 = 2.8 is kept as 5 steps of 0.6


def test_times_are_those_of_the_piece() -> None:
    pieces = [made_piece(seed, size) for seed, size in enumerate((200, 64, 65, 1))]
    corpus = fingerprint_of(pieces)
    for piece, notes in enumerate(pieces):
        line_s = find_figures(notes).onset_s
        start = int(corpus.starts[piece])
        for place in (0, 64, 128, len(notes) - 1):
            if place < len(notes):
                assert corpus.seconds_at(start + place) == pytest.approx(line_s[place], abs=1e-9)
    assert corpus.seconds_at(32) == pytest.approx((find_figures(pieces[0]).onset_s[[0, 64]]).mean())


# --- files -------------------------------------------------------------------------------------------------------


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    corpus = made_corpus(3)
    corpus.save(tmp_path / "a.safetensors")
    corpus.save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    again = Fingerprint.load(tmp_path / "a.safetensors")
    for name in ("bits", "steps", "works", "marks"):
        np.testing.assert_array_equal(getattr(again, name), getattr(corpus, name))
    assert (again.sources, again.corpus) == (corpus.sources, corpus.corpus)


def test_a_fingerprint_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        Fingerprint.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize("data", [b"", b"not a fingerprint", save({"bits": np.zeros(3, dtype=np.uint8)})])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "f.safetensors"
    path.write_bytes(data)
    with pytest.raises(DataError, match="is no fingerprint of a corpus, or is damaged") as caught:
        Fingerprint.load(path)
    assert "\n" not in str(caught.value)


def test_a_changed_byte_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "f.safetensors"
    made_corpus(2).save(path)
    columns = load(path.read_bytes())
    columns["steps"] = columns["steps"] ^ np.uint8(1)
    path.write_bytes(save(columns))
    with pytest.raises(DataError, match="its content is not what was written"):
        Fingerprint.load(path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.safetensors"
    made_corpus(2).save(path)
    columns = load(path.read_bytes())
    told = json.loads(columns["about"].tobytes())
    told["made_with"]["format"] = 0
    columns["about"] = np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)
    path.write_bytes(save(columns))
    with pytest.raises(DataError, match="of another format"):
        Fingerprint.load(path)


# --- building ----------------------------------------------------------------------------------------------------


def test_a_data_set_becomes_a_fingerprint(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "data", 6)
    corpus = build_fingerprint(dataset, corpus="six")
    assert [source.title for source in corpus.sources] == [f"T{seed}" for seed in range(6)]
    assert (corpus.work_count, corpus.data_sha256) == (3, dataset.sha256)
    tokenizer = NoteTokenizer()
    read = [tokenizer.decode_notes(piece.array) for piece in dataset.pieces("train")]
    assert np.diff(corpus.starts).tolist() == [len(notes) for notes in read]
    np.testing.assert_array_equal(corpus.bits_at(np.arange(20)), find_figures(read[0]).bits[:20])


def test_splits_without_pieces_and_other_codecs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pieces in its split 'test'"):
        build_fingerprint(data_set(tmp_path / "notes", 1), corpus="none", split="test")
    sound = write_dataset(
        tmp_path / "sound",
        codec="waveform",
        codec_config={},
        pieces=[Piece(name="a", split="train", array=np.zeros(4, dtype=np.float32))],
    )
    with pytest.raises(ConfigError, match="waveform is a codec of another kind"):
        build_fingerprint(sound, corpus="none")


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_bytes(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "data", 40)
    for jobs in (1, 2):
        build_fingerprint(dataset, corpus="forty", jobs=jobs).save(tmp_path / f"{jobs}.safetensors")
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "2.safetensors").read_bytes()


# --- what is shipped ---------------------------------------------------------------------------------------------


def test_the_shipped_fingerprint_is_whole_small_and_under_the_licence_of_its_music() -> None:
    corpus = Fingerprint.load()
    assert shipped_path().stat().st_size <= 10_000_000
    assert (len(corpus.sources), int(corpus.starts[-1]), corpus.work_count) == (954, 5_636_921, 312)
    assert "CC BY-NC-SA 4.0" in (shipped_path().parent / "LICENSE.md").read_text("utf-8")
    assert "5,636,921 notes" in (shipped_path().parent / "card.md").read_text("utf-8")
