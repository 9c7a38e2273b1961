"""``replay``: make a composition again from its sidecar, and tell what differs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tonada.api.avoiding import Avoidance
from tonada.api.composer import Composer
from tonada.api.composing import ComposeProgress
from tonada.api.hearing import Heard
from tonada.api.inputs import check_output
from tonada.api.sidecars import made_with, model_sha256, read_sidecar
from tonada.errors import ConfigError, DataError
from tonada.hashing import file_sha256, ids_sha256


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What came out.

    Attributes
    ----------
    identical
        Whether the ids and all files are the same, byte for byte.
    differences
        What came out differently, and what is not as it was: input, model, versions, device; a line each.
    files
        What was written.
    """

    identical: bool
    differences: tuple[str, ...]
    files: tuple[Path, ...]


def replay(
    sidecar: str | Path,
    *,
    output: str | Path | None = None,
    input: str | Path | None = None,
    model: str | Path | None = None,
    style: str | Path | None = None,
    device: str | None = None,
    progress: Callable[[ComposeProgress], None] | None = None,
) -> Replay:
    """Make a composition again from its sidecar, and tell whether it is identical or what differs.

    Parameters
    ----------
    sidecar
        The json file beside a composition.
    output
        Folder for the new files; when None they are only compared.
    input
        The MIDI file that was continued, if it has moved.
    model
        The model, if it has moved.
    style
        The style, if it has moved; only of a composition that has one.
    device
        Where to compute, if not where it was.
    progress
        Called after every note.

    Raises
    ------
    DataError
        The file is no sidecar, its input is not there, or the folder cannot be written.
    ConfigError
        A style is given, and the composition has none.
    CheckpointError
        The model is not there, or cannot be loaded.
    """
    told = read_sidecar(Path(sidecar))
    record = told.record
    settings = replace(told.settings, device=device or record["made_with"]["device"])
    settings = replace(settings, model=str(model)) if model is not None else settings
    if style is not None:
        if settings.style is None:
            raise ConfigError(f"{sidecar}: was composed without a style, so none can have moved. Leave --style out")
        settings = replace(settings, style=str(style))
    source = Path(input) if input is not None and told.source is not None else told.source
    if source is not None and not source.is_file():
        raise DataError(source, "the file that was continued is not there. Say where it is with --input")
    if output is not None:
        check_output(Path(output))
        if Path(output).resolve() == told.path.parent.resolve():
            raise DataError(output, "would replace what is to be compared. Choose another folder with -o")
    composer = Composer(settings)
    task = composer.task(source)
    # Candidates are made again as far as they were, all of them: the critic chooses among them again.
    steps, most = 0, int(record["best_of"]["steps"] if settings.best_of > 1 else record["ids"])

    def stop() -> bool:
        # All variations are made side by side, since how many there are may change the rounding; each step is one id.
        nonlocal steps
        steps += 1
        return steps > most

    def listen(heard: Heard) -> None:
        if progress is not None:
            notes = heard.notes[record["variation"]]
            share = min(1.0, steps / most)
            progress(ComposeProgress(name=record["name"], share=share, notes=notes, seconds=heard.seconds))

    avoided = _avoided(record) if settings.avoid_copy else None
    made = composer.continuations(task, stop=stop, listen=listen, attempt=0 if avoided is None else avoided.attempt)
    if steps <= most and any(one.reason == "interrupted" for one in made):
        raise KeyboardInterrupt
    continuation = next(one for one in made if one.lane == record["variation"])
    if avoided is not None:
        composer.avoided = {record["variation"]: avoided}
    with tempfile.TemporaryDirectory() as temporary:
        target = Path(temporary if output is None else output) / record["name"]
        files = composer.finish(source, task, continuation, target).files
        new = {file.name: file_sha256(file) for file in files}
    outcome = [*_changes("ids", {"ids": record["ids_sha256"]}, {"ids": ids_sha256(continuation.ids)})]
    outcome += _changes("file", record["files"], new)
    circumstances = [*_changes("made with", record["made_with"], made_with(composer.device))]
    circumstances += _changes("model", record["model"]["sha256"], model_sha256(composer.folder))
    if composer.critic is not None:
        circumstances += _changes("critic", record["best_of"]["critic"]["sha256"], model_sha256(composer.critic.folder))
    if composer.style is not None:
        circumstances += _changes("style", record["style"]["sha256"], model_sha256(composer.style))
    if source is not None:
        circumstances += _changes("input", {"sha256": record["input"]["sha256"]}, {"sha256": file_sha256(source)})
    return Replay(
        identical=not outcome,
        differences=(*outcome, *circumstances),
        files=() if output is None else files,
    )


def _avoided(record: Mapping[str, Any]) -> Avoidance:
    """Give what a sidecar says of quotations; they are not looked for again."""
    told = record["avoid_copy"]
    return Avoidance(
        attempt=told["attempt"], flagged=told.get("flagged"), score=told.get("score"), sentence=told["sentence"]
    )


def _changes(kind: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Say what has another value than it had."""
    for name, value in then.items():
        if now.get(name) != value:
            yield f"{kind}: {name} was {value}, is {now.get(name, 'not there')}"
