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

JUDGE, CRITIC = "judge", "critic"
"""Of the models that Tonada brings, the one that knows composers, and the one that tells real from generated."""

MOST_LANES = 256
"""Continuations that are made at once, at most."""

DEFAULT_SECONDS = 30.0
"""Length of a continuation when none is asked for."""


KEPT = ("rhythm", "melody", "chords")
"""What of a file can be kept while the rest is made anew."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a composition shall be like, where the model was trained with such conditions, and what is to be kept."""

    composer: str | None = None
    """Whose music it shall be like: a composer the model knows by name, or other."""
    period: str | None = None
    """Of which kind: baroque, classical, romantic, impressionist, ragtime …"""
    key: str | None = None
    """In which key, such as "Bb major" or "c# minor"."""
    tempo: str | None = None
    """How fast the beat is: in quarter notes per minute, or very slow, slow, moderate, fast, very fast."""
    density: str | None = None
    """How many notes there are: in notes per second, or very sparse, sparse, medium, dense, very dense."""
    ending: bool = False
    """Let the piece come to its end when the length is nearly over; the model is told how far off that is."""
    keep: str | None = None
    """Keep this of the file, and make the rest anew: rhythm, melody (chords come under it) or chords (times do)."""
    voices: int | None = None
    """Notes of each chord under a melody that is kept, its own among them; 3 when not given."""

    def __post_init__(self) -> None:
        """Check what excludes each other.

        Raises
        ------
        ConfigError
            Two settings exclude each other, or a number is out of range.
        UnknownNameError
            Nothing of this name can be kept.
        """
        if self.keep is not None and self.keep not in KEPT:
            raise UnknownNameError("thing to keep", self.keep, KEPT)
        if self.voices is not None and self.keep != "melody":
            raise ConfigError("voices are put under a melody: give keep=melody too")
        if self.voices is not None and not 2 <= self.voices <= 10:
            raise ConfigError(f"voices must lie in 2 to 10; got {self.voices}")
        if self.ending and self.keep is not None:
            raise ConfigError(f"give only one of ending and keep: with keep={self.keep} the file says when the end is")


@dataclass(frozen=True, kw_only=True)
class ComposeSettings(Wishes):
    """Settings of a composition; each field has its sentence below."""

    model: str = NOTES_MODEL
    """Name of a model that Tonada brings, or path of a model or run folder."""
    style: str | None = None
    """Style of the model: name of one that Tonada brings, or path of a folder that finetune wrote."""
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
    best_of: int = 1
    """Make so many candidates of each variation, and keep the one that the critic finds most like real music."""
    critic: str = CRITIC
    """The critic: name of one that Tonada brings, or path of a model or run folder."""
    avoid_copy: bool = False
    """Make a variation that quotes the training music again, from another seed, up to five times."""
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
        if not 1 <= self.best_of <= MOST_LANES // self.variations:
            raise ConfigError(
                f"best_of must lie in 1 to {MOST_LANES // self.variations} with {self.variations} variations, so that "
                f"no more than {MOST_LANES} are made at once; got {self.best_of}"
            )
        if self.ending and self.notes is not None:
            raise ConfigError("give only one of ending and notes: an end is planned in seconds or bars")
        check_formats(self.formats, COMPOSE_FORMATS)
        super().__post_init__()

    @property
    def length_s(self) -> float | None:
        """Seconds of continuation that are asked for; None if they follow from bars, notes or what is kept."""
        if self.keep is not None:
            return self.seconds
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
