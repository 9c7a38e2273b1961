"""explore, from data set and models to the page: what it finds, what it writes, and what it refuses."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

import tonada
from cosine_autoencoder import SAMPLE_RATE, register, save_cosine, save_kinds
from midi_files import PIECE
from tiny_model import save_tiny_model
from tonada.api.exploring import Exploration, explore
from tonada.audio.clip import Clip, write_clip
from tonada.audio.latents.findings import OutsideFindings
from tonada.data import Piece, write_dataset
from tonada.errors import CheckpointError, ConfigError, DataError, MissingDependencyError, UnknownNameError
from tonada.render.explorer.assets import PAGE_STYLE
from tonada.render.explorer.page import write_page
from tonada.render.explorer.sounds import Store
from tonada.render.explorer.words import estimate, judge_song, number, size
from tonada.statistics.intervals import Estimate

VOID = {"meta", "input", "br", "link", "img", "hr"}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order, and everything it names is noted."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.texts[self.elements[-1][1].get("id", "code")] = data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as context:
        register(context)
        yield context


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a data set, three models, and songs."""
    folder = tmp_path_factory.mktemp("explore")
    save_kinds(folder / "data", validation=12, test=6)
    for width in (24, 8, 2):
        save_cosine(folder / f"cosine-{width}", width)
    time_s = np.arange(3 * 22_050) / 22_050
    song = 0.4 * np.sin(2 * np.pi * 112 * time_s)
    write_clip(Clip(samples=np.stack((song, song)).astype(np.float32), sample_rate=22_050), folder / "out side.wav")
    (folder / "text.wav").write_text("no sound", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def explored(place: Path) -> Exploration:
    return explore(
        *(place / f"cosine-{width}" for width in (24, 8, 2)),
        data=place / "data",
        output=place / "report",
        outside=[place / "out side.wav", place / "text.wav"],
        split="validation,test",
    )


@pytest.fixture(scope="module")
def page(explored: Exploration) -> Page:
    return Page(explored.files[0].read_text(encoding="utf-8"))


# --- what is found -----------------------------------------------------------------------------------------------


def test_kinds_of_sound_are_told_apart(explored: Exploration) -> None:
    large, middle, _ = explored.findings.models
    assert large.pooled.scan.elbow in (3, 4)
    for model in (large, middle):
        division = model.pooled.at_labels
        assert division is not None
        assert division.agreement["homogeneity"].value > 0.95
        assert division.chance["homogeneity"].value < 0.5
        assert model.pooled.probe is not None
        assert model.pooled.probe.accuracy.value > 0.95


def test_less_latent_loses_more(explored: Exploration) -> None:
    models = explored.findings.models
    distances = [model.scores["stft_distance"].value for model in models]
    assert distances == sorted(distances)
    assert [model.values_per_second for model in models] == [3000, 1000, 250]
    assert explored.findings.proposal.name == "cosine-24"


def test_a_song_from_outside_is_among_its_like(explored: Exploration) -> None:
    (song,) = explored.findings.outside
    assert (song.name, song.parts) == ("out side.wav", 6)
    assert {label for found in song.models for _, label in found.nearest[:1]} == {"hum"}
    (failure,) = explored.failures
    assert failure.name.endswith("text.wav")
    assert isinstance(failure.error, DataError)


def test_figures_are_json(explored: Exploration) -> None:
    told = json.loads(explored.files[1].read_text(encoding="utf-8"))
    assert (told["clips"], told["tracks"], told["clip_seconds"]) == (18, 9, 0.5)
    assert told["labels"] == {"hum": 6, "noise": 6, "whistle": 6}
    assert [model["name"] for model in told["models"]] == ["cosine-24", "cosine-8", "cosine-2"]
    assert set(told["models"][0]["pooled"]["components"]) == {"80%", "90%", "95%", "99%"}
    assert told["models"][0]["scores"]["si_sdr_db"].keys() == {"value", "low", "high"}
    assert told["mfcc"]["division"]["agreement"]["homogeneity"]["value"] > 0.9
    assert told["made_with"].keys() >= {"torch", "scikit-learn"}
    assert told["split"] == ["validation", "test"]


def test_points_are_a_table(explored: Exploration) -> None:
    rows = list(csv.DictReader(io.StringIO(explored.files[2].read_text(encoding="utf-8"))))
    assert len(rows) == 18 * (3 * 3 + 2)
    assert {(row["model"], row["view"]) for row in rows} >= {("cosine-2", "flattened"), ("MFCC", "neighbours")}
    assert rows[0]["clip"] == explored.findings.sources[0].name


# --- the page ----------------------------------------------------------------------------------------------------


def test_the_page_needs_nothing_from_elsewhere(explored: Exploration, page: Page) -> None:
    text = explored.files[0].read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
    assert set(re.findall(r"https?://[^\s\"'<)]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert re.findall(r"url\(|@import", PAGE_STYLE) == []
    (policy,) = [meta["content"] for meta in page.named("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


def test_the_page_says_that_the_test_split_was_read(explored: Exploration) -> None:
    assert "validation and test of" in (text := explored.files[0].read_text(encoding="utf-8"))
    assert "The test split was read" in text


def test_links_lead_somewhere_and_names_are_unique(page: Page) -> None:
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(names) == len(set(names))
    targets = [link["href"][1:] for link in page.named("a")]
    assert {"size", "listen", "outside", "maps", "clusters", "between", "health", "about"} == set(targets) & set(names)


def test_every_player_has_its_sound_and_a_name(page: Page) -> None:
    stored = json.loads(page.texts["sounds"])
    players = [player for player in page.named("audio") if "data-sound" in player]
    assert len(players) > 20
    assert all(player["data-sound"] in stored and player["aria-label"] for player in players)
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(stored["model-0-clip-0"])))
    assert (rate, samples.ndim, len(samples)) == (SAMPLE_RATE, 1, SAMPLE_RATE // 2)


def test_every_mark_of_a_map_is_a_clip(explored: Exploration, page: Page) -> None:
    clips, stored = json.loads(page.texts["clips"]), json.loads(page.texts["sounds"])
    assert set(clips) == {*(str(row) for row in range(18)), "song-0"}
    assert all(clip["sound"] in stored for clip in clips.values())
    keys = [path["data-key"] for path in page.named("path") if "data-key" in path]
    assert set(keys) == set(clips)
    # Three views of three models with the song, and two of the reference without.
    assert len(keys) == 9 * 19 + 2 * 18
    assert clips["0"]["name"] == f"hum: {explored.findings.sources[0].name}"


def test_pictures_say_what_they_show(explored: Exploration, page: Page) -> None:
    text = explored.files[0].read_text(encoding="utf-8")
    drawn = [svg for svg in page.named("svg") if svg.get("role") == "img"]
    assert len(drawn) > 20
    assert all(svg.get("aria-label") or svg.get("class") == "chart" for svg in drawn)
    assert len(re.findall(r'<svg [^>]*class="chart"[^>]*><title>[^<]+</title>', text)) == len(
        [svg for svg in drawn if svg.get("class") == "chart"]
    )


def test_the_same_findings_give_the_same_page(explored: Exploration, tmp_path: Path) -> None:
    write_page(explored.findings, tmp_path / "again.html", limit_bytes=8_000_000)
    assert (tmp_path / "again.html").read_bytes() == explored.files[0].read_bytes()


def test_a_small_page_says_what_it_leaves_out(explored: Exploration, tmp_path: Path) -> None:
    full = explored.files[0].stat().st_size
    write_page(explored.findings, tmp_path / "small.html", limit_bytes=full // 2)
    text = (tmp_path / "small.html").read_text(encoding="utf-8")
    page = Page(text)
    assert len(text.encode()) <= full // 2
    assert "clips of the maps were left out, to keep this page small" in text
    stored = json.loads(page.texts["sounds"])
    assert {player["data-sound"] for player in page.named("audio") if "data-sound" in player} <= set(stored)


def test_a_store_keeps_each_sound_once_and_within_its_limit() -> None:
    clip = Clip(samples=np.zeros((1, 8000), np.float32), sample_rate=8000)
    store = Store(20_000)
    assert store.add("a", clip, "sounds")
    before = len(store.script())
    assert store.add("a", clip, "sounds")
    assert len(store.script()) == before
    assert not store.take(1_000_000, "pictures")
    assert store.left_out == {"pictures": 1}
    assert "left out" in store.player("b", "B")
    assert 'aria-label="&lt;A&gt;"' in store.player("a", "<A>")


def test_figures_in_words() -> None:
    assert estimate(Estimate(value=-0.5, low=-1.0, high=0.25)) == "\u22120.50 (\u22121.00\u00a0to\u00a00.25)"
    assert estimate(Estimate(value=0.5, low=float("nan"), high=float("nan"))) == "0.50"
    assert [number(value) for value in (29_414.4, 0.12345, float("nan"))] == ["29,414", "0.123", "–"]
    assert size(12.0) == "12 times fewer than samples"
    assert size(0.75) == "1.33 times more than samples"


@pytest.mark.parametrize(
    ("share", "good", "said"),
    [
        (0.06, False, "worse than most tracks"),
        (0.24, False, "worse than most tracks"),
        (0.25, True, "like the tracks"),
        (0.75, True, "like the tracks"),
        (0.76, True, "better than most tracks"),
    ],
)
def test_a_song_is_told_where_it_stands(share: float, good: bool, said: str) -> None:
    silence = Clip(samples=np.zeros((1, 8), np.float32), sample_rate=8000)
    found = OutsideFindings(scores={}, better_than=share, nearest=[], places={}, decoded=silence)
    verdict, sentence = judge_song(found)
    assert verdict is good
    assert said in sentence
    assert f"{100 * share:.0f} % of the tracks" in sentence


# --- what is refused ---------------------------------------------------------------------------------------------


def test_the_function_is_public() -> None:
    assert tonada.explore is explore


def test_a_limit_leaves_clips_out_and_says_so(place: Path, tmp_path: Path) -> None:
    found = explore(place / "cosine-2", data=place / "data", output=tmp_path, limit=9, split="all")
    assert len(found.findings.sources) == 9
    assert [source.label for source in found.findings.sources].count("hum") == 3
    assert "15 of 24 clips were left out" in found.findings.remarks[0]
    assert "15 of 24 clips were left out" in found.files[0].read_text(encoding="utf-8")


def test_models_of_one_name_are_told_apart(place: Path, tmp_path: Path) -> None:
    found = explore(place / "cosine-2", place / "cosine-2", data=place / "data", output=tmp_path, limit=6)
    assert found.findings.facts["split"] == ["validation"]
    assert "The test split was read" not in found.files[0].read_text(encoding="utf-8")
    assert [model.name for model in found.findings.models] == ["cosine-2", "cosine-2 (2)"]


def test_one_label_and_few_clips_are_enough(place: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(1)
    pieces = [
        Piece(name=f"n{one}", split="test", array=noise.integers(-9000, 9000, 2000).astype(np.int16))
        for one in range(4)
    ]
    write_dataset(tmp_path / "data", codec="waveform", codec_config={"sample_rate": SAMPLE_RATE}, pieces=pieces)
    found = explore(place / "cosine-8", data=tmp_path / "data", output=tmp_path / "out", split="test")
    Page(found.files[0].read_text(encoding="utf-8"))
    assert found.findings.models[0].pooled.probe is None
    json.loads(found.files[1].read_text(encoding="utf-8"))


def test_what_cannot_be_explored(place: Path, tmp_path: Path) -> None:
    models, data = [place / "cosine-2"], place / "data"
    with pytest.raises(ConfigError, match="name a model"):
        explore(data=data, output=tmp_path)
    with pytest.raises(CheckpointError, match="no model 'nothing'"):
        explore("nothing", data=data, output=tmp_path)
    with pytest.raises(ConfigError, match="no latents of sound"):
        explore(save_tiny_model(tmp_path / "gpt"), data=data, output=tmp_path)
    with pytest.raises(UnknownNameError, match="unknown split 'tests'"):
        explore(*models, data=data, output=tmp_path, split="validation,tests")
    with pytest.raises(ConfigError, match="limit must be at least 4"):
        explore(*models, data=data, output=tmp_path, limit=3)
    with pytest.raises(DataError, match="no prepared data set"):
        explore(*models, data=tmp_path, output=tmp_path)
    with pytest.raises(DataError, match=r"text\.wav"):
        explore(*models, data=data, output=tmp_path / "none", outside=[place / "text.wav"])
    (tmp_path / "piece.mid").write_bytes(PIECE)
    tonada.prepare(tmp_path / "piece.mid", output=tmp_path / "notes", tokenizer="giga", min_notes=1)
    with pytest.raises(ConfigError, match="holds 'giga', no waveforms"):
        explore(*models, data=tmp_path / "notes", output=tmp_path)
    assert not (tmp_path / "none").exists()


def test_without_scikit_learn(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tonada\[app\]'"):
        explore(place / "cosine-2", data=place / "data", output=tmp_path)
