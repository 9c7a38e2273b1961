"""The sustain pedal, folded into the notes' durations: the common first step of tokenizers, metrics and playback.

A piano has one pedal, and recordings often store it on one track only while the hands have a track each. So the pedal
of all tracks but the drums' is one pedal, and it holds the notes of all tracks but the drums'. Half-pedalling is not
modelled: 64 and above is down, as the MIDI 1.0 specification says for a switch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tonada.symbolic.notes import Notes
from tonada.symbolic.score import SUSTAIN, Score

DOWN_FROM = 64
"""Least value of that control at which the pedal is down."""


def fold_pedal(score: Score) -> Notes:
    """Give the notes as they sound: held by the pedal, ended by the next onset of their pitch.

    At one tick the pedal goes down, then up, then notes begin, then notes end. A note that ends on its own while the
    pedal is down sounds on until the pedal goes up or its pitch is struck again. What is held when the piece is over
    stops at its last event. A note that is struck again at the tick of its own onset is left out. Ticks are whole
    numbers, so nothing depends on rounding; the tempo map turns them into seconds at the end.

    Parameters
    ----------
    score
        Any score; the notes and the pedal of drum tracks are left out.

    Returns
    -------
    folded : Notes
        At most as many as ``score.notes()`` has. No two of a pitch overlap; a note without length gets none unless the
        pedal is down.
    """
    tracks = [track for track in score.tracks if not track.is_drum]
    if not tracks:
        return Notes.empty()
    onset = np.concatenate([track.onset_ticks for track in tracks])
    if not len(onset):
        return Notes.empty()
    end = onset + np.concatenate([track.duration_ticks for track in tracks])
    pitch = np.concatenate([track.pitch for track in tracks])
    velocity = np.concatenate([track.velocity for track in tracks])
    pedal_ticks = np.concatenate([track.control_ticks[track.control_number == SUSTAIN] for track in tracks])
    pedal_value = np.concatenate([track.control_value[track.control_number == SUSTAIN] for track in tracks])

    if len(pedal_ticks):
        last_event = max(int(end.max()), int(pedal_ticks.max()))
        end = _held(end, pedal_ticks, pedal_value >= DOWN_FROM, last_event)
    end, kept = _cut(onset, end, pitch)
    onset, end = onset[kept], end[kept]
    onset_s, end_s = score.tempo_map.seconds(np.stack((onset, end)))
    return Notes(onset_s=onset_s, duration_s=end_s - onset_s, pitch=pitch[kept], velocity=velocity[kept])


def _held(
    end: NDArray[np.int64], ticks: NDArray[np.int64], down: NDArray[np.bool_], last_event: int
) -> NDArray[np.int64]:
    """Move ends [N] at which the pedal is down to its next release; ``ticks`` and ``down`` [P] come in any order."""
    up = ~down
    order = np.argsort(2 * ticks + up, kind="stable")
    ticks, up = ticks[order], up[order]
    release = np.append(ticks[up], last_event)
    latest = np.searchsorted(ticks, end, side="right") - 1
    is_down = (latest >= 0) & ~up[latest]
    return np.where(is_down, release[np.searchsorted(release[:-1], end, side="right")], end)


def _cut(
    onset: NDArray[np.int64], end: NDArray[np.int64], pitch: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """End every note at the next onset of its pitch at the latest; also tell which are not struck again at once."""
    order = np.argsort(pitch * (int(onset.max()) + 1) + onset, kind="stable")
    following = order[1:]
    again = pitch[order[:-1]] == pitch[following]
    earlier, later = order[:-1][again], following[again]
    end, kept = end.copy(), np.ones(len(end), dtype=np.bool_)
    end[earlier] = np.minimum(end[earlier], onset[later])
    kept[earlier] = onset[earlier] < onset[later]
    return end, kept
