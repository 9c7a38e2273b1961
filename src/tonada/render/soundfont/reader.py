"""Reading SoundFont files: the RIFF form, and the zones and samples of a preset when they are asked for.

Version 3, in which samples are Ogg Vorbis files, is read too. What is left out: modulators, the 8 additional bits of
24-bit samples, samples in the ROM of a sound card.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from tonada.errors import DataError
from tonada.files import translated_errors
from tonada.render.soundfont.layout import DEFAULTS, KIND_ROM, KIND_VORBIS, RANGES, TABLES, Generator, Sample, Zone

_INSTRUMENT_ONLY = (Generator.SAMPLE_MODES, Generator.ROOT_KEY)
_WHOLE_RANGE = 127 << 8


class SoundFont:
    """A font that was read: its presets, and their zones and samples when asked for.

    Parameters
    ----------
    path
        The file; it is mapped, not copied, so that only what is played is read.

    Raises
    ------
    DataError
        The file cannot be read, or is not a sound SoundFont.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with translated_errors(path):
            if path.stat().st_size < 12:
                raise DataError(path, "not a SoundFont: too short")
            self._bytes = np.memmap(path, dtype=np.uint8, mode="r")
        if bytes(self._bytes[:4]) != b"RIFF" or bytes(self._bytes[8:12]) != b"sfbk":
            raise DataError(path, "not a SoundFont: it does not begin with RIFF … sfbk")
        chunks = self._chunks(12, len(self._bytes))
        absent = sorted({"smpl", *TABLES} - chunks.keys())
        if absent:
            raise DataError(path, f"not a sound SoundFont: no {', '.join(absent)} chunk")
        self._tables = {name: self._table(chunks[name], dtype) for name, dtype in TABLES.items()}
        self._smpl = self._bytes[slice(*chunks["smpl"])]
        self.presets: dict[tuple[int, int], str] = {}
        self._rows: dict[tuple[int, int], int] = {}
        for row, header in enumerate(self._tables["phdr"][:-1]):
            key = int(header["bank"]), int(header["program"])
            if key not in self._rows:
                self._rows[key] = row
                self.presets[key] = _text(header["name"])

    def _chunks(self, start: int, end: int) -> dict[str, tuple[int, int]]:
        """Give where each chunk's bytes begin and end, lists opened."""
        found: dict[str, tuple[int, int]] = {}
        while start + 8 <= end:
            name, size = bytes(self._bytes[start : start + 4]), int(self._bytes[start + 4 : start + 8].view("<u4")[0])
            first, last = start + 8, start + 8 + size
            if last > end:
                raise DataError(self.path, "not a sound SoundFont: it ends in the middle of a chunk")
            if name == b"LIST":
                found |= self._chunks(first + 4, last)
            else:
                found[name.decode("latin-1")] = first, last
            start = last + size % 2
        return found

    def _table(self, place: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
        data = bytes(self._bytes[slice(*place)])
        if not data or len(data) % dtype.itemsize:
            raise DataError(self.path, "not a sound SoundFont: a table has a broken size")
        return np.frombuffer(data, dtype)

    def _span(self, name: str, row: int, column: str, target: str) -> range:
        """Give the rows of ``target`` that belong to one row of a table: from its index to the next row's."""
        table = self._tables[name]
        if not row + 1 < len(table):
            raise DataError(self.path, f"not a sound SoundFont: {name} {row} does not exist")
        first, last = int(table[row][column]), int(table[row + 1][column])
        if not first <= last < len(self._tables[target]):
            raise DataError(self.path, f"not a sound SoundFont: {name} {row} points outside {target}")
        return range(first, last)

    def _zones(self, level: str, row: int) -> list[tuple[int, dict[int, int]]]:
        """Give the zones of a preset (level p) or instrument (level i): what each leads to, and its generators."""
        header, terminal = ("phdr", Generator.INSTRUMENT) if level == "p" else ("inst", Generator.SAMPLE)
        shared: dict[int, int] = {}
        zones = []
        for number, bag in enumerate(self._span(header, row, "bag", f"{level}bag")):
            amounts = dict(shared)
            span = self._span(f"{level}bag", bag, "generator", f"{level}gen")
            for operator, amount in self._tables[f"{level}gen"][span.start : span.stop].tolist():
                amounts[operator] = amount
                if operator == terminal:
                    zones.append((amount & 0xFFFF, amounts))
                    break  # what stands behind it is to be ignored (8.1.2)
            else:
                if number == 0:
                    shared = amounts
        return zones

    def zones(self, bank: int, program: int) -> list[Zone]:
        """Give the zones of a preset, flat: the preset's generators are added to the instrument's (9.4).

        Raises
        ------
        DataError
            The tables point outside each other.
        """
        found = []
        for instrument, above in self._zones("p", self._rows[bank, program]):
            for sample, amounts in self._zones("i", instrument):
                keys, velocities = (
                    _overlap(above.get(name, _WHOLE_RANGE), amounts.get(name, _WHOLE_RANGE)) for name in RANGES
                )
                if keys[0] > keys[1] or velocities[0] > velocities[1]:
                    continue
                total = {
                    name: amounts.get(name, default) + (0 if name in _INSTRUMENT_ONLY else above.get(name, 0))
                    for name, default in DEFAULTS.items()
                }
                found.append(Zone(keys=keys, velocities=velocities, sample=sample, amounts=total))
        return found

    def sample(self, zone: Zone) -> Sample:
        """Give the sample of a zone as that zone plays it: cut, looped and rooted by its generators.

        Raises
        ------
        DataError
            The sample is not in the file, or cannot be decoded.
        """
        if not zone.sample < len(self._tables["shdr"]) - 1:
            raise DataError(self.path, f"not a sound SoundFont: sample {zone.sample} does not exist")
        header = self._tables["shdr"][zone.sample]
        name = _text(header["name"])
        if header["kind"] & KIND_ROM:
            raise DataError(self.path, f"sample '{name}' is in the ROM of a sound card")
        start, end = int(header["start"]), int(header["end"])
        loop = np.array([header["loop_start"], header["loop_end"]], dtype=np.int64)
        if header["kind"] & KIND_VORBIS:
            data = self._decoded(start, end, name)
            start, end = 0, len(data)
        else:
            data = self._smpl[: len(self._smpl) // 2 * 2].view("<i2")
        amount = zone.amounts
        start += amount[Generator.START_OFFSET] + 32768 * amount[Generator.START_COARSE_OFFSET]
        end += amount[Generator.END_OFFSET] + 32768 * amount[Generator.END_COARSE_OFFSET]
        loop[0] += amount[Generator.LOOP_START_OFFSET] + 32768 * amount[Generator.LOOP_START_COARSE_OFFSET]
        loop[1] += amount[Generator.LOOP_END_OFFSET] + 32768 * amount[Generator.LOOP_END_COARSE_OFFSET]
        if not (0 <= start < end <= len(data)) or not 0 < header["sample_rate"] < 2**31:
            raise DataError(self.path, f"not a sound SoundFont: sample '{name}' lies outside the file")
        root = amount[Generator.ROOT_KEY] if 0 <= amount[Generator.ROOT_KEY] <= 127 else int(header["root"])
        return Sample(
            name=name,
            data=np.array(data[start:end], dtype=np.int16),
            sample_rate=int(header["sample_rate"]),
            root=root if root <= 127 else 60,  # 255 marks a sound without pitch (7.10)
            correction_cents=int(header["correction"]),
            loop=(int(loop[0]) - start, int(loop[1]) - start),
        )

    def _decoded(self, start: int, end: int, name: str) -> NDArray[np.int16]:
        try:
            data, _ = soundfile.read(io.BytesIO(bytes(self._smpl[start:end])), dtype="int16", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise DataError(self.path, f"sample '{name}' cannot be decoded: {error}") from error
        first: NDArray[np.int16] = data[:, 0]
        return first


def _text(name: bytes) -> str:
    return name.partition(b"\0")[0].decode("latin-1").strip()


def _overlap(one: int, other: int) -> tuple[int, int]:
    """Give first and last of two ranges' overlap; a range holds its first in the low byte, its last in the high."""
    return max(one & 0xFF, other & 0xFF), min(one >> 8 & 0xFF, other >> 8 & 0xFF)
