"""A loaded model that continues prompts and writes what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.avoiding import Avoidance, seed_of_attempt
from tonada.api.hearing import Heard, Hearing
from tonada.api.settings import ComposeSettings
from tonada.api.sidecars import Origin, write_sidecar
from tonada.api.wishes import wished_arrangement, wished_conditions
from tonada.api.writing import all_or_none, write_score
from tonada.errors import ConfigError, DataError

if TYPE_CHECKING:
    from tonada.api.ranking import Choice
    from tonada.symbolic.arranging import Arrangement
    from tonada.symbolic.lanes import Continuation
    from tonada.symbolic.models.base import LanguageModel
    from tonada.symbolic.notes import Notes
    from tonada.symbolic.prompts import Prompt
    from tonada.symbolic.score import Score
    from tonada.symbolic.tokenizers.base import Tokenizer

EARLIEST_END, LATEST_END = 0.75, 1.25
"""When a piece that is to end may: so much of the length that is asked for must be over, and there it is stopped."""
FROM_NOTHING = "new"
"""Stem of what is made from nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Composition:
    """One variation.

    Attributes
    ----------
    source
        The file that was continued; None when it was made from nothing.
    variation
        Its number, from 1.
    score
        The prompt with the continuation on a track of its own, or the continuation alone.
    continuation
        The new notes, in the seconds of the piece.
    interrupted
        Whether it was stopped before its end.
    avoided
        Whether it quotes, and how often it was made; None where that was not asked.
    files
        What was written; the last is the sidecar, from which ``replay`` makes it again.
    """

    source: Path | None
    variation: int
    score: Score
    continuation: Notes
    interrupted: bool
    avoided: Avoidance | None = None
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What is to be made.

    Attributes
    ----------
    prompt
        What is continued.
    arrangement
        What is kept of what follows it; None where nothing is.
    """

    prompt: Prompt
    arrangement: Arrangement | None = None


class Composer:
    """A loaded model with what it is asked.

    Parameters
    ----------
    settings
        What is asked.

    Raises
    ------
    ConfigError
        A setting cannot be, or the model makes no notes.
    CheckpointError
        There is no such model or style, one cannot be loaded, or the style belongs to another model.
    DataError
        The sound font does not exist.
    """

    def __init__(self, settings: ComposeSettings) -> None:
        from tonada.symbolic.sampling import SamplingConfig

        self.settings = settings
        self.sampling = SamplingConfig(
            temperature=settings.temperature,
            top_k=settings.top_k,
            top_p=settings.top_p,
            min_p=settings.min_p,
            repeat_notes=settings.repeat_notes,
            repeat_limit=settings.repeat_limit,
            seed=settings.seed,
        )
        if settings.soundfont is not None and not Path(settings.soundfont).is_file():
            raise DataError(settings.soundfont, "there is no such sound font")
        from tonada.api.devices import find_device
        from tonada.api.ranking import Critic
        from tonada.api.styles import find_style
        from tonada.runs import find_model, load_model
        from tonada.symbolic.models.base import LanguageModel
        from tonada.symbolic.tokenizers.base import Tokenizer

        self.device = find_device(settings.device)
        self.style = None if settings.style is None else find_style(settings.style)
        loaded = load_model(find_model(settings.model), device=self.device, style=self.style)
        if not isinstance(loaded.model, LanguageModel) or not isinstance(loaded.codec, Tokenizer):
            raise ConfigError(f"{settings.model} makes no notes: it is a model of another kind")
        self.model: LanguageModel = loaded.model
        self.tokenizer: Tokenizer = loaded.codec
        self.folder = loaded.folder
        self.name = "-".join(folder.resolve().name for folder in (loaded.folder, self.style) if folder is not None)
        self.critic = Critic(settings.critic, self.device) if settings.best_of > 1 else None
        self.choices: dict[int, Choice] = {}  # of the last prompt's variations
        self.avoided: dict[int, Avoidance] = {}  # likewise
        self.conditions = wished_conditions(settings, loaded, loaded.codec.conditions)

    def task(self, path: Path | None) -> Task:
        """Read and cut the file that is to be continued, or of which something is kept; None for nothing at all.

        Raises
        ------
        DataError
            It cannot be read, has no notes before the cut, or something is to be kept and cannot be.
        ConfigError
            Something is to be kept, and there is no file.
        """
        from tonada.symbolic.midi import read_midi
        from tonada.symbolic.prompts import nothing, part_for_keeping, take_prompt

        keep = self.settings.keep
        if path is None:
            if keep is not None:
                raise ConfigError(f"keep={keep} needs a file: there is nothing to keep anything of")
            return Task(prompt=nothing())
        score = read_midi(path)
        if reason := score.why_silent:
            raise DataError(path, f"{reason}, so there is nothing to continue")
        seconds, bars = self.settings.prompt_seconds, self.settings.prompt_bars
        prompt = (take_prompt if keep is None else part_for_keeping)(score, seconds=seconds, bars=bars)
        if keep is not None and not len(prompt.rest):
            raise DataError(path, f"no notes after the prompt, so no {keep} is left to keep. Take a shorter prompt")
        if not len(prompt.notes) and not (seconds is None and bars is None):
            where = f"{seconds:g} seconds" if seconds is not None else f"{bars} bars"
            raise DataError(path, f"no notes in its first {where}. Take a longer prompt")
        return Task(prompt=prompt, arrangement=wished_arrangement(self.settings, self.tokenizer, prompt, path))

    def continuations(
        self,
        task: Task,
        *,
        stop: Callable[[], bool] | None = None,
        listen: Callable[[Heard], None] | None = None,
        attempt: int = 0,
    ) -> list[Continuation]:
        """Continue a prompt in all variations; each is the best of its candidates where there are several.

        Parameters
        ----------
        task
            From ``task``.
        stop
            Asked before every id; all variations end when it says True.
        listen
            Called after every note, and when a variation ends.
        attempt
            Which one it is; see `tonada.api.avoiding`.
        """
        from tonada.symbolic.generation import generate
        from tonada.symbolic.lanes import StopRule

        settings, prompt, arrangement = self.settings, task.prompt, task.arrangement
        end_s = prompt.end_s(seconds=settings.length_s, bars=settings.bars)
        length_s = None if settings.notes is not None else end_s - prompt.join_s
        prompt_ids = self.tokenizer.prompt_ids(prompt.notes)
        aimed = settings.notes
        if arrangement is not None:
            until = StopRule(max_ids=arrangement.constraint.count_ids(prompt_ids))
            length_s, aimed = None, len(arrangement)
        elif settings.ending and length_s is not None:
            until = StopRule(max_seconds=LATEST_END * length_s, min_seconds=EARLIEST_END * length_s)
        else:
            # What is asked for is the length that comes out: a model that finds the piece over would give nothing.
            until = StopRule(max_notes=settings.notes, max_seconds=length_s, allow_end=False)
        hearing = Hearing(settings.variations, settings.best_of, join_s=prompt.join_s, length_s=length_s, aimed=aimed)
        generation = generate(
            self.model,
            self.tokenizer,
            prompt_ids,
            until=until,
            sampling=replace(self.sampling, seed=seed_of_attempt(settings.seed, attempt)),
            lanes=hearing.lanes,
            prompt=prompt.notes,
            start_s=prompt.join_s,
            interrupt=stop,
            conditions=self.conditions,
            length_s=length_s if settings.ending else None,
            constraint=None if arrangement is None else arrangement.constraint,
        )
        for event in generation:
            heard = hearing.add(event)
            if listen is not None:
                listen(heard)
        results = generation.results()
        if arrangement is not None:
            results = [replace(one, notes=arrangement.notes(prompt_ids, one.ids)) for one in results]
        if self.critic is not None:
            results, self.choices = self.critic.choose(results, settings.best_of)
        return results

    def finish(self, source: Path | None, task: Task, continuation: Continuation, target: Path | None) -> Composition:
        """Join prompt and continuation, and write the files, all of them or none.

        Parameters
        ----------
        source
            The file that was continued.
        task
            From ``task``.
        continuation
            From ``continuations``.
        target
            Folder and stem of the files; None to write none.

        Raises
        ------
        DataError
            There are no new notes, or the files cannot be written.
        ResourceError
            The disk is full.
        """
        settings, prompt, notes = self.settings, task.prompt, continuation.notes
        blamed, interrupted = source or Path(FROM_NOTHING), continuation.reason == "interrupted"
        if not len(notes):
            why = "stopped before its first note" if interrupted else "got no notes: ask for more, or another --seed"
            raise DataError(blamed, f"variation {continuation.lane} {why}")
        score = prompt.alone(notes) if settings.continuation_only else prompt.joined(notes)
        made = Composition(
            source=source,
            variation=continuation.lane,
            score=score,
            continuation=notes,
            interrupted=interrupted,
            avoided=self.avoided.get(continuation.lane),
        )
        if target is None:
            return made
        with all_or_none() as files:
            write_score(
                score,
                target,
                settings.formats,
                files,
                source=blamed,
                soundfont=settings.soundfont,
                title=target.name,
                continuation_from_s=None if settings.continuation_only else float(notes.onset_s[0]),
            )
            sidecar = target.with_name(f"{target.name}.json")
            origin = Origin(
                settings=settings,
                model=self.folder,
                style=self.style,
                critic=None if self.critic is None else self.critic.folder,
                device=self.device,
                source=source,
            )
            write_sidecar(
                sidecar, origin, continuation, files, choice=self.choices.get(continuation.lane), avoided=made.avoided
            )
            files.append(sidecar)
        return replace(made, files=tuple(files))
