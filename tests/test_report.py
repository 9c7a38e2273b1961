"""Charts and reports: exact axes, well-formed files, nothing from elsewhere."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tonada.charts import Line, line_chart, ticks
from tonada.config import write_toml
from tonada.report import write_report


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0.13, 0.87, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3, 1200, [-500, 0, 500, 1000, 1500]),
        (10.2, 10.9, [10.2, 10.4, 10.6, 10.8, 11.0]),
    ],
)
def test_ticks(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize("value", [0.0, 5.0, -2.0, 1e-9])
def test_ticks_around_one_value(value: float) -> None:
    found = ticks(value, value)
    assert found[0] < value < found[-1]


def test_points_stand_where_they_belong() -> None:
    svg = line_chart([Line(name="a<b", x=[0, 5, 10], y=[0, math.nan, 10])], x_label="step", y_label="loss")
    root = ET.fromstring(svg)
    (line,) = root.iter("{http://www.w3.org/2000/svg}polyline")
    assert line.attrib["points"] == "64.0,256.0 616.0,36.0"
    assert "a<b" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_chart_of_nothing_says_so() -> None:
    assert "nothing to show yet" in line_chart([Line(name="a", x=[1], y=[math.nan])], x_label="x", y_label="y")


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def test_report(tmp_path: Path) -> None:
    write_toml(tmp_path / "config.toml", {"model": {"name": "gpt", "width": 8}, "trainer": {"steps": 1000}})
    records = [
        {
            "step": step,
            "seconds": step * 0.6,
            "learning_rate": 0.1,
            "gradient_norm": 1.0,
            "loss": {"model": {"nll": 9 / step}},
        }
        for step in range(1, 1001)
    ]
    records[499]["validation"] = {"score": 2.5}
    records[999]["validation"] = {"score": 3.5}
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "step-000500-1.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "samples" / "step-000500-1.mid").write_bytes(b"MThd")
    page = write_report(tmp_path).read_text()
    assert "1000 steps in 10.0 minutes. Best validation score 2.5000, after step 500." in page
    for svg in re.findall(r"<svg.*?</svg>", page):
        ET.fromstring(svg)
    links = Links()
    links.feed(page)
    assert len(links.found) == 2
    assert 'alt="Piano roll of step-000500-1"' in page
    assert all(link.startswith("data:") for link in links.found)
    assert "nll (mean of 3)" in page
    assert "<code>1000</code>" in page


def started(run: Path) -> Path:
    write_toml(run / "config.toml", {"model": {"name": "gpt"}})
    (run / "log.jsonl").write_text("")
    (run / "samples").mkdir()
    return run / "samples"


def test_samples_of_sound_are_played_and_named(tmp_path: Path) -> None:
    samples = started(tmp_path)
    for name in ("original-1.ogg", "step-000100-1.ogg"):
        (samples / name).write_bytes(b"OggS")
    (samples / "step-000100-1.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    page = write_report(tmp_path).read_text()
    assert page.count("<audio controls") == 2
    assert page.index("Sound of original-1") < page.index("Sound of step-000100-1")
    assert 'alt="Waveform and spectrogram of step-000100-1"' in page
    assert "Piano roll" not in page


def test_samples_of_a_long_run_are_those_of_its_ends(tmp_path: Path) -> None:
    samples = started(tmp_path)
    for step in range(100, 1100, 100):
        for number in (1, 2):
            (samples / f"step-{step:06}-{number}.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    page = write_report(tmp_path).read_text()
    found = re.findall(r'alt="Picture of step-0*(\d+)-([12])"', page)
    steps = ["1000", "900", "800", "700", "100"]
    assert found == [(step, number) for step in steps for number in ("1", "2")]
    assert "The samples of 5 more steps are in the folder samples." in page


def test_remarks_come_first(tmp_path: Path) -> None:
    started(tmp_path)
    page = write_report(tmp_path, remarks=["Nothing <but> silence."]).read_text()
    assert page.index("Nothing &lt;but&gt; silence.") < page.index("No step has been taken yet")


def test_report_of_a_run_that_just_began(tmp_path: Path) -> None:
    write_toml(tmp_path / "config.toml", {"model": {"name": "gpt"}})
    (tmp_path / "log.jsonl").write_text("")
    assert "No step has been taken yet" in write_report(tmp_path).read_text()
