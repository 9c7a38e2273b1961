"""Writing SoundFont files of one preset."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tonada.render.soundfont.layout import DEFAULTS, KIND_MONO, RANGES, TABLES, Generator, Sample, Zone

_ENVELOPE = (
    Generator.DELAY,
    Generator.ATTACK,
    Generator.HOLD,
    Generator.DECAY,
    Generator.SUSTAIN,
    Generator.RELEASE,
)
_GAP = 46  # samples of silence that must follow every sample (7.10)


def pack_preset(*, samples: Sequence[Sample], zones: Sequence[Zone], info: Mapping[str, str]) -> bytes:
    """Give the bytes of a font (version 2.01) with one preset: bank 0, program 0.

    Parameters
    ----------
    samples
        The sounds; those that share their data, the very array, share it in the file.
    zones
        What plays them; generators that are at their default are left out.
    info
        Chunk name → text of the INFO list. "INAM", the name of the font, is also that of the preset.
    """
    name = info["INAM"].encode("ascii")
    bags, generators = [(0, 0)], []
    for zone in zones:
        generators += [
            (operator, last << 8 | first)
            for operator, (first, last) in zip(RANGES, (zone.keys, zone.velocities), strict=True)
        ]
        generators += sorted((key, amount) for key, amount in zone.amounts.items() if amount != DEFAULTS[key])
        generators.append((Generator.SAMPLE, zone.sample))
        bags.append((len(generators), 0))
    # A preset's generators are added, so 0 changes nothing; but symusic's synthesizer takes an absent one for -12000.
    above = [(operator, 0) for operator in _ENVELOPE] + [(Generator.INSTRUMENT, 0)]
    headers, parts, starts, end = [], [], {}, 0
    for sample in samples:
        if id(sample.data) not in starts:
            starts[id(sample.data)] = end
            parts += [sample.data.astype("<i2").tobytes(), bytes(2 * _GAP)]
            end += len(sample.data) + _GAP
        start, (first, last) = starts[id(sample.data)], sample.loop
        place = (start, start + len(sample.data), start + first, start + last)
        pitch = (sample.root, sample.correction_cents)
        headers.append((sample.name.encode("ascii", "replace"), *place, sample.sample_rate, *pitch, 0, KIND_MONO))
    rows: dict[str, list[Any]] = {
        "phdr": [(name, 0, 0, 0, (0, 0, 0)), (b"EOP", 0, 0, 1, (0, 0, 0))],
        "pbag": [(0, 0), (len(above), 0)],
        "pgen": [*above, (0, 0)],
        "inst": [(name, 0), (b"EOI", len(zones))],
        "ibag": bags,
        "igen": [*generators, (0, 0)],
        "shdr": [*headers, (b"EOS", *[0] * 9)],
    }
    # Modulators: the closing row alone.
    tables = {key: np.array(rows[key], dtype) if key in rows else np.zeros(1, dtype) for key, dtype in TABLES.items()}
    texts = [_chunk(key.encode("ascii"), text.encode("ascii") + b"\0") for key, text in info.items()]
    lists = (
        (b"INFO", [_chunk(b"ifil", struct.pack("<HH", 2, 1)), *texts]),
        (b"sdta", [_chunk(b"smpl", b"".join(parts))]),
        (b"pdta", [_chunk(key.encode("ascii"), table.tobytes()) for key, table in tables.items()]),
    )
    return _chunk(b"RIFF", b"sfbk" + b"".join(_chunk(b"LIST", key + b"".join(chunks)) for key, chunks in lists))


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
