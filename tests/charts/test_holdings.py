"""The page about what a data set holds: exact counts, times and quartiles from a catalogue."""

from __future__ import annotations

import re

from tonada.charts import holdings_page

SPLITS = ("train", "validation", "test")


def row(name: str, composer: str, split: str, seconds: float, **more: str) -> dict[str, str]:
    return {"name": name, "composer": composer, "split": split, "seconds": str(seconds), **more}


def tables(page: str) -> dict[str, list[list[str]]]:
    """Give the cells of every table, by caption."""
    return {
        caption: [
            re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in re.findall(r"<tr>(.*?)</tr>", rest)
        ]
        for caption, rest in re.findall(r"<caption>(.*?)</caption>(.*?)</table>", page)
    }  # fmt: skip


def bars(page: str, title: str) -> list[tuple[str, str]]:
    """Give names and values of a chart's bars, from top to bottom."""
    (svg,) = re.findall(rf"<title>{re.escape(title)}</title>(.*?)</svg>", page)
    names = re.findall(r'text-anchor="end">(.*?)</text>', svg)
    values = re.findall(r'<text class="chart-ink"[^>]*fill="#\w+">(.*?)</text>', svg)
    return list(zip(names, values, strict=True))


def draw(rows: list[dict[str, str]], by: tuple[str, ...] = ("composer", "style")) -> str:
    return holdings_page("Held", rows, by=by, piece="name", unit="pieces", splits=SPLITS)


def test_pieces_and_times_by_composer() -> None:
    page = draw(
        [
            row("a", "J. S. Bach", "train", 60),
            row("b", "J. S. Bach", "train", 180),
            row("c", "J. S. Bach", "test", 300),
            row("d", "Clara <Wieck>", "validation", 3600),
            row("e", "", "train", 59.6),
        ]
    )
    assert tables(page) == {
        "What it holds": [
            ["split", "pieces", "time"],
            ["train", "3", "0:05:00"],
            ["validation", "1", "1:00:00"],
            ["test", "1", "0:05:00"],
            ["all", "5", "1:10:00"],
        ],
        "Every composer": [
            ["composer", "pieces, train", "pieces, validation", "pieces, test", "time", "median length"],
            ["J. S. Bach", "2", "0", "1", "0:09:00", "0:03:00"],
            ["Clara &lt;Wieck&gt;", "0", "1", "0", "1:00:00", "1:00:00"],
            ["not named", "1", "0", "0", "0:01:00", "0:01:00"],
        ],
    }
    names = ["J. S. Bach", "Clara &lt;Wieck&gt;", "not named"]
    assert bars(page, "Pieces by composer") == list(zip(names, ["3", "1", "1"], strict=True))
    assert bars(page, "Time by composer") == list(zip(names, ["9", "60", "0.993"], strict=True))
    assert bars(page, "Length of pieces by composer") == list(zip(names, ["3", "60", "0.993"], strict=True))
    assert "By style" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_clips_are_added_up_from_their_segments() -> None:
    rows = [row("one.wav", "", "train", 5, label="metal"), row("one.wav", "", "train", 2.5, label="metal")]
    page = draw([*rows, row("two.wav", "", "test", 5, label="metal")], by=("label",))
    assert tables(page)["Every label"][1] == ["metal", "1", "0", "1", "0:00:12", "0:00:06"]
    assert bars(page, "Length of pieces by label") == [("metal", "6.25")]


def test_styles_come_after_composers_where_a_table_has_them() -> None:
    page = draw([row("a", "Bach", "train", 60, style="baroque")])
    assert page.index("By composer") < page.index("By style")
    assert bars(page, "Pieces by style") == [("baroque", "1")]


def test_of_many_composers_the_largest_have_bars_and_all_have_rows() -> None:
    rows = [row(f"{number}-{copy}", f"C{number:02}", "train", 60) for number in range(25) for copy in range(1 + number)]
    page = draw(rows)
    assert len(tables(page)["Every composer"]) == 1 + 25
    assert bars(page, "Pieces by composer") == [(f"C{number:02}", str(number + 1)) for number in range(24, 4, -1)]
    assert "20 with the most pieces, of 25" in page


def test_nothing_to_group_by() -> None:
    page = draw([row("a", "", "train", 60)])
    assert list(tables(page)) == ["What it holds"]
