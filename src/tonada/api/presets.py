"""``config show``: what a preset stands for."""

from __future__ import annotations

from typing import Any


def show_config(preset: str) -> dict[str, dict[str, Any]]:
    """Give the settings that ``train`` starts from, as the tables of a config file.

    Parameters
    ----------
    preset
        Full name of a preset, for example ``gpt/tiny``.

    Raises
    ------
    UnknownNameError
        There is no such preset; the nearest are offered.
    """
    from tonada import registry
    from tonada.config import from_mapping, to_mapping
    from tonada.runs import model_table
    from tonada.symbolic.augment import Augmentation
    from tonada.training import TrainerConfig

    name, config = registry.preset("model", preset)
    return {
        "model": model_table(name, config),
        "trainer": to_mapping(from_mapping(TrainerConfig, registry.recipe(preset))),
        "augmentation": to_mapping(Augmentation()),
    }
