"""What a run must keep to be resumed: its state in memory, and the one file that holds it on disk.

The file is ``trainer.safetensors``, with the tensors ``model/NAME``, ``average/NAME`` and
``optimizer/GROUP/INDEX/NAME/SLOT``, and the facts (step, best score, …) as JSON in its metadata under ``state``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from tonada.checkpoint import load_into, load_tensors, model_tensors, save_tensors
from tonada.errors import CheckpointError
from tonada.model import Model
from tonada.optimizers import OptimizerName
from tonada.sharding import divided_as, whole_on_first

_FACTS: Final = ("step", "best", "best_step", "seconds")  # that the file keeps beside tensors


@dataclass(kw_only=True, eq=False)
class RunState:
    """Everything that a run changes while it trains: whatever is not in here is a function of its settings and step."""

    model: Model
    """The network, on its device."""
    optimizer_name: OptimizerName
    """What the run optimizes with."""
    optimizers: Mapping[str, Sequence[torch.optim.Optimizer]]
    """Of every group of the model."""
    average: dict[str, Tensor] = field(default_factory=dict)
    """The moving average of the model's weights, by name; empty for none."""
    step: int = 0
    """Optimizer steps that were taken."""
    best: float = math.inf
    """The lowest validation score so far."""
    best_step: int = -1
    """The step that it was reached at; −1 for none."""
    seconds: float = 0.0
    """Training time, over all its parts."""

    @torch.no_grad()
    def update_average(self, most: float) -> None:
        """Move the average towards the weights; the decay warms up, so that early weights are forgotten.

        Parameters
        ----------
        most
            The decay, once it is warm.
        """
        if self.average:
            decay = min(most, (1 + self.step) / (10 + self.step))
            for name, tensor in model_tensors(self.model).items():
                if tensor.is_floating_point():
                    self.average[name].lerp_(tensor, 1.0 - decay)
                else:
                    self.average[name].copy_(tensor)

    def save(self, path: Path, *, is_first: bool = True) -> None:
        """Write everything into one file: it is either the old state or the new one.

        Parameters
        ----------
        path
            The file.
        is_first
            Whether this is the process that writes; where weights are divided, the others give it theirs.

        Raises
        ------
        DataError
            The folder cannot be written.
        ResourceError
            The disk is full.
        """
        tensors = {f"model/{name}": tensor for name, tensor in model_tensors(self.model).items()}
        tensors |= {f"average/{name}": tensor for name, tensor in self.average.items()}
        for prefix, (optimizer, parameter, _) in self._slots().items():
            for name, value in optimizer.state[parameter].items():
                tensors[f"{prefix}/{name}"] = value
        facts = {name: getattr(self, name) for name in _FACTS} | {"optimizer": self.optimizer_name}
        tensors = whole_on_first(tensors, is_first=is_first)
        if is_first:
            save_tensors(path, tensors, {"state": json.dumps(facts)})

    def restore(self, path: Path) -> None:
        """Take everything from a file that ``save`` wrote.

        Raises
        ------
        CheckpointError
            The file is absent or damaged, or is that of another model, optimizer or setting of ``ema``.
        """
        tensors, metadata = load_tensors(path)

        def below(prefix: str) -> dict[str, Tensor]:
            return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}

        if "state" not in metadata:
            raise CheckpointError(f"{path}: is no checkpoint of a run; it does not say its step")
        facts = json.loads(metadata["state"])
        if (optimizer_name := facts.get("optimizer")) not in (self.optimizer_name, None):
            raise CheckpointError(f"{path}: the run's optimizer is {optimizer_name}, not {self.optimizer_name}")
        load_into(self.model, below("model/"), path)
        if below("average/").keys() != self.average.keys():
            raise CheckpointError(f"{path}: the moving average does not fit this run's setting of ema")
        self.average = {name: divided_as(tensor, self.average[name]) for name, tensor in below("average/").items()}
        for prefix, (optimizer, parameter, name) in self._slots().items():
            state = below(f"{prefix}/")
            wrong = [key for key, value in state.items() if value.ndim and value.shape != parameter.shape]
            if wrong:
                raise CheckpointError(f"{path}: the optimizer's '{wrong[0]}' of '{name}' does not fit the model")
            # torch's AdamW keeps its step count on the CPU, everything else beside the parameter.
            optimizer.state[parameter] = {k: divided_as(v, parameter) if v.ndim else v for k, v in state.items()}
        self.step, self.best, self.best_step, self.seconds = (facts[name] for name in _FACTS)

    def _slots(self) -> dict[str, tuple[torch.optim.Optimizer, Tensor, str]]:
        """Name where the optimizers keep something: prefix in the file → (optimizer, parameter, parameter's name)."""
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        return {
            f"optimizer/{group}/{index}/{names[id(parameter)]}": (optimizer, parameter, names[id(parameter)])
            for group, optimizers in self.optimizers.items()
            for index, optimizer in enumerate(optimizers)
            for entry in optimizer.param_groups
            for parameter in entry["params"]
        }
