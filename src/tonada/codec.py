"""The first contract: a codec turns an item (a Score, a Clip) into an array (time first) and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")


class Codec(ABC, Generic[Item]):
    """A tokenizer or an audio transform.

    ``decode`` is total: any legal array gives a valid item, without raising. For ids the round trip is exact after the
    first one, ``encode(decode(encode(x))) == encode(x)``; for audio its error is bounded, and the bound is stated.

    Parameters
    ----------
    config
        The codec's settings, an instance of its ``Config``; its defaults when None.
    """

    Config: ClassVar[type[Any]]
    name: ClassVar[str]

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config

    @abstractmethod
    def encode(self, item: Item) -> NDArray[np.generic]:
        """Turn an item into an array, time on the first axis."""

    @abstractmethod
    def decode(self, array: NDArray[np.generic]) -> Item:
        """Turn any legal array into a valid item."""
