"""The key that notes are in: the key profiles of Krumhansl and Kessler, correlated with what sounds for how long."""

from __future__ import annotations

import numpy as np

from tonada.symbolic.notes import Notes

MODES = ("major", "minor")

_PROFILES = np.array(
    [
        [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
        [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
    ]
)
"""How well each pitch class fits a key on C, by ``MODES``: the probe-tone ratings of Krumhansl and Kessler (1982)."""


def estimate_key(notes: Notes) -> tuple[int, str] | None:
    """Estimate the key of notes.

    The pitch classes are weighted with how long they sound; of the 24 keys, that whose profile correlates best with the
    weights is taken (C. L. Krumhansl, Cognitive Foundations of Musical Pitch, 1990, chapter 4, with the profiles of
    C. L. Krumhansl and E. J. Kessler, Psychological Review 89, 1982).

    Parameters
    ----------
    notes
        Any notes, of a piece or a part of one.

    Returns
    -------
    (int, str) or None
        Pitch class of the tonic, 0–11 with C = 0, and "major" or "minor"; None where all pitch classes weigh the same,
        as without notes.
    """
    weight = np.bincount(notes.pitch % 12, weights=notes.duration_s, minlength=12)
    centred = weight - weight.mean()
    if not np.ptp(weight) > 0:
        return None
    profiles = _PROFILES - _PROFILES.mean(axis=1, keepdims=True)
    profiles /= np.linalg.norm(profiles, axis=1, keepdims=True)
    turned = np.stack([np.roll(centred, -tonic) for tonic in range(12)])
    mode, tonic = np.unravel_index(np.argmax(profiles @ turned.T), (2, 12))
    return int(tonic), MODES[mode]
