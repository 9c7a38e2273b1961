"""``prepare``: from folders, zips and tables of music, notes or sound, to a data set that training reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.errors import ConfigError, DataError

if TYPE_CHECKING:
    from tonada.audio.corpus import AudioReport
    from tonada.symbolic.corpus import PrepareReport


def prepare(
    *sources: str | Path,
    output: str | Path,
    tokenizer: str | None = None,
    transform: str | None = None,
    settings: Sequence[str] = (),
    composer: Sequence[str] = (),
    title: str | None = None,
    where: Sequence[str] = (),
    split: str | None = None,
    min_notes: int | None = None,
    segment_seconds: float | None = None,
    min_seconds: float | None = None,
    gtzan_filter: bool = False,
    validation_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    jobs: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PrepareReport | AudioReport:
    """Turn MIDI files, or sound files, into a data set; the sources decide which, or ``tokenizer``, or ``transform``.

    Parameters
    ----------
    *sources
        Folders, zips (MAESTRO, GTZAN as distributed), files, and csv tables that select among them. The folder that a
        sound file lies in is its label, unless a table (``manifest.csv`` with columns file, label, track) says more.
    output
        Folder of the data set.
    tokenizer
        Registry name: what notes are turned into; "note" when None.
    transform
        Registry name: what sound is turned into; "waveform" when None.
    settings
        Of the tokenizer or transform, ``key=value``.
    composer
        MIDI: only pieces of these composers, by surname or name.
    title
        MIDI: only pieces whose title has this in it.
    where
        MIDI: only pieces with this value in a column of the tables, ``column=value``.
    split
        MIDI: only pieces that a table assigns to this split.
    min_notes
        MIDI: skip files with fewer notes; 16 when None.
    segment_seconds
        Sound: length of the segments that clips are cut into; 5 when None.
    min_seconds
        Sound: skip shorter files; 1 when None. Longer ones that make no segment are padded.
    gtzan_filter
        Sound: leave out the known faults of the GTZAN collection.
    validation_share, test_share
        Shares of the works, where no table assigns the splits; of sound, shares of each label's seconds.
    seed
        Decides, with the work or recording, on its split.
    jobs
        Number of processes; as many as there are cores when None.
    overwrite
        Replace an existing data set.
    progress
        Called with the number of files read, and of all files.

    Returns
    -------
    PrepareReport or AudioReport
        Totals of the splits, and the tables of what was left out and why.

    Raises
    ------
    DataError
        A source cannot be used, the folder is in use, or nothing usable is left.
    UnknownNameError
        No such tokenizer, transform, column, composer or value; the nearest are offered.
    ConfigError
        A setting that cannot be; notes and sound in one data set; an option for notes with sound, or the reverse.
    ResourceError
        The disk is full.
    """
    from tonada import registry
    from tonada.config import apply_settings, to_mapping

    paths = [Path(source) for source in sources]
    for_notes = {
        "tokenizer": tokenizer,
        "composer": composer,
        "title": title,
        "where": where,
        "split": split,
        "min-notes": min_notes,
    }
    for_sound = {
        "transform": transform,
        "segment-seconds": segment_seconds,
        "min-seconds": min_seconds,
        "gtzan-filter": gtzan_filter,
    }
    if _is_sound(paths, tokenizer, transform):
        from tonada.audio.corpus import prepare_audio
        from tonada.audio.corpus.preparation import MIN_S, SEGMENT_S

        _refuse(for_notes, "MIDI files", "sound")
        transform = transform or "waveform"
        config = apply_settings(registry.resolve("transform", transform).Config(), settings)
        return prepare_audio(
            paths,
            Path(output),
            transform=transform,
            transform_config=to_mapping(config),
            segment_s=SEGMENT_S if segment_seconds is None else segment_seconds,
            min_s=MIN_S if min_seconds is None else min_seconds,
            gtzan_filter=gtzan_filter,
            validation_share=validation_share,
            test_share=test_share,
            seed=seed,
            jobs=jobs,
            overwrite=overwrite,
            progress=progress,
        )
    from tonada.symbolic.corpus import prepare_corpus
    from tonada.symbolic.corpus.preparation import MIN_NOTES

    _refuse(for_sound, "sound", "MIDI files")
    tokenizer = tokenizer or "note"
    config = apply_settings(registry.resolve("tokenizer", tokenizer).Config(), settings)
    return prepare_corpus(
        paths,
        Path(output),
        tokenizer=tokenizer,
        tokenizer_config=to_mapping(config),
        composer=list(composer) or None,
        title=title,
        where=list(where),
        split=split,
        min_notes=MIN_NOTES if min_notes is None else min_notes,
        validation_share=validation_share,
        test_share=test_share,
        seed=seed,
        jobs=jobs,
        overwrite=overwrite,
        progress=progress,
    )


def _is_sound(sources: Sequence[Path], tokenizer: str | None, transform: str | None) -> bool:
    """Tell whether sound is to be prepared, and not notes."""
    from tonada.audio.corpus.kind import AUDIO
    from tonada.sources import holds
    from tonada.symbolic.corpus.kind import MIDI

    if tokenizer is not None and transform is not None:
        raise ConfigError("--tokenizer is for MIDI files and --transform for sound: give one of them")
    if tokenizer is not None or transform is not None:
        return transform is not None
    notes, sound = (any(holds(source, kind) for source in sources) for kind in (MIDI, AUDIO))
    if notes and sound:
        raise ConfigError(
            "the sources hold both MIDI files and sound: give --tokenizer note to prepare the one, "
            "--transform waveform for the other"
        )
    if not (notes or sound):
        suffixes = ", ".join((*MIDI.suffixes, *AUDIO.suffixes))
        raise DataError(sources[0] if sources else "", f"holds neither MIDI files nor sound ({suffixes})")
    return sound


def _refuse(options: Mapping[str, object], meant: str, found: str) -> None:
    """Refuse options that are for the other kind of music."""
    given = [f"--{name}" for name, value in options.items() if value or (value == 0 and value is not False)]
    if given:
        them = "it" if len(given) == 1 else "them"
        raise ConfigError(f"{', '.join(given)}: only for {meant}, and this is {found}. Leave {them} out")
