"""``tonada train``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tonada.cli.codes import INTERRUPTED
from tonada.cli.output import Json, Show, clean_stop, clock, print_facts, print_json, progress_bar, say

if TYPE_CHECKING:
    from tonada.training import Progress, TrainingResult


def train(
    model: str | None = None,
    /,
    *,
    data: Annotated[Path, Parameter(alias="-d")],
    output: Annotated[Path, Parameter(alias="-o")],
    config: Annotated[Path | None, Parameter(alias="-c")] = None,
    init: str | None = None,
    lr: str | None = None,
    set: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    resume: bool = False,
    max_minutes: float | None = None,
    device: str = "auto",
    smoke: bool = False,
    json: Json = False,
) -> int:
    """Train a model on a prepared data set. Ctrl-C stops after the step, and --resume goes on from there.

    Started by torchrun, several processes train one model together.

    Parameters
    ----------
    model
        Full name of a preset, for example gpt/tiny or autoencoder/small; not needed with --config or --resume.
    data
        Folder that prepare wrote.
    output
        Folder of the run.
    config
        TOML file with the tables [model], [trainer] and [augmentation]; the file that a run writes is one.
    init
        Start from the weights of this model, the name of one that Tonada brings or a model or run folder; what it lacks
        starts fresh.
    lr
        Peak learning rate, or auto to look for it first, as lr-find does.
    set
        A setting, KEY=VALUE or TABLE.KEY=VALUE; can be given several times.
    resume
        Go on with the run in the output folder.
    max_minutes
        Stop cleanly after this time.
    device
        Where to compute: auto, cpu, cuda or mps.
    smoke
        Two steps and one validation, to see that everything fits together.
    json
        Print JSON.
    """
    from tonada.api.training import train as fit
    from tonada.joining import PeerError, is_first

    # Of several processes, the first speaks; of those that fail, the first to do so.
    tells = is_first()
    with clean_stop() as stop, progress_bar("training", is_shown=tells) as show:
        try:
            result = fit(
                model,
                data=data,
                output=output,
                config=config,
                init=init,
                lr=lr,
                settings=set,
                resume=resume,
                max_minutes=max_minutes,
                device=device,
                smoke=smoke,
                stop=stop,
                progress=(lambda progress: tell_step(progress, show)) if tells else None,
            )
        except PeerError as error:
            return error.code
    if tells:
        _report(result, output, json=json)
    return INTERRUPTED if result.reason == "interrupted" else 0


def _report(result: TrainingResult, output: Path, *, json: bool) -> None:
    """Print how the training ended, and the files of the run."""
    for remark in result.remarks:
        say(f"tonada: {remark}")
    files = sorted(path for path in output.rglob("*") if path.is_file())
    if json:
        print_json({"result": result, "files": files})
    else:
        best = {"best validation": result.best, "at step": result.best_step} if result.best_step >= 0 else {}
        print_facts({"ended": result.reason, "step": result.step, **best})
        for path in files:
            print(path)


def tell_step(progress: Progress, show: Show) -> None:
    """Show a step; where stderr is no terminal, print a line for every validation."""
    loss = sum(value for terms in progress.record["loss"].values() for value in terms.values())
    words = f"loss {loss:.3f}"
    if "validation" in progress.record:
        words += f", validation {progress.record['validation']['score']:.3f}"
        if not sys.stderr.isatty():
            say(f"step {progress.step} of {progress.steps}: {words}, {clock(progress.seconds_left)} left")
    show(progress.step, progress.steps, words)
