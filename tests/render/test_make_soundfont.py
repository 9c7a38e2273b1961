"""The tool that makes the piano; the font it starts from is not in the repository."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tonada.render.soundfont.layout import Sample

TOOLS = Path(__file__).parents[2] / "tools"
tool = SimpleNamespace(**runpy.run_path(str(TOOLS / "make_soundfont.py"), run_name="make_soundfont"))


def sample_of(data: np.ndarray) -> Sample:
    whole = np.rint(data).astype(np.int16)
    return Sample(
        name="s", data=whole, sample_rate=32_000, root=60, correction_cents=0, loop=(len(whole) - 320, len(whole))
    )


def test_resampling_keeps_what_is_below_the_edge_and_removes_what_is_above() -> None:
    at = np.arange(64_000)
    fade = np.minimum(1, np.minimum(at, np.maximum(63_680 - at, 0)) / 3200)
    kept = 12_000 * np.sin(2 * np.pi * 5000 / 32_000 * at) * fade
    result = tool.resampled(sample_of(kept + 12_000 * np.sin(2 * np.pi * 14_000 / 32_000 * at) * fade), 22_050)
    assert (result.sample_rate, len(result.data)) == (22_050, 44_100)
    assert result.loop == (round(63_680 * 441 / 640), 44_100)
    new = np.arange(44_100)
    wanted = 12_000 * np.sin(2 * np.pi * 5000 / 22_050 * new)
    np.testing.assert_allclose(result.data[4000:40_000], wanted[4000:40_000], atol=1.5)


def test_other_sources_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.sf2").write_bytes(b"RIFF")
    monkeypatch.setattr(
        sys, "argv", ["make_soundfont.py", str(tmp_path / "other.sf2"), "-o", str(tmp_path / "piano.sf2")]
    )
    assert tool.main() == 3
    assert "not the FluidR3_GM.sf2" in capsys.readouterr().err
    assert not (tmp_path / "piano.sf2").exists()
