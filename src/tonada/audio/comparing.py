"""Figures of a long sound against another: computed piece by piece, so that memory does not grow with the length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

PIECE_S = 30.0
"""Length of the pieces, in seconds; the last one is longer by what is left."""

Metric = Callable[["Samples", "Samples"], dict[str, float]]


def compare_blocks(
    reference: Iterable[Samples], estimate: Iterable[Samples], sample_rate: int, metric: Metric | None = None
) -> dict[str, float]:
    """Compare two sounds that come block by block.

    Parameters
    ----------
    reference, estimate
        float32 [S] each; of any lengths, together equally long.
    sample_rate
        In Hz.
    metric
        Gives figures of two pieces; every one of `tonada.audio.metrics` when None.

    Returns
    -------
    dict
        Metric → mean over the pieces, by their length. Of sound that is shorter than two pieces it is the metric of
        the whole.
    """
    measure = metric or _every_metric(sample_rate)
    piece = round(PIECE_S * sample_rate)
    totals: defaultdict[str, float] = defaultdict(float)
    samples = 0
    for first, second in zip(_pieces(reference, piece), _pieces(estimate, piece), strict=True):
        for name, value in measure(first, second).items():
            totals[name] += value * len(first)
        samples += len(first)
    return {name: total / samples for name, total in totals.items()}


def log_mel_distance_nats(reference: Samples, estimate: Samples, sample_rate: int) -> float:
    """Give the mean difference of two sounds' log-mel spectra, as `tonada.audio.metrics` has it, at any sample rate.

    Parameters
    ----------
    reference, estimate
        float32 [S], equally long; in memory or mapped from a file.
    sample_rate
        In Hz.

    Returns
    -------
    float
        In nats.
    """
    from tonada.audio.metrics import log_mel_distance_nats
    from tonada.audio.spooling import blocks_of

    def measure(first: Samples, second: Samples) -> dict[str, float]:
        return {"distance": log_mel_distance_nats(*(_at_the_metrics_rate(one, sample_rate) for one in (first, second)))}

    return compare_blocks(blocks_of(reference), blocks_of(estimate), sample_rate, measure)["distance"]


def _every_metric(sample_rate: int) -> Metric:
    from tonada.audio.clip import Clip
    from tonada.audio.metrics import compare

    return lambda first, second: compare(*(Clip(samples=one[None], sample_rate=sample_rate) for one in (first, second)))


def _at_the_metrics_rate(samples: Samples, sample_rate: int) -> Samples:
    from tonada.audio.metrics import SAMPLE_RATE
    from tonada.audio.resampling import resample

    return samples if sample_rate == SAMPLE_RATE else resample(samples[None], sample_rate, SAMPLE_RATE)[0]


def _pieces(blocks: Iterable[Samples], piece: int) -> Iterator[Samples]:
    """Cut into pieces; the last is one to two pieces long: a short one would say little."""
    import numpy as np

    kept = np.zeros(0, np.float32)
    for block in blocks:
        kept = np.concatenate([kept, block])
        while len(kept) >= 2 * piece:
            yield kept[:piece]
            kept = kept[piece:]
    if len(kept):
        yield kept
