"""What a sound file is to those who look for music: its suffixes, the tables that describe such files, its label."""

from __future__ import annotations

import os.path
from pathlib import Path, PurePosixPath

from tonada.sources import Columns, Kind, SourceFile

AUDIO = Kind(
    what="sound file",
    suffixes=(".wav", ".flac", ".ogg", ".mp3", ".opus", ".au", ".aif", ".aiff"),
    largest_bytes=4 * 2**30,
    columns=Columns(file="file"),
    beside="manifest.csv",
)


def label_of(file: SourceFile) -> str:
    """Give the label of a file: what a table says, else the name of the folder that it lies in (GTZAN's layout).

    Parameters
    ----------
    file
        What `tonada.sources.list_sources` found. A zip counts as the folder of the files at its top.
    """
    if file.facts.get("label"):
        return file.facts["label"]
    if file.member is None:
        # Where the file's name stands, not where a link leads: links often point into a store named by hashes.
        return Path(os.path.normpath(file.container.absolute())).parent.name
    return PurePosixPath(file.member).parent.name or file.container.stem


def track_of(file: SourceFile) -> str:
    """Give the recording that a file is an excerpt of, or is: what a table says, else the file's name without suffix.

    A name without letters (``01``) names no recording; it stands behind its label.

    Parameters
    ----------
    file
        What `tonada.sources.list_sources` found.
    """
    if file.facts.get("track"):
        return file.facts["track"]
    stem = PurePosixPath(file.member or file.container.name).stem
    return stem if any(character.isalpha() for character in stem) else f"{label_of(file)}/{stem}"
