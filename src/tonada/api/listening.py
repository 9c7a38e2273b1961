"""``evaluate --listen``: a page for blind listening."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.studies.evaluation import Report, Rows
from tonada.errors import ConfigError, DataError

if TYPE_CHECKING:
    from tonada.audio.clip import Clip
    from tonada.render.blind import Pair

LEAST_SECONDS, SECONDS = 1.0, 30.0
"""Of a sound at least; and how long each is, unless another length is asked for."""
PAGE = "listening.html"
REAL = "real"
"""Name of the set of what really follows."""


@dataclass(frozen=True, kw_only=True)
class ListeningTest(Report):
    """A page that was made.

    Attributes
    ----------
    sets
        Names of the two sets.
    pairs
        How many pairs are on it.
    seed
        Of their order.
    """

    sets: tuple[str, str]
    pairs: int
    seed: int

    title = "Blind listening"
    explanation = "Open the page, listen, save the answers, and give the csv files to evaluate with --listen."

    def headline(self) -> str:
        """Count the pairs."""
        return f"{self.pairs} pairs of '{self.sets[0]}' and '{self.sets[1]}', order by seed {self.seed}"

    def tables(self) -> dict[str, Rows]:
        """Give nothing: there are no answers yet."""
        return {}

    def facts(self) -> dict[str, str | float]:
        """Count the pairs."""
        return {"pairs": self.pairs, "seed": self.seed}


def make_page(
    names: Sequence[str | Path],
    *,
    output: str | Path,
    ref: str | Path | None = None,
    split: str = "validation",
    pairs: int,
    seed: int,
    seconds: float | None = None,
    device: str = "auto",
) -> ListeningTest:
    """Make a page for blind listening.

    Parameters
    ----------
    names
        Two folders of MIDI or sound files, paired by name where they share names, else in order; or one model, whose
        continuations are heard beside what really follows in ``ref``.
    output
        Folder of the page.
    ref, split
        Data set, and which of its pieces a model continues.
    pairs
        How many at most.
    seed
        Of the order and the sides, and of what the model makes: once, unpicked.
    seconds
        Length of each sound, or of each continuation; 30 when None.
    device
        "auto", "cpu", "cuda" or "mps".

    Raises
    ------
    ConfigError
        It is neither two folders nor a model with a data set, or a number is out of range.
    DataError
        A folder has nothing to hear, or the page cannot be written.
    """
    from tonada.api.inputs import check_output
    from tonada.files import write_text
    from tonada.render.blind import listening_page

    length_s = SECONDS if seconds is None else seconds
    if not pairs >= 1 or not length_s >= LEAST_SECONDS:
        raise ConfigError(f"a page needs at least 1 pair of {LEAST_SECONDS:g} s; got {pairs} of {length_s:g} s")
    check_output(Path(output))
    if len(names) == 2:
        first, second = map(Path, names)
        sets = (first.resolve().name, second.resolve().name)
        sets = sets if sets[0] != sets[1] else (str(first), str(second))
        made = list(_pairs_of_folders(first, second, pairs, length_s))
    elif len(names) == 1 and ref is not None:
        sets = (Path(names[0]).resolve().name, REAL)
        made = list(_pairs_of_model(names[0], Path(ref), split, pairs, length_s, seed, device))
    else:
        raise ConfigError("name two folders, or a model and its data with --ref DATA, or csv files of answers")
    path = Path(output) / PAGE
    write_text(path, listening_page(made, sets, title="Which do you prefer?", seed=seed))
    return ListeningTest(sets=sets, pairs=len(made), seed=seed, files=(path,))


def _pairs_of_folders(first: Path, second: Path, most: int, seconds: float) -> Iterator[Pair]:
    """Pair the files of two folders: those of one name, or in order where no name is in both."""
    from tonada.render.blind import Pair

    ours, theirs = _sounding(first), _sounding(second)
    shared = [stem for stem in ours if stem in theirs]
    chosen = [(stem, stem) for stem in shared] or list(zip(ours, theirs, strict=False))
    for mine, other in chosen[:most]:
        sounds = (_clip(ours[mine], seconds), _clip(theirs[other], seconds))
        yield Pair(name=mine if mine == other else f"{mine} / {other}", sounds=sounds)


def _sounding(folder: Path) -> dict[str, Path]:
    from tonada.audio.corpus.kind import AUDIO
    from tonada.symbolic.corpus.kind import MIDI

    if not folder.is_dir():
        raise DataError(folder, "is no folder")
    found = {path.stem: path for path in sorted(folder.iterdir()) if AUDIO.has(path.name) or MIDI.has(path.name)}
    if not found:
        raise DataError(folder, "holds no MIDI or sound file")
    return found


def _clip(path: Path, seconds: float) -> Clip:
    """Read a sound, or play a MIDI file, and keep its beginning."""
    from tonada.audio.clip import Clip, read_clip
    from tonada.audio.corpus.kind import AUDIO
    from tonada.render.synth import synthesize
    from tonada.symbolic.midi import read_midi

    clip = read_clip(path) if AUDIO.has(path.name) else synthesize(read_midi(path).cut(seconds))
    return Clip(samples=clip.samples[:, : round(seconds * clip.sample_rate)], sample_rate=clip.sample_rate)


def _pairs_of_model(
    model: str | Path, data: Path, split: str, most: int, seconds: float, seed: int, device: str
) -> Iterator[Pair]:
    """Continue pieces of a data set, spread over it, and play both continuations after the prompt."""
    from tonada.api.devices import find_device
    from tonada.api.loading import load_language_model
    from tonada.data import Dataset
    from tonada.render.blind import Pair
    from tonada.render.synth import synthesize
    from tonada.symbolic.evaluation.excerpts import PROMPT_S, continue_excerpt, cut_excerpts, spread
    from tonada.symbolic.notes import Notes
    from tonada.symbolic.sampling import SamplingConfig
    from tonada.symbolic.score import Score

    network, tokenizer = load_language_model(model, find_device(device))
    every = [
        excerpt
        for piece in Dataset(data).pieces(split)
        for excerpt in cut_excerpts(piece, tokenizer, prompt_s=PROMPT_S, continuation_s=seconds)
    ]
    if not every:
        raise ConfigError(f"no piece of the split '{split}' of {data} is {PROMPT_S + seconds:g} s long")
    for excerpt in spread(every, most):
        (generated,) = continue_excerpt(network, tokenizer, excerpt, SamplingConfig(seed=seed), continuation_s=seconds)
        sounds = tuple(
            synthesize(Score.from_notes(Notes.concatenate(excerpt.prompt, notes.shifted(excerpt.join_s))))
            for notes in (generated, excerpt.real)
        )
        yield Pair(name=f"{excerpt.composer}, {excerpt.work}", sounds=(sounds[0], sounds[1]))
