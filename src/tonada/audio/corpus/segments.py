"""Cutting a clip into segments of one length."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How a clip is cut.

    Attributes
    ----------
    spans
        First sample and the one after the last, of each segment; the last may be shorter than the others and is then
        padded with silence.
    dropped
        Number of samples at the end that are in no segment.
    """

    spans: tuple[tuple[int, int], ...]
    dropped: int


def cut(length: int, segment: int) -> Cut:
    """Cut a clip into segments, end to end.

    What is left at the end becomes a segment of its own, padded, if it is at least half as long as one, or if it is all
    that there is; else it is dropped.

    Parameters
    ----------
    length
        Of the clip, in samples; at least 1.
    segment
        Length of a segment, in samples; at least 1.
    """
    whole, rest = divmod(length, segment)
    spans = [(place * segment, (place + 1) * segment) for place in range(whole)]
    if rest and (2 * rest >= segment or not spans):
        spans.append((length - rest, length))
        rest = 0
    return Cut(spans=tuple(spans), dropped=rest)
