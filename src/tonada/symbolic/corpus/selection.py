"""Which files are wanted: by composer, title, split or any column of the tables."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from tonada.errors import ConfigError, DataError, UnknownNameError
from tonada.sources import SourceFile
from tonada.symbolic.corpus.composers import composer_keys
from tonada.symbolic.corpus.kind import RENAMED
from tonada.symbolic.corpus.titles import fold

TELLS = {"composer": "names its composer", "split": "is assigned to a split", "style": "is said to have a style"}
"""Columns that have a parameter of their own but that music may lack, and what they say about a file."""


def parse_selection(
    where: Mapping[str, str] | Sequence[str], **columns: str | Sequence[str] | None
) -> dict[str, list[str]]:
    """Gather what is wanted as column → values, under the names that the catalogue has.

    Parameters
    ----------
    where
        ``column=value`` texts, or a mapping; values of one column are alternatives.
    **columns
        Columns that have a parameter of their own, with one value, several, or none.

    Raises
    ------
    ConfigError
        A text is not ``column=value``.
    """
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for text in [f"{column}={value}" for column, value in where.items()] if isinstance(where, Mapping) else where:
        column, separator, value = text.partition("=")
        if not separator or not column.strip() or not value.strip():
            raise ConfigError(f"'{text}' is not COLUMN=VALUE. Write, for example, --where year=2004")
        wanted[column.strip()].append(value.strip())
    for column, values in columns.items():
        if values:
            wanted[column].extend([values] if isinstance(values, str) else values)
    return {RENAMED.get(column, column): values for column, values in wanted.items()}


def select(files: Sequence[SourceFile], wanted: Mapping[str, Sequence[str]]) -> list[SourceFile]:
    """Keep the files that fit, in every column, one of the wanted values.

    Case and accents do not matter. A composer fits by surname, in any spelling, or by whole words of the name. In other
    columns a value fits exactly where some file has exactly it, else as a part.

    Parameters
    ----------
    files
        With facts for "composer" and "title" at least.
    wanted
        Column → values.

    Raises
    ------
    UnknownNameError
        No table has the column, or no file fits a value; the nearest are offered.
    ConfigError
        No file at all has a composer, or a split.
    DataError
        Each value fits some file, but no file fits all.
    """
    kept = list(files)
    for column, values in wanted.items():
        known = {file.facts[column] for file in files if file.facts.get(column)}
        if not known:
            if column in TELLS:
                asked = " or ".join(f"'{value}'" for value in values)
                hint = f"Leave --{column} out, or give a table with a column '{column}'"
                raise ConfigError(f"no file {TELLS[column]}, so none can be chosen by {asked}. {hint}")
            columns = {name for file in files for name in file.facts}
            if column not in columns:
                raise UnknownNameError("column", column, columns)
        matches = [_matcher(column, value, known) for value in values]
        for value, fits in zip(values, matches, strict=True):
            if not any(fits(text) for text in known):
                raise UnknownNameError(column, value, known)
        kept = [file for file in kept if any(fits(file.facts.get(column, "")) for fits in matches)]
    if not kept and files:
        asked = ", ".join(f"{column}={'|'.join(values)}" for column, values in wanted.items())
        raise DataError(files[0].container, f"no file fits {asked}")
    return kept


def _matcher(column: str, value: str, known: set[str]) -> Callable[[str], bool]:
    folded = fold(value)
    if column == "composer":
        keys = composer_keys(value)
        word = re.compile(rf"(?<!\w){re.escape(folded)}(?!\w)")
        return lambda text: bool(keys & composer_keys(text)) or bool(text and word.search(fold(text)))
    if any(fold(text) == folded for text in known):
        return lambda text: fold(text) == folded
    return lambda text: folded in fold(text)
