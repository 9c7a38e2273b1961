"""Make tests/audio/golden/resampling.json: sound resampled by soxr at its very high quality.

Run with an interpreter that has soxr (tested: 1.1.0): ``python tools/make_golden_resampling.py``. Nothing of Tonada is
imported. The sound is a handful of sines under a window that begins and ends softly, all within the band that both
keep; the file holds frequencies and phases, not samples.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soxr

TARGET = Path(__file__).parents[1] / "tests" / "audio" / "golden" / "resampling.json"
RATES = [
    *((rate, 22_050) for rate in (44_100, 48_000, 96_000, 192_000, 32_000, 16_000, 8_000, 11_025, 44_099)),
    (22_050, 44_100),
    (22_050, 48_000),
]
SECONDS, SINES, KEPT = 0.02, 6, 0.8  # nearer to the edge soxr's gain is not quite 1


def golden(from_hz: int, to_hz: int) -> dict[str, object]:
    """Draw sines and resample them."""
    draw = np.random.default_rng(from_hz)
    frequencies_hz = np.round(draw.uniform(50, KEPT * min(from_hz, to_hz) / 2, SINES), 1)
    phases = np.round(draw.uniform(-3, 3, SINES), 3)
    at = np.arange(round(SECONDS * from_hz))
    samples = np.sin(2 * np.pi * frequencies_hz[:, None] * at / from_hz + phases[:, None]).mean(axis=0)
    samples *= np.sin(np.pi * (at + 0.5) / len(at)) ** 2
    return {
        "from_hz": from_hz,
        "to_hz": to_hz,
        "samples": len(at),
        "frequencies_hz": frequencies_hz.tolist(),
        "phases": phases.tolist(),
        "resampled": np.round(soxr.resample(samples, from_hz, to_hz, "VHQ"), 8).tolist(),
    }


def main() -> None:
    """Write the file."""
    lines = ",\n".join(json.dumps(golden(*rates), separators=(",", ":")) for rates in RATES)
    TARGET.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
