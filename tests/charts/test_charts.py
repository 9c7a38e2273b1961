"""Charts: things stand where they belong, groups are told apart by shape and colour, texts are safe."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from tonada.charts import COLOURS, Bar, Line, Mark, bar_chart, heat_table, line_chart, mark_chart, table
from tonada.charts.axes import log_ticks
from tonada.charts.marks import SHAPES, STAR, legend

SVG = "{http://www.w3.org/2000/svg}"


def marks_of(svg: str) -> list[tuple[float, float, str, dict[str, str]]]:
    """Give place, shape and attributes of every mark."""
    found = []
    for path in ET.fromstring(svg).iter(f"{SVG}path"):
        if "mark" in path.get("class", "").split():
            place = re.match(r"M([\d.-]+) ([\d.-]+)(.*)", path.get("d"))
            found.append((float(place[1]), float(place[2]), place[3], dict(path.attrib)))
    return found


def texts(svg: str) -> list[str]:
    return [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1.0, 10.0, [1, 2, 5, 10]), (688, 29_414, [500, 1000, 2000, 5000, 10_000, 20_000, 50_000]), (3, 3, [2, 5])],
)
def test_log_ticks(low: float, high: float, expected: list[float]) -> None:
    assert log_ticks(low, high) == pytest.approx(expected)


def test_marks_stand_where_they_belong() -> None:
    marks = [Mark(x=x, y=y, group=group, name="m") for group, (x, y) in enumerate([(0, 0), (10, 10), (5, 5)])]
    found = marks_of(mark_chart(marks, x_label="x", y_label="y", title="t", width=464, height=260))
    assert [(x, y) for x, y, *_ in found] == [(64.0, 216.0), (440.0, 16.0), (252.0, 116.0)]
    assert [shape for *_, shape, _ in found] == list(SHAPES[:3])
    assert [attributes["fill"] for *_, attributes in found] == list(COLOURS[:3])
    assert [attributes["class"] for *_, attributes in found] == ["mark g0", "mark g1", "mark g2"]


def test_equal_factors_are_equal_steps_on_a_logarithmic_axis() -> None:
    marks = [Mark(x=x, y=1, group=0, name="m", written=x == 10) for x in (1, 10, 100)]
    svg = mark_chart(marks, x_label="x", y_label="y", title="t", log_x=True, joined=[(1, 1), (100, 1)])
    first, second, third = (x for x, *_ in marks_of(svg))
    assert second - first == pytest.approx(third - second)
    assert texts(svg).count("m") == 1
    (line,) = ET.fromstring(svg).iter(f"{SVG}polyline")
    assert [float(pair.split(",")[0]) for pair in line.get("points").split()] == [first, third]


def test_a_mark_without_group_is_a_star_with_its_name() -> None:
    song = Mark(x=1, y=1, group=None, name="a<b>", key="song-0")
    svg = mark_chart(
        [song, Mark(x=2, y=2, group=0, name="n", key="7", classes="k3")], x_label="", y_label="", title="t"
    )
    star, dot = marks_of(svg)
    assert star[2] == STAR
    assert (star[3]["data-key"], dot[3]["data-key"], dot[3]["class"]) == ("song-0", "7", "mark g0 k3")
    assert "a<b>" in texts(svg)
    assert "n" not in texts(svg)


def test_bare_axes_have_no_numbers() -> None:
    assert texts(mark_chart([Mark(x=1, y=1, group=0, name="n")], x_label="", y_label="", title="t", bare=True)) == []


def test_names_of_close_marks_do_not_cover_each_other() -> None:
    marks = [Mark(x=1 + 0.001 * one, y=1, group=0, name=f"m{one}", written=True) for one in range(3)]
    root = ET.fromstring(mark_chart([*marks, Mark(x=9, y=9, group=0, name="far")], x_label="", y_label="", title="t"))
    heights = [float(text.get("y")) for text in root.iter(f"{SVG}text") if (text.text or "").startswith("m")]
    assert len(heights) == 3
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 12


def test_bars_are_as_long_as_their_values() -> None:
    svg = bar_chart([Bar(name="a", value=0.5, low=0.4, high=0.8), Bar(name="b & c", value=1.0)], label="x", title="t")
    bars = [rect for rect in ET.fromstring(svg).iter(f"{SVG}rect") if rect.get("class") == "g0"]
    assert float(bars[1].get("width")) == pytest.approx(2 * float(bars[0].get("width")), rel=1e-3)
    assert {"a", "b & c", "0.5", "1"} <= set(texts(svg))
    (whisker,) = [path.get("d") for path in ET.fromstring(svg).iter(f"{SVG}path") if path.get("class") == "chart-edge"]
    low, high = re.match(r"M([\d.]+) \d+H([\d.]+)", whisker).groups()
    assert (float(high) - float(low)) / float(bars[1].get("width")) == pytest.approx(0.4, rel=1e-2)


def test_lines_can_mark_their_points_and_one_number() -> None:
    line = Line(name="a", x=[2, 3, 4], y=[1, 2, 3])
    root = ET.fromstring(line_chart([line], x_label="", y_label="", dots=True, at=3))
    dots = [float(dot.get("cx")) for dot in root.iter(f"{SVG}circle")]
    (edge,) = [path.get("d") for path in root.iter(f"{SVG}path") if path.get("class") == "chart-edge"]
    assert len(dots) == 3
    assert edge.startswith(f"M{dots[1]:.1f} ")


@pytest.mark.parametrize("svg", [mark_chart([], x_label="", y_label="", title="t"), bar_chart([], label="", title="t")])
def test_charts_of_nothing_say_so(svg: str) -> None:
    assert texts(svg) == ["nothing to show"]


def test_tables() -> None:
    html = table(["model", "x"], [["a<b", "1"]], caption="c & d")
    assert ET.fromstring(html).find(".//th[@scope='row']").text == "a<b"
    assert ET.fromstring(html).find(".//caption").text == "c & d"
    heat = ET.fromstring(heat_table(["a", "b"], ["p", "q"], [[1, 3], [0, 0]], caption="c"))
    grounds = [cell.get("style") for cell in heat.iter("td")]
    assert grounds == [f"background: rgb(0 114 178 / {0.75 * share:.2f})" for share in (0.25, 0.75, 0, 0)]
    assert [cell.text for cell in heat.iter("td")] == ["1", "3", "0", "0"]


def test_legend_names_every_group() -> None:
    items = list(ET.fromstring(legend(["rock", "jazz"])).iter("li"))
    assert ["".join(item.itertext()).strip() for item in items] == ["rock", "jazz"]
