"""Between two sounds: through their latents, straight or turning, beside the plain cross-fade."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tonada.audio.clip import Clip
from tonada.audio.comparing import log_mel_distance_nats
from tonada.audio.latents.editing import WAYS, interpolate
from tonada.audio.latents.streaming import decode_blocks, encode_blocks
from tonada.audio.spooling import blocks_of, spooled

if TYPE_CHECKING:
    from tonada.audio.models.base import AudioAutoencoder

STEPS = 5

Values = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """Two sounds of one length, and what lies between them. What is long lies in temporary files.

    Parameters
    ----------
    latents
        Of both, float32 [L, Z].
    decode
        Gives the sound of such latents, in blocks of float32 [S].
    sample_rate
        In Hz.
    """

    latents: tuple[Values, Values]
    decode: Callable[[Values], Iterable[Values]]
    sample_rate: int

    @cached_property
    def decoded(self) -> tuple[Values, Values]:
        """The two sounds as the model gives them back, float32 [S]: what it loses counts on neither side."""
        first, second = self.latents
        return spooled(self.decode(first)), spooled(self.decode(second))

    @cached_property
    def distance_nats(self) -> float:
        """Mean difference of their log-mel spectra."""
        return log_mel_distance_nats(*self.decoded, self.sample_rate)

    def crossfade(self, share: float) -> Values:
        """Mix the two, float32 [S]: the first alone at share 0, the second at 1."""
        pairs = zip(*map(blocks_of, self.decoded), strict=True)
        return spooled(np.float32(1.0 - share) * one + np.float32(share) * other for one, other in pairs)

    def morph(self, share: float, way: str) -> Values:
        """Decode what lies a share of the way between their latents, float32 [S]."""
        pairs = zip(*map(blocks_of, self.latents), strict=True)
        return spooled(self.decode(spooled(interpolate(one, other, share, way=way) for one, other in pairs)))

    def novelty(self, distance_nats: float) -> float | None:
        """Give a distance from the cross-fade as a share of that between the two; None where they are the same."""
        return distance_nats / self.distance_nats if self.distance_nats else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """One place on the way.

    Attributes
    ----------
    share
        0 at the first clip, 1 at the second.
    crossfade
        The two clips, as the model gives them back, mixed.
    ways
        Way → what is decoded there.
    novelty
        Way → distance of that from the cross-fade, as a share of the distance between the clips (mean difference of
        log-mel spectra); 0 says that it is no more than a cross-fade, None that the clips are the same.
    """

    share: float
    crossfade: Clip
    ways: dict[str, Clip]
    novelty: dict[str, float | None]


def go_between(model: AudioAutoencoder, first: Clip, second: Clip, *, steps: int = STEPS) -> Sequence[Step]:
    """Go from one clip to another in even steps, both ends included.

    Parameters
    ----------
    model
        In evaluation mode.
    first, second
        Mixed to one channel and taken to the model's rate; the longer one is cut.
    steps
        At least 2.
    """
    rate = model.sample_rate
    waves = [clip.mono().resampled(rate).samples[0] for clip in (first, second)]
    samples = min(map(len, waves))
    one, other = (spooled(encode_blocks(model, [wave[:samples]])) for wave in waves)
    pair = Pair(latents=(one, other), decode=lambda latents: decode_blocks(model, latents, samples), sample_rate=rate)

    def clip(wave: Values) -> Clip:
        return Clip(samples=wave[None], sample_rate=rate)

    made = []
    for share in np.linspace(0, 1, steps).tolist():
        crossfade = pair.crossfade(share)
        morphs = {way: pair.morph(share, way) for way in WAYS}
        apart = {way: log_mel_distance_nats(crossfade, wave, rate) for way, wave in morphs.items()}
        made.append(
            Step(
                share=share,
                crossfade=clip(crossfade),
                ways={way: clip(wave) for way, wave in morphs.items()},
                novelty={way: pair.novelty(distance) for way, distance in apart.items()},
            )
        )
    return made
