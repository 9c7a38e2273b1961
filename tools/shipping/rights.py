"""Under which licences the music of a training split is, who must be named, and what the weights must carry.

Whether weights are an adaptation of what they were trained on is not settled. Here they are treated as one: they carry
what the strictest licence among the clips asks, and everybody is named. A licence that is not known here stops the
tool; nothing is guessed.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ATTRIBUTION = "ATTRIBUTION.csv"
FREEDOOM = "https://github.com/freedoom/freedoom"
GIANTMIDI = "https://github.com/bytedance/GiantMIDI-Piano"
MAKERS = {
    FREEDOOM: "Contributors to the Freedoom project",
    GIANTMIDI: "Qiuqiang Kong, Bochen Li, Jitong Chen and Yuxuan Wang (GiantMIDI-Piano)",
}
"""Source → whom it names for all of its works."""
NOTICES = {FREEDOOM: Path(__file__).parent / "LICENSE-Freedoom.txt"}
"""Source of works under the BSD licence → the notice that must come with them."""

_CREATIVE_COMMONS = re.compile(r"CC[- ]BY(-NC)?(-SA)?[- ]([34]\.0)\b")
_OTHERS = (
    (re.compile(r"CC0\b"), "CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    (re.compile(r"Public Domain\b"), "public domain", ""),
    (re.compile(r"BSD-3-Clause\b"), "BSD-3-Clause", "https://opensource.org/license/bsd-3-clause"),
)


@dataclass(frozen=True, order=True)
class Licence:
    """A licence, as far as it matters for the weights."""

    name: str
    link: str = ""
    share_alike: bool = False
    non_commercial: bool = False


@dataclass(frozen=True, kw_only=True)
class Work:
    """A track of the training split, and who made it."""

    label: str
    track: str
    artist: str
    licence: Licence
    stated: str
    source: str
    kind: str
    segments: int


def read_licence(stated: str) -> Licence:
    """Read the licence that a manifest states; of a choice, the Creative Commons one."""
    if found := _CREATIVE_COMMONS.match(stated):
        return _creative_commons(non_commercial=bool(found[1]), share_alike=bool(found[2]), version=found[3])
    for pattern, name, link in _OTHERS:
        if pattern.match(stated):
            return Licence(name, link)
    sys.exit(f"this tool does not know what the licence '{stated}' asks of weights; look, and add it to rights.py")


def _creative_commons(*, non_commercial: bool, share_alike: bool, version: str) -> Licence:
    terms = f"BY{'-NC' if non_commercial else ''}{'-SA' if share_alike else ''}"
    link = f"https://creativecommons.org/licenses/{terms.lower()}/{version}/"
    return Licence(f"CC {terms} {version}", link, share_alike, non_commercial)


def licence_of_weights(licences: Iterable[Licence]) -> Licence:
    """Give the licence that does justice to all; CC BY-SA 3.0 allows what is made of it to be under version 4.0."""
    licences = list(licences)
    alike = [licence for licence in licences if licence.share_alike]
    commercial = {licence.non_commercial for licence in alike}
    if len(commercial) > 1 or (False in commercial and any(licence.non_commercial for licence in licences)):
        sys.exit("no licence does justice to clips that must be shared alike and to others for non-commercial use only")
    return _creative_commons(
        non_commercial=any(licence.non_commercial for licence in licences), share_alike=bool(alike), version="4.0"
    )


def works_of(rows: Sequence[Mapping[str, str]]) -> list[Work]:
    """List the tracks among the segments of a catalogue, by label and name; a track without an artist is its source's.

    Parameters
    ----------
    rows
        With the columns label, track, artist, licence, source, kind.
    """
    missing = {"label", "track", "artist", "licence", "source", "kind"} - rows[0].keys()
    if missing:
        sys.exit(f"the data set says nothing of {', '.join(sorted(missing))}: who made what cannot be told")
    counts: dict[tuple[str, ...], int] = {}
    for row in rows:
        key = tuple(row[name] for name in ("label", "track", "artist", "licence", "source", "kind"))
        counts[key] = counts.get(key, 0) + 1
    return [
        Work(
            label=label,
            track=track,
            artist=artist or MAKERS.get(source, ""),
            licence=read_licence(stated),
            stated=stated,
            source=source,
            kind=kind,
            segments=segments,
        )
        for (label, track, artist, stated, source, kind), segments in sorted(counts.items())
    ]


def notices_for(works: Iterable[Work]) -> list[Path]:
    """Give the notices that works under the BSD licence ask to be kept."""
    sources = sorted({work.source for work in works if work.licence.name.startswith("BSD")})
    for source in sources:
        if source not in NOTICES:
            sys.exit(f"{source}: its BSD licence must come with what is made of it; put it into rights.py")
    return [NOTICES[source] for source in sources]


def attribution(works: Iterable[Work]) -> str:
    """Write a row for each work, as csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("label", "track", "artist", "licence", "licence_link", "stated_as", "source", "kind", "segments"))
    for work in works:
        told = (work.label, work.track, work.artist, work.licence.name, work.licence.link, work.stated)
        writer.writerow((*told, work.source, work.kind, work.segments))
    return text.getvalue()


def rights_table(works: Sequence[Work]) -> str:
    """Write a row for each licence, as Markdown: how much is under it, and who made that."""
    rows = ["| licence | tracks | segments | by |", "|---|---|---|---|"]
    for licence in sorted({work.licence for work in works}):
        own = [work for work in works if work.licence == licence]
        makers = sorted({work.artist or f"not named, see {work.source}" for work in own}, key=str.lower)
        name = f"[{licence.name}]({licence.link})" if licence.link else licence.name
        rows.append(f"| {name} | {len(own)} | {sum(work.segments for work in own)} | {'; '.join(makers)} |")
    return "\n".join(rows)


def terms(licence: Licence) -> list[str]:
    """Say what a Creative Commons licence asks."""
    asked = ["name the artists"]
    if licence.non_commercial:
        asked.append("not for commercial use")
    if licence.share_alike:
        asked.append("share alike what you make of the weights")
    return asked


def reading(works: Sequence[Work]) -> str:
    """Say how the licences of the works were read."""
    told = []
    if any(work.licence.name == "CC BY-SA 3.0" for work in works):
        told.append("Clips under CC BY-SA 3.0 allow it: its section 4(b) names later versions.")
    if any(" or " in work.stated for work in works):
        told.append("Where a choice was offered, the Creative Commons licence was taken.")
    told += [f"`{notice.name}` is the notice that its songs must come with." for notice in notices_for(works)]
    if any("FluidR3" in work.kind for work in works):
        told.append(
            "Clips that were rendered from notes were played with Frank Wen's sound font Fluid (R3) GM, under the MIT\n"
            "licence, whose notice comes with Tonada's own piano."
        )
    if any(work.source == GIANTMIDI for work in works):
        told.append(
            "GiantMIDI-Piano's notes are transcriptions of recordings; its licence is that of the transcriptions."
        )
    return "\n".join(told)
