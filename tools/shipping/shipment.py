"""A model that is to be shipped: its run, its data, the evaluations of what ships, and the command that trained it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tonada import registry
from tonada.api.presets import show_config
from tonada.api.studies.choice import study_of
from tonada.data import Dataset
from tonada.runs import read_log

EQUALISED_FILE = "equalised.json"
"""In what ``equalise_run.py`` wrote: the gain of each frequency in dB, from 0 Hz on."""
GROWN_FILE = "grown.json"
"""In what ``grow_run.py`` wrote: what was grown, and how."""
STAGE_NAMES = ("FIRST", "SECOND", "THIRD", "FOURTH")
"""How cards call the runs before the last."""


@dataclass(frozen=True, kw_only=True)
class Shipment:
    """What a card is written from.

    Attributes
    ----------
    name
        The model will have it.
    folder
        The model's, with weights and config already written.
    run
        The run folder.
    config
        Tables of its config.
    dataset
        What it was trained on.
    evaluations
        Split → document of ``evaluation.json``, of the weights in ``folder``.
    comparison
        Markdown to put into the card; may be empty.
    cpu_minutes
        Processor time of the training, where it was measured.
    first
        The stage that its weights began with, without a folder of its own; None where they began fresh.
    """

    name: str
    folder: Path | None
    run: Path
    config: Mapping[str, Any]
    dataset: Dataset
    evaluations: Mapping[str, Mapping[str, Any]]
    comparison: str
    cpu_minutes: float | None
    first: Shipment | None = None

    @property
    def stages(self) -> list[Shipment]:
        """The stages of the training, the first one first."""
        return [*([] if self.first is None else self.first.stages), self]

    @property
    def is_equalised(self) -> bool:
        """Whether ``equalise_run.py`` made the run."""
        return (self.run / EQUALISED_FILE).is_file()

    @cached_property
    def grown(self) -> dict[str, Any] | None:
        """How ``grow_run.py`` made the run of a shallower one, if it did."""
        path = self.run / GROWN_FILE
        return json.loads(path.read_text("utf-8")) if path.is_file() else None

    @property
    def trained_model(self) -> Mapping[str, Any]:
        """The settings of the network that was trained: those before it was grown."""
        model = self.config["model"]
        return model if self.grown is None else {**model, "blocks": self.grown["blocks"]}

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """The run's log."""
        return read_log(self.run)

    @property
    def validations(self) -> list[dict[str, Any]]:
        """Those records that hold a validation."""
        return [record for record in self.records if "validation" in record]

    @property
    def best(self) -> dict[str, Any]:
        """The record of the weights that the run kept."""
        return min(self.validations, key=lambda record: record["validation"]["score"])

    @property
    def megabytes(self) -> float:
        """Size of the weights on disk."""
        assert self.folder is not None  # a stage that did not ship is not weighed
        return (self.folder / "model.safetensors").stat().st_size / 1e6

    @cached_property
    def preset(self) -> str:
        """The preset that the model's settings are nearest to."""
        own = [
            name for name in registry.preset_names("model") if name.partition("/")[0] == self.config["model"]["name"]
        ]
        if not own:
            sys.exit(f"there is no preset of {self.config['model']['name']}")
        return min(own, key=lambda name: len(self.changes(name)))

    def changes(self, preset: str) -> dict[str, Any]:
        """Give the settings in which the run differs from a preset with its recipe, data's own left out."""
        dictated = study_of(self.config["model"]["name"])(self.dataset).model_settings()
        config = {**self.config, "model": self.trained_model}
        return {
            key: config[table][key]
            for table, settings in show_config(preset).items()
            for key, value in settings.items()
            if key not in dictated and config[table].get(key, value) != value
        }

    def train_command(self, run: str = "RUN", *, init: str | None = None) -> str:
        """Give the command that trains it again, into a folder of this name."""
        settings = "".join(f" --set {key}={_toml(value)}" for key, value in self.changes(self.preset).items())
        return f"tonada train {self.preset} -d DATA -o {run}{settings}{f' --init {init}' if init else ''}"

    def commands(self, run: str = "RUN", *, init: str | None = None) -> list[str]:
        """Give the commands that make the run again, what was done after the training included."""
        if self.is_equalised:
            return [self.train_command("RAW", init=init), f"python tools/equalise_run.py RAW -d DATA -o {run}"]
        if self.grown is not None:
            silent = " --silent" if self.grown["silent"] else ""
            grow = f"python tools/grow_run.py SHALLOW -o {run} --times {self.grown['times']}{silent}"
            return [self.train_command("SHALLOW", init=init), grow]
        return [self.train_command(run, init=init)]

    @property
    def all_commands(self) -> list[str]:
        """Give the commands of all stages."""
        found: list[str] = []
        before = None
        for name, stage in zip([*STAGE_NAMES[: len(self.stages) - 1], "RUN"], self.stages, strict=True):
            found += stage.commands(name, init=before)
            before = name
        return found

    @property
    def minutes(self) -> str:
        """How long the training took, in words."""
        passed = self.records[-1]["seconds"] / 60
        if self.cpu_minutes is None:
            return f"{passed:.0f} minutes"
        return f"{self.cpu_minutes:.0f} minutes of processor time ({passed:.0f} by the clock)"

    @property
    def shard_hashes(self) -> str:
        """SHA-256 of the shards of the training split, as Markdown."""
        return ",\n".join(f"`{shard['sha256']}`" for shard in self.dataset.manifest["splits"]["train"]["shards"])


def _toml(value: Any) -> str:
    """Write a value as ``--set`` reads it; a shell takes it as it stands."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).replace(" ", "") if isinstance(value, list) else str(value)
