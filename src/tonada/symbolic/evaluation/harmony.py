"""Harmony in numbers: how much sounds together, which chords are struck, and how consonant they are.

"Melodies, not harmonies" is what a model is said to make; these figures beside those of real music tell. Simultaneous
are the notes of one *onset group* (``simultaneity``): notes that a held pedal lets sound on are not of the chord. A
chord's *set* is that of its pitch classes, so that inversion, spacing and doubling make no difference.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.evaluation.simultaneity import (
    first_of_each,
    microseconds,
    onset_groups,
    sounding,
    times_of_counts,
)
from tonada.symbolic.notes import Floats, Ints, Notes

CHORD_TYPES: Final = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "diminished": (0, 3, 6),
    "augmented": (0, 4, 8),
    "suspended": (0, 5, 7),
    "dominant_seventh": (0, 4, 7, 10),
    "major_seventh": (0, 4, 7, 11),
    "minor_seventh": (0, 3, 7, 10),
    "half_diminished": (0, 3, 6, 10),
    "diminished_seventh": (0, 3, 6, 9),
}
"""Semitones above the root. A sixth chord is the minor seventh that has its notes, and a suspended second a fourth."""
FEW, OTHER = "dyad", "other"
"""Chords of at most two pitch classes (an octave doubled, say), and those of another set."""
CONSONANT: Final = (0, 3, 4, 5)
"""Interval classes that count as consonant: octaves, thirds and sixths, fifths and fourths (which are dissonant over
the bass alone, in strict counterpoint; here they are not)."""

_NAMES: Final = (*CHORD_TYPES, FEW, OTHER)


def describe_harmony(notes: Notes) -> dict[str, float]:
    """Compute every statistic of harmony of a piece.

    Parameters
    ----------
    notes
        The piece; the pedal folded in or not, which only the times of sounding together depend on.

    Returns
    -------
    dict
        Statistic → value. Shares lie in [0, 1]; NaN where there is nothing to take a share of. ``chord_share`` and
        ``notes_per_onset_mean`` are in ``metrics.describe``.

        ``two_sounding_share``, ``three_sounding_share``
            Share of the time in which something sounds, in which two, three or more different pitches sound.
        ``three_note_share``
            Share of the onset groups that have three or more different pitches.
        ``chord_major_share`` … ``chord_other_share``
            Of those groups, the share with a set of each of ``CHORD_TYPES``; ``chord_dyad_share`` with one or two pitch
            classes; ``chord_other_share`` with any other. They sum to 1.
        ``chord_set_entropy_bits``
            Entropy of the sets of those groups, counted once each (C major and D major are two).
        ``interval_class_1_share`` … ``interval_class_6_share``
            Interval-class vector (Forte 1973, section 1.4) summed over the sets of all onset groups, as shares: of the
            pairs of different pitch classes that are struck together, those 1 (or 11) semitones apart, 2 (10) … 6.
        ``consonance_share``
            Of the pairs of different pitches that are struck together, the share that is consonant (``CONSONANT``),
            octaves included.
    """
    start, end = microseconds(notes)
    count, length = times_of_counts(*sounding(start, end, notes.pitch)[:2])
    keys = _keys(start, notes.pitch)
    sets = _sets(keys)
    chords = sets[keys.sum(axis=1) >= 3]
    named = np.bincount(_TYPE_OF_SET[chords], minlength=len(_NAMES))
    _, often = np.unique(chords, return_counts=True)
    classes = np.array([_pairs_of_classes(sets, apart) for apart in range(1, 7)])
    pairs = np.array([np.count_nonzero(keys[:, :-apart] & keys[:, apart:]) for apart in range(1, 128)])
    folded = np.minimum(np.arange(1, 128) % 12, -np.arange(1, 128) % 12)
    heard = int(length[count > 0].sum())
    return {
        "two_sounding_share": _share(int(length[count >= 2].sum()), heard),
        "three_sounding_share": _share(int(length[count >= 3].sum()), heard),
        "three_note_share": _share(len(chords), len(sets)),
        **{f"chord_{name}_share": _share(int(n), len(chords)) for name, n in zip(_NAMES, named, strict=True)},
        "chord_set_entropy_bits": _entropy_bits(often),
        **{f"interval_class_{i}_share": _share(int(n), int(classes.sum())) for i, n in enumerate(classes, 1)},
        "consonance_share": _share(int(pairs[np.isin(folded, CONSONANT)].sum()), int(pairs.sum())),
    }


def _keys(start: Ints, pitch: Ints) -> NDArray[np.bool_]:
    """Tell which pitches each onset group strikes; bool [groups, 128]."""
    group, _ = onset_groups(start, pitch)
    keys = np.zeros((len(first_of_each(group)), 128), dtype=np.bool_)
    keys[group, pitch] = True
    return keys


def _sets(keys: NDArray[np.bool_]) -> Ints:
    """Give the pitch classes of each row [groups, 128] as the bits of a number, C the lowest; int64 [groups]."""
    padded = np.pad(keys, ((0, 0), (0, 4))).reshape(len(keys), 11, 12).any(axis=1)
    return padded @ (1 << np.arange(12, dtype=np.int64))


def _pairs_of_classes(sets: Ints, apart: int) -> int:
    """Count the unordered pairs of pitch classes in the sets that are so many semitones apart, 1 to 6."""
    turned = ((sets << apart) | (sets >> (12 - apart))) & 0xFFF
    both = int(_SIZE_OF_SET[sets & turned].sum())
    return both // 2 if apart == 6 else both


def _type_table() -> Ints:
    """Name all 4096 sets by their places in ``_NAMES``; int64 [4096]."""
    table = np.where(_SIZE_OF_SET <= 2, _NAMES.index(FEW), _NAMES.index(OTHER))
    for place, steps in enumerate(CHORD_TYPES.values()):
        for root in range(12):
            table[sum(1 << (root + step) % 12 for step in steps)] = place
    return table


_SIZE_OF_SET: Final = np.array([number.bit_count() for number in range(4096)])
_TYPE_OF_SET: Final = _type_table()


def _entropy_bits(counts: NDArray[np.integer]) -> float:
    share: Floats = counts / max(1, counts.sum())
    return float(-(share * np.log2(share)).sum()) + 0.0 if len(share) else math.nan


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
