"""Which held-out segments are read, and what is said of a run's log."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tiny_autoencoder import TinyAutoencoder, TinyConfig, save_tones
from tonada.api.studies import sound
from tonada.api.studies.choice import STUDIES
from tonada.api.studies.sound import SoundStudy, spread
from tonada.data import Piece


def segments(*tracks: tuple[str, str, int]) -> list[Piece]:
    """Give pieces of label, track and number of segments."""
    return [
        Piece(
            name=f"{track}#{number}",
            split="validation",
            array=np.zeros(4, dtype=np.int16),
            metadata={"label": label, "track": track},
        )
        for label, track, count in tracks
        for number in range(count)
    ]


def test_segments_are_spread_over_labels_then_tracks_then_time() -> None:
    pieces = segments(("rock", "a", 3), ("rock", "b", 1), ("folk", "c", 2), ("folk", "d", 4), ("jazz", "e", 1))
    assert [piece.name for piece in spread(pieces, 3)] == ["a#1", "c#1", "e#0"]
    assert [piece.name for piece in spread(pieces, 7)] == ["a#1", "c#1", "e#0", "b#0", "d#2", "a#2", "c#0"]
    assert sorted(piece.name for piece in spread(pieces, 100)) == sorted(piece.name for piece in pieces)
    assert spread([], 3) == []


def test_validation_reads_the_middles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(sound, "score_reconstruction", lambda model, clips, precision: seen.extend(clips) or {})
    monkeypatch.setattr(sound, "VALIDATION_SAMPLES", 1000)
    monkeypatch.setattr(sound, "VALIDATION_CLIPS", 3)
    dataset = save_tones(tmp_path / "data")
    study = SoundStudy(dataset)
    score = study.scorer("fp32")
    assert score is not None
    score(TinyAutoencoder(TinyConfig()))
    chosen = spread(dataset.pieces("validation"), 3)
    assert Counter(piece.metadata["label"] for piece in chosen) == {"low": 2, "high": 1}
    assert len(seen) == 3
    for piece, clip in zip(chosen, seen, strict=True):
        assert np.array_equal(clip, study.codec.decode(piece.array[1500:2500]).samples[0])


def test_remarks_speak_of_the_last_validation(tmp_path: Path) -> None:
    study, model = SoundStudy(save_tones(tmp_path / "data")), TinyAutoencoder(TinyConfig())
    quiet, loud = ({"step": 1, "validation": {"rms_ratio": ratio}} for ratio in (0.002, 0.9))
    (remark,) = study.remarks(model, [loud, quiet, {"step": 2}])
    assert "0.2 % of the input's" in remark
    assert study.remarks(model, [quiet, loud]) == []
    assert study.remarks(model, [{"step": 1}]) == []


@pytest.mark.parametrize(("active", "told"), [(0.0, True), (3.0, True), (4.0, False), (8.0, False)])
def test_remarks_speak_of_a_latent_that_is_not_used(tmp_path: Path, active: float, told: bool) -> None:
    study, model = SoundStudy(save_tones(tmp_path / "data")), TinyAutoencoder(TinyConfig(width=8))
    remarks = study.remarks(model, [{"step": 1, "validation": {"rms_ratio": 0.9, "active_dimensions": active}}])
    assert remarks == (
        [
            f"{active:.0f} of 8 latent dimensions are active: the others do not change with the sound, so nothing "
            "is kept in them."
        ]
        if told
        else []
    )


def test_no_model_belongs_to_two_studies() -> None:
    for study in STUDIES:
        assert not any(issubclass(study.models, other.models) for other in STUDIES if other is not study)
