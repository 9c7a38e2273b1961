"""What ``compose`` can be asked: one list for its function, its options, its config file and its sidecars."""

from __future__ import annotations

from dataclasses import dataclass

from tonada.audio.formats import FORMATS
from tonada.errors import ConfigError, UnknownNameError

SOUND_FORMATS = tuple(suffix.removeprefix(".") for suffix in FORMATS)
PICTURE_FORMATS = ("png", "svg")
COMPOSE_FORMATS = ("mid", *SOUND_FORMATS, *PICTURE_FORMATS, "json")
RENDER_FORMATS = (*SOUND_FORMATS, *PICTURE_FORMATS)

NOTES_MODEL = "piano"
"""Of the models that Tonada brings, the one that makes notes where none is named."""
SOUND_MODEL = "sound"
"""Of the models that Tonada brings, the one that encodes and makes sound where none is named."""

DEFAULT_SECONDS = 30.0
"""Length of a continuation when none is asked for."""


@dataclass(frozen=True, kw_only=True)
class ComposeSettings:
    """Settings of a composition; each field has its sentence below."""

    model: str = NOTES_MODEL
    """Name of a model that Tonada brings, or path of a model or run folder."""
    prompt_seconds: float | None = None
    """Continue from here: take only so many seconds of the file, from its beginning."""
    prompt_bars: int | None = None
    """Continue from here: take only so many bars of the file, from its beginning."""
    seconds: float | None = None
    """Length of the continuation in seconds; 30 when no length is given."""
    bars: int | None = None
    """Length of the continuation in bars: it goes to the end of that bar."""
    notes: int | None = None
    """Length of the continuation in notes."""
    variations: int = 1
    """Number of different continuations."""
    seed: int = 1
    """The same seed gives the same music."""
    temperature: float = 1.0
    """How daring: below 1 keeps to the probable, above 1 strays from it; 0 takes the most probable note every time."""
    top_k: int = 0
    """Choose among so many of the most probable next values; 0 for all."""
    top_p: float = 1.0
    """Choose among the most probable next values that together have this probability; 1 for all."""
    min_p: float = 0.0
    """Leave out what is less probable than this share of the most probable next value; 0 for nothing."""
    repeat_notes: int = 0
    """Limit how often passages of so many notes come again exactly; 0 for no limit."""
    repeat_limit: int = 2
    """How often such a passage may occur, the prompt included."""
    continuation_only: bool = False
    """Write the continuation without the prompt; it then begins at once."""
    soundfont: str | None = None
    """Sound font (.sf2 or .sf3) for audio; the piano that Tonada brings when none is given."""
    formats: tuple[str, ...] = ("mid",)
    """What to write, with commas between: mid, wav, flac, ogg, opus, mp3, png, svg; the json is always written."""
    device: str = "auto"
    """Where to compute: auto, cpu, cuda or mps."""

    def __post_init__(self) -> None:
        """Check the ranges and what excludes each other.

        Raises
        ------
        ConfigError
            A value is out of range, or two settings exclude each other.
        UnknownNameError
            There is no such format.
        """
        for names in (("prompt_seconds", "prompt_bars"), ("seconds", "bars", "notes")):
            given = [name for name in names if getattr(self, name) is not None]
            if len(given) > 1:
                raise ConfigError(f"give only one of {' and '.join(given)}")
            for name in given:
                if not 0 < getattr(self, name) < 1e6:
                    raise ConfigError(f"{name} must be more than 0 and less than 1000000; got {getattr(self, name)}")
        if not 1 <= self.variations <= 64:
            raise ConfigError(f"variations must lie in 1 to 64; got {self.variations}")
        check_formats(self.formats, COMPOSE_FORMATS)

    @property
    def length_s(self) -> float | None:
        """Seconds of continuation that are asked for, None if the length is in bars or notes."""
        return DEFAULT_SECONDS if self.seconds is self.bars is self.notes is None else self.seconds


def check_formats(formats: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Check that there are formats, and that all are known.

    Raises
    ------
    ConfigError
        There are none.
    UnknownNameError
        One is not known; the nearest are offered.
    """
    if not formats:
        raise ConfigError(f"name at least one format: {', '.join(known)}")
    for name in formats:
        if name not in known:
            raise UnknownNameError("format", name, known)
