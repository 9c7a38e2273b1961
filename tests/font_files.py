"""Small sound fonts, written byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tonada.render.soundfont.layout import TABLES, Generator

Preset = tuple[int, int, Mapping[int, int], Sequence[Mapping[int, int]]]
"""Bank, program, the preset's generators, and those of its instrument's zones; a zone without SAMPLE is shared."""


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def font_tables(presets: Sequence[Preset], samples: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    rows: dict[str, list[Any]] = {name: [] for name in TABLES}
    for bank, program, above, zones in presets:
        rows["phdr"].append((f"p{program}", program, bank, len(rows["pbag"]), (0, 0, 0)))
        rows["pbag"].append((len(rows["pgen"]), 0))
        rows["pgen"] += [*above.items(), (Generator.INSTRUMENT, len(rows["inst"]))]
        rows["inst"].append((f"i{program}", len(rows["ibag"])))
        for zone in zones:
            rows["ibag"].append((len(rows["igen"]), 0))
            rows["igen"] += sorted(zone.items(), key=lambda item: (item[0] == Generator.SAMPLE, item[0]))
    rows["phdr"].append(("EOP", 0, 0, len(rows["pbag"]), (0, 0, 0)))
    rows["pbag"].append((len(rows["pgen"]), 0))
    rows["inst"].append(("EOI", len(rows["ibag"])))
    rows["ibag"].append((len(rows["igen"]), 0))
    rows["pgen"].append((0, 0))
    rows["igen"].append((0, 0))
    start = 0
    for sample in samples:
        first, last = sample.get("loop", (0, 0))
        length = len(sample["data"])
        base = 0 if sample.get("kind", 1) & 0x10 else start
        place = (start, start + length, base + first, base + last, sample.get("sample_rate", 32_000))
        rows["shdr"].append(
            ("s", *place, sample.get("root", 60), sample.get("correction", 0), 0, sample.get("kind", 1))
        )
        start += length
    rows["shdr"].append(("EOS", *[0] * 9))
    return {name: np.array(rows[name] or np.zeros(1, dtype), dtype) for name, dtype in TABLES.items()}


def font_bytes(tables: Mapping[str, np.ndarray], smpl: bytes) -> bytes:
    pdta = b"pdta" + b"".join(chunk(name.encode(), table.tobytes()) for name, table in tables.items())
    info = b"INFO" + chunk(b"ifil", struct.pack("<HH", 2, 1)) + chunk(b"INAM", b"test\0")
    body = chunk(b"LIST", info) + chunk(b"LIST", b"sdta" + chunk(b"smpl", smpl)) + chunk(b"LIST", pdta)
    return chunk(b"RIFF", b"sfbk" + body)


def write_font(path: Path, presets: Sequence[Preset], samples: Sequence[Mapping[str, Any]]) -> Path:
    """Write a font of presets and samples (data, loop, root, …), and give its path."""
    parts = [sample["data"] for sample in samples]
    smpl = b"".join(part if isinstance(part, bytes) else np.asarray(part, "<i2").tobytes() for part in parts)
    path.write_bytes(font_bytes(font_tables(presets, samples), smpl))
    return path
