"""Figures in words, where a number alone says little."""

from __future__ import annotations

import math

from tonada.audio.latents.analysis import Space
from tonada.audio.latents.findings import OutsideFindings
from tonada.audio.latents.health import Health
from tonada.statistics.intervals import Estimate

WORST_QUARTER, BEST_QUARTER = 0.25, 0.75
"""Shares of tracks that lose more than a song from outside: outside of these it is said to be unlike them."""


def number(value: float) -> str:
    """Write a number to three figures; a dash for none."""
    if math.isnan(value):
        return "–"
    return _minus(f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}")


def estimate(value: Estimate | None) -> str:
    """Write a figure with its interval."""
    if value is None:
        return "–"
    if math.isnan(value.low):
        return _minus(f"{value.value:.2f}")
    return _minus(f"{value.value:.2f} ({value.low:.2f}\u00a0to\u00a0{value.high:.2f})")


def _minus(text: str) -> str:
    """Put a minus in the place of a hyphen, at which a line may break."""
    return text.replace("-", "\u2212")


def judge_health(health: Health | None) -> list[tuple[bool, str]]:
    """Say whether a latent does what it is for: sentences, and whether each is good news."""
    if health is None:
        return [(False, "There are too few clips of one length to say.")]
    dead = health.channels - health.active
    told = [
        (True, f"All {health.channels} channels are active: each varies from clip to clip or in time.")
        if not dead
        else (
            False,
            f"{dead} of {health.channels} channels are dead: whatever is encoded, they hardly vary.",
        )
    ]
    changes = (
        f"STFT distance {health.distance:.2f} with a clip's own latents, {health.distance_of_another:.2f} with another "
        f"clip's, {health.distance_of_mean:.2f} with the mean latent."
    )
    effective = f"They vary like {health.effective:.1f} unrelated channels of equal strength"
    told.append((True, f"{effective}; few loud directions and many soft ones are usual."))
    if health.used:
        told.append((True, f"The decoder follows its latents: {changes}"))
    else:
        told.append((False, f"The decoder hardly follows its latents, so they say little about the sound: {changes}"))
    return told


def judge_song(found: OutsideFindings) -> tuple[bool, str]:
    """Say where a song from outside stands among the tracks of the data set: in the worst or best quarter, or between.

    Returns
    -------
    tuple
        Whether that is good news, and a sentence.
    """
    share = f"{100 * found.better_than:.0f} % of the tracks of the data set lose more"
    if found.better_than < WORST_QUARTER:
        return False, f"It encodes worse than most tracks of the data set: {share}."
    if found.better_than > BEST_QUARTER:
        return True, f"It encodes better than most tracks of the data set: {share}."
    return True, f"It encodes like the tracks of the data set: {share}."


def judge_map(space: Space) -> str:
    """Say what the map of a space follows."""
    explained = {name: space.follows[name] for name in ("loudness", "brightness", "label") if name in space.follows}
    names = {"label": "genre"}
    parts = [f"{names.get(name, name)} {100 * share:.0f} %" for name, share in explained.items()]
    return f"The plane explains, of the variance of {', '.join(parts)}." if parts else ""


def judge_clusters(space: Space) -> str:
    """Say in a sentence whether clusters are genres."""
    division = space.division
    if division is None or not division.agreement:
        return "There are too few clips or genres to compare clusters with genres."
    found, chance = division.agreement["adjusted_rand"], division.chance["adjusted_rand"]
    if found.low <= chance.high:
        return f"its {division.number} clusters tell the genres apart no better than chance does"
    if found.value < 0.3:
        return f"its {division.number} clusters go with the genres a little, clearly more than by chance"
    if found.value < 0.8:
        return f"its {division.number} clusters go with the genres in part"
    return f"its {division.number} clusters are the genres, nearly"


def size(compression: float) -> str:
    """Say how many latent values there are for the samples."""
    if compression >= 1:
        return f"{compression:.3g} times fewer than samples"
    return f"{1 / compression:.3g} times more than samples"
