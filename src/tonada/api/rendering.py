"""``render``: MIDI files as sound and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tonada.api.inputs import Batch, Failure, check_output, find_inputs, unique_stems
from tonada.api.settings import RENDER_FORMATS, check_formats
from tonada.api.writing import all_or_none, write_score
from tonada.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """A file that was rendered.

    Attributes
    ----------
    source
        The MIDI file.
    files
        What was written.
    """

    source: Path
    files: tuple[Path, ...]


def render_midi(
    *midi: str | Path,
    output: str | Path = ".",
    formats: Sequence[str] = ("wav",),
    soundfont: str | Path | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Batch[Rendering]:
    """Turn MIDI files into sound and piano rolls.

    Parameters
    ----------
    *midi
        Files, folders, patterns, names of built-in examples.
    output
        Folder of the files; each has the stem of its MIDI file.
    formats
        "wav", "flac", "ogg", "opus", "mp3", "png", "svg".
    soundfont
        A sound font (.sf2 or .sf3); the piano that Tonada brings when None.
    progress
        Called before each file with the number of files done, of all files, and its name.

    Raises
    ------
    DataError
        The only input cannot be used, or the folder cannot be written.
    ExceptionGroup
        No input can be used; it holds their errors.
    UnknownNameError
        There is no such format.
    ResourceError
        The disk is full.
    """
    return Batch.collect(render_each(midi, output=output, formats=formats, soundfont=soundfont, progress=progress))


def render_each(
    midi: Sequence[str | Path],
    *,
    output: str | Path = ".",
    formats: Sequence[str] = ("wav",),
    soundfont: str | Path | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Iterator[Rendering | Failure]:
    """Render file by file, as `render_midi` does, and give each result when it is there.

    Parameters
    ----------
    midi, output, formats, soundfont, progress
        As for `render_midi`.

    Yields
    ------
    Rendering or Failure
        One for each file.
    """
    from tonada.symbolic.midi import read_midi

    check_formats(tuple(formats), RENDER_FORMATS)
    folder = Path(output)
    check_output(folder)
    paths = find_inputs(midi)
    if not paths:
        raise DataError(folder, "there is nothing to render: name a MIDI file")
    for number, (path, stem) in enumerate(zip(paths, unique_stems(paths), strict=True)):
        if isinstance(path, Failure):
            yield path
            continue
        if progress is not None:
            progress(number, len(paths), path.name)
        try:
            score = read_midi(path)
            if not score.count_notes(drums=True):
                raise DataError(path, "no notes, so there is nothing to render")
            with all_or_none() as files:
                write_score(score, folder / stem, formats, files, source=path, soundfont=soundfont, title=stem)
        except DataError as error:
            yield Failure(name=str(path), error=error)
        else:
            yield Rendering(source=path, files=tuple(files))
