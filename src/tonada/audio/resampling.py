"""Change the sample rate of sound: band-limited interpolation by windowed sinc functions.

An output sample is the sum of the input samples around it, weighted by a sinc function under a Kaiser window (Smith,
"Digital Audio Resampling", 2002; Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974).
With ``to_hz / from_hz`` = ``up / down`` in lowest terms the outputs fall on ``up`` different places between two inputs:
each has its own weights, made once, and many outputs together are one product of matrices.

The filter has zero phase: sample 0 stays at time 0. Outside the clip there is silence. Let N be half the lower of the
two rates: up to ``PASS_BAND`` N the gain is 1 within 0.001 dB, and from N on everything is ``STOP_BAND_DB`` down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from tonada.errors import ConfigError

PASS_BAND = 0.91
"""What is kept unchanged, as a part of half the lower sample rate."""
STOP_BAND_DB = 110.0
"""How far what cannot be kept is pushed down, in dB."""
MAX_RATIO = 64
"""The farthest two sample rates may lie apart, as a quotient."""

_SHAPE = 0.1102 * (STOP_BAND_DB - 8.7)  # Kaiser's two formulas, for the window's shape and for its length
_HALF_WIDTH = math.ceil((STOP_BAND_DB - 7.95) / (2.285 * math.pi * (1 - PASS_BAND)) / 2)  # in periods of the lower rate
_MAX_PLACES = 1024  # with more places than these between two inputs, weights are interpolated: memory stays bounded
_TURN_OUTPUTS = 8192  # computed at a time: what one turn needs fits into a processor's cache
_BLOCK_SAMPLES = 1 << 18  # fed at a time: the copy that a resampler makes of its input stays small
_ONE_THREAD = 1 << 18  # products of at most so many steps are not shared out to threads, which would change last bits

Samples = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class _Ratio:
    """Two sample rates: ``to_hz / from_hz`` = ``up / down``, and how many inputs on each side make an output."""

    up: int
    down: int

    @property
    def lower(self) -> float:
        """The lower rate in units of the input's rate."""
        return min(1.0, self.up / self.down)

    @property
    def half(self) -> int:
        """How many inputs before and after an output take part in it."""
        return math.ceil(_HALF_WIDTH / self.lower)

    def weights(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the weights [places, 2·half] of the inputs around outputs that lie at 0 ≤ place ≤ 1 behind an input.

        Those of each output add up to 1, so a constant stays as it is.
        """
        distance = places[:, None] + (self.half - 1 - np.arange(2 * self.half))
        cutoff = self.lower * (1 + PASS_BAND) / 2
        inside = 1 - (distance * self.lower / _HALF_WIDTH) ** 2
        window = np.where(inside > 0, np.i0(_SHAPE * np.sqrt(np.maximum(inside, 0.0))), 0.0)
        weights = np.sinc(cutoff * distance) * window
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


class _Turns(Protocol):
    """Computes ``outputs`` outputs at a time from the ``inputs`` inputs around them."""

    outputs: int
    inputs: int

    def apply(self, samples: Samples, turn: int) -> Samples:
        """Compute [C, outputs] from [C, inputs], contiguous."""


class _ExactTurns:
    """Weights for every place, and outputs that follow each other as one product of matrices.

    Neighbours share most of their inputs: rows of inputs, one for every ``up · repeats`` outputs, are multiplied by
    matrices of shifted weights. The products are small, for then their bits do not depend on the number of threads.
    """

    def __init__(self, ratio: _Ratio) -> None:
        # Wide matrices hold more zeros (a fifth, at a quarter of the filter's length), and tall ones must be narrow.
        width = max(24, min(round(ratio.half * ratio.up / ratio.down / 2), (_ONE_THREAD >> 5) // ratio.half))
        repeats = math.ceil(width / ratio.up)
        self._row, self._stride = ratio.up * repeats, ratio.down * repeats
        parts = math.ceil(self._row / width)
        self._parts = [
            self._part(ratio, self._row * part // parts, self._row * (part + 1) // parts) for part in range(parts)
        ]
        most = max(1, _ONE_THREAD // max(matrix.size for _, _, matrix in self._parts))
        self._stack = 1 << (most.bit_length() - 1)  # odd heights are slow
        self._rows = math.ceil(_TURN_OUTPUTS / self._row / self._stack) * self._stack
        self.outputs = self._rows * self._row
        self.inputs = (self._rows - 1) * self._stride + max(first + len(matrix) for _, first, matrix in self._parts)

    @staticmethod
    def _part(ratio: _Ratio, start: int, stop: int) -> tuple[slice, int, Samples]:
        """Give for some outputs of a row: which they are, where their inputs begin in it, and the matrix."""
        first, remainder = np.divmod(np.arange(start, stop) * ratio.down, ratio.up)
        weights = ratio.weights(remainder / ratio.up)
        first -= first[0]
        matrix = np.zeros((int(first[-1]) + 2 * ratio.half, stop - start), np.float32)
        matrix[first + np.arange(2 * ratio.half)[:, None], np.arange(stop - start)] = weights.T
        return slice(start, stop), start * ratio.down // ratio.up, matrix

    def apply(self, samples: Samples, turn: int) -> Samples:
        """Compute [C, outputs] from [C, inputs]."""
        channels = len(samples)
        out = np.empty((channels, self._rows, self._row), np.float32)
        by_channel, by_sample = samples.strides
        for outputs, first, matrix in self._parts:
            rows = as_strided(
                samples[:, first:],
                (channels, self._rows, len(matrix)),
                (by_channel, by_sample * self._stride, by_sample),
                writeable=False,
            )
            copied = np.ascontiguousarray(rows)  # rows that overlap are no operand for BLAS
            product = copied.reshape(channels, -1, self._stack, len(matrix)) @ matrix
            out[:, :, outputs] = product.reshape(channels, self._rows, -1)
        return out.reshape(channels, self.outputs)


class _InterpolatedTurns:
    """Weights of a grid of places, interpolated linearly: for ratios whose places would be too many to keep.

    An error of interpolation is at most (π / grid)² / 8 of the signal: 130 dB down.
    """

    def __init__(self, ratio: _Ratio) -> None:
        self._ratio = ratio
        self._grid = math.ceil(2 * _MAX_PLACES * ratio.lower)  # the lower the rate, the smoother the weights
        self._weights = ratio.weights(np.arange(self._grid + 1) / self._grid).astype(np.float32)
        self._steps = np.diff(self._weights, axis=0)
        self.outputs = max(64, int(_TURN_OUTPUTS * ratio.lower) // 8)
        self.inputs = self.outputs * ratio.down // ratio.up + 1 + 2 * ratio.half

    def apply(self, samples: Samples, turn: int) -> Samples:
        """Compute [C, outputs] from [C, inputs]."""
        up, down = self._ratio.up, self._ratio.down
        first, remainder = np.divmod(np.arange(turn * self.outputs, (turn + 1) * self.outputs) * down, up)
        steps, fraction = np.divmod(remainder * self._grid, up)
        weights = self._weights[steps] + self._steps[steps] * (fraction / up).astype(np.float32)[:, None]
        windows = sliding_window_view(samples, 2 * self._ratio.half, axis=1)[:, first - first[0]]
        return np.asarray(np.einsum("cst,st->cs", windows, weights), np.float32)


@lru_cache(maxsize=8)
def _turns(ratio: _Ratio) -> _Turns:
    return _ExactTurns(ratio) if ratio.up <= _MAX_PLACES else _InterpolatedTurns(ratio)


class Resampler:
    """Change the sample rate of sound that comes block by block.

    What it gives, end to end, is to the bit what `resample` gives of the whole, whatever the blocks: outputs are
    computed in turns that are the same for both.

    Parameters
    ----------
    from_hz
        Sample rate of what is fed, in Hz.
    to_hz
        Sample rate of what is given, in Hz.
    channels
        How many channels there are.

    Raises
    ------
    ConfigError
        A rate is below 1 Hz, or they are farther apart than ``MAX_RATIO``.
    """

    def __init__(self, from_hz: int, to_hz: int, *, channels: int = 1) -> None:
        if min(from_hz, to_hz) < 1 or max(from_hz, to_hz) > MAX_RATIO * min(from_hz, to_hz):
            raise ConfigError(
                f"cannot resample from {from_hz} Hz to {to_hz} Hz: the rates may differ by a factor of {MAX_RATIO}"
            )
        common = math.gcd(from_hz, to_hz)
        self._ratio = _Ratio(up=to_hz // common, down=from_hz // common)
        self._turn = self._fed = self._given = 0
        self._pending = np.zeros((channels, self._ratio.half - 1), np.float32)  # the silence before the clip
        self._first = 1 - self._ratio.half  # where the pending samples begin in the input

    def feed(self, samples: NDArray[np.floating[Any]]) -> Samples:
        """Take samples [C, S], and give those [C, S'] that can be computed now, perhaps none."""
        self._fed += samples.shape[1]
        if self._ratio.up == self._ratio.down:
            self._given = self._fed
            return np.array(samples, np.float32)
        return self._advance(samples)

    def flush(self) -> Samples:
        """Give the rest, once all is fed: in all ``ceil(S · to_hz / from_hz)`` samples."""
        missing = -(-self._fed * self._ratio.up // self._ratio.down) - self._given
        silence = np.zeros((len(self._pending), 0), np.float32)
        if missing:
            turns = _turns(self._ratio)
            last = self._turn + -(-missing // turns.outputs)
            until = self._start(last - 1) + turns.inputs
            silence = np.zeros((len(self._pending), until - self._first - self._pending.shape[1]), np.float32)
        return self._advance(silence)[:, :missing] if missing else silence

    def _start(self, turn: int) -> int:
        """Give the first input of a turn."""
        return turn * _turns(self._ratio).outputs * self._ratio.down // self._ratio.up + 1 - self._ratio.half

    def _advance(self, samples: NDArray[np.floating[Any]]) -> Samples:
        """Take samples, and compute as many turns as they make possible."""
        turns = _turns(self._ratio)
        pending = np.concatenate([self._pending, samples], axis=1, dtype=np.float32)
        end, given = self._first + pending.shape[1], []
        while (start := self._start(self._turn)) + turns.inputs <= end:
            at = start - self._first
            given.append(turns.apply(pending[:, at : at + turns.inputs], self._turn))
            self._turn += 1
        self._pending = pending[:, start - self._first :].copy()
        self._first = start
        out = np.concatenate([np.zeros((len(pending), 0), np.float32), *given], axis=1)
        self._given += out.shape[1]
        return out


def resample(samples: NDArray[np.floating[Any]], from_hz: int, to_hz: int) -> Samples:
    """Change the sample rate of a whole clip.

    Parameters
    ----------
    samples
        Float [C, S].
    from_hz
        Their sample rate, in Hz.
    to_hz
        The rate that is wanted, in Hz.

    Returns
    -------
    ndarray
        float32 [C, ``ceil(S · to_hz / from_hz)``]; sample 0 is at the same time as before.

    Raises
    ------
    ConfigError
        A rate is below 1 Hz, or they are farther apart than ``MAX_RATIO``.
    """
    channels, length = samples.shape
    resampler = Resampler(from_hz, to_hz, channels=channels)
    out = np.empty((channels, -(-length * to_hz // from_hz)), np.float32)
    at = 0
    for start in range(0, length, _BLOCK_SAMPLES):
        block = resampler.feed(samples[:, start : start + _BLOCK_SAMPLES])
        out[:, at : at + block.shape[1]] = block
        at += block.shape[1]
    out[:, at:] = resampler.flush()
    return out
