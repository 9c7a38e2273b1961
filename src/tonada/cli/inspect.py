"""``tonada model``, ``tonada runs`` and ``tonada config``: what there is, and what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tonada.api.inputs import Failure
from tonada.cli.batches import batch_code, json_of
from tonada.cli.output import Json, clock, print_facts, print_json, print_table


def model_list(*folders: Path, json: Json = False) -> int:
    """List the models and styles that Tonada brings, and those in folders; of a damaged one, what is wrong with it.

    Parameters
    ----------
    folders
        Model, style or run folders, or folders that hold some.
    json
        Print JSON.
    """
    from tonada.api.inspection import list_models

    models = list_models(*folders)
    if json:
        print_json([json_of(model) if isinstance(model, Failure) else model for model in models])
        return batch_code(models)
    print_table(
        [
            {"name": model.name, "problem": str(model.error)}
            if isinstance(model, Failure)
            else {
                "name": model.name if model.shipped else str(model.folder),
                "architecture": f"style of {model.base}" if model.base else model.architecture,
                "codec": model.codec,
                "parameters": f"{model.parameters / 1e6:.1f} M",
                "size": f"{model.size_bytes / 1e6:.1f} MB",
                "licence": model.licence,
            }
            for model in models
        ]
    )
    return batch_code(models)


def model_info(model: str, /, *, json: Json = False) -> None:
    """Describe a model or a style: card, settings, number of weights, licence, hashes.

    Parameters
    ----------
    model
        Name of a model or style that Tonada brings, or path of a model, style or run folder.
    json
        Print JSON.
    """
    from tonada.api.inspection import show_model

    info = show_model(model)
    if json:
        print_json(info)
        return
    print_facts(
        {
            "name": info.name,
            "folder": info.folder,
            "parameters": info.parameters,
            "size": f"{info.size_bytes / 1e6:.1f} MB",
            "licence": info.licence,
            "sha256": info.sha256,
            **info.config,
        }
    )
    if info.card:
        print(f"\n{info.card.rstrip()}")


def model_import(checkpoint: Path, /, *, output: Annotated[Path, Parameter(alias="-o")], json: Json = False) -> None:
    """Turn a published GIGA-Piano checkpoint into a model folder.

    Parameters
    ----------
    checkpoint
        The .pth file. It is read as plain tensors; one that needs code to be run is refused.
    output
        The model folder.
    json
        Print JSON.
    """
    from tonada.api.importing import import_model

    info = import_model(checkpoint, output=output)
    files = sorted(path for path in info.folder.iterdir() if path.is_file())
    if json:
        print_json({"model": info, "files": files})
        return
    print_facts({"name": info.name, "parameters": info.parameters, "blocks": info.config["model"]["blocks"]})
    for path in files:
        print(path)


def runs_list(folder: Path = Path(), /, *, json: Json = False) -> int:
    """List the training runs in a folder; of a damaged one, what is wrong with it.

    Parameters
    ----------
    folder
        The folder that holds the runs.
    json
        Print JSON.
    """
    from tonada.api.inspection import list_runs

    runs = list_runs(folder)
    if json:
        print_json([json_of(run) if isinstance(run, Failure) else run for run in runs])
        return batch_code(runs)
    print_table(
        [
            {"run": Path(run.name).resolve().name, "problem": str(run.error)}
            if isinstance(run, Failure)
            else {
                "run": run.name,
                "model": run.architecture,
                "codec": run.codec,
                "step": f"{run.step}/{run.steps}",
                "best validation": run.best,
                "at step": run.best_step if run.best is not None else None,
                "time": clock(run.seconds),
            }
            for run in runs
        ]
    )
    return batch_code(runs)


def runs_show(run: Path, /, *, json: Json = False) -> None:
    """Describe a training run: settings, last losses, best validation, time.

    Parameters
    ----------
    run
        The run folder.
    json
        Print JSON.
    """
    from tonada.api.inspection import show_run

    info = show_run(run)
    if json:
        print_json(info)
        return
    print_facts(
        {
            "run": info.name,
            "folder": info.folder,
            "step": f"{info.step}/{info.steps}",
            "time": clock(info.seconds),
            "last losses": info.losses,
            "last validation": info.validation,
            "best validation": info.best,
            "at step": info.best_step if info.best is not None else None,
            **info.config,
        }
    )


def config_show(preset: str, /, *, json: Json = False) -> None:
    """Print the settings that a preset stands for, as a config file for train --config.

    Parameters
    ----------
    preset
        Full name, for example gpt/tiny.
    json
        Print JSON.
    """
    from tonada.api.presets import show_config

    tables = show_config(preset)
    if json:
        print_json(tables)
        return
    import tomli_w

    print(tomli_w.dumps(tables).rstrip())
