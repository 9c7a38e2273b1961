"""Which work a piece is: by catalogue number, else by place in a series (``Sonata No. 9``), else by the title's words.

Titles are written by many hands: ``Etude Op. 10 No. 4``, ``Etudes Op. 10, No. 4 in C-sharp minor`` and
``Chopin_Etudes_Op10_no_4_cut.mid`` are one work. Where two titles have numbers of one catalogue these alone decide; an
opus without a number inside it (``Preludes, Op. 28``), a range or a list overlaps each of its members. In doubt two
titles overlap: better a training piece too many is dropped than one too few.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tonada.symbolic.corpus.catalogues import COLLECTIONS, LISTED, NAMED, SAME, SERIES, SYSTEMS
from tonada.symbolic.corpus.composers import composer_keys
from tonada.symbolic.corpus.titles import (
    distinctive,
    find_key,
    fold,
    normalised,
    roman_number,
    without_file_marks,
    without_key,
    words,
)

_NUMBER = r"(?:no|nr|nos|n|№)?[ .°]*"
_LIST = rf"(\d+(?!\d|st|nd|rd|th)(?:\s*(?:-|–|,|&|and|und|/)\s*(?:and )?{_NUMBER}\d+(?!\d|st|nd|rd|th))*)"
_MEMBERS = re.compile(rf"[ ,:(]*\b(?:no|nr|nos|№)[ .°]*{_LIST}")
_SLASH = re.compile(r"\s*[/-]\s*(?:no\.? ?)?(\d{1,2})(?!\d)")
_PATTERNS = [
    (system, re.compile(rf"(?<![a-z']){pattern}[ ._:°-]{{0,3}}(?:anh)?(\d{{1,4}})[a-z]?(?![\d])"))
    for system, pattern in SYSTEMS
]
_HOBOKEN = re.compile(r"(?<![a-z])hob[ ._:-]*([ivx]+)[a-z]?[ ._:/-]*(\d+)")
_CODE = re.compile(r"(?:^|\s)([A-Z][a-z]+(?:-[A-Z][a-z]+)?)[A-Z]{1,4}[a-z]?(?=\s|$)")
# File names of the Chopin first editions: opus, edition, number (009-1b-Sm-001.mid, 034_1-1a-Sm.mid).
_FIRST_EDITION = re.compile(r"(\d{3})(?:sep)?(?:_(\d+))?[^ ]*?-[^ ]*?(?:-(\d{3}))?(?:-\w+)?\.mid$")

Member = tuple[str, str, int | str, int | None]


@dataclass(frozen=True)
class Work:
    """What a composer and a title say about the work.

    Attributes
    ----------
    numbers
        (composer, system, number, number inside it or None for the whole).
    series
        (composer, form, number), such as ``("scriabin", "sonata", 9)``.
    names
        Distinctive words of the title, per composer; empty when there are none.
    composers
        Surname keys.
    title
        The normalised title, key and numbers included.
    """

    composers: frozenset[str]
    numbers: frozenset[Member]
    series: frozenset[tuple[str, str, int]]
    names: frozenset[str]
    title: str

    @property
    def key(self) -> str:
        """A readable key such as ``chopin op 10 no 4``, the same for every spelling of the title."""
        composer = " & ".join(sorted(self.composers)) or "unknown"
        if self.numbers:
            named = sorted({(system, str(number), member or 0) for _, system, number, member in self.numbers})
            return f"{composer} " + ", ".join(f"{s} {n}" + (f" no {m}" if m else "") for s, n, m in named)
        if self.series:
            return f"{composer} " + ", ".join(sorted({f"{form} {number}" for _, form, number in self.series}))
        return f"{composer} {' '.join(sorted(self.names)) or self.title}"

    def overlaps(self, other: Work) -> bool:
        """Tell whether two pieces share a work, wholly or in part."""
        systems = {entry[:2] for entry in self.numbers} & {entry[:2] for entry in other.numbers}
        if systems:
            return any(
                mine[:3] == theirs[:3] and (mine[3] is None or theirs[3] is None or mine[3] == theirs[3])
                for mine in self.numbers
                for theirs in other.numbers
            )
        if {entry[:2] for entry in self.series} & {entry[:2] for entry in other.series}:
            return bool(self.series & other.series)
        if not (self.composers & other.composers or not self.composers | other.composers):
            return False
        if self.names and other.names:
            return self.names <= other.names or other.names <= self.names
        return not (self.numbers or other.numbers) and self.title == other.title

    def atoms(self) -> Iterator[tuple[str | int | None, ...]]:
        """Give keys such that works which overlap have one in common."""
        yield from (entry[:3] for entry in self.numbers)
        yield from self.series
        for composer in self.composers or {""}:
            yield from (("word", composer, name) for name in self.names)
            if not self.names:
                yield ("title", composer, self.title)


def work_of(composer: str, title: str, work_key: str = "") -> Work:
    """Read the work out of a composer and a title.

    Parameters
    ----------
    composer
        As a table or a path names them; joint composers separated by ``/``.
    title
        A title, or the file name that stands for one.
    work_key
        A key given by the table, ``composer|op10``; its number counts when the title has none.
    """
    composers = composer_keys(composer)
    plain = without_file_marks(title)
    head = _without_code(plain, composers)
    folded, tokens = fold(plain), words(fold(head))
    numbers: set[Member] = set()
    series: set[tuple[str, str, int]] = set()
    edition = _FIRST_EDITION.match(title) if "chopin" in composers else None
    if edition:
        numbers.add(("chopin", "op", int(edition[1]), int(edition[3] or edition[2] or 0) or None))
    for name in composers:
        surname = name.split()[0]
        numbers.update((name, *entry) for entry in _numbers(surname, folded, tokens))
        if not any(entry[0] == name for entry in numbers):
            numbers.update((name, *entry) for entry in _numbers(surname, fold(work_key.partition("|")[2]), []))
        for form, number, collection in _series(surname, tokens):
            if collection:
                numbers.add((name, *collection, number))
            elif number:
                series.add((name, form, number))
    given = set(words(fold(composer)))
    rest = [token for token in words(without_key(fold(head))) if token not in given]
    names = distinctive(rest) if composers else frozenset()
    key = find_key(folded)
    normal = normalised([*rest, *([key] if key else [])])
    return Work(composers, frozenset(numbers), frozenset(series), names, normal)


def find_overlaps(works: Sequence[Work], others: Sequence[Work]) -> list[int | None]:
    """Find, for each work, the first of the others that it overlaps.

    Parameters
    ----------
    works
        What to look up.
    others
        Where to look.

    Returns
    -------
    list of int or None
        One entry per work: a position in ``others``, or None.
    """
    index: defaultdict[tuple[str | int | None, ...], list[int]] = defaultdict(list)
    first: dict[Work, int] = {}
    for position, work in enumerate(others):
        if first.setdefault(work, position) == position:
            for atom in work.atoms():
                index[atom].append(position)
    known: dict[Work, int | None] = {}
    for work in works:
        if work not in known:
            candidates = sorted({position for atom in work.atoms() for position in index.get(atom, ())})
            known[work] = next((position for position in candidates if work.overlaps(others[position])), None)
    return [known[work] for work in works]


def group(works: Sequence[Work], joined: Iterable[tuple[int, int]] = ()) -> list[str]:
    """Join works that overlap, directly or through others, into groups that a split must keep together.

    Parameters
    ----------
    works
        One per piece.
    joined
        Pairs of positions that are one work for another reason.

    Returns
    -------
    list of str
        The group of each piece: the smallest key of its works.
    """
    first = {work: position for position, work in reversed(list(enumerate(works)))}
    parent = [first[work] for work in works]

    def root(position: int) -> int:
        while parent[position] != position:
            parent[position] = position = parent[parent[position]]
        return position

    for a, b in joined:
        parent[root(a)] = root(b)
    index: defaultdict[tuple[str | int | None, ...], list[Work]] = defaultdict(list)
    for work, position in first.items():
        for atom in work.atoms():
            for other in index[atom]:
                if root(first[other]) != root(position) and work.overlaps(other):
                    parent[root(position)] = root(first[other])
            index[atom].append(work)
    smallest: dict[int, str] = {}
    for position, work in enumerate(works):
        top = root(position)
        smallest[top] = min(smallest.get(top, work.key), work.key)
    return [smallest[root(position)] for position in range(len(works))]


def _without_code(title: str, composers: frozenset[str]) -> str:
    """Cut off a composer's code and the file names after it, as Mutopia writes: ``Waltz BrahmsJ O39 waltz-op39-15``."""
    for code in _CODE.finditer(title):
        if any(fold(code[1])[:6] == name[:6] for name in composers):
            return title[: code.start()] if code.start() > 2 else title[code.end() :]
    return title


def _numbers(composer: str, folded: str, tokens: Sequence[str]) -> set[tuple[str, int | str, int | None]]:
    """Find the catalogue numbers of a title as (system, number, member)."""
    found: dict[tuple[str, int | str], set[int]] = {}
    taken: list[tuple[int, int]] = []
    for hit in _HOBOKEN.finditer(folded):
        found.setdefault(("hob", f"{hit[1]} {int(hit[2])}"), set())
        taken.append(hit.span())
    for system, pattern in _PATTERNS:
        if composer not in LISTED.get(system, (composer,)):
            continue
        for hit in pattern.finditer(folded):
            if any(start < hit.end() and hit.start() < end for start, end in taken):
                continue
            members, end = _members(system, folded, hit.end())
            taken.append((hit.start(), end))
            number = int(hit[1])
            later = re.match(r"\s*(?:-|–)\s*(\d{3,4})\b", folded[hit.end() :]) if system == "bwv" else None
            for each in range(number, min(int(later[1]), number + 30) + 1) if later else (number,):
                found.setdefault(SAME.get((composer, system, each), (system, each)), set()).update(members)
    if composer == "bach" and (prelude := _well_tempered(folded)):
        found.setdefault(("bwv", prelude), set())
    for owner, needed, system, number, member in NAMED:
        if owner == composer and set(needed.split()) <= set(tokens):
            found.setdefault((system, number), set()).update([member] if member else [])
    everyone = {member for members in found.values() for member in members}
    for (system, _), members in found.items():
        if not members and len({entry[0] for entry in found}) > 1 and system in ("d", "s", "op", "l"):
            members |= everyone
    return {(*entry, member) for entry, members in found.items() for member in (members or (None,))}


def _members(system: str, folded: str, end: int) -> tuple[set[int], int]:
    """Read the numbers inside an opus: ``/4``, ``No. 4``, ``Nos. 2, 4 and 5``, ``No. 13-24``; also where they end."""
    slash = _SLASH.match(folded, end) if system in ("op", "d", "r", "woo", *COLLECTIONS) else None
    if slash:
        return {int(slash[1])}, slash.end()
    hit = _MEMBERS.match(folded, end)
    if hit is None and system not in ("k", "bwv", "hwv"):
        hit = re.compile(rf"[^;]*?\b(?:no|nr|nos)[ .°]*{_LIST}").match(folded, end)
    if hit is None:
        before = re.findall(r"\bno\.? ?(\d+)", folded[:end]) if system in COLLECTIONS else []
        return ({int(before[-1])} if before else set()), end
    members: set[int] = set()
    last, dash = 0, False
    for part in re.findall(r"\d+|-|–", hit[1]):
        if part.isdigit():
            number = int(part)
            members.update(range(last, min(number, last + 50) + 1) if dash and last else [number])
            last, dash = number, False
        else:
            dash = True
    return members, hit.end()


def _series(composer: str, tokens: Sequence[str]) -> Iterator[tuple[str, int, tuple[str, int] | None]]:
    """Find forms with a number (``sonata no 9``, ``12th hungarian rhapsody``, ``ix rhapsody``)."""
    text = " ".join(tokens)
    for owner, form, system, number in SERIES:
        if owner not in ("", composer) or form not in text:
            continue
        hit = re.search(rf"\b{form} (?:no |nr )?(\d+)\b", text) or re.search(
            rf"\b(?:(\d+) ?(?:st|nd|rd|th)?|([ivx]+)) (?:\w+ )?{form}\b", text
        )
        if hit:
            value = int(hit[1]) if hit[1] else roman_number(hit[2])
            yield form, value, (system, number) if system else None
            return


def _well_tempered(folded: str) -> int | None:
    """Give the BWV number of a prelude and fugue of the Well-Tempered Clavier from its book and key."""
    if not re.search(r"\b(prel|prael|fug)", folded):
        return None
    book = re.search(r"\b(?:w\.?t\.?[ck]\.?|book|clavier|klavier) ?(ii|i|2|1)\b", folded)
    key = find_key(folded)
    if book is None or key is None:
        return None
    step, mode = key.split()
    return (846 if book[1] in ("i", "1") else 870) + 2 * int(step) + (mode == "minor")
