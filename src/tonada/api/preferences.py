"""``evaluate --listen`` on answers: what listeners preferred."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tonada.api.studies.evaluation import Report, Rows
from tonada.errors import DataError
from tonada.files import translated_errors

if TYPE_CHECKING:
    from tonada.statistics.intervals import Estimate


@dataclass(frozen=True, kw_only=True)
class Preference:
    """Whom a listener, or all of them, preferred.

    Attributes
    ----------
    listener
        Name of the csv file, or "all".
    over
        The other set.
    name
        The set whose share it is.
    preferred, decided
        How often it was preferred, of how many pairs where a side was.
    neither
        In how many pairs none was.
    share
        With its exact interval.
    chance
        How probable so clear a preference would be if the sets were equally liked (sign test).
    """

    listener: str
    name: str
    over: str
    preferred: int
    decided: int
    neither: int
    share: Estimate
    chance: float


@dataclass(frozen=True, kw_only=True)
class Preferences(Report):
    """What the answers to a listening test say: a row for each listener, and one for all where there are several."""

    rows: tuple[Preference, ...]

    title = "Preferences"
    explanation = (
        "Share of the pairs in which the set was preferred, of those where a side was; 95 % interval by Clopper and "
        "Pearson. “by chance” is the sign test's probability. Answers of one listener are not independent."
    )

    def headline(self) -> str:
        """Say the preference of all."""
        row = self.rows[-1]
        return f"'{row.name}' was preferred over '{row.over}' in {row.preferred} of {row.decided} pairs, {row.share}"

    def tables(self) -> dict[str, Rows]:
        """Give the rows."""
        rows: Rows = [
            {
                "listener": row.listener,
                "preferred": row.name,
                "over": row.over,
                "times": row.preferred,
                "of": row.decided,
                "neither": row.neither,
                "share": str(row.share),
                "by chance": row.chance,
            }
            for row in self.rows
        ]
        return {"": rows}

    def facts(self) -> dict[str, str | float]:
        """Count the answers."""
        return {"answers": self.rows[-1].decided + self.rows[-1].neither}


def read_answers(paths: Sequence[str | Path]) -> Preferences:
    """Read the answers that listeners saved.

    Parameters
    ----------
    paths
        Csv files of one test, one for each listener.

    Raises
    ------
    DataError
        A file cannot be read, is no list of answers, has none, or is of other sets than the first.
    """
    from tonada.render.blind import NEITHER
    from tonada.statistics.intervals import binomial_interval, sign_test

    answers = {str(path): list(_answers(Path(path))) for path in paths}
    sets: list[str] = []
    for path, told in answers.items():
        mine = sorted({name for first, second, _ in told for name in (first, second)})
        if len(mine) != 2 or (sets and mine != sets):
            raise DataError(path, f"its answers are of {', '.join(mine) or 'nothing'}, not of two sets as the others'")
        sets = mine

    def row(listener: str, told: Sequence[tuple[str, str, str]]) -> Preference:
        decided = [first if answer == "first" else second for first, second, answer in told if answer != NEITHER]
        preferred = decided.count(sets[0])
        return Preference(
            listener=listener,
            name=sets[0],
            over=sets[1],
            preferred=preferred,
            decided=len(decided),
            neither=len(told) - len(decided),
            share=binomial_interval(preferred, len(decided)),
            chance=sign_test(preferred, len(decided)),
        )

    rows = [row(Path(path).stem, told) for path, told in answers.items()]
    if len(rows) > 1:
        rows.append(row("all", [one for told in answers.values() for one in told]))
    return Preferences(rows=tuple(rows))


def _answers(path: Path) -> Iterator[tuple[str, str, str]]:
    """Give what was heard first and second, and the answer, of each pair that was answered."""
    from tonada.render.blind import COLUMNS, FIRST, NEITHER, SECOND

    with translated_errors(path):
        data = path.read_bytes()
    try:
        table = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, f"is no list of answers ({error})") from error
    for row in table:
        if not set(COLUMNS) <= row.keys() or row["answer"] not in (FIRST, SECOND, NEITHER, ""):
            raise DataError(path, f"is no list of answers: it needs the columns {', '.join(COLUMNS)}")
        if row["answer"]:
            yield row["first"], row["second"], row["answer"]
    if not any(row["answer"] for row in table):
        raise DataError(path, "holds no answers")
