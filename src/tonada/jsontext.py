"""Results as JSON: dataclasses become objects, and what is not a number becomes null, which every reader knows."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any


def to_json(value: Any) -> str:
    """Give a value as JSON text, indented, in Unicode.

    Parameters
    ----------
    value
        Dataclasses, mappings, lists, tuples, texts, numbers, booleans and None, in any nesting; paths become texts,
        NaN and infinities null.
    """
    text = json.dumps(_plain(value), indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode()  # the name of a file need not be text


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
