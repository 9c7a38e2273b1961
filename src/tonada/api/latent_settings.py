"""What ``perturb`` and ``generate`` can be asked: one list for their functions and their options."""

from __future__ import annotations

from dataclasses import dataclass

from tonada.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class PerturbSettings:
    """What is done to the latents; each field has its sentence below."""

    dimensions: tuple[int, ...] = ()
    """Dimensions that are changed, from 0, with commas between; all when none are named."""
    range: float | None = None
    """Replace them by values drawn evenly from minus to plus this, another in every frame."""
    add: bool = False
    """Add such values in place of replacing."""
    strength: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0)
    """Add Gaussian noise of so many standard deviations of each dimension, with commas between: a clip for each."""
    threshold: float = 0.3
    """Distance in nats that the safe radius stays below: 0.3 is a third louder or softer in every band."""
    seed: int = 1
    """The same seed gives the same values."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises
        ------
        ConfigError
            A value is out of range.
        """
        if self.range is not None and not 0 < self.range < 1e6:
            raise ConfigError(f"range must be more than 0 and less than 1000000; got {self.range}")
        if self.add and self.range is None:
            raise ConfigError("add needs a range: --range 0.75")
        if not self.threshold > 0:
            raise ConfigError(f"threshold must be more than 0; got {self.threshold}")
        for strength in self.strength:
            if not 0 < strength < 1e6:
                raise ConfigError(f"strength must be more than 0 and less than 1000000; got {strength}")
        if len(set(self.strength)) < len(self.strength):
            raise ConfigError("the strengths must differ from each other")


@dataclass(frozen=True, kw_only=True)
class GenerateSettings:
    """What is generated; each field has its sentence below."""

    variations: int = 1
    """Number of different clips."""
    seconds: float = 12.0
    """Length of each."""
    prior: str = "auto"
    """Where latents come from: uniform (±1), normal (N(0, 1)), fitted (to songs); auto is fitted where it can be."""
    seed: int = 1
    """The same seed gives the same sound."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises
        ------
        ConfigError
            A value is out of range.
        """
        if not 1 <= self.variations <= 1000:
            raise ConfigError(f"variations must lie in 1 to 1000; got {self.variations}")
        if not 0 < self.seconds <= 3600:
            raise ConfigError(f"seconds must be more than 0 and at most 3600; got {self.seconds}")
