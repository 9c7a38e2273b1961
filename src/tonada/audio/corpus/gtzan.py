"""GTZAN's known faults: the 70 clips that the fault-filtered partition leaves out.

The GTZAN genre collection (Tzanetakis & Cook, "Musical genre classification of audio signals", IEEE Transactions on
Speech and Audio Processing 10(5), 2002) has repetitions, distortions and wrong labels (Sturm, "The GTZAN dataset: its
contents, its faults, their effects on evaluation, and its future use", arXiv:1306.1461, 2013). Kereliuk, Sturm & Larsen
("Deep learning and music adversaries", arXiv:1507.04761, 2015) therefore used a partition without the faulty clips and
without an artist on two sides: 443 clips for training, 197 for validation, 290 for the test. ``FAULTS`` is what is in
none of the three.

Taken from ``train_filtered.txt``, ``valid_filtered.txt`` and ``test_filtered.txt`` of github.com/coreyker/dnn-mgr at
commit f245676f76255b88b576ffa9939eaee930f88d57, whose numbers 1 … 1000 count the clips by genre and number, and
compared with the same partition by name in gtzan_op.cc of MindSpore: the two agree.

``jazz.00054``, which cannot be read in some copies of the collection, is in the partition: where it is sound it stays,
and where it is not it is skipped as any unreadable file.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from tonada.sources import SourceFile

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
FAULTS: dict[str, tuple[int, ...]] = {
    "classical": (42,),
    "country": (8, 52),
    "disco": (38, 50, 51, 55, 60, 71, 98),
    "hiphop": (1, 39, 46, 47, 48, 49, 50, 76),
    "jazz": (33, 34, 35, 36, 37, 38, 39, 40, 42, 43, 44, 45, 46),
    "metal": (4, 34, 40, 41, 42, 43, 44, 45, 58),
    "pop": (15, 21, 22, 30, 37, 45, 47, 48, 51, 52, 54, 56, 57, 67, 68, 87),
    "reggae": (3, 5, 7, 8, 10, 13, 33, 41, 73, 75, 80, 81, 86, 91),
}
"""Genre → numbers of the clips that the partition leaves out."""
REASON = "a known fault of GTZAN: not in the fault-filtered partition (Kereliuk, Sturm & Larsen 2015)"

_NAME = re.compile(rf"({'|'.join(GENRES)})\.(\d{{5}})", re.ASCII)


def gtzan_number(file: SourceFile) -> tuple[str, int] | None:
    """Read genre and number out of a file's name, ``blues.00012.au``; None when it is not named like GTZAN's.

    Parameters
    ----------
    file
        What `tonada.sources.list_sources` found.
    """
    hit = _NAME.fullmatch(PurePosixPath(file.member or file.container.name).stem)
    return (hit[1], int(hit[2])) if hit else None


def is_faulty(file: SourceFile) -> bool:
    """Tell whether the fault-filtered partition leaves a file out; a file not named like GTZAN's is not faulty.

    Parameters
    ----------
    file
        What `tonada.sources.list_sources` found.
    """
    named = gtzan_number(file)
    return named is not None and named[1] in FAULTS.get(named[0], ())
