"""Sound fonts: reading, writing, making plain, and the piano that is shipped."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from font_files import Preset, chunk, font_bytes, font_tables, write_font
from tonada.errors import DataError
from tonada.render.soundfont import PIANO
from tonada.render.soundfont.layout import DEFAULTS, Generator, Sample, Zone
from tonada.render.soundfont.plain import MOST_ZONES, plain_preset
from tonada.render.soundfont.reader import SoundFont
from tonada.render.soundfont.writer import pack_preset

MakeFont = Callable[[Sequence[Preset], Sequence[Mapping[str, Any]]], Path]
RATE = 32_000


def sine(cycles: int, period: int = 64, amplitude: float = 10_000) -> np.ndarray:
    return np.rint(amplitude * np.sin(2 * np.pi * np.arange(cycles * period) / period)).astype(np.int16)


def looped(**extra: int) -> dict[int, int]:
    return {Generator.SAMPLE_MODES: 1, Generator.SAMPLE: 0, **{Generator[name]: value for name, value in extra.items()}}


LOOP = {"data": sine(100), "loop": (64 * 50, 64 * 100)}


@pytest.fixture
def make_font(tmp_path: Path) -> MakeFont:
    return lambda presets, samples: write_font(tmp_path / "font.sf2", presets, samples)


def plain(path: Path, **options: object) -> tuple[list[Sample], list[Zone]]:
    return plain_preset(SoundFont(path), 0, 0, **options)


# --- reading -----------------------------------------------------------------------------------------------------


def test_generators_are_overridden_then_added(make_font: MakeFont) -> None:
    shared = {Generator.PAN: 100, Generator.ATTENUATION: 30, Generator.ROOT_KEY: 70}
    zones = [shared, looped(PAN=-200, KEY_RANGE=40 | 80 << 8), looped(KEY_RANGE=90 | 95 << 8)]
    above = {Generator.KEY_RANGE: 50 | 90 << 8, Generator.PAN: 7, Generator.RELEASE: 500, Generator.ROOT_KEY: 5}
    font = SoundFont(make_font([(0, 0, above, zones)], [LOOP]))
    assert font.presets == {(0, 0): "p0"}
    first, second = font.zones(0, 0)
    assert (first.keys, first.velocities, second.keys) == ((50, 80), (0, 127), (90, 90))
    assert first.amounts[Generator.PAN] == -193
    assert second.amounts[Generator.PAN] == 107
    assert first.amounts[Generator.ATTENUATION] == 30
    assert first.amounts[Generator.RELEASE] == -12_000 + 500
    assert first.amounts[Generator.ROOT_KEY] == 70  # a preset has none
    assert first.amounts[Generator.DECAY] == DEFAULTS[Generator.DECAY]


def test_sample_is_cut_by_its_offsets(make_font: MakeFont) -> None:
    zone = looped(START_OFFSET=10, END_OFFSET=-20, LOOP_START_OFFSET=5, LOOP_END_OFFSET=-6, ROOT_KEY=40)
    data = np.arange(1000, dtype=np.int16)
    font = SoundFont(
        make_font([(0, 0, {}, [zone])], [{"data": data, "loop": (100, 900), "root": 50, "correction": -7}])
    )
    sample = font.sample(font.zones(0, 0)[0])
    np.testing.assert_array_equal(sample.data, data[10:-20])
    assert sample.loop == (95, 884)
    assert (sample.root, sample.correction_cents, sample.sample_rate) == (40, -7, RATE)


def test_vorbis_samples_of_version_3_are_decoded(make_font: MakeFont) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, sine(400) / 32_768, RATE, format="OGG", subtype="VORBIS")
    sample = {"data": buffer.getvalue(), "loop": (6400, 12_800), "kind": 0x11}
    font = SoundFont(make_font([(0, 0, {}, [looped()])], [sample]))
    decoded = font.sample(font.zones(0, 0)[0])
    assert decoded.loop == (6400, 12_800)
    assert np.corrcoef(decoded.data[: 400 * 64], sine(400))[0, 1] > 0.99


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "too short"),
        (b"MThd" + bytes(100), "does not begin with RIFF"),
        (b"RIFF" + bytes(4) + b"WAVE" + bytes(40), "does not begin with RIFF"),
        (b"RIFF" + bytes(4) + b"sfbk", "no ibag, igen"),
        (b"RIFF" + bytes(4) + b"sfbkLIST\xff\xff\xff\x7fpdta", "middle of a chunk"),
        (b"RIFF" + bytes(4) + b"sfbk" + bytes(100), "no ibag, igen"),
    ],
)
def test_what_is_no_font(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "bad.sf2").write_bytes(data)
    with pytest.raises(DataError, match=reason):
        SoundFont(tmp_path / "bad.sf2")


def test_font_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        SoundFont(tmp_path / "none.sf2")


def broken(tmp_path: Path, table: str, row: int, column: str, value: int) -> SoundFont:
    tables = font_tables([(0, 0, {}, [looped()])], [LOOP])
    tables[table][row][column] = value
    (tmp_path / "bad.sf2").write_bytes(font_bytes(tables, LOOP["data"].tobytes()))
    return SoundFont(tmp_path / "bad.sf2")


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("phdr", 0, "bag", 9),
        ("phdr", 1, "bag", 9),
        ("pbag", 1, "generator", 9),
        ("pgen", 0, "amount", 7),
        ("inst", 1, "bag", 9),
        ("ibag", 0, "generator", 60_000),
    ],
)
def test_tables_that_point_outside(tmp_path: Path, table: str, row: int, column: str, value: int) -> None:
    with pytest.raises(DataError, match="not a sound SoundFont"):
        broken(tmp_path, table, row, column, value).zones(0, 0)


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "reason"),
    [
        ("igen", 1, "amount", 3, "sample 3 does not exist"),
        ("shdr", 0, "end", 99_999, "outside the file"),
        ("shdr", 0, "start", 99_999, "outside the file"),
        ("shdr", 0, "sample_rate", 0, "outside the file"),
        ("shdr", 0, "kind", 0x8001, "ROM"),
        ("shdr", 0, "kind", 0x11, "cannot be decoded"),
    ],
)
def test_samples_that_cannot_be_used(
    tmp_path: Path, table: str, row: int, column: str, value: int, reason: str
) -> None:
    font = broken(tmp_path, table, row, column, value)
    with pytest.raises(DataError, match=reason):
        plain_preset(font, 0, 0)


def test_tables_of_a_broken_size(tmp_path: Path) -> None:
    parts = [chunk(name.encode(), b"abc") for name in font_tables([], [])]
    body = chunk(b"LIST", b"sdta" + chunk(b"smpl", b"")) + chunk(b"LIST", b"pdta" + b"".join(parts))
    (tmp_path / "bad.sf2").write_bytes(chunk(b"RIFF", b"sfbk" + body))
    with pytest.raises(DataError, match="broken size"):
        SoundFont(tmp_path / "bad.sf2")


# --- writing -----------------------------------------------------------------------------------------------------


def test_what_is_written_is_read(tmp_path: Path) -> None:
    sample = Sample(name="tone", data=sine(10), sample_rate=22_050, root=57, correction_cents=-12, loop=(64, 128))
    samples = [sample, replace(sample, data=sine(3), root=60), replace(sample, root=61)]
    zones = [
        Zone(keys=(0, 60), velocities=(1, 64), sample=0, amounts={Generator.PAN: -500, Generator.RELEASE: 100}),
        Zone(keys=(61, 127), velocities=(65, 127), sample=1, amounts={Generator.SAMPLE_MODES: 1}),
        Zone(keys=(61, 127), velocities=(65, 127), sample=2, amounts={}),
    ]
    data = pack_preset(samples=samples, zones=zones, info={"INAM": "Test"})
    (tmp_path / "font.sf2").write_bytes(data)
    font = SoundFont(tmp_path / "font.sf2")
    assert font.presets == {(0, 0): "Test"}
    read = font.zones(0, 0)
    assert [(zone.keys, zone.velocities, zone.sample) for zone in read] == [
        (zone.keys, zone.velocities, zone.sample) for zone in zones
    ]
    assert read[0].amounts[Generator.PAN] == -500
    assert read[0].amounts[Generator.RELEASE] == 100
    for zone, wanted in zip(read, samples, strict=True):
        again = font.sample(zone)
        np.testing.assert_array_equal(again.data, wanted.data)
        assert (again.root, again.correction_cents, again.loop) == (wanted.root, -12, (64, 128))
    # Two of the three share their data.
    assert len(data) < 2 * (10 + 3) * 64 + 2500


# --- making plain ------------------------------------------------------------------------------------------------


def test_tuning_moves_into_root_and_correction(make_font: MakeFont) -> None:
    path = make_font(
        [(0, 0, {Generator.COARSE_TUNE: 2}, [looped(ROOT_KEY=70, FINE_TUNE=-30, KEY_RANGE=60 | 65 << 8)])],
        [{**LOOP, "root": 12, "correction": -25}],
    )
    (sample,), (zone,) = plain(path)
    assert (sample.root, sample.correction_cents) == (69, 45)  # 70, less 1.45 semitones: 2 - 0.30 - 0.25
    assert zone.keys == (60, 65)
    assert zone.amounts.get(Generator.ROOT_KEY) is None


def test_pitch_that_does_not_follow_the_keys_gets_a_zone_per_key(make_font: MakeFont) -> None:
    path = make_font([(0, 0, {}, [looped(SCALE_TUNING=0, KEY_RANGE=35 | 37 << 8)])], [LOOP])
    samples, zones = plain(path)
    assert [zone.keys for zone in zones] == [(35, 35), (36, 36), (37, 37)]
    assert [samples[zone.sample].root for zone in zones] == [35, 36, 37]
    assert len({id(sample.data) for sample in samples}) == 1


def test_sustained_loop_stays_a_loop_in_tune(make_font: MakeFont) -> None:
    (sample,), _ = plain(make_font([(0, 0, {}, [looped(KEY_RANGE=60 | 60 << 8)])], [LOOP]))
    first, last = sample.loop
    lead = round(0.002 * RATE)
    np.testing.assert_array_equal(sample.data[:lead], 0)
    np.testing.assert_array_equal(sample.data[lead : lead + 6400], LOOP["data"])
    assert (last - first) % (50 * 64) == 0
    assert last - first >= 16_384
    np.testing.assert_array_equal(sample.data[first : first + 60], sample.data[last : last + 60])


def level_db(sample: Sample, at_s: float) -> float:
    start = round((at_s + 0.002) * sample.sample_rate)
    part = sample.data[start : start + 640].astype(float)
    return 20 * np.log10(np.sqrt((part**2).mean()) / (10_000 / np.sqrt(2)))


def test_decay_is_played_into_the_sample(make_font: MakeFont) -> None:
    # Held for 0.5 s, then 100 dB in 4 s: 25 dB a second.
    zone = looped(KEY_RANGE=60 | 60 << 8, HOLD=-1200, DECAY=2400, SUSTAIN=1000)
    (sample,), _ = plain(make_font([(0, 0, {}, [zone])], [LOOP]))
    assert level_db(sample, 0.4) == pytest.approx(0, abs=0.1)
    assert level_db(sample, 1.5) == pytest.approx(-25.25, abs=0.3)
    assert level_db(sample, 2.0) == pytest.approx(-37.75, abs=0.3)
    first, last = sample.loop
    assert first / RATE == pytest.approx(0.5 + 60 / 25, abs=0.1)
    assert not sample.data[first:last].any()


def test_decay_to_a_sustain_level_loops_there(make_font: MakeFont) -> None:
    zone = looped(KEY_RANGE=60 | 60 << 8, DECAY=0, SUSTAIN=200)
    (sample,), _ = plain(make_font([(0, 0, {}, [zone])], [LOOP]))
    first, last = sample.loop
    assert first / RATE == pytest.approx(0.2, abs=0.01)
    assert level_db(sample, 0.3) == pytest.approx(-20, abs=0.1)
    np.testing.assert_array_equal(sample.data[first : first + 60], sample.data[last : last + 60])


def test_wide_zones_are_split_so_that_the_decay_keeps_its_time(make_font: MakeFont) -> None:
    zone = looped(KEY_RANGE=36 | 83 << 8, DECAY=1200, SUSTAIN=1000)
    samples, zones = plain(make_font([(0, 0, {}, [zone])], [LOOP]))
    assert [zone.keys for zone in zones] == [(36, 47), (48, 59), (60, 71), (72, 83)]
    heard_s = [samples[zone.sample].loop[0] / RATE / 2 ** ((sum(zone.keys) / 2 - 60) / 12) for zone in zones]
    assert heard_s == pytest.approx([1.2] * 4, abs=0.06)


def test_sound_without_loop_ends_in_silence(make_font: MakeFont) -> None:
    zone = {Generator.SAMPLE: 0, Generator.KEY_RANGE: 60 | 60 << 8}
    (sample,), (plain_zone,) = plain(make_font([(0, 0, {}, [zone])], [LOOP]))
    first, last = sample.loop
    assert plain_zone.amounts[Generator.SAMPLE_MODES] == 1
    assert not sample.data[first:last].any()
    assert first >= 6400
    np.testing.assert_array_equal(sample.data[64:5000], LOOP["data"][: 5000 - 64])


def test_filter_is_played_into_the_sample(make_font: MakeFont) -> None:
    # 500 Hz is the sample's own pitch; the filter rests an octave below: 12.3 dB down there.
    cutoff = round(1200 * np.log2(500 / 8.176))
    zone = looped(KEY_RANGE=60 | 60 << 8, FILTER_CUTOFF=cutoff, MODULATION_TO_CUTOFF=-1200)
    (sample,), _ = plain(make_font([(0, 0, {}, [zone])], [LOOP]))
    assert level_db(sample, 0.15) == pytest.approx(-20 * np.log10(np.hypot(1 - 2**2, np.sqrt(2) * 2)), abs=0.1)


def test_attenuation_and_pan_give_the_right_gain(make_font: MakeFont) -> None:
    zones = [
        looped(KEY_RANGE=60 | 60 << 8, ATTENUATION=amount, PAN=pan) for amount, pan in ((0, 0), (0, -500), (500, 500))
    ]
    _, plain_zones = plain(make_font([(0, 0, {}, zones)], [LOOP]))
    gains = [1 - zone.amounts[Generator.ATTENUATION] / 1000 for zone in plain_zones]
    assert gains == pytest.approx([1, 0.707, 0.0707], abs=0.001)  # 50 dB count for 20
    assert [zone.amounts[Generator.PAN] for zone in plain_zones] == [0, -500, 500]


def test_only_what_is_played_is_kept(make_font: MakeFont) -> None:
    low, high = looped(KEY_RANGE=0 | 59 << 8), looped(KEY_RANGE=60 | 127 << 8, VELOCITY_RANGE=64 | 127 << 8)
    path = make_font([(0, 0, {}, [low, high])], [LOOP])
    assert [zone.keys for zone in plain(path, played=np.array([[60, 64], [61, 90]]))[1]] == [(60, 71)]
    with pytest.raises(DataError, match="has 0 zones"):
        plain(path, played=np.array([[60, 63]]))


def test_highest_zones_are_stretched(make_font: MakeFont) -> None:
    path = make_font([(0, 0, {}, [looped(KEY_RANGE=60 | 62 << 8), looped(KEY_RANGE=63 | 64 << 8)])], [LOOP])
    assert [zone.keys for zone in plain(path, highest_key=66)[1]] == [(60, 62), (63, 66)]


def test_presets_that_cannot_be_played(make_font: MakeFont) -> None:
    with pytest.raises(DataError, match="has 0 zones"):
        plain(make_font([(0, 0, {}, [{Generator.PAN: 5}])], [LOOP]))
    single = looped(KEY_RANGE=60 | 60 << 8)
    with pytest.raises(DataError, match=f"1 to {MOST_ZONES}"):
        plain(make_font([(0, 0, {}, [single] * (MOST_ZONES + 1))], [LOOP]))
    with pytest.raises(DataError, match="semitones off"):
        plain(make_font([(0, 0, {}, [looped(COARSE_TUNE=120)])], [LOOP]))


# --- the piano ---------------------------------------------------------------------------------------------------


def test_piano_is_small_and_licensed() -> None:
    assert PIANO.stat().st_size <= 15_000_000
    licence = (PIANO.parent / "LICENSE-FluidR3.txt").read_text(encoding="utf-8")
    assert "Frank Wen" in licence
    assert "Permission is hereby granted, free of charge" in licence
    assert "make_soundfont.py" in (PIANO.parent / "README.md").read_text(encoding="utf-8")


def test_piano_has_two_zones_for_every_key_and_velocity() -> None:
    zones = SoundFont(PIANO).zones(0, 0)
    count = np.zeros((128, 128), dtype=int)
    for zone in zones:
        count[zone.keys[0] : zone.keys[1] + 1, zone.velocities[0] : zone.velocities[1] + 1] += 1
    assert (count[:, 1:] == 2).all()


def test_piano_is_plain() -> None:
    font = SoundFont(PIANO)
    for zone in font.zones(0, 0):
        sample = font.sample(zone)
        first, last = sample.loop
        assert not sample.data[first:last].any()
        assert zone.amounts[Generator.ROOT_KEY] == DEFAULTS[Generator.ROOT_KEY]
        assert zone.amounts[Generator.SUSTAIN] == 0
        assert abs(zone.keys[0] - sample.root) <= 26
