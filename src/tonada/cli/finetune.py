"""``tonada finetune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tonada.cli.codes import INTERRUPTED
from tonada.cli.output import Json, clean_stop, print_facts, print_json, progress_bar, say
from tonada.cli.train import tell_step

if TYPE_CHECKING:
    from tonada.api.finetuning import FinetuningResult


def finetune(
    model: str | None = None,
    /,
    *data: str,
    output: Annotated[Path, Parameter(alias="-o")],
    style: str | None = None,
    train: Literal["lora", "groups", "whole"] | None = None,
    lr: str | None = None,
    config: Annotated[Path | None, Parameter(alias="-c")] = None,
    set: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    resume: bool = False,
    max_minutes: float | None = None,
    device: str = "auto",
    smoke: bool = False,
    json: Json = False,
) -> int:
    """Teach a model a style from your music. Ctrl-C stops after the step, and --resume goes on from there.

    Parameters
    ----------
    model
        Name of a model that Tonada brings, or a model or run folder; not needed with --resume.
    data
        MIDI files, folders, zips, tables; or a data set that prepare wrote with the model's tokenizer.
    output
        Folder of the run, which is the style's folder, too.
    style
        Name of the style; that of the folder when not given.
    train
        What is trained: lora (a small adapter, unless you say otherwise), groups of layers, or the whole model.
    lr
        Peak learning rate, or auto to look for it first.
    config
        TOML file with the tables [tuning], [trainer] and [augmentation]; the file that a run writes is one.
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
    from tonada.api.finetuning import finetune as fit
    from tonada.joining import PeerError, is_first

    tells = is_first()
    with clean_stop() as stop, progress_bar("fine-tuning", is_shown=tells) as show:
        try:
            result = fit(
                model,
                *data,
                output=output,
                style=style,
                train=train,
                lr=lr,
                config=config,
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
        _report(result, json=json)
    return INTERRUPTED if result.training.reason == "interrupted" else 0


def _report(result: FinetuningResult, *, json: bool) -> None:
    """Print what came of it, and the files of the run."""
    for remark in result.training.remarks:
        say(f"tonada: {remark}")
    if result.left_out:
        say(f"tonada: {result.left_out} files gave no music to learn from; skipped.csv in the data set says why")
    files = sorted(path for path in result.folder.rglob("*") if path.is_file())
    if json:
        print_json({"result": result, "files": files})
        return
    print_facts(
        {
            "style": result.style,
            "ended": result.training.reason,
            "step": result.training.step,
            "trained weights": f"{result.trained} of {result.parameters}",
            "held out": result.held_out,
            "loss before": result.before,
            "loss after": result.after,
            "at step": result.training.best_step,
        }
    )
    for path in files:
        print(path)
