"""How well quotations of the training music are found, and how often music that quotes nothing is flagged.

**Planted quotations.** Trial t (0 to 199) draws a piece of the training split and sixteen notes that follow each other
in its line (chords in the order of time, each from below), moves them by 1 to 11 semitones up or down, plays them 10 %
faster, and puts them between two notes near the middle of 384 successive notes of a validation piece, a fifth of a
second after the one and before the other. All of it is then written with the tokenizer, on its grid of 10 ms, and read
again. A trial is found if the piece is flagged, and one of the five passages named is of the planted work and overlaps
the planted notes.

**Which sixteen notes.** No scale, trill or accompaniment figure, by a rule that knows nothing of the detector: at least
eight different pitches; of the steps from note to note, at most half are one or two semitones in the same direction;
and for no period from one to six notes more than half of the steps are those one period before. Passages that break it
are drawn again; how many the rule lets pass is printed.

**Variants**, in half as many trials, change length, tempo, or the order in which notes are taken (by their onsets,
which cuts chords at both ends), or move each onset by a normal error.

**What must not be flagged**: validation works, which set the threshold (the least whole number above the highest
score); passages of 384 notes of them; scales, trills and other commonplaces; and, with ``--test``, test works, which
nothing was fitted to. A work is flagged if any of its pieces is. Intervals are Clopper's and Pearson's, 95 %.

Times are of one thread, by its own clock of processor time, since the machine may be busy with other things.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tonada.data import Dataset, Piece
from tonada.runs import build_codec
from tonada.seeding import rng
from tonada.statistics.intervals import binomial_interval
from tonada.symbolic.notes import Notes
from tonada.symbolic.originality.figures import find_figures
from tonada.symbolic.originality.fingerprint import Fingerprint
from tonada.symbolic.originality.judging import THRESHOLD, examine
from tonada.symbolic.tokenizers.base import Tokenizer

TRIALS = 200
LENGTH, TEMPO = 16, 1.1
AROUND = 384
REST_S = 0.2
PITCHES, HALF, LONGEST_PERIOD = 8, 0.5, 6
LOWEST, HIGHEST = 21, 108


def is_ordinary(pitches: NDArray[np.int64]) -> bool:
    """Tell whether a line is neither scale nor trill nor accompaniment figure, by the rule above."""
    steps = np.diff(pitches)
    if len(set(pitches.tolist())) < PITCHES:
        return False
    if any(np.mean((way * steps >= 1) & (way * steps <= 2)) > HALF for way in (1, -1)):
        return False
    return not any(np.mean(steps[period:] == steps[:-period]) > HALF for period in range(1, LONGEST_PERIOD + 1))


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What is planted: how many notes, how much faster, how inexact, and in which order they are taken."""

    name: str
    length: int = LENGTH
    tempo: float = TEMPO
    error_s: float = 0.0
    by_onset: bool = False


VARIANTS = (
    Variant(name="16 notes, 10 % faster"),
    Variant(name="12 notes", length=12),
    Variant(name="24 notes", length=24),
    Variant(name="32 notes", length=32),
    Variant(name="16 notes, as fast", tempo=1.0),
    Variant(name="16 notes, 25 % faster", tempo=1.25),
    Variant(name="16 notes, 20 % slower", tempo=0.8),
    Variant(name="16 notes, chords cut at both ends", by_onset=True),
    Variant(name="16 notes, onsets off by 10 ms", error_s=0.01),
    Variant(name="16 notes, onsets off by 20 ms", error_s=0.02),
    Variant(name="32 notes, onsets off by 20 ms", length=32, error_s=0.02),
    Variant(name="64 notes, onsets off by 20 ms", length=64, error_s=0.02),
)


class Bench:
    """A data set, what reads it, and the fingerprint of its training split."""

    def __init__(self, data: Path, fingerprint: Path | None) -> None:
        self.dataset = Dataset(data)
        codec = build_codec(self.dataset.manifest["codec"])
        if not isinstance(codec, Tokenizer):
            raise SystemExit("the data set is not one of notes")
        self.tokenizer = codec
        began = time.process_time()
        self.corpus = Fingerprint.load(fingerprint)
        self.load_s = time.process_time() - began
        self.train, self.validation = self.dataset.pieces("train"), self.dataset.pieces("validation")
        if self.corpus.data_sha256 != self.dataset.sha256:
            raise SystemExit("the fingerprint is of another data set")
        self.query_s: list[float] = []
        self.drawn = 0

    def notes(self, piece: Piece) -> Notes:
        """Read a piece."""
        return self.tokenizer.decode_notes(piece.array)

    def planted(self, trial: int, variant: Variant, seed: str) -> tuple[Notes, str, float, float]:
        """Give music with a quotation, the work that is quoted, and when it begins and ends."""
        draw = rng(trial, "planted", seed)
        while True:
            self.drawn += 1
            piece = self.train[int(draw.integers(len(self.train)))]
            notes = self.notes(piece)
            order = np.arange(len(notes)) if variant.by_onset else find_figures(notes).order
            at = int(draw.integers(len(notes) - variant.length))
            taken = notes[np.sort(order[at : at + variant.length])]
            if is_ordinary(taken.pitch[find_figures(taken).order][:LENGTH]):
                break
        around = self.notes(self.validation[int(draw.integers(len(self.validation)))])
        first = int(draw.integers(max(1, len(around) - AROUND)))
        around = around[first : first + AROUND]
        around = around.shifted(-float(around.onset_s[0]))
        cut = len(around) // 2
        low, high = int(taken.pitch.min()), int(taken.pitch.max())
        semitones = draw.choice([s for s in range(-11, 12) if s and low + s >= LOWEST and high + s <= HIGHEST])
        start_s = float(around.onset_s[cut - 1]) + REST_S
        onset_s = (taken.onset_s - taken.onset_s[0]) / variant.tempo + start_s
        onset_s = np.maximum(onset_s + variant.error_s * draw.standard_normal(len(onset_s)), start_s - REST_S / 2)
        duration_s = taken.duration_s / variant.tempo
        quoted = Notes(onset_s=onset_s, duration_s=duration_s, pitch=taken.pitch + semitones, velocity=taken.velocity)
        end_s = float(quoted.onset_s[-1])
        rest = around[cut:].shifted(end_s + REST_S - float(around.onset_s[cut]))
        whole = Notes.concatenate(around[:cut], quoted, rest)
        return self.tokenizer.decode_notes(self.tokenizer.encode_notes(whole)), piece.metadata["work"], start_s, end_s

    def is_found(self, trial: int, variant: Variant, seed: str) -> bool:
        """Run a trial."""
        notes, work, start_s, end_s = self.planted(trial, variant, seed)
        began = time.process_time()
        found = examine(notes, self.corpus)
        self.query_s.append(time.process_time() - began)
        return any(
            one.is_quotation and one.work == work and one.end_s > start_s and one.start_s < end_s
            for one in found.nearest
        )

    def score(self, notes: Notes) -> float:
        """Give the score of some music."""
        return examine(notes, self.corpus, most=1).score


def share(hits: int, size: int) -> str:
    """Write a share in percent with its 95 % interval."""
    found = binomial_interval(hits, size)
    return f"{100 * found.value:.1f} % ({100 * found.low:.1f}–{100 * found.high:.1f})"


def commonplaces() -> Iterator[tuple[str, Notes]]:
    """Give figures that nobody owns, each for 128 notes, in every key, evenly as a machine plays: 120 ms a note."""
    major = np.array([0, 2, 4, 5, 7, 9, 11])
    minor = np.array([0, 2, 3, 5, 7, 8, 11])
    up = np.arange(15)
    turning = np.concatenate((up, up[-2:0:-1]))
    ladders = {
        "major scale": lambda i: major[i % 7] + 12 * (i // 7),
        "minor scale": lambda i: minor[i % 7] + 12 * (i // 7),
        "chromatic scale": lambda i: i,
        "major arpeggio": lambda i: np.array([0, 4, 7])[i % 3] + 12 * (i // 3),
        "scale in thirds": lambda i: major[i % 7] + 12 * (i // 7),
        "scale in octaves": lambda i: major[i % 7] + 12 * (i // 7),
    }
    apart = {"scale in thirds": 4, "scale in octaves": 12}
    patterns = {
        "trill": [0, 2],
        "Alberti bass": [0, 7, 4, 7],
        "waltz bass": [-12, 4, 7, 4, 7],
        "repeated chord": [0, 4, 7],
        "broken octaves": [0, 12],
        "repeated note": [0],
    }
    for key in range(12):
        for name, step in ladders.items():
            line = 48 + key + step(np.resize(turning if "arpeggio" not in name else turning[:12], 128))
            voices = [line, line + apart[name]] if name in apart else [line]
            yield name, _evenly(voices)
        for name, pattern in patterns.items():
            line = 60 + key + np.resize(np.array(pattern), 128)
            yield name, _evenly([line - 12 + third for third in (0, 4, 7)] if name == "repeated chord" else [line])


def _evenly(voices: list[NDArray[np.int64]]) -> Notes:
    onset_s = np.concatenate([np.arange(len(voice)) * 0.12 for voice in voices])
    pitch = np.concatenate(voices)
    return Notes(
        onset_s=onset_s,
        duration_s=np.full(len(onset_s), 0.1),
        pitch=pitch,
        velocity=np.full(len(onset_s), 64),
    )


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print a table as Markdown."""
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def flags(bench: Bench, name: str, groups: list[str], notes: Callable[[int], Notes]) -> tuple[str, ...]:
    """Score music in groups (works): how many groups have any that is flagged."""
    highest: dict[str, float] = {}
    for index, group in enumerate(groups):
        highest[group] = max(highest.get(group, 0.0), bench.score(notes(index)))
    scores = np.array(list(highest.values()))
    hits = int((scores >= THRESHOLD).sum())
    median, top = np.quantile(scores, [0.5, 0.95])
    return (
        name,
        str(len(groups)),
        str(hits),
        str(len(scores)),
        share(hits, len(scores)),
        f"{median:.0f}",
        f"{top:.0f}",
        f"{scores.max():.1f}",
    )


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that prepare wrote of MAESTRO")
    parser.add_argument("--fingerprint", type=Path, help="default: the one that Tonada brings")
    parser.add_argument("--trials", type=int, default=TRIALS, help=f"default: {TRIALS}")
    parser.add_argument("--variants", type=int, default=len(VARIANTS), help="only the first so many")
    parser.add_argument("--seed", default="benchmark", help="word that the trials are drawn from")
    parser.add_argument("--test", action="store_true", help="read the test split too: for a figure to publish")
    arguments = parser.parse_args()
    bench = Bench(arguments.data, arguments.fingerprint)
    bench.score(bench.notes(bench.validation[0]))  # the first query makes what all others share
    rows: list[tuple[str, ...]] = []
    for variant in VARIANTS[: arguments.variants]:
        bench.drawn = 0
        trials = arguments.trials if variant is VARIANTS[0] else arguments.trials // 2
        hits = sum(bench.is_found(trial, variant, arguments.seed) for trial in range(trials))
        passed = f"{100 * trials / bench.drawn:.0f} %"
        rows.append((variant.name, f"{hits} of {trials}", share(hits, trials), passed))
        sys.stderr.write(f"{rows[-1]}\n")
    table(("planted", "found", "share (95 %)", "the rule lets pass"), rows)
    times = np.array(bench.query_s) * 1000
    median, most = np.quantile(times, [0.5, 0.95])
    print(f"\nLoading: {bench.load_s * 1000:.0f} ms of processor time.", end=" ")
    print(f"A query of {AROUND + LENGTH} notes: median {median:.0f} ms, 95 % below {most:.0f} ms.")

    splits = {"validation": bench.validation}
    if arguments.test:
        splits["test"] = bench.dataset.pieces("test")
    rows = []
    for name, pieces in splits.items():
        works = [str(piece.metadata["work"]) for piece in pieces]
        rows.append(flags(bench, f"{name} works, whole", works, lambda i, p=pieces: bench.notes(p[i])))  # type: ignore[misc]
        sys.stderr.write(f"{rows[-1]}\n")

        def passage(index: int, pieces: list[Piece] = pieces) -> Notes:
            notes = bench.notes(pieces[index])
            first = int(rng(index, "passage").integers(max(1, len(notes) - AROUND)))
            return notes[first : first + AROUND]

        numbers = [str(index) for index in range(len(pieces))]
        rows.append(flags(bench, f"{name}, {AROUND} notes of each piece", numbers, passage))
    figures = list(commonplaces())
    names = [f"{name} {index}" for index, (name, _) in enumerate(figures)]
    rows.append(flags(bench, "scales, trills and the like", names, lambda i: figures[i][1]))
    table(
        ("music that quotes nothing", "pieces", "flagged", "of", "share (95 %)", "median score", "95 %", "highest"),
        rows,
    )
    print(f"\nThreshold: {THRESHOLD:g}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
