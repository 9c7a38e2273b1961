"""Layers that shorten a signal and layers that undo them, with the exact arithmetic of lengths and of reach.

Output frame ``i`` of a layer with kernel ``k``, stride ``s`` and padding ``p`` looks at inputs ``i·s − p`` to
``i·s − p + k − 1``; so ``n`` inputs give ``⌊(n + e) / s⌋`` outputs with the excess ``e = 2p − k + s``, and a stack of
layers gives ``⌊(n + E) / hop⌋`` with ``E`` the sum of the excesses, each times the strides before it.

Shapes: B batch · C channels · L frames (samples, before the first layer).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

LayerKind = Literal["convolution", "max", "average"]
Upsampling = Literal["transposed", "linear", "max-unpooling"]

RESIZE_KERNEL = 5  # of the convolution that follows a linear interpolation


@dataclass(frozen=True, kw_only=True)
class Shortening:
    """One layer on the way down: what it is, and how it walks over its input."""

    kind: LayerKind
    """A convolution, or max or average pooling."""
    kernel: int
    """Inputs that an output looks at."""
    stride: int
    """Inputs from one output to the next."""
    padding: int
    """Zeros (for pooling: nothing) added on each side; at least ``stride`` − 1, so that every input is looked at."""

    @property
    def excess(self) -> int:
        """How much longer the input seems than it is: outputs are ``(inputs + excess) // stride``."""
        return 2 * self.padding - self.kernel + self.stride

    def length(self, inputs: int) -> int:
        """Count the outputs of so many inputs."""
        return (inputs + self.excess) // self.stride

    def sources(self, first: int, last: int) -> tuple[int, int]:
        """Give the first and last input that the outputs ``first`` … ``last`` depend on."""
        return first * self.stride - self.padding, last * self.stride - self.padding + self.kernel - 1


def lengths(layers: Sequence[Shortening], samples: int) -> list[int]:
    """List the lengths of a signal before, between and after the layers.

    Parameters
    ----------
    layers
        On the way down.
    samples
        At least 1.
    """
    result = [samples]
    for layer in layers:
        result.append(layer.length(result[-1]))
    return result


class Down(nn.Module):
    """One layer on the way down: convolution, batch norm (Ioffe & Szegedy 2015) and ReLU, or pooling.

    Parameters
    ----------
    layer
        Its arithmetic.
    inputs, outputs
        Channels; pooling keeps them.
    rectified
        Whether a convolution is followed by ReLU.
    """

    def __init__(self, layer: Shortening, inputs: int, outputs: int, *, rectified: bool) -> None:
        super().__init__()
        self.layer, self.rectified = layer, rectified
        if layer.kind == "convolution":
            self.convolution = nn.Conv1d(inputs, outputs, layer.kernel, layer.stride, layer.padding, bias=False)
            self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Turn ``[B, C, L]`` into the shorter signal and, of max pooling, the indices int64 of the maxima."""
        kernel, stride, padding = self.layer.kernel, self.layer.stride, self.layer.padding
        if self.layer.kind == "max":
            return F.max_pool1d(x, kernel, stride, padding, return_indices=True)
        if self.layer.kind == "average":
            return F.avg_pool1d(x, kernel, stride, padding, count_include_pad=False), None
        x = self.norm(self.convolution(x))
        return (F.relu(x) if self.rectified else x), None


class Up(nn.Module):
    """The inverse of one layer on the way down, in one of the ways that the study compares.

    "transposed": a transposed convolution, also for pooling. "linear": linear interpolation, then a convolution (Odena
    et al. 2016). "max-unpooling": a transposed convolution for a convolution; values put back where the maxima were for
    max pooling (Zeiler & Fergus 2014); linear interpolation for average pooling. Convolutions are followed by batch
    norm and ReLU, except the last.

    Parameters
    ----------
    layer
        The layer that is undone.
    upsampling
        The way.
    inputs, outputs
        Channels; the same two where nothing is convolved.
    last
        Whether it gives the waveform.
    """

    def __init__(self, layer: Shortening, upsampling: Upsampling, inputs: int, outputs: int, *, last: bool) -> None:
        super().__init__()
        self.layer, self.last = layer, last
        pooling = layer.kind != "convolution"
        self.unpools = upsampling == "max-unpooling" and layer.kind == "max"
        self.interpolates = upsampling == "linear" or (upsampling == "max-unpooling" and layer.kind == "average")
        self.convolution: nn.Conv1d | nn.ConvTranspose1d | None = None
        # A pooling window has no overlap; a transposed convolution needs some, or its outputs come in blocks.
        self.widening = layer.stride // 2 if pooling and not self.unpools else 0
        if upsampling == "linear":
            self.convolution = nn.Conv1d(inputs, outputs, RESIZE_KERNEL, padding=RESIZE_KERNEL // 2, bias=False)
        elif upsampling == "transposed" or not pooling:
            kernel, padding = layer.kernel + 2 * self.widening, layer.padding + self.widening
            self.convolution = nn.ConvTranspose1d(inputs, outputs, kernel, layer.stride, padding, bias=False)
        if self.convolution is not None and not last:
            self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor, length: int, indices: Tensor | None) -> Tensor:
        """Lengthen ``[B, C, L]`` to a given length.

        Parameters
        ----------
        x
            float [B, C, L].
        length
            The length of what the layer on the way down had shortened.
        indices
            int64 [B, C, L], of the maxima of max pooling; None puts each value at the middle of its window.
        """
        if self.unpools:
            return self._unpool(x, length, indices)
        if self.interpolates:
            x = self._interpolate(x, length)
        if isinstance(self.convolution, nn.ConvTranspose1d):
            x = self.convolution(x, output_size=[length])
        elif self.convolution is not None:
            x = self.convolution(x)
        if self.convolution is None or self.last:
            return x
        return F.relu(self.norm(x))

    def _unpool(self, x: Tensor, length: int, indices: Tensor | None) -> Tensor:
        layer = self.layer
        if indices is None:
            middle = layer.kernel // 2 - layer.padding
            positions = (torch.arange(x.shape[-1], device=x.device) * layer.stride + middle).clamp(0, length - 1)
            indices = positions.expand_as(x)
        return x.new_zeros(*x.shape[:-1], length).scatter(-1, indices, x)

    def _interpolate(self, x: Tensor, length: int) -> Tensor:
        """Interpolate by exactly the stride, so that no shift creeps in, and cut what the padding had added."""
        x = F.interpolate(x, scale_factor=self.layer.stride, mode="linear")
        x = x[..., self.layer.excess // 2 :][..., :length]
        return F.pad(x, (0, length - x.shape[-1]))

    def sources(self, first: int, last: int) -> tuple[int, int]:
        """Give the first and last input that the outputs ``first`` … ``last`` depend on."""
        stride, padding, kernel = self.layer.stride, self.layer.padding, self.layer.kernel
        if self.interpolates:
            around = RESIZE_KERNEL // 2 if self.convolution is not None else 0
            cut = self.layer.excess // 2
            # Input i comes to lie at i·s + (s − 1) / 2, and has an influence nearer than s.
            left, right = (2 * (place + cut) + 1 - stride for place in (first - around, last + around))
            return left // (2 * stride), -(-right // (2 * stride))
        kernel, padding = kernel + 2 * self.widening, padding + self.widening
        return -((kernel - 1 - first - padding) // stride), (last + padding) // stride


def farthest(layers: Sequence[Shortening], ways_back: Iterable[Up]) -> int:
    """Give the distance, in samples, beyond which nothing has an influence: on latents, or on what is decoded.

    A sample depends on a span of frames of the layer before it, that span on one of the layer before that, and so on to
    the latents and down to the waveform; frame ``l`` of the latents lies at sample ``l · hop``.

    Parameters
    ----------
    layers
        On the way down.
    ways_back
        The inverse of each, in the same order.
    """
    hop = math.prod(layer.stride for layer in layers)
    distances = []
    for sample in range(hop):  # of one frame: all frames are alike
        first = last = sample
        for back in ways_back:
            first, last = back.sources(first, last)
        distances += [sample - first * hop, last * hop - sample]
        for layer in reversed(layers):
            first, last = layer.sources(first, last)
        distances += [sample - first, last - sample]
    first = last = 0
    for layer in reversed(layers):
        first, last = layer.sources(first, last)
    return max(*distances, -first, last)
