"""From what a composition shall be like, in a user's words, to what a model is told and what is given of its notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonada.api.settings import ComposeSettings, Wishes
from tonada.errors import ConfigError, DataError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

    from tonada.runs import LoadedModel
    from tonada.symbolic.arranging import Arrangement
    from tonada.symbolic.prompts import Prompt
    from tonada.symbolic.tokenizers.base import Tokenizer
    from tonada.symbolic.tokenizers.conditions import Conditions

KIND_OF = {"composer": "composer", "period": "style", "key": "key", "tempo": "tempo", "density": "density"}
"""Setting → kind of condition."""


def wished_conditions(wishes: Wishes, loaded: LoadedModel, conditions: Conditions) -> dict[str, str]:
    """Find the conditions, kind → name, that a model is to be told.

    Parameters
    ----------
    wishes
        What is asked.
    loaded
        The model.
    conditions
        Its tokenizer's.

    Raises
    ------
    ConfigError
        The model was trained without conditions, or its tokenizer has no such kind.
    UnknownNameError
        There is no such name; the nearest are offered.
    """
    asked = {setting: getattr(wishes, setting) for setting in KIND_OF}
    given = {setting: text for setting, text in asked.items() if text is not None}
    wanted = [*given, *(["ending"] if wishes.ending else [])]
    if not wanted:
        return {}
    # What a model was never told in training it does not understand, though its tokenizer has the words.
    if not loaded.config.get("augmentation", {"conditions": True}).get("conditions"):
        raise ConfigError(
            f"{loaded.name} was trained without conditions, so it cannot be asked for: {', '.join(wanted)}"
        )
    for setting in wanted:
        if not conditions.names[KIND_OF.get(setting, "length")]:
            raise ConfigError(f"{loaded.name} knows no condition of this kind, so it cannot be asked for: {setting}")
    from tonada.symbolic.describing import STYLE_OF

    found = {KIND_OF[setting]: _name(conditions, KIND_OF[setting], text) for setting, text in given.items()}
    told = sorted(set(STYLE_OF.values()))
    if "style" in found and found["style"] not in told:  # the tokenizer has more names than training windows are told
        raise UnknownNameError("period", found["style"], told)
    return found


def _name(conditions: Conditions, kind: str, text: str) -> str:
    """Find a name, or the one that a number falls under."""
    try:
        number = float(text) if kind in ("tempo", "density") else None
    except ValueError:
        number = None
    if number is None:
        from tonada.symbolic.describing import composer_name

        meant = composer_name(text, conditions.names[kind]) if kind == "composer" else None
        return conditions.find(kind, text if meant in (None, "other") else meant)
    if not 0 < number < float("inf"):
        raise ConfigError(f"{kind} must be more than 0 and finite; got {text}")
    return str(conditions.name_of(kind, number))


def wished_arrangement(
    settings: ComposeSettings, tokenizer: Tokenizer, prompt: Prompt, path: Path
) -> Arrangement | None:
    """Say what is kept of the notes after a prompt, as far as a length is asked for; None where nothing is.

    Parameters
    ----------
    settings
        What is asked.
    tokenizer
        Of the model.
    prompt
        With what follows it.
    path
        The file that they come from.

    Raises
    ------
    ConfigError
        The tokenizer cannot be given slots.
    DataError
        Nothing follows the prompt, or a melody leaves no room for voices.
    """
    from tonada.symbolic.arranging import KEEPERS

    if settings.keep is None:
        return None
    if tokenizer.ids_per_note is None:
        raise ConfigError(
            f"keep={settings.keep} needs notes of fixed ids, and the tokenizer '{tokenizer.name}' has none"
        )
    kept = prompt.rest.between(prompt.join_s, prompt.end_s(seconds=settings.length_s, bars=settings.bars))
    more = {} if settings.voices is None else {"voices": settings.voices}
    after_s = float(prompt.notes.onset_s[-1]) if len(prompt.notes) else None
    try:
        return KEEPERS[settings.keep](kept[: settings.notes], tokenizer, after_s=after_s, **more)
    except ConfigError as error:
        raise DataError(path, str(error)) from error
