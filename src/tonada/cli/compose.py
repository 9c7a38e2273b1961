"""``tonada compose``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tonada.api.inputs import Failure
from tonada.api.settings import ComposeSettings
from tonada.cli.batches import Formats, batch_code, json_of, read_names, tell, tell_remarks
from tonada.cli.codes import INTERRUPTED
from tonada.cli.output import Json, clean_stop, clock, print_json, progress_bar

if TYPE_CHECKING:
    from tonada.api.composer import Composition


@dataclass(frozen=True, kw_only=True)
class Options(ComposeSettings):
    """The settings, with the short names that they have on the command line."""

    variations: Annotated[int, Parameter(alias="-n")] = ComposeSettings.variations
    formats: Formats = ComposeSettings.formats


def compose(
    *midi: str,
    output: Annotated[Path, Parameter(alias="-o")] = Path(),
    settings: Annotated[Options, Parameter(name="*")] = Options(),
    config: Annotated[Path | None, Parameter(alias="-c")] = None,
    json: Json = False,
) -> int:
    """Continue melodies, or start from nothing when none is given. Ctrl-C keeps what there is.

    Parameters
    ----------
    midi
        Files, folders, patterns, built-in examples (fur-elise), or - to read names from stdin.
    output
        Folder of the files, which are named STEM_MODEL_NUMBER.
    config
        TOML file whose table [compose] has options for those that are not given.
    json
        Print JSON.
    """
    from tonada.api.composing import compose_each

    with clean_stop() as stop, progress_bar("composing") as show:
        results = [
            _tell(result, json=json)
            for result in compose_each(
                read_names(midi),
                output=output,
                settings=settings,
                stop=stop,
                progress=lambda at: show(at.share, 1.0, f"{at.name}: {at.notes} notes, {clock(at.seconds)}"),
            )
        ]
    if json:
        print_json([_told(result) for result in results])
    return INTERRUPTED if stop() else batch_code(results)


def _tell(result: Composition | Failure, *, json: bool) -> Composition | Failure:
    """Print what was written, and on stderr what came of avoiding quotations."""
    tell(result, json=json)
    if not isinstance(result, Failure) and result.avoided is not None and result.avoided.remark is not None:
        name = "from nothing" if result.source is None else result.source.name
        tell_remarks([f"{name}, variation {result.variation}: {result.avoided.remark}"])
    return result


def _told(result: Composition | Failure) -> dict[str, Any]:
    if isinstance(result, Failure):
        return json_of(result)
    return json_of(
        result,
        source=result.source,
        variation=result.variation,
        notes=len(result.continuation),
        interrupted=result.interrupted,
        avoided=result.avoided,
    )
