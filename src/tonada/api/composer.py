"""A loaded model that continues prompts and writes what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.settings import ComposeSettings
from tonada.api.sidecars import Origin, write_sidecar
from tonada.api.writing import all_or_none, write_score
from tonada.errors import ConfigError, DataError

if TYPE_CHECKING:
    from tonada.symbolic.lanes import Continuation
    from tonada.symbolic.models.base import LanguageModel
    from tonada.symbolic.notes import Notes
    from tonada.symbolic.prompts import Prompt
    from tonada.symbolic.score import Score
    from tonada.symbolic.tokenizers.base import Tokenizer

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
    files
        What was written; the last is the sidecar, from which ``replay`` makes it again.
    """

    source: Path | None
    variation: int
    score: Score
    continuation: Notes
    interrupted: bool
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What has been made of a prompt's variations so far.

    Attributes
    ----------
    share
        Of the work that is done, 0–1.
    notes
        Variation → its notes.
    seconds
        Length of the longest.
    """

    share: float
    notes: Mapping[int, int]
    seconds: float


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
        There is no such model, or it cannot be loaded.
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
        from tonada.runs import find_model, load_model
        from tonada.symbolic.models.base import LanguageModel
        from tonada.symbolic.tokenizers.base import Tokenizer

        self.device = find_device(settings.device)
        loaded = load_model(find_model(settings.model), device=self.device)
        if not isinstance(loaded.model, LanguageModel) or not isinstance(loaded.codec, Tokenizer):
            raise ConfigError(f"{settings.model} makes no notes: it is a model of another kind")
        self.model: LanguageModel = loaded.model
        self.tokenizer: Tokenizer = loaded.codec
        self.folder = loaded.folder
        self.name = loaded.folder.resolve().name

    def prompt(self, path: Path | None) -> Prompt:
        """Read and cut the file that is to be continued; None gives the prompt that holds nothing.

        Raises
        ------
        DataError
            It cannot be read, or has no notes before the cut.
        """
        from tonada.symbolic.midi import read_midi
        from tonada.symbolic.prompts import nothing, take_prompt

        if path is None:
            return nothing()
        score = read_midi(path)
        if reason := score.why_silent:
            raise DataError(path, f"{reason}, so there is nothing to continue")
        seconds, bars = self.settings.prompt_seconds, self.settings.prompt_bars
        prompt = take_prompt(score, seconds=seconds, bars=bars)
        if not len(prompt.notes):
            where = f"{seconds:g} seconds" if seconds is not None else f"{bars} bars"
            raise DataError(path, f"no notes in its first {where}. Take a longer prompt")
        return prompt

    def continuations(
        self,
        prompt: Prompt,
        *,
        stop: Callable[[], bool] | None = None,
        listen: Callable[[Heard], None] | None = None,
    ) -> list[Continuation]:
        """Continue a prompt in all variations; variation i is lane i.

        Parameters
        ----------
        prompt
            From ``prompt``.
        stop
            Asked before every id; all variations end when it says True.
        listen
            Called after every note, and when a variation ends.
        """
        from tonada.symbolic.generation import generate
        from tonada.symbolic.lanes import StopRule

        settings = self.settings
        end_s = prompt.end_s(seconds=settings.length_s, bars=settings.bars)
        length_s = None if settings.notes is not None else end_s - prompt.join_s
        lanes = range(1, settings.variations + 1)
        generation = generate(
            self.model,
            self.tokenizer,
            self.tokenizer.prompt_ids(prompt.notes),
            # What is asked for is the length that comes out: a model that finds the piece over would give nothing.
            until=StopRule(max_notes=settings.notes, max_seconds=length_s, allow_end=False),
            sampling=self.sampling,
            lanes=lanes,
            prompt=prompt.notes,
            start_s=prompt.join_s,
            interrupt=stop,
        )
        shares, notes, longest_s = dict.fromkeys(lanes, 0.0), dict.fromkeys(lanes, 0), 0.0
        for event in generation:
            if event.note is None:
                shares[event.lane] = 1.0
            else:
                notes[event.lane] += 1
                seconds = event.note[0] - prompt.join_s
                longest_s = max(longest_s, seconds)
                if length_s is not None:
                    shares[event.lane] = max(0.0, seconds / length_s)
                elif settings.notes is not None:
                    shares[event.lane] = notes[event.lane] / settings.notes
            if listen is not None:
                listen(Heard(share=sum(shares.values()) / len(shares), notes=notes, seconds=longest_s))
        return generation.results()

    def finish(
        self, source: Path | None, prompt: Prompt, continuation: Continuation, target: Path | None
    ) -> Composition:
        """Join prompt and continuation, and write the files, all of them or none.

        Parameters
        ----------
        source
            The file that was continued.
        prompt
            From ``prompt``.
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
        settings, notes = self.settings, continuation.notes
        blamed, interrupted = source or Path(FROM_NOTHING), continuation.reason == "interrupted"
        if not len(notes):
            why = "stopped before its first note" if interrupted else "got no notes: ask for more, or another --seed"
            raise DataError(blamed, f"variation {continuation.lane} {why}")
        score = prompt.alone(notes) if settings.continuation_only else prompt.joined(notes)
        made = Composition(
            source=source, variation=continuation.lane, score=score, continuation=notes, interrupted=interrupted
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
            origin = Origin(settings=settings, model=self.folder, device=self.device, source=source)
            write_sidecar(sidecar, origin, continuation, files)
            files.append(sidecar)
        return replace(made, files=tuple(files))
