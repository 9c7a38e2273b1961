"""Between two clips: through the latents, straight and turning, beside the plain cross-fade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tonada.audio.clip import Clip
from tonada.audio.latents.editing import WAYS, interpolate
from tonada.audio.latents.streaming import decode_whole, encode_whole
from tonada.audio.metrics import log_mel_distance_nats

if TYPE_CHECKING:
    from tonada.audio.models.base import AudioAutoencoder

STEPS = 5


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
        log-mel spectra); 0 says that it is no more than a cross-fade.
    """

    share: float
    crossfade: Clip
    ways: dict[str, Clip]
    novelty: dict[str, float]


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
    waves = [clip.mono().resampled(model.sample_rate).samples[0] for clip in (first, second)]
    samples = min(map(len, waves))
    latents = [encode_whole(model, wave[:samples]) for wave in waves]
    ends = [decode_whole(model, latent, samples) for latent in latents]
    apart = log_mel_distance_nats(*ends) or 1.0

    def clip(wave: NDArray[np.floating]) -> Clip:
        return Clip(samples=wave[None].astype(np.float32), sample_rate=model.sample_rate)

    made = []
    for share in np.linspace(0, 1, steps).tolist():
        crossfade = (1 - share) * ends[0] + share * ends[1]
        between = {
            way: decode_whole(model, interpolate(latents[0], latents[1], share, way=way), samples) for way in WAYS
        }
        made.append(
            Step(
                share=share,
                crossfade=clip(crossfade),
                ways={way: clip(wave) for way, wave in between.items()},
                novelty={way: log_mel_distance_nats(crossfade, wave) / apart for way, wave in between.items()},
            )
        )
    return made
