"""Labels and tracks, by where a file's name stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonada.audio.corpus.kind import AUDIO, label_of, track_of
from tonada.sources import SourceFile, list_sources


def linked(tmp_path: Path) -> Path:
    """Lay out a folder per label whose files are links into a store named by hashes, as git-annex does."""
    for label, digest in (("jazz", "1f"), ("pop", "2e")):
        content = tmp_path / "store" / digest / f"SHA256E-s9--{digest}.wav"
        content.parent.mkdir(parents=True)
        content.write_bytes(b"no sound")
        name = tmp_path / "genres" / label / f"{label}.00000.wav"
        name.parent.mkdir(parents=True)
        name.symlink_to(content)
    return tmp_path / "genres"


def test_links_take_the_label_of_the_folder_they_lie_in(tmp_path: Path) -> None:
    files = list_sources([linked(tmp_path)], AUDIO).files
    assert [(label_of(file), track_of(file)) for file in files] == [("jazz", "jazz.00000"), ("pop", "pop.00000")]


def test_a_folder_that_is_a_link_labels_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "blues").symlink_to(linked(tmp_path) / "jazz")
    (file,) = list_sources([tmp_path / "blues" / "jazz.00000.wav"], AUDIO).files
    assert label_of(file) == "blues"


@pytest.mark.parametrize("source", [".", "../jazz", "..", "jazz.00000.wav"])
def test_relative_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.chdir(linked(tmp_path) / "jazz")
    assert label_of(list_sources([Path(source)], AUDIO).files[0]) == "jazz"


@pytest.mark.parametrize(
    ("member", "expected"), [("genres/jazz/a.wav", "jazz"), ("jazz/a.wav", "jazz"), ("a.wav", "set")]
)
def test_members_of_zips(member: str, expected: str) -> None:
    file = SourceFile(name=member, collection="set.zip", container=Path("folder", "set.zip"), member=member)
    assert label_of(file) == expected
