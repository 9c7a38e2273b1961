"""What a training run is asked and what it answers: settings, progress, result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from tonada.errors import ConfigError
from tonada.optimizers import OptimizerName
from tonada.schedules import ScheduleName

Precision = Literal["auto", "fp32", "bf16"]
Sharding = Literal["none", "fsdp"]


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """Settings of a training run; each field has its sentence below."""

    steps: int = 2000
    """Optimizer steps."""
    batch: int = 8
    """Windows or clips per forward pass, of all processes together."""
    accumulate: int = 1
    """Forward passes per optimizer step."""
    optimizer: OptimizerName = "adamw"
    """"adamw", or "muon" for the matrices of hidden layers with AdamW for the rest."""
    learning_rate: float = 1e-3
    """Peak rate."""
    schedule: ScheduleName = "one-cycle"
    """Course of the rate: "one-cycle", "cosine", "constant" or "trapezoid"."""
    warmup_steps: int = 100
    """Linear warm-up of all schedules but one-cycle, in steps."""
    decay_share: float = 0.2
    """Share of the steps over which the trapezoid falls to 0."""
    weight_decay: float = 0.01
    """Decoupled, on weight matrices."""
    betas: tuple[float, ...] = (0.9, 0.95)
    """Of AdamW."""
    clip_norm: float = 1.0
    """Largest norm of a group's gradient; 0 for none."""
    ema: float = 0.0
    """Decay of the moving average of the weights, 0 for none."""
    precision: Precision = "auto"
    """"fp32", "bf16" (autocast), or "auto": bf16 where the hardware has it."""
    compile: bool = False
    """Whether to compile the model (torch.compile)."""
    sharding: Sharding = "none"
    """What several processes divide beside the batch: "none", or "fsdp" for weights, gradients and optimizer state."""
    validate_every: int = 250
    """Steps between validations."""
    patience: int = 0
    """Validations without improvement after which the run stops; 0 for never."""
    checkpoint_minutes: float = 5.0
    """Minutes between checkpoints."""
    seed: int = 1
    """Of weights, order, augmentation and dropout."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises
        ------
        ConfigError
            A value is out of range.
        """
        for name in ("steps", "batch", "accumulate", "validate_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"TrainerConfig.{name} must be at least 1; got {getattr(self, name)}")
        for name in ("learning_rate", "checkpoint_minutes"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"TrainerConfig.{name} must be positive and finite; got {getattr(self, name)}")
        for name in ("warmup_steps", "weight_decay", "clip_norm", "patience"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"TrainerConfig.{name} must be at least 0 and finite; got {getattr(self, name)}")
        if not 0 <= self.ema < 1:
            raise ConfigError(f"TrainerConfig.ema must be at least 0 and less than 1; got {self.ema}")
        if not 0 < self.decay_share <= 1:
            raise ConfigError(f"TrainerConfig.decay_share must be more than 0 and at most 1; got {self.decay_share}")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"TrainerConfig.betas must be two numbers from 0 to less than 1; got {list(self.betas)}")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a running training tells after every step: the step, of how many, its log record, seconds left."""

    step: int
    steps: int
    record: Mapping[str, Any]
    seconds_left: float


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """How a training ended: the reason, the last step, the best validation score and its step (−1 for none).

    ``remarks`` says in plain words what is wrong with the model, as far as the log shows it.
    """

    reason: str
    step: int
    best: float
    best_step: int
    remarks: tuple[str, ...] = ()


def precision_of(precision: Precision, device: str) -> torch.dtype:
    """Give the dtype that a forward pass computes in. "auto" is bf16 where the hardware has it.

    Parameters
    ----------
    precision
        The setting.
    device
        "cpu", "cuda" or "mps".
    """
    has_bf16 = False
    if device == "cuda":
        has_bf16 = torch.cuda.is_bf16_supported()
    elif device == "cpu":
        info = Path("/proc/cpuinfo")
        flags = info.read_text() if info.is_file() else ""
        has_bf16 = "avx512_bf16" in flags or "amx_bf16" in flags
    wanted = has_bf16 if precision == "auto" else precision == "bf16"
    return torch.bfloat16 if wanted else torch.float32
