"""What every training does once its network and its tables are there: batches, scores, samples, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tonada.api.studies.base import Precision, Study
from tonada.config import from_mapping
from tonada.distributed import Ranks
from tonada.files import taken
from tonada.finetuning import WHOLE, LayerPlan
from tonada.model import Model
from tonada.prefetching import Prefetched
from tonada.report import write_report
from tonada.runs import read_log, save_model
from tonada.trainer import Trainer
from tonada.training import Progress, TrainerConfig, TrainingResult, precision_of


def fit(
    network: Model,
    study: Study,
    tables: Mapping[str, Any],
    run: Path,
    *,
    ranks: Ranks,
    resume: bool = False,
    max_minutes: float | None = None,
    stop: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
    plan: LayerPlan = WHOLE,
    keep: Callable[..., None] = save_model,
    trained: bool = False,
) -> TrainingResult:
    """Train a network on a study's material.

    Parameters
    ----------
    network
        On its device, with the weights that it begins with.
    study
        With the data.
    tables
        Of the run.
    run
        Its folder.
    ranks
        The processes that train together.
    resume
        Go on from the run's last checkpoint.
    max_minutes
        Stop cleanly after this time.
    stop
        Asked after every step; when it says True the run stops cleanly there.
    progress
        Called after every step.
    plan, keep, trained
        Of `tonada.trainer.Trainer`.

    Returns
    -------
    TrainingResult
        How it ended; of several processes, the first alone has remarks.

    Raises
    ------
    DataError
        Another process trains in this folder.
    """
    config = from_mapping(TrainerConfig, tables["trainer"])
    observe = study.observer(run, config.seed)

    def report(scored: Model) -> tuple[str, ...]:
        remarks = tuple(study.remarks(scored, read_log(run)))
        write_report(run, remarks=remarks)
        return remarks

    def observed(scored: Model, step: int) -> None:
        if observe is not None:
            observe(scored, step)
        report(scored)

    def told(step: Progress) -> None:
        if progress is not None:
            progress(step)
        if stop is not None and stop():
            trainer.request_stop("interrupted")

    share = replace(config, batch=ranks.share_of(config.batch))
    source = study.batches(network, share, from_mapping(study.Augmentation, tables["augmentation"]))
    kind = precision_of(config.precision, torch.device(ranks.device).type)
    precision: Precision = "bf16" if kind is torch.bfloat16 else "fp32"
    owned = taken(run) if ranks.is_first else nullcontext()
    with owned, Prefetched(source, ahead=config.accumulate) as batches:
        trainer = Trainer(
            network,
            batches,
            config,
            run,
            tables=tables,
            validate=study.scorer(precision),
            observe=observed,
            progress=told,
            ranks=ranks,
            plan=plan,
            keep=keep,
            trained=trained,
        )
        result = trainer.fit(resume=resume, max_seconds=None if max_minutes is None else 60 * max_minutes)
    return replace(result, remarks=report(trainer.scored)) if ranks.is_first else result
