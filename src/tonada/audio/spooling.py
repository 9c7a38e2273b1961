"""Long arrays in temporary files: mapped, so that what is not looked at need not be in memory."""

from __future__ import annotations

import errno
import mmap
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tonada.errors import ResourceError

Values = NDArray[np.float32]

_BLOCK_VALUES = 2**18


def spooled(parts: Iterable[NDArray[np.floating[Any]]]) -> Values:
    """Keep arrays in a temporary file, which is gone when nobody uses it any more.

    Parameters
    ----------
    parts
        float32, one at least; their shapes differ in the first axis alone.

    Returns
    -------
    ndarray
        float32, joined along the first axis; read-only.

    Raises
    ------
    ResourceError
        The disk is full.
    ValueError
        There is nothing to keep.
    """
    rest: tuple[int, ...] = ()
    with tempfile.TemporaryFile() as file:
        for part in parts:
            rest = part.shape[1:]
            try:
                file.write(np.ascontiguousarray(part, dtype=np.float32).tobytes())
                file.flush()
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                folder = tempfile.gettempdir()
                raise ResourceError(f"{folder}: the disk is full. Free some, or name another in TMPDIR") from error
        if not file.tell():
            raise ValueError("there is nothing to keep")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, dtype=np.float32).reshape(-1, *rest)


def blocks_of(array: Values) -> Iterator[Values]:
    """Give an array in parts along the first axis, as views."""
    rows = max(1, _BLOCK_VALUES // max(1, int(np.prod(array.shape[1:]))))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]
