"""Learns music with neural networks, shows what it learned, and makes new music, as notes and as sound.

Every command of ``tonada`` has its function here, with the same options and defaults::

    tonada.compose("melody.mid", seconds=30, seed=1, output="out")

Most have the command's name, too; ``render`` is `render_midi`, ``model list`` is `list_models`, ``runs show`` is
`show_run`, and so on.

Nothing heavy is imported before a function is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tonada.api.composing import compose
    from tonada.api.decoding import decode
    from tonada.api.diagnosis import doctor
    from tonada.api.encoding import encode
    from tonada.api.evaluation import evaluate
    from tonada.api.exploring import explore
    from tonada.api.finetuning import finetune
    from tonada.api.generating import generate
    from tonada.api.importing import import_model
    from tonada.api.inspection import list_models, list_runs, show_model, show_run
    from tonada.api.morphing import morph
    from tonada.api.perturbing import perturb
    from tonada.api.preparation import prepare
    from tonada.api.presets import show_config
    from tonada.api.rates import lr_find
    from tonada.api.rendering import render_midi
    from tonada.api.replaying import replay
    from tonada.api.training import train
    from tonada.errors import TonadaError

    __version__: str

_HOMES = {
    "TonadaError": "tonada.errors",
    "compose": "tonada.api.composing",
    "decode": "tonada.api.decoding",
    "doctor": "tonada.api.diagnosis",
    "encode": "tonada.api.encoding",
    "evaluate": "tonada.api.evaluation",
    "explore": "tonada.api.exploring",
    "finetune": "tonada.api.finetuning",
    "generate": "tonada.api.generating",
    "import_model": "tonada.api.importing",
    "list_models": "tonada.api.inspection",
    "list_runs": "tonada.api.inspection",
    "lr_find": "tonada.api.rates",
    "morph": "tonada.api.morphing",
    "perturb": "tonada.api.perturbing",
    "prepare": "tonada.api.preparation",
    "render_midi": "tonada.api.rendering",
    "replay": "tonada.api.replaying",
    "show_config": "tonada.api.presets",
    "show_model": "tonada.api.inspection",
    "show_run": "tonada.api.inspection",
    "train": "tonada.api.training",
}

__all__ = [
    "TonadaError",
    "__version__",
    "compose",
    "decode",
    "doctor",
    "encode",
    "evaluate",
    "explore",
    "finetune",
    "generate",
    "import_model",
    "list_models",
    "list_runs",
    "lr_find",
    "morph",
    "perturb",
    "prepare",
    "render_midi",
    "replay",
    "show_config",
    "show_model",
    "show_run",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        return version("tonada")
    if name not in _HOMES:
        raise AttributeError(f"module 'tonada' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, also those that are not imported yet."""
    return sorted({*globals(), *__all__})
