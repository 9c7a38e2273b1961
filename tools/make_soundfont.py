"""Make the piano that Tonada ships from the font FluidR3 GM (MIT licence).

The source is ``FluidR3_GM.sf2`` of Debian's package fluid-soundfont-gm 3.1-5.3::

    apt-get download fluid-soundfont-gm && dpkg -x fluid-soundfont-gm_*.deb unpacked
    python tools/make_soundfont.py unpacked/usr/share/sounds/sf2/FluidR3_GM.sf2

What is done: preset "Yamaha Grand Piano" (bank 0, program 0) is made plain (``tonada.render.soundfont.plain``), its
highest zone reaches up to key 127, and the samples of the lower keys, which have next to nothing above 11 kHz, are
resampled from 32 to 22.05 kHz. The same source gives the same bytes; their SHA-256 is printed.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from tonada.errors import DataError, TonadaError
from tonada.files import write_bytes
from tonada.render.soundfont import PIANO
from tonada.render.soundfont.layout import Sample
from tonada.render.soundfont.plain import plain_preset
from tonada.render.soundfont.reader import SoundFont
from tonada.render.soundfont.writer import pack_preset

SOURCE_SHA256 = "74594e8f4250680adf590507a306655a299935343583256f3b722c48a1bc1cb0"
LARGEST_BYTES = 15_000_000
FLOOR_DB = 46.0
LOW_ROOT = 62
"""The highest root key whose samples are resampled."""
LOW_SAMPLE_RATE = 22_050
ROLL_OFF = 0.9
"""From this part of the new Nyquist frequency up to it, the resampling filter falls from 1 to 0."""
INFO = {
    "INAM": "Tonada Piano",
    "IENG": "Frank Wen",
    "ICOP": "Frank Wen 2000-2002, 2008; Toby Smithe 2008",
    "ICMT": "Yamaha Grand Piano of Fluid R3 GM, reduced. Licensed under the MIT License.",
}


def resampled(sample: Sample, sample_rate: int) -> Sample:
    """Resample by the discrete Fourier transform: exact for what lies below the filter's edge.

    The loop, which is silence, moves to the nearest whole samples.
    """
    common = math.gcd(sample.sample_rate, sample_rate)
    up, down = sample_rate // common, sample.sample_rate // common
    length = len(sample.data)
    periods = -(-(length + 4096) // down)  # at least 4096 zeros behind, so that the end does not reach the beginning
    spectrum = np.fft.rfft(sample.data, periods * down)
    frequency = np.fft.rfftfreq(periods * down, 1 / sample.sample_rate) / (sample_rate / 2)
    slope = np.clip((frequency - ROLL_OFF) / (1 - ROLL_OFF), 0, 1)
    spectrum *= 0.5 + 0.5 * np.cos(np.pi * slope)
    count = length * up // down
    data = np.fft.irfft(spectrum[: periods * up // 2 + 1], periods * up)[:count] * (up / down)
    first, last = (round(edge * up / down) for edge in sample.loop)
    whole = np.clip(np.rint(data), -32768, 32767).astype(np.int16)
    whole[first:] = 0
    return replace(sample, data=whole, sample_rate=sample_rate, loop=(first, last))


def make(source: Path) -> bytes:
    """Give the bytes of the piano.

    Raises
    ------
    DataError
        The source is not the font that this was made for, or the result is too large.
    """
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    if digest != SOURCE_SHA256:
        raise DataError(source, f"not the FluidR3_GM.sf2 of fluid-soundfont-gm 3.1-5.3: its SHA-256 is {digest}")
    samples, zones = plain_preset(SoundFont(source), 0, 0, floor_db=FLOOR_DB, highest_key=127)
    samples = [resampled(one, LOW_SAMPLE_RATE) if one.root <= LOW_ROOT else one for one in samples]
    data = pack_preset(samples=samples, zones=zones, info=INFO)
    if len(data) > LARGEST_BYTES:
        raise DataError(source, f"the piano takes {len(data)} bytes, more than {LARGEST_BYTES}; lower FLOOR_DB")
    return data


def main() -> int:
    """Write the piano and print its size and SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="FluidR3_GM.sf2")
    parser.add_argument("-o", "--output", type=Path, default=PIANO, help="default: the package's own")
    arguments = parser.parse_args()
    try:
        data = make(arguments.source)
        write_bytes(arguments.output, data)
    except TonadaError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    print(f"{arguments.output}: {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
