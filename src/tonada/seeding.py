"""Randomness without state: every number is a function of (seed, counters), so resuming needs no generator to be saved.

The counters name what the numbers are for (a step, a lane, a purpose); two different tuples give independent streams.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def key(seed: int, *counters: int | str) -> int:
    """Hash a seed and its counters to 128 bits.

    Parameters
    ----------
    seed
        Any integer.
    *counters
        What the numbers are for; integers and words.

    Returns
    -------
    int
        0 … 2¹²⁸ − 1, the same on every machine.
    """
    text = "\x1f".join([str(int(seed)), *(str(counter) for counter in counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def rng(seed: int, *counters: int | str) -> np.random.Generator:
    """Give the NumPy generator that belongs to a seed and its counters (Philox, counter-based).

    Parameters
    ----------
    seed
        Any integer.
    *counters
        What the numbers are for; integers and words.
    """
    return np.random.Generator(np.random.Philox(key=key(seed, *counters)))


def torch_generator(seed: int, *counters: int | str, device: str = "cpu") -> torch.Generator:
    """Give the torch generator that belongs to a seed and its counters.

    Parameters
    ----------
    seed
        Any integer.
    *counters
        What the numbers are for; integers and words.
    device
        Where the generator draws.
    """
    import torch

    generator = torch.Generator(device=device)
    generator.manual_seed(key(seed, *counters) & (2**63 - 1))
    return generator
