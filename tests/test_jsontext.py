from __future__ import annotations

import json
import math
from dataclasses import dataclass

from tonada.jsontext import to_json


@dataclass(frozen=True)
class Inner:
    share: float


@dataclass(frozen=True)
class Outer:
    name: str
    inner: tuple[Inner, ...]


def test_dataclasses_become_objects_and_numbers_that_are_none_null() -> None:
    value = Outer("Für Elise", (Inner(0.5), Inner(math.nan), Inner(math.inf)))
    text = to_json({"all": [value, True, None, 3]})
    assert "Für Elise" in text
    inner = [{"share": 0.5}, {"share": None}, {"share": None}]
    assert json.loads(text) == {"all": [{"name": "Für Elise", "inner": inner}, True, None, 3]}


def test_a_name_that_is_no_text_can_be_encoded_and_read_back() -> None:
    text = to_json(["a\udcff é"])
    assert json.loads(text.encode()) == ["a\udcff é"]
