"""Playing scores: pitch, loudness, length, pedal, fonts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from font_files import write_font
from tonada.errors import ConfigError, DataError
from tonada.render.limiter import CEILING
from tonada.render.soundfont.layout import Generator
from tonada.render.synth import LONGEST_S, synthesize
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import SUSTAIN, Score

RATE = 22_050
Row = tuple[float, float, int, int]


def score_of(*rows: Row, program: int = 0) -> Score:
    return Score.from_notes(Notes.from_rows(rows), program=program)


def play(*rows: Row, **options: object) -> np.ndarray:
    return synthesize(score_of(*rows), **({"sample_rate": RATE} | options)).samples


def drums_of(*rows: Row) -> Score:
    score = score_of(*rows)
    return replace(score, tracks=tuple(replace(track, is_drum=True) for track in score.tracks))


def level_db(samples: np.ndarray, start_s: float, end_s: float, *, sample_rate: int = RATE) -> float:
    part = samples[:, round(start_s * sample_rate) : round(end_s * sample_rate)]
    return 10 * np.log10(np.mean(np.square(part, dtype=np.float64)) + 1e-20)


def frequency(samples: np.ndarray, near_hz: float, *, sample_rate: int) -> float:
    """Give the frequency of the strongest partial within a semitone of ``near_hz``."""
    part = samples[0] * np.hanning(samples.shape[1])
    size = 1 << 20
    spectrum = np.abs(np.fft.rfft(part, size))
    bins = np.arange(len(spectrum)) * sample_rate / size
    spectrum[(bins < near_hz / 1.06) | (bins > near_hz * 1.06)] = 0
    return float(bins[np.argmax(spectrum)])


def test_a4_is_440_hz() -> None:
    samples = play((0.0, 2.0, 69, 90), sample_rate=44_100)[:, 4410:]
    assert abs(1200 * np.log2(frequency(samples, 440, sample_rate=44_100) / 440)) < 2


@pytest.mark.parametrize(("pitch", "most_cents"), [(24, 20), (36, 8), (48, 5), (60, 5), (72, 5), (84, 5), (93, 12)])
def test_other_keys_are_in_tune_as_a_piano_is(pitch: int, most_cents: float) -> None:
    # The extremes of the piano that was recorded are stretched, as tuners do.
    wanted_hz = 440 * 2 ** ((pitch - 69) / 12)
    samples = play((0.0, 2.0, pitch, 90), sample_rate=44_100)[:, 2205:]
    assert abs(1200 * np.log2(frequency(samples, wanted_hz, sample_rate=44_100) / wanted_hz)) < most_cents


@pytest.mark.parametrize("pitch", [0, 20, 21, 108, 109, 127])
def test_every_key_sounds(pitch: int) -> None:
    assert level_db(play((0.0, 0.5, pitch, 90)), 0, 0.05) > -50


def test_amplitude_goes_with_the_square_of_velocity() -> None:
    levels = [level_db(play((0.0, 0.5, 60, velocity)), 0, 0.4) for velocity in (1, 20, 64, 65, 100, 127)]
    steps = [40 * np.log10(ratio) for ratio in (20, 64 / 20, 65 / 64, 100 / 65, 127 / 100)]
    np.testing.assert_allclose(np.diff(levels), steps, atol=0.05)


def test_notes_alike_but_for_velocity_keep_their_own() -> None:
    samples = play((0.0, 0.5, 60, 100), (1.0, 0.5, 60, 40))
    assert level_db(samples, 0, 0.4) - level_db(samples, 1.0, 1.4) == pytest.approx(40 * np.log10(2.5), abs=0.05)


def test_loudest_cluster_of_all_keys_does_not_clip() -> None:
    samples = play(*((0.0, 1.0, pitch, 127) for pitch in range(21, 109)))
    assert 0.8 < np.abs(samples).max() <= CEILING


def test_what_follows_a_loud_chord_is_as_loud_as_alone() -> None:
    quiet = (2.0, 0.5, 76, 50)
    chord = [(0.0, 0.5, pitch, 127) for pitch in range(40, 80, 3)]
    assert level_db(play(*chord, quiet), 2.0, 2.4) == pytest.approx(level_db(play(quiet), 2.0, 2.4), abs=0.05)


def test_sound_begins_with_the_note_and_silence_stays_silence() -> None:
    samples = play((1.0, 0.25, 60, 100), (3.0, 0.25, 60, 100))
    for onset in (1.0, 3.0):
        at = round(onset * RATE)
        assert not samples[:, at - RATE // 2 : at].any()
        assert np.abs(samples[:, at : at + RATE // 100]).max() > 0.01


def test_clip_lasts_until_the_last_note_has_died_away() -> None:
    clip = synthesize(score_of((0.0, 0.5, 36, 100), (0.2, 1.0, 60, 127)), sample_rate=RATE)
    assert clip.samples.shape[0] == 2
    assert clip.samples.dtype == np.float32
    assert 1.2 < clip.duration_s < 2.2
    assert np.abs(clip.samples[:, -20:]).max() < 1e-3 * np.abs(clip.samples).max()
    # A note that is held longer than its strings sound is silent at the end, but there.
    assert 30 <= synthesize(score_of((0.0, 30.0, 100, 100)), sample_rate=RATE).duration_s < 30.01


def test_held_notes_decay() -> None:
    samples = play((0.0, 9.0, 45, 100), (0.0, 9.0, 69, 100))
    levels = [level_db(samples, start, start + 0.5) for start in (0, 1, 2, 4, 6, 8.4)]
    assert (np.diff(levels) < -2).all()


def test_release_has_no_click() -> None:
    samples = play((0.0, 0.5, 60, 100))
    steps = np.abs(np.diff(samples[:, round(0.1 * RATE) :], axis=1))
    assert steps[:, round(0.35 * RATE) :].max() <= steps[:, : round(0.35 * RATE)].max()


def test_pedal_holds_notes() -> None:
    score = score_of((0.0, 0.2, 60, 100), (1.5, 0.2, 72, 100))
    ticks = score.tempo_map.ticks(np.array([0.0, 1.4]))
    track = replace(score.tracks[0], control_ticks=ticks, control_number=np.full(2, SUSTAIN), control_value=[127, 0])
    dry = synthesize(score, sample_rate=RATE).samples
    held = synthesize(replace(score, tracks=(track,)), sample_rate=RATE).samples
    assert level_db(dry, 0.8, 1.3) < -150
    assert level_db(held, 0.8, 1.3) > -60


@pytest.mark.parametrize("sample_rate", [8000, 44_100, 48_000])
def test_sample_rates(sample_rate: int) -> None:
    clip = synthesize(score_of((0.0, 0.5, 69, 100)), sample_rate=sample_rate)
    assert clip.sample_rate == sample_rate
    assert clip.duration_s == pytest.approx(0.77, abs=0.01)
    assert frequency(clip.samples, 440, sample_rate=sample_rate) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("sample_rate", [0, 7999, 96_000])
def test_sample_rate_out_of_range(sample_rate: int) -> None:
    with pytest.raises(ConfigError, match="sample_rate must lie in 8000 to 48000"):
        play((0.0, 0.5, 60, 100), sample_rate=sample_rate)


def test_piano_plays_every_program_but_no_drums() -> None:
    rows = ((0.0, 0.3, 60, 100), (0.5, 0.3, 64, 80))
    piano = synthesize(score_of(*rows), sample_rate=RATE).samples
    np.testing.assert_array_equal(synthesize(score_of(*rows, program=40), sample_rate=RATE).samples, piano)
    score, drums = score_of(*rows), drums_of((0.0, 0.3, 38, 127))
    both = replace(score, tracks=(*score.tracks, *drums.tracks))
    np.testing.assert_array_equal(synthesize(both, sample_rate=RATE).samples, piano)


@pytest.mark.parametrize("score", [score_of(), drums_of((0.0, 0.5, 38, 100))], ids=["empty", "drums alone"])
def test_nothing_to_play(score: Score) -> None:
    with pytest.raises(DataError, match="no notes to play"):
        synthesize(score)


def test_notes_without_length_are_struck_all_the_same() -> None:
    assert np.abs(play((0.0, 0.0, 60, 100))).max() > 0.01


def test_piece_of_more_than_two_hours() -> None:
    with pytest.raises(DataError, match=r"2\.5 hours long; up to 2 hours"):
        play((0.0, 0.5, 60, 100), (LONGEST_S + 1800, 0.5, 60, 100))


# --- other fonts -------------------------------------------------------------------------------------------------


def sine(hz: float) -> np.ndarray:
    return np.rint(16_000 * np.sin(2 * np.pi * hz * np.arange(32_000) / 32_000)).astype(np.int16)


@pytest.fixture
def font(tmp_path: Path) -> Path:
    """Give a font whose programs 0 and 5 and drum kit 3 are sines of 250 Hz, 500 Hz and 1000 Hz at key 60."""

    def zone(sample: int) -> dict[int, int]:
        return {Generator.SAMPLE_MODES: 1, Generator.ROOT_KEY: 60, Generator.SAMPLE: sample}

    samples = [{"data": sine(hz), "loop": (6400, 12_800), "root": 90} for hz in (250, 500, 1000)]
    presets = [(0, 0, {}, [zone(0)]), (0, 5, {}, [zone(1)]), (128, 3, {}, [zone(2)])]
    return write_font(tmp_path / "sines.sf2", presets, samples)


def partials(samples: np.ndarray) -> list[int]:
    """Give the frequencies of the strong partials, to 10 Hz."""
    part = samples[0, 2205:13_230]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), RATE))  # a bin is 1 Hz
    peaks = (spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] >= spectrum[2:]) & (spectrum[1:-1] > spectrum.max() / 10)
    return sorted({round(int(peak), -1) for peak in np.flatnonzero(peaks) + 1})


def test_another_font_plays_programs_and_drums(font: Path) -> None:
    for score, hz in (
        (score_of((0.0, 1.0, 60, 100)), 250),
        (score_of((0.0, 1.0, 72, 100)), 500),
        (score_of((0.0, 1.0, 60, 100), program=5), 500),
        (score_of((0.0, 1.0, 60, 100), program=40), 250),
        (drums_of((0.0, 1.0, 60, 100)), 1000),
    ):
        assert partials(synthesize(score, sample_rate=RATE, soundfont=font).samples) == [hz]


def test_tracks_sound_together(font: Path) -> None:
    scores = (score_of((0.0, 1.0, 60, 100)), score_of((0.0, 1.0, 60, 100), program=5), drums_of((0.0, 1.0, 60, 100)))
    score = replace(scores[0], tracks=tuple(track for one in scores for track in one.tracks))
    assert partials(synthesize(score, sample_rate=RATE, soundfont=font).samples) == [250, 500, 1000]


def test_sustained_sound_does_not_decay_and_is_looped_smoothly(font: Path) -> None:
    samples = synthesize(score_of((0.0, 6.0, 60, 100)), sample_rate=RATE, soundfont=font).samples
    assert level_db(samples, 5.0, 5.9) == pytest.approx(level_db(samples, 0.1, 0.9), abs=0.05)
    part = samples[:, RATE // 2 : 5 * RATE]
    assert np.abs(np.diff(part, axis=1)).max() < 1.1 * 2 * np.pi * 250 / RATE * np.abs(part).max()


def test_font_without_drums_leaves_them_out(tmp_path: Path) -> None:
    zone = {Generator.SAMPLE_MODES: 1, Generator.SAMPLE: 0}
    path = write_font(tmp_path / "font.sf2", [(0, 0, {}, [zone])], [{"data": sine(250), "loop": (6400, 12_800)}])
    with pytest.raises(DataError, match="no notes to play"):
        synthesize(drums_of((0.0, 1.0, 60, 100)), soundfont=path)


def test_font_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        synthesize(score_of((0.0, 1.0, 60, 100)), soundfont=tmp_path / "none.sf2")
    (tmp_path / "bad.sf2").write_bytes(b"garbage" * 1000)
    with pytest.raises(DataError, match="not a SoundFont"):
        synthesize(score_of((0.0, 1.0, 60, 100)), soundfont=tmp_path / "bad.sf2")
