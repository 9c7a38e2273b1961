"""What certainly is not music, made from real clips: the rows beside which a figure of generated sound says something.

Each control keeps something of the clip that it is made from, and has its length, its rate and its level (root mean
square). All give one channel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from tonada.audio.clip import Clip
from tonada.audio.spectral import istft, stft
from tonada.seeding import rng

_N_FFT, _HOP = 2048, 512
_BANDS = 32
_SHUFFLED_S = 0.023


def white_noise(clip: Clip, seed: int) -> Clip:
    """Give white noise as loud as the clip."""
    samples = clip.mono().samples[0]
    return _as_loud(rng(seed, "white noise").normal(size=len(samples)), clip)


def band_noise(clip: Clip, seed: int) -> Clip:
    """Give steady noise with the clip's mean power in each of 32 bands, which are of equal width up to 1 kHz or so.

    It has the clip's mean spectrum and nothing of its course in time.
    """
    samples = torch.from_numpy(clip.mono().samples)
    noise = torch.from_numpy(rng(seed, "band noise").normal(size=samples.shape).astype(np.float32))
    wanted, spectrum = stft(samples, _N_FFT, _HOP)[0].abs().square().mean(dim=1), stft(noise, _N_FFT, _HOP)
    power = spectrum[0].abs().square().mean(dim=1)
    # Edges evenly spaced on asinh(bin / 64): linear for low bins, logarithmic for high ones, none narrower than a bin.
    bins = np.arange(len(power))
    band = torch.from_numpy((np.arcsinh(bins / 64) / np.arcsinh(len(power) / 64) * _BANDS).astype(np.int64))
    sums = [torch.zeros(_BANDS).index_add(0, band, values) for values in (wanted, power)]
    gain = (sums[0] / sums[1].clamp(min=1e-20)).sqrt()[band]
    shaped = istft(spectrum * gain[None, :, None], _N_FFT, _HOP, samples.shape[1])
    return _as_loud(shaped[0].double().numpy(), clip)


def shuffled_frames(clip: Clip, seed: int) -> Clip:
    """Cut the clip into windows of 23 ms that overlap by half, and add them up again in random order.

    It has the clip's mean spectrum and nearly its sound from moment to moment, and nothing that lasts longer.
    """
    samples = clip.mono().samples[0].astype(np.float64)
    half = max(1, round(_SHUFFLED_S * clip.sample_rate / 2))
    count = max(2, -(-len(samples) // half))
    circle = np.resize(samples, count * half)  # end to start, so that no window loses a part of what it holds
    frames = np.lib.stride_tricks.sliding_window_view(np.concatenate([circle, circle[:half]]), 2 * half)[::half]
    window = np.square(np.sin(np.pi * (np.arange(2 * half) + 0.5) / (2 * half)))  # with its neighbours it adds up to 1
    frames = (frames * window)[rng(seed, "shuffled frames").permutation(count)]
    sound = frames[:, :half] + np.roll(frames[:, half:], 1, axis=0)
    return _as_loud(sound.reshape(-1)[: len(samples)], clip)


def time_reversed(clip: Clip, seed: int) -> Clip:
    """Play the clip backwards: what hears no difference to real clips knows nothing of attack and decay.

    The seed has no influence.
    """
    return Clip(samples=np.ascontiguousarray(clip.mono().samples[:, ::-1]), sample_rate=clip.sample_rate)


CONTROLS: Mapping[str, Callable[[Clip, int], Clip]] = {
    "reversed": time_reversed,
    "shuffled frames": shuffled_frames,
    "band noise": band_noise,
    "white noise": white_noise,
}
"""The controls of ``judge``, from the least to the most destroyed."""


def _as_loud(samples: NDArray[np.float64], clip: Clip) -> Clip:
    """Give samples [S] the level of a clip's mixed channels."""
    wanted = np.sqrt(np.square(clip.mono().samples[0], dtype=np.float64).mean())
    own = np.sqrt(np.square(samples).mean())
    gain = wanted / own if own > 0.0 else 0.0
    return Clip(samples=(gain * samples).astype(np.float32)[None], sample_rate=clip.sample_rate)
