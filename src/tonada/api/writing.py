"""Writing a score as files: MIDI, sound, pictures; all of them or none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.settings import PICTURE_FORMATS, SOUND_FORMATS
from tonada.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tonada.symbolic.score import Score


@contextmanager
def all_or_none() -> Iterator[list[Path]]:
    """Give a list for the files that are being written; if the block fails, those in it are removed again."""
    files: list[Path] = []
    try:
        yield files
    except BaseException:
        for path in files:
            path.unlink(missing_ok=True)
        raise


def write_score(
    score: Score,
    target: Path,
    formats: Sequence[str],
    files: list[Path],
    *,
    source: Path,
    soundfont: str | Path | None = None,
    title: str | None = None,
    continuation_from_s: float | None = None,
) -> None:
    """Write a score in several formats.

    Parameters
    ----------
    score
        What to write.
    target
        Folder and stem; each format adds its suffix.
    formats
        "mid", and names of sound and picture formats; others are passed over.
    files
        Each file is added to it once it is whole.
    source
        The file to blame where the score cannot be written.
    soundfont
        For sound; the piano that Tonada brings when None.
    title
        Above pictures.
    continuation_from_s
        From here on pictures use the second colour.

    Raises
    ------
    DataError
        There is nothing to play, the piece is too long to be played, or the folder cannot be written.
    ResourceError
        The disk is full.
    """
    from tonada.symbolic.midi import write_midi

    def path_of(name: str) -> Path:
        return target.with_name(f"{target.name}.{name}")

    sounds = [name for name in SOUND_FORMATS if name in formats]
    clip = None
    if sounds:  # first of all, as it is what may be impossible
        from tonada.audio.clip import write_clip
        from tonada.render.synth import synthesize

        try:
            clip = synthesize(score, soundfont=None if soundfont is None else Path(soundfont))
        except DataError as error:
            if error.path == Path("score"):
                raise DataError(source, error.reason) from error
            raise
    if "mid" in formats:
        write_midi(score, path_of("mid"))
        files.append(path_of("mid"))
    for name in sounds:
        assert clip is not None
        write_clip(clip, path_of(name))
        files.append(path_of(name))
    for name in PICTURE_FORMATS:
        if name in formats:
            from tonada.render.pictures import draw_roll
            from tonada.symbolic.pedal import fold_pedal

            draw_roll(fold_pedal(score), path_of(name), continuation_from_s=continuation_from_s, title=title)
            files.append(path_of(name))
