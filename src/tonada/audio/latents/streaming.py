"""Encoding and decoding of any length in overlapping chunks: the same result as in one piece, in bounded memory.

An autoencoder is convolutional in time: a latent frame, or a decoded sample, depends on nothing farther away than
``model.reach`` samples. So each chunk is computed with that much context on both sides, which is thrown away again;
nothing is blended, and no seam is left. Chunks begin at multiples of ``model.hop``, where latent frames begin, too.

Axes: S samples · L latent frames · Z latent channels; arrays have time first, [L, Z].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tonada.audio.models.base import AudioAutoencoder

CHUNK_S = 10.0
"""Sound that is computed at a time, in seconds, where nobody asks for another length."""
_CHUNK_CONTEXTS = 4  # a chunk is at least so many times its context: or most of the work would be thrown away


def context_frames(model: AudioAutoencoder) -> int:
    """Give the latent frames of context that a chunk needs on each side; one more than the reach, for frames between.

    They are whole frames, so a chunk with its context begins at a multiple of the hop.
    """
    return -(-model.reach // model.hop) + 1


def default_chunk_frames(model: AudioAutoencoder) -> int:
    """Give the latent frames that are computed at a time: ten seconds, more where the model's reach is long."""
    return max(round(CHUNK_S * model.sample_rate / model.hop), _CHUNK_CONTEXTS * context_frames(model), 1)


def encode_blocks(
    model: AudioAutoencoder, blocks: Iterable[NDArray[np.float32]], *, chunk_frames: int | None = None
) -> Iterator[NDArray[np.float32]]:
    """Encode sound that comes block by block.

    Parameters
    ----------
    model
        In evaluation mode, on any device.
    blocks
        float32 [S] each, of any lengths, full scale −1 to 1, at the model's sample rate.
    chunk_frames
        Latent frames that are computed at a time; ten seconds of them when None. It does not change the result.

    Yields
    ------
    ndarray
        float32 [L, Z]; joined they are the latents of the whole, ``frames(S)`` of them. Nothing for no samples.
    """
    chunk, context, hop = chunk_frames or default_chunk_frames(model), context_frames(model), model.hop
    waiting = np.zeros(0, dtype=np.float32)
    first = 0  # the frame at which the waiting samples begin
    done = samples = 0
    for block in blocks:
        samples += len(block)
        waiting = np.concatenate([waiting, block])
        while len(waiting) >= (needed := (done + chunk + context - first) * hop):
            yield _encode(model, waiting[:needed])[done - first : done - first + chunk]
            done += chunk
            ahead = max(0, done - context)
            waiting, first = waiting[(ahead - first) * hop :], ahead
    if samples and (missing := model.frames(samples) - done):
        yield _encode(model, waiting)[done - first :][:missing]


def decode_blocks(
    model: AudioAutoencoder, latents: NDArray[np.floating], samples: int, *, chunk_frames: int | None = None
) -> Iterator[NDArray[np.float32]]:
    """Decode latents to sound, block by block.

    Parameters
    ----------
    model
        In evaluation mode, on any device.
    latents
        Floating [L, Z], in memory or mapped from a file; only parts of it are looked at at a time.
    samples
        Length of the sound, S, with L = ``model.frames(S)``.
    chunk_frames
        Latent frames that are computed at a time; ten seconds of them when None. It does not change the result.

    Yields
    ------
    ndarray
        float32 [S]; joined they are S samples.

    Raises
    ------
    ValueError
        The latents are not of so many samples.
    """
    if len(latents) != model.frames(samples):
        raise ValueError(f"{samples} samples have {model.frames(samples)} latent frames; got {len(latents)}")
    chunk, context, hop = chunk_frames or default_chunk_frames(model), context_frames(model), model.hop
    for start in range(0, samples, chunk * hop):
        stop = min(start + chunk * hop, samples)
        first = max(0, start // hop - context)
        end = min(samples, (-(-stop // hop) + context) * hop)
        frames = len(latents) - first if end == samples else model.frames(end - first * hop)
        window = np.array(latents[first : first + frames], dtype=np.float32)  # a copy: files are mapped read-only
        yield _decode(model, window, end - first * hop)[start - first * hop : stop - first * hop]


def encode_whole(model: AudioAutoencoder, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Encode sound in memory, float32 [S], to latents in memory, float32 [L, Z]."""
    return np.concatenate(list(encode_blocks(model, [samples])))


def decode_whole(model: AudioAutoencoder, latents: NDArray[np.floating], samples: int) -> NDArray[np.float32]:
    """Decode latents in memory to sound in memory.

    Parameters
    ----------
    model
        In evaluation mode, on any device.
    latents
        Floating [L, Z].
    samples
        Length of the sound, S, with L = ``model.frames(S)``.

    Returns
    -------
    ndarray
        float32 [S].
    """
    return np.concatenate(list(decode_blocks(model, latents, samples)))


def natural_samples(model: AudioAutoencoder, frames: int) -> int:
    """Give the length of sound of so many latent frames where it is not known: L · hop, or the nearest that has L.

    Raises
    ------
    ValueError
        No sound has so many latent frames.
    """
    low, high = 1, (frames + 1) * model.hop
    if frames > 0 and model.frames(frames * model.hop) == frames:
        return frames * model.hop
    while model.frames(high) <= frames:
        high *= 2
    while high - low > 1:  # the greatest length with at most so many frames: longer sound never has fewer
        middle = (low + high) // 2
        low, high = (middle, high) if model.frames(middle) <= frames else (low, middle)
    if model.frames(low) != frames:
        raise ValueError(f"no sound has {frames} latent frames")
    return low


@torch.inference_mode()
def _encode(model: AudioAutoencoder, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    waveform = torch.from_numpy(np.ascontiguousarray(samples))[None].to(_device(model))
    latents: NDArray[np.float32] = model.encode(waveform)[0].T.float().cpu().numpy()
    return latents


@torch.inference_mode()
def _decode(model: AudioAutoencoder, latents: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    waveform = model.decode(torch.from_numpy(latents.T)[None].to(_device(model)), samples)
    decoded: NDArray[np.float32] = waveform[0].float().cpu().numpy()
    return decoded


def _device(model: AudioAutoencoder) -> torch.device:
    return next(model.parameters()).device
