"""Arrays in temporary files."""

from __future__ import annotations

import errno
import tempfile
from typing import Any

import numpy as np
import pytest

from tonada.audio.spooling import blocks_of, spooled
from tonada.errors import ResourceError


@pytest.mark.parametrize("shape", [(1,), (700_000,), (90_001, 3), (5, 600_000)])
def test_parts_are_joined_and_come_back_in_blocks(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    kept = spooled(np.array_split(values, [1, 4]))
    np.testing.assert_array_equal(kept, values)
    assert (kept.dtype, kept.flags.writeable) == (np.float32, False)
    blocks = [*blocks_of(kept)]
    np.testing.assert_array_equal(np.concatenate(blocks), values)
    assert max(map(len, blocks)) * int(np.prod(shape[1:])) <= 600_000


def test_nothing_to_keep() -> None:
    for parts in ([], [np.zeros((0, 3), np.float32)]):
        with pytest.raises(ValueError, match="nothing"):
            spooled(parts)


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *error: object) -> None:
            return None

        write = full

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    with pytest.raises(ResourceError, match="disk is full"):
        spooled([np.ones(3, np.float32)])
