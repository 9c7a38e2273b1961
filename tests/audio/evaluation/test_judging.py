"""Judging: rows and their order, sets that are known to be near or far, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tonada.audio.clip import Clip, read_clip
from tonada.audio.evaluation.controls import CONTROLS
from tonada.audio.evaluation.judging import EMBEDDINGS, Judgement, judge
from tonada.errors import ConfigError, UnknownNameError
from tonada.statistics.comparison import LEAST_GROUPS, MEASURES

RATE = 22_050


def tune(seed: int, seconds: float = 1.0) -> Clip:
    """Play a few random tones with overtones, each with its own decay."""
    draw = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros(len(time))
    for onset in np.arange(0.0, seconds, draw.choice([0.125, 0.25])):
        since = np.maximum(time - onset, 0.0)
        hz = 220.0 * 2.0 ** (draw.integers(0, 25) / 12)
        tone = sum(np.sin(2 * np.pi * hz * k * since) / k for k in range(1, draw.integers(2, 9)))
        sound += (time >= onset) * tone * np.exp(-draw.uniform(3, 9) * since)
    return Clip(samples=(draw.uniform(0.02, 0.1) * sound).astype(np.float32)[None], sample_rate=RATE)


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    real, others = [tune(seed) for seed in range(30)], [tune(100 + seed) for seed in range(15)]
    sets = {"tunes": [tune(200 + seed) for seed in range(20)], "one tune": [tune(300)] * 15}
    return judge(real, sets, others=others, tracks=[seed // 2 for seed in range(30)], draws=10)


def test_every_set_and_control_has_its_row(judgement: Judgement) -> None:
    assert [row.name for row in judgement.rows] == ["real", "tunes", "one tune", *CONTROLS]
    assert {row.clips for row in judgement.rows} == {15}  # as many as the smallest set
    assert (judgement.reference_clips, judgement.reference_tracks) == (30, 15)
    for row in judgement.rows:
        assert tuple(row.embeddings) == EMBEDDINGS
        assert all(tuple(estimates) == tuple(MEASURES) for estimates in row.embeddings.values())


def test_what_is_drawn_as_the_reference_is_nearer_than_the_controls(judgement: Judgement) -> None:
    for name in ("real", "tunes"):
        for control in ("shuffled frames", "band noise", "white noise"):
            closer = judgement.closer(name, control)
            for embedding in EMBEDDINGS:
                assert closer[f"{embedding} frechet"], (name, control, embedding)
                assert closer[f"{embedding} kernel"], (name, control, embedding)
                assert closer[f"{embedding} coverage"], (name, control, embedding)


def test_one_tune_again_and_again_has_no_diversity(judgement: Judgement) -> None:
    for name, estimates in judgement.row("one tune").embeddings.items():
        assert estimates["diversity"].value == pytest.approx(0.0, abs=1e-9)
        assert estimates["recall"].value == 0.0
        assert estimates["coverage"].value < judgement.row("real").embeddings[name]["coverage"].value


def test_static_index_is_about_one_for_what_moves_as_the_reference_does(judgement: Judgement) -> None:
    assert judgement.row("tunes").static_index.value == pytest.approx(1.0, abs=0.3)
    row = judgement.row("tunes").static_index
    assert row.low < row.value < row.high


def test_tables_and_json_hold_every_figure(judgement: Judgement) -> None:
    table = judgement.table()
    assert len(table) == len(judgement.rows) * len(EMBEDDINGS)
    assert list(table[0]) == ["set", "embedding", "clips", *MEASURES, "static index"]
    assert table[0]["frechet"] == judgement.row("real").embeddings["texture"]["frechet"].value
    stored = json.loads(judgement.to_json())
    assert stored["rows"][0]["embeddings"]["listener"]["coverage"].keys() == {"value", "low", "high"}


def test_a_set_is_not_closer_than_itself(judgement: Judgement) -> None:
    assert not any(judgement.closer("tunes", "tunes").values())
    with pytest.raises(UnknownNameError, match=r"unknown set 'tune'\. Did you mean tunes"):
        judgement.closer("tunes", "tune")


def test_without_other_clips_the_real_ones_are_split_by_track() -> None:
    real = [tune(seed, 0.3) for seed in range(48)]
    heard: list[tuple[int, int]] = []
    result = judge(
        real,
        {},
        tracks=[seed // 2 for seed in range(48)],
        draws=2,
        progress=lambda done, total: heard.append((done, total)),
    )
    assert (result.reference_clips, result.reference_tracks) == (24, 12)
    assert [row.name for row in result.rows] == ["real", *CONTROLS]
    total = 24 * (2 + len(CONTROLS))
    assert heard == [(done, total) for done in range(1, total + 1)]


def test_the_seed_decides_everything() -> None:
    real, others = [tune(seed, 0.3) for seed in range(12)], [tune(50 + seed, 0.3) for seed in range(12)]
    first, again = (judge(real, {}, others=others, draws=2, seed=3) for _ in range(2))
    assert first == again


def test_names_and_sizes_are_checked() -> None:
    clips = [tune(seed, 0.2) for seed in range(LEAST_GROUPS)]
    with pytest.raises(ConfigError, match="'white noise' is the name of a row"):
        judge(clips, {"white noise": clips}, others=clips)
    with pytest.raises(ConfigError, match=f"at least {LEAST_GROUPS} clips of each set .* got 3"):
        judge(clips, {"few": clips[:3]}, others=clips)
    with pytest.raises(ConfigError, match="needs its group; got 2"):
        judge(clips, {}, others=clips, tracks=["a", "b"])


@pytest.mark.slow
def test_real_music_is_ordered_as_it_sounds(data: Path) -> None:
    with (data / "audio" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::2]
    clips = []
    for row in rows:
        whole = read_clip(data / "audio" / "genres" / row["file"])
        clips.append(Clip(samples=whole.samples[:, : 5 * RATE].copy(), sample_rate=whole.sample_rate))
    result = judge(clips, {}, tracks=[row["track"] for row in rows], draws=10)
    for embedding in EMBEDDINGS:
        frechet = {row.name: row.embeddings[embedding]["frechet"].value for row in result.rows}
        coverage = {row.name: row.embeddings[embedding]["coverage"].value for row in result.rows}
        assert frechet["real"] < 0.5 * frechet["shuffled frames"], embedding
        assert frechet["shuffled frames"] < frechet["band noise"] < frechet["white noise"], embedding
        assert coverage["real"] > coverage["shuffled frames"] > coverage["white noise"], embedding
