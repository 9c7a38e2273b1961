"""The fingerprint: what it bears, what it tells apart, and what is done with clips that recur."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sound_files import sound_bytes
from tonada.audio.corpus import matching, preparation
from tonada.audio.corpus.excerpts import Excerpt, Taken
from tonada.audio.corpus.fingerprints import BANDS, fingerprint, frame_s
from tonada.audio.corpus.matching import Repeat, find_repeats
from tonada.audio.corpus.reading import Reading
from tonada.audio.corpus.repeats import judge
from tonada.audio.resampling import resample
from tonada.seeding import rng
from tonada.sources import SourceFile
from tunes import RATE, tune

SECONDS = 10.0


@pytest.fixture(scope="module")
def tunes() -> list[np.ndarray]:
    return [tune(seed, SECONDS) for seed in range(4)]


def pairs(clips: list[np.ndarray]) -> dict[tuple[int, int], Repeat]:
    return {(found.a, found.b): found for found in find_repeats([fingerprint(clip, RATE) for clip in clips], RATE)}


def coded(samples: np.ndarray, container: str, encoding: str) -> np.ndarray:
    content = sound_bytes(samples[:, None], RATE, container, encoding)
    return soundfile.read(io.BytesIO(content), dtype="float32")[0][: len(samples)]


def noisy(samples: np.ndarray) -> np.ndarray:
    level = 0.1 * np.sqrt(np.mean(np.square(samples)))
    return samples + level * rng(1, "noise").standard_normal(len(samples)).astype(np.float32)


def test_bits_are_those_of_the_definition() -> None:
    """Count them anew, one by one, from the paper's formula, on the samples that the filter leaves."""
    from tonada.audio.corpus import fingerprints as own

    samples = rng(3, "noise").standard_normal(RATE).astype(np.float32)
    low = own._decimated(samples, 4).astype(np.float64)
    prints = fingerprint(samples, RATE)
    count = 1 + (len(low) - 2048) // 64
    assert len(prints) == count - 1
    edges = [round(300 * (2000 / 300) ** (band / 33) * 2048 / 5512.5) for band in range(34)]
    energy = np.empty((count, BANDS))
    for frame in range(count):
        power = np.abs(np.fft.rfft(low[64 * frame : 64 * frame + 2048] * np.hanning(2048))) ** 2
        energy[frame] = [power[a:b].sum() for a, b in itertools.pairwise(edges)]
    wrong = 0
    for frame in range(1, count):
        for band in range(32):
            step = energy[frame, band] - energy[frame, band + 1]
            before = energy[frame - 1, band] - energy[frame - 1, band + 1]
            wrong += int(prints[frame - 1] >> band & 1) != int(step - before > 0)
    assert wrong <= 2  # ties, in single precision


def test_the_filter_keeps_the_bands_and_stops_what_would_fold_onto_them() -> None:
    from tonada.audio.corpus.fingerprints import _decimated

    time_s = np.arange(RATE) / RATE

    def gain_db(hz: float) -> float:
        low = _decimated(np.sin(2 * np.pi * hz * time_s).astype(np.float32), 4)[100:-100]
        return float(20 * np.log10(np.sqrt(2 * np.mean(np.square(low)))))

    assert all(abs(gain_db(hz)) < 1 for hz in (300.0, 1000.0, 1999.0))
    assert all(gain_db(hz) < -40 for hz in (3600.0, 4500.0, 6000.0, 9000.0))


@pytest.mark.parametrize(
    "change",
    [
        lambda samples: 0.1 * samples,
        lambda samples: np.clip(2.5 * samples, -1, 1),
        lambda samples: coded(samples, "MP3", "MPEG_LAYER_III"),
        lambda samples: coded(samples, "OGG", "VORBIS"),
        lambda samples: coded(samples, "WAV", "PCM_U8"),
        lambda samples: resample(resample(samples[None], RATE, 8000), 8000, RATE)[0],
        noisy,
    ],
    ids=["softer", "clipped", "mp3", "ogg", "8 bit", "8 kHz", "noise"],
)
def test_copies_are_found_and_nothing_else(tunes: list[np.ndarray], change: Callable[[np.ndarray], np.ndarray]) -> None:
    found = pairs([*tunes, *(np.ascontiguousarray(change(clip), dtype=np.float32) for clip in tunes)])
    assert set(found) == {(place, place + len(tunes)) for place in range(len(tunes))}
    assert min(repeat.share for repeat in found.values()) > 0.95
    assert max(repeat.errors for repeat in found.values()) < 0.2


@pytest.mark.parametrize("shift_s", [0.003, 1.0, 4.567])
def test_a_later_excerpt_is_found_with_its_place(tunes: list[np.ndarray], shift_s: float) -> None:
    shift = round(shift_s * RATE)
    found = pairs([*tunes, coded(tunes[2][shift:], "MP3", "MPEG_LAYER_III")])
    assert set(found) == {(2, 4)}
    assert found[2, 4].offset_s == pytest.approx(shift_s, abs=0.06)  # an mp3 begins a moment late
    assert found[2, 4].seconds == pytest.approx(SECONDS - shift_s, abs=0.5)
    assert found[2, 4].share > 0.95


def test_excerpts_that_overlap_share_what_they_have_in_common() -> None:
    long = tune(7, 20.0)
    found = pairs([long[: 12 * RATE], long[7 * RATE :]])
    assert found[0, 1].seconds == pytest.approx(5.0, abs=0.5)
    assert found[0, 1].offset_s == pytest.approx(7.0, abs=0.02)
    assert found[0, 1].share == pytest.approx(5 / 12, abs=0.05)
    assert pairs([long[: 8 * RATE], long[8 * RATE :]]) == {}


def test_silence_is_nobodys() -> None:
    silence = np.zeros(8 * RATE, np.float32)
    hum = 1e-5 * np.sin(np.arange(8 * RATE)).astype(np.float32)
    assert not fingerprint(silence, RATE).any()
    assert not fingerprint(hum, RATE).any()
    first, second = tune(1, 5.0), tune(2, 5.0)
    assert pairs([silence, silence, np.concatenate([first, silence]), np.concatenate([second, silence])]) == {}


@pytest.mark.parametrize("samples", [0, 1, 8191, 8192, 8447])
def test_short_clips_have_no_fingerprint(samples: int) -> None:
    assert len(fingerprint(tune(1, 1.0)[:samples], RATE)) == 0


@pytest.mark.parametrize("sample_rate", [2000, 4000, 8000, 16_000, 44_100, 48_000])
def test_other_sample_rates(sample_rate: int) -> None:
    clips = [tune(seed, 10.0, sample_rate) for seed in (1, 2)]
    prints = [fingerprint(clip, sample_rate) for clip in [*clips, 0.3 * clips[1][3 * sample_rate :]]]
    found = find_repeats(prints, sample_rate)
    if sample_rate < 4000:  # the bands lie above what there is
        assert [len(each) for each in prints] == [0, 0, 0]
        return
    assert [(repeat.a, repeat.b) for repeat in found] == [(1, 2)]
    assert found[0].offset_s == pytest.approx(3.0, abs=2 * frame_s(sample_rate))


def made_up(name: str, frames: int) -> np.ndarray:
    """Give a fingerprint of random bits, which are as good as a recording's to the search."""
    return rng(5, name).integers(1, 2**32, size=frames, dtype=np.uint32)


def altered(prints: np.ndarray, share: float = 0.05) -> np.ndarray:
    """Flip a share of the bits, as lossy coding does."""
    flips = rng(6, "flips").random((len(prints), 32)) < share
    return prints ^ (flips @ (np.uint32(1) << np.arange(32, dtype=np.uint32)))


def test_an_altered_copy_is_found_among_many_equal_ones() -> None:
    """The copies are of as many tracks; all are of one recording, and one stays."""
    same, other = made_up("one", 400), made_up("other", 400)
    prints = [same] * 60 + [altered(same), other]
    taken = [
        Taken(
            SourceFile(name=f"{place}.wav", collection="copies", container=Path(f"{place}.wav")),
            Excerpt(
                name=f"{place}.wav",
                label="jazz",
                track=f"track {place}",
                seconds=30.0,
                digest="same" if place < 60 else f"{place}",
            ),
            Reading(seconds=30.0, prints=each),
        )
        for place, each in enumerate(prints)
    ]
    settled = preparation._settle(taken, [], sample_rate=RATE, seed=0, shares=(0.1, 0.1))
    assert [one.file.name for one, _ in settled.kept] == ["0.wav", "61.wav"]
    assert {(row["name"], row["other"]) for row in settled.skipped} == {(f"{n}.wav", "0.wav") for n in range(1, 61)}
    assert [row["name"] for row in settled.duplicates if row["what"] == "same excerpt"] == ["60.wav"]


def test_a_loop_is_found_although_its_frames_recur_often() -> None:
    """20 frames 30 times over: every value is in two clips, but in some 60 places."""
    loop = np.tile(made_up("loop", 20), 30)
    (found,) = find_repeats([loop, made_up("other", 600), altered(loop, 0.01)], RATE)
    assert (found.a, found.b) == (0, 2)
    assert found.share > 0.9


def test_what_is_common_to_too_many_clips_is_no_candidate() -> None:
    """Equal frames in 48 clips pair them all, in 49 none."""
    commonplace = made_up("commonplace", 20)
    assert len({found[:2] for found in matching._candidates([commonplace] * 48)}) == 48 * 47 // 2
    assert matching._candidates([commonplace] * 49) == []


def test_nothing_to_compare() -> None:
    assert find_repeats([], RATE) == []
    assert find_repeats([np.empty(0, np.uint32)] * 3, RATE) == []


# --- what is done with them --------------------------------------------------------------------------------------


def clip(name: str, seconds: float = 30.0, digest: str = "", label: str = "jazz") -> Excerpt:
    return Excerpt(name=name, label=label, track=name, seconds=seconds, digest=digest or name)


def repeat(a: int, b: int, share: float = 1.0, errors: float = 0.1) -> Repeat:
    return Repeat(a=a, b=b, seconds=30 * share, share=share, offset_s=0.0, errors=errors)


def test_the_first_of_equal_clips_stays_whatever_their_labels() -> None:
    clips = [clip("a"), clip("b", digest="a", label="pop"), clip("c", digest="a")]
    result = judge(clips, [repeat(0, 1), repeat(0, 2), repeat(1, 2)])
    assert result.dropped == {1: 0, 2: 0}
    assert {(0, 1), (0, 2)} <= {(min(pair), max(pair)) for pair in result.joined}
    assert [(row["name"], row["other"], row["what"]) for row in result.rows] == [
        ("b", "a", "same samples"),
        ("c", "a", "same samples"),
    ]
    assert (result.rows[0]["label"], result.rows[0]["other_label"]) == ("pop", "jazz")


def test_the_longest_of_those_that_contain_each_other_stays() -> None:
    clips = [clip("a", 10.0), clip("b", 30.0), clip("c", 30.0), clip("d", 5.0)]
    result = judge(clips, [repeat(0, 1), repeat(1, 2), repeat(0, 3)])
    assert result.dropped == {0: 1, 2: 1}
    assert {(min(pair), max(pair)) for pair in result.joined} == {(0, 1), (1, 2), (0, 3)}
    assert {str(row["name"]): row["kept"] for row in result.rows} == {"b": "yes", "c": "no", "d": "yes"}


def test_a_copy_of_one_that_goes_is_replaced_by_what_replaces_it() -> None:
    clips = [clip("a", 10.0), clip("b", 10.0, digest="a"), clip("c", 30.0)]
    assert judge(clips, [repeat(0, 2)]).dropped == {0: 2, 1: 2}


@pytest.mark.parametrize(("share", "errors"), [(0.5, 0.1), (1.0, 0.25)])
def test_parts_and_variations_stay_and_are_joined(share: float, errors: float) -> None:
    result = judge([clip("a"), clip("b")], [repeat(0, 1, share, errors)])
    assert result.dropped == {}
    assert result.joined == [(0, 1)]
    assert result.rows[0]["what"] == "part of the same recording"
