"""How long a piece of 3 000 notes takes to become ids: Tonada's tokenizers beside miditok's.

One table on stdout; ``--output FILE`` writes the same figures as JSON. Files are read before the clock starts, on both
sides; ours folds the pedal inside it, miditok keeps its defaults, which ignore the pedal. The runs alternate, and each
figure is a median. With TONADA_DATA the piece is the one of the 150 thesis files that is nearest to 3 000 notes, else a
made one.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tonada import registry
from tonada.symbolic.midi import read_midi, read_midi_bytes, write_midi
from tonada.symbolic.notes import Notes
from tonada.symbolic.score import Score

NOTES = 3000
PEERS = ("REMI", "TSD", "MIDILike")
REFERENCE = "miditok REMI"


def thesis_piece(data: Path) -> tuple[str, bytes]:
    """Find the piece of the thesis files that is nearest to 3 000 notes; give its name and the file's bytes."""
    with (data / "midi" / "thesis-styles.csv").open(newline="", encoding="utf-8") as file:
        names = [row["midi_filename"] for row in csv.DictReader(file)]
    with zipfile.ZipFile(data / "midi" / "maestro-v3.0.0-midi.zip") as archive:
        files = {name: archive.read(f"maestro-v3.0.0/{name}") for name in names}
    counts = {name: read_midi_bytes(content, path=Path(name)).count_notes() for name, content in files.items()}
    nearest = min(counts, key=lambda name: abs(counts[name] - NOTES))
    return nearest, files[nearest]


def made_piece() -> tuple[str, bytes]:
    """Make a piece of 3 000 random notes."""
    generator = np.random.default_rng(1)
    notes = Notes(
        onset_s=np.cumsum(generator.exponential(0.1, NOTES)),
        duration_s=generator.uniform(0.05, 1.0, NOTES),
        pitch=generator.integers(36, 96, NOTES),
        velocity=generator.integers(20, 110, NOTES),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.mid"
        write_midi(Score.from_notes(notes), path)
        return "3 000 random notes", path.read_bytes()


def ours(path: Path) -> dict[str, Callable[[], int]]:
    """Give a function per tokenizer that encodes the piece and returns the number of ids."""
    score = read_midi(path)
    tokenizers = {name: registry.resolve("tokenizer", name)() for name in registry.names("tokenizer")}
    return {name: lambda tokenizer=tokenizer: len(tokenizer.encode(score)) for name, tokenizer in tokenizers.items()}


def theirs(path: Path) -> dict[str, Callable[[], int]]:
    """Give the same for miditok's schemes; nothing without miditok."""
    try:
        import miditok
        import symusic
    except ImportError:
        return {}

    def encoder(scheme: str) -> Callable[[], int]:
        tokenizer: Any = getattr(miditok, scheme)()
        score = symusic.Score(path)
        return lambda: sum(len(sequence.ids) for sequence in tokenizer.encode(score))

    return {f"miditok {scheme}": encoder(scheme) for scheme in PEERS}


def measure(entrants: dict[str, Callable[[], int]], *, repeats: int) -> dict[str, float]:
    """Run all by turns; give the median of each, in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in entrants}
    for name in list(entrants) * (repeats + 1):
        start = time.perf_counter()
        entrants[name]()
        times[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(found[1:]) for name, found in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=15, help="runs per median, at least 5 (15)")
    parser.add_argument("--output", type=Path, help="also write the figures here, as JSON")
    arguments = parser.parse_args()
    data = os.environ.get("TONADA_DATA")
    name, content = thesis_piece(Path(data)) if data else made_piece()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.mid"
        path.write_bytes(content)
        notes = read_midi(path).count_notes()
        entrants = {**ours(path), **theirs(path)}
        times_ms = measure(entrants, repeats=max(5, arguments.repeats))
    rows = [
        {
            "tokenizer": entrant,
            "ms_per_3000_notes": round(times_ms[entrant] * NOTES / notes, 3),
            "ids_per_note": round(encode() / notes, 3),
            "times_faster_than_remi": (
                round(times_ms[REFERENCE] / times_ms[entrant], 1) if REFERENCE in times_ms else None
            ),
        }
        for entrant, encode in entrants.items()
    ]
    print(f"{name}: {notes} notes; median of {max(5, arguments.repeats)} alternating runs, file reading excluded")
    print(f"{'tokenizer':<18}{'ms per 3 000 notes':>20}{'ids per note':>14}{'times faster than REMI':>24}")
    for row in rows:
        ratio = "" if row["times_faster_than_remi"] is None else f"{row['times_faster_than_remi']:.1f}"
        print(f"{row['tokenizer']:<18}{row['ms_per_3000_notes']:>20.2f}{row['ids_per_note']:>14.2f}{ratio:>24}")
    if REFERENCE not in times_ms:
        print("miditok is not installed, so there is nothing to compare with: python -m pip install 'tonada[bench]'")
    if arguments.output:
        arguments.output.write_text(json.dumps({"piece": name, "notes": notes, "rows": rows}, indent=1) + "\n", "utf-8")
        print(arguments.output)


if __name__ == "__main__":
    main()
