from __future__ import annotations

import errno
import os
import zipfile
from collections import defaultdict, deque
from pathlib import Path

import numpy as np
import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st

from midi_files import (
    GOOD,
    MALFORMED,
    NOTE,
    ONE_NOTE,
    PIECE,
    bend,
    chunk,
    control,
    header,
    key,
    meta,
    meter,
    midi_file,
    name,
    note_off,
    note_on,
    number,
    pedal,
    program,
    sysex,
    tempo,
    time_code,
    track,
)
from tonada.errors import DataError
from tonada.symbolic.midi import conversion, read_midi, read_midi_bytes, smf, write_midi
from tonada.symbolic.midi.encoding import assign_channels
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score, Track
from tonada.symbolic.signatures import Keys, Meters
from tonada.symbolic.tempo import TempoMap

HERE = Path("some.mid")
Row = tuple[int, int, int, int]


def read(data: bytes) -> Score:
    return read_midi_bytes(data, path=HERE)


def rows(played: Track) -> list[Row]:
    columns = (played.onset_ticks, played.duration_ticks, played.pitch, played.velocity)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def write(score: Score, path: Path) -> bytes:
    write_midi(score, path)
    return path.read_bytes()


def controls(played: Track) -> list[tuple[int, int, int]]:
    columns = (played.control_ticks, played.control_number, played.control_value)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def write_and_read(score: Score, folder: Path) -> Score:
    write_midi(score, folder / "written.mid")
    return read_midi(folder / "written.mid")


# --- what is read ------------------------------------------------------------------------------------------------


def test_a_piece_is_read_whole() -> None:
    score = read(PIECE)
    right, left, drums = score.tracks
    assert (right.name, right.program, right.is_drum) == ("right", 4, False)
    assert (left.name, left.program, left.is_drum) == ("left", 0, False)
    assert (drums.name, drums.is_drum) == ("", True)
    assert rows(right) == [(0, 480, 60, 80), (240, 1680, 64, 81)]
    assert rows(left) == [(480, 480, 36, 50)]
    assert rows(drums) == [(0, 120, 38, 100)]
    assert controls(right) == [(0, 64, 127), (960, 64, 0)]
    assert controls(left) == [(960, 7, 100)]
    assert (right.bend_ticks.tolist(), right.bend_value.tolist()) == ([480], [-200])
    assert score.ticks_per_quarter == 480
    assert score.tempo_map.start_ticks.tolist() == [0, 960]
    assert score.tempo_map.quarter_us.tolist() == [500_000, 250_000]
    assert (score.meters.ticks[0], score.meters.numerator[0], score.meters.denominator[0]) == (0, 3, 4)
    assert (score.keys.ticks[0], score.keys.sharps[0], score.keys.minor[0]) == (0, -3, 1)
    assert score.notes().equals(Notes.from_rows([(0.0, 0.5, 60, 80), (0.25, 1.25, 64, 81), (0.5, 0.5, 36, 50)]))
    seconds, value = score.pedal()
    assert (seconds.tolist(), value.tolist()) == ([0.0, 1.0], [127, 0])
    assert (score.end_ticks, score.end_s) == (1920, 1.5)


@pytest.mark.parametrize("case", GOOD)
def test_odd_files_are_read(case: str) -> None:
    score = read(GOOD[case])
    notes = {"no notes": 0, "no tracks": 0, "a piece": 4, "more tracks than told": 2}.get(case, 1)
    assert score.count_notes(drums=True) == notes


def test_riff_is_unwrapped() -> None:
    assert read(GOOD["riff"]).equals(read(ONE_NOTE))


def test_silence_is_told() -> None:
    assert read(ONE_NOTE).why_silent is None
    assert read(GOOD["no notes"]).why_silent == "no notes"
    assert read(GOOD["only drums"]).why_silent == "only drums: no notes with a pitch"


def test_120_bpm_without_a_tempo_and_before_the_first() -> None:
    assert read(ONE_NOTE).notes().duration_s.tolist() == [0.5]
    late = read(midi_file(track((0, note_on(60)), (480, tempo(1_000_000)), (480, note_off(60)))))
    assert late.notes().duration_s.tolist() == [1.5]


def test_of_several_tempi_at_one_tick_the_last_counts() -> None:
    score = read(midi_file(track((0, tempo(300_000)), (0, tempo(250_000)), *NOTE)))
    assert score.notes().duration_s.tolist() == [0.25]


def test_tempi_of_all_tracks_make_one_map() -> None:
    score = read(midi_file(track((480, tempo(250_000))), track((240, tempo(100_000)), (240, note_on(60)))))
    assert score.tempo_map.start_ticks.tolist() == [0, 240, 480]
    assert score.tempo_map.quarter_us.tolist() == [500_000, 100_000, 250_000]


@pytest.mark.parametrize(
    ("frames", "ticks", "second"), [(24, 100, 2400), (25, 40, 1000), (30, 80, 2400), (30, 255, 7650)]
)
def test_time_code_counts_frames_whatever_the_tempo(frames: int, ticks: int, second: int) -> None:
    events = ((0, tempo(123_456)), (second, note_on(60)), (second // 2, note_off(60)))
    notes = read(midi_file(track(*events), division=time_code(frames, ticks))).notes()
    assert (notes.onset_s.tolist(), notes.duration_s.tolist()) == ([1.0], [0.5])


def test_drop_frame_time_code_is_a_thousandth_slower() -> None:
    events = ((30 * 10 * 1000, note_on(60)), (1, note_off(60)))
    notes = read(midi_file(track(*events), division=time_code(29, 10))).notes()
    assert notes.onset_s.tolist() == [1001.0]


def test_time_code_survives_writing(tmp_path: Path) -> None:
    score = read(midi_file(track(*NOTE), division=time_code(29, 40)))
    assert write_and_read(score, tmp_path).equals(score)


def test_running_status_and_velocity_0_as_release() -> None:
    events = ((0, note_on(60, 70)), (480, b"\x3c\x00"), (0, b"\x3e\x21"), (200, b"\x3e\x00"))
    assert rows(read(midi_file(track(*events))).tracks[0]) == [(0, 480, 60, 70), (480, 200, 62, 33)]


def test_running_status_of_one_data_byte() -> None:
    pressure = ((0, b"\xd0\x40"), *((1, b"\x41"),) * 50, (0, note_on(60)), (5, b"\x3c\x00"))
    assert rows(read(midi_file(track(*pressure))).tracks[0]) == [(50, 5, 60, 64)]


def test_running_status_outlives_text_and_exclusives() -> None:
    events = (
        (0, note_on(60, 70)),
        (0, meta(1, b"hello")),
        (480, b"\x3c\x00"),
        (0, sysex(b"\x01\xf7")),
        (0, b"\x3e\x21"),
    )
    assert rows(read(midi_file(track(*events))).tracks[0]) == [(0, 480, 60, 70), (480, 0, 62, 33)]


def test_exclusives_in_parts_are_passed_over() -> None:
    events = ((0, sysex(b"\x43\x12")), (10, sysex(b"\x90\x3c\x40\xf7", status=0xF7)), *NOTE)
    assert rows(read(midi_file(track(*events))).tracks[0]) == [(10, 480, 60, 70)]


def test_nothing_counts_behind_the_end_of_a_track() -> None:
    score = read(midi_file(track(*NOTE, end=b"\x00\xff\x2f\x00" + b"\x00\x90\x3e\x40")))
    assert rows(score.tracks[0]) == [(0, 480, 60, 70)]


# --- notes and their releases ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([(0, note_on(60)), (0, note_off(60))], [(0, 0, 60, 64)], id="no length"),
        pytest.param(
            [(0, note_on(60, 1)), (10, note_on(60, 2)), (10, note_off(60)), (10, note_off(60))],
            [(0, 20, 60, 1), (10, 20, 60, 2)],
            id="overlapping: first in, first out",
        ),
        pytest.param(
            [(0, note_on(60, 1)), (10, note_on(60, 2)), (0, note_off(60)), (10, note_off(60))],
            [(0, 10, 60, 1), (10, 10, 60, 2)],
            id="struck anew just before the release",
        ),
        pytest.param(
            [(0, note_off(60)), (5, note_on(60)), (5, note_off(60))], [(5, 5, 60, 64)], id="release of nothing"
        ),
        pytest.param(
            [(0, note_on(60)), (5, note_off(60)), (5, note_off(60)), (5, note_on(60)), (5, note_off(60))],
            [(0, 5, 60, 64), (15, 5, 60, 64)],
            id="released twice",
        ),
        pytest.param([(0, note_on(60)), (30, pedal(0))], [(0, 30, 60, 64)], id="never released: ends with the track"),
        pytest.param(
            [(0, note_on(60, 1)), (5, note_on(60, 2)), (5, note_off(60)), (5, note_on(60, 3)), (5, note_off(60))],
            [(0, 10, 60, 1), (5, 5, 60, 2), (15, 5, 60, 3)],
            id="a release is missing: the next one ends both, the rest keep theirs",
        ),
        pytest.param(
            [(0, note_on(60, 1)), (5, note_off(60)), (5, note_on(60, 2)), (5, note_on(60, 3)), (5, note_on(62))],
            [(0, 5, 60, 1), (10, 10, 60, 2), (15, 5, 60, 3), (20, 0, 62, 64)],
            id="several sound at the end",
        ),
        pytest.param(
            [(0, note_on(60, 1)), (0, note_on(60, 2, 1)), (5, note_off(60, 1)), (5, note_off(60))],
            [(0, 10, 60, 1), (0, 5, 60, 2)],
            id="channels do not release each other",
        ),
    ],
)
def test_how_releases_find_their_notes(events: list[tuple[int, bytes]], expected: list[Row]) -> None:
    score = read(midi_file(track(*events)))
    assert [row for played in score.tracks for row in rows(played)] == expected


def test_tracks_do_not_release_each_other() -> None:
    score = read(midi_file(track((0, note_on(60)), (99, pedal(0))), track((5, note_off(60)), *NOTE)))
    assert [rows(played) for played in score.tracks] == [[(0, 99, 60, 64)], [(5, 480, 60, 70)]]


def slow_notes(events: list[tuple[int, int, int, int]], end: int) -> list[tuple[int, int, int, int, int]]:
    """The rule of `pair_notes` as plain loops: (channel, onset, duration, pitch, velocity), in the order of onsets."""
    voices = defaultdict(list)
    for index, (ticks, channel, pitch, velocity) in enumerate(events):
        voices[channel, pitch].append((index, ticks, velocity))
    found = []
    for (channel, pitch), voice in voices.items():
        sounding: deque[tuple[int, int, int]] = deque()
        notes = []
        for event in voice:
            if event[2]:
                sounding.append(event)
            elif sounding:
                begun = sounding.popleft()
                notes.append((begun[0], channel, begun[1], event[1], pitch, begun[2]))
        last_release = max((index for index, _, velocity in voice if not velocity), default=-1)
        if any(index < last_release for index, _, _ in sounding):
            notes, held = [], []
            for event in voice:
                if event[2]:
                    held.append(event)
                else:
                    notes += [(index, channel, ticks, event[1], pitch, velocity) for index, ticks, velocity in held]
                    held = []
            sounding = deque(held)
        notes += [(index, channel, ticks, end, pitch, velocity) for index, ticks, velocity in sounding]
        found += notes
    return [
        (channel, begin, stop - begin, pitch, velocity) for _, channel, begin, stop, pitch, velocity in sorted(found)
    ]


note_events = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(60, 61), st.integers(0, 2)), max_size=40
)


@given(note_events, st.integers(0, 3))
def test_releases_as_in_plain_loops(deltas: list[tuple[int, int, int, int]], rest: int) -> None:
    events, ticks = [], 0
    for delta, channel, pitch, velocity in deltas:
        ticks += delta
        events.append((ticks, channel, pitch, velocity))
    data = midi_file(
        track(
            *((delta, note_on(pitch, velocity, channel)) for delta, channel, pitch, velocity in deltas),
            end=number(rest) + b"\xff\x2f\x00",
        )
    )
    expected = defaultdict(list)
    for channel, *row in slow_notes(events, ticks + rest):
        expected[channel].append(tuple(row))
    wanted = [sorted(expected[channel], key=lambda row: (row[0], row[2])) for channel in sorted(expected)]
    assert [rows(played) for played in read(data).tracks] == wanted


# --- tracks ------------------------------------------------------------------------------------------------------


def test_type_0_is_split_by_channel() -> None:
    events = (
        (0, name("all")),
        (0, program(5, 0)),
        (0, program(7, 1)),
        (0, note_on(60, 10)),
        (0, note_on(64, 20, 1)),
        (0, note_on(36, 30, 9)),
        (10, note_off(60)),
        (0, note_off(64, 1)),
        (0, note_off(36, 9)),
    )
    score = read(midi_file(track(*events), kind=0))
    assert [(t.name, t.program, t.is_drum, len(t.pitch)) for t in score.tracks] == [
        ("all", 5, False, 1),
        ("all", 7, False, 1),
        ("all", 0, True, 1),
    ]


def test_a_change_of_program_makes_a_track_and_controls_go_with_the_notes() -> None:
    events = (
        (0, control(7, 100)),
        (0, program(1)),
        (0, pedal(127)),
        (0, note_on(60)),
        (5, program(2)),
        (0, pedal(0)),
        (5, note_off(60)),
        (0, note_on(62)),
        (5, pedal(90)),
        (0, bend(5)),
        (5, note_off(62)),
        (0, program(1)),
        (0, note_on(64)),
        (5, note_off(64)),
        (0, program(99)),
    )
    first, second = read(midi_file(track(*events))).tracks
    assert (first.program, second.program) == (1, 2)
    assert rows(first) == [(0, 10, 60, 64), (20, 5, 64, 64)]
    assert rows(second) == [(10, 10, 62, 64)]
    assert controls(first) == [(0, 7, 100), (0, 64, 127), (5, 64, 0)]
    assert controls(second) == [(15, 64, 90)]
    assert second.bend_ticks.tolist() == [15]


def test_pedal_on_a_channel_without_notes_is_kept() -> None:
    score = read(midi_file(track(*NOTE), track((10, pedal(127, 5)), (20, pedal(0, 5)), (0, pedal(1, 9)))))
    assert [len(played.pitch) for played in score.tracks] == [1, 0, 0]
    assert score.pedal()[1].tolist() == [127, 0]


def test_channels_with_nothing_to_keep_make_no_track() -> None:
    score = read(midi_file(track((0, name("title")), (0, tempo(1))), track((0, note_off(60)), (0, b"\xd0\x40"))))
    assert score.tracks == ()


def test_names_are_utf_8_or_else_latin_1() -> None:
    texts = ["Étude", "Étude".encode("latin-1"), b"", b"a\0b"]
    score = read(midi_file(*(track((0, name(text)), *NOTE) for text in texts)))
    assert [played.name for played in score.tracks] == ["Étude", "Étude", "", "a\0b"]


def test_meters_and_keys_that_cannot_be_are_left_out() -> None:
    events = (
        (0, meter(0, 2)),
        (1, meter(7, 3)),
        (0, meter(4, 8)),
        (0, meta(0x58, b"\4")),
        (0, key(8)),
        (0, key(-7, 1)),
    )
    score = read(midi_file(track(*events, (0, key(2, 2)), (0, meta(0x59, b"\2")))))
    assert (score.meters.ticks.tolist(), score.meters.numerator.tolist()) == ([1], [7])
    assert score.meters.denominator.tolist() == [8]
    assert (score.keys.sharps.tolist(), score.keys.minor.tolist()) == ([-7], [1])


# --- what cannot be read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files_are_refused_with_path_and_reason(case: str) -> None:
    data, reason = MALFORMED[case]
    with pytest.raises(DataError) as caught:
        read(data)
    assert caught.value.path == HERE
    assert reason in caught.value.reason
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("some.mid: ")


def test_a_file_cut_anywhere_is_refused() -> None:
    for length in range(len(PIECE)):
        with pytest.raises(DataError):
            read(PIECE[:length])


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, len(PIECE) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, len(PIECE)),
    st.binary(max_size=4),
)
def test_a_damaged_file_is_read_or_refused(changes: list[tuple[int, int]], at: int, extra: bytes) -> None:
    data = bytearray(PIECE)
    for position, value in changes:
        data[position] = value
    data[at:at] = extra
    try:
        score = read(bytes(data))
    except DataError:
        return
    assert len(score.notes()) == score.count_notes()


@given(st.binary(max_size=60), st.integers(0, 2))
def test_a_track_of_anything_is_read_or_refused(body: bytes, kind: int) -> None:
    try:
        score = read(header(kind, 1, 480) + chunk(b"MTrk", body))
    except DataError:
        return
    assert score.end_ticks >= 0


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing\.mid: no such file or directory"):
        read_midi(tmp_path / "missing.mid")
    with pytest.raises(DataError, match=f"{tmp_path.name}: is a directory"):
        read_midi(tmp_path)
    with pytest.raises(DataError, match="not a directory"):
        read_midi(Path(__file__) / "inside.mid")


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "open", refuse)  # by hand: the superuser may read everything
    with pytest.raises(DataError, match=r"mine\.mid: permission denied"):
        read_midi(tmp_path / "mine.mid")


def test_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "LARGEST_FILE_BYTES", 2**20)
    path = tmp_path / "large.mid"
    path.write_bytes(midi_file(track(*NOTE, (0, meta(1, b"x" * 2**20)))))
    with pytest.raises(DataError, match=r"large\.mid: larger than 1 MB, the most that is read"):
        read_midi(path)


def test_files_of_too_many_tracks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smf, "MOST_TRACKS", 3)
    monkeypatch.setattr(conversion, "MOST_TRACKS", 3)
    assert len(read(midi_file(*[track(*NOTE)] * 3)).tracks) == 3
    with pytest.raises(DataError, match="more than 3 tracks"):
        read(midi_file(*[track(*NOTE)] * 4))
    with pytest.raises(DataError, match="more than 3 tracks"):
        read(midi_file(track(*((0, program(1, channel)) for channel in range(4)))))


# --- size --------------------------------------------------------------------------------------------------------


def test_events_beyond_one_block_of_bytes() -> None:
    pitches = np.random.default_rng(1).integers(0, 128, 200_000)
    events = b"".join(b"\x81\x00\x90%c\x40\x10\x80%c\x00" % (pitch, pitch) for pitch in pitches.tolist())
    score = read(header(1, 1, 480) + chunk(b"MTrk", events + b"\x00\xff\x2f\x00"))
    played = score.tracks[0]
    assert np.array_equal(played.pitch, pitches)
    assert np.array_equal(played.onset_ticks, np.arange(200_000) * 144 + 128)
    assert np.all(played.duration_ticks == 16)


def test_ten_hours_of_silence(tmp_path: Path) -> None:
    ticks = 10 * 3600 * 960
    score = read(midi_file(track(*NOTE, (ticks - 480, note_on(62)), (480, note_off(62)))))
    assert score.notes().onset_s.tolist() == [0.0, 36_000.0]
    assert write_and_read(score, tmp_path).equals(score)


# --- writing -----------------------------------------------------------------------------------------------------


def test_a_piece_survives_writing(tmp_path: Path) -> None:
    score = read(PIECE)
    again = write_and_read(score, tmp_path)
    assert again.differences(score) == []
    assert again.equals(score)


def test_the_written_file_is_of_type_1(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "written.mid"
    write_midi(read(ONE_NOTE), path)
    assert path.read_bytes().startswith(header(1, 2, 480))
    assert [entry.name for entry in path.parent.iterdir()] == ["written.mid"]


def one_note(program_: int, channel: int | None = None) -> Track:
    return Track(
        name=f"instrument {program_}",
        program=program_,
        is_drum=channel == 9,
        channel=channel,
        onset_ticks=[program_],
        duration_ticks=[5],
        pitch=[60],
        velocity=[64],
    )


@pytest.mark.parametrize(
    ("asked", "given_"),
    [
        pytest.param([(0, None), (0, None), (5, None)], [0, 1, 2], id="one each"),
        pytest.param([(0, 3), (5, 9), (5, None), (0, 3)], [3, 9, 0, 3], id="those asked for"),
        pytest.param([(0, 3), (7, 3), (7, 3), (0, 3)], [3, 0, 0, 3], id="no channel plays two programs"),
        pytest.param(
            [(number_, None) for number_ in range(16)] + [(4, None), (40, 5)],
            [*range(9), *range(10, 16), 0, 4, 5],
            id="shared when they run out",
        ),
    ],
)
def test_channels_of_instruments(asked: list[tuple[int, int | None]], given_: list[int]) -> None:
    assert assign_channels([one_note(program_, channel) for program_, channel in asked]) == given_


def test_many_instruments_survive_writing(tmp_path: Path) -> None:
    score = Score(
        tracks=tuple(one_note(number_, 9 if number_ == 3 else None) for number_ in range(40)),
        tempo_map=TempoMap.from_events([], [], ticks_per_quarter=96),
    )
    again = write_and_read(score, tmp_path)
    assert again.differences(score) == []
    assert again.tracks[3].channel == 9


def test_channels_survive_writing(tmp_path: Path) -> None:
    score = read(PIECE)
    assert [played.channel for played in score.tracks] == [0, 1, 9]
    assert [played.channel for played in write_and_read(score, tmp_path).tracks] == [0, 1, 9]


def test_pauses_longer_than_one_event_can_tell(tmp_path: Path) -> None:
    late = 2**31 - 2
    score = Score(
        tracks=(
            Track(onset_ticks=np.array([5, late]), duration_ticks=[2**29, 1], pitch=[60, 61], velocity=[1, 2]),
            Track(control_ticks=[2**28 - 1, 2**29], control_number=[7, 7], control_value=[1, 2]),
        ),
        tempo_map=TempoMap.from_events([0, 2**28, 2**31 - 1], [1, 2, 3], ticks_per_quarter=480),
    )
    assert write_and_read(score, tmp_path).differences(score) == []


def test_a_piece_that_is_too_long_is_not_written(tmp_path: Path) -> None:
    score = Score(
        tracks=(Track(control_ticks=[2**31], control_number=[7], control_value=[1]),),
        tempo_map=TempoMap.from_events([], [], ticks_per_quarter=480),
    )
    with pytest.raises(DataError, match="lasts 2147483648 ticks; up to 2147483647 could be read back"):
        write_midi(score, tmp_path / "long.mid")
    assert not (tmp_path / "long.mid").exists()


def test_writing_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"file exists|not a directory"):
        write_midi(read(ONE_NOTE), tmp_path / "file" / "written.mid")


def columns(*values: st.SearchStrategy[int], size: int = 12) -> st.SearchStrategy[list[np.ndarray]]:
    return st.lists(st.tuples(*values), max_size=size).map(
        lambda found: list(np.array(found, dtype=np.int64).reshape(-1, len(values)).T)
    )


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    onset, duration, pitch, velocity = draw(
        columns(st.integers(0, 6), st.integers(0, 4), st.integers(60, 61) | st.integers(0, 127), st.integers(1, 127))
    )
    # Notes of one pitch that begin later end later: all that a file can tell apart.
    order = np.lexsort((onset, pitch))
    onset, duration, pitch, velocity = onset[order], duration[order], pitch[order], velocity[order]
    for value in np.unique(pitch):
        same = pitch == value
        duration[same] = np.maximum.accumulate(onset[same] + duration[same]) - onset[same]
    control_ticks, control_number, control_value = draw(
        columns(st.integers(0, 9), st.integers(0, 127) | st.just(64), st.integers(0, 127))
    )
    bend_ticks, bend_value = draw(columns(st.integers(0, 300_000), st.integers(-8192, 8191)))
    return Track(
        name=draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
        program=draw(st.integers(0, 127)),
        is_drum=draw(st.booleans()),
        onset_ticks=onset,
        duration_ticks=duration,
        pitch=pitch,
        velocity=velocity,
        control_ticks=control_ticks,
        control_number=control_number,
        control_value=control_value,
        bend_ticks=bend_ticks,
        bend_value=bend_value,
    )


@st.composite
def scores(draw: st.DrawFn) -> Score:
    tempo_ticks, quarter_us = draw(columns(st.integers(0, 10_000), st.integers(1, 2**24 - 1)))
    meter_ticks, numerator, exponent = draw(columns(st.integers(0, 99), st.integers(1, 255), st.integers(0, 7), size=3))
    key_ticks, sharps, minor = draw(columns(st.integers(0, 99), st.integers(-7, 7), st.integers(0, 1), size=3))
    return Score(
        tracks=tuple(draw(st.lists(tracks(), max_size=4))),
        tempo_map=TempoMap.from_events(tempo_ticks, quarter_us, ticks_per_quarter=draw(st.integers(1, 32_767))),
        meters=Meters(ticks=np.sort(meter_ticks), numerator=numerator, denominator=1 << exponent),
        keys=Keys(ticks=np.sort(key_ticks), sharps=sharps, minor=minor),
    )


@settings(max_examples=50)
@given(score=scores())
def test_every_score_survives_writing(tmp_path_factory: pytest.TempPathFactory, score: Score) -> None:
    assert write_and_read(score, tmp_path_factory.getbasetemp()).differences(score) == []


# --- against symusic, and real files -----------------------------------------------------------------------------


def assert_read_by_symusic(mine: Score, content: bytes) -> None:
    """Compare with symusic, track by track, what both keep."""
    theirs = symusic.Score.from_midi(content)
    assert mine.ticks_per_quarter == theirs.ticks_per_quarter
    assert len(mine.tracks) == len(theirs.tracks)
    for ours, other in zip(mine.tracks, theirs.tracks, strict=True):
        notes, changes, bends = other.notes.numpy(), other.controls.numpy(), other.pitch_bends.numpy()
        order = np.lexsort((notes["pitch"], notes["time"]))
        assert (ours.name, ours.program, ours.is_drum) == (other.name, other.program, other.is_drum)
        assert np.array_equal(ours.onset_ticks, notes["time"][order])
        assert np.array_equal(ours.duration_ticks, notes["duration"][order])
        assert np.array_equal(ours.pitch, notes["pitch"][order])
        assert np.array_equal(ours.velocity, notes["velocity"][order])
        assert np.array_equal(ours.control_ticks, changes["time"])
        assert np.array_equal(ours.control_number, changes["number"])
        assert np.array_equal(ours.control_value, changes["value"])
        assert np.array_equal(ours.bend_ticks, bends["time"])
        assert np.array_equal(ours.bend_value, bends["value"])
    tempi = theirs.tempos.numpy()
    assert (
        TempoMap.from_events(
            tempi["time"], tempi["mspq"], ticks_per_quarter=mine.ticks_per_quarter
        ).start_ticks.tolist()
        == mine.tempo_map.start_ticks.tolist()
    )


def test_the_piece_is_read_as_symusic_reads_it() -> None:
    assert_read_by_symusic(read(PIECE), PIECE)


def test_what_is_written_is_read_alike_by_symusic(tmp_path: Path) -> None:
    assert_read_by_symusic(read(PIECE), write(read(PIECE), tmp_path / "written.mid"))


def test_sound_files_are_read_as_symusic_reads_them(data: Path) -> None:
    with zipfile.ZipFile(data / "midi" / "maestro-v3.0.0-midi.zip") as archive:
        names = sorted(entry for entry in archive.namelist() if entry.endswith((".mid", ".midi")))[::100]
        for entry in names:
            content = archive.read(entry)
            assert_read_by_symusic(read(content), content)


def test_real_files_survive_writing(data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(data / "midi" / "open-piano.zip") as archive:
        names = sorted(entry for entry in archive.namelist() if entry.endswith((".mid", ".midi")))[::100]
        for entry in names:
            score = read(archive.read(entry))
            assert score.count_notes() > 0
            again = write_and_read(score, tmp_path)
            assert again.notes().equals(score.notes()), entry
            assert [column.tolist() for column in again.pedal()] == [column.tolist() for column in score.pedal()]
