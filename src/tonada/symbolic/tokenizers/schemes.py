"""REMI, TSD and Octuple as miditok writes them, for comparison with Tonada's own tokenizers.

Huang and Yang 2020 ("Pop Music Transformer") for REMI, Fradet et al. 2021 ("MidiTok") for TSD, Zeng et al. 2021
("MusicBERT", section 3.2) for Octuple.
"""

from __future__ import annotations

from typing import ClassVar

from tonada.symbolic.tokenizers.kinds import Follows, Kind
from tonada.symbolic.tokenizers.miditok import MidiTokTokenizer


class RemiTokenizer(MidiTokTokenizer):
    """``Bar``, ``Position``, then ``Pitch Velocity Duration`` for each note there; positions count from the bar."""

    name = "remi"
    scheme = "REMI"
    follows: ClassVar[Follows] = {
        Kind.BEGIN: (Kind.BAR, Kind.END),
        Kind.BAR: (Kind.BAR, Kind.POSITION),
        Kind.POSITION: (Kind.PITCH,),
        Kind.PITCH: (Kind.VELOCITY,),
        Kind.VELOCITY: (Kind.DURATION,),
        Kind.DURATION: (Kind.BAR, Kind.POSITION, Kind.PITCH, Kind.END),
    }


class TsdTokenizer(MidiTokTokenizer):
    """``TimeShift``, several for a long one, then ``Pitch Velocity Duration`` for each note there."""

    name = "tsd"
    scheme = "TSD"
    opening = (Kind.SHIFT, Kind.PITCH)
    follows: ClassVar[Follows] = {
        Kind.BEGIN: (Kind.SHIFT, Kind.PITCH, Kind.END),
        Kind.SHIFT: (Kind.SHIFT, Kind.PITCH),
        Kind.PITCH: (Kind.VELOCITY,),
        Kind.VELOCITY: (Kind.DURATION,),
        Kind.DURATION: (Kind.SHIFT, Kind.PITCH, Kind.END),
    }


class OctupleTokenizer(MidiTokTokenizer):
    """Five ids for every note, one after the other: bar (counted from the start), position, pitch, velocity, duration.

    MusicBERT gives a note one step and sums its embeddings; here the flat sequence is learned, in the order in which
    ``note`` tells a note. Program, tempo and time signature, which make it eight, are always the same in piano music.
    """

    name = "octuple"
    scheme = "Octuple"
    group = (Kind.BAR, Kind.POSITION, Kind.PITCH, Kind.VELOCITY, Kind.DURATION)
    follows: ClassVar[Follows] = {
        Kind.BEGIN: (Kind.BAR, Kind.END),
        Kind.BAR: (Kind.POSITION,),
        Kind.POSITION: (Kind.PITCH,),
        Kind.PITCH: (Kind.VELOCITY,),
        Kind.VELOCITY: (Kind.DURATION,),
        Kind.DURATION: (Kind.BAR, Kind.END),
    }
