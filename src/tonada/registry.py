"""The table of everything that has a name: kind → name → "module:Class", resolved when it is used.

Adding a tokenizer, a transform or a model is one new file and one line here: the command line's choices, the docs and
the contract tests all read this table. Nothing heavy is imported to list names.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tonada.errors import UnknownNameError


@dataclass(frozen=True)
class Entry:
    """Where a class lives.

    Parameters
    ----------
    target
        ``module:Class``.
    presets
        Names of its presets; a class attribute ``presets`` maps each to a function.
    extra
        The extra of Tonada that it needs; empty for what works after a plain installation.
    """

    target: str
    presets: tuple[str, ...] = ()
    extra: str = ""


TABLE: Mapping[str, Mapping[str, Entry]] = {
    "tokenizer": {
        "giga": Entry("tonada.symbolic.tokenizers.giga:GigaTokenizer"),
        "note": Entry("tonada.symbolic.tokenizers.note:NoteTokenizer"),
        "octuple": Entry("tonada.symbolic.tokenizers.schemes:OctupleTokenizer", extra="miditok"),
        "performance": Entry("tonada.symbolic.tokenizers.performance:PerformanceTokenizer"),
        "remi": Entry("tonada.symbolic.tokenizers.schemes:RemiTokenizer", extra="miditok"),
        "tsd": Entry("tonada.symbolic.tokenizers.schemes:TsdTokenizer", extra="miditok"),
    },
    "transform": {
        "mel": Entry("tonada.audio.transforms.mel:MelTransform"),
        "waveform": Entry("tonada.audio.transforms.waveform:WaveformTransform"),
    },
    "model": {
        "autoencoder": Entry("tonada.audio.models.autoencoder:Autoencoder", presets=("large", "middle", "small")),
        "critic": Entry("tonada.symbolic.classifiers.critic:Critic", presets=("continuations",)),
        "gpt": Entry("tonada.symbolic.models.gpt:GPT", presets=("from-scratch", "giga", "small", "tiny")),
        "judge": Entry("tonada.symbolic.classifiers.judge:Judge", presets=("composers",)),
        "nested": Entry("tonada.symbolic.models.nested:Nested", presets=("small", "tiny")),
        "spectral": Entry(
            "tonada.audio.models.spectral:SpectralAutoencoder",
            presets=("16x", "32x", "64x", "large", "middle", "small"),
        ),
        "vae": Entry("tonada.audio.models.vae:VAE", presets=("16x",)),
        "waveform-vae": Entry("tonada.audio.models.waveform_vae:WaveformVAE", presets=("published",)),
    },
}


CODECS = ("tokenizer", "transform")
"""The kinds whose classes are codecs; no two of them share a name."""


def resolve_codec(name: str) -> Any:
    """Import the codec behind a name, a tokenizer or a transform.

    Raises
    ------
    UnknownNameError
        There is no such codec; the nearest are offered.
    """
    for kind in CODECS:
        if name in TABLE[kind]:
            return resolve(kind, name)
    raise UnknownNameError("codec", name, [known for kind in CODECS for known in TABLE[kind]])


def names(kind: str) -> list[str]:
    """List the names of a kind that need no extra, sorted.

    Raises
    ------
    UnknownNameError
        There is no such kind.
    """
    return sorted(name for name, entry in _kind(kind).items() if not entry.extra)


def preset_names(kind: str) -> list[str]:
    """List the full names of a kind's presets (``gpt/small``), sorted."""
    return sorted(f"{name}/{preset}" for name, entry in _kind(kind).items() for preset in entry.presets)


def resolve(kind: str, name: str) -> Any:
    """Import the class behind a name.

    Parameters
    ----------
    kind
        "tokenizer", "transform" or "model".
    name
        A name of that kind, without a preset.

    Raises
    ------
    UnknownNameError
        The kind or the name is unknown; the nearest are offered.
    """
    table = _kind(kind)
    if name not in table:
        raise UnknownNameError(kind, name, table)
    module, _, attribute = table[name].target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def preset(kind: str, full_name: str) -> tuple[str, Any]:
    """Build the config of a preset.

    Parameters
    ----------
    kind
        A kind whose classes have presets.
    full_name
        For example ``gpt/small``.

    Returns
    -------
    tuple
        The class's registry name and the config.

    Raises
    ------
    UnknownNameError
        There is no such preset; the nearest are offered.
    """
    if full_name not in preset_names(kind):
        raise UnknownNameError(f"{kind} preset", full_name, preset_names(kind))
    name, _, preset_name = full_name.partition("/")
    return name, resolve(kind, name).presets[preset_name]()


def recipe(full_name: str) -> dict[str, Any]:
    """Give the settings of training that a model preset is trained with unless others are asked for.

    Parameters
    ----------
    full_name
        For example ``gpt/small``; one that ``preset`` knows.
    """
    name, _, preset_name = full_name.partition("/")
    return dict(resolve("model", name).recipes.get(preset_name, {}))


def _kind(kind: str) -> Mapping[str, Entry]:
    if kind not in TABLE:
        raise UnknownNameError("kind", kind, TABLE)
    return TABLE[kind]
