"""From sound files to a data set: what is in it, what is left out and why, and that nothing decides but the input."""

from __future__ import annotations

import csv
import errno
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sound_files import sound_bytes, write_sound
from tonada.audio.clip import Clip
from tonada.audio.corpus import AudioReport, prepare_audio, reading
from tonada.audio.transforms.mel import MelTransform
from tonada.data import SPLITS, Dataset
from tonada.errors import ConfigError, DataError, ResourceError, UnknownNameError
from tunes import RATE, tune


def save(path: Path, samples: np.ndarray, rate: int = RATE, encoding: str = "PCM_16") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = samples if samples.ndim == 2 else samples[:, None]
    return write_sound(path, channels, rate, "WAV", encoding)


def write_genres(folder: Path, labels: Mapping[str, int], seconds: float = 2.2) -> Path:
    """Write a folder per label with so many tunes, in GTZAN's layout."""
    for place, (label, clips) in enumerate(labels.items()):
        for number in range(clips):
            save(folder / label / f"{label}.{number:05}.wav", tune(100 * place + number, seconds))
    return folder


def run(source: Path, tmp_path: Path, name: str = "data", **options: Any) -> AudioReport:
    return prepare_audio([source], tmp_path / name, **{"segment_s": 1.0, "jobs": 1, **options})


def rows_of(report: AudioReport, table: str = "catalogue") -> list[dict[str, str]]:
    with (report.folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def reasons(report: AudioReport) -> dict[str, str]:
    return {Path(str(row["name"])).name: str(row["reason"]) for row in report.skipped}


@pytest.fixture(scope="module")
def genres(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_genres(tmp_path_factory.mktemp("sound") / "genres", {"jazz": 4, "pop": 3})


# --- what is in it -----------------------------------------------------------------------------------------------


def test_a_folder_per_genre(genres: Path, tmp_path: Path) -> None:
    report = run(genres, tmp_path)
    dataset = Dataset(report.folder)
    dataset.verify()
    assert (dataset.codec_name, dataset.codec_config) == ("waveform", {"sample_rate": RATE})
    assert (report.sha256, report.tracks) == (dataset.sha256, 7)
    assert report.dropped_s == pytest.approx(7 * 0.2)
    rows = rows_of(report)
    assert len(rows) == 14
    assert [row["name"] for row in rows[:3]] == [
        "genres/jazz/jazz.00000.wav@0",
        "genres/jazz/jazz.00000.wav@1",
        "genres/jazz/jazz.00001.wav@0",
    ]
    first = {name: rows[1][name] for name in ("label", "track", "file", "start_s", "seconds", "length")}
    assert first == {
        "label": "jazz",
        "track": "jazz.00000",
        "file": "genres/jazz/jazz.00000.wav",
        "start_s": "1.0",
        "seconds": "1.0",
        "length": "22050",
    }
    sides = {(row["track"], row["split"]) for row in rows}
    assert len(sides) == 7
    for label in ("jazz", "pop"):
        assert {row["split"] for row in rows if row["label"] == label} == set(SPLITS)


def test_files_of_16_bits_come_through_as_they_are(tmp_path: Path) -> None:
    samples = np.round(20_000 * tune(1, 2.0)).astype(np.int16)
    save(tmp_path / "music" / "a.wav", samples)
    pieces = Dataset(run(tmp_path / "music", tmp_path).folder).pieces("train")
    assert [piece.array.dtype for piece in pieces] == [np.int16] * 2
    np.testing.assert_array_equal(np.concatenate([piece.array for piece in pieces]), samples)


def test_totals_are_those_of_the_catalogue(genres: Path, tmp_path: Path) -> None:
    report = run(genres, tmp_path)
    rows = rows_of(report)
    for split, totals in report.splits.items():
        mine = [row for row in rows if row["split"] == split]
        assert totals.segments == len(mine)
        assert totals.clips == len({row["file"] for row in mine})
        assert totals.tracks == len({row["track"] for row in mine})
        assert totals.seconds == sum(float(row["seconds"]) for row in mine)
        assert sum(totals.seconds_by_label.values()) == totals.seconds
    labels = rows_of(report, "labels")
    assert [(row["label"], row["split"]) for row in labels] == [(a, b) for a in ("jazz", "pop") for b in SPLITS]
    assert sum(int(row["segments"]) for row in labels) == len(rows)
    facts = json.loads((report.folder / "manifest.json").read_text())["prepare"]
    assert (facts["clips"], facts["tracks"], facts["segment_s"]) == (7, 7, 1.0)


@pytest.mark.parametrize("transform", ["waveform", pytest.param("mel", marks=pytest.mark.slow)])
def test_the_number_of_processes_changes_nothing(genres: Path, tmp_path: Path, transform: str) -> None:
    config = {"n_fft": 512, "hop": 128, "bands": 20} if transform == "mel" else {}
    one, two = (
        run(genres, tmp_path, f"jobs{jobs}", transform=transform, transform_config=config, jobs=jobs) for jobs in (1, 2)
    )
    files = sorted(path.name for path in one.folder.iterdir())
    assert files == sorted(path.name for path in two.folder.iterdir())
    for name in files:
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes(), name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jobs1", "jobs2"]


def test_mel_is_scaled_by_the_training_clips_alone(genres: Path, tmp_path: Path) -> None:
    config = {"n_fft": 512, "hop": 128, "bands": 20}
    report = run(genres, tmp_path, transform="mel", transform_config=config)
    dataset = Dataset(report.folder)
    assert {name: dataset.codec_config[name] for name in config} == config
    largest = {split: max(float(piece.array.max()) for piece in dataset.pieces(split)) for split in SPLITS}
    assert largest["train"] == pytest.approx(1.0, abs=1e-6)
    arrays = [piece.array for split in SPLITS for piece in dataset.pieces(split)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert {array.shape for array in arrays} == {(-(-RATE // 128), 20)}
    chosen = MelTransform(MelTransform.Config(**dataset.codec_config))
    plain = Dataset(run(genres, tmp_path, "plain").folder)
    for mel, waveform in zip(dataset.pieces("train"), plain.pieces("train"), strict=True):
        assert mel.name == waveform.name
        clip = Clip(samples=waveform.array[None] / np.float32(2**15), sample_rate=RATE)
        np.testing.assert_allclose(mel.array, chosen.encode(clip), atol=0.01)


def test_a_level_that_is_given_stays(genres: Path, tmp_path: Path) -> None:
    config = {"n_fft": 512, "hop": 128, "bands": 20, "top": 3.5}
    dataset = Dataset(run(genres, tmp_path, transform="mel", transform_config=config).folder)
    assert dataset.codec_config["top"] == 3.5


def test_labels_and_tracks_of_a_table(tmp_path: Path) -> None:
    folder = write_genres(tmp_path / "audio" / "genres", {"a": 6})
    lines = ["file,label,track,start_s,artist"]
    lines += [f"a/a.{number:05}.wav,folk,song {number // 2},{number}.5,Anon" for number in range(6)]
    (tmp_path / "audio" / "manifest.csv").write_text("\n".join(lines) + "\n")
    reports = [
        run(source, tmp_path, f"data{place}")
        for place, source in enumerate((tmp_path / "audio", folder, tmp_path / "audio" / "manifest.csv"))
    ]
    for report in reports:
        rows = rows_of(report)
        assert {row["label"] for row in rows} == {"folk"}
        assert {row["artist"] for row in rows} == {"Anon"}
        assert {row["track"] for row in rows} == {"song 0", "song 1", "song 2"}
        assert len({(row["track"], row["split"]) for row in rows}) == 3
        assert {row["table_start_s"] for row in rows if "00003" in row["file"]} == {"3.5"}
        assert report.skipped == []


def test_the_nearest_table_describes_and_names_what_is_absent(tmp_path: Path) -> None:
    folder = write_genres(tmp_path / "audio", {"a": 2, "b": 1})
    (folder / "manifest.csv").write_text("file,label\na/a.00000.wav,far\nb/b.00000.wav,far\nb/gone.wav,far\n")
    (folder / "a" / "manifest.csv").write_text("file,label\na.00000.wav,near\n")
    report = run(folder, tmp_path)
    labels = {row["file"].rpartition("/")[2]: row["label"] for row in rows_of(report)}
    assert labels == {"a.00000.wav": "near", "a.00001.wav": "a", "b.00000.wav": "far"}
    assert reasons(report) == {"gone.wav": "named in audio/manifest.csv, but absent"}


def test_zips_are_read_as_folders_are(genres: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(genres.rglob("*.wav")):
            archive.write(path, path.relative_to(genres).as_posix())
        archive.writestr("top.wav", (genres / "pop" / "pop.00000.wav").read_bytes())
    zipped, plain = run(tmp_path / "set.zip", tmp_path, "zipped"), run(genres, tmp_path, "plain")
    assert [row["label"] for row in rows_of(zipped)] == [row["label"] for row in rows_of(plain)]
    assert reasons(zipped) == {"top.wav": "the same sound as another"}
    for name in sorted(path.name for path in plain.folder.glob("*.npy")):
        assert (zipped.folder / name).read_bytes() == (plain.folder / name).read_bytes()


def test_single_files_take_the_label_of_their_folder(genres: Path, tmp_path: Path) -> None:
    files = [genres / "jazz" / "jazz.00000.wav", genres / "pop" / "pop.00001.wav"]
    report = prepare_audio(files, tmp_path / "data", segment_s=1.0, jobs=1)
    assert {(row["label"], row["track"]) for row in rows_of(report)} == {("jazz", "jazz.00000"), ("pop", "pop.00001")}


def test_names_without_letters_are_tracks_of_their_label(tmp_path: Path) -> None:
    for label, seed in (("a", 1), ("b", 2)):
        save(tmp_path / "music" / label / "01.wav", tune(seed, 1.5))
    assert {row["track"] for row in rows_of(run(tmp_path / "music", tmp_path))} == {"a/01", "b/01"}


@pytest.mark.parametrize(
    ("rate", "channels", "encoding"),
    [(44_100, 2, "PCM_16"), (192_000, 6, "PCM_24"), (22_050, 1, "PCM_U8"), (48_000, 1, "DOUBLE"), (8_000, 2, "FLOAT")],
)
def test_any_rate_channels_and_width(tmp_path: Path, rate: int, channels: int, encoding: str) -> None:
    music = tmp_path / "music"
    save(music / "odd.wav", np.repeat(tune(1, 2.0, rate)[:, None], channels, axis=1), rate, encoding)
    save(music / "plain.wav", tune(2, 2.0))
    report = run(music, tmp_path)
    assert report.skipped == []
    rows = [row for row in rows_of(report) if row["file"].endswith("odd.wav")]
    assert [(row["length"], row["seconds"]) for row in rows] == [("22050", "1.0")] * 2


@pytest.mark.parametrize(
    ("container", "encoding", "suffix"),
    [
        ("FLAC", "PCM_16", "flac"),
        ("OGG", "VORBIS", "ogg"),
        ("OGG", "OPUS", "opus"),
        ("MP3", "MPEG_LAYER_III", "mp3"),
        ("AU", "PCM_16", "au"),
        ("AIFF", "PCM_16", "aiff"),
        ("AIFF", "PCM_16", "AIF"),
    ],
)
def test_any_format(tmp_path: Path, container: str, encoding: str, suffix: str) -> None:
    rate = 48_000 if encoding == "OPUS" else RATE
    (tmp_path / "music").mkdir()
    path = tmp_path / "music" / f"tune.{suffix}"
    path.write_bytes(sound_bytes(tune(1, 2.4, rate)[:, None], rate, container, encoding))
    report = run(tmp_path / "music", tmp_path)
    assert len(rows_of(report)) == 2
    assert report.skipped == []


# --- what is left out, and what is odd ---------------------------------------------------------------------------


def broken_files(folder: Path) -> dict[str, str]:
    """Write files that give no clip; name → what is said about each."""
    sound = tune(1, 2.0)
    nan, infinite = sound.copy(), sound.copy()
    nan[7], infinite[-1] = np.nan, np.inf
    save(folder / "nan.wav", nan, encoding="FLOAT")
    save(folder / "infinite.wav", infinite, encoding="DOUBLE")
    save(folder / "no-samples.wav", sound[:0])
    save(folder / "one-sample.wav", sound[:1])
    save(folder / "short.wav", sound[: RATE // 2])
    save(folder / "silent.wav", 0.0005 * sound)
    (folder / "text.wav").write_text("This is no music.\n")
    (folder / "empty.wav").write_bytes(b"")
    (folder / "folder.wav").mkdir()
    return {
        "nan.wav": "not numbers",
        "infinite.wav": "not numbers",
        "no-samples.wav": "no samples",
        "one-sample.wav": "too short",
        "short.wav": "too short: 0.5 s, less than 1 s",
        "silent.wav": "silent",
        "text.wav": "not a sound file",
        "empty.wav": "empty",
    }


@pytest.mark.parametrize("zipped", [False, True])
def test_the_rest_of_a_bad_batch_is_done(tmp_path: Path, zipped: bool) -> None:
    folder = write_genres(tmp_path / "music", {"jazz": 3})
    expected = broken_files(folder / "jazz")
    source = folder
    if zipped:
        source = tmp_path / "music.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for path in sorted(folder.rglob("*.wav")):
                if path.is_file():
                    archive.write(path, path.relative_to(tmp_path).as_posix())
            archive.writestr("music/jazz/torn.wav", (folder / "jazz" / "jazz.00000.wav").read_bytes())
        data = bytearray(source.read_bytes())
        at = data.rindex(b"torn.wav", 0, data.rindex(b"PK\x01\x02")) + 5000
        data[at : at + 4] = b"\xff\x00\xff\x00"
        source.write_bytes(data)
        expected["torn.wav"] = "cannot be read from its zip"
    report = run(source, tmp_path)
    assert len(rows_of(report)) == 6
    told = reasons(report)
    assert set(told) == set(expected)
    for name, words in expected.items():
        assert words in told[name]
        assert "\n" not in told[name]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["data", "music"]


def test_short_files_are_padded_and_shorter_ones_skipped(tmp_path: Path) -> None:
    music = tmp_path / "music"
    save(music / "a.wav", tune(1, 1.2))
    save(music / "b.wav", tune(2, 0.9))
    report = run(music, tmp_path, segment_s=3.0)
    (row,) = rows_of(report)
    assert (row["seconds"], row["length"]) == ("1.2", "66150")
    (piece,) = (piece for split in SPLITS for piece in Dataset(report.folder).pieces(split))
    assert not piece.array[round(1.2 * RATE) :].any()
    assert reasons(report) == {"b.wav": "too short: 0.9 s, less than 1 s"}
    assert len(rows_of(run(music, tmp_path, "all", segment_s=3.0, min_s=0.5))) == 2


def test_silent_segments_are_left_out_and_told(tmp_path: Path) -> None:
    sound = tune(1, 4.0)
    sound[RATE : 3 * RATE] = 0
    save(tmp_path / "music" / "a.wav", sound)
    report = run(tmp_path / "music", tmp_path)
    assert [row["start_s"] for row in rows_of(report)] == ["0.0", "3.0"]
    assert [(row["reason"], row["start_s"]) for row in report.skipped] == [
        ("silent segment", 1.0),
        ("silent segment", 2.0),
    ]


def test_the_threshold_of_silence_is_60_db_below_full_scale(tmp_path: Path) -> None:
    sine = np.sin(2 * np.pi * 441 * np.arange(2 * RATE) / RATE)
    for name, db in (("above", -59.9), ("below", -60.1)):
        save(tmp_path / "music" / f"{name}.wav", np.sqrt(2) * 10 ** (db / 20) * sine, encoding="FLOAT")
    report = run(tmp_path / "music", tmp_path)
    assert {row["track"] for row in rows_of(report)} == {"above"}
    assert set(reasons(report)) == {"below.wav"}


def test_clipped_and_cut_off_files_stay_with_a_warning(tmp_path: Path) -> None:
    music = tmp_path / "music"
    sound = tune(1, 3.0)
    save(music / "loud.wav", np.clip(20 * sound, -1, 1))
    whole = save(music / "cut.wav", tune(2, 3.0)).read_bytes()
    (music / "cut.wav").write_bytes(whole[: len(whole) * 2 // 3 - 1])
    save(music / "peak.wav", tune(3, 3.0) / np.abs(tune(3, 3.0)).max())
    report = run(music, tmp_path)
    assert {row["track"] for row in rows_of(report)} == {"loud", "cut", "peak"}
    told = {Path(str(row["name"])).name: row for row in report.warnings}
    assert set(told) == {"loud.wav", "cut.wav"}
    assert "ends before its time" in str(told["cut.wav"]["warning"])
    clipped = np.mean(np.abs(20 * sound) >= 1)
    assert float(told["loud.wav"]["share"]) == pytest.approx(clipped, abs=1e-3)
    assert rows_of(report, "warnings") == [{name: str(value) for name, value in row.items()} for row in report.warnings]


def test_repeats_are_dropped_and_parts_of_a_recording_kept_together(tmp_path: Path) -> None:
    music = tmp_path / "music"
    long = tune(50, 16.0)
    for place in range(3):
        save(music / "jazz" / f"jazz.{place:05}.wav", tune(place, 6.0))
    save(music / "pop" / "copy.wav", tune(0, 6.0))
    save(music / "pop" / "soft.wav", 0.2 * tune(1, 6.0))
    save(music / "pop" / "begin.wav", long[: 10 * RATE])
    save(music / "pop" / "end.wav", long[5 * RATE :])
    report = run(music, tmp_path, segment_s=2.0)
    assert reasons(report) == dict.fromkeys(("copy.wav", "soft.wav"), "the same sound as another")
    kinds = {Path(str(row["name"])).name: row for row in report.duplicates}
    assert {name: row["what"] for name, row in kinds.items()} == {
        "copy.wav": "same samples",
        "soft.wav": "same excerpt",
        "end.wav": "part of the same recording",
    }
    assert (kinds["copy.wav"]["label"], kinds["copy.wav"]["other_label"]) == ("pop", "jazz")
    assert {name: row["kept"] for name, row in kinds.items()} == {"copy.wav": "no", "soft.wav": "no", "end.wav": "yes"}
    for seed in range(3):
        rows = rows_of(run(music, tmp_path, f"seed{seed}", segment_s=2.0, seed=seed))
        assert len({row["split"] for row in rows if row["track"] in ("begin", "end")}) == 1


def test_the_filter_of_gtzan(tmp_path: Path) -> None:
    folder = tmp_path / "genres"
    for number in (32, 33, 46, 47):
        save(folder / "jazz" / f"jazz.{number:05}.wav", tune(number, 1.5))
    (folder / "jazz" / "jazz.00054.wav").write_bytes(b"RIFF\x00\x00\x00\x00 no sound")
    plain, filtered = run(folder, tmp_path, "plain"), run(folder, tmp_path, "filtered", gtzan_filter=True)
    assert {row["track"] for row in rows_of(plain)} == {f"jazz.000{number}" for number in (32, 33, 46, 47)}
    assert set(reasons(plain)) == {"jazz.00054.wav"}
    assert {row["track"] for row in rows_of(filtered)} == {"jazz.00032", "jazz.00047"}
    told = reasons(filtered)
    assert set(told) == {"jazz.00033.wav", "jazz.00046.wav", "jazz.00054.wav"}
    assert "Kereliuk, Sturm & Larsen 2015" in told["jazz.00033.wav"]
    other = write_genres(tmp_path / "other", {"folk": 1})
    with pytest.raises(ConfigError, match=r"--gtzan-filter: no file is named like those of GTZAN, blues\.00000"):
        run(other, tmp_path, "no", gtzan_filter=True)


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"validation_share": 0.5, "test_share": 0.5}, ConfigError, "must leave something"),
        ({"test_share": -0.1}, ConfigError, "must leave something"),
        ({"jobs": 0}, ConfigError, "jobs must be at least 1; got 0"),
        ({"segment_s": 0.05}, ConfigError, "segment_seconds must lie between 0.1 and 3600"),
        ({"segment_s": float("nan")}, ConfigError, "segment_seconds must lie between 0.1 and 3600"),
        ({"min_s": 0.0}, ConfigError, "min_seconds above 0"),
        ({"transform": "wavefrom"}, UnknownNameError, "Did you mean waveform"),
        ({"transform_config": {"rate": 1}}, UnknownNameError, "sample_rate"),
        ({"min_s": 10.0}, DataError, "nothing is left to prepare; 7 × too short"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_settings_that_cannot_be(
    genres: Path, tmp_path: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        run(genres, tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_sources_without_sound(tmp_path: Path) -> None:
    empty, texts = tmp_path / "empty", tmp_path / "texts"
    empty.mkdir()
    texts.mkdir()
    (texts / "readme.txt").write_text("no sound")
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    for source in (empty, texts, tmp_path / "empty.zip"):
        with pytest.raises(DataError, match=f"{source.name}: holds no sound file"):
            run(source, tmp_path)
    with pytest.raises(DataError, match="there is no such file"):
        run(tmp_path / "nowhere", tmp_path)


def test_nothing_stays_of_what_is_interrupted(genres: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        assert total == 7
        if done >= 3:
            raise KeyboardInterrupt

    for jobs in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            run(genres, tmp_path, jobs=jobs, progress=stop)
        assert list(tmp_path.iterdir()) == []


def test_an_existing_data_set_is_replaced_only_when_asked(genres: Path, tmp_path: Path) -> None:
    first = run(genres, tmp_path)
    with pytest.raises(DataError, match="--overwrite"):
        run(genres, tmp_path, seed=1)
    assert Dataset(first.folder).sha256 == first.sha256
    assert run(genres, tmp_path, seed=1, overwrite=True).sha256 != first.sha256


def test_a_full_disk_is_told(genres: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("numpy.save", full)
    with pytest.raises(ResourceError, match="the disk is full"):
        run(genres, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_members_are_read_from_the_disk_when_they_are_large(
    genres: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(genres / "jazz" / "jazz.00000.wav", "jazz/a.wav")
    small = run(tmp_path / "set.zip", tmp_path, "small")
    monkeypatch.setattr(reading, "_IN_MEMORY_BYTES", 1000)
    assert run(tmp_path / "set.zip", tmp_path, "large").sha256 == small.sha256


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    content = bytearray(save(tmp_path / "music" / "a.wav", tune(1, 2.0)).read_bytes())
    content[40:44] = struct.pack("<I", 10**9)
    (tmp_path / "music" / "a.wav").write_bytes(content)
    report = run(tmp_path / "music", tmp_path)
    assert len(rows_of(report)) == 2
    assert len(report.warnings) == 1


def test_what_needs_no_processes_starts_none(genres: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiprocessing.get_context", None)  # calling it would fail
    files = sorted((genres / "jazz").iterdir())[: reading.POOL_FROM - 1]
    assert prepare_audio(files, tmp_path / "data", segment_s=1.0, jobs=4).tracks == 3


# --- real clips --------------------------------------------------------------------------------------------------


def test_real_clips_of_every_label(data: Path, tmp_path: Path) -> None:
    """Two tracks of each label, by the table: no track on two sides, no part of a recording in two tracks."""
    with (data / "audio" / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen: list[dict[str, str]] = []
    for label in sorted({row["label"] for row in rows}):
        mine = [row for row in rows if row["label"] == label]
        tracks = sorted({row["track"] for row in mine})[:2]
        chosen += [row for row in mine if row["track"] in tracks][:3]
    table = tmp_path / "chosen.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(chosen)
    report = prepare_audio([data / "audio" / "genres", table], tmp_path / "data", jobs=1)
    catalogue = rows_of(report)
    assert {row["file"].split("genres/", 1)[1] for row in catalogue} == {row["file"] for row in chosen}
    assert len({(row["track"], row["split"]) for row in catalogue}) == len({row["track"] for row in chosen})
    track = {row["file"]: row["track"] for row in chosen}
    for row in report.duplicates:
        names = [str(row[name]).split("genres/", 1)[1] for name in ("name", "other")]
        assert track[names[0]] == track[names[1]]
