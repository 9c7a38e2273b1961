"""A part of a collection of sound: read on its own, and put together with the others; see `tonada.parts`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tonada.audio.corpus.listing import check_settings, list_sounds
from tonada.audio.corpus.reading import Reading, Segment, Stretch, read_segments
from tonada.parts import PartReport, Parts, Shard, names_digest, require_free_for_part, write_part
from tonada.sources import SourceFile
from tonada.workers import available_cores


def read_audio_part(
    sources: Sequence[Path],
    folder: Path,
    shard: Shard,
    settings: Mapping[str, Any],
    *,
    jobs: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PartReport:
    """Read every N-th file of the sources, and keep its segments.

    Parameters
    ----------
    sources
        As for `tonada.audio.corpus.prepare_audio`.
    folder
        Of the part.
    shard
        Which part it is.
    settings
        Every setting of ``prepare_audio`` that the data depend on, by name.
    jobs
        Number of processes; as many as there are cores when None.
    overwrite
        Replace an existing part.
    progress
        Called with the number of files read and of all files of the part.

    Raises
    ------
    ConfigError
        A setting that cannot be.
    DataError
        A source cannot be used, or the folder is in use.
    ResourceError
        The disk is full, or a process died.
    """
    segment_s, min_s = settings["segment_s"], settings["min_s"]
    check_settings(segment_s, min_s, jobs, (settings["validation_share"], settings["test_share"]))
    require_free_for_part(folder, overwrite=overwrite)
    files, _ = list_sounds(sources, gtzan_filter=settings["gtzan_filter"])
    return write_part(
        folder,
        shard,
        kind="sound",
        request={"sources": [str(source.absolute()) for source in sources], "settings": settings},
        files=names_digest(file.name for file in files),
        read=lambda spill: read_segments(
            shard.of(files),
            (settings["transform"], settings["transform_config"], segment_s, min_s, spill),
            jobs=available_cores() if jobs is None else jobs,
            progress=progress,
        ),
        overwrite=overwrite,
    )


def readings_of(
    parts: Parts, files: Sequence[SourceFile], progress: Callable[[int, int], None] | None = None
) -> Generator[Reading]:
    """Give what reading the files gave, in their order; the segments stay where the parts have them.

    Parameters
    ----------
    parts
        All of them.
    files
        Of the sources.
    progress
        Called with the number of readings and of all files.

    Raises
    ------
    DataError
        The files are others than when the parts were made, or a part is damaged.
    """
    for folder, fields in parts.readings([file.name for file in files], progress):
        segments = tuple(_segment(folder, **segment) for segment in fields.pop("segments"))
        yield Reading(**fields, segments=segments)


def _segment(folder: Path, *, stretch: Mapping[str, Any], **fields: Any) -> Segment:
    place = {**stretch, "spill": str(folder.absolute() / stretch["spill"]), "shape": tuple(stretch["shape"])}
    return Segment(**fields, stretch=Stretch(**place))
