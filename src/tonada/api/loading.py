"""Loading models for a purpose: those that make notes, and classifiers of notes, which read as they learned to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.settings import CRITIC
from tonada.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from tonada.symbolic.classifiers.base import NoteClassifier
    from tonada.symbolic.classifiers.reading import Reading
    from tonada.symbolic.models.base import LanguageModel
    from tonada.symbolic.notes import Notes
    from tonada.symbolic.tokenizers.base import Tokenizer


def load_language_model(
    name: str | Path, device: str = "cpu", *, style: Path | None = None
) -> tuple[LanguageModel, Tokenizer]:
    """Load a model that makes notes.

    Parameters
    ----------
    name
        Name of a model that Tonada brings, or path of a model or run folder.
    device
        "cpu", "cuda" or "mps".
    style
        Folder of an adapter that it shall have.

    Raises
    ------
    CheckpointError
        There is no such model, it cannot be loaded, or the style belongs to another one.
    ConfigError
        It makes no notes.
    """
    from tonada.runs import find_model, load_model
    from tonada.symbolic.models.base import LanguageModel
    from tonada.symbolic.tokenizers.base import Tokenizer

    loaded = load_model(find_model(name), device=device, style=style)
    if not isinstance(loaded.model, LanguageModel) or not isinstance(loaded.codec, Tokenizer):
        raise ConfigError(f"{name} makes no notes: it is a model of another kind")
    return loaded.model, loaded.codec


class Classifier:
    """A loaded classifier with the tokenizer of the notes that it learned from.

    Parameters
    ----------
    name
        Name of a model that Tonada brings, or path of a model or run folder.
    device
        "cpu", "cuda" or "mps".
    classes
        Classes that it must know; those of others are not looked at.

    Raises
    ------
    CheckpointError
        There is no such model, or it cannot be loaded.
    ConfigError
        It is no classifier of notes, or does not know the classes.
    """

    def __init__(self, name: str | Path, *, device: str = "cpu", classes: Sequence[str] = ()) -> None:
        from tonada.runs import find_model, load_model
        from tonada.symbolic.classifiers.base import NoteClassifier
        from tonada.symbolic.tokenizers.base import Tokenizer

        try:
            folder = find_model(name)
        except CheckpointError as error:
            if str(name) != CRITIC:
                raise
            raise CheckpointError(
                f"{error} Make one: python tools/make_critic_data.py, then tonada train critic/continuations"
            ) from error
        loaded = load_model(folder, device=device)
        if not isinstance(loaded.model, NoteClassifier) or not isinstance(loaded.codec, Tokenizer):
            raise ConfigError(f"{name} is no classifier of notes: it is a model of another kind")
        known = loaded.model.config.classes
        if missing := [wanted for wanted in classes if wanted not in known]:
            raise ConfigError(f"{name} does not know {', '.join(missing)}; it tells apart {', '.join(known)}")
        self.folder = loaded.folder
        self.model: NoteClassifier = loaded.model
        self.tokenizer: Tokenizer = loaded.codec

    @property
    def classes(self) -> tuple[str, ...]:
        """What it tells apart."""
        classes: tuple[str, ...] = self.model.config.classes
        return classes

    def read(self, pieces: Sequence[Notes]) -> Reading:
        """Read pieces after the round trip of the tokenizer, each from its first note on."""
        from tonada.symbolic.classifiers.reading import read_pieces

        return read_pieces(self.model, [self.rounded(notes) for notes in pieces])

    def rounded(self, notes: Notes) -> Notes:
        """Give notes from their first onset on, as the tokenizer's ids have them."""
        if not len(notes):
            return notes
        at_once = notes.shifted(-float(notes.onset_s[0]))
        return self.tokenizer.decode_notes(self.tokenizer.encode_notes(at_once))
