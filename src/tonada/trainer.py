"""The one trainer: it takes an optimizer step between the yields of a model's ``losses``, and can always be resumed.

A run is a function of (config, data, seed): batches depend on the step alone, dropout and other draws inside the model
are seeded per step, and everything else is in the ``RunState``, which is saved. Killed at any moment, a run resumes
from its last checkpoint to exactly the same weights. Several processes train together; see `tonada.distributed`.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tonada.checkpoint import load_into, model_tensors
from tonada.config import write_toml
from tonada.distributed import ALONE, Ranks
from tonada.errors import ConfigError, TrainingError
from tonada.finetuning import WHOLE, LayerPlan
from tonada.model import Model
from tonada.prefetching import BatchSource
from tonada.resuming import RunState
from tonada.runs import append_log, rewind_log, save_model
from tonada.schedules import learning_rate_factor
from tonada.seeding import key
from tonada.sharding import shard, whole, whole_on_first
from tonada.training import Progress, TrainerConfig, TrainingResult, precision_of


class Trainer:
    """Trains one model in one run folder.

    Parameters
    ----------
    model
        The network, on its device.
    source
        Gives the batch with number ``step · accumulate + i``; of several processes, each gives its share of it (see
        `Ranks.number`), so its batches are smaller.
    config
        Settings.
    run
        The run folder.
    tables
        Of the run's ``config.toml``; written at the start, and when it is resumed.
    validate
        Scores the model (in evaluation mode, with the averaged weights where there are some): a mapping with ``score``,
        lower is better; None for no validation.
    observe
        Called after every validation with the scored weights, in evaluation mode, and the step: to make samples.
    progress
        Called after every step.
    ranks
        The processes that train together; only the first validates, observes and writes.
    plan
        Which weights learn when, and how fast.
    keep
        Writes the weights that are kept.
    trained
        Whether the model begins with what it learned elsewhere: then it is validated before the first step, too.

    Raises
    ------
    ConfigError
        The weights cannot be divided as the settings say.
    """

    def __init__(
        self,
        model: Model,
        source: BatchSource,
        config: TrainerConfig,
        run: Path,
        *,
        tables: Mapping[str, Any],
        validate: Callable[[Model], Mapping[str, float]] | None = None,
        observe: Callable[[Model, int], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
        ranks: Ranks = ALONE,
        plan: LayerPlan = WHOLE,
        keep: Callable[..., None] = save_model,
        trained: bool = False,
    ) -> None:
        self.model, self.source, self.config, self.run, self.ranks = model, source, config, run, ranks
        self.plan, self.keep, self.trained = plan, keep, trained
        self.tables, self.validate, self.observe, self.progress = tables, validate, observe, progress
        self.device = next(model.parameters()).device
        if config.sharding == "fsdp" and not model.shardable:
            raise ConfigError(f"sharding=fsdp is not for {type(model).__name__}. Leave it out: --set sharding=none")
        ranks.copy_from_first(model_tensors(model))
        self.precision = precision_of(config.precision, self.device.type)
        self.is_sharded = config.sharding == "fsdp" and ranks.size > 1
        self.scored = model  # what is validated and kept
        if self.is_sharded:
            self.scored = copy.deepcopy(model) if ranks.is_first else model
            shard(model, self.device)
        self.groups = model.groups()
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        self._statistics = [tensor for name, tensor in model_tensors(model).items() if name not in names.values()]
        self.state = RunState(
            model=model,
            optimizer_name=config.optimizer,
            optimizers={
                group: plan.optimizers(
                    [(names[id(parameter)], parameter) for parameter in parameters],
                    name=config.optimizer,
                    learning_rate=config.learning_rate,
                    weight_decay=config.weight_decay,
                    betas=config.betas,
                    dtype=self.precision,
                )
                for group, parameters in self.groups.items()
            },
            average={name: tensor.clone() for name, tensor in model_tensors(model).items()} if config.ema else {},
        )
        if config.compile:
            model.compile()
        self._checkpoint = run / "trainer.safetensors"
        self._reason: str | None = None  # why to stop

    def request_stop(self, reason: str) -> None:
        """Ask for a clean stop after the current step: checkpoint, then return with this reason."""
        self._reason = self._reason or reason

    def fit(self, *, resume: bool = False, max_seconds: float | None = None) -> TrainingResult:
        """Train to the end, to a stop, or until the time is used up.

        Parameters
        ----------
        resume
            Go on from the run's last checkpoint.
        max_seconds
            Stop cleanly after this time; the run can be resumed.

        Returns
        -------
        TrainingResult
            Why it ended, and the best score.

        Raises
        ------
        TrainingError
            A loss is not finite; the last checkpoint stays.
        CheckpointError
            The checkpoint to resume from is absent or does not fit.
        """
        config, state, started = self.config, self.state, time.monotonic()
        if resume:
            state.restore(self._checkpoint)
            if self.ranks.is_first:
                rewind_log(self.run, state.step or min(0, state.best_step))
                write_toml(self.run / "config.toml", self.tables)
        else:
            if self.ranks.is_first:
                self.keep(self.run, self.scored, self.tables)
            self._save()  # killed before the first checkpoint it begins again, with the same weights
        before, first, saved, last_save = state.seconds, state.step, state.step, time.monotonic()
        self.model.train()
        if self.trained and not state.step and self.validate is not None and state.best_step < 0:
            self._validate({"step": 0, "loss": {}, "seconds": 0.0})
        while True:
            self._reason = self.ranks.agreed(self._reason)
            if self._reason or state.step >= config.steps:
                break
            record = self._train_step()
            state.step += 1
            state.seconds = before + time.monotonic() - started
            done = state.step == config.steps
            record["seconds"] = round(state.seconds, 2)
            if self.validate is not None and (done or state.step % config.validate_every == 0):
                self._validate(record)
                if config.patience and state.step - state.best_step >= config.patience * config.validate_every:
                    self.request_stop("no improvement")
            else:
                append_log(self.run, record, is_first=self.ranks.is_first)
            if max_seconds is not None and time.monotonic() - started >= max_seconds:
                self.request_stop("time")
            stops = done or self._reason is not None
            if self.ranks.any(stops or time.monotonic() - last_save >= config.checkpoint_minutes * 60):
                self._save()
                last_save, saved = time.monotonic(), state.step
            if self.progress is not None:
                left = (time.monotonic() - started) / (state.step - first) * (config.steps - state.step)
                self.progress(Progress(step=state.step, steps=config.steps, record=record, seconds_left=left))
        if saved != state.step:  # the wish to stop came after the last look at it
            self._save()
        reason = self._reason or "finished"
        if self.validate is None:
            weights = whole_on_first(state.average or model_tensors(self.model), is_first=self.ranks.is_first)
            if self.ranks.is_first:
                self.keep(self.run, self.scored, self.tables, weights=weights)
        return TrainingResult(reason=reason, step=state.step, best=state.best, best_step=state.best_step)

    def _save(self) -> None:
        self.state.save(self._checkpoint, is_first=self.ranks.is_first)

    def _train_step(self) -> dict[str, Any]:
        """Take one optimizer step per yield; the micro-batches' generators advance together."""
        config, ranks, step = self.config, self.ranks, self.state.step
        self.plan.begin(step / config.steps)
        whose = () if ranks.is_first else (ranks.rank,)
        torch.manual_seed(key(config.seed, "model", step, *whose) & (2**63 - 1))
        factor = learning_rate_factor(
            config.schedule,
            step,
            steps=config.steps,
            warmup_steps=config.warmup_steps,
            decay_share=config.decay_share,
        )
        numbers = range(step * config.accumulate, (step + 1) * config.accumulate)
        batches = [self.source.batch(ranks.number(number)) for number in numbers]
        divisors = ranks.divisors([self.model.count(batch) for batch in batches], config.accumulate)
        generators = [
            self.model.losses({name: t.to(self.device) for name, t in batch.items()}, step) for batch in batches
        ]
        record: dict[str, Any] = {"step": step + 1, "learning_rate": config.learning_rate * factor, "loss": {}}
        while True:
            sums: dict[str, float] = {}
            group = None
            for generator, divisor in zip(generators, divisors, strict=True):
                with self._autocast():
                    item = next(generator, None)
                if item is None:
                    break
                group, terms = item
                loss = torch.stack(list(terms.values())).sum() / divisor
                # Divided gradients are averaged on their way, where the others are added up.
                (loss * ranks.size if self.is_sharded else loss).backward()  # type: ignore[no-untyped-call]
                for name, term in terms.items():  # a mean of nothing is no number
                    sums[name] = sums.get(name, 0.0) + (term.item() / divisor if divisor < math.inf else 0.0)
            if group is None:
                break
            sums = dict(zip(sums, ranks.added(list(sums.values())), strict=True))
            total = sum(sums.values())
            if not math.isfinite(total):
                raise TrainingError(step + 1, group, total)
            record["loss"][group] = sums
            record["gradient_norm"] = self._optimize(group, factor)
        ranks.average(self._statistics)
        self.state.update_average(config.ema)
        return record

    def _optimize(self, group: str, factor: float) -> float:
        """Clip, step, and clear all gradients (a generator's loss also reaches its discriminator)."""
        if not self.is_sharded:
            self.ranks.add_gradients(self.groups[group])
        norm = whole(torch.nn.utils.clip_grad_norm_(self.groups[group], self.config.clip_norm or torch.inf))
        for optimizer in self.state.optimizers[group]:
            for entry in optimizer.param_groups:
                entry["lr"] = self.config.learning_rate * factor * entry["factor"]
            optimizer.step()
        self.model.zero_grad(set_to_none=True)
        return float(norm)

    def _autocast(self) -> AbstractContextManager[Any]:
        plain = self.precision is torch.float32
        return nullcontext() if plain else torch.autocast(self.device.type, dtype=self.precision)

    def _validate(self, record: dict[str, Any]) -> None:
        """Score the averaged (or plain) weights, keep them as the run's model if they are the best so far, and log."""
        assert self.validate is not None
        state, is_first = self.state, self.ranks.is_first
        plain: dict[str, Tensor] = {}
        if self.is_sharded:
            weights = whole_on_first(state.average or model_tensors(self.model), is_first=is_first)
            if is_first:
                load_into(self.scored, weights, self.run)
        elif state.average and is_first:
            plain = {name: tensor.clone() for name, tensor in model_tensors(self.model).items()}
            load_into(self.model, state.average, self.run)
        scores: dict[str, float] = {}
        if is_first:
            self.scored.eval()
            with torch.no_grad(), self._autocast():
                scores = {name: float(value) for name, value in self.validate(self.scored).items()}
        scores = self.ranks.gathered(scores)[0]
        if not math.isfinite(scores["score"]):
            raise TrainingError(state.step, "validation", scores["score"])
        if scores["score"] < state.best:
            state.best, state.best_step = scores["score"], state.step
            if is_first:
                self.keep(self.run, self.scored, self.tables)
        record["validation"] = scores
        append_log(self.run, record, is_first=self.ranks.is_first)  # before the observer, who may draw the log
        if self.observe is not None and is_first:
            self.observe(self.scored, state.step)
        self.model.train()
        if plain:
            load_into(self.model, plain, self.run)
