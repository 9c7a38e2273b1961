"""What a SoundFont file is made of: the tables of presets, instruments, zones and samples, and their generators.

Source: SoundFont Technical Specification 2.04 (E-mu Systems, 2006), sections 7 and 8; the numbers in brackets in this
package are its sections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

GENERATOR = np.dtype([("operator", "<u2"), ("amount", "<i2")])
BAG = np.dtype([("generator", "<u2"), ("modulator", "<u2")])
TABLES = {
    "phdr": np.dtype([("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("reserved", "<u4", 3)]),
    "pbag": BAG,
    "pmod": np.dtype("V10"),
    "pgen": GENERATOR,
    "inst": np.dtype([("name", "S20"), ("bag", "<u2")]),
    "ibag": BAG,
    "imod": np.dtype("V10"),
    "igen": GENERATOR,
    "shdr": np.dtype(
        [
            ("name", "S20"),
            ("start", "<u4"),
            ("end", "<u4"),
            ("loop_start", "<u4"),
            ("loop_end", "<u4"),
            ("sample_rate", "<u4"),
            ("root", "u1"),
            ("correction", "i1"),
            ("link", "<u2"),
            ("kind", "<u2"),
        ]
    ),
}
KIND_ROM, KIND_VORBIS, KIND_MONO = 0x8000, 0x10, 1


class Generator(IntEnum):
    """The numbers of the generators that are used here (8.1.2)."""

    START_OFFSET = 0
    END_OFFSET = 1
    LOOP_START_OFFSET = 2
    LOOP_END_OFFSET = 3
    START_COARSE_OFFSET = 4
    FILTER_CUTOFF = 8
    MODULATION_TO_CUTOFF = 11
    END_COARSE_OFFSET = 12
    PAN = 17
    MODULATION_SUSTAIN = 29
    DELAY = 33
    ATTACK = 34
    HOLD = 35
    DECAY = 36
    SUSTAIN = 37
    RELEASE = 38
    KEY_TO_HOLD = 39
    KEY_TO_DECAY = 40
    INSTRUMENT = 41
    KEY_RANGE = 43
    VELOCITY_RANGE = 44
    LOOP_START_COARSE_OFFSET = 45
    ATTENUATION = 48
    LOOP_END_COARSE_OFFSET = 50
    COARSE_TUNE = 51
    FINE_TUNE = 52
    SAMPLE = 53
    SAMPLE_MODES = 54
    SCALE_TUNING = 56
    ROOT_KEY = 58


RANGES = (Generator.KEY_RANGE, Generator.VELOCITY_RANGE)
_NOT_AMOUNTS = (*RANGES, Generator.INSTRUMENT, Generator.SAMPLE)

DEFAULTS: dict[Generator, int] = dict.fromkeys((key for key in Generator if key not in _NOT_AMOUNTS), 0) | {
    Generator.FILTER_CUTOFF: 13500,
    Generator.DELAY: -12000,
    Generator.ATTACK: -12000,
    Generator.HOLD: -12000,
    Generator.DECAY: -12000,
    Generator.RELEASE: -12000,
    Generator.SCALE_TUNING: 100,
    Generator.ROOT_KEY: -1,
}
"""What a generator is where a font does not say (8.1.3); times are in timecents, −12000 is 1 ms."""


@dataclass(frozen=True, kw_only=True)
class Zone:
    """One sample, played over a range of keys and velocities.

    Parameters
    ----------
    keys, velocities
        First and last, inclusive, 0–127.
    sample
        Index into the font's samples.
    amounts
        Every generator of ``DEFAULTS``: the preset's amounts added to the instrument's.
    """

    keys: tuple[int, int]
    velocities: tuple[int, int]
    sample: int
    amounts: Mapping[Generator, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A recorded sound.

    Parameters
    ----------
    name
        At most 20 characters.
    data
        int16 [S].
    sample_rate
        In Hz.
    root
        The key at which it sounds as recorded, 0–127.
    correction_cents
        To be added to its pitch, −99 to 99.
    loop
        First sample of the loop and the one behind its last.
    """

    name: str
    data: NDArray[np.int16]
    sample_rate: int
    root: int
    correction_cents: int
    loop: tuple[int, int]
