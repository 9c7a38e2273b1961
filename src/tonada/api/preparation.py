"""``prepare``: from folders, zips and tables of music, notes or sound, to a data set that training reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tonada.errors import ConfigError, DataError
from tonada.parts import PartReport, Parts, Shard

if TYPE_CHECKING:
    from tonada.audio.corpus import AudioReport
    from tonada.symbolic.corpus import PrepareReport

_UNLESS_GIVEN: Final = {"validation_share": 0.1, "test_share": 0.1, "seed": 0}


def prepare(
    *sources: str | Path,
    output: str | Path,
    tokenizer: str | None = None,
    transform: str | None = None,
    settings: Sequence[str] = (),
    composer: Sequence[str] = (),
    title: str | None = None,
    where: Sequence[str] = (),
    style: Sequence[str] = (),
    split: str | None = None,
    min_notes: int | None = None,
    segment_seconds: float | None = None,
    min_seconds: float | None = None,
    gtzan_filter: bool = False,
    validation_share: float = 0.1,
    test_share: float = 0.1,
    seed: int = 0,
    jobs: int | None = None,
    shard: str | None = None,
    merge: Sequence[str | Path] = (),
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PrepareReport | AudioReport | PartReport:
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
    style
        MIDI: only pieces of these styles, as the column ``style`` of a table says; that is ``where`` for this column.
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
    shard
        "3/16": read every 16th file from the third on, and write a part of a data set.
    merge
        Put these parts together, all that there are: the very data set that one call without ``shard`` makes. They know
        what was asked for; the sources are listed again, and not read.
    overwrite
        Replace an existing data set, or part.
    progress
        Called with the number of files read, and of all files.

    Returns
    -------
    PrepareReport or AudioReport or PartReport
        Totals of the splits, and the tables of what was left out and why; of a part, how many files were read.

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
    if not paths and not merge:
        raise ConfigError("name what to prepare: folders, zips, files or tables; or parts, with --merge")
    for_notes = {
        "tokenizer": tokenizer,
        "composer": composer,
        "title": title,
        "where": where,
        "style": style,
        "split": split,
        "min-notes": min_notes,
    }
    for_sound = {
        "transform": transform,
        "segment-seconds": segment_seconds,
        "min-seconds": min_seconds,
        "gtzan-filter": gtzan_filter,
    }
    common = {"validation_share": validation_share, "test_share": test_share, "seed": seed}
    how: dict[str, Any] = {"jobs": jobs, "overwrite": overwrite, "progress": progress}
    if merge:
        given = {"set": settings, "shard": shard, **for_notes, **for_sound}
        if paths or any(given.values()) or common != _UNLESS_GIVEN:
            raise ConfigError("--merge takes sources and settings from the parts. Give it only -o, --jobs, --overwrite")
        return _merge([Path(part) for part in merge], Path(output), how)
    part = None if shard is None else Shard.parse(shard)
    if _is_sound(paths, tokenizer, transform):
        from tonada.audio.corpus import prepare_audio, read_audio_part
        from tonada.audio.corpus.preparation import MIN_S, SEGMENT_S

        _refuse(for_notes, "MIDI files", "sound")
        transform = transform or "waveform"
        config = apply_settings(registry.resolve("transform", transform).Config(), settings)
        sound: dict[str, Any] = {
            "transform": transform,
            "transform_config": to_mapping(config),
            "segment_s": SEGMENT_S if segment_seconds is None else segment_seconds,
            "min_s": MIN_S if min_seconds is None else min_seconds,
            "gtzan_filter": gtzan_filter,
            **common,
        }
        if part is not None:
            return read_audio_part(paths, Path(output), part, sound, **how)
        return prepare_audio(paths, Path(output), **sound, **how)
    from tonada.symbolic.corpus import prepare_corpus, read_corpus_part
    from tonada.symbolic.corpus.preparation import MIN_NOTES

    _refuse(for_sound, "sound", "MIDI files")
    tokenizer = tokenizer or "note"
    config = apply_settings(registry.resolve("tokenizer", tokenizer).Config(), settings)
    notes: dict[str, Any] = {
        "tokenizer": tokenizer,
        "tokenizer_config": to_mapping(config),
        "composer": list(composer) or None,
        "title": title,
        "where": [*where, *(f"style={name}" for name in style)],
        "split": split,
        "min_notes": MIN_NOTES if min_notes is None else min_notes,
        **common,
    }
    if part is not None:
        return read_corpus_part(paths, Path(output), part, notes, **how)
    return prepare_corpus(paths, Path(output), **notes, **how)


def _merge(folders: Sequence[Path], output: Path, how: Mapping[str, Any]) -> PrepareReport | AudioReport:
    """Put parts together."""
    from tonada.audio.corpus import prepare_audio
    from tonada.symbolic.corpus import prepare_corpus

    parts = Parts(folders)
    sources = [Path(source) for source in parts.request["sources"]]
    make = prepare_audio if parts.kind == "sound" else prepare_corpus
    return make(sources, output, **parts.request["settings"], **how, parts=parts)


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
